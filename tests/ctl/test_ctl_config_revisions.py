"""`clp config apply|diff|history|adopt` against an agent that says what a test tells it to."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

from clpcore.config import revision, working
from clpcore.config.working import Folders
from clpcore.ctl.ends import Exit
from clpcore.model.revisions import About, Revision
from clpcore.runtime.places import Root
from clpcore.runtime.revisions.archive import Archive

Clp = Callable[[str], tuple[str, str, int]]


class Agent(Protocol):
    """The stand-in of conftest.py."""

    answers: dict[str, Any]
    asked: list[dict[str, Any]]


_NAME = "000002-abcdefabcdef"
_TOLD = {
    "same": False,
    "revision": _NAME,
    "digest": "abcdef",
    "servers": ["node1", "node2"],
    "changes": [
        {"what": "monitor m: interval", "effect": "at run time", "about": ""},
        {"what": "resource r of g: port", "effect": "restarts the group", "about": "g"},
    ],
}
_DRY = {"ok": True, "applied": {**_TOLD, "dry": True}}
_DONE = {"ok": True, "applied": {**_TOLD, "dry": False, "restarted": ["g"], "committed": []}}


def _status(revision: str = _NAME, group: str = "Online") -> dict[str, Any]:
    return {
        "ok": True,
        "status": {
            "servers": [{"name": name, "state": "Online"} for name in ("node1", "node2")],
            "groups": [{"name": "g", "state": group, "server": "node1"}],
            "revisions": {"node1": _NAME, "node2": revision},
        },
    }


def test_a_plan_is_shown_and_nothing_is_changed(agent: Agent, clp: Clp) -> None:
    agent.answers["apply"] = [{"ok": True, "progress": {"step": "prepare", "servers": []}}, _DRY]
    out, err, code = clp("config apply --dry-run")
    assert (code, err) == (Exit.DONE, "")
    assert "  monitor m: interval    at run time\n" in out
    assert "  resource r of g: port  restarts group g, if it is online\n" in out
    assert "Can be applied on node1, node2" in out
    assert agent.asked[-1]["dry"] is True


def test_nobody_at_a_terminal_agrees_to_nothing(agent: Agent, clp: Clp) -> None:
    agent.answers["apply"] = [_DRY]
    _, err, code = clp("config apply")
    assert code == Exit.USAGE
    assert "restarts group g" in err
    assert "with --yes it is applied without asking" in err
    assert [asked["dry"] for asked in agent.asked] == [True]


def test_with_yes_it_is_applied_and_waited_for(agent: Agent, clp: Clp) -> None:
    shown = [_status("000001-0"), _status(group="Offline"), _status()]
    agent.answers["apply"] = [_DONE]
    agent.answers["status"] = lambda _: [shown.pop(0) if len(shown) > 1 else shown[0]]
    out, _, code = clp("config apply --yes --comment why --without node3 --force")
    assert code == Exit.DONE
    assert "Stopped and started again: g on node1.\n" in out
    assert f"Revision {_NAME} is on node1, node2" in out
    (asked,) = [one for one in agent.asked if one["do"] == "apply"]
    assert (asked["comment"], asked["without"], asked["force"]) == ("why", ["node3"], True)
    assert len(shown) == 1


def test_a_server_that_has_not_committed_is_named(agent: Agent, clp: Clp) -> None:
    because = {"key": "cf36", "args": {"server": "node2", "reason": "no space"}}
    more = {"failed": {"node2": because}, "stopped": ["old"]}
    applied = {**_TOLD, "dry": False, "restarted": ["g"], **more}
    agent.answers["apply"] = [{"ok": True, "applied": applied}]
    agent.answers["status"] = [_status()]
    out, err, code = clp("config apply --yes")
    assert code == Exit.DONE  # it has adopted since
    assert "node2: cf36 server=node2 reason=no space" in err
    assert "Stopped, as the configuration has them no more: old.\n" in out


def test_nothing_to_apply_is_said(agent: Agent, clp: Clp) -> None:
    agent.answers["apply"] = [{"ok": True, "applied": {"same": True, "revision": _NAME}}]
    out, _, code = clp("config apply --yes")
    assert code == Exit.DONE
    assert f"Nothing changes: it is revision {_NAME} already." in out


_FOUND = {
    "file": "conf.d/a.toml",
    "line": 7,
    "key": "group.g",
    "what": "There is no \x1b[31mfile.",
    "remedy": "Put it there.",
}
_REFUSED = {
    "ok": False,
    "error": "node2 cannot use this configuration.",
    "remedy": "Mend it.",
    "because": [],
    "servers": {"node2": {"because": None, "findings": [_FOUND]}},
}


def test_what_servers_found_is_told_by_server(agent: Agent, clp: Clp) -> None:
    agent.answers["apply"] = [_REFUSED]
    _, err, code = clp("config rollback 1 --yes")
    assert code == Exit.BAD_CONFIG
    assert "node2: conf.d/a.toml:7: group.g: There is no  [31mfile.\n  Put it there.\n" in err
    assert "clp: node2 cannot use this configuration." in err
    assert agent.asked[-1]["source"] == "1"
    out, _, _ = clp("config apply --yes --json")
    assert json.loads(out)["servers"]["node2"]["findings"] == [_FOUND]


@pytest.mark.parametrize("verb", ["apply", "apply --offline", "rollback 1"])
def test_a_comment_that_nobody_could_keep_is_refused_before_anybody_is_asked(
    agent: Agent, clp: Clp, verb: str
) -> None:
    comment = os.fsdecode(b"caf\xe9")
    out, err, code = clp(f"config {verb} --yes --comment {comment}")
    assert (out, code) == ("", Exit.USAGE)
    assert "--comment: 'caf\\udce9' is no text in UTF-8" in err
    assert agent.asked == []


def test_an_agent_that_goes_away_leaves_it_open(agent: Agent, clp: Clp) -> None:
    agent.answers["apply"] = [{"leave": True}]
    _, err, code = clp("config apply --yes")
    assert code == Exit.UNKNOWN
    assert "whether it was applied is unknown" in err
    assert "clp config history" in err


def test_adopting_names_a_server(agent: Agent, clp: Clp) -> None:
    agent.answers["status"] = [_status()]
    agent.answers["adopt"] = [{"ok": True, "adopted": {"same": False, "revision": _NAME}}]
    out, _, code = clp("config adopt node2")
    assert code == Exit.DONE
    assert f"Revision {_NAME} of node2 is adopted" in out
    _, err, code = clp("config adopt node9")
    assert code != Exit.DONE
    assert "node9" in err


# -- without an agent


@pytest.fixture
def kept(root: Path) -> Root:
    """A server that keeps two revisions, and whose working copy is the second."""
    made = Root(root)
    archive = Archive(made.revisions)
    for number, text in enumerate(("# one\n", "# two\n"), start=1):
        files = {"conf.d/a.toml": revision.File(0o644, text.encode())}
        bundle = revision.pack(files)
        each = Revision(number, hashlib.sha256(bundle).hexdigest())
        about = About(by="me", server="node1", at=1_000, comment=f"comment {number}")
        working.write(files, Folders.below(archive.stage(each, about, bundle)))
        archive.commit(each)
    made.conf.mkdir(parents=True)
    (made.conf / "a.toml").write_text("# two\n")
    return made


def test_the_history_needs_no_agent(kept: Root, clp: Clp) -> None:
    assert kept.revisions.exists()
    out, err, code = clp("config history")
    assert (code, err) == (Exit.DONE, "")
    first, second = out.splitlines()
    assert first.startswith("  000001-")
    assert second.startswith("* 000002-")
    assert second.endswith("me@node1          comment 2")
    told = json.loads(clp("config history --json")[0])
    assert told["current"].startswith("000002-")
    assert [each["comment"] for each in told["revisions"]] == ["comment 1", "comment 2"]


def test_a_revision_that_nobody_applied_is_the_agents(kept: Root, clp: Clp) -> None:
    (about,) = kept.revisions.glob("000001-*/about.json")
    told = json.loads(about.read_text())
    told["about"] |= {"by": "", "server": "", "comment": "the first start"}
    about.write_text(json.dumps(told))
    first = clp("config history")[0].splitlines()[0]
    assert first.endswith("  the agent         the first start")


def test_differences_are_shown_line_by_line(kept: Root, clp: Clp) -> None:
    out, _, code = clp("config diff")
    assert code == Exit.DONE
    assert out.startswith("No difference: conf.d and scripts are as revision 000002-")
    assert clp("config diff 2 2")[0].startswith("No difference: revision 000002-")
    (kept.conf / "a.toml").write_text("# three\n")
    out, _, _ = clp("config diff 1")
    assert "-# one\n+# three\n" in out
    assert out.startswith("--- 000001-")
    assert f"\n+++ {kept.conf}/a.toml\n" in out
    assert "conf.d and scripts have errors. They are told by\n  clp config check\n" in out
    out, _, _ = clp("config diff 1 2")
    assert "\n+++ 000002-" in out
    assert " has errors. They are told by\n  clp config check /" in out
    told = json.loads(clp("config diff 1 2 --json")[0])
    assert told["lines"][-2:] == ["-# one", "+# two"]
    assert told["usable"] is False
    _, err, code = clp("config diff 7")
    assert code == Exit.REFUSED
    assert "there is no revision 7" in err


def test_before_the_first_start_nothing_is_kept(root: Path, clp: Clp) -> None:
    for words in ("diff", "history"):
        _, err, code = clp(f"config {words}")
        assert code == Exit.REFUSED
        assert f"no revision is kept in {root}" in err
