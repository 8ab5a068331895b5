"""A configuration is applied on all servers or on none, and whatever interrupts that converges."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import pytest

from clp_lab.trial import FRONTEND, Trial

pytestmark = [pytest.mark.netns, pytest.mark.timeout(90)]

MakeCluster = Callable[..., Trial]
Done: TypeAlias = subprocess.CompletedProcess[str]

_FASTER = "[monitor.pidw1]\ninterval = 0.4\n"
_PIDW = "[monitor.pidw1]\ninterval = 0.7\n"


def _write(cluster: Trial, server: str, name: str, text: str) -> Path:
    file = cluster.lab.server(server).root / "etc/clpcore/conf.d" / name
    file.write_text(text)
    return file


def _revisions(cluster: Trial, by: str) -> dict[str, str]:
    return dict(cluster.status(by)["revisions"])


def _wait_all_have(cluster: Trial, number: int) -> str:
    """Wait until every server says that all have one revision of that number; give its name."""

    def same() -> str:
        names = {name for by in cluster.names for name in _revisions(cluster, by).values()}
        counts = {len(_revisions(cluster, by)) for by in cluster.names}
        fits = len(names) == 1 and counts == {len(cluster.names)}
        return names.pop() if fits and min(names).startswith(f"{number:06}-") else ""

    return cluster.until(same, complaint=f"not all have revision {number}")


def test_a_monitor_changes_at_run_time(make_cluster: MakeCluster) -> None:
    """No request fails, nothing is started or stopped, and every server has the new revision."""
    cluster = make_cluster(timeout=5)
    cluster.wait_ready()
    first = _wait_all_have(cluster, 1)
    before = cluster.kept("node1")
    _write(cluster, "node1", "extra.toml", _PIDW)
    with cluster.lab.visit(FRONTEND, every=10) as visits:
        visits.wait_for(lambda visit: visit.answered)
        began = time.monotonic_ns()
        said = cluster.do("node1", "config", "apply", "--yes", "--comment", "slower")
        name = _wait_all_have(cluster, 2)
        cluster.wait_ready()
        last = time.monotonic_ns()
        visits.wait_for(lambda visit: visit.answered, after=last)
        failed = [visit for visit in visits.so_far() if visit.begin > began and not visit.answered]
    assert failed == []
    assert f"Revision {name} is on node1, node2" in said
    assert "monitor pidw1: interval" in said
    assert cluster.kept("node1") == before
    assert cluster.group("node1")["epoch"] == 1
    assert cluster.told("nm2", after=began) is None
    copy = cluster.lab.server("node2").root / "etc/clpcore/conf.d/extra.toml"
    assert copy.read_text() == _PIDW  # the working copy of the other server has followed
    history = cluster.do("node2", "config", "history").splitlines()
    assert [line.split()[0] for line in history] == [first, "*"]
    assert history[1].endswith("root@node1        slower")
    assert "No difference" in cluster.do("node1", "config", "diff")


@contextlib.contextmanager
def _applying(cluster: Trial, server: str, *words: str) -> Iterator[Future[Done]]:
    """Run `clp config apply --yes` beside the block; its end is waited for."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(cluster.clp, server, "config", "apply", "--yes", *words, timeout=60)


def _folder(cluster: Trial, server: str) -> Path:
    return cluster.lab.server(server).root / "var/lib/clpcore/revisions"


def _wait_dropped(cluster: Trial) -> None:
    """Wait until no server holds a revision that is not committed."""

    def dropped() -> bool:
        return not any((_folder(cluster, name) / "staged").exists() for name in cluster.names)

    cluster.until(dropped)


_EXEC2 = """
[group.second]
startup_servers = ["node1", "node2"]
[group.second.resource.exec2]
type = "exec"
start = "begin.sh"
activate_timeout = {timeout}
"""
_SECOND = {
    "second/exec2/begin.sh": "exit 0",
    "second/exec2/other.sh": "exit 0",
    "second/exec2/stop.sh": "exit 0",
}


def test_a_changed_resource_restarts_its_group_alone(make_cluster: MakeCluster) -> None:
    """The plan says so before; the other group's processes live on."""
    cluster = make_cluster(_EXEC2.format(timeout=20), timeout=5, scripts=_SECOND)
    cluster.wait_ready("failover1", "second")
    before, epoch = cluster.kept("node1"), cluster.group("node1", "second")["epoch"]
    changed = _EXEC2.format(timeout=30).replace("begin.sh", "other.sh")
    _write(cluster, "node1", "extra.toml", changed)
    shown = cluster.do("node1", "config", "apply", "--dry-run")
    assert "resource exec2 of second: start and activate_timeout" in shown
    assert "restarts group second" in shown
    assert "failover1" not in shown
    assert set(_revisions(cluster, "node1").values()) == {_wait_all_have(cluster, 1)}
    said = cluster.do("node1", "config", "apply", "--yes")
    assert "Stopped and started again: second on node1." in said
    assert cluster.group("node1", "second")["state"] == "Online"
    _wait_all_have(cluster, 2)
    cluster.wait_group("node1", "second", by="node2", epoch=epoch + 1)
    assert cluster.told("cf9", by="node1", group="second")
    notes = [_folder(cluster, name) / "restart.json" for name in cluster.names]
    cluster.until(lambda: not any(note.exists() for note in notes))
    assert {name: pid for name, pid in cluster.kept("node1").items() if name != "exec2"} == before
    assert cluster.group("node1")["epoch"] == 1


def test_what_one_server_refuses_nobody_commits(cluster: Trial) -> None:
    first = _wait_all_have(cluster, 1)
    file = _write(cluster, "node1", "extra.toml", _EXEC2.format(timeout=20))
    file.write_text(
        file.read_text() + '[group.second.resource.exec2.server.node2]\nstart = "/no"\n'
    )
    script = cluster.lab.server("node1").root / "etc/clpcore/scripts/second/exec2/begin.sh"
    script.parent.mkdir(parents=True)
    for each in (script, script.with_name("stop.sh")):
        each.write_text("#!/bin/sh\nexit 0\n")
        each.chmod(0o755)
    refused = cluster.clp("node1", "config", "apply", "--yes")
    assert refused.returncode == 78
    assert "node2: conf.d/extra.toml:" in refused.stderr
    assert "There is no file /no." in refused.stderr
    assert set(_revisions(cluster, "node1").values()) == {first}
    _wait_dropped(cluster)
    assert cluster.agent("node1")["start"] == cluster.agent("node2")["start"] == 1


def test_errors_are_told_with_their_place(cluster: Trial) -> None:
    _write(cluster, "node1", "extra.toml", "[monitor.lbppw1]\nintervall = 1\n")
    refused = cluster.clp("node1", "config", "apply", "--yes")
    assert refused.returncode == 78
    assert "node1: conf.d/extra.toml:2: monitor.lbppw1.intervall: " in refused.stderr
    assert cluster.agent("node1")["start"] == 1


@pytest.mark.parametrize(
    ("dies", "watched", "path"),
    [
        ("node1", "node1", "staged/about.json"),
        ("node1", "node2", "staged/about.json"),
        ("node2", "node2", "staged/about.json"),
        ("node2", "node2", "staged/conf.d/extra.toml"),
        ("node1", "node1", "000002-*/about.json"),
        ("node2", "node1", "000002-*/about.json"),
        ("node2", "node2", "000002-*/about.json"),
    ],
)
def test_an_agent_that_dies_over_an_apply_leaves_all_or_none(
    make_cluster: MakeCluster, dies: str, watched: str, path: str
) -> None:
    """Whatever was reached, the servers come to have one revision, and the service goes on."""
    cluster = make_cluster(timeout=5)
    cluster.wait_ready()
    before = cluster.kept("node1")
    _write(cluster, "node1", "extra.toml", _PIDW)
    with _applying(cluster, "node1") as applying:
        folder = _folder(cluster, watched)
        cluster.until(lambda: any(folder.glob(path)) or applying.done())
        cluster.lab.agent_kill(dies)
        ended = applying.result()
    cluster.wait_ready()

    def one() -> set[str]:
        found = {name for by in cluster.names for name in _revisions(cluster, by).values()}
        return found if len(found) == 1 else set()

    (name,) = cluster.until(one, complaint="the servers keep different revisions")
    if ended.returncode == 0:
        assert name.startswith("000002-")
    assert cluster.kept("node1") == before
    _write(cluster, "node1", "extra.toml", _FASTER)  # and the next apply finds nothing in its way
    cluster.until(lambda: cluster.clp("node1", "config", "apply", "--yes").returncode == 0, 30)
    assert _revisions(cluster, "node2")["node1"] > name


def test_a_client_that_goes_away_before_the_commit_changes_nothing(cluster: Trial) -> None:
    first = _wait_all_have(cluster, 1)
    _write(cluster, "node1", "extra.toml", _PIDW)
    with socket.socket(socket.AF_UNIX) as end:
        end.connect(str(cluster.lab.server("node1").root / "run/clpcore/control"))
        end.sendall(b'{"do": "apply", "comment": "never"}\n')
        cluster.until(lambda: any(_folder(cluster, "node2").glob("received-*")))
    _wait_dropped(cluster)
    assert _wait_all_have(cluster, 1) == first
    cluster.do("node1", "config", "apply", "--yes")
    _wait_all_have(cluster, 2)
