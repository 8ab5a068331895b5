"""Runs an asynchronous script for as long as somebody looks: ``keeper.py NOTE SECONDS SCRIPT``.

Each look writes the NOTE anew. When none has come for SECONDS, the script's whole group is ended
and the NOTE removed, which tells the next look that the script has not ended by itself.
Run by itself with ``python -I -S``, as the leader of a session that the script is of.
"""

# pathlib would double the memory of a process that lives long.
# ruff: noqa: PTH108, PTH110, PTH116
import os
import signal
import sys
import time

_CHECK = 0.5  # seconds between two looks at the note
_GRACE = 10.0  # seconds between TERM and KILL


def start(script: str) -> int:
    """Start the script; give its pid."""
    pid = os.fork()
    if pid == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        try:
            os.execv(script, [script])  # noqa: S606 - the script names its own interpreter
        except OSError as error:
            os.write(2, f"{script} cannot be executed: {error.strerror}\n".encode())
            os._exit(126)
    return pid


def ends_within(pid: int, seconds: float) -> bool:
    """Tell whether the script ends while we wait."""
    signal.sigtimedwait({signal.SIGCHLD}, seconds)
    return os.waitpid(pid, os.WNOHANG)[0] == pid


def written(note: str) -> int:
    """Give when the note was written; 0: there is none."""
    try:
        return os.stat(note).st_mtime_ns
    except FileNotFoundError:
        return 0


def keep(note: str, patience: float, script: str) -> None:
    """Return when the script has ended; when nobody looks any more, end it."""
    pid = start(script)
    seen, since = written(note), time.monotonic()
    while not ends_within(pid, _CHECK):
        if (now := written(note)) != seen:
            seen, since = now, time.monotonic()
        if time.monotonic() - since > patience:
            end(note, pid)
            return


def end(note: str, pid: int) -> None:
    """End the script and all of its group, ourselves last."""
    if os.path.exists(note):
        os.unlink(note)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    ends_within(pid, _GRACE)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    keep(sys.argv[1], float(sys.argv[2]), sys.argv[3])
