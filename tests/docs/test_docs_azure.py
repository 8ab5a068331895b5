"""docs/howto/azure.md: what can be run here runs; what asks Azure fits the templates."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pycep import BicepParser

from clpcore import config, host
from clpcore.ctl.main import main
from clpcore.model.config import ClusterConfig
from clpcore.model.protection import Policy

_ROOT = Path(__file__).parents[2]
_PAGE = _ROOT / "docs/howto/azure.md"
_TEXT = _PAGE.read_text()
_BLOCKS = re.findall(r"^```sh\n(.*?)^```$", _TEXT, re.DOTALL | re.MULTILINE)
_LINES = "".join(_BLOCKS).replace("\\\n", " ").splitlines()
_NEW = [line for line in _LINES if line.startswith("clp config new")]
_BICEP = _ROOT / "contrib/bicep"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and no configuration of this machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLP_ROOT", "here")
    monkeypatch.setenv("CLP_SERVER", "node1")
    return tmp_path


def _made(line: str) -> ClusterConfig:
    """Run a line with `clp config new`, and load what it has written."""
    words = shlex.split(line)[1:]
    assert main(words) == 0
    registry = host.load()
    loaded = config.load(Path(words[2]) / "conf.d", registry.specs, registry.refused)
    assert loaded.config, config.render(loaded.problems, None)
    assert loaded.problems == ()
    return loaded.config


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("line", _NEW)
def test_each_set_up_passes_the_check_and_rests_on_proof(line: str) -> None:
    cluster = _made(line)
    assert (cluster.policy, cluster.exclusive) == (Policy.COHORT, True)
    (stop,) = cluster.fencings
    assert stop.settings["managed_identity"] is True
    principal = "--application 33333333-3333-3333-3333-333333333333 --tenant example.com"
    (stop,) = _made(f"{line.replace('./', './with-', 1)} {principal}").fencings
    assert stop.settings["certificate_file"] == "/etc/clpcore/azure.pem"


def test_there_is_one_for_each_set_up() -> None:
    kinds = {re.findall(r"--kind (\S+)", line)[0] for line in _NEW}
    assert kinds == {"dns", "public-lb", "internal-lb", "internal-lb-dsr"}


@pytest.mark.parametrize(
    ("kind", "template"),
    [
        ("dns", "azure-dns.bicep"),
        ("public-lb", "public-lb.bicep"),
        ("internal-lb", "internal-lb.bicep"),
        ("internal-lb-dsr", "internal-lb.bicep"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_servers_are_the_templates(kind: str, template: str) -> None:
    (line,) = [line for line in _NEW if re.search(rf"--kind {kind}\s", line)]
    parsed: dict[str, Any] = dict(BicepParser().parse(text=(_BICEP / template).read_text()))
    parameters = parsed["parameters"]
    made = [(each["name"], each["address"]) for each in parameters["servers"]["default"]]
    assert made == [(each.name, each.interconnect[0]) for each in _made(line).servers]
    assert f"`{template}`" in _TEXT
    assert re.findall(r"\| `(\w+)=[\w.]+`", _TEXT) == ["zone", "directServerReturn"]
    for given in re.findall(rf"`{template}` \| `(\w+)=", _TEXT):
        assert given in parameters


def test_what_az_names_is_what_the_templates_make() -> None:
    made = "".join(file.read_text() for file in _BICEP.glob("*.bicep"))
    flags = ("--nsg-name", "--vnet-name", "--subnet", "--zone-name")
    named = {flag: re.findall(rf"{flag} (\S+)", "".join(_BLOCKS) + _TEXT) for flag in flags}
    assert all(named.values())
    for name in {name for names in named.values() for name in names}:
        assert f"'{name}'" in made, name


def test_the_script_is_shell_and_the_check_takes_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lines of step 4 that make scripts, and its check, as the page has them."""
    (line,) = [line for line in _NEW if "./public" in line]
    assert main(shlex.split(line)[1:]) == 0
    (block,) = [block for block in _BLOCKS if "<<'END'" in block]
    here = re.compile(r"cat > (\S+) <<'END'\n(.*?)^END$", re.DOTALL | re.MULTILINE)
    for name, text in here.findall(block):
        assert (folder / name).is_file()
        (folder / name).write_text(text)
    capsys.readouterr()
    assert main(["config", "check", "public/conf.d"]) == 0
    out = capsys.readouterr().out
    assert "Scripts were looked for" in out
    assert "warning" not in out


def test_the_role_is_the_one_that_is_printed(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (line,) = [line for line in _NEW if "./public" in line]
    assert main(shlex.split(line)[1:]) == 0
    (folder / "here/etc").mkdir(parents=True)
    (folder / "public").rename(folder / "here/etc/clpcore")
    capfd.readouterr()
    printed = {}
    for line in (line for line in _LINES if " clp azure " in line):
        words = shlex.split(line)[shlex.split(line).index("clp") + 1 :]
        assert main(words[: words.index(">")]) == 0
        printed[words[-1]] = capfd.readouterr().out
    assert set(printed) == {"role.json", "scopes", "doctor.json", "group"}
    (shown,) = re.findall(r"```json\n(.*?)```", _TEXT, re.DOTALL)
    assert json.loads(printed["role.json"]) == json.loads(shown)
    for file in ("role.json", "doctor.json"):
        assert f'--role "{json.loads(printed[file])["Name"]}"' in _TEXT
    machines = [each.rpartition("/")[2] for each in printed["scopes"].split()]
    assert machines == ["node1", "node2"]
    assert printed["group"].endswith("/resourceGroups/TestGroup1\n")


def test_what_pip_installs_are_our_distributions() -> None:
    ours = {
        tomllib.loads(file.read_text())["project"]["name"]
        for file in [_ROOT / "pyproject.toml", *_ROOT.glob("plugins/*/pyproject.toml")]
    }
    lines = [line.partition("#")[0].split() for line in _LINES if "/pip install" in line]
    assert {word for words in lines for word in words[2:]} <= ours


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#:]+)[)#]", _TEXT))))
def test_what_it_points_to_is_there(target: str) -> None:
    assert (_PAGE.parent / target).exists()


def test_it_says_what_nobody_has_run() -> None:
    assert "Nobody has run this page on the real Azure yet." in _TEXT
