"""When a file system is checked, and what a check's answer means."""

from __future__ import annotations

import shlex
from typing import Final

from clpcore import api
from clpcore_disk.settings import Config, Timing

_CLEAN: Final = frozenset({0, 1})  # fsck: no errors; all errors corrected


async def before_mount(config: Config, ports: api.Ports, kind: str) -> None:
    """Check by ``fsck_timing``, counting the mounts by this server.

    Raises:
        Failed: the file system has errors that the check could not correct.

    """
    count = _count(ports) + 1
    due = config.fsck_timing is Timing.ALWAYS or (
        config.fsck_timing is Timing.COUNT and count >= config.fsck_interval
    )
    if due:
        await _fsck(config, ports, kind)
    try:
        ports.write(_counter(ports), str(0 if due else count))
    except api.Failed as failed:  # a full system disk keeps no service down
        ports.tell(f"this mount is not counted: {failed}")


async def after_failure(config: Config, ports: api.Ports, kind: str) -> None:
    """Check after a mount that failed, as configured.

    Raises:
        Failed: the file system has errors that the check could not correct.

    """
    if kind == "xfs":
        if config.xfs_repair_on_mount_failure:
            await _run(config, ports, ["xfs_repair", "--", config.device], frozenset({0}))
    elif config.fsck_on_mount_failure:
        await _fsck(config, ports, kind)


async def _fsck(config: Config, ports: api.Ports, kind: str) -> None:
    options = shlex.split(config.fsck_options)
    await _run(config, ports, ["fsck", "-t", kind, *options, config.device], _CLEAN)


async def _run(config: Config, ports: api.Ports, argv: list[str], good: frozenset[int]) -> None:
    log = f"{ports.places.log}/fsck.log"
    done = await ports.run(argv, timeout=config.fsck_timeout, log=log)
    if done.returncode not in good:
        raise api.Failed(
            f"{argv[0]} returned {done.returncode}: {config.device} has errors that it did not"
            f" correct; see {log}, then repair it by hand on one server"
        )


def _count(ports: api.Ports) -> int:
    text = ports.read(_counter(ports)) or "0"
    return int(text) if text.isdecimal() else 0


def _counter(ports: api.Ports) -> str:
    return f"{ports.places.state}/mounts"
