"""README and how-to name what there is, and their commands are commands."""

from __future__ import annotations

import inspect
import json
import re
import shlex
import tomllib
from pathlib import Path

import attrs
import pytest

from clp_azuresim import config, main, plan
from clp_azuresim.azure import Azure
from clp_azuresim.desk import Desk
from clp_azuresim.dns_server import Mood
from clp_azuresim.faults import Wrong
from clp_azuresim.roles import Role
from clp_azuresim.vault import SORTS
from clp_lab.file import load as load_lab

_ROOT = Path(__file__).parents[3]
_README = (Path(__file__).parents[1] / "README.md").read_text()
_HOWTO = (_ROOT / "docs/howto/rehearse-azure.md").read_text()


def _commands(page: str) -> list[list[str]]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    lines = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    return [words[1:] for words in lines if words[0] == "clp-azuresim"]


def test_the_readme_names_every_fault_mood_and_sort() -> None:
    told = set(re.findall(r"`(\w+)`", _README)) | set(re.findall(r'certificate\("(\w+)"', _README))
    assert {each.value for each in Wrong} <= told
    assert {each.value for each in Mood} <= told
    assert set(SORTS) - {"good"} <= told


def test_the_readme_names_every_key() -> None:
    table = _README.partition("## The file")[2]
    told = {word for words in re.findall(r"`([^`]+)`", table) for word in re.split(r"[. ]", words)}
    for kind in (
        plan.Plan,
        plan.Timing,
        plan.ApplicationPlan,
        plan.ZonePlan,
        plan.RecordPlan,
        plan.MachinePlan,
        plan.BalancerPlan,
        plan.ProbePlan,
        plan.RulePlan,
        Role,
    ):
        for field in attrs.fields(kind):
            names = {field.name, field.name.removesuffix("s"), f"[[{field.name}]]"}
            assert names & (told | {"name", "role"}), f"{kind.__name__}.{field.name}"


@pytest.mark.parametrize("page", [_README, _HOWTO], ids=["README", "howto"])
def test_its_commands_can_be_done(azure: Azure, page: str) -> None:
    commands = _commands(page)
    assert len(commands) > 3
    for words in commands:
        given = main._parser().parse_args(words)
        if given.run is main._ask and given.word != "...":
            azure.ask(given.word, dict(main._detail(each) for each in given.details))


def test_every_word_of_the_desk_is_in_the_hands_of_a_test() -> None:
    words = {name for name, _ in inspect.getmembers(Desk, inspect.isfunction) if name[0] != "_"}
    source = inspect.getsource(Azure)
    assert {word for word in words - {"ask"} if f'("{word}"' not in source} == set()


def test_the_lab_file_of_the_how_to_is_one(tmp_path: Path) -> None:
    (prepare,) = [words for words in _commands(_HOWTO) if "--folder" in words and "new" in words]
    here = [str(tmp_path / word) if word.startswith("azure") else word for word in prepare]
    assert main.main(here) == 0
    block = re.findall(r"^```toml\n(\[lab\].*?)^```$", _HOWTO, re.DOTALL | re.MULTILINE)[0]
    (tmp_path / "lab.toml").write_text(block)
    loaded = load_lab(tmp_path / "lab.toml")
    assert loaded.azure == str(tmp_path / "azure")
    assert set(loaded.files) == {"var/lib/azure.pem", "var/lib/azure-ca.pem"}


def test_the_values_that_the_how_to_shows_are_those_that_are_printed(
    azure: Azure, tmp_path: Path
) -> None:
    block = re.findall(r"^```toml\n(.*?)^```$", _HOWTO, re.DOTALL | re.MULTILINE)[0]
    shown = tomllib.loads(block)
    file = tmp_path / "azuresim.toml"
    file.write_text(main.guide())
    loaded = config.load(file)
    assert shown["subscription_id"] == loaded.subscription == azure.subscription
    assert shown["tenant_id"] == loaded.tenant
    assert shown["application_id"] == loaded.applications[0].id
    assert shown["resource_manager"] == f"https://{loaded.listen}"
    assert json.dumps(shown["private"]) == "true"
