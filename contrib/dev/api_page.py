# ruff: noqa: INP001 - beside a script, in no package
"""Writes docs/reference/api.md: every public name of clpcore.api, from signature and docstring."""

from __future__ import annotations

import enum
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import attrs

from clpcore import api

_HEADINGS: Final = ("Attributes", "Args", "Returns", "Raises")
_LONGEST: Final = 88  # characters of a line of code
_CHAPTERS: Final = {
    "Drivers": "ResourceDriver MonitorDriver KeepingMonitor Call Event Role Presence Observation"
    " Health",
    "The outside world": "Ports Completed Process Places HttpAnswer Reach",
    "Errors": "DriverError Failed Misconfigured NotInstalled",
    "Registration": "DriverSpec setting Problem Kind Capability hookimpl Hooks Register Driver"
    " ApiVersion API",
    "Partition, fence and heartbeat": "PartitionDriver Answer FenceDriver Power HeartbeatDriver"
    " Link",
    "Arbiters": "Arbiter Holder Record Session Boot",
    "A check of `clp doctor`": "Check Cluster Part Finding Severity Reader",
}
_VALUES: Final = {  # what has no docstring of its own
    "API": f"The version of the contract that this clpcore serves: {api.API}.",
    "Check": "What the entry-point group `clpcore.checks` names, by the name that operators read: a"
    " function that takes a `Cluster` and gives `Finding` after `Finding`. It runs in a process of"
    " its own when the doctor is called, may import and wait as it likes, and is killed at its"
    " time-out: give each finding as soon as it is known.",
    "Driver": "A driver of any kind: what `DriverSpec.make` gives.",
    "Reader": "What the entry-point group `clpcore.readers` names, by a word: the command `clp WORD"
    " ...`. A function that takes a `Cluster` and the words after it, and gives the text to print;"
    " `Misconfigured` is wrong usage. It runs in a process of its own. The docstring of its module"
    " is its help: the first line stands in `clp --help`, then comes `usage: clp WORD ...`;"
    " it is read without importing the module, and needs no configuration.",
    "hookimpl": "Marks `clp_register` in the plugin's module: `@api.hookimpl`.",
}
_INTRO: Final = """
All that a plugin may import: `from clpcore import api`. Times are whole milliseconds. How the parts
fit together is told in [how to write a driver](../howto/write-a-driver.md).

**Cancellation.** An `async` method of a driver is cancelled when its deadline (`Call.deadline`)
passes: `asyncio.CancelledError` is raised in the `await` where it stands, so in any `async` method
of `Ports`, and never between two of them. It has 1 s to end; then its worker is replaced. The table
of the ports says which of them wait.
""".strip()


def page() -> tuple[str, list[str]]:
    """Give the title of the page and its parts."""
    parts = [_INTRO, "\n".join(f"* {line}" for line in _contents())]
    for chapter, names in _CHAPTERS.items():
        parts.append(f"## {chapter}")
        for name in names.split():
            parts += [f"### {name}", *_told(name, getattr(api, name))]
    return f"clpcore.api {api.API}", parts


def _contents() -> Iterator[str]:
    for chapter in _CHAPTERS.values():
        yield " · ".join(f"[{name}](#{name.lower()})" for name in chapter.split())


def _told(name: str, thing: object) -> Iterator[str]:
    if name in _VALUES:
        yield _VALUES[name]
    elif inspect.isfunction(thing):
        yield from _function(name, thing)
    elif inspect.isclass(thing):
        yield from _class(name, thing)


def _class(name: str, cls: type) -> Iterator[str]:
    prose, sections = _parted(cls)
    if issubclass(cls, Exception):
        yield f"A `{cls.__mro__[1].__name__}`."
    yield from prose
    about = sections.get("Attributes", {})
    if issubclass(cls, enum.Enum):
        yield _grid(("value", "means"), [(f"`{one.name}`", about[one.name]) for one in cls])
    elif attrs.has(cls):
        fields = attrs.fields(cls)
        yield _code(name, [_field(cls, field) for field in fields])
        yield _grid(("field", "what"), [(f"`{field.name}`", about[field.name]) for field in fields])
    methods = dict(_methods(cls))
    if cls is api.Ports:
        yield _grid(("port", "waits: may be cancelled there", "raises"), _overview(methods))
    for its, method in methods.items():
        yield f"#### {name}.{its}"
        yield from _function(its, method)


def _field(cls: type, field: attrs.Attribute[Any]) -> str:
    default: Any = field.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        default = default.factory()
    none = default is attrs.NOTHING
    return _parameter(field.name, inspect.get_annotations(cls)[field.name], default, none=none)


def _overview(methods: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, method in methods.items():
        raises = ", ".join(f"`{error}`" for error in _parted(method)[1].get("Raises", {}))
        yield f"[{name}](#ports{name})", "yes" if _waits(method) else "no", raises or "nothing"


def _methods(cls: type) -> Iterator[tuple[str, Any]]:
    for name, member in vars(cls).items():
        if name[0] != "_" and (inspect.isfunction(member) or isinstance(member, property)):
            yield name, member


def _function(name: str, function: Callable[..., object] | property) -> Iterator[str]:
    if isinstance(function, property):
        what = inspect.signature(function.fget or len).return_annotation
        yield f"```python\n{name}: {what}\n```"
    else:
        signature = inspect.signature(function)
        word = "async def" if _waits(function) else "def"
        after = f" -> {signature.return_annotation}"
        yield _code(f"{word} {name}", list(_parameters(signature)), after)
    prose, sections = _parted(function)
    yield from prose
    for heading, entries in sections.items():
        yield f"{heading}:"
        lines = (f"* `{key}`: {text}" if key else f"* {text}" for key, text in entries.items())
        yield "\n".join(lines)


def _waits(function: object) -> bool:
    return inspect.iscoroutinefunction(function)


def _parameters(signature: inspect.Signature) -> Iterator[str]:
    starred = False
    for one in signature.parameters.values():
        if one.name == "self":
            continue
        if one.kind is one.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        star = "*" if one.kind is one.VAR_POSITIONAL else ""
        none = one.default is one.empty
        yield _parameter(f"{star}{one.name}", one.annotation, one.default, none=none)


def _parameter(name: str, annotation: object, default: object, *, none: bool) -> str:
    shown = getattr(default, "__name__", None) or repr(default)
    return f"{name}: {annotation}" + ("" if none else f" = {shown}")


# -- docstrings


def _parted(thing: object) -> tuple[list[str], dict[str, dict[str, str]]]:
    """Give the paragraphs of a docstring, and its sections: text by name."""
    text = inspect.cleandoc(thing.__doc__ or "")
    head, *rest = re.split(rf"^({'|'.join(_HEADINGS)}):\n", text, flags=re.MULTILINE)
    sections = {
        name: dict(_entries(body)) for name, body in zip(rest[::2], rest[1::2], strict=True)
    }
    return [_paragraph(part) for part in head.split("\n\n") if part.strip()], sections


def _entries(body: str) -> Iterator[tuple[str, str]]:
    for entry in re.split(r"\n(?=\S)", textwrap.dedent(body).strip()):
        found = re.match(r"(\*{0,2}\w+): +(?=\S)", entry) if ":" in entry else None
        key = found.group(1) if found else ""
        yield key, _line(entry[found.end() :] if found else entry)


def _paragraph(part: str) -> str:
    """Give it in one line, or a list in one line an item."""
    return "\n".join(_line(item) for item in re.split(r"\n(?=\* )", part))


def _line(text: str) -> str:
    return " ".join(text.replace("``", "`").split())


def _code(name: str, parts: list[str], after: str = "") -> str:
    """Give it as a block, a parameter a line where it is long."""
    text = f"{name}({', '.join(parts)}){after}"
    if len(text) > _LONGEST:
        text = "\n".join([f"{name}(", *(f"    {part}," for part in parts), f"){after}"])
    return f"```python\n{text}\n```"


def _grid(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |".replace("||", "\\|\\|") for line in lines)
