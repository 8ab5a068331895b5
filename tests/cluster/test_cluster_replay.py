"""A real failover is recorded by the server that took over, and played again somewhere else."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from clp_lab.trial import Trial
from clpcore.ctl import main

pytestmark = [pytest.mark.netns, pytest.mark.timeout(60)]


def _replay(place: Path, *words: str) -> tuple[str, int]:
    out = io.StringIO()
    with redirect_stdout(out):
        code = main.main(["replay", str(place), *words])
    return out.getvalue(), code


def test_a_failover_is_decided_again_as_it_was(make_cluster: Callable[..., Trial]) -> None:
    """What kill, silence and takeover were decided on is all there, up to a moment ago."""
    cluster = make_cluster("[cluster]\nunproven_takeover = true\n")
    cluster.wait_ready()
    cluster.lab.kill("node1")
    cluster.wait_group("node2", epoch=2)
    folder = cluster.lab.server("node2").root / "var/lib/clpcore/recording"

    def told() -> str:
        out, code = _replay(folder, "--show")
        assert code == 0, out
        return out if " rc11   Group failover1 is online on node2" in out else ""

    out = cluster.until(told)
    assert " nm2    Server node1 has been silent" in out
    assert " rc60   Failing group failover1 over from node1 to node2." in out
    assert "its end is missing: the agent writes it still" in out
    assert out.endswith("No decision differs.\n")
    bundled = cluster.run("node2", 'clplogcc -l -o "$CLP_ROOT"')
    assert bundled.returncode == 0, bundled.stderr
    out, code = _replay(cluster.lab.server("node2").root / "node2-log.tar.gz", "--json")
    summary = json.loads(out.splitlines()[-1])
    assert (summary["differ"], code) == (0, 0)
    assert summary["inputs"] > 20


def test_an_agent_that_was_killed_has_left_what_led_there(cluster: Trial) -> None:
    """A segment without its end is no damage, and the next life begins another one."""
    folder = cluster.lab.server("node1").root / "var/lib/clpcore/recording"
    online = " rc11   Group failover1 is online on node1"
    cluster.until(lambda: online in _replay(folder, "--show")[0])
    killed = cluster.lab.agent_kill("node1")
    cluster.wait_told("nm25", by="node1", after=killed)
    cluster.until(lambda: " nm25 " in _replay(folder, "--show")[0])
    out, code = _replay(folder, "--show")
    assert code == 0, out
    assert online in out
    assert "00000001.clprec: its end is missing" in out
    assert "segments: 2" in out


def test_where_nothing_can_be_recorded_it_is_said_once_and_the_service_goes_on(
    cluster: Trial,
) -> None:
    folder = cluster.lab.server("node2").root / "var/lib/clpcore/recording"
    cluster.lab.agent_stop("node2")
    cluster.until(lambda: cluster.lab.status().server("node2").agent == "stopped")
    cluster.run("node2", f"rm -r {folder}; touch {folder}")
    cluster.lab.agent_start("node2")
    cluster.wait_told("pm511", by="node2", path=str(folder), reason="File exists")
    cluster.wait_ready()
    cluster.do("node1", "group", "move", "failover1", "--to", "node2")
    assert cluster.status("node2")["troubles"] == []
    assert cluster.log("node2").count("pm511") == 1
