"""The keeper: the one process that all others of a lab die with; it serves the control socket."""

import contextlib
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path

import attrs

from clp_lab import namespaces, network, report
from clp_lab.channel import Channel, Message
from clp_lab.cluster import Cluster
from clp_lab.errands import Errands, tell
from clp_lab.errors import LabError
from clp_lab.faults import Faults
from clp_lab.folders import CONTROL
from clp_lab.outlets import Outlets
from clp_lab.parts import Lifeline
from clp_lab.place import Place, Power, members
from clp_lab.plan import Plan

_REBOOTING = ("reboot", "reset")
_NS_PER_MS = 1_000_000


class Keeper:
    """Waits on everything at once; every request is answered before the next one is read."""

    def __init__(self, plan: Plan, folder: Path, owners: tuple[int, ...]) -> None:
        """Prepare everything that can fail before the first life.

        Args:
            plan: the lab.
            folder: its own, made already.
            owners: pipes; the end of file on any of them ends the lab.
        """
        self._plan, self._owners = plan, owners
        lifeline = Lifeline.make()
        self._wake = _wake_on_signals()
        self._lacks = _prepare_namespaces(plan)
        self._cluster = Cluster(plan, folder, lifeline)
        self._outlets = Outlets(self._cluster)
        self._faults = Faults(self._cluster, self._outlets)
        self._errands = Errands(self._cluster, lifeline)
        self._listener = _listen(folder / CONTROL)
        self._callers: set[Channel] = set()
        self._boots: list[tuple[int, Place]] = []
        self._going = True

    def up(self) -> str:
        """Start everything; gives the line on what this lab lacks."""
        self._cluster.up()
        return self._lacks

    def run(self) -> None:
        """Serve until `down`, until a signal, or until an owner is gone."""
        while self._going:
            channels = {place.channel: place for place in self._cluster.running() if place.channel}
            waits: list[socket.socket | int | Channel] = [self._listener, self._wake]
            waits += [*self._owners, *channels, *self._callers]
            ready, _, _ = select.select(waits, (), (), self._pause())
            for source in ready:
                if isinstance(source, Channel):
                    self._hear(source, channels.get(source))
                else:
                    self._attend(source)
            self._outlets.land()
            self._boot_due()
            self._errands.end_lost()

    def _pause(self) -> float | None:
        times = [at for at, _ in self._boots]
        times += [] if self._outlets.due_at is None else [self._outlets.due_at]
        return max(0, min(times) - time.monotonic_ns()) / 1e9 if times else None

    def _attend(self, source: socket.socket | int) -> None:
        if source is self._listener:
            self._callers.add(Channel(self._listener.accept()[0]))
        elif source is self._wake:
            numbers = self._wake.recv(4096)
            if signal.SIGTERM in numbers or signal.SIGINT in numbers:
                self._going = False
            self._reap()
        else:
            self._going = False

    def _reap(self) -> None:
        """Take in the ends of lives; any other child is a part without which there is no lab."""
        while self._going:
            try:
                pid, wait_status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(wait_status)
            place = next((place for place in self._cluster.running() if place.pid == pid), None)
            if place is not None:
                self._ended(place, code)
            elif not self._errands.auditor_ended(pid, code):
                _log(f"a part of the lab (process {pid}) ended with {code}: the lab goes down")
                self._going = False

    def _ended(self, place: Place, code: int) -> None:
        word = place.ended(code)
        _log(f"{place.name}: life {place.lives} ended: {word}")
        if word in _REBOOTING:
            self._boots.append((time.monotonic_ns() + self._plan.boot * _NS_PER_MS, place))

    def _boot_due(self) -> None:
        now = time.monotonic_ns()
        due = [place for at, place in self._boots if at <= now]
        self._boots = [(at, place) for at, place in self._boots if at > now]
        for place in due:
            if place.power is Power.OFF and not self._outlets.stays_off(place):
                try:
                    self._cluster.boot(place)
                except (LabError, OSError) as error:
                    _log(f"{place.name} does not boot: {error}")

    def _hear(self, source: Channel, place: Place | None) -> None:
        """Read one message of a PID 1 or a caller."""
        if source.fileno() < 0:  # closed by what was read before it in this round
            return
        received = source.receive()
        if place is not None and received is not None:
            self._hear_place(place, received[0])
        elif place is None and received is None:
            self._forget(source)
        elif received is not None:
            self._serve(source, *received)

    def _hear_place(self, place: Place, message: Message) -> None:
        if "agent" in message:
            place.heard(message)
        else:
            self._errands.command_ended(message["ended"], message["code"])

    def _forget(self, caller: Channel) -> None:
        self._callers.discard(caller)
        self._errands.forget(caller)
        caller.close()

    def _serve(self, caller: Channel, request: Message, fds: list[int]) -> None:
        """Answer one request; a refusal is an answer too."""
        try:
            answer = self._answer(caller, request, fds)
        except (LabError, OSError, KeyError, TypeError, ValueError) as error:
            text = str(error) if isinstance(error, LabError) else f"{request}: {error!r}"
            answer = {"refused": text}
        for fd in fds:
            os.close(fd)
        tell(caller, answer)

    def _answer(self, caller: Channel, request: Message, fds: list[int]) -> Message:
        match request["do"]:
            case "status":
                return attrs.asdict(report.status_of(self._cluster, self._lacks))
            case "pids":
                place = self._cluster.place(request["place"])
                return {"pids": sorted(members(place.pid)) if place.pid else []}
            case "fault":
                at = self._faults.do(request)
                _log(f"fault {request}")
                return {"at": at}
            case "power":
                return self._switch(request)
            case "spawn":
                return {"number": self._errands.spawn(caller, request, fds)}
            case "audit":
                return {"number": self._errands.start_audit(caller, request, fds[0])}
            case "audit-stop":
                self._errands.stop_audit(request["number"])
                return {}
            case "down":
                self._going = False
                return {}
        raise LabError(f"the lab does not know how to {request['do']!r}")

    def _switch(self, request: Message) -> Message:
        """Do what the power service was asked for."""
        if "off" in request:
            self._outlets.off(request["off"])
            _log(f"power {request}")
            return {}
        return {"off": self._outlets.is_off(request["read"])}

    def end(self) -> None:
        """Kill every place at once; all are gone when this returns."""
        places = self._cluster.running()
        for place in places:
            place.kill()
        for place in places:
            with contextlib.suppress(LabError):  # hangs in the kernel: the guard waits on
                self._cluster.wait_end(place)


def _prepare_namespaces(plan: Plan) -> str:
    """Leave the machine's network; gives one line on what cannot be had here."""
    rootless = os.geteuid() != 0 if plan.user_namespace is None else plan.user_namespace
    if rootless:
        try:
            namespaces.own_users()
        except OSError as error:
            raise LabError(
                f"the lab needs root, or user namespaces for user {os.geteuid()} "
                f"(kernel.unprivileged_userns_clone, user.max_user_namespaces): {error.strerror}"
            ) from error
    network.leave_the_machine()
    if not rootless:
        return ""
    device = network.device_for(plan)
    instead = "" if device == "tap" else ", veth pairs instead of TAP devices"
    return f"without root: one user only{instead}, switch and probes at normal priority"


def _wake_on_signals() -> socket.socket:
    """Have a socket become readable at a signal; it gives the numbers."""
    reading, writing = socket.socketpair()
    reading.setblocking(False)
    writing.setblocking(False)
    signal.set_wakeup_fd(writing.detach(), warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return reading


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(path))
    listener.listen(64)
    return listener


def _log(text: str) -> None:
    sys.stderr.write(f"{time.monotonic_ns()} {text}\n")
    sys.stderr.flush()
