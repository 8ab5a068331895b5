"""What runs in the lab for a caller of the control socket, and ends with that caller."""

import contextlib
import os
import signal

import attrs

from clp_lab import parts
from clp_lab.audit import Auditor
from clp_lab.channel import Channel, Message
from clp_lab.cluster import Cluster
from clp_lab.errors import LabError, LabGoneError
from clp_lab.place import Place, Power

_KILLED = -9


@attrs.frozen(kw_only=True)
class _Command:
    """A command in a place; `life` tells in which of the place's lives."""

    caller: Channel
    place: Place
    life: int


@attrs.define(kw_only=True)
class _Audit:
    """An auditor process, and the channel whose end stops it; `early` when it ended by itself."""

    caller: Channel
    channel: Channel
    pid: int
    code: int | None = None
    early: bool = False


class Errands:
    """Commands in places and auditors; numbered, so that the caller can name one."""

    def __init__(self, cluster: Cluster, lifeline: parts.Lifeline) -> None:
        self._cluster, self._lifeline = cluster, lifeline
        self._commands: dict[int, _Command] = {}
        self._audits: dict[int, _Audit] = {}
        self._number = 0

    def spawn(self, caller: Channel, request: Message, fds: list[int]) -> int:
        """Run a command in a place; `fds` are its standard streams."""
        place = self._cluster.place(request["place"])
        channel = place.must_be_up()
        self._number += 1
        wanted = {key: request[key] for key in ("argv", "environment", "folder")}
        channel.send({"spawn": self._number, **wanted}, fds)
        self._commands[self._number] = _Command(caller=caller, place=place, life=place.lives)
        return self._number

    def command_ended(self, number: int, code: int) -> None:
        """Tell the caller that its command is over; below zero is the number of a signal."""
        command = self._commands.pop(number, None)
        if command is not None:
            tell(command.caller, {"ended": code})

    def end_lost(self) -> None:
        """Tell the callers of commands that went with their server."""
        for number, command in list(self._commands.items()):
            if command.place.lives != command.life or command.place.power is Power.OFF:
                self.command_ended(number, _KILLED)

    def start_audit(self, caller: Channel, request: Message, file: int) -> int:
        """Fork an auditor that writes to `file`."""
        cluster = self._cluster
        auditor = Auditor(cluster.board, cluster.slots, request["ports"], request["every"])
        ours, theirs = Channel.pair()
        pid = parts.fork_part(
            lambda: auditor.run(file, theirs),
            keep=(file, theirs.fileno()),
            lifeline=self._lifeline,
        )
        theirs.close()
        self._number += 1
        self._audits[self._number] = _Audit(caller=caller, channel=ours, pid=pid)
        return self._number

    def stop_audit(self, number: int) -> None:
        """Stop an auditor; its file is complete when this returns.

        LabError when it had ended by itself: who did not look to the end has seen nothing.
        """
        audit = self._audits.pop(number)
        audit.channel.close()
        if audit.code is None:
            audit.code = os.waitstatus_to_exitcode(os.waitpid(audit.pid, 0)[1])
        if audit.code or audit.early:
            raise LabError(f"the auditor ended too early, with {audit.code}: see keeper.log")

    def auditor_ended(self, pid: int, code: int) -> bool:
        """Note that an auditor ended by itself; tells whether it was one."""
        found = [audit for audit in self._audits.values() if audit.pid == pid]
        for audit in found:
            audit.code, audit.early = code, True
        return bool(found)

    def forget(self, caller: Channel) -> None:
        """End everything that runs for a caller that is gone."""
        for number, command in list(self._commands.items()):
            if command.caller is caller:
                del self._commands[number]
                self._kill(command, number)
        for number, audit in list(self._audits.items()):
            if audit.caller is caller:
                with contextlib.suppress(LabError):  # nobody is left to be told
                    self.stop_audit(number)

    def _kill(self, command: _Command, number: int) -> None:
        channel = command.place.channel
        if channel is not None and command.place.lives == command.life:
            tell(channel, {"signal": number, "number": int(signal.SIGKILL)})


def tell(channel: Channel, message: Message) -> None:
    """Send to somebody who may be gone; then the end of file follows."""
    with contextlib.suppress(LabGoneError):
        channel.send(message)
