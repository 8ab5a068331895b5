"""The page docs/howto/witness.md and the unit say what is so: what can be tried is tried."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import attrs
import pytest

from clpcore import config as core
from clpcore import host
from clpcore_witness import keyfile, line
from clpcore_witness.service import config, main

_ROOT = Path(__file__).parents[3]
_PAGE = (_ROOT / "docs/howto/witness.md").read_text()
_UNIT = (_ROOT / "contrib/systemd/clp-witness.service").read_text()


class _Process(Protocol):
    url: str


def _blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", _PAGE, re.DOTALL | re.MULTILINE)


def _commands() -> list[list[str]]:
    lines = [line for block in _blocks("sh") for line in block.splitlines()]
    found = [re.sub(r"^runuser -u clp-witness -- ", "", line) for line in lines]
    return [shlex.split(line) for line in found if line.startswith("clp-witness ")]


def test_its_commands_are_commands() -> None:
    commands = _commands()
    assert [words[1] for words in commands] == ["keygen", "check", "new", "heard"]
    for _, *words in commands:
        main._parser().parse_args(words)


def test_the_steps_of_the_page_give_a_witness(
    tmp_path: Path, process: Callable[..., _Process], capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("state", "keys"):  # as if nobody had made them yet
        for file in (tmp_path / folder).iterdir():
            file.unlink()
        (tmp_path / folder).rmdir()
    (tmp_path / "keys").mkdir(mode=0o700)
    keygen, check, new, heard = _commands()
    file = tmp_path / "first.toml"
    places = f'state = "{tmp_path}/state"\nkeys = "{tmp_path}/keys"\n'
    file.write_text(f'listen = ["127.0.0.1:0"]\n{places}')
    own = ["--config", str(file)]
    folder = str(tmp_path)
    assert main.main([word.replace("/root", folder) for word in keygen[1:]]) == 0
    (tmp_path / "Cluster1.witness.key").rename(tmp_path / "keys" / "Cluster1.key")
    assert main.main([*check[1:], *own]) == 0
    assert main.main([*new[1:], *own]) == 0
    running = process()
    key = tmp_path / "Cluster1.server.key"
    words = [running.url if word.startswith("https:") else word for word in heard[1:]]
    assert main.main([str(key) if word.endswith(".key") else word for word in words]) == 0
    assert "knows cluster Cluster1" in capsys.readouterr().out


def test_its_configurations_are_good(tmp_path: Path) -> None:
    service, cluster = _blocks("toml")
    (tmp_path / "witness.toml").write_text(service)
    assert config.load(tmp_path / "witness.toml").listen_tls == (("0.0.0.0", 443),)  # noqa: S104 - read
    tables = tomllib.loads(cluster)
    specs = host.load_one("witness").specs
    for kind, table in (("heartbeat", "heartbeat"), ("arbiter", "arbiter")):
        (settings,) = tables[table].values()
        spec = next(s for s in specs.values() if s.kind.value == kind)
        assert settings.pop("type") == spec.name
        assert list(spec.validate(core.structure(spec, settings))) == []


def test_every_key_of_the_file_has_its_row_and_default() -> None:
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \|(.*?)\|", _PAGE, re.MULTILINE)
    told = {name: default for names, default in rows for name in re.findall(r"[a-z_]+", names)}
    fields = attrs.fields_dict(config.Config)
    assert {name for name in told if name in fields} == set(fields)
    plain = config.Config()
    assert f'"{plain.state}"' in told["state"]
    assert f'"{plain.keys}"' in told["keys"]
    assert str(plain.expire // 1_000) in told["expire"]
    assert str(plain.strangers) in told["strangers"]


def test_the_key_file_of_the_page_is_the_drivers_default() -> None:
    default = attrs.fields(line.Connection).key_file.default
    assert f"`{default}`" in _PAGE
    assert keyfile.NAME.fullmatch("Cluster1")


def test_the_unit_is_where_the_page_says_and_starts_what_it_installs() -> None:
    assert "contrib/systemd/clp-witness.service" in _PAGE
    assert "ExecStart=/opt/clpcore/bin/clp-witness serve\n" in _UNIT
    assert "/opt/clpcore/bin/clp-witness " in _PAGE
    assert f"RestartPreventExitStatus={main.CONFIGURATION}\n" in _UNIT
    assert "StateDirectory=clp-witness\n" in _UNIT
    assert "User=clp-witness\n" in _UNIT
    assert "useradd --system" in _PAGE
