from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

import clp_lab
from clp_lab.lab import Lab
from clp_lab.visits import first_answer

pytestmark = pytest.mark.netns

Wait = Callable[..., Any]
MakeLab = Callable[..., Lab]

_NOBODY = 65534

_SCENARIO = """
import json, os, sys, time
from clp_lab.lab import Lab
from clp_lab.plan import BalancerPlan, Plan, servers

stand_in = sys.argv[1]
plan = Plan(
    servers=servers(2),
    agent=(sys.executable, stand_in, "agent"),
    balancer=BalancerPlan(interval=50, threshold=1, probe_port=8080),
)
with Lab(plan) as lab:
    status = lab.status()
    with lab.visit("http://203.0.113.10/") as visits, lab.audit(8080) as audit:
        visits.wait_for(lambda visit: visit.who == "node1")
        lab.cut("client", "node1")
        cut = lab.cut("lb", "node1")
        visits.wait_for(lambda visit: visit.answered, after=cut + 300_000_000)
        cut_who = {one.who for one in visits.so_far() if one.begin > cut}
        lab.heal()
        killed = lab.kill("node2")
        visits.wait_for(lambda visit: visit.who == "node1", after=killed)
        lab.start("node2")
        visits.wait_for(lambda visit: visit.who == "node2", after=killed)
    print(json.dumps({
        "uid": os.geteuid(),
        "network": status.network,
        "lacks": status.lacks,
        "folder": str(lab.folder),
        "cut": sorted(cut_who),
        "root": lab.server("node1").run(["id", "-u"]).stdout.strip(),
        "seen": len(audit.record().changes),
    }))
"""


def _environment() -> dict[str, str]:
    """A Python of the machine with this checkout: the virtual environment may be out of reach."""
    places = [Path(module.__file__).parents[1] for module in (clp_lab, attrs) if module.__file__]
    return {"PATH": os.environ["PATH"], "PYTHONPATH": ":".join(str(place) for place in places)}


def _as_nobody(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/usr/bin/python3", "-P", *argv],
        env=_environment(),
        cwd="/",
        user=_NOBODY,
        group=_NOBODY,
        extra_groups=[],
        capture_output=True,
        text=True,
        timeout=19,
        check=False,
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="without root the whole suite runs as this does")
def test_a_user_without_rights_gets_the_whole_lab(stand_in: Path) -> None:
    able = _as_nobody("-c", f"import clp_lab, attrs; open({str(stand_in)!r})")
    if able.returncode:
        pytest.skip(f"nobody cannot run this checkout: {able.stderr.splitlines()[-1]}")
    done = _as_nobody("-c", _SCENARIO, str(stand_in))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("seen") >= 3
    folder = Path(found.pop("folder"))
    assert found == {
        "uid": _NOBODY,
        "network": "veth, switch at normal priority",
        "lacks": "without root: one user only, veth pairs instead of TAP devices, "
        "switch and probes at normal priority",
        "cut": ["node2"],
        "root": "0",
    }
    assert not folder.exists()
    assert not folder.parent.exists()


def test_a_user_namespace_and_veth_pairs_carry_the_same_flows(
    make_lab: MakeLab, eventually: Wait, tmp_path: Path
) -> None:
    lab = make_lab(user_namespace=True, device="veth", capture=str(tmp_path / "frames.pcap"))
    eventually(lambda: lab.status().server("node1").agent_pid)
    with lab.visit("http://10.5.0.110:8080/") as visits:
        visits.wait_for(lambda visit: visit.answered)
        cut = lab.cut("client", "node1", one_way=True)
        visits.wait_for(lambda visit: visit.outcome == "timeout", after=cut)
        lab.heal()
        killed = lab.kill("node1")
        lab.start("node1")
        answer = visits.wait_for(lambda visit: visit.answered, after=killed)
    assert first_answer(visits.so_far(), "node1", after=killed) == answer


def test_a_cable_can_be_pulled_without_a_tap(make_lab: MakeLab, eventually: Wait) -> None:
    lab = make_lab(user_namespace=True, device="veth")
    show = ["ip", "-o", "link", "show", "eth0"]
    lab.unplug("node1")
    assert eventually(lambda: "NO-CARRIER" in lab.server("node1").run(show).stdout)
    lab.plug("node1")
    assert eventually(lambda: "NO-CARRIER" not in lab.server("node1").run(show).stdout)


def test_without_user_namespaces_one_line_says_what_is_missing() -> None:
    code = (
        "import os, clp_lab.namespaces as n, clp_lab.keeper as k\n"
        "from clp_lab.plan import Plan, servers\n"
        "def refused(): raise PermissionError(1, 'Operation not permitted')\n"
        "n.own_users = refused\n"
        "try: k._prepare_namespaces(Plan(servers=servers(1), user_namespace=True))\n"
        "except Exception as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    (line,) = done.stdout.splitlines()
    assert line.startswith("the lab needs root, or user namespaces for user")
