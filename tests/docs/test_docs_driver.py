"""The driver of docs/howto/write-a-driver.md is what it says: it is loaded, checked and run."""

from __future__ import annotations

import asyncio
import importlib
import re
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clp_lab import cli
from clpcore import api, config, host

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "write-a-driver.md"
KIT = PAGE.with_name("test-a-driver.md")


def block(name: str, page: Path = PAGE) -> str:
    """Give the code of the page that begins with the comment naming *name*."""
    found: list[str] = re.findall(
        rf"```\w+\n# {re.escape(name)}\n(.*?)```", page.read_text(), re.DOTALL
    )
    assert len(found) == 1, f"{page.name} has {len(found)} blocks named {name}"
    return found[0]


class Files:
    """Ports of a machine that has only files."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}

    def read(self, path: str) -> str | None:
        return self.files.get(path)

    def write(self, path: str, text: str) -> None:
        self.files[path] = text

    def remove(self, path: str) -> None:
        self.files.pop(path, None)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[host.Registry]:
    """Build the page's distribution and unpack its wheel beside ours, as pip would."""
    for name in ("pyproject.toml", "src/acme_clp_flag/__init__.py"):
        file = tmp_path / "acme-clp-flag" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block(name))
    uv = Path(sys.executable).with_name("uv")
    out = tmp_path / "dist"
    argv: list[str | Path] = [
        uv,
        "build",
        "--quiet",
        "--wheel",
        "--out-dir",
        out,
        tmp_path / "acme-clp-flag",
    ]
    subprocess.run(argv, check=True, timeout=60)
    (wheel,) = out.glob("*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    yield host.load()
    sys.modules.pop("acme_clp_flag", None)


def call(role: api.Role = api.Role.ACTIVE) -> api.Call:
    return api.Call(
        event=api.Event.START,
        role=role,
        epoch=7,
        server="node1",
        home="node1",
        previous="",
        group="failover1",
        resource="flag1",
    )


def test_the_plugin_is_accepted(registry: host.Registry) -> None:
    assert registry.refused == ()
    assert registry.owners[api.Kind.RESOURCE, "flag"].distribution == "acme-clp-flag"


def test_its_configuration_makes_resource_and_monitor(
    registry: host.Registry, tmp_path: Path, two_servers: str
) -> None:
    folder = tmp_path / "conf.d"
    folder.mkdir()
    (folder / "cluster.toml").write_text(two_servers)
    (folder / "failover1.toml").write_text(block("conf.d/failover1.toml"))
    loaded = config.load(folder, registry.specs)
    assert loaded.config is not None, [problem.what for problem in loaded.problems]
    assert [monitor.name for monitor in loaded.config.monitors] == ["flagw1"]
    assert loaded.config.monitors[0].target == "flag1"


def test_it_goes_up_and_down_as_often_as_asked(registry: host.Registry) -> None:
    asyncio.run(life(registry))


async def life(registry: host.Registry) -> None:
    ports: Any = Files()
    flag, monitor = (
        driver(registry, api.Kind.RESOURCE, "flag"),
        driver(registry, api.Kind.MONITOR, "flagw"),
    )
    assert await flag.probe(call(), ports) is api.Presence.INACTIVE
    for _ in range(2):
        await flag.activate(call(), ports)
        assert await flag.probe(call(), ports) is api.Presence.ACTIVE
    assert ports.files == {"/run/acme/active": "failover1 on node1, epoch 7\n"}
    assert (await monitor.observe(call(), ports)).health is api.Health.NORMAL
    for _ in range(2):
        await flag.deactivate(call(), ports)
        assert await flag.probe(call(), ports) is api.Presence.INACTIVE
    seen = await monitor.observe(call(), ports)
    assert (seen.health, seen.certain) == (api.Health.ERROR, True)


@pytest.mark.usefixtures("registry")
def test_it_passes_the_kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "tests/test_flag_kit.py"
    file = tmp_path / name
    file.parent.mkdir()
    file.write_text(block(name, KIT))
    monkeypatch.syspath_prepend(str(file.parent))
    monkeypatch.setenv("CLP_RECORD", "1")
    monkeypatch.delitem(sys.modules, "test_flag_kit", raising=False)
    kit = importlib.import_module("test_flag_kit")
    for suite in (kit.TestFlag(), kit.TestFlagMonitor()):
        for rule in (rule for rule in dir(suite) if rule.startswith("test_")):
            getattr(suite, rule)()
    assert len(list(tmp_path.glob("tests/golden/*.txt"))) == 2


def test_its_commands_of_the_lab_are_such() -> None:
    lines = re.findall(r"^clp lab (.*?)(?: +#.*)?$", PAGE.read_text(), re.MULTILINE)
    assert lines[0].startswith("up ")
    assert lines[-1] == "down"
    for line in lines:
        cli.parser().parse_args(shlex.split(line))


def driver(registry: host.Registry, kind: api.Kind, name: str) -> Any:  # noqa: ANN401 - either kind
    spec = registry.specs[kind, name]
    assert spec.make is not None
    return spec.make(spec.config(path="/run/acme/active"))
