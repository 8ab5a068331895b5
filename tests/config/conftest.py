"""Toy driver types, and a folder that is written, loaded and asked in one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from clpcore import config
from clpcore.api import API, Capability, DriverSpec, Kind, Problem, setting
from clpcore.model.config import ClusterConfig

Specs = dict[tuple[Kind, str], DriverSpec]


@attrs.frozen
class App:
    start: str = setting("Script that starts it.", default="start.sh", unit="script")
    wait: bool = setting("Wait until the script ends.", default=True)
    patience: int = setting("Before it is killed.", default=5_000, unit="ms", low=100)


@attrs.frozen
class Port:
    port: int = setting(
        "Port that the load balancer probes.", example="26001", low=1, high=65535, unit="port"
    )
    backlog: int = setting("Connections that may wait.", default=5, low=1)


@attrs.frozen
class PortWatch:
    port: int = setting("Port that is looked at.", example="26001", low=1, high=65535)
    depth: int = setting("How often it asks.", default=1)


@attrs.frozen
class Address:
    ip: str = setting("Address that clients use.", example='"10.5.0.99"')


@attrs.frozen
class Link:
    interconnect: int = setting("Which of the servers' interconnects.", example="1", low=1)


@attrs.frozen
class Nothing:
    pass


@attrs.frozen
class Place:
    url: str = setting("Where it is.", example='"https://witness.example"')
    proxy: str = setting("Through what.", default="")
    key_file: str = setting("The key.", default="/etc/clpcore/witness.key")


@attrs.frozen
class Asked:
    url: str = setting("Whom to ask.", example='"https://witness.example"')
    proxy: str = setting("Through what.", default="")


@attrs.frozen
class Counted:
    best_priority_wins_half: bool = setting("Half is enough for the best.", default=False)


@attrs.frozen
class Stop:
    script: str = setting("Script that stops it.", default="stop.sh", unit="script")
    vm_name: str = setting("The machine's name.", default="", example='"vm1"')


@attrs.frozen
class Several:
    monitors: tuple[str, ...] = setting("Which are counted.", example='["look1"]')


def _no_zero(address: Address) -> Iterator[Problem]:
    if address.ip.endswith(".0"):
        yield Problem("ip", f"{address.ip} is a network.", "Give the address of one machine.")


_SPECS = (
    DriverSpec(kind=Kind.RESOURCE, name="app", api=API, summary="An application.", config=App),
    DriverSpec(
        kind=Kind.RESOURCE,
        name="port",
        api=API,
        summary="A probe port.",
        config=Port,
        capabilities=frozenset({Capability.ADDRESS}),
        pairs_with=("portw",),
        activates_after=("*",),
    ),
    DriverSpec(
        kind=Kind.RESOURCE,
        name="address",
        api=API,
        summary="A floating address.",
        config=Address,
        capabilities=frozenset({Capability.ADDRESS, Capability.NOT_ON_AZURE}),
        validate=_no_zero,
        defaults={"activation_retry": 5},
    ),
    DriverSpec(
        kind=Kind.MONITOR,
        name="portw",
        api=API,
        summary="Looks at a probe port.",
        config=PortWatch,
        capabilities=frozenset({Capability.WATCHES_STANDBY}),
        defaults={"timeout": 180_000, "retry": 1},
    ),
    DriverSpec(kind=Kind.MONITOR, name="look", api=API, summary="Looks.", config=Nothing),
    DriverSpec(kind=Kind.MONITOR, name="mtw", api=API, summary="Counts.", config=Several),
    DriverSpec(kind=Kind.HEARTBEAT, name="lanhb", api=API, summary="A path.", config=Link),
    DriverSpec(kind=Kind.HEARTBEAT, name="witnesshb", api=API, summary="A way.", config=Place),
    DriverSpec(
        kind=Kind.PARTITION,
        name="httpnp",
        api=API,
        summary="Asks a server.",
        config=Asked,
        defaults={"timeout": 20_000, "tries": 1},
    ),
    DriverSpec(kind=Kind.PARTITION, name="majoritynp", api=API, summary="Counts.", config=Counted),
    DriverSpec(kind=Kind.FENCE, name="stop", api=API, summary="Stops a server.", config=Stop),
    DriverSpec(kind=Kind.ARBITER, name="store", api=API, summary="Keeps records.", config=Place),
)


_BASE = """
[cluster]
name = "Cluster1"
platform = "lab"
unproven_takeover = true

[server.node1]
priority = 1
interconnect = ["10.5.0.110"]
[server.node2]
priority = 2
interconnect = ["10.5.0.111"]
"""


@pytest.fixture
def specs() -> Specs:
    return {(spec.kind, spec.name): spec for spec in _SPECS}


@pytest.fixture
def load_only(tmp_path: Path, specs: Specs) -> Callable[[str], config.Loaded]:
    """Load one file with this text."""

    def load(text: str) -> config.Loaded:
        (tmp_path / "cluster.toml").write_text(text)
        return config.load(tmp_path, specs)

    return load


@pytest.fixture
def load(
    tmp_path: Path, load_only: Callable[[str], config.Loaded]
) -> Callable[[str], config.Loaded]:
    """Load a good cluster of two servers, in a file of its own, and this text beside it."""
    (tmp_path / "base.toml").write_text(_BASE)
    return load_only


@pytest.fixture
def good(load: Callable[[str], config.Loaded]) -> Callable[[str], ClusterConfig]:
    """Load as ``load`` does what must be without errors."""

    def config_of(text: str) -> ClusterConfig:
        loaded = load(text)
        assert loaded.config, config.render(loaded.problems, None)
        return loaded.config

    return config_of


@pytest.fixture
def complaints(load: Callable[[str], config.Loaded]) -> Callable[[str], list[str]]:
    """Load as ``load`` does, and give what is wrong beside the risk that the base takes."""

    def wrong(text: str) -> list[str]:
        found = (problem for problem in load(text).problems if "TWO SERVERS" not in problem.what)
        return [f"{problem.key}: {problem.what} {problem.remedy}".strip() for problem in found]

    return wrong
