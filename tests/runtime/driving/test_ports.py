"""The real ports of one call: commands, kept processes and files of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import attrs
import pytest

from clpcore import api
from clpcore.runtime.driving import kept, output, processes
from clpcore.runtime.driving.launch import NotLaunched, Program, launch
from clpcore.runtime.driving.launched import Launched
from clpcore.runtime.driving.ports import Folders, LocalPorts
from clpcore.runtime.places import Root
from clpcore.runtime.workers.limits import Limits

_CALL = api.Call(
    event=api.Event.START,
    role=api.Role.ACTIVE,
    epoch=1,
    server="node1",
    home="node1",
    previous="",
    group="g",
    resource="r",
)


@attrs.frozen
class Site:
    """Makes calls below a root of its own."""

    root: Path

    @property
    def folders(self) -> Folders:
        return Folders.of(Root(self.root), _CALL)

    def use(self, does: Callable[[LocalPorts], Awaitable[object]], limits: Limits) -> object:
        async def go() -> object:
            ports = LocalPorts(_CALL, self.folders, limits)
            try:
                return await does(ports)
            finally:
                await ports.close()

        return asyncio.run(go())

    def run(self, *argv: str, **words: object) -> api.Completed:
        done = self.use(lambda ports: ports.run(argv, **words), Limits())  # type: ignore[arg-type]
        assert isinstance(done, api.Completed)
        return done

    def sh(self, script: str, **words: object) -> api.Completed:
        return self.run("sh", "-c", script, **words)

    def keep(self, script: str, **words: object) -> api.Process:
        argv = ["sh", "-c", script]
        process = self.use(
            lambda ports: ports.keep("app", argv, **words),  # type: ignore[arg-type]
            Limits(),
        )
        assert isinstance(process, api.Process)
        return process

    def end(self, grace: int = 0) -> None:
        self.use(lambda ports: ports.end("app", grace=grace), Limits())


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    with contextlib.suppress(api.Failed):
        site.end()


def _lives(pid: int) -> bool:
    found = processes.stat(pid)
    return found is not None and not found.gone


def _within(seconds: float, holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.005)


# -- commands


def test_a_command_gives_its_return_code_and_all_it_says(site: Site) -> None:
    assert site.sh("echo out; echo err >&2; exit 3") == api.Completed(3, "out\nerr\n")


def test_the_end_of_a_long_output_is_what_counts(site: Site) -> None:
    done = site.sh("seq 100000; echo last")
    assert len(done.output) == output.REMEMBERED
    assert done.output.endswith("100000\nlast\n")


def test_a_log_keeps_what_a_command_says_beside_its_answer(site: Site, tmp_path: Path) -> None:
    log = tmp_path / "logs" / "it.log"
    assert site.sh("echo one", log=str(log)).output == "one\n"
    assert site.sh("echo two", log=str(log)).output == "two\n"
    assert log.read_text() == "one\ntwo\n"


def test_a_long_log_moves_aside_when_it_is_used_again(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "LOG_LIMIT", 100)
    log = tmp_path / "it.log"
    site.sh("seq 1000", log=str(log))
    site.sh("echo new", log=str(log))
    assert log.read_text() == "new\n"
    aside = (tmp_path / "it.log.1").read_text()
    assert len(aside) == 100
    assert aside.endswith("1000\n")


def test_a_command_has_a_session_and_a_clean_environment(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/secret")
    monkeypatch.setenv("LANG", "C.UTF-8")
    said = site.run("env", env={"CLP_X": "1"}).output.splitlines()
    names = {line.partition("=")[0] for line in said}
    least = {"CLP_LAUNCH", "CLP_LAUNCH_GROUP", "CLP_X", "LANG", "PATH"}
    assert least <= names <= {*least, "HOME", "LC_ALL", "TZ"}
    assert site.sh('[ "$(ps -o sid= -p $$ | tr -d " ")" = $$ ]').returncode == 0


def test_a_command_gets_three_descriptors_and_ordinary_signals(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as ours:
        os.set_inheritable(ours.fileno(), True)
        fds = site.run("ls", "/proc/self/fd").output.split()
        signals = site.run("grep", "-E", "SigBlk|SigIgn", "/proc/self/status").output.split()
    assert fds == ["0", "1", "2", "3"]  # 3 is the folder that it reads
    # glibc keeps 32 and 33 for itself; posix_spawn ignores them once a thread was cancelled.
    assert [int(mask, 16) & ~(3 << 31) for mask in signals[1::2]] == [0, 0]


def test_a_command_gets_its_limits_back(site: Site) -> None:
    before = [resource.getrlimit(kind) for kind in (resource.RLIMIT_AS, resource.RLIMIT_NOFILE)]
    limits = Limits.tighten()
    try:
        assert resource.getrlimit(resource.RLIMIT_AS)[0] == 2 << 30
        argv = ["sh", "-c", "ulimit -v; ulimit -n"]
        done = site.use(lambda ports: ports.run(argv), limits)
    finally:
        limits.restore()
    soft = [
        "unlimited" if kind[0] == resource.RLIM_INFINITY else str(kind[0] // unit)
        for kind, unit in zip(before, (1024, 1), strict=True)
    ]
    assert isinstance(done, api.Completed)
    assert done.output.split() == soft


def test_what_does_not_exist_is_not_installed(site: Site, tmp_path: Path) -> None:
    with pytest.raises(api.NotInstalled, match=r"^clp-no-such does not exist on this server$"):
        site.run("clp-no-such")
    with pytest.raises(api.NotInstalled, match=r" is not executable on this server$"):
        site.run(str(tmp_path))


def test_what_no_argument_may_hold_is_a_failure(site: Site) -> None:
    with pytest.raises(api.Failed, match="cannot be executed on this server: Invalid argument"):
        site.run("echo", "\0")


def test_a_timeout_kills_the_session_and_no_daemon(site: Site, tmp_path: Path) -> None:
    script = (
        f"cd {tmp_path}; setsid sleep 600 & echo $! > daemon; (trap '' TERM HUP; sleep 600) &"
        "echo $! > child; sleep 600"
    )
    before = time.monotonic()
    with pytest.raises(api.Failed, match=r"^sh was killed: it had not ended after 0.3 s$"):
        site.sh(script, timeout=300)
    assert time.monotonic() - before < 1.3
    daemon, child = (int((tmp_path / name).read_text()) for name in ("daemon", "child"))
    assert not _lives(child)
    assert _lives(daemon)
    os.kill(daemon, signal.SIGKILL)


def test_the_end_of_the_call_ends_its_commands(site: Site, tmp_path: Path) -> None:
    async def begin(ports: LocalPorts) -> None:
        running = asyncio.ensure_future(
            ports.run(["sh", "-c", f"echo $$ > {tmp_path}/pid; sleep 600"])
        )
        while not (tmp_path / "pid").exists():  # noqa: ASYNC110 - a file has no events
            await asyncio.sleep(0.01)
        await ports.close()
        await running
        with pytest.raises(api.Failed, match="this call is over"):
            await ports.run(["true"])
        with pytest.raises(api.Failed, match="this call is over"):
            await ports.keep("app", ["true"])

    site.use(begin, Limits())
    assert not _lives(int((tmp_path / "pid").read_text()))
    assert list(site.folders.commands.iterdir()) == []


def test_many_commands_at_once_do_not_wait_for_each_other(site: Site) -> None:
    async def many(ports: LocalPorts) -> None:
        done = await asyncio.gather(*(ports.run(["sh", "-c", f"echo {n}"]) for n in range(60)))
        assert [one.output for one in done] == [f"{n}\n" for n in range(60)]

    site.use(many, Limits())
    assert list(site.folders.commands.iterdir()) == []


# -- the gate


def test_nobody_runs_who_is_not_on_record(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    program = Program(path="/usr/bin/touch", argv=["touch", str(ran)], env={}, output=1)

    def die(_child: Launched) -> None:
        os._exit(0)

    def fail(_child: Launched) -> None:
        raise api.Failed("the disk is full")

    for detach in (True, False):
        with pytest.raises(api.Failed, match="the disk is full"):
            asyncio.run(launch(program, fail, detach=detach))
        child = os.fork()
        if child == 0:
            asyncio.run(launch(program, die, detach=detach))
        os.waitpid(child, 0)
    # A process that were to run would have done so long before another one has come and gone.
    asyncio.run(_launch_and_wait(attrs.evolve(program, argv=["touch", str(tmp_path / "later")])))
    assert (tmp_path / "later").exists()
    assert not ran.exists()


async def _launch_and_wait(program: Program) -> None:
    child = await launch(program, lambda _child: None)
    await processes.end_of(child.pid)
    assert processes.reap(child.pid) == 0


def test_the_kernels_refusal_is_told(tmp_path: Path) -> None:
    program = Program(path=str(tmp_path), argv=["x"], env={}, output=1)
    with pytest.raises(NotLaunched, match="Permission denied"):
        asyncio.run(launch(program, lambda _child: None))


# -- kept processes


def test_a_kept_process_is_a_child_of_pid_1_and_there_once(site: Site) -> None:
    process = site.keep("sleep 600")
    found = processes.stat(process.pid)
    assert found is not None
    assert (found.parent, found.session, found.started) == (1, process.pid, process.started)
    assert site.keep("sleep 601") == process
    assert kept.living(site.folders.kept) == (process,)


def test_a_kept_process_gets_what_it_inherits_as_3_and_more(site: Site, tmp_path: Path) -> None:
    log = tmp_path / "it.log"
    fds = [os.open(tmp_path / name, os.O_CREAT | os.O_RDWR) for name in ("b", "a")]
    site.keep("readlink /proc/$$/fd/*", inherit=tuple(reversed(fds)), log=str(log))
    for fd in fds:
        os.close(fd)
    _within(5, lambda: log.exists() and log.read_text().count("\n") == 5)
    assert log.read_text().split() == [
        "/dev/null",
        str(log),
        str(log),
        str(tmp_path / "a"),
        str(tmp_path / "b"),
    ]


def test_the_end_of_a_kept_process_is_the_end_of_its_session(site: Site, tmp_path: Path) -> None:
    process = site.keep(f"(trap '' TERM; sleep 600) & echo $! > {tmp_path}/child; sleep 600")
    _within(5, lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text())
    child = int((tmp_path / "child").read_text())
    os.kill(process.pid, signal.SIGKILL)
    _within(5, lambda: not _lives(process.pid))
    assert kept.living(site.folders.kept) == ()
    assert _lives(child)
    site.end(grace=100)
    assert not _lives(child)
    site.end()


def test_a_new_process_of_a_name_ends_what_the_dead_one_left(site: Site, tmp_path: Path) -> None:
    first = site.keep(f"sleep 600 & echo $! > {tmp_path}/child; sleep 600")
    _within(5, lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text())
    os.kill(first.pid, signal.SIGKILL)
    _within(5, lambda: not _lives(first.pid))
    second = site.keep("sleep 600")
    assert second != first
    assert not _lives(int((tmp_path / "child").read_text()))


def test_a_term_is_tried_first(site: Site, tmp_path: Path) -> None:
    site.keep(f"trap 'echo bye > {tmp_path}/bye; exit' TERM; : > {tmp_path}/up; sleep 600 & wait")
    _within(5, (tmp_path / "up").exists)
    site.end(grace=5_000)
    assert (tmp_path / "bye").read_text() == "bye\n"


def test_a_process_that_has_the_number_of_a_dead_one_is_not_it(site: Site) -> None:
    process = site.keep("sleep 600")
    identity = kept.read(site.folders.kept, "app")
    assert identity is not None
    dead = attrs.evolve(identity.launched, started=process.started - 1)
    kept.write(site.folders.kept, attrs.evolve(identity, launched=dead))
    assert kept.living(site.folders.kept) == ()
    site.end()
    assert _lives(process.pid)
    kept.write(site.folders.kept, identity)  # for the end of this test


def test_a_damaged_identity_is_an_unknown(site: Site) -> None:
    process = site.keep("sleep 600")
    file = site.folders.kept / "app.json"
    good = file.read_text()
    file.write_text(good[:-5])
    with pytest.raises(api.Failed, match=r"is damaged .* end the process app by hand"):
        site.end()
    assert kept.living(site.folders.kept) == ()
    file.write_text(good)
    site.end()
    assert not _lives(process.pid)


# -- files


def test_files_are_written_whole_and_trouble_is_told(site: Site, tmp_path: Path) -> None:
    async def use(ports: LocalPorts) -> None:
        path = f"{ports.places.run}/deep/file"
        assert ports.read(path) is None
        ports.write(path, "one")
        ports.write(path, "two")
        assert ports.read(path) == "two"
        assert os.listdir(f"{ports.places.run}/deep") == ["file"]  # noqa: PTH208
        with pytest.raises(api.Failed, match="/file/x cannot be written: "):
            ports.write(f"{path}/x", "")
        assert ports.read(f"{path}/x") is None
        ports.remove(path)
        ports.remove(path)
        with pytest.raises(api.Failed, match="cannot be read: Is a directory"):
            ports.read(str(tmp_path))

    site.use(use, Limits())


def test_what_a_hook_leaves_running_is_not_the_drivers(tmp_path: Path) -> None:
    root = Root(tmp_path)
    hook = Folders.of(root, _CALL, hook=True)
    assert hook.commands != Folders.of(root, _CALL).commands
    assert hook.places == Folders.of(root, _CALL).places
