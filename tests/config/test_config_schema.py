"""The schema and ``load`` agree: what one takes the other takes, as far as a shape can tell."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import jsonschema  # type: ignore[import-untyped]  # stubs are another distribution
import pytest

from clpcore import config, host
from clpcore.api import API, DriverSpec, Kind, setting
from clpcore.config.schema import schema
from clpcore.ctl.main import main

Specs = dict[tuple[Kind, str], DriverSpec]
Document = dict[str, Any]

_EXAMPLES = Path(__file__).parents[2] / "conf.d"
_NAMES = sorted(folder.name for folder in _EXAMPLES.iterdir() if folder.is_dir())


def _merged(folder: Path) -> Document:
    whole: Document = {}
    for file in sorted(folder.glob("*.toml")):
        _merge(whole, tomllib.loads(file.read_text()))
    return whole


def _merge(whole: Document, part: Document) -> None:
    for key, value in part.items():
        if isinstance(value, dict):
            _merge(whole.setdefault(key, {}), value)
        else:
            whole[key] = value


def _validator(specs: Specs) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema(specs))


@pytest.mark.parametrize("name", _NAMES)
def test_every_example_is_valid(name: str) -> None:
    validator = _validator(dict(host.load().specs))
    assert [error.message for error in validator.iter_errors(_merged(_EXAMPLES / name))] == []


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "schema"]) == 0
    found = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(found)
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    lbpp = found["$defs"]["resource.lbpp"]["properties"]
    assert lbpp["port"]["examples"] == [26001]
    assert (lbpp["port"]["minimum"], lbpp["port"]["maximum"]) == (1, 65535)
    assert found["$defs"]["monitor.lbppw"]["properties"]["timeout"]["default"] == 180


_GROUP = "[group.g]\n"
_APP = "[group.g.resource.a1]\ntype = 'app'\n"
_LOOK = "[monitor.look1]\ntype = 'look'\n"
_PORT = "[group.g.resource.p1]\ntype = 'port'\nport = 26001\n"


@pytest.mark.parametrize(
    "text",
    [
        _APP,
        _PORT,
        f"{_APP}patience = 0.5",
        f"{_APP}patience = '500 ms'",
        f"{_APP}server.node1.start = 'other.sh'",
        f"{_APP}depends_on = []\nactivation_final_action = 'reboot'",
        f"{_PORT}monitors.portw = 'mine'\n[monitor.mine]\nretry = 2",
        f"{_PORT}[monitor.portw1]\ndepth = 3",
        f"{_APP}[monitor.look1]\ntype = 'look'\ntarget = 'a1'\nfinal_action = 'none'",
        "[group.g.resource.x]\ntype='address'\nserver.node1.ip='10.0.0.9'\nserver.node2.ip='10.0.0.9'",
        "[heartbeat.lanhb1]\ntype = 'lanhb'\ninterconnect = 1",
        f"{_GROUP}startup_servers = ['node2']\nfailback = 'auto'\n{_APP}",
        "[np.np1]\ntype = 'httpnp'\nurl = 'x'\ntries = 2\nservers = ['node1']",
        "[np.np1]\ntype = 'httpnp'\nserver.node1.url = 'x'\nserver.node2.url = 'y'",
        "[fencing.f1]\ntype = 'stop'\nserver.node1.vm_name = 'x'\ntimeout = 20",
        "[arbiter.a1]\ntype = 'store'\nurl = 'x'\nlease = 90",
        "[heartbeat.w1]\ntype = 'witnesshb'\nurl = 'x'",
        f"{_LOOK}[monitor.m1]\ntype = 'mtw'\nmonitors = ['look1']",
    ],
)
def test_both_take_it(text: str, load_only: Callable[[str], config.Loaded], specs: Specs) -> None:
    loaded = load_only(_BASE + text)
    assert loaded.config, config.render(loaded.problems, None)
    assert list(_validator(specs).iter_errors(_whole(text))) == []


@pytest.mark.parametrize(
    "text",
    [
        f"{_APP}patience = 0.05",  # too little
        f"{_APP}patience = -1",
        f"{_APP}patience = '5 days'",
        f"{_APP}wait = 'yes'",
        f"{_APP}strat = 'start.sh'",  # no such key
        f"{_APP}server.node1.depends_on = []",  # the same on every server
        f"{_APP}activation_final_action = 'explode'",
        f"{_APP}activation_retry = -1",
        f"{_APP}monitors.portw = 'x'",  # none of that type
        "[group.g.resource.a1]\nstart = 'x'",  # no type
        "[group.g.resource.a1]\ntype = 'nobody'",
        "[group.g.resource.p1]\ntype = 'port'",  # no port
        "[group.g.resource.p1]\ntype = 'port'\nport = 70000",
        "[group.g.resource.p1]\ntype = 'port'\nport = '26001'",
        f"[group.'a b']\n{_APP}",  # no name
        f"{_PORT}[monitor.portw1]\nretries = 2",
        "[monitor.look1]\ntype = 'portw'\nport = '1'",
        "[heartbeat.lanhb1]\ntype = 'lanhb'",
        "[heartbeat.lanhb1]\ntype = 'lanhb'\ninterconnect = 0",
        "[server.node3]\npriority = 3",
        "[server.node3]\npriority = 3\ninterconnect = [1]",
        "[nonsense]\na = 1",
        "[np.np1]\ntype = 'httpnp'",  # no url
        "[np.np1]\ntype = 'stop'",
        "[np.np1]\ntype = 'httpnp'\nurl = 'x'\nretry = 3",
        "[fencing.f1]\ntype = 'stop'\nserver.node1.timeout = 3",
        "[arbiter.a1]\ntype = 'store'\nurl = 'x'\nlease = -1",
        "[arbiter.a1]\ntype='store'\nurl='x'\n[arbiter.a2]\ntype='store'\nurl='x'",
    ],
)
def test_neither_takes_it(text: str, load: Callable[[str], config.Loaded], specs: Specs) -> None:
    assert load(text).config is None
    assert list(_validator(specs).iter_errors(_whole(text)))


_BASE = """
[cluster]
name = "Cluster1"
platform = "lab"
[server.node1]
priority = 1
interconnect = ["10.5.0.110"]
[server.node2]
priority = 2
interconnect = ["10.5.0.111"]
"""


def _whole(text: str) -> Document:
    whole = tomllib.loads(_BASE)
    _merge(whole, tomllib.loads(text))
    return whole


@attrs.frozen
class _Odd:
    """What a careless plugin may bring."""

    tags: tuple[str, ...] = setting("Words.", default=attrs.Factory(tuple), example="a, b")


def test_a_careless_plugin_does_not_break_it(specs: Specs) -> None:
    odd = DriverSpec(kind=Kind.MONITOR, name="odd", api=API, summary="Odd.", config=_Odd)
    made = schema({**specs, (odd.kind, odd.name): odd})
    tags = made["$defs"]["monitor.odd"]["properties"]["tags"]
    assert tags == {
        "description": "Words.",
        "type": "array",
        "items": {"type": "string"},
        "examples": ["a, b"],
    }


def test_a_cluster_needs_a_name(specs: Specs) -> None:
    validator = _validator(specs)
    assert not list(validator.iter_errors(tomllib.loads(_BASE)))
    assert list(validator.iter_errors({"cluster": {}, "server": {}}))
    assert list(validator.iter_errors({"server": {}}))


def test_every_key_says_what_it_is(specs: Specs) -> None:
    made = schema(specs)
    tables = [made["properties"]["cluster"], *made["$defs"].values()]
    for table in tables:
        for name, key in table["properties"].items():
            if name not in {"type", "server", "monitors"}:
                assert key["description"], name
