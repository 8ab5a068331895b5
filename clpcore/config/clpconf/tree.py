"""The bytes of a clp.conf -> a tree that knows its lines and what of it was read.

The file may come from anywhere: entities and document types are refused, and size, depth and
number of elements are limited.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final
from xml.parsers import expat

import attrs

MOST_BYTES: Final = 16 * 1024 * 1024  # the product's own are some 100 KB
_MOST_ELEMENTS: Final = 100_000
_DEEPEST: Final = 32  # the product's own: 9
_LONGEST: Final = 300  # characters of a name: every element keeps the whole path to it

_DECLARED: Final = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{1,40})["']""")
_BOM: Final = b"\xef\xbb\xbf"
_CODECS: Final = {  # expat knows none of the Japanese ones; CP932 is what Windows calls Shift JIS
    "utf-8": "utf-8",
    "ascii": "ascii",
    "us-ascii": "ascii",
    "euc-jp": "euc_jp",
    "sjis": "cp932",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "cp932": "cp932",
    "windows-31j": "cp932",
    "gb2312": "gbk",
}


class Refused(ValueError):
    """The file cannot be taken; the text says why, *remedy* what to do."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.remedy = remedy


@attrs.define(eq=False)
class Element:
    """One element: *name* is its attribute ``name`` or ``id``, *path* the way of clpcfset to it."""

    tag: str
    name: str
    path: str
    tags: str  # the same way without root and names
    line: int
    text: str = ""
    children: list[Element] = attrs.field(factory=list)
    is_read: bool = False

    def all(self, path: str) -> Iterator[Element]:
        """Give the elements at *path* below this one, tags between slashes, in file order."""
        first, _, rest = path.partition("/")
        for child in self.children:
            if child.tag == first:
                yield from child.all(rest) if rest else (child,)

    def take(self, path: str) -> Element | None:
        """Give the first element at *path*, and note that it was read."""
        found = next(self.all(path), None)
        if found is not None:
            found.is_read = True
        return found

    def say(self, path: str) -> str:
        """Give the text at *path*, and note that it was read; empty when there is none."""
        found = self.take(path)
        return found.text if found else ""

    def leaves(self) -> Iterator[Element]:
        """Give what holds a value: a text, or a name and nothing inside."""
        for child in self.children:
            yield from child.leaves()
        if not self.children and (self.text or self.name):
            yield self

    def drop(self) -> None:
        """Note that all of it was read."""
        self.is_read = True
        for child in self.children:
            child.drop()


def parse(data: bytes) -> Element:
    """Give the tree.

    Raises:
        Refused: it is no clp.conf, or one that nobody should read.

    """
    if len(data) > MOST_BYTES:
        raise Refused(
            f"It has more than {MOST_BYTES // 1024 // 1024} MiB: that is no clp.conf.",
            "Name the file etc/clp.conf of the product, or of its exported configuration.",
        )
    reader = _Reader()
    parser = reader.parser
    try:
        parser.Parse(_text(data).encode(), True)
    except expat.ExpatError as error:
        what = f"It is not XML at line {error.lineno}: {expat.ErrorString(error.code)}."
        raise Refused(what, "Export the configuration again.") from None
    root = reader.root
    if root is None or root.tag != "root":
        what = f"Its first element is {root.tag if root else 'none'}, not root: it is no clp.conf."
        raise Refused(what, "Name the file etc/clp.conf of the product.")
    return root


def _text(data: bytes) -> str:
    data = data.removeprefix(_BOM)
    found = _DECLARED.match(data.lstrip())
    said = found[1].decode("ascii", "replace") if found else "UTF-8"
    codec = _CODECS.get(said.lower())
    if codec is None:
        what = f"Its header says encoding {said}, which is none of the product's."
        raise Refused(what, "Convert it with iconv to UTF-8, and say so in its header.")
    try:
        return data.decode(codec)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = f"Its header says {said}, but line {line} holds bytes that are none."
        raise Refused(what, "Convert it with iconv to what its header says.") from None


class _Reader:
    """Builds the tree from what expat tells."""

    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._count = 0
        # The encoding given here wins over the header's: the text is already decoded.
        self.parser = expat.ParserCreate("UTF-8")
        self.parser.buffer_text = True
        self.parser.buffer_size = 1024 * 1024  # few pieces, or joining them is slow
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.EntityDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters

    def _refuse(self, *_: object) -> None:
        line = self.parser.CurrentLineNumber
        what = f"It defines a document type or entities at line {line}: the product never does."
        raise Refused(what, "Do not trust this file; export the configuration again.")

    def _start(self, tag: str, attributes: Mapping[str, str]) -> None:
        line = self.parser.CurrentLineNumber
        name = attributes.get("name", attributes.get("id", ""))
        self._count += 1
        if self._count > _MOST_ELEMENTS:
            raise Refused(f"It has more than {_MOST_ELEMENTS} elements: that is no clp.conf.")
        if len(self._open) >= _DEEPEST:
            raise Refused(f"Its elements are {_DEEPEST} deep at line {line}: that is no clp.conf.")
        if (
            len(tag) > _LONGEST
            or any(len(n) > _LONGEST for n in attributes)
            or len(name) > _LONGEST
        ):
            raise Refused(f"A name at line {line} is too long: that is no clp.conf.")
        element = _below(self._open[-1] if self._open else None, tag, name, line)
        for key, value in attributes.items():
            if key not in {"name", "id"}:
                _below(element, f"@{key}", "", line).text = value
        self.root = self.root or element
        self._open.append(element)

    def _end(self, _tag: str) -> None:
        element = self._open.pop()
        element.text = element.text.strip()

    def _characters(self, text: str) -> None:
        self._open[-1].text += text


def _below(parent: Element | None, tag: str, name: str, line: int) -> Element:
    path = f"{parent.path if parent else ''}/{tag}{f'@{name}' if name else ''}"
    tags = f"{parent.tags}/{tag}".lstrip("/") if parent else ""
    element = Element(tag, name, path, tags, line)
    if parent:
        parent.children.append(element)
    return element
