"""What all checks look at: the places, the configuration, and what the agents say."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from clpcore.ctl import control
from clpcore.ctl.doctor.findings import Blind
from clpcore.ctl.doctor.machine import Machine
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.words import said
from clpcore.model.config import ClusterConfig
from clpcore.model.members import Server
from clpcore.runtime.places import Whereabouts

if TYPE_CHECKING:
    from clpcore.host import Registry

T = TypeVar("T")
Document = Mapping[str, Any]

_READING: Final = 3.0  # seconds for one plugin, or for the configuration after them
_ANSWER: Final = 3.0  # seconds for the agent here
_ELSEWHERE: Final = 4.5  # seconds for those of the other servers


@attrs.frozen
class Silent:
    """An agent said nothing; says why. *gone*: there is none, as far as anybody can tell."""

    why: str
    remedy: str = ""
    gone: bool = False


@attrs.frozen(kw_only=True)
class Problem:
    """One problem of the configuration; *place* is where it stands."""

    severity: str
    place: str
    what: str
    remedy: str


@attrs.frozen(kw_only=True)
class Configured:
    """The configuration that is used, or why there is none; *folder* is where it was read.

    *packed*: as the checks of plugins get it. This process loads no plugin, and could not read it.
    """

    config: ClusterConfig | None
    folder: str
    problems: tuple[Problem, ...] = ()
    packed: bytes | Silent = attrs.field(default=b"", repr=False)


@attrs.frozen(kw_only=True)
class Told:
    """What another server's agent said of itself.

    *offset*: by how many ms its wall clock is ahead of ours, give or take *fuzz*.
    """

    version: str
    offset: int
    fuzz: int


Elsewhere = Mapping[str, Told | Silent]


@attrs.frozen(kw_only=True)
class Case:
    """One server as it is looked at.

    *agent* is its agent's document about itself, *status* the one about the cluster; *elsewhere*
    asks the agents of the other servers. *owner* is the user that the files should belong to.
    """

    where: Whereabouts
    owner: int
    machine: Machine
    configured: Configured
    agent: Document | Silent
    status: Document | Silent
    elsewhere: Callable[[], Elsewhere]

    @property
    def config(self) -> ClusterConfig:
        """Give the configuration; raises Blind."""
        if self.configured.config is None:
            text = said("the configuration in {folder} has errors", folder=self.configured.folder)
            raise Blind(text, said("`clp config check` shows all of them"))
        return self.configured.config

    @property
    def me(self) -> Server:
        """Give this server as the configuration has it; raises Blind."""
        name = self.where.server
        server = self.config.server_by_name.get(name)
        if server is None:
            text = said("{server} is none of the servers of the configuration", server=name)
            raise Blind(text, said("set CLP_SERVER, or correct the names in conf.d"))
        return server

    @property
    def others(self) -> tuple[Server, ...]:
        """Give the other servers of the configuration; raises Blind."""
        return tuple(each for each in self.config.servers if each is not self.me)

    def for_plugins(self) -> bytes:
        """Give the configuration as the checks of plugins get it; raises Blind."""
        if isinstance(self.configured.packed, Silent):
            raise Blind(self.configured.packed.why, self.configured.packed.remedy)
        return self.configured.packed

    def asked(self) -> Document:
        """Give what the agent says of itself; raises Blind."""
        return _said(self.agent)

    def seen(self) -> Document:
        """Give what the agent says of the cluster; raises Blind."""
        return _said(self.status)


def _said(answer: Document | Silent) -> Document:
    if isinstance(answer, Silent):
        raise Blind(answer.why, answer.remedy)
    return answer


def side_by_side(jobs: Mapping[str, Callable[[], T]], seconds: float) -> dict[str, T]:
    """Give what the *jobs* gave by then; those that are late go on, and nobody waits for them.

    A job that raises gives nothing, and is late: jobs that can fail say so by what they give.
    """
    done: dict[str, T] = {}

    def do(name: str, job: Callable[[], T]) -> None:
        done[name] = job()

    threads = [
        threading.Thread(target=do, args=item, name=item[0], daemon=True) for item in jobs.items()
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return dict(done)


def gather(where: Whereabouts) -> Case:
    """Look for what the checks share; never raises."""
    configured = _configured(where)  # first: it forks, which only one thread may do
    verbs = ("agent", "status")
    jobs = {verb: functools.partial(_ask, verb) for verb in verbs}
    answers = side_by_side(jobs, _ANSWER)
    late = Silent(said("the agent does not answer within {seconds} s", seconds=f"{_ANSWER:g}"))
    agent, status = (answers.get(verb, late) for verb in verbs)
    names = configured.config.server_names if configured.config else ()
    asks = tuple(name for name in names if name != where.server)
    return Case(
        where=where,
        owner=_owner(where.root.path),
        machine=Machine(),
        configured=configured,
        agent=agent,
        status=status,
        elsewhere=_once(functools.partial(_ask_all, asks, status)),
    )


def _owner(root: Path) -> int:
    """Give whose the files of a server are: whoever has its root folder, which may be a lab's."""
    try:
        return root.stat().st_uid
    except OSError:
        return os.geteuid()


# -- the configuration


def _configured(where: Whereabouts) -> Configured:
    from clpcore.runtime.apart import Apart, NoResultError

    committed = where.root.committed / "conf.d"
    folder = committed if os.access(committed, os.R_OK | os.X_OK) else where.root.conf
    try:
        return Apart.begin(functools.partial(_read, where, folder), _READING).result()
    except NoResultError as why:
        text = said("the process that reads it gave no result: {why}", why=why)
        see = said("`clp config check` and `clp plugins` tell more")
        problem = Problem(severity="error", place="", what=text, remedy=see)
        return Configured(config=None, folder=str(folder), problems=(problem,))


def _read(where: Whereabouts, folder: Path, registry: Registry) -> Configured:
    from clpcore import config

    loaded = config.load(folder, registry.specs, registry.refused)
    if loaded.config and where.server in loaded.config.server_by_name:
        scripts = folder.parent / "scripts"
        loaded = config.check_here(loaded, registry.specs, scripts=scripts, server=where.server)
    problems = tuple(
        Problem(
            severity=each.severity.value,
            place=f"{each.place.file}:{each.place.line}" if each.place else "",
            what=each.what,
            remedy=each.remedy,
        )
        for each in loaded.problems
    )
    return Configured(
        config=loaded.config,
        folder=str(folder),
        problems=problems,
        packed=_packed(loaded.config, registry, where.server) if loaded.config else b"",
    )


def _packed(config: ClusterConfig, registry: Registry, server: str) -> bytes | Silent:
    from clpcore.ctl.doctor import beyond

    try:
        return beyond.packed(config, registry, server) if beyond.checks() else b""
    except Exception as error:  # noqa: BLE001 - the settings are classes of plugins
        why = f"{type(error).__name__}: {error}"
        return Silent(said("the settings of a plugin cannot be handed on: {why}", why=why))


# -- the agents


def version() -> str:
    """Give the version of clpcore that is installed here."""
    return importlib.metadata.version("clpcore")


def _ask(verb: str) -> Document | Silent:
    try:
        document: Document = control.ask(do=verb)[verb]
    except Failure as why:
        return Silent(why.text, why.remedy, gone=why.code == Exit.NO_AGENT)
    return document


def _ask_all(names: tuple[str, ...], status: Document | Silent) -> Elsewhere:
    if isinstance(status, Silent):
        return dict.fromkeys(names, Silent(status.why, status.remedy))
    jobs = {name: functools.partial(_ask_other, name) for name in names}
    answers = side_by_side(jobs, _ELSEWHERE)
    late = Silent(said("no answer within {seconds} s", seconds=f"{_ELSEWHERE:g}"))
    return {name: answers.get(name, late) for name in names}


def _ask_other(server: str) -> Told | Silent:
    began = time.time_ns()
    try:
        reply = control.ask(do="status", server=server)
    except Failure as why:
        return Silent(why.text, why.remedy)
    took = (time.time_ns() - began) // 2_000_000
    if "wall_ms" not in reply:
        return Silent(said("its agent is older, and does not say"), "")
    middle = began // 1_000_000 + took
    offset = int(reply["wall_ms"]) - middle
    return Told(version=str(reply.get("version", "")), offset=offset, fuzz=took + 1)


def _once(ask: Callable[[], Elsewhere]) -> Callable[[], Elsewhere]:
    """Let checks that run side by side share one answer."""
    lock = threading.Lock()
    answers: list[Elsewhere] = []

    def give() -> Elsewhere:
        with lock:
            if not answers:
                answers.append(ask())
        return answers[0]

    return give
