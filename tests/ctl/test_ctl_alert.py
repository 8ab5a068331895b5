"""`clp alert`: what is shown of a configuration's alerts, and a test message, well and ill."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from clpcore import messages
from clpcore.runtime.alerts.cursor import Cursor
from clpcore.runtime.store.database import Database
from clpcore.runtime.store.journal import Scribe

Clp = Callable[[str], tuple[str, str, int]]

_CONFIG = """
[cluster]
name = "Cluster1"
platform = "lab"
[server.node1]
priority = 1
interconnect = ["10.5.0.110"]
[server.node2]
priority = 2
interconnect = ["10.5.0.111"]
[alert.file1]
type = "file"
[alert.page1]
type = "command"
command = ["/bin/sh", "-c", "exit 3"]
servers = ["node2"]
"""


@pytest.fixture
def conf(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLP_SERVER", "node1")
    made = root / "etc/clpcore/conf.d/c.toml"
    made.parent.mkdir(parents=True)
    made.write_text(_CONFIG)
    return made


@pytest.mark.usefixtures("conf")
def test_the_list_tells_types_and_who_sends(clp: Clp) -> None:
    out, err, code = clp("alert list")
    assert (err, code) == ("", 0)
    first, its, second, other = out.splitlines()
    assert first.split()[:2] == ["file1", "file"]
    assert re.search(r" \d+ of \d+ kinds of message, from every server$", first)
    assert its.strip().startswith("node1: no counts here: it has not begun")
    assert second.split()[:2] == ["page1", "command"]
    assert second.endswith("from node2")
    assert other.strip() == "node1 sends nothing by it"
    rows = json.loads(clp("alert list --json")[0])["alerts"]
    assert [row["here"] for row in rows] == [True, False]
    assert "rc30" not in rows[0]["messages"]


@pytest.mark.usefixtures("conf")
def test_the_list_tells_what_became_of_the_messages_here(clp: Clp, root: Path) -> None:
    store = root / "var/lib/clpcore/store.db"
    store.parent.mkdir(parents=True)
    database, scribe = Database(store), Scribe(boot=1)
    heard = messages.because("nm1", server="node2")
    lines = [scribe.sentences((heard,), 1)[0] for _ in range(9)]
    database.write((), lines)
    database.close()
    cursor = Cursor.read(root / "var/lib/clpcore/alerts/file1.json")
    cursor.pass_by(lines[3], sent=4)
    cursor.pass_by(lines[5], sent=1, given_up=1)
    its = clp("alert list")[0].splitlines()[1]
    assert its.strip() == "node1: 5 sent, 1 given up, 3 waiting"
    row, other = json.loads(clp("alert list --json")[0])["alerts"]
    assert (row["sent"], row["given_up"], row["waiting"]) == (5, 1, 3)
    assert (other["sent"], other["given_up"], other["waiting"]) == (None, None, None)


@pytest.mark.usefixtures("conf")
def test_a_test_message_arrives(clp: Clp, root: Path) -> None:
    out, err, code = clp("alert test file1")
    assert (err, code) == ("", 0)
    assert "alert file1 (file) has sent a test message" in out
    text = (root / "var/log/clpcore/alert.log").read_text()
    assert "node1 pm525 info This is a test of alert file1 by" in text
    assert json.loads(clp("alert test file1 --json")[0])["sent"] is True


@pytest.mark.usefixtures("conf")
def test_one_that_does_not_arrive_says_why(clp: Clp) -> None:
    out, err, code = clp("alert test page1")
    assert (out, code) == ("", 1)
    assert "could not send: /bin/sh ended with exit code 3" in err
    assert "correct [alert.page1]" in err


@pytest.mark.usefixtures("conf")
def test_an_alert_that_is_none(clp: Clp) -> None:
    _, err, code = clp("alert test file2")
    assert code == 1
    assert "did you mean 'file1'?" in err


def test_a_configuration_with_errors(clp: Clp, conf: Path) -> None:
    conf.write_text(_CONFIG.replace('"file"', '"fiel"'))
    _, err, code = clp("alert list")
    assert code == 78
    assert "clp config check" in err


def test_no_alert_at_all(clp: Clp, conf: Path) -> None:
    conf.write_text(_CONFIG.partition("[alert")[0])
    assert clp("alert list")[0].startswith("No alert")
