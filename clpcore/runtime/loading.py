"""Reads the configuration in a process of its own: it may load plugins, the agent may not."""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import select
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

import attrs

from clpcore.api import Kind
from clpcore.model.config import ClusterConfig
from clpcore.runtime.places import Root

logger = logging.getLogger(__name__)

_SECONDS: Final = 60.0  # for all plugins to load
_CHUNK: Final = 1 << 16


class LoadingError(Exception):
    """The process that reads the configuration gave no answer; says why."""


@attrs.frozen(kw_only=True)
class Loaded:
    """What was read. *report* is what ``clp config check`` prints."""

    config: ClusterConfig | None
    report: str
    owners: Mapping[tuple[Kind, str], str]  # plugin by kind and type
    plugins: Mapping[str, Any]
    facts: Mapping[str, Any]


@attrs.define
class Loading:
    """The process while it reads."""

    pid: int
    _answer: int

    @classmethod
    def begin(cls, root: Root) -> Loading:
        """Fork it. The caller has one thread, and does other things meanwhile."""
        answer, ours = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(answer)
            _be_the_reader(root, ours)
        os.close(ours)
        return cls(pid, answer)

    def result(self) -> Loaded:
        """Wait for the answer.

        Raises:
            LoadingError: there is none.

        """
        try:
            data = self._read(time.monotonic() + _SECONDS)
        finally:
            os.close(self._answer)
            os.kill(self.pid, signal.SIGKILL)
            _, status = os.waitpid(self.pid, 0)
        if not data:
            code = os.waitstatus_to_exitcode(status)
            raise LoadingError(f"it ended with code {code} before it answered: see the log above")
        loaded: Loaded = pickle.loads(data)  # noqa: S301 - from our own child
        return loaded

    def _read(self, deadline: float) -> bytes:
        chunks: list[bytes] = []
        while True:
            left = deadline - time.monotonic()
            if not select.select([self._answer], [], [], max(0.0, left))[0]:
                raise LoadingError(f"it did not answer within {_SECONDS:g} s: does a plugin hang?")
            chunk = os.read(self._answer, _CHUNK)
            if not chunk:
                return b"".join(chunks)
            chunks.append(chunk)


def _be_the_reader(root: Root, answer: int) -> NoReturn:
    code = 1
    try:
        data = pickle.dumps(_load(root))
        with os.fdopen(answer, "wb") as pipe:
            pipe.write(data)
        code = 0
    except BaseException:
        logger.exception("the configuration could not be read")
    finally:
        os._exit(code)


def _load(root: Root) -> Loaded:
    from clpcore import config, host  # noqa: PLC0415 - only this process needs it

    registry = host.load()
    loaded = config.load(root.conf, registry.specs, registry.refused)
    drivers = [
        {
            "kind": spec.kind.value,
            "name": spec.name,
            "summary": spec.summary,
            **attrs.asdict(registry.owners[key]),
        }
        for key, spec in registry.specs.items()
    ]
    refused = [attrs.asdict(each) for each in registry.refused]
    return Loaded(
        config=loaded.config,
        report=config.render(loaded.problems, loaded.config),
        owners={key: owner.plugin for key, owner in registry.owners.items()},
        plugins={"drivers": drivers, "refused": refused},
        facts=_facts(root.conf),
    )


def _facts(folder: Path) -> dict[str, Any]:
    """Give what identifies the files: their names, and a digest of names and contents."""
    digest, names = hashlib.sha256(), sorted(path.name for path in folder.glob("*.toml"))
    for name in names:
        digest.update(name.encode() + b"\0" + (folder / name).read_bytes() + b"\0")
    return {"folder": str(folder), "files": names, "sha256": digest.hexdigest()}
