"""What the command of another distribution says of itself: the docstring of its module.

It is read and not imported: `clp --help` runs no stranger's code, and waits for none of its
libraries. The first line is the summary; of a reader, what follows is its usage.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from clpcore.ctl.words import plain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.metadata import EntryPoint

_NAME: Final = re.compile(r"^`+clp [\w-]+`+: ")  # the page that shows it has said that
_LONGEST: Final = 100  # characters of a summary


def summary(point: EntryPoint) -> str:
    """Give the first line as `clp --help` says what a command does; empty: there is none."""
    line = _NAME.sub("", _docstring(point).partition("\n")[0])
    return plain(line[:_LONGEST].removesuffix("."))


def usage(point: EntryPoint) -> str:
    """Give what a reader prints as its help: how it is called, what it does, the rest."""
    rest = _docstring(point).partition("\n")[2].strip("\n")
    call, _, more = rest.partition("\n\n")
    said = summary(point)
    sentence = f"{said[0].upper()}{said[1:]}." if said else ""
    parts = filter(None, (call or f"usage: clp {point.name} ...", sentence, more))
    return "\n\n".join("\n".join(map(plain, part.splitlines())) for part in parts)


def _docstring(point: EntryPoint) -> str:
    import ast

    source = _source(point.module)
    try:
        return ast.get_docstring(ast.parse(source)) or ""
    except (SyntaxError, ValueError, RecursionError):
        return ""


def _source(module: str) -> str:
    """Give the text of a module, found by its packages' folders; empty: it has none."""
    from importlib.machinery import PathFinder, SourceFileLoader

    name, loader = "", None
    folders: Sequence[str] | None = None  # at first those of sys.path
    for part in module.split("."):
        name = f"{name}.{part}".lstrip(".")
        found = PathFinder.find_spec(name, folders)  # importlib's own would import the package
        if found is None:
            return ""
        loader, folders = found.loader, found.submodule_search_locations or ()
    try:
        return (loader.get_source(name) or "") if isinstance(loader, SourceFileLoader) else ""
    except (ImportError, OSError, SyntaxError):  # the last one: of no known encoding
        return ""
