from __future__ import annotations

import json
import os
import socket
import statistics
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from clp_lab import capture, frames
from clp_lab.errors import LabError
from clp_lab.lab import Lab
from clp_lab.plan import servers

pytestmark = pytest.mark.netns

Wait = Callable[..., Any]
MakeLab = Callable[..., Lab]
Echoes = Callable[..., list[tuple[int, float]]]

_MS = 1_000_000


@pytest.fixture(autouse=True)
def _healed(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "pair" in request.fixturenames:
        request.getfixturevalue("pair").heal()


@pytest.fixture(scope="module")
def echoes(pair: Lab, stand_in: Path, eventually: Wait) -> Echoes:
    """Send numbered datagrams from node1 to node2; gives (number, milliseconds) as they return."""

    def send(count: int, *, gap: int = 2, lab: Lab = pair) -> list[tuple[int, float]]:
        argv = [sys.executable, str(stand_in), "echoes", "10.5.0.111", str(count), str(gap)]
        done = lab.server("node1").run(argv)
        assert done.returncode == 0, done.stderr
        return [(number, took) for number, took in json.loads(done.stdout)]

    eventually(lambda: send(1))
    return send


@pytest.mark.parametrize("device", ["tap", "veth"])
def test_the_switch_adds_less_than_a_third_of_a_millisecond(
    make_lab: MakeLab, echoes: Echoes, eventually: Wait, device: str
) -> None:
    lab = make_lab(device=device)
    eventually(lambda: echoes(1, lab=lab))
    times = [took for _, took in echoes(100, lab=lab)]
    assert len(times) == 100
    assert statistics.median(times) < 0.6  # 0.1 of it is the asking process's own sleep


def test_the_switch_runs_before_ordinary_processes(pair: Lab) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    switch = pair.status().pids["switch"]
    first = os.sched_getscheduler(switch) & ~os.SCHED_RESET_ON_FORK == os.SCHED_RR
    assert first or os.getpriority(os.PRIO_PROCESS, switch) < 0


def test_a_server_that_is_off_has_an_address_already(make_lab: MakeLab, eventually: Wait) -> None:
    """Unanswered, its neighbours would ask once a second, and see its start that much later."""
    off = attrs.evolve(servers(1)[0], start=False)
    lab = make_lab(servers=(off,))
    send = "import socket; socket.socket(2, 2).sendto(b'x', ('10.5.0.110', 9000))"
    lab.client.run([sys.executable, "-c", send])
    ask = ["ip", "neigh", "show", "10.5.0.110"]
    assert eventually(lambda: "lladdr 02:00:0a:05:00:6e" in lab.client.run(ask).stdout)


def test_no_namespace_has_a_route_or_a_device_out_of_the_machine(pair: Lab) -> None:
    status = pair.status()
    inside = [server.pid for server in status.servers] + [status.pids["client"], status.pids["lb"]]
    for pid in [*inside, status.pids["switch"], status.keeper]:
        routes = Path(f"/proc/{pid}/net/route").read_text().splitlines()[1:]
        for route in routes:
            device, network, gateway = route.split()[:3]
            assert (device, gateway) == ("eth0", "00000000")
            assert network != "00000000"
        devices = [line.split(":")[0].strip() for line in _lines(f"/proc/{pid}/net/dev")[2:]]
        assert sorted(devices) == (["eth0", "lo"] if pid in inside else ["lo"])
    machine = Path("/proc/self/ns/net").readlink()
    assert machine not in {Path(f"/proc/{pid}/ns/net").readlink() for pid in inside}


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


@pytest.mark.parametrize("place", ["node1", "client"])
def test_the_machine_cannot_be_reached_from_inside(pair: Lab, place: str) -> None:
    code = "import socket; socket.create_connection(('8.8.8.8', 53), timeout=2)"
    done = pair.place(place).run([sys.executable, "-c", code])
    assert "Network is unreachable" in done.stderr


def test_a_delay_delays_both_ways_and_heals(pair: Lab, echoes: Echoes) -> None:
    pair.shape("node1", "node2", {"delay_ns": 20 * _MS})
    assert all(40 <= took < 50 for _, took in echoes(20))
    pair.heal("node1", "node2")
    assert statistics.median(took for _, took in echoes(20)) < 5


def test_a_delay_one_way_delays_one_way(pair: Lab, echoes: Echoes) -> None:
    pair.shape("node2", "node1", {"delay_ns": 20 * _MS}, one_way=True)
    assert all(20 <= took < 30 for _, took in echoes(20))


def test_jitter_spreads_and_keeps_the_order(pair: Lab, echoes: Echoes) -> None:
    pair.shape("node1", "node2", {"jitter_ns": 10 * _MS}, one_way=True)
    came = echoes(60)
    assert [number for number, _ in came] == list(range(60))
    assert statistics.stdev(took for _, took in came) > 0.8


def test_loss_loses_a_share(pair: Lab, echoes: Echoes) -> None:
    pair.shape("node1", "node2", {"loss": 0.5}, one_way=True)
    assert 30 < len(echoes(100)) < 70


def test_duplicates_arrive_twice(pair: Lab, echoes: Echoes) -> None:
    pair.shape("node1", "node2", {"duplicate": 0.5}, one_way=True)
    came = [number for number, _ in echoes(100)]
    assert set(came) == set(range(100))
    assert 130 < len(came) < 170


def test_reordering_lets_later_frames_overtake(pair: Lab, echoes: Echoes) -> None:
    pair.shape("node1", "node2", {"reorder": 0.3}, one_way=True)
    came = [number for number, _ in echoes(100)]
    assert came != sorted(came)
    assert sorted(came) == list(range(100))


def test_a_cut_one_way_lets_the_other_way_through(
    pair: Lab, echoes: Echoes, eventually: Wait
) -> None:
    seen = pair.server("node2").root / "var/heard"
    code = (
        "import os,socket,pathlib;s=socket.socket(2,2);s.bind(('',9001));"
        f"pathlib.Path({str(seen)!r}).write_text('bound');"
        f"pathlib.Path({str(seen)!r}).write_bytes(s.recv(99))"
    )
    send = "import socket;socket.socket(2,2).sendto(b'through', ('10.5.0.111', 9001))"
    with Path("/dev/null").open("r+b") as null:
        stdio = (null.fileno(),) * 3
        with pair.server("node2").start([sys.executable, "-c", code], stdio=stdio) as receiver:
            eventually(lambda: seen.exists() and seen.read_text() == "bound")
            pair.cut("node2", "node1", one_way=True)
            assert echoes(5) == []
            pair.server("node1").run([sys.executable, "-c", send])
            assert receiver.wait(5) == 0
    assert seen.read_text() == "through"
    pair.heal()
    assert len(echoes(5)) == 5


def test_a_cut_from_all_isolates_and_the_status_shows_it(pair: Lab, echoes: Echoes) -> None:
    pair.cut("node1")
    assert echoes(3) == []
    ways = {(way.source, way.target): way.faults for way in pair.status().ways}
    others = ("client", "lb", "node2")
    assert ways == {
        **{("node1", other): {"cut": True} for other in others},
        **{(other, "node1"): {"cut": True} for other in others},
    }
    pair.heal("node1", "all")
    assert pair.status().ways == ()


def test_faults_of_a_pair_add_up(pair: Lab) -> None:
    pair.shape("node1", "node2", {"loss": 0.1}, one_way=True)
    pair.shape("node1", "node2", {"delay_ns": _MS}, one_way=True)
    assert pair.status().ways[0].faults == {"loss": 0.1, "delay_ns": _MS}


def test_an_unplugged_server_sees_it_and_keeps_running(
    pair: Lab, echoes: Echoes, eventually: Wait
) -> None:
    carrier = ["ip", "-o", "link", "show", "eth0"]
    pair.unplug("node1")
    eventually(lambda: "NO-CARRIER" in pair.server("node1").run(carrier).stdout)
    assert echoes(3) == []
    assert not pair.status().server("node1").cable
    pair.plug("node1")
    eventually(lambda: "NO-CARRIER" not in pair.server("node1").run(carrier).stdout)
    eventually(lambda: echoes(1))


def test_a_pulled_cable_stays_pulled_over_a_new_life(pair: Lab, eventually: Wait) -> None:
    pair.unplug("node2")
    pair.kill("node2")
    pair.start("node2")
    carrier = ["ip", "-o", "link", "show", "eth0"]
    assert eventually(lambda: "NO-CARRIER" in pair.server("node2").run(carrier).stdout)
    pair.plug("node2")


_CONVERSATION = """
import socket, time
s = socket.create_connection(("10.5.0.110", 8080))
s.sendall(b"hello")
print(s.recv(99), flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("end", ["kill", "poweroff"])
def test_a_server_without_power_says_no_last_word(
    make_lab: MakeLab, eventually: Wait, tmp_path: Path, end: str
) -> None:
    file, said = tmp_path / "frames.pcap", tmp_path / "said"
    lab = make_lab(capture=str(file))
    eventually(lambda: _listens(lab, "node1"))
    with said.open("wb") as out:
        stdio = (out.fileno(),) * 3
        with lab.server("node2").start([sys.executable, "-c", _CONVERSATION], stdio=stdio):
            eventually(lambda: "hello" in said.read_text())
            if end == "kill":
                lab.kill("node1")
            else:
                _cut_power(lab)
                eventually(lambda: lab.status().server("node1").power == "off")
            lab.start("node1")
    from_node1 = [frame for frame in _read_capture(file, eventually) if _is_from(frame, 110)]
    assert any(b"hello" in frame for frame in from_node1)
    assert not [frame for frame in from_node1 if frame[47] & (frames.FIN | frames.RST)]


def _cut_power(lab: Lab) -> None:
    """Do as the agent's power port does."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(lab.server("node1").root / "run/power"))
        sock.sendall(b"poweroff")


def _listens(lab: Lab, name: str) -> bool:
    listening = ["grep", "-q", ":1F90 00000000:0000 0A", "/proc/net/tcp"]
    return lab.server(name).run(listening).returncode == 0


def _is_from(frame: bytes, last: int) -> bool:
    """A segment from the application of a server."""
    return frame[26:30] == bytes([10, 5, 0, last]) and frame[34:36] == (8080).to_bytes(2)


def _read_capture(file: Path, eventually: Wait) -> list[bytes]:
    """The frames of a pcap file with nanoseconds."""
    eventually(lambda: file.stat().st_size > 24)
    magic, major, minor, *_, kind = struct.unpack("=IHHiIII", file.read_bytes()[:24])
    assert (magic, major, minor, kind) == (0xA1B23C4D, 2, 4, 1)
    return list(capture.read(file))


def test_a_capture_file_that_cannot_be_written_is_told(make_lab: MakeLab) -> None:
    with pytest.raises(LabError, match="cannot write the capture file /nowhere/frames"):
        make_lab(capture="/nowhere/frames.pcap", servers=servers(1))


def test_the_load_balancer_is_not_on_the_way(pair: Lab) -> None:
    with pytest.raises(LabError, match="name the client and a server"):
        pair.cut("client", "lb")
    with pytest.raises(LabError, match="are one place"):
        pair.cut("node1", "node1")
