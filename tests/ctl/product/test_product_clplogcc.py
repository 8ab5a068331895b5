"""The support bundle: what is in it, and that no secret that was planted is."""

from __future__ import annotations

import json
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clpcore.ctl.product import outside, support
from clpcore.runtime.store.database import Database, Line

Document = dict[str, Any]
Run = Callable[[str], tuple[str, str, int]]

_SECRETS = {
    "cluster.key": "a1b2c3d4-cluster-key",
    "setting": "S3cr3t-kingfisher",
    "in a file that is named": "hook-token-of-the-pager",
    "script": "P4ss-of-the-script",
    "log": "P4ss-of-the-log",
    "private key": "MIIEvQIBADANBgkqh",
    "argument": "P4ss-of-the-operator",
    "file of its own": "kingfisher",
    "switched off": "https://hooks.example/kingfisher-hook",
    "certificate of Azure": "MIIJQwIBADANBgkqh",
    "password of it": "heron-and-otter",
}


@pytest.fixture(autouse=True)
def _planted(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant secrets wherever one may be; the setting's turns up in journal and status, too."""
    monkeypatch.setenv("CLP_SERVER", "node1")
    monkeypatch.setattr(support, "_COMMANDS", {"agent.log": ("echo", "it", "said")})
    hook = root / "etc/clpcore/hook.token"
    exec1 = "etc/clpcore/scripts/failover1/exec1"
    files = {
        "etc/clpcore/cluster.key": _SECRETS["cluster.key"],
        "etc/clpcore/hook.token": _SECRETS["in a file that is named"],
        "etc/clpcore/azure.pem": f"-----BEGIN KEY-----\n{_SECRETS['certificate of Azure']}\n",
        "etc/clpcore/azure.word": f"{_SECRETS['password of it']}\n",
        f"{exec1}/client.pem": f"-----BEGIN PRIVATE KEY-----\n{_SECRETS['private key']}\n",
        "etc/clpcore/conf.d/cluster.toml": f"""
            [cluster]
            name = "Cluster1"
            [alert.pager]
            token_file = "{hook}"
            [fencing.forced_stop]
            server.node2.certificate_file = "{root}/etc/clpcore/azure.pem"
            server.node2.certificate_password_file = "{root}/etc/clpcore/azure.word"
            [monitor.psqlw1]
            password = "{_SECRETS["setting"]}"
        """,
        f"{exec1}/password.txt": _SECRETS["file of its own"],
        "etc/clpcore/conf.d/alerts.toml.off": f'#url = "{_SECRETS["switched off"]}"\n',
        f"{exec1}/start.sh": f"#!/bin/sh\nPGPASSWORD={_SECRETS['script']}",
        "var/log/clpcore/failover1/exec1/exec.log": (
            f"connects with --password {_SECRETS['log']}\nand then {_SECRETS['setting']}, "
            f"{_SECRETS['in a file that is named']}, {_SECRETS['cluster.key']}\n"
            f"{_SECRETS['certificate of Azure']} opens with {_SECRETS['password of it']}\n"
        ),
        "var/log/clpcore/core.gz": "\0",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "var/log/clpcore/link").symlink_to(root / "etc/clpcore/cluster.key")


@pytest.fixture(autouse=True)
def _facts(request: pytest.FixtureRequest) -> None:
    """Let the agent answer what only tells, where there is one."""
    if {"answers", "cluster"} & set(request.fixturenames):
        answers = request.getfixturevalue("answers")
        for verb in ("agent", "config", "plugins"):
            answers[verb] = [{"ok": True, verb: {"verb": verb}}]


@pytest.fixture
def journal(root: Path) -> None:
    """A journal with a sentence that has the setting's value in it."""
    store = root / "var/lib/clpcore/store.db"
    store.parent.mkdir(parents=True)
    database = Database(store)
    said = {"text": f"uses {_SECRETS['setting']}", "by": "root", "number": "1"}
    when = {"seq": 1, "wall_ms": 1_795_000_000_000, "now_ms": 5, "boot": 1}
    database.write((), [Line(**when, kind="because", key="logcmd1", body=json.dumps(said))])
    database.close()


def _bundle(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        return {
            member.name: file.read().decode()
            for member in archive.getmembers()
            if (file := archive.extractfile(member))
        }


@pytest.mark.usefixtures("journal")
def test_the_bundle_has_no_secret_in_it(
    root: Path, product: Run, answers: Document, status: Document
) -> None:
    status["monitors"][0]["servers"]["node1"]["detail"] = (
        f"backup --password={_SECRETS['argument']}"
    )
    answers["status"] = [{"ok": True, "status": status}]
    path = root / "var/log/clpcore/node1-log.tar.gz"
    assert product("clplogcc -l") == (f"Collect Log node1 : Success\n{path}\n", "", 0)
    files = _bundle(path)
    whole = "\n".join([*files, *files.values()])
    assert {name for name, secret in _SECRETS.items() if secret in whole} == set()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {name.removeprefix("node1-log/").split("/")[0] for name in files} == {
        *("about.json", "status.json", "agent.json", "config.json", "plugins.json"),
        *("journal.jsonl", "working-copy", "logs", "machine", "agent.log"),
    }
    assert 'name = "Cluster1"' in files["node1-log/working-copy/conf.d/cluster.toml"]
    assert "connects with" in files["node1-log/logs/failover1/exec1/exec.log"]
    assert "logcmd1" in files["node1-log/journal.jsonl"]
    about = json.loads(files["node1-log/about.json"])
    assert set(about["missing"]) == {
        "working-copy/scripts/failover1/exec1/client.pem",
        "working-copy/scripts/failover1/exec1/password.txt",
        "logs/core.gz",
        "logs/link",
    }


def test_without_an_agent_it_says_what_is_missing(product: Run, tmp_path: Path) -> None:
    assert product(f"clplogcc -o {tmp_path}")[2] == 0
    about = json.loads(_bundle(tmp_path / "node1-log.tar.gz")["node1-log/about.json"])
    assert "no agent answers" in about["missing"]["status.json"]
    assert "journal.jsonl" in about["missing"]


def test_a_long_log_is_there_with_its_end(
    root: Path, product: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(support, "_MOST", 100)
    (root / "var/log/clpcore/long.log").write_text("early\n" + "x" * 100 + "\nlate\n")
    assert product("clplogcc -l")[2] == 0
    files = _bundle(root / "var/log/clpcore/node1-log.tar.gz")
    text = files["node1-log/logs/long.log"]
    assert "late" in text
    assert "early" not in text


@pytest.mark.usefixtures("cluster")
def test_other_servers_are_not_forgotten(product: Run) -> None:
    out, err, code = product("clplogcc")
    assert "Collect Log node1 : Success" in out
    assert "Collect Log node2 : Failed" in out
    assert "on node2 run: clplogcc -l" in err
    assert code == 1


def test_another_server_is_named_with_the_command_to_run_there(root: Path, product: Run) -> None:
    out, err, code = product("clplogcc -h node2")
    assert (out, code) == ("", 1)
    assert "on node2 run: clplogcc -l" in err
    assert not list(root.rglob("*.tar.gz"))


@pytest.mark.parametrize("lab", ["1", ""])
def test_in_the_lab_a_place_that_only_the_server_sees_is_told(
    lab: str,
    product: Run,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = tmp_path_factory.mktemp("own")
    monkeypatch.setattr(outside, "_OWN", str(own))
    monkeypatch.setenv("CLP_LAB", lab)
    assert product("clplogcc -l")[1] == ""
    err = product(f"clplogcc -l -o {own}")[1]
    assert (f"{own}/node1-log.tar.gz is in the" in err) == bool(lab)


def test_a_folder_that_cannot_be_written_is_named(root: Path, product: Run) -> None:
    taken = root / "taken"
    taken.write_text("")
    out, err, code = product(f"clplogcc -l -o {taken}")
    assert (out, code) == ("", 1)
    assert f"cannot write {taken}/node1-log.tar.gz" in err


@pytest.mark.usefixtures("journal")
def test_a_damaged_journal_does_not_keep_the_rest_from_support(
    root: Path, product: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: object) -> Document:
        raise ValueError("no JSON")

    monkeypatch.setattr("clpcore.runtime.store.journal.shown", damaged)
    assert product("clplogcc -l")[2] == 0
    files = _bundle(root / "var/log/clpcore/node1-log.tar.gz")
    assert json.loads(files["node1-log/about.json"])["missing"]["journal"] == "ValueError: no JSON"
    assert "node1-log/working-copy/conf.d/cluster.toml" in files
