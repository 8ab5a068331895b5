"""Plugins are found, and each unfit one is refused with its reason while the others serve."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clpcore import api, host

_GOOD = """
import attrs
from clpcore import api

@attrs.frozen
class Config:
    size: int = api.setting("How much.", default=1)

class Driver:
    def __init__(self, config): ...

def spec(name, **words):
    given = dict(
        kind=api.Kind.RESOURCE, name=name, api=api.API, summary="One.", config=Config, make=Driver
    )
    return api.DriverSpec(**(given | words))
"""

_REGISTER = """
@api.hookimpl
def clp_register(register):
    for one in [{specs}]:
        register.add(one)
"""


class Shelf:
    """A folder of distributions, as pip would install them, that can be imported from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modules: list[str] = []

    def add(self, plugin: str, source: str, distribution: str = "") -> None:
        distribution = distribution or f"dist-{plugin}"
        module = distribution.replace("-", "_")
        info = self.folder / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
        )
        (info / "entry_points.txt").write_text(f"[clpcore.plugins]\n{plugin} = {module}\n")
        (self.folder / f"{module}.py").write_text(source)
        self.modules.append(module)

    def add_specs(self, plugin: str, *specs: str, distribution: str = "") -> None:
        self.add(plugin, _GOOD + _REGISTER.format(specs=", ".join(specs)), distribution)

    def points(self) -> list[importlib.metadata.EntryPoint]:
        found = importlib.metadata.distributions(path=[str(self.folder)])
        return [point for distribution in found for point in distribution.entry_points]

    def load(self) -> host.Registry:
        return host.load(self.points())

    def refusal(self) -> host.Refused:
        """The only refusal, when a good plugin beside it is taken all the same."""
        self.add_specs("zz_good", 'spec("good")')
        registry = self.load()
        assert list(registry.specs) == [(api.Kind.RESOURCE, "good")]
        (refused,) = registry.refused
        assert refused.remedy.endswith(".")
        return refused


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    monkeypatch.syspath_prepend(tmp_path)
    shelf = Shelf(tmp_path)
    yield shelf
    for module in shelf.modules:
        sys.modules.pop(module, None)


def test_our_own_plugins_are_found() -> None:
    registry = host.load()
    assert registry.refused == ()
    assert {owner.plugin for owner in registry.owners.values()} >= {"exec", "lanhb", "lbpp"}
    assert registry.owners.keys() == registry.specs.keys()


def test_a_fit_plugin_brings_its_drivers_and_its_owner(shelf: Shelf) -> None:
    shelf.add_specs("pair", 'spec("one")', 'spec("onew", kind=api.Kind.MONITOR)')
    registry = shelf.load()
    assert registry.refused == ()
    assert list(registry.specs) == [(api.Kind.RESOURCE, "one"), (api.Kind.MONITOR, "onew")]
    owner = registry.owners[api.Kind.RESOURCE, "one"]
    assert owner == host.Owner("pair", "dist-pair", "1.0")
    assert str(owner) == "plugin pair of dist-pair 1.0"


def test_one_name_may_stand_for_a_resource_and_a_monitor(shelf: Shelf) -> None:
    shelf.add_specs("pair", 'spec("one")', 'spec("one", kind=api.Kind.MONITOR)')
    assert len(shelf.load().specs) == 2


def test_what_is_built_in_needs_no_make(shelf: Shelf) -> None:
    words = "kind=api.Kind.HEARTBEAT, make=None, capabilities={api.Capability.BUILT_IN}"
    shelf.add_specs("hb", f'spec("hb", {words})')
    assert shelf.load().refused == ()


@pytest.mark.parametrize("kind", list(api.Kind))
def test_what_is_not_built_in_needs_a_make(shelf: Shelf, kind: api.Kind) -> None:
    shelf.add_specs("mute", f'spec("mute", kind=api.{kind}, make=None)')
    assert shelf.refusal().reason == f"{kind.value} 'mute' has no make: nothing can drive it"


@pytest.mark.parametrize("kind", list(api.Kind))
def test_drivers_of_every_kind_are_taken(shelf: Shelf, kind: api.Kind) -> None:
    shelf.add_specs("any", f'spec("any", kind=api.{kind})')
    assert list(shelf.load().specs) == [(kind, "any")]


def test_a_driver_that_another_plugin_brings_names_both_owners(shelf: Shelf) -> None:
    shelf.add_specs("first", 'spec("same")')
    shelf.add_specs("second", 'spec("other")', 'spec("same")')
    registry = shelf.load()
    assert list(registry.specs) == [(api.Kind.RESOURCE, "same")]  # all of a plugin or nothing
    assert registry.refused == (
        host.Refused(
            "second",
            "dist-second",
            "resource 'same' already comes from plugin first of dist-first 1.0",
            "Uninstall dist-first or dist-second.",
        ),
    )


def test_a_driver_that_the_plugin_itself_brings_twice(shelf: Shelf) -> None:
    shelf.add_specs("twice", 'spec("same")', 'spec("same")')
    assert "already comes from plugin twice" in shelf.refusal().reason


def test_a_plugin_name_that_is_taken_names_both_distributions(shelf: Shelf) -> None:
    shelf.add_specs("same", 'spec("one")', distribution="a-dist")
    shelf.add_specs("same", 'spec("two")', distribution="b-dist")
    registry = shelf.load()
    assert list(registry.specs) == [(api.Kind.RESOURCE, "one")]
    assert registry.refused == (
        host.Refused(
            "same",
            "b-dist",
            "the plugin name same is taken by a-dist",
            "Uninstall a-dist or b-dist.",
        ),
    )


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (_GOOD, "it implements no hook"),
        (_GOOD + "def clp_register(register): register.add(spec('x'))", "it implements no hook"),
        (
            _GOOD + "@api.hookimpl\ndef clp_registr(register): ...",
            "it implements clp_registr, which is no hook",
        ),
        (_GOOD + "@api.hookimpl\ndef clp_register(register): ...", "it registered no driver"),
        (
            _GOOD + "@api.hookimpl\nasync def clp_register(register): ...",
            "its clp_register is a coroutine, which nobody would await",
        ),
        (
            _GOOD + "@api.hookimpl\ndef clp_register(register=None): ...",
            "its clp_register gives the parameter register a default",
        ),
        (
            _GOOD + "@api.hookimpl\ndef clp_register(register, cluster): ...",
            "it does not fit its hook: Plugin 'bad'",
        ),
        (_GOOD + _REGISTER.format(specs="7"), "it registered 7, which is no DriverSpec"),
        ("import no_such_library", "it cannot be imported: No module named 'no_such_library'"),
        ("1 / 0", "it raises ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "it raises SystemExit: 3"),
        ("raise KeyboardInterrupt", "it raises KeyboardInterrupt: "),
        ("def", "it raises SyntaxError"),
    ],
)
def test_a_plugin_that_breaks_a_rule_of_the_hooks(shelf: Shelf, source: str, reason: str) -> None:
    shelf.add("bad", source)
    refused = shelf.refusal()
    assert refused.plugin == "bad"
    assert refused.distribution == "dist-bad"
    assert refused.reason.startswith(reason)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (
            "api=api.ApiVersion(9, 1)",
            "resource 'x' was written for API 9.1; this clpcore serves 0.1",
        ),
        ("config=dict", "resource 'x' has the configuration class <class 'dict'>"),
        ("make=None", "resource 'x' has no make: nothing can drive it"),
        ("make=None, kind=api.Kind.MONITOR", "monitor 'x' has no make: nothing can drive it"),
        ("needs=('sh', 'clp-no-such')", "resource 'x' needs clp-no-such, not found on PATH"),
        ("kind='resource'", "the kind of its driver 'x' is 'resource', not one of api.Kind"),
        ("api='0.1'", "the api of its driver 'x' is '0.1', not an api.ApiVersion"),
        ("summary=None", "the summary of its driver 'x' is None, not a line of printable text"),
        (r"summary='\x1b[2J'", r"the summary of its driver 'x' is '\x1b[2J', not a line"),
        (r"summary='a\nb'", r"the summary of its driver 'x' is 'a\nb', not a line"),
        ("summary=' '", "the summary of its driver 'x' is ' ', not a line"),
        ("make='Driver'", "the make of its driver 'x' is 'Driver', not what can be called"),
        ("validate=None", "the validate of its driver 'x' is None, not what can be called"),
        ("capabilities=None", "the capabilities of its driver 'x' is None, not a set of"),
        ("capabilities={'address'}", "the capabilities of its driver 'x' is {'address'}, not a"),
        ("defaults=None", "the defaults of its driver 'x' is None, not a mapping"),
        ("defaults={1: 2}", "the defaults of its driver 'x' is {1: 2}, not a mapping"),
        ("pairs_with='xw'", "the pairs_with of its driver 'x' is 'xw', not a tuple of texts"),
        ("activates_after=(1,)", "the activates_after of its driver 'x' is (1,), not a tuple"),
        ("needs='sh'", "the needs of its driver 'x' is 'sh', not a tuple of texts"),
    ],
)
def test_a_driver_that_breaks_a_rule(shelf: Shelf, words: str, reason: str) -> None:
    shelf.add_specs("bad", 'spec("fine")', f'spec(**(dict(name="x") | dict({words})))')
    assert shelf.refusal().reason.startswith(reason)


@pytest.mark.parametrize(
    "name", ["'../../etc'", r"'a\nb'", "''", "'A'", "'1a'", "None", "7", r"'\x1b[2J'", "'a' * 41"]
)
def test_a_driver_whose_name_is_none(shelf: Shelf, name: str) -> None:
    shelf.add_specs("bad", f"spec({name})")
    refused = shelf.refusal()
    assert "not a word of at most 40 small letters" in refused.reason
    assert refused.reason.isprintable()
    assert refused.remedy == "Give its DriverSpec another name."


# -- the check of settings


def check(shelf: Shelf, body: str) -> tuple[list[api.Problem], list[str]]:
    """Give what a check with such a body finds, and which plugin's code was told to run when."""
    source = f"{_GOOD}\ndef validate(config):\n    {body}\n"
    shelf.add("bad", source + _REGISTER.format(specs='spec("x", validate=validate)'))
    begun: list[str] = []
    registry = host.load(shelf.points(), begins=begun.append)
    spec = registry.specs[api.Kind.RESOURCE, "x"]
    begun.clear()
    return list(spec.validate(spec.config())), begun


def test_a_check_that_keeps_the_contract_is_passed_on(shelf: Shelf) -> None:
    found, begun = check(shelf, "yield api.Problem('size', 'too large', 'Less.')")
    assert found == [api.Problem("size", "too large", "Less.")]
    assert begun == ["bad", ""]


@pytest.mark.parametrize(
    ("body", "how"),
    [
        ("yield 'too large'", "gives 'too large', which is no api.Problem of texts"),
        ("yield api.Problem('size', None)", "gives Problem(key='size', what=None, remedy='', "),
        ("yield api.Problem('size', '', '', 1)", "gives Problem(key='size', what='', remedy='', "),
        ("return None", "raises TypeError: 'NoneType' object is not iterable"),
        ("raise ValueError('no')", "raises ValueError: no"),
        ("yield 1 / 0", "raises ZeroDivisionError: division by zero"),
        ("raise SystemExit(0)", "raises SystemExit: 0"),
    ],
)
def test_a_check_that_breaks_the_contract_names_its_owner(
    shelf: Shelf, body: str, how: str
) -> None:
    ((problem,), begun) = check(shelf, body)
    said = "The check of these settings by resource 'x' from plugin bad of dist-bad 1.0 "
    assert problem.what.startswith(said + how)
    assert problem.remedy == "Mend or uninstall dist-bad."
    assert begun == ["bad", ""]


def test_a_check_without_an_end_is_ended(shelf: Shelf) -> None:
    found, _ = check(shelf, "while True: yield api.Problem('size', 'too large')")
    assert len(found) == 100


def test_the_remedy_of_a_misspelt_hook_is_its_name(shelf: Shelf) -> None:
    shelf.add("bad", _GOOD + "@api.hookimpl\ndef clp_registr(register): ...")
    assert shelf.refusal().remedy == "Rename it to clp_register."


def test_the_order_is_by_name_whatever_is_found_first(shelf: Shelf) -> None:
    for plugin in ("b", "a", "c"):
        shelf.add_specs(plugin, 'spec("same")')
    for points in (shelf.points(), shelf.points()[::-1]):
        registry = host.load(points)
        assert registry.owners[api.Kind.RESOURCE, "same"].plugin == "a"
        assert [refused.plugin for refused in registry.refused] == ["b", "c"]


def test_a_worker_loads_its_plugin_and_no_other(shelf: Shelf) -> None:
    shelf.add_specs("mine", 'spec("one")')
    shelf.add("other", "raise SystemExit")
    registry = host.load_one("mine", shelf.points())
    assert list(registry.specs) == [(api.Kind.RESOURCE, "one")]
    assert registry.refused == ()
    assert "dist_other" not in sys.modules


def test_what_is_known_to_be_deadly_is_refused_without_a_look(shelf: Shelf) -> None:
    shelf.add("bad", "raise AssertionError")
    shelf.add_specs("good", 'spec("one")')
    begun: list[str] = []
    registry = host.load(shelf.points(), deadly={"bad": "it kills"}, begins=begun.append)
    assert begun == ["good"]
    assert list(registry.specs) == [(api.Kind.RESOURCE, "one")]
    remedy = "Mend or uninstall dist-bad, then restart the agent."
    assert registry.refused == (host.Refused("bad", "dist-bad", "it kills", remedy, deadly=True),)
    assert "dist_bad" not in sys.modules


def test_what_a_plugin_prints_is_no_output_of_ours(
    shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf.add("loud", "print('hello')")
    shelf.load()
    out, err = capsys.readouterr()
    assert (out, err) == ("", "hello\n")


def test_a_plugin_that_is_not_there_is_refused(shelf: Shelf) -> None:
    (refused,) = host.load_one("gone", shelf.points()).refused
    assert refused.reason == "no plugin gone is installed"
