"""A driver that writes where the machine's own programs write does so on its server alone."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clp_lab import mounts
from clp_lab.lab import Lab
from clp_lab.plan import BalancerPlan, Plan, servers

pytestmark = pytest.mark.netns

Wait = Callable[..., Any]
MakeLab = Callable[..., Lab]

_TMP = "/tmp"  # noqa: S108 - the place itself is what is tested
_PLACES = ("/run", _TMP, "/var", "/var/lib", "/var/tmp", "/var/run", "/var/lock")  # noqa: S108
_MARK = f"clp-lab-of-{os.getpid()}"


@pytest.fixture(params=[None, True], ids=["as we are", "user namespace"])
def pair(request: pytest.FixtureRequest, make_lab: MakeLab) -> Lab:
    return make_lab(user_namespace=request.param)


def _sh(lab: Lab, server: str, script: str) -> str:
    done = lab.server(server).run(["sh", "-ec", script])
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("place", _PLACES)
def test_what_a_driver_writes_is_on_its_server_alone(pair: Lab, place: str) -> None:
    mark = f"{place}/{_MARK}/deep"
    _sh(pair, "node1", f"mkdir -p {mark} && echo here > {mark}/active")
    assert _sh(pair, "node1", f"cat {mark}/active") == "here\n"
    assert _sh(pair, "node2", f"ls -d {place}/{_MARK} 2>/dev/null || echo nothing") == "nothing\n"
    assert not Path(place, _MARK).exists()


def test_run_and_tmp_are_empty_after_a_boot_and_var_is_as_it_was(pair: Lab) -> None:
    for place in ("/run", _TMP, "/var/lib"):
        _sh(pair, "node1", f"touch {place}/{_MARK}")
    pair.kill("node1")
    pair.start("node1")
    found = _sh(pair, "node1", f"find /run /tmp /var/lib -xdev -name {_MARK}")
    assert found == f"/var/lib/{_MARK}\n"


def test_the_same_folder_is_found_below_the_root_and_from_outside(pair: Lab) -> None:
    _sh(pair, "node1", f'echo one > /run/{_MARK}; echo two >> "$CLP_ROOT"/run/{_MARK}')
    assert _sh(pair, "node1", f"cat /run/{_MARK}") == "one\ntwo\n"
    assert (pair.server("node1").root / "run" / _MARK).read_text() == "one\ntwo\n"
    assert _sh(pair, "node1", "stat -c %a /tmp /var/tmp").split() == ["1777", "1777"]


def test_a_server_sees_its_own_root_and_not_another_ones(pair: Lab) -> None:
    lab = pair.folder
    assert lab.is_relative_to(tempfile.gettempdir())
    assert _sh(pair, "node1", f"ls {lab}") == "node1\n"
    assert _sh(pair, "node1", 'test -S "$CLP_ROOT/run/power" && echo yes') == "yes\n"


@pytest.fixture
def elsewhere(stand_in: Path) -> Iterator[Path]:
    """An agent below /tmp, as in a checkout that somebody made there."""
    with tempfile.TemporaryDirectory(dir=_TMP) as folder:
        agent = Path(folder) / "checkout/agent.py"
        agent.parent.mkdir()
        agent.write_text(stand_in.read_text())
        (agent.parent / "helper.py").touch()
        yield agent


@pytest.mark.parametrize("rootless", [None, True], ids=["as we are", "user namespace"])
def test_the_agent_and_what_it_imports_are_seen_below_tmp_too(
    elsewhere: Path, eventually: Wait, *, rootless: bool | None
) -> None:
    (node1,) = servers(1)
    folder = str(elsewhere.parent)
    node1 = type(node1)(name="node1", address=node1.address, environment={"PYTHONPATH": folder})
    plan = Plan(
        servers=(node1,),
        agent=(sys.executable, str(elsewhere), "agent"),
        balancer=BalancerPlan(interval=50),
        user_namespace=rootless,
    )
    with Lab(plan) as lab:
        eventually((lab.server("node1").root / "var/journal").exists)
        assert _sh(lab, "node1", f"{sys.executable} -c 'import helper; print(1)'") == "1\n"
        shown = [elsewhere, lab.folder, Path(__file__), Path(sys.prefix)]  # the tree may be there
        below = [path.relative_to(_TMP) for path in shown if path.is_relative_to(_TMP)]
        expected = {path.parts[0] for path in below}
        assert set(_sh(lab, "node1", "ls /tmp").split()) == expected


def test_what_the_python_of_the_lab_needs_is_named() -> None:
    seen = mounts.needed({"PATH": "/a/bin:relative:", "PYTHONPATH": "/b"}, ("/c/agent", "run"))
    assert {Path("/a/bin"), Path("/b"), Path("/c/agent"), Path(sys.prefix)} <= set(seen)
    assert set(map(Path, (sys.base_prefix, *filter(None, sys.path)))) <= set(seen)
    assert all(path.is_absolute() for path in seen)
