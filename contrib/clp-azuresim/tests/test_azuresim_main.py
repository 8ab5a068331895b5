"""`clp-azuresim` as a process: started, asked over its socket, ended."""

from __future__ import annotations

import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from clp_azuresim import control, main
from clp_azuresim.beside import running
from clp_azuresim.desk import Refusal
from clp_azuresim.vault import Vault

_SMALL = """
[application.cluster]
[zone."cluster1.zone"]
[machine.node1]
address = "127.0.0.1"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "azuresim.toml"
    path.write_text(_SMALL)
    return path


@pytest.fixture
def folder(azure_folder: Path) -> Iterator[Path]:
    """The folder of the session: its certificates are made once."""
    yield azure_folder
    assert not (azure_folder / control.NAME).exists()


def test_a_process_is_the_same_azure(file: Path, folder: Path) -> None:
    with running(file, folder) as azure:
        azure.put_record("cluster1.zone", "a", "10.5.0.110")
        record = azure.record("cluster1.zone", "a")
        assert record is not None
        assert record.addresses == ("10.5.0.110",)
        azure.set_power("node1", on=False)
        assert azure.machine("node1").state == "stopped"
        azure.fault("status", "instance", status=503)
        headers = {"Metadata": "true"}
        url = f"{azure.imds['node1']}/metadata/instance?api-version=2021-02-01"
        assert httpx.get(url, headers=headers).status_code == 503
        (entry,) = azure.journal("instance")
        assert (entry.status, entry.fault) == (503, "status 503")
        with pytest.raises(Refusal, match="there are node1"):
            azure.machine("node2")


def test_secrets_are_readable_by_their_owner_alone(file: Path, folder: Path) -> None:
    with running(file, folder) as azure:
        files = [azure.certificate(), *(folder / name for name in ("ca.key", "server.pem"))]
        for path in (*files, folder / control.NAME):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_is_ready_within_a_second_and_tells_the_configuration(file: Path, folder: Path) -> None:
    Vault(folder).application_file("cluster")
    command = [sys.executable, "-m", "clp_azuresim", "--config", str(file), "--folder", str(folder)]
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = []
        while (line := process.stdout.readline()) not in {"ready\n", ""}:
            told.append(line)
        took = time.monotonic() - began
        process.send_signal(signal.SIGINT)
    assert process.returncode == 0
    values = dict(line.strip().split(" = ", 1) for line in told if not line.startswith("#"))
    assert values["certificate_file"] == f'"{folder / "cluster.pem"}"'
    assert values["resource_manager"] == values["authority"] == values["audience"]
    assert took < 5, "a second, on a machine that does nothing else"


def test_a_second_one_does_not_take_the_folder(file: Path, folder: Path) -> None:
    with running(file, folder):
        command = [sys.executable, "-m", "clp_azuresim", "--config", str(file)]
        second = subprocess.run(
            [*command, "--folder", str(folder)], capture_output=True, text=True, check=False
        )
        assert second.returncode == 1
        assert "another simulator answers" in second.stderr
        assert control.connect(folder).url


def test_what_a_killed_one_left_does_not_matter(file: Path, folder: Path) -> None:
    (folder / control.NAME).touch()
    with running(file, folder) as azure:
        assert azure.machine("node1").on


def test_a_bad_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("listn = 1\n")
    assert main.main(["--config", str(bad)]) == 78
    assert "did you mean 'listen'?" in capsys.readouterr().err
    assert not (tmp_path / "azuresim").exists()


def test_new_never_overwrites(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "azuresim.toml"
    assert main.main(["--config", str(file), "new"]) == 0
    assert "clp-azuresim --config" in capsys.readouterr().out
    assert main.main(["--config", str(file), "new"]) == 1
    assert "File exists" in capsys.readouterr().err


def test_the_command_asks(file: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--config", str(file), "--folder", str(folder), "ask"]
    assert main.main([*place, "machine", "name=node1"]) == 1
    assert "start one with clp-azuresim" in capsys.readouterr().err
    with running(file, folder):
        assert main.main([*place, "machine", "name=node1"]) == 0
        assert '"state": "running"' in capsys.readouterr().out
        assert main.main([*place, "machine", "node1"]) == 1
        assert "write name=value" in capsys.readouterr().err
        assert main.main([*place, "machine", "name=x"]) == 1
        assert "there are node1" in capsys.readouterr().err


def test_words_lists_what_can_be_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["words"]) == 0
    told = capsys.readouterr().out
    assert "put_record zone:str name:str addresses:list[str]" in told
    assert "\n_server" not in told


def test_rubbish_on_the_socket_is_answered(file: Path, folder: Path) -> None:
    with running(file, folder), socket.socket(socket.AF_UNIX) as channel:
        channel.connect(str(folder / control.NAME))
        lines = channel.makefile("rwb")
        for rubbish in (b"x\n", b"[]\n", b'{"do": 1}\n', b'{"do": "ask"}\n'):
            lines.write(rubbish)
            lines.flush()
            assert b"refused" in lines.readline()
        lines.close()


def test_a_folder_too_deep_for_a_socket_is_told(
    file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    deep = tmp_path / ("x" * 100)
    with pytest.raises(RuntimeError, match="did not get ready"), running(file, deep):
        raise AssertionError("it started")
    assert "use a shorter folder" in capfd.readouterr().err
