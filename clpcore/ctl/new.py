"""`clp new`: a plugin of one driver, to be filled in; its tests tell what to write next."""

from __future__ import annotations

import functools
import json
import keyword
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from clpcore.ctl import fresh
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.parsing import Parser, Verb, verbs
from clpcore.ctl.plugged import with_plugins

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.host import Registry

_WORD: Final = re.compile(r"[a-z][a-z0-9]{0,30}")
_OURS: Final = frozenset({"command", "config", "faults", "world"})  # classes of the skeleton
_FILES: Final = {
    "pyproject.toml": "pyproject.txt",
    "README.md": "{kind}/readme.txt",
    "src/clp_{name}/__init__.py": "{kind}/driver.txt",
    "tests/test_{name}_kit.py": "{kind}/kit.txt",
}
_SERVICE: Final = "nothing happens to it: the folder is a new one."
_AFTER: Final = "write the methods until `pytest` is green; each failure tells the rule."


def _verb(kind: str, what: str) -> Verb:
    example = f"""
        clp new {kind} beacon
        clp new {kind} beacon --folder ~/plugins/clp-beacon
    """
    return Verb(kind, f"Write the plugin of {what}.", _SERVICE, example, _AFTER)


_KINDS: Final = (
    _verb("resource", "a resource driver: a thing that a group activates"),
    _verb("monitor", "a monitor driver: a look that says how a thing is"),
)


def parser() -> Parser:
    """Give the arguments."""
    sentence = "Write a plugin distribution with one driver to fill in, and its conformance tests."
    made, each = verbs("new", sentence, _KINDS, waits=False)
    for its in each.values():
        its.add_argument("name", metavar="NAME", help="the driver's word in configuration files")
        help_ = f"{fresh.HELP}; default: ./clp-NAME"
        its.add_argument("--folder", type=Path, metavar="DIR", help=help_)
    return made


def run(args: Namespace) -> Exit:
    """Write the folder, and tell the next steps."""
    _check(args.verb, args.name)
    folder = args.folder or Path(f"clp-{args.name}")
    files = _files(args.verb, args.name)
    with fresh.folder(folder) as draft:
        for name, text in files.items():
            path = draft / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if args.json:
        print(json.dumps({"ok": True, "folder": str(folder), "files": sorted(files)}))
        return Exit.DONE
    print(f"Wrote {folder}. Next, in the environment of clp:")
    steps = {
        f"pip install --no-deps -e {folder}": "or: uv pip install ...",
        "clp plugins": f"{args.name} is there, or why not",
        f"cd {folder} && pytest": "tells what to write; again until it is green",
        "CLP_RECORD=1 pytest": "at last: the golden copy of its settings",
    }
    width = max(map(len, steps))
    print("\n".join(f"  {step:<{width}}  # {what}" for step, what in steps.items()))
    return Exit.DONE


def _check(kind: str, name: str) -> None:
    """Refuse a name that no file can say, or that is taken here.

    Raises:
        Failure: it is.

    """
    remedy = "take one word of small letters and digits that begins with a letter: beacon"
    if not _WORD.fullmatch(name):
        raise Failure(Exit.USAGE, f"{name!r} is no name of a driver", remedy)
    if keyword.iskeyword(name) or keyword.iskeyword(name.capitalize()) or name in _OURS:
        text = f"{name!r} is no name of a driver: it is a word of the code that would be written"
        raise Failure(Exit.USAGE, text, remedy)
    if taken := _installed(name):
        remedy = "take another name, or uninstall what has it"
        raise Failure(Exit.REFUSED, f"{taken} is installed here already", remedy)
    if owner := with_plugins(functools.partial(_owner, kind, name)):
        remedy = "take another name, or uninstall that distribution"
        raise Failure(Exit.REFUSED, f"{kind} {name!r} already comes from {owner}", remedy)


def _installed(name: str) -> str:
    """Give what is installed here under a name that the plugin would take; reads, imports nothing.

    Two distributions of one name would replace each other, two packages hide one another, and of
    two plugins one is refused.
    """
    from importlib import metadata, util

    wanted = f"clp-{name}"
    for found in metadata.distributions():
        if re.sub(r"[-_.]+", "-", found.name or "").lower() == wanted:
            return f"the distribution {wanted}"
    if util.find_spec(f"clp_{name}") is not None:
        return f"the package clp_{name}"
    if metadata.entry_points(group="clpcore.plugins", name=name):
        return f"a plugin {name}"
    return ""


def _owner(kind: str, name: str, registry: Registry) -> str:
    """Give whose the driver of that name is, empty if nobody's."""
    from clpcore import api

    return str(registry.owners.get((api.Kind(kind), name), ""))


def _files(kind: str, name: str) -> dict[str, str]:
    from importlib import resources

    skeleton = resources.files("clpcore.ctl.skeleton")
    words = {"@NAME@": name, "@CLASS@": name.capitalize()}
    made = {f"src/clp_{name}/py.typed": ""}
    for target, source in _FILES.items():
        text = skeleton.joinpath(source.format(kind=kind)).read_text(encoding="utf-8")
        for word, value in words.items():
            text = text.replace(word, value)
        made[target.format(name=name)] = text
    return made
