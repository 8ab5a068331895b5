"""The configuration, the command line, and what is wrong with them: named, with a remedy."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

from clpcore_witness import keyfile
from clpcore_witness.service import config, main


class _Place(Protocol):
    folder: Path
    secret: str

    def allow(self, key: keyfile.Key = ...) -> Path: ...


class _Process(Protocol):
    popen: subprocess.Popen[str]
    url: str
    log: Path

    def end(self, number: int = 15) -> int: ...


OTHER = keyfile.Key("Cluster2", "id2", b"another-cluster's-secret-32-byte")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "keys").mkdir()
    return tmp_path / "witness.toml"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("listen = [", r"toml: .*at end of document"),
        ("\nport = 80", r"line 2: port: there is no such key\. The keys are listen,"),
        ("[tls]\nkey = 1", r"line 1: tls: there is no such key"),
        (
            'listen = "0.0.0.0:80"',
            r"line 1: listen = '0\.0\.0\.0:80': it is no list\. Write a list",
        ),
        ('listen = ["0.0.0.0"]', r"line 1: listen = .*'0\.0\.0\.0' is no ADDRESS:PORT\."),
        ('listen = ["0.0.0.0:70000"]', r"is no ADDRESS:PORT"),
        ("listen = []", r"listen and listen_tls are empty: nobody could ask\."),
        ('listen_tls = ["[::]:443"]', r"listen_tls needs certificate and private_key\. Write"),
        ('state = "state"', r"line 1: state = 'state': it is no absolute path\. Write"),
        ("expire = true", r"line 1: expire = True: it is no number from 1 to 60\. Write seconds"),
        ("\n\nstrangers = 0", r"line 3: strangers = 0: it is no number from 1 to 100000\."),
    ],
)
def test_each_bad_value_is_named(file: Path, text: str, says: str) -> None:
    file.write_text(text)
    with pytest.raises(config.Wrong, match=says) as wrong:
        config.load(file)
    assert str(file) in str(wrong.value)


def test_all_problems_are_told_at_once(file: Path) -> None:
    file.write_text('port = 1\nstate = "x"\nlisten = []\n')
    with pytest.raises(config.Wrong) as wrong:
        config.load(file)
    assert len(str(wrong.value).splitlines()) == 3


def test_what_is_not_written_has_its_default(file: Path) -> None:
    file.write_text('listen = ["127.0.0.1:8080", "[::1]:8080", "witness:80"]\nexpire = 2.5\n')
    loaded = config.load(file)
    assert loaded.listen == (("127.0.0.1", 8080), ("::1", 8080), ("witness", 80))
    assert (loaded.expire, loaded.state) == (2_500, Path("/var/lib/clp-witness"))


def test_keys_are_for_one_reader_and_one_cluster_each(place: _Place) -> None:
    folder, path = place.folder / "keys", place.allow()
    assert [key.cluster for key in config.keys(folder)] == ["Cluster1"]
    path.chmod(0o640)
    (folder / "copy.key").touch(0o600)
    (folder / "copy.key").write_text(path.read_text())
    (folder / "short.key").touch(0o600)
    (folder / "short.key").write_text("Cluster3 id c2VjcmV0\n")
    (folder / "notes.txt").write_text("no key file")
    with pytest.raises(config.Wrong) as wrong:
        config.keys(folder)
    first, second = str(wrong.value).splitlines()
    assert first == f"{path}: others may read it. chmod 600 {path}"
    assert second.startswith(f"{folder}/short.key, line 1: the key has 6 bytes instead of 32: ")
    path.chmod(0o600)
    (folder / "short.key").unlink()
    with pytest.raises(
        config.Wrong, match=r"copy\.key|Cluster1\.key has the file|Keep one of them"
    ):
        config.keys(folder)
    assert place.secret not in str(wrong.value)


def test_keys_are_told_apart_and_rotate(place: _Place) -> None:
    path = place.allow()
    text = path.read_text()
    with pytest.raises(keyfile.BadKeyFile, match="ids of a file must differ"):
        keyfile.parse(text + text, "f")
    with pytest.raises(keyfile.BadKeyFile, match="its cluster be one"):
        keyfile.parse(text + text.replace("Cluster1", "Cluster2").replace("id1", "id2"), "f")
    two = keyfile.parse(text + keyfile.generate("Cluster1", b"n" * 32, "the next one"), "f")
    assert [key.id == "id1" for key in two] == [True, False]  # the first one signs
    assert "secret" not in repr(two)


# -- the command line


def _run(*argv: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main.main(argv)
    said = capsys.readouterr()
    return code, said.out, said.err


def test_keygen_writes_a_pair_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(tmp_path)
    code, out, _ = _run("keygen", "Cluster1", "--folder", folder, capsys=capsys)
    paths = [tmp_path / f"Cluster1.{side}.key" for side in ("witness", "server")]
    assert (code, out) == (0, "".join(f"Wrote {path}\n" for path in paths))
    (one,), (other,) = (keyfile.parse(path.read_text(), "") for path in paths)
    assert one == other
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}
    paths[0].unlink()
    code, _, err = _run("keygen", "Cluster1", "--folder", folder, capsys=capsys)
    assert (code, "nothing is overwritten" in err, paths[0].exists()) == (1, True, False)
    code, _, err = _run("keygen", "-x y", "--folder", folder, capsys=capsys)
    assert code == 1
    assert "is no name for a cluster" in err


def test_new_check_and_heard(
    place: _Place, process: Callable[..., _Process], capsys: pytest.CaptureFixture[str]
) -> None:
    running = process()
    settings = str(place.folder / "witness.toml")
    assert _run("check", "--config", settings, capsys=capsys)[:2] == (
        0,
        f"{settings} is good. Clusters: Cluster1\n",
    )
    code, _, err = _run("new", "--config", settings, capsys=capsys)
    assert code == 78
    assert "exists: it is not replaced" in err
    key = str(place.folder / "keys" / "Cluster1.key")
    code, out, _ = _run("heard", running.url, "--key-file", key, capsys=capsys)
    assert (code, out.startswith(f"{running.url} knows cluster Cluster1, and")) == (0, True)
    other = place.folder / "other.key"
    other.write_text(keyfile.generate("Cluster1", b"o" * 32, "another"))
    code, _, err = _run("heard", running.url, "--key-file", str(other), capsys=capsys)
    assert code == 1
    assert "does not know cluster Cluster1 by this key" in err


def test_a_folder_that_has_gone_is_not_made_anew(
    place: _Place, process: Callable[..., _Process]
) -> None:
    running = process()
    assert running.end() == 0
    (place.folder / "state").rename(place.folder / "elsewhere")
    again = process()
    assert again.popen.wait(10) == 78
    assert "Was a disk not mounted? For a witness that is new: `clp-witness new`" in (
        again.log.read_text()
    )
    assert not (place.folder / "state").exists()


def test_a_port_that_is_taken_is_named(process: Callable[..., _Process]) -> None:
    running = process()
    port = running.url.rpartition(":")[2]
    second = process(f'listen = ["127.0.0.1:{port}"]\n')
    assert second.popen.wait(10) == 78
    assert f"listen 127.0.0.1 port {port}: Address already in use. Choose" in second.log.read_text()


def test_sighup_takes_new_keys_and_keeps_the_old_when_they_are_bad(
    place: _Place, process: Callable[..., _Process], talker: Callable[..., Any]
) -> None:
    running = process()
    known = talker()
    known.ask(running.url, "GET", "/v1/heard")
    path = place.allow(OTHER)
    path.chmod(0o644)
    os.kill(running.popen.pid, signal.SIGHUP)
    _wait_for(running.log, f"not reloaded, all stays as it was:\n{path}: others may read it")
    known.ask(running.url, "GET", "/v1/heard")
    path.chmod(0o600)
    os.kill(running.popen.pid, signal.SIGHUP)
    _wait_for(running.log, "reloaded: 2 keys")
    talker(OTHER).ask(running.url, "GET", "/v1/heard")
    known.ask(running.url, "GET", "/v1/heard")


def _wait_for(log: Path, text: str) -> None:
    until = time.monotonic() + 5
    while text not in log.read_text():
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.01)
