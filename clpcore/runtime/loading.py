"""Reads the configuration in a process of its own that ends afterwards.

Configuration cannot be read without the plugins, and the agent must not load them: their code
would stay in it. A plugin that ends or blocks that process is refused, and the others are loaded
once more without it.
"""

from __future__ import annotations

import logging
import os
import pickle
import select
import signal
import struct
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn, TypeAlias

import attrs

from clpcore.api import Kind
from clpcore.model.config import ClusterConfig
from clpcore.model.revisions import Revision
from clpcore.runtime.places import Root

logger = logging.getLogger(__name__)

_PATIENCE: Final = 15.0  # seconds for one plugin, or for the configuration after them
_SIZE: Final = struct.Struct("=Q")


class LoadingError(Exception):
    """The process that reads the configuration gave no answer; says why."""


@attrs.frozen(kw_only=True)
class Loaded:
    """What was read. *report* is what ``clp config check`` prints.

    *revision* is the committed one, or with *first* the staged one that is to be. *edited* says how
    the working copy differs from it.
    """

    config: ClusterConfig | None
    report: str
    owners: Mapping[tuple[Kind, str], str]  # plugin by kind and type
    plugins: Mapping[str, Any]
    facts: Mapping[str, Any]
    revision: Revision | None = None
    first: bool = False
    edited: str = ""


@attrs.frozen
class _Begins:
    """Loading a plugin begins; no name: all are loaded, and the configuration is read."""

    plugin: str


_Word: TypeAlias = _Begins | Loaded


class _NoAnswer(Exception):
    """The process ended, or says nothing any more."""


@attrs.define
class _Reader:
    """One process that reads, and the pipe that its words come through."""

    pid: int
    _pidfd: int
    _words: int

    @classmethod
    def fork(cls, root: Root, deadly: Mapping[str, str]) -> _Reader:
        """Fork it. The caller has one thread, and does other things meanwhile."""
        words, ours = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(words)
            _be_the_reader(root, deadly, ours)
        os.close(ours)
        return cls(pid, os.pidfd_open(pid), words)

    def hear(self) -> _Word:
        """Give its next word.

        Raises:
            _NoAnswer: none comes; says why, as what the plugin that it loads has done.

        """
        deadline = time.monotonic() + _PATIENCE
        (size,) = _SIZE.unpack(self._read(_SIZE.size, deadline))
        word: _Word = pickle.loads(self._read(size, deadline))  # noqa: S301 - from our own child
        return word

    def _read(self, size: int, deadline: float) -> bytes:
        data = b""
        while len(data) < size:
            left = max(0.0, deadline - time.monotonic())
            ready = select.select([self._words, self._pidfd], [], [], left)[0]
            if not ready:
                raise _NoAnswer(f"had said nothing for {_PATIENCE:g} s")
            # Its end counts only when nothing is left to read. The end of the pipe says nothing:
            # a child that a plugin has forked may hold it open for ever.
            chunk = os.read(self._words, size - len(data)) if self._words in ready else b""
            if not chunk:
                raise _NoAnswer(self._last_words())
            data += chunk
        return data

    def _last_words(self) -> str:
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        code = os.waitstatus_to_exitcode(status)
        how = f"died of {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        return f"{how} before it answered"

    def close(self) -> None:
        """End it, if it has not ended."""
        os.close(self._words)
        os.close(self._pidfd)
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


@attrs.define
class Loading:
    """The reading, which goes on beside the caller until ``result``."""

    _root: Root
    _reader: _Reader
    _deadly: dict[str, str] = attrs.field(factory=dict)

    @classmethod
    def begin(cls, root: Root) -> Loading:
        """Begin; the caller has one thread until it has the result."""
        return cls(root, _Reader.fork(root, {}))

    def result(self) -> Loaded:
        """Wait for the answer.

        Raises:
            LoadingError: there is none, although every plugin that may be why is refused.

        """
        while True:
            loaded = self._answer()
            if loaded is not None:
                return loaded
            self._reader = _Reader.fork(self._root, self._deadly)

    def _answer(self) -> Loaded | None:
        """Give the answer; None after a plugin has kept the reader from giving any."""
        plugin = ""
        try:
            while isinstance(word := self._reader.hear(), _Begins):
                plugin = word.plugin
        except _NoAnswer as why:
            if not plugin or plugin in self._deadly:
                raise LoadingError(f"it {why}: see the log above") from None
            logger.error("plugin %s is refused: the process that loads it %s", plugin, why)  # noqa: TRY400 - no error of ours
            self._deadly[plugin] = f"the process that loads it {why}"
            return None
        finally:
            self._reader.close()
        return word


def _be_the_reader(root: Root, deadly: Mapping[str, str], words: int) -> NoReturn:
    code = 1
    try:
        os.dup2(2, 1)  # what plugins print belongs to the log
        _say(words, _load(root, deadly, lambda plugin: _say(words, _Begins(plugin))))
        code = 0
    except BaseException:
        logger.exception("the configuration could not be read")
    finally:
        os._exit(code)


def _say(words: int, word: _Word) -> None:
    data = pickle.dumps(word)
    data = _SIZE.pack(len(data)) + data
    while data:
        data = data[os.write(words, data) :]


def _load(root: Root, deadly: Mapping[str, str], begins: Callable[[str], None]) -> Loaded:
    from clpcore import config, host  # noqa: PLC0415 - only this process needs it
    from clpcore.runtime.revisions import beginning  # noqa: PLC0415 - the same

    registry = host.load(deadly=deadly, begins=begins)
    begins("")
    try:
        begun = beginning.begin(root)
        folder = begun.conf if begun else root.conf
        loaded = config.load(folder, registry.specs, registry.refused)
        if begun is None and loaded.config is not None:
            begun = beginning.first(root)
    except beginning.Unusable as error:
        return Loaded(config=None, report=str(error), owners={}, plugins={}, facts={})
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
        facts=_facts(root, folder, begun.revision if begun else None),
        revision=begun.revision if begun else None,
        first=begun is not None and begun.first,
        edited=begun.edited if begun else "",
    )


def _facts(root: Root, folder: Path, revision: Revision | None) -> dict[str, Any]:
    """Give what identifies the configuration that is used, and where the working copy is."""
    return {
        "folder": str(root.conf),
        "files": sorted(path.name for path in folder.glob("*.toml")),
        "revision": revision.number if revision else 0,
        "sha256": revision.digest if revision else "",
    }
