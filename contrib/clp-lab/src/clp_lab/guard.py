"""The first process of a lab: it waits for the keeper's end, however that comes, and clears up.

Run as a module by `clp_lab.lab`, with the plan on standard input and the answer on standard output.
"""

import contextlib
import gc
import json
import os
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import NoReturn

from clp_lab import folders, namespaces
from clp_lab.errors import LabError
from clp_lab.keeper import Keeper
from clp_lab.plan import Plan

_CLEAR_S = 10.0
_STEP_S = 0.002


def main() -> None:
    """Make the lab's folder, fork the keeper, and stay until nothing of it is left."""
    order = json.load(sys.stdin)
    if order["detach"] and os.fork():
        os._exit(0)
    folder = Path(order["folder"])
    answer = os.dup(1)
    try:
        folders.make(folder)  # live until guard and keeper are gone, who both hold its mark
    except OSError as error:
        _tell(answer, {"failed": f"cannot make the lab's folder {folder}: {error.strerror}"})
        sys.exit(1)
    _log_to(folder / "log" / "keeper.log")
    namespaces.adopt_orphans()
    reading, writing = os.pipe()
    keeper = os.fork()
    owners = [fd for fd in (order["owner"], reading) if fd is not None]
    if keeper == 0:
        os.close(writing)
        _keep(Plan.from_json(order["plan"]), folder, tuple(owners), answer)
    for fd in (*owners, answer):
        os.close(fd)
    _stay(keeper)
    _clear(folder)


def _stay(keeper: int) -> None:
    """Wait for the keeper and for everything that it leaves behind.

    A signal to the guard goes on to the keeper. Whatever outlives the keeper comes to the guard,
    killed by the kernel already; when no child is left, no process of the lab is.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda taken, _frame: os.kill(keeper, taken))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.waitpid(keeper, 0)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    deadline = time.monotonic() + _CLEAR_S
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < deadline:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(_STEP_S)


def _clear(folder: Path) -> None:
    """Remove the lab's folder, and the folder of all labs when it was the last one."""
    deadline = time.monotonic() + _CLEAR_S
    while folder.exists() and time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            time.sleep(_STEP_S)
    with contextlib.suppress(OSError):
        folder.parent.rmdir()


def _keep(plan: Plan, folder: Path, owners: tuple[int, ...], answer: int) -> NoReturn:
    """Be the keeper; what it cannot do is told to whoever started the lab."""
    os.setsid()
    guard = os.getppid()
    try:
        namespaces.adopt_orphans()
        keeper = Keeper(plan, folder, owners)
        lacks = keeper.up()
        gc.freeze()
        _tell(answer, {"ready": os.getpid(), "lacks": lacks})
        os.close(answer)
        keeper.run()
    except (LabError, OSError) as error:
        traceback.print_exc()
        _tell(answer, {"failed": str(error)})
        os._exit(1)
    keeper.end()
    if os.getppid() != guard:  # killed: then the keeper clears up after itself
        _clear(folder)
    os._exit(0)


def _tell(answer: int, message: dict[str, object]) -> None:
    with contextlib.suppress(OSError):  # the caller knows already, or no longer waits
        os.write(answer, json.dumps(message).encode() + b"\n")


def _log_to(file: Path) -> None:
    """Turn the standard streams away from the caller: what the lab has to say goes to its log."""
    null = os.open(os.devnull, os.O_RDWR)
    log = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for fd, wanted in ((null, 0), (null, 1), (log, 2)):
        os.dup2(fd, wanted)
    os.close(null)
    os.close(log)


if __name__ == "__main__":
    main()
