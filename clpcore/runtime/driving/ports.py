"""The real ``Ports``: what one call of a driver does to this machine, and the end of it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import shutil
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs

from clpcore import api
from clpcore.runtime import clock, files
from clpcore.runtime.driving import kept, launched, output, processes, tcp, web
from clpcore.runtime.driving.launch import NotLaunched, Program, launch
from clpcore.runtime.driving.launched import Launched, Unproven
from clpcore.runtime.driving.threads import Threads
from clpcore.runtime.places import Root
from clpcore.runtime.workers.limits import Limits

logger = logging.getLogger(__name__)

_T = TypeVar("_T")
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_HANDED_ON: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")  # nothing else of our environment
_NOT_EXECUTABLE: Final = {errno.ENOENT, errno.EACCES, errno.ENOEXEC, errno.ENOTDIR, errno.ELOOP}

# Where the files of an entry are: the tables of the configuration; no group has such a name.
_TABLES: Final[Mapping[api.Kind, str]] = {
    api.Kind.HEARTBEAT: "heartbeat",
    api.Kind.PARTITION: "np",
    api.Kind.FENCE: "fencing",
    api.Kind.ARBITER: "arbiter",
}


@attrs.frozen(kw_only=True)
class Folders:
    """Where the files of one call are: those for the driver, and the runtime's own."""

    places: api.Places
    kept: Path
    commands: Path  # a file for each running command, named by its pid

    @classmethod
    def of(cls, root: Root, call: api.Call, *, hook: bool = False) -> Folders:
        """Give the folders of a call: the resource's, or its own for a monitor without target.

        The scripts of a monitor are always its own. A *hook* that cannot be ended must not stand
        in the way of the driver's calls.
        """
        its = (call.group, call.resource) if call.resource else ("monitor", call.monitor)
        about = "/".join(its)
        scripts = f"monitor/{call.monitor}" if call.monitor else about
        return cls(
            places=api.Places(
                scripts=str(root.committed / "scripts" / scripts),
                run=str(root.run / "resources" / about),
                state=str(root.states / about),
                log=str(root.logs / about),
            ),
            kept=kept.folder(root.run, *its),
            commands=root.run
            / "commands"
            / about
            / (".hook" if hook else call.monitor or "resource"),
        )

    @classmethod
    def of_entry(cls, root: Root, call: api.Call, kind: api.Kind, method: str) -> Folders:
        """Give the folders of a call of the entry ``[np.X]``, ``[fencing.X]``, ...

        Its methods, victims and groups are called side by side: each has commands of its own.
        """
        table = _TABLES[kind]
        about = f"{table}/{call.entry}"
        mine = "-".join(("", method, call.victim or call.group))  # no name begins with a dash
        return cls(
            places=api.Places(
                scripts=str(root.committed / "scripts" / about),
                run=str(root.run / "resources" / about),
                state=str(root.states / about),
                log=str(root.logs / about),
            ),
            kept=kept.folder(root.run, table, call.entry),
            commands=root.run / "commands" / about / mine,
        )


class LocalPorts(api.Ports):
    """The ports of one call.

    When the call is over, every port refuses: a driver that swallows its cancellation can do no
    more through them.
    """

    def __init__(self, call: api.Call, folders: Folders, limits: Limits) -> None:
        self._about = call.entry or call.monitor or f"{call.group}/{call.resource}"
        self._mark = {launched.GROUP: call.group} if call.group and not call.entry else {}
        self._folders = folders
        self._limits = limits
        self._running: set[Launched] = set()
        self._threads = Threads(self._about)
        self._over = False

    async def sweep(self) -> None:
        """End the commands that an earlier call left running: its worker or the agent died.

        Raises:
            Failed: one of them cannot be ended.

        """
        folder = self._folders.commands
        found = sorted(folder.iterdir()) if folder.exists() else []
        for file in (path for path in found if path.name.isdecimal()):
            command = _command(file)
            logger.warning("%s: ends what an earlier call left: %s", self._about, command.pid)
            if not await _end(command, file, grace=0):
                raise api.Failed(f"process {command.pid} of an earlier call cannot be killed")
            self._strike(command)

    def revoke(self) -> None:
        """Refuse everything from now on: the call is over."""
        self._over = True

    async def close(self) -> None:
        """End the running commands of the call, which is over."""
        self.revoke()
        for command in tuple(self._running):
            await command.end(grace=0)

    @property
    def abandoned(self) -> bool:
        """Tell whether a library's function still runs, of which nobody waits for the end."""
        return self._threads.busy

    def _check(self) -> None:
        if self._over:
            raise api.Failed("this call is over: its deadline has passed")

    # -- the machine: time, files, words, network

    @property
    def places(self) -> api.Places:
        return self._folders.places

    def now(self) -> int:
        return clock.now()

    async def sleep(self, ms: int) -> None:
        self._check()
        await asyncio.sleep(ms / 1_000)

    def read(self, path: str) -> str | None:
        self._check()
        return files.read(Path(path))

    def write(self, path: str, text: str) -> None:
        self._check()
        files.write(Path(path), text)

    def remove(self, path: str) -> None:
        self._check()
        files.remove(Path(path))

    def tell(self, text: str) -> None:
        logger.info("%s: %s", self._about, text)

    async def connect(self, host: str, port: int, *, timeout: int) -> api.Reach:  # noqa: ASYNC109
        self._check()
        return await tcp.connect(host, port, timeout)

    def listen(self, host: str, port: int) -> int:
        self._check()
        return tcp.listen(host, port)

    async def http(
        self,
        method: str,
        url: str,
        *,
        timeout: int,  # noqa: ASYNC109 - milliseconds
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        ca_file: str = "",
        proxy: str = "",
    ) -> api.HttpAnswer:
        self._check()
        asked = web.Question(
            method=method,
            url=url,
            timeout=timeout,
            headers=headers or {},
            body=body,
            ca_file=ca_file,
            proxy=proxy,
        )
        return await web.ask(asked)

    async def outside(self, function: Callable[..., _T], *args: object) -> _T:
        self._check()
        return await self._threads.call(function, *args)

    async def outside_async(
        self, function: Callable[..., Coroutine[Any, Any, _T]], *args: object
    ) -> _T:
        self._check()
        return await function(*args)

    # -- commands, which die with the call

    async def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        timeout: int | None = None,  # noqa: ASYNC109 - milliseconds
        log: str | None = None,
    ) -> api.Completed:
        self._check()
        # A daemon that a script leaves can go on writing to *log*; without one it gets SIGPIPE.
        with contextlib.closing(output.to(log)) as out:
            command = await self._start(self._program(argv, env, out.fd))
            try:
                async with asyncio.timeout(None if timeout is None else timeout / 1_000):
                    await processes.end_of(command.pid)
            except TimeoutError:
                raise api.Failed(
                    f"{argv[0]} was killed: it had not ended after {(timeout or 0) / 1_000:g} s"
                ) from None
            finally:
                returncode = await self._reap(command)
            return api.Completed(returncode, out.text())

    async def _start(self, program: Program) -> Launched:
        try:
            return await _launch(program, self._note)
        except BaseException:
            for command in tuple(self._running):
                if not command.alive:
                    self._strike(command)
            raise

    def _note(self, command: Launched) -> None:
        self._check()
        files.write(self._folders.commands / str(command.pid), command.text)
        self._running.add(command)

    async def _reap(self, command: Launched) -> int:
        """Kill the command's session unless the command has ended by itself; give its exit code."""
        if command.alive:
            await command.end(grace=0)
        returncode = processes.reap(command.pid)
        if returncode is None:
            raise api.Failed(f"process {command.pid} cannot be killed")
        self._strike(command)
        return returncode

    def _strike(self, command: Launched) -> None:
        self._running.discard(command)
        files.remove(self._folders.commands / str(command.pid))

    def _program(
        self,
        argv: Sequence[str],
        env: Mapping[str, str] | None,
        out: int,
        inherit: Sequence[int] = (),
    ) -> Program:
        base = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
        environment = {"PATH": _PATH} | base | dict(env or {}) | self._mark
        path = shutil.which(argv[0], path=environment["PATH"])
        if path is None:
            what = "is not executable" if Path(argv[0]).exists() else "does not exist"
            raise api.NotInstalled(f"{argv[0]} {what} on this server")
        return Program(
            path=path,
            argv=argv,
            env=environment,
            output=out,
            inherit=inherit,
            limits=self._limits,
        )

    # -- kept processes, which outlive call, worker and agent

    async def keep(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        log: str | None = None,
        inherit: Sequence[int] = (),
    ) -> api.Process:
        if (alive := await self.kept(name)) is not None:
            return alive
        await self.end(name, grace=0)  # what the dead one may have left in its session
        folder = self._folders.kept

        def record(process: Launched) -> None:
            self._check()
            kept.write(folder, kept.Identity(name, process, log))

        with _opened(log) as out:
            try:
                program = self._program(argv, env, out, inherit)
                process = await _launch(program, record, detach=True)
            except api.DriverError:
                kept.forget(folder, name)
                raise
        return api.Process(name, process.pid, process.started)

    async def kept(self, name: str) -> api.Process | None:
        self._check()
        identity = kept.read(self._folders.kept, name)
        if identity is None or not identity.launched.alive:
            return None
        if identity.log is not None:
            output.rotate(Path(identity.log))  # it lives long, and looks come often
        return identity.process

    async def end(self, name: str, *, grace: int) -> None:
        self._check()
        identity = kept.read(self._folders.kept, name)
        if identity is None:
            return
        folder, process = self._folders.kept, identity.launched
        if not await _end(process, kept.file(folder, name), grace=grace):
            raise api.Failed(
                f"the session of {name} (pid {process.pid}) cannot be killed: a process in it is"
                " probably stuck in the kernel (state D); look at its disks and file systems"
            )
        kept.forget(folder, name)


def _command(file: Path) -> Launched:
    """Read who was put on record as a running command."""
    try:
        return Launched.parse(files.read(file) or "")
    except (ValueError, KeyError, TypeError) as error:
        raise api.Failed(
            f"{file} is damaged ({error!r}): end process {file.name} by hand if a script of ours"
            " left it, then remove the file"
        ) from error


async def _end(process: Launched, file: Path, *, grace: int) -> bool:
    try:
        return await process.end(grace=grace)
    except Unproven as unproven:
        raise api.Failed(
            f"{unproven}: end by hand those that are of this resource, then remove {file}"
        ) from unproven


async def _launch(
    program: Program, record: Callable[[Launched], None], *, detach: bool = False
) -> Launched:
    try:
        return await launch(program, record, detach=detach)
    except NotLaunched as error:
        text = f"{program.path} cannot be executed on this server: {error}"
        if error.errno in _NOT_EXECUTABLE:
            raise api.NotInstalled(text) from error
        raise api.Failed(text) from error


@contextlib.contextmanager
def _opened(log: str | None) -> Iterator[int]:
    if log is not None:
        output.rotate(Path(log))
    fd = os.open(os.devnull, os.O_WRONLY) if log is None else output.open_log(Path(log))
    try:
        yield fd
    finally:
        os.close(fd)
