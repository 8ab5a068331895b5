"""From the configuration to the running agent: the checks that come first, and how it ends."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sys
from pathlib import Path
from typing import Final

from clpcore import decide
from clpcore.model.config import ClusterConfig
from clpcore.runtime import power, priority, watchdog
from clpcore.runtime.agent import Agent, Documents
from clpcore.runtime.deeds import End
from clpcore.runtime.loading import Loaded, Loading, LoadingError
from clpcore.runtime.member import Setup
from clpcore.runtime.metrics.tally import Tally
from clpcore.runtime.metrics.timed import Timed
from clpcore.runtime.notify import Notify
from clpcore.runtime.operators import accounts
from clpcore.runtime.places import Root, Whereabouts
from clpcore.runtime.revisions.archive import Archive, BrokenArchive, Filed
from clpcore.runtime.store.database import NewerStoreError
from clpcore.runtime.workers.calls import Workers
from clpcore.runtime.workers.template import Template
from clpcore.wire import keys

EX_CONFIG: Final = 78  # of sysexits.h: the service manager need not try again
_OTHERS: Final = 0o077


class CannotStart(Exception):
    """Something that the administrator must mend first; names the thing and the next step."""


def run(where: Whereabouts, template: Template, loading: Loading, notify: Notify) -> int:
    """Be the agent until it ends; give the exit code."""
    try:
        end = _run(where, template, loading, notify)
    except (CannotStart, NewerStoreError) as reason:
        sys.stderr.write(f"clp agent: {reason}\n")
        return EX_CONFIG
    if end is End.AGAIN:
        # The process stays the one that the service manager knows.
        os.execve(sys.executable, sys.orig_argv, {**os.environ, **notify.variables})  # noqa: S606
    return end.exit_code


def _run(where: Whereabouts, template: Template, loading: Loading, notify: Notify) -> End:
    loaded = _loaded(loading)
    config = _usable(loaded, where)
    tally = Tally()
    ring = read_key(where.root.key)
    lock = take_lock(where.root.lock)
    setup = Setup(
        where=where,
        config=config,
        committed=_committed(loaded, where.root),
        edited=loaded.edited,
        ring=ring,
        core=decide,
        drivers=Timed(
            Workers(template, where.root.path, lambda *key: loaded.owners.get(key)), tally
        ),
        power=power.choose(where),
        notify=notify,
        watchdog=watchdog.choose(where),
        tally=tally,
    )
    shield = priority.shield()
    priority.settle_garbage()
    try:
        return asyncio.run(_live(setup, Documents(loaded.plugins, loaded.facts, shield)))
    finally:
        os.close(lock)


def _committed(loaded: Loaded, root: Root) -> Filed:
    """Give the committed revision; on the first start of all, commit it."""
    archive = Archive(root.revisions)
    try:
        if loaded.first and loaded.revision is not None and archive.current() is None:
            archive.commit(loaded.revision)
            archive.follow(loaded.revision)
        kept = archive.current()
    except (BrokenArchive, OSError) as error:
        raise CannotStart(f"the revision cannot be kept: {error}") from error
    if kept is None or kept.revision != loaded.revision:
        raise CannotStart("another configuration was committed meanwhile: start the agent again")
    return kept


async def _live(setup: Setup, documents: Documents) -> End:
    return await Agent(setup, documents).run()


def _loaded(loading: Loading) -> Loaded:
    try:
        return loading.result()
    except LoadingError as error:
        raise CannotStart(f"the configuration cannot be read: {error}") from error


def _usable(loaded: Loaded, where: Whereabouts) -> ClusterConfig:
    config, server = loaded.config, where.server
    if config is None:
        text = f"the configuration has errors:\n\n{loaded.report}"
        if loaded.revision is not None:
            text += (
                f"\nThis is revision {loaded.revision.name}, and not {where.root.conf}. If nothing "
                "can be mended around it (a plugin that is not installed), take another one: "
                "`clp config rollback NUMBER --offline` a former one, or `clp config apply "
                "--offline` what stands there.\n"
            )
        raise CannotStart(text)
    if server not in config.server_by_name:
        raise CannotStart(
            f"this server is {server!r}, and the configuration names "
            f"{', '.join(config.server_names)}: correct [server.*], or set CLP_SERVER"
        )
    return config


def read_key(path: Path) -> keys.KeyRing:
    """Read the cluster key.

    Raises:
        CannotStart: there is none, it cannot be used, or others than root and we ourselves may
            read or change it.

    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            data = file.read()
    except OSError as error:
        raise CannotStart(
            f"{path}: {error.strerror}: copy it from another server, or make the first one with "
            "`clp keygen`"
        ) from error
    if status.st_uid not in {0, os.geteuid()}:
        owner = accounts.user_name(status.st_uid)
        raise CannotStart(f"{path} belongs to {owner}, who can read it: chown root {path}")
    if status.st_mode & _OTHERS:
        raise CannotStart(f"{path} can be read by others than its owner: chmod 600 {path}")
    try:
        return keys.parse(data, str(path))
    except keys.KeyFileError as error:
        raise CannotStart(str(error)) from error


def take_lock(path: Path) -> int:
    """Be the one agent of this server; give the descriptor that holds the lock.

    Raises:
        CannotStart: another agent runs, or the folder cannot be written.

    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotStart(f"{path}: {error.strerror}: start the agent as root") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise CannotStart(f"another agent of this server runs: it holds {path}") from error
    return lock
