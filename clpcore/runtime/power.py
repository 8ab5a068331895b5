"""Stops this machine when the core says so: through systemd, through the lab, or not at all.

Real power is never guessed: only the unit file asks for ``systemd`` (CLP_POWER). An agent of the
lab, or in a PID namespace of its own, refuses it whatever the environment says: its "machine" is a
namespace on somebody's machine.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

import attrs

from clpcore.model.states import FinalAction
from clpcore.runtime import unixsockets
from clpcore.runtime.places import Whereabouts

# The kernel's fixed inode number of the first PID namespace (PROC_PID_INIT_INO).
_FIRST_PIDS: Final = 0xEFFFFFFC
_SYSRQ: Final = Path("/proc/sysrq-trigger")
_SECONDS: Final = 10
_LAB_SECONDS: Final = 1.0

_WORDS: Final = {
    FinalAction.SHUTDOWN: "poweroff",
    FinalAction.REBOOT: "reboot",
    FinalAction.RESET: "reset",
    FinalAction.PANIC: "panic",
}

Run = Callable[[Sequence[str]], None]


class PowerError(Exception):
    """The machine was not stopped; the text tells why."""


class Power(Protocol):
    """A way to stop this machine."""

    @property
    def name(self) -> str:
        """Give its name for people."""
        ...

    def stop(self, how: FinalAction, *, insist: bool = False) -> None:
        """Stop the machine; blocks for some seconds at most.

        *insist*: it was asked to stop before, and is still here.

        Raises:
            PowerError: it did not begin to stop.

        """
        ...


@attrs.frozen
class NoPower:
    """Stops nothing; *reason* tells why."""

    reason: str
    name: str = "none"

    def stop(self, how: FinalAction, *, insist: bool = False) -> None:
        """Refuse."""
        raise PowerError(self.reason)


@attrs.frozen
class LabPower:
    """Asks the lab's init, PID 1 of this server's namespace, to end."""

    path: Path
    name: str = "lab"

    def stop(self, how: FinalAction, *, insist: bool = False) -> None:
        """Write one word to the init's socket."""
        try:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(_LAB_SECONDS)
                unixsockets.connect(sock, self.path)
                sock.sendall(_WORDS[how].encode())
        except OSError as error:
            raise PowerError(f"{self.path}: {error.strerror or error}") from error


def _run(argv: Sequence[str]) -> None:
    subprocess.run(argv, check=True, capture_output=True, timeout=_SECONDS)


def _trigger(key: str) -> None:
    _SYSRQ.write_text(key)


@attrs.frozen
class SystemdPower:
    """Stops the real machine. *run* and *trigger* are what tests replace."""

    run: Run = _run
    trigger: Callable[[str], None] = _trigger
    name: str = "systemd"

    def stop(self, how: FinalAction, *, insist: bool = False) -> None:
        """Go through systemd where services may end, and past it where time counts.

        A machine whose disk is gone cannot run ``systemctl``: the kernel then does it alone.
        """
        try:
            match how:
                case FinalAction.SHUTDOWN:
                    self._ask_systemd("poweroff", "o", insist=insist)
                case FinalAction.REBOOT:
                    self._ask_systemd("reboot", "b", insist=insist)
                case FinalAction.RESET:
                    self.trigger("b")
                case FinalAction.PANIC:
                    self.trigger("c")
                case _:
                    raise PowerError(f"{how.value} does not stop a machine")
        except OSError as error:
            raise PowerError(f"{_SYSRQ}: {error.strerror or error}") from error

    def _ask_systemd(self, verb: str, key: str, *, insist: bool) -> None:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            if not insist:
                self.run(["systemctl", verb, "--force"])
                return
        self.trigger(key)


def why_not_real(*, lab: bool, pid_namespace: int) -> str | None:
    """Tell why this agent may not stop a real machine; None if it may."""
    if lab:
        return "CLP_LAB is set: this is a server of the lab"
    if pid_namespace != _FIRST_PIDS:
        return "this agent is in a PID namespace of its own"
    return None


def choose(
    where: Whereabouts, environ: Mapping[str, str] = os.environ, systemd: Power | None = None
) -> Power:
    """Give the way to stop this machine that CLP_POWER names, and that is allowed here."""
    if where.lab:
        return LabPower(where.root.power)
    wanted = environ.get("CLP_POWER", "none")
    if wanted != "systemd":
        return NoPower(f"CLP_POWER is {wanted!r}; clpcore.service sets it to 'systemd'")
    refusal = why_not_real(lab=where.lab, pid_namespace=Path("/proc/self/ns/pid").stat().st_ino)
    return NoPower(refusal) if refusal else systemd or SystemdPower()
