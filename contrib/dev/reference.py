# ruff: noqa: INP001 - a script, in no package
"""Writes docs/reference from the code: settings, drivers, commands, messages, the API for plugins.

`make docs` runs it. Nothing here is written by hand, so that a page cannot say what the code does
not do.
"""

from __future__ import annotations

import shutil
import tomllib
import typing
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import api_page
import attrs
import commands_page
from tables import grid

from clpcore import host
from clpcore.api import Capability, DriverSpec, Kind
from clpcore.config import settings
from clpcore.config.clpconf.draft import written
from clpcore.config.schema import as_written
from clpcore.config.values import Key
from clpcore.config.wording import duration, listed
from clpcore.messages.catalogue import entries
from clpcore.model.alerts import TYPES, Alert
from clpcore.model.config import ClusterConfig
from clpcore.model.members import Group, Heartbeat, Monitor, Resource, Server
from clpcore.model.protection import Arbiter, Fencing, NpResolution
from clpcore.model.relations import ExclusionRule, ServerGroup
from clpcore.runtime.metrics.families import FAMILIES

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "docs/reference"
_HEAD: Final = "<!-- Made from the code by `make docs`; do not edit. -->"
_WORDS: Final[Mapping[Any, str]] = {
    str: "text",
    bool: "true or false",
    int: "whole number",
    float: "number",
}
_TABLES: Final = {
    "[cluster]": ClusterConfig,
    "[server.NAME]": Server,
    "[heartbeat.NAME]": Heartbeat,
    "[np.NAME]": NpResolution,
    "[fencing.NAME]": Fencing,
    "[arbiter.NAME]": Arbiter,
    "[group.NAME]": Group,
    "[group.NAME.resource.NAME]": Resource,
    "[monitor.NAME]": Monitor,
    "[exclusion.NAME]": ExclusionRule,
    "[server_group.NAME]": ServerGroup,
    "[alert.NAME]": Alert,
    **{f'[alert.NAME], type = "{name}"': cls for name, cls in TYPES.items()},
}
_HOMES: Final = {
    Kind.RESOURCE: "group.failover1.resource",
    Kind.MONITOR: "monitor",
    Kind.HEARTBEAT: "heartbeat",
    Kind.PARTITION: "np",
    Kind.FENCE: "fencing",
    Kind.ARBITER: "arbiter",
}
_FACTS: Final = {
    Capability.NOT_ON_AZURE: "It makes no sense on Azure: the check refuses it there.",
    Capability.WATCHES_STANDBY: "It looks on every server, also where its target must not be.",
    Capability.ADDRESS: "It is an address: activated last, deactivated first.",
    Capability.BUILT_IN: "The core itself does its work.",
}
_ALSO: Final = (
    "[Configuration](configuration.md) · [commands](commands.md) · [messages](messages.md) · "
    "[metrics](metrics.md) · [the API for plugins](api.md) · "
    "[benchmark](benchmark.md)"
)
_FILES: Final = (
    "The tables of /etc/clpcore/conf.d/*.toml. All files are read as one; only what differs from "
    "its default is written. A duration is a number of seconds (3 or 0.5) or a text: "
    '"500 ms", "3 s", "2 min", "1 h".'
)
_FIGURES: Final = (
    "What `$CLP_ROOT/run/clpcore/metrics` and the port of `[cluster] metrics` show: see "
    "[how to use them](../howto/metrics.md). A histogram has the label `le`, too."
)
_NUMBERS: Final = (
    "Equal meaning, equal number as in the product; numbers from 500 and the module op are ours. "
    "`clp log` shows them, and `clp why` what is behind a state."
)


def pages() -> dict[str, str]:
    """Give the text of every page by its path below docs/reference."""
    registry = host.load()
    ours = _distributions()
    specs = [
        spec
        for key, spec in sorted(registry.specs.items(), key=lambda item: _key(item[1]))
        if registry.owners[key].distribution in ours
    ]
    made = {
        "configuration.md": _configuration(),
        "commands.md": _page(*commands_page.page(_distributions() | _distributions("contrib"))),
        "messages.md": _messages(),
        "metrics.md": _metrics(),
        "api.md": _page(*api_page.page()),
        **{_page_of(spec): _driver(spec, registry, specs) for spec in specs},
    }
    return {"index.md": _index(specs), **made}


def main() -> None:
    """Write the pages, and remove those of drivers that are gone."""
    for kind in Kind:
        shutil.rmtree(FOLDER / kind.value, ignore_errors=True)
    for name, text in pages().items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _key(spec: DriverSpec) -> tuple[str, str]:
    return spec.kind.value, spec.name


def _page_of(spec: DriverSpec) -> str:
    return f"{spec.kind.value}/{spec.name}.md"


def _distributions(where: str = "plugins") -> frozenset[str]:
    """Give the distributions of plugins/: others' drivers have pages elsewhere."""
    projects = sorted(ROOT.glob(f"{where}/*/pyproject.toml"))
    return frozenset(tomllib.loads(path.read_text())["project"]["name"] for path in projects)


def _page(title: str, parts: Iterable[str]) -> str:
    return "\n\n".join([_HEAD, f"# {title}", *parts]) + "\n"


def _index(specs: list[DriverSpec]) -> str:
    rows = [(f"[{spec.name}]({_page_of(spec)})", spec.kind.value, spec.summary) for spec in specs]
    return _page(
        "Reference",
        [
            _ALSO,
            "## Drivers",
            grid(("driver", "kind", "what it does"), rows),
        ],
    )


def _configuration() -> str:
    parts = [_FILES, "`clp config schema` prints the same for editors."]
    for title, cls in _TABLES.items():
        parts += [f"## {title}", (cls.__doc__ or "").split("\n")[0].replace("``", "`")]
        keys = settings.keys(cls)
        if cls in settings.CORE.values():
            parts.append("`type` names the driver; its page has the other keys: [index](index.md).")
        if keys:
            parts.append(_keys(keys))
    return _page("Configuration", parts)


def _keys(keys: Mapping[str, Key], instead: Mapping[str, Any] | None = None) -> str:
    rows = [
        (f"`{key.name}`", key.doc, _type(key), _default(key, instead or {}), _limits(key))
        for key in keys.values()
    ]
    return grid(("key", "what", "type", "default", "limits"), rows)


def _type(key: Key) -> str:
    if key.unit == "ms":
        return "duration"
    unit = f" ({key.unit})" if key.unit else ""
    return f"{_word(key.type)}{unit}"


def _word(wanted: Any) -> str:  # noqa: ANN401 - an annotation
    if wanted is Any:
        return "any"
    arguments = typing.get_args(wanted)
    if typing.get_origin(wanted) is tuple:
        inner = _word(arguments[0])
        several = inner.replace("list", "lists", 1) if inner.startswith("list") else f"{inner}s"
        return f"list of {several}"
    if arguments:
        return _word(arguments[0])
    if wanted in _WORDS:
        return _WORDS[wanted]
    return listed((f'`"{member.value}"`' for member in wanted), "or")


def _default(key: Key, instead: Mapping[str, Any]) -> str:
    value = instead.get(key.name, key.default)
    if value is attrs.NOTHING:
        return f"mandatory; for example `{key.example}`" if key.example else "mandatory"
    if value is None or isinstance(value, attrs.Factory):  # type: ignore[arg-type]
        return "none"
    if key.unit == "ms":
        return duration(value)
    return f"`{written(as_written(key, value))}`"


def _limits(key: Key) -> str:
    show = duration if key.unit == "ms" else str
    low = f"at least {show(key.low)}" if key.low is not None else ""
    high = f"at most {show(key.high)}" if key.high is not None else ""
    return ", ".join(filter(None, (low, high)))


def _driver(spec: DriverSpec, registry: host.Registry, specs: list[DriverSpec]) -> str:
    keys = settings.keys(spec.config)
    parts = [spec.summary, _install(spec, registry), "## Settings"]
    parts.append(_keys(keys) if keys else "It has none of its own.")
    core = settings.keys(settings.CORE[spec.kind])
    own = {name: core[name] for name in spec.defaults if name in core}
    if own:
        parts += ["## Its own defaults of the core's keys", _keys(own, spec.defaults)]
    facts = list(_facts(spec, specs))
    if facts:
        parts += ["## Good to know", "\n".join(f"* {fact}" for fact in facts)]
    parts += ["## Example", _example(spec, keys)]
    return _page(f"{spec.name} ({spec.kind.value})", parts)


def _install(spec: DriverSpec, registry: host.Registry) -> str:
    owner = registry.owners[spec.kind, spec.name]
    return f"It comes with the distribution `{owner.distribution}`, plugin `{owner.plugin}`."


def _facts(spec: DriverSpec, specs: list[DriverSpec]) -> Iterator[str]:
    for capability, fact in _FACTS.items():
        if capability in spec.capabilities:
            yield fact
    for name in spec.pairs_with:
        yield f"A monitor [{name}](../monitor/{name}.md) is made with it."
    for other in specs:
        if spec.kind is Kind.MONITOR and spec.name in other.pairs_with:
            link = f"[{other.name}](../resource/{other.name}.md)"
            yield f"It is made with each {link}, whose settings it shares."
    if spec.activates_after:
        others = "all others that are no addresses" if "*" in spec.activates_after else ""
        yield f"It is activated after {others or listed(spec.activates_after)}, by default."
    for name in spec.needs:
        yield f"It needs the program `{name}`."


def _example(spec: DriverSpec, keys: Mapping[str, Key]) -> str:
    lines = [f"[{_HOMES[spec.kind]}.{spec.name}1]", f'type = "{spec.name}"']
    if spec.kind is Kind.MONITOR:
        lines.append('target = "..."')
    for key in keys.values():
        mark = "" if key.mandatory else "# "
        if key.example:
            lines.append(f"{mark}{key.name} = {key.example}")
    return "\n".join(["```toml", *lines, "```"])


def _metrics() -> str:
    rows = [
        (f"`{each.name}`", each.kind, ", ".join(f"`{label}`" for label in each.labels), each.help)
        for each in FAMILIES
    ]
    return _page("Metrics", [_FIGURES, grid(("family", "kind", "labels", "what"), rows)])


def _messages() -> str:
    parts = [_NUMBERS]
    modules = dict.fromkeys(entry.module for entry in entries().values())
    for module in sorted(modules):
        rows = [
            (
                f"`{entry.key}`",
                entry.severity.value,
                f"{entry.text['en']}<br>{entry.text['ja']}",
                "<br>".join(filter(None, (entry.remedy["en"], entry.remedy["ja"]))),
            )
            for entry in sorted(entries().values(), key=lambda one: one.event)
            if entry.module == module
        ]
        parts += [f"## {module}", grid(("message", "severity", "text", "next step"), rows)]
    return _page("Messages", parts)


if __name__ == "__main__":
    main()
