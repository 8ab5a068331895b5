"""The pages of ``clpstat`` that tell what is configured: -i, --cl, --sv, and their like.

They read the files of the committed revision, which is the same on every server.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from clpcore import api, config, host
from clpcore.config.schema import as_written
from clpcore.config.settings import keys
from clpcore.ctl import names
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.product.clpstat import PARTS
from clpcore.ctl.product.frame import framed
from clpcore.ctl.words import plain
from clpcore.runtime.places import whereabouts

if TYPE_CHECKING:
    from clpcore.config.values import Key
    from clpcore.model.config import ClusterConfig

_WORD: Final = 32  # cells for the word of a setting
_STARS: Final = "********"

Specs = Mapping[tuple[api.Kind, str], api.DriverSpec]


@attrs.frozen
class _Thing:
    """A thing of the configuration, with what the product calls its kind, as in ``[HB0 : ...]``.

    *kind*: that of its driver, if it has one.
    """

    word: str
    name: str
    value: Any
    kind: api.Kind | None = None


def page(wanted: Mapping[str, str], *, detail: bool) -> str:
    """Give the wanted parts, each with a name or none; *detail*: also what is as by default.

    Raises:
        Failure: the configuration has errors, or does not have that name.

    """
    root = whereabouts(os.environ).root
    committed = root.committed / "conf.d"
    folder = committed if committed.is_dir() else root.conf
    registry = host.load()
    there = config.load(folder, registry.specs, registry.refused).config
    if there is None:
        text = f"the configuration in {folder} has errors"
        raise Failure(Exit.BAD_CONFIG, text, "clp config check")
    lines = (
        line for part, name in wanted.items() for line in _part(part, name, there, registry, detail)
    )
    return framed("CLUSTER INFORMATION", lines)


def _part(
    part: str,
    name: str,
    there: ClusterConfig,
    registry: host.Registry,
    detail: bool,  # noqa: FBT001 - one of a row that is handed on
) -> Iterator[str]:
    things = _things(there)[part]
    if name:
        names.check(PARTS[part], name, [thing.name for thing in things])
    for number, thing in enumerate(things):
        if name in {"", thing.name}:
            place = "" if part == "cl" else number
            yield f" [{thing.word}{place} : {thing.name}]"
            yield from _rows(thing, registry.specs, detail=detail)


def _things(there: ClusterConfig) -> dict[str, list[_Thing]]:
    """Give what each part has, in the order of the files; there is no forced stop yet."""
    resources = [each for group in there.groups for each in group.resources]
    return {
        "fnc": [],
        "cl": [_Thing("Cluster Name", there.name, there)],
        "sv": [_Thing("Server", each.name, each) for each in there.servers],
        "hb": [_Thing("HB", e.name, e, api.Kind.HEARTBEAT) for e in there.heartbeats],
        "svg": [_Thing("ServerGroup", each.name, each) for each in there.server_groups],
        "xcl": [_Thing("Exclusion", each.name, each) for each in there.exclusions],
        "grp": [_Thing("Group", each.name, each) for each in there.groups],
        "rsc": [_Thing("Resource", each.name, each, api.Kind.RESOURCE) for each in resources],
        "mon": [_Thing("Monitor", e.name, e, api.Kind.MONITOR) for e in there.monitors],
    }


def _rows(thing: _Thing, specs: Specs, *, detail: bool) -> Iterator[str]:
    value = thing.value
    spec = specs.get((thing.kind, value.type)) if thing.kind else None
    if thing.kind:
        yield _row("Type", [value.type])
    if thing.kind is api.Kind.RESOURCE:
        yield _row("Group", [value.group])
    cls: type = type(value)
    own = {name: getattr(value, name) for name in keys(cls) if name != "name"}
    yield from _table(keys(cls), own, detail=detail)
    if spec is not None:
        known = keys(spec.config)
        given = {name: key.default for name, key in known.items() if not key.mandatory}
        common = {name: known[name].convert(raw) for name, raw in value.settings.items()}
        yield from _table(known, {**given, **common}, detail=detail)
        for server, its in getattr(value, "per_server", {}).items():
            converted = {name: known[name].convert(raw) for name, raw in its.items()}
            yield from _table(known, converted, detail=True, where=f" ({server})")


def _table(
    known: Mapping[str, Key], values: Mapping[str, Any], *, detail: bool, where: str = ""
) -> Iterator[str]:
    """Give a row for each value that is not as by default, or with *detail* for each."""
    for name, value in values.items():
        key = known[name]
        if detail or value != key.default:
            written = as_written(key, value)
            shown = written if isinstance(written, list) else [written]
            word = f"{name.replace('_', ' ').title()}{where}"
            yield _row(word, [_STARS] if key.secret else shown)


def _row(word: str, values: Iterable[Any]) -> str:
    texts = (str(value).lower() if isinstance(value, bool) else str(value) for value in values)
    return f"   {word:<{_WORD}} : {plain(', '.join(texts))}".rstrip()
