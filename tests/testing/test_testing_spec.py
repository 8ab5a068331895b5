"""What a spec must say of itself, and the golden copy of what administrators write."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from clpcore import api
from clpcore.testing import MonitorSuite, ResourceSuite, Suite, rules
from clpcore.testing.golden import metadata


@attrs.frozen(kw_only=True)
class Good:
    port: int = api.setting("The port.", example="80", low=1)
    wait: int = api.setting("How long to wait.", default=500, unit="ms", example='"500 ms"')


@attrs.frozen
class Mute:
    port: int = api.setting("", example="80")


@attrs.frozen
class NoExample:
    port: int = api.setting("The port.")


@attrs.frozen
class WrongExample:
    port: int = api.setting("The port.", example="eighty")


@attrs.frozen
class ExampleOutOfRange:
    port: int = api.setting("The port.", example="0", low=1)


Complaints = Callable[[type[Suite]], dict[str, str]]


class Driver:
    def __init__(self, config: object) -> None:
        self.config = config


def suite_of(settings: dict[str, Any], **words: Any) -> type[Suite]:  # noqa: ANN401 - a spec's
    given: dict[str, Any] = {
        "kind": api.Kind.MONITOR,
        "name": "acme",
        "api": api.API,
        "summary": "Looks.",
        "config": Good,
        "make": Driver,
    }
    made = api.DriverSpec(**(given | words))
    return type("Kit", (Suite,), {"spec": made, "settings": settings, "__module__": __name__})


PORT = {"port": 80}


@pytest.mark.parametrize(
    ("settings", "words", "rule", "says"),
    [
        (PORT, {"summary": "looks"}, rules.DESCRIBED, "'looks' is not one sentence"),
        (PORT, {"summary": "Looks. And more."}, rules.DESCRIBED, "not one sentence"),
        (PORT, {"name": "Acme Watch"}, rules.DESCRIBED, "not one word"),
        (PORT, {"api": api.ApiVersion(9, 9)}, rules.DESCRIBED, "API 9.9"),
        (PORT, {"defaults": {"intervall": 1}}, rules.DESCRIBED, "intervall"),
        (PORT, {"config": Mute}, rules.DOCUMENTED, "the text of port is ''"),
        (PORT, {"config": NoExample}, rules.DOCUMENTED, "no example"),
        (PORT, {"config": WrongExample}, rules.DOCUMENTED, "port = eighty"),
        (PORT, {"config": ExampleOutOfRange}, rules.DOCUMENTED, "0 is too little"),
        (PORT, {"make": None}, rules.DESCRIBED, "no make"),
        ({}, {}, rules.SETTINGS_FIT, "port is missing"),
        ({"port": 80, "prot": 1}, {}, rules.SETTINGS_FIT, "no setting prot"),
        ({"port": "80"}, {}, rules.SETTINGS_FIT, "port"),
    ],
)
def test_a_spec_that_says_too_little_is_caught(
    settings: dict[str, Any],
    words: dict[str, Any],
    rule: rules.Rule,
    says: str,
    complaints: Complaints,
) -> None:
    found = complaints(suite_of(settings, **words))
    assert any(rule.says in text and says in text for text in found.values()), found


def test_a_built_in_driver_needs_no_make(complaints: Complaints) -> None:
    built_in = frozenset({api.Capability.BUILT_IN})
    assert complaints(suite_of(PORT, make=None, capabilities=built_in)) == {}


class TestGolden:
    @pytest.fixture
    def suite(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Suite:
        """A suite whose test stands in a folder of its own."""
        file = tmp_path / "test_kit.py"
        file.write_text("from clpcore.testing import Suite\nclass Kit(Suite): ...\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "test_kit", raising=False)
        import test_kit  # type: ignore[import-not-found] # noqa: PLC0415

        kit: Suite = test_kit.Kit()
        kit.__class__.spec = suite_of(PORT).spec
        return kit

    def test_a_change_is_seen_and_recorded(
        self, suite: Suite, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        check = suite.test_what_administrators_write_is_as_recorded
        monkeypatch.delenv("CLP_RECORD", raising=False)
        with pytest.raises(pytest.fail.Exception) as failed:
            check()
        assert str(failed.value).count("\n") == 0
        assert str(failed.value).endswith(f"is not there yet: {rules.RECORD}")
        with monkeypatch.context() as recording:
            recording.setenv("CLP_RECORD", "1")
            check()
        check()
        suite.__class__.spec = suite_of(PORT, summary="Looks twice.").spec
        with pytest.raises(pytest.fail.Exception, match=r"\+   Looks twice\.") as failed:
            check()
        assert rules.RECORDED.next_step in str(failed.value)

    @pytest.mark.parametrize("kind", [Suite, ResourceSuite, MonitorSuite])
    def test_it_is_the_last_that_is_shown(self, kind: type[Suite]) -> None:
        class Kit(kind):  # type: ignore[valid-type,misc]
            def test_of_the_author(self) -> None: ...

        *_, last = (name for name in vars(Kit) if name.startswith("test_"))
        assert last == "test_what_administrators_write_is_as_recorded"
        assert Kit.test_what_administrators_write_is_as_recorded is getattr(kind, last)


def test_the_golden_copy_says_all_that_administrators_rely_on() -> None:
    spec = suite_of(PORT, defaults={"interval": 5_000}, needs=("ping",)).spec
    assert metadata(spec) == (
        "monitor acme, API 0.1\n"
        "  Looks.\n"
        "  defaults: interval 5000\n"
        "  needs: ping\n"
        "\n"
        "port: int\n"
        "  The port.\n"
        "  example: 80\n"
        "  low: 1\n"
        "\n"
        "wait: int\n"
        "  How long to wait.\n"
        "  default: 500\n"
        "  unit: ms\n"
        '  example: "500 ms"\n'
    )
