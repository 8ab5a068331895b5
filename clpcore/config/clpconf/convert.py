"""The whole clp.conf -> texts of files, and everything that was not taken over."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping

import attrs

from clpcore.api import DriverSpec, Kind
from clpcore.config.clpconf import draft, groups, members, monitors, product, tree
from clpcore.config.clpconf.conversion import OFF, Conversion, Folders, Off
from clpcore.config.clpconf.findings import Finding, Sort


@attrs.frozen(kw_only=True)
class Imported:
    """What a clp.conf becomes.

    *files*: texts by name, to be put into conf.d; *scripts*: folders of scripts, below the
    product's scripts and below ours; *hooks*: the same for single scripts; *resources*: groups and
    names of those that were taken over.
    """

    cluster: str
    files: Mapping[str, str]
    scripts: tuple[Folders, ...]
    hooks: tuple[Folders, ...]
    resources: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]


def convert(
    data: bytes, specs: Mapping[tuple[Kind, str], DriverSpec], *, source: str = "clp.conf"
) -> Imported:
    """Read the bytes of a clp.conf for the drivers that are here.

    Raises:
        tree.Refused: it is no clp.conf, or one that nobody should read.

    """
    conversion = Conversion(tree.parse(data), specs, source)
    members.convert(conversion)
    groups.convert(conversion)
    monitors.convert(conversion)
    members.tell_differences(conversion)
    groups.tell_differences(conversion)
    conversion.findings += _left(conversion)
    return Imported(
        cluster=next((name.text for name in conversion.root.all("cluster/name")), ""),
        files=_files(conversion),
        scripts=tuple(conversion.scripts),
        hooks=tuple(conversion.hooks),
        resources=tuple((made.group, made.name) for made in conversion.resources.values()),
        findings=tuple(sorted(conversion.findings, key=lambda found: found.line)),
    )


def _left(conversion: Conversion) -> Iterator[Finding]:
    """Tell of every value that nobody has read."""
    for element in conversion.root.leaves():
        if element.is_read or _is_in(element.tags, product.NEEDLESS):
            continue
        known = next((tags for tags in product.NOT_HERE if _is_in(element.tags, [tags])), None)
        if known:
            yield Finding.at(Sort.NOT_HERE, element, product.NOT_HERE[known])
        else:
            yield Finding.at(Sort.UNKNOWN, element, "Nobody here knows this tag.")


def _is_in(tags: str, patterns: tuple[str, ...] | list[str]) -> bool:
    return any(fnmatch.fnmatchcase(tags, pattern) for pattern in patterns)


def _files(conversion: Conversion) -> dict[str, str]:
    source = conversion.source
    head = [f"From {source}. The number after it is the line there; what has no line is ours."]
    texts = {name: draft.render(head, tables) for name, tables in conversion.files.items()}
    if conversion.off:
        head = [
            f"From {source}, and not loaded: the name does not end in .toml.",
            "Move a table into a file that is when what it needs is installed; below it stands",
            "what the product has for it.",
        ]
        texts[OFF] = draft.render(head, (_off(conversion, off) for off in conversion.off))
    return texts


def _off(conversion: Conversion, off: Off) -> draft.Table:
    table = draft.Table(off.path, [off.why])
    table.put("type", off.type, conversion.where(off.elements[0]))
    for key, screen in product.FILL_IN.get(off.type, {}).items():
        table.note(f"{key} = to fill in: {screen}")
    for element in off.elements:
        for leaf in element.leaves():
            table.note(f"{leaf.path} {leaf.text}".rstrip() + f"  ({conversion.where(leaf)})")
    return table
