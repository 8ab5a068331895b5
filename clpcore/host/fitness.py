"""What makes a plugin unfit; each rule says why, and what would mend it."""

from __future__ import annotations

import difflib
import inspect
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

import attrs
import pluggy

from clpcore import api
from clpcore.host.registry import Key, Owner

_HOOK: Final = "clp_register"
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")


class Unfit(Exception):
    """The plugin cannot be used; says why and what would mend it."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


def check_hooks(manager: pluggy.PluginManager, plugin: object) -> None:
    """Refuse what pluggy takes in silence and then never calls, or calls in vain.

    Raises:
        Unfit: a misspelt hook, none at all, one that is a coroutine, or a parameter with a default.

    """
    known = {name for name in vars(api.Hooks) if name.startswith("clp_")}
    found = [name for name in dir(plugin) if manager.parse_hookimpl_opts(plugin, name) is not None]
    for name in found:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0)[0]
            raise Unfit(f"it implements {name}, which is no hook", f"Rename it to {near}.")
    if not found:
        raise Unfit(
            "it implements no hook", f"Define {_HOOK}(register) and mark it with @api.hookimpl."
        )
    for name in found:
        _check_signature(name, getattr(plugin, name))


def _check_signature(name: str, member: Callable[..., object]) -> None:
    if inspect.iscoroutinefunction(member) or inspect.isasyncgenfunction(member):
        raise Unfit(f"its {name} is a coroutine, which nobody would await", "Write it with def.")
    for parameter in inspect.signature(member).parameters.values():
        if parameter.default is not parameter.empty:
            raise Unfit(
                f"its {name} gives the parameter {parameter.name} a default, which pluggy"
                " would use in place of the value passed",
                f"Take the default of {parameter.name} away.",
            )


def check_specs(specs: Sequence[object], taken: Mapping[Key, Owner], owner: Owner) -> None:
    """Refuse a plugin one of whose drivers does not fit.

    Raises:
        Unfit: no driver, or one that breaks a rule of the contract or is owned already.

    """
    if not specs:
        raise Unfit("it registered no driver", f"Call register.add(...) in {_HOOK}.")
    owners = dict(taken)
    for spec in specs:
        if not isinstance(spec, api.DriverSpec):
            raise Unfit(f"it registered {spec!r:.80}, which is no DriverSpec", "Mend the plugin.")
        _check_spec(spec)
        key = (spec.kind, spec.name)
        if key in owners:
            raise Unfit(
                f"{spec.kind.value} {spec.name!r} already comes from {owners[key]}",
                f"Uninstall {owners[key].distribution} or {owner.distribution}.",
            )
        owners[key] = owner


def _check_spec(spec: api.DriverSpec) -> None:
    for field, (fits, wanted) in _WANTED.items():
        value = getattr(spec, field)
        if not fits(value):
            raise Unfit(
                f"the {field} of its driver {spec.name!r:.50} is {value!r:.80}, not {wanted}",
                f"Give its DriverSpec another {field}.",
            )
    what = f"{spec.kind.value} {spec.name!r}"
    if not api.API.serves(spec.api):
        raise Unfit(
            f"{what} was written for API {spec.api}; this clpcore serves {api.API}",
            f"Install a version of the plugin for API {api.API}, or another clpcore.",
        )
    if not attrs.has(spec.config):
        raise Unfit(
            f"{what} has the configuration class {spec.config!r:.80}, which is no attrs class",
            "Decorate it with @attrs.frozen and make its fields with api.setting.",
        )
    if spec.make is None and api.Capability.BUILT_IN not in spec.capabilities:
        raise Unfit(f"{what} has no make: nothing can drive it", "Give its DriverSpec a make.")
    if missing := _missing(spec.needs):
        words = ", ".join(missing)
        raise Unfit(f"{what} needs {words}, not found on PATH", f"Install {words} here.")


def _is_a(kind: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kind)


def _are_words(value: Any) -> bool:  # noqa: ANN401 - whatever a plugin gives
    """Tell whether it is several texts; one alone would be taken for its letters."""
    return isinstance(value, tuple | list) and all(isinstance(each, str) for each in value)


def _are_capabilities(value: Any) -> bool:  # noqa: ANN401 - as above
    known = _is_a(api.Capability)
    return isinstance(value, AbstractSet) and all(map(known, value))


_WORDS: Final = (_are_words, "a tuple of texts")
# What attrs does not check. Types and names are looked up, and become parts of paths and pages.
_WANTED: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "kind": (_is_a(api.Kind), "one of api.Kind"),
    "name": (
        lambda value: isinstance(value, str) and _NAME.fullmatch(value) is not None,
        "a word of at most 40 small letters, digits, - and _ that begins with a letter",
    ),
    "api": (_is_a(api.ApiVersion), "an api.ApiVersion"),
    "summary": (
        lambda value: isinstance(value, str) and value.isprintable() and bool(value.strip()),
        "a line of printable text",
    ),
    "make": (lambda value: value is None or callable(value), "what can be called"),
    "validate": (callable, "what can be called"),
    "warm_up": (callable, "what can be called"),
    "capabilities": (_are_capabilities, "a set of api.Capability"),
    "defaults": (
        lambda value: isinstance(value, Mapping) and _are_words(list(value)),
        "a mapping whose keys are texts",
    ),
    "pairs_with": _WORDS,
    "activates_after": _WORDS,
    "needs": _WORDS,
}


def _missing(needs: Iterable[str]) -> list[str]:
    return [program for program in needs if shutil.which(program) is None]
