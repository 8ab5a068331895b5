"""What a support bundle holds: facts of this server, each as a file with no secret in it."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import attrs

from clpcore.config.settings import keys
from clpcore.ctl import control
from clpcore.ctl.ends import Failure
from clpcore.ctl.product import recorded
from clpcore.ctl.product.scrub import Scrubber, in_toml, is_secret, secret_files
from clpcore.runtime.places import Root
from clpcore.runtime.store import journal
from clpcore.runtime.store.wanted import Wanted

_MOST: Final = 4 * 1024 * 1024  # bytes of a file, its end
_LINES: Final = 20_000  # of the journal
_KINDS: Final = frozenset({"because", "input", "action", "state"})
_PATIENCE: Final = 15.0  # seconds for a command
_NEVER: Final = (".key", ".pem", ".p12", ".pfx", ".jks", ".keytab", ".token", ".gz", ".db")
_MACHINE: Final = (
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/net/dev",
    "/proc/net/route",
    "/proc/pressure/io",
    "/proc/self/mounts",
    "/proc/uptime",
    "/usr/lib/os-release",
)
_COMMANDS: Final = {
    "machine/addresses": ("ip", "-o", "addr"),
    "machine/sockets": ("ss", "-ltn"),
    "machine/disks": ("df", "-P"),
    "machine/processes": ("ps", "-eo", "pid,ppid,user,stat,etime,comm"),
    "agent.log": ("journalctl", "-u", "clpcore", "-n", "5000", "--no-pager", "-o", "short-iso"),
}

Facts = Iterator[tuple[str, str]]


@attrs.define
class Collector:
    """Collects from the files below *root* and from the agent, if one answers."""

    root: Root
    server: str
    missing: dict[str, str] = attrs.field(factory=dict)  # what could not be had, and why

    def files(self) -> Iterator[tuple[str, str | bytes]]:
        """Give name and content of each file, without secrets; last what is missing."""
        scrub = Scrubber(frozenset(self._secrets()))
        sources: tuple[Callable[[], Facts], ...] = (
            self._answers,
            self._journal,
            self._configuration,
            self._logs,
            self._machine,
        )
        for source in sources:
            try:
                for name, text in source():
                    yield name, scrub(text)
            except Exception as error:  # noqa: BLE001 - what is damaged is why support is asked
                self.missing[source.__name__.strip("_")] = f"{type(error).__name__}: {error}"
        try:
            yield from recorded.segments(self.root.recording, scrub, self.missing)
        except OSError as error:
            self.missing["recording"] = f"{type(error).__name__}: {error}"
        yield "about.json", scrub(json.dumps(self._about(), indent=1))

    # -- what must not leave

    def _secrets(self) -> Iterator[str]:
        """Give what is known to be secret here: of drivers' settings, and of files they name."""
        texts = [self._read(path) or "" for path in self._conf_files()]
        marked = _marked_settings()
        named = [Path(path) for text in texts for path in secret_files(text)]
        files = [self.root.key, *named, *(self.root.path / str(p).lstrip("/") for p in named)]
        for text in texts:
            yield from in_toml(text, marked)
        yield from (self._read(path, follow=True) or "" for path in files)

    def _conf_files(self) -> list[Path]:
        folders = (self.root.conf, self.root.committed / "conf.d")
        return [path for folder in folders for path in sorted(folder.glob("*.toml*"))]

    # -- sources

    def _answers(self) -> Facts:
        for verb in ("status", "agent", "config", "plugins"):
            try:
                yield f"{verb}.json", json.dumps(control.ask(do=verb)[verb], indent=1)
            except Failure as failure:
                self.missing[f"{verb}.json"] = failure.text

    def _journal(self) -> Facts:
        wanted = Wanted(kinds=_KINDS)
        try:
            after = journal.before_last(self.root.store, count=_LINES, wanted=wanted)
            found = journal.page(self.root.store, after=after, wanted=wanted, limit=_LINES)
        except sqlite3.Error as error:
            self.missing["journal.jsonl"] = f"{self.root.store}: {error}"
            return
        rows = (journal.shown(line, self.server) for line in found)
        yield "journal.jsonl", "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)

    def _configuration(self) -> Facts:
        """Give what a revision has, and the scripts for requests; secrets lie beside them."""
        places = {
            "working-copy/conf.d": self.root.conf,
            "working-copy/scripts": self.root.scripts,
            "working-copy/requests": self.root.conf.parent / "requests",
            "committed/conf.d": self.root.committed / "conf.d",
            "committed/scripts": self.root.committed / "scripts",
        }
        for name, folder in places.items():
            yield from self._folder(folder, name)

    def _logs(self) -> Facts:
        yield from self._folder(self.root.logs, "logs")

    def _machine(self) -> Facts:
        for path in _MACHINE:
            text = self._read(Path(path))
            if text is not None:
                yield f"machine/{path.strip('/').replace('/', '-')}", text
        for name, argv in _COMMANDS.items():
            try:
                ran = subprocess.run(
                    argv, capture_output=True, check=False, timeout=_PATIENCE, text=True
                )
                yield name, ran.stdout + ran.stderr
            except (OSError, subprocess.TimeoutExpired) as error:
                self.missing[name] = str(error)

    def _about(self) -> dict[str, Any]:
        ours = (d for d in importlib.metadata.distributions() if str(d.name).startswith("clp"))
        return {
            "schema": 1,
            "server": self.server,
            "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "python": platform.python_version(),
            "machine": " ".join(platform.uname()),
            "distributions": {each.name: each.version for each in ours},
            "missing": self.missing,
        }

    # -- files

    def _folder(self, folder: Path, name: str) -> Facts:
        """Give the text files below *folder*; links are not followed."""
        for parent, below, names in os.walk(folder):
            below.sort()
            for each in sorted(names):
                path = Path(parent, each)
                kept_back = path.suffix in _NEVER or is_secret(each)
                text = None if kept_back else self._read(path)
                shown = f"{name}/{path.relative_to(folder)}"
                if text is not None:
                    yield shown, text
                else:
                    self.missing.setdefault(shown, "left out: it is no text, or holds a secret")

    def _read(self, path: Path, *, follow: bool = False) -> str | None:
        """Give the end of a text file; None for what is no text or no file, or for a link."""
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
        with contextlib.suppress(OSError):
            descriptor = os.open(path, flags)
            with os.fdopen(descriptor, "rb") as file:
                size = os.fstat(descriptor).st_size
                if size > _MOST:
                    file.seek(size - _MOST)
                    self.missing[str(path)] = f"only its last {_MOST} of {size} bytes"
                data = file.read(_MOST)
            return None if b"\0" in data else data.decode(errors="replace")
        return None


def _marked_settings() -> frozenset[str]:
    """Give the names of the settings that installed drivers mark as secret."""
    from clpcore import host

    specs = host.load().specs.values()
    fields = [key for spec in specs for key in keys(spec.config).values()]
    return frozenset(key.name for key in fields if key.secret)
