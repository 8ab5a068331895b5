"""A driver's settings: checked as a whole, for the check and again for the worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import attrs
import pytest

from clpcore import config
from clpcore.api import API, DriverSpec, Kind, Problem, setting
from clpcore.config import settings


def _spec(
    cls: type,
    validate: Callable[[Any], Iterable[Problem]] = lambda _: (),
    defaults: Mapping[str, int] | None = None,
) -> DriverSpec:
    return DriverSpec(
        kind=Kind.RESOURCE,
        name="toy",
        api=API,
        summary="",
        config=cls,
        validate=validate,
        defaults=defaults or {},
    )


@attrs.frozen
class _Toy:
    port: int = setting("Where it listens.", example="80")
    wait: int = setting("How long.", default=1_500, unit="ms")
    where: tuple[int, ...] = setting("Converted.", default=(), converter=tuple)
    odd: Any = setting("Anything that its converter takes.", default="", converter=str.upper)
    inner: int = attrs.field(default=7)


def test_the_worker_gets_the_drivers_own_class() -> None:
    toy = config.structure(_spec(_Toy), {"port": 80, "wait": "2 s", "where": [1, 2], "odd": "x"})
    assert toy == _Toy(port=80, wait=2_000, where=(1, 2), odd="X")


def test_all_that_is_wrong_is_in_one_error() -> None:
    with pytest.raises(config.BadSettings) as wrong:
        config.structure(_spec(_Toy), {"wait": "soon", "prot": 1, "inner": 3})
    assert str(wrong.value) == (
        'toy.port: port is missing. toy.wait: "soon" is not a duration. '
        "toy.prot: toy has no setting prot. toy.inner: toy has no setting inner."
    )


def test_a_converter_gets_what_files_can_express_already_checked() -> None:
    with pytest.raises(config.BadSettings, match="12 is not a list"):
        config.structure(_spec(_Toy), {"port": 80, "where": 12})


def test_validate_sees_the_settings_once_each_is_good() -> None:
    def busy(toy: _Toy) -> Iterator[Problem]:
        yield Problem("port", f"{toy.port} is busy.", "Take another.")
        yield Problem("", "It looks bad.")

    _, faults = settings.build(_spec(_Toy, busy), {"port": 80})
    assert faults == [
        settings.Fault(("port",), "80 is busy.", "Take another."),
        settings.Fault((), "It looks bad."),
    ]
    _, faults = settings.build(_spec(_Toy, busy), {"port": "x"})
    assert [fault.what for fault in faults] == ['"x" is not a whole number.']


def test_a_plugin_that_raises_is_told_and_ends_nothing() -> None:
    def broken(_: _Toy) -> Iterator[Problem]:
        yield Problem("port", "never seen")
        raise KeyError("oops")

    _, (fault,) = settings.build(_spec(_Toy, broken), {"port": 80})
    assert fault.what == "The check of toy itself failed: KeyError('oops')."
    _, (fault,) = settings.build(_spec(_Toy), {"port": 80, "odd": 3})
    assert fault.what.startswith("toy refuses these settings: ")


@attrs.frozen
class _Odd:
    bare: int
    start: list[str] = setting("Files have no lists of that type.", default=())
    stop: complex = setting("Nor such numbers.", default=0j)
    pair: tuple[int, int] = setting("Nor pairs.", default=(0, 0))
    depends_on: str = setting("Taken by the core.", default="")
    loud: str = setting("No number.", default="", low=1)
    quiet: str | None = setting("No number either.", default=None, high=1)
    maybe: int | None = setting("A number, or none.", default=None, low=1)
    kept: int = attrs.field(default=0)
    made: int = attrs.field(init=False)
    share: float = setting("A number.", default=1, low=1)
    ports: tuple[int, ...] = setting("Numbers.", default=(), high=9)


@attrs.frozen
class _Misspelt:
    port: Itn = setting("A type that is not there.")  # type: ignore[name-defined]  # noqa: F821


def test_a_type_that_cannot_be_configured_says_all_its_defects() -> None:
    assert list(settings.defects(_spec(_Odd, defaults={"retry": 1, "activation_retry": 2}))) == [
        "its mandatory field bare is not made with setting()",
        "its setting depends_on has the name of a key of the core",
        "files cannot express the type of its setting start",
        "files cannot express the type of its setting stop",
        "files cannot express the type of its setting pair",
        "its setting loud has limits but is no number",
        "its setting quiet has limits but is no number",
        "its default retry is no key of a resource",
    ]
    assert list(settings.defects(_spec(int))) == ["its class int is not an attrs class"]
    (said,) = settings.defects(_spec(_Misspelt))
    assert said.startswith("the annotations of its class _Misspelt cannot be read: ")
    assert not list(settings.defects(_spec(_Toy)))
