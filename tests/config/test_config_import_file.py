"""The bytes of a clp.conf: encodings, line ends, and files that nobody should read."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clpcore import host
from clpcore.config import clpconf
from clpcore.config.clpconf import tree

_CLUSTER = "<root><cluster>\n<name>Cluster1</name><comment>業務クラスタ</comment></cluster></root>"


@pytest.mark.parametrize("encoding", ["EUC-JP", "SJIS", "Shift_JIS", "CP932", "UTF-8", "utf-8"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_the_headers_encoding_counts(encoding: str, line_end: str) -> None:
    text = f"<?xml version='1.0' encoding='{encoding}'?>\n{_CLUSTER}"
    codec = {"SJIS": "cp932"}.get(encoding, encoding)
    found = clpconf.convert(text.replace("\n", line_end).encode(codec), {}).files["cluster.toml"]
    assert "# 業務クラスタ\n[cluster]" in found
    assert 'name = "Cluster1"                       # clp.conf:3' in found


def test_a_byte_order_mark_does_no_harm() -> None:
    assert clpconf.convert(b"\xef\xbb\xbf" + _CLUSTER.encode(), {}).cluster == "Cluster1"


_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
_BOMB = f'<?xml version="1.0"?><!DOCTYPE root [<!ENTITY l0 "ha">{_LAUGHS}]><root>&l9;</root>'
_FILE = '<!DOCTYPE root [<!ENTITY f SYSTEM "file:///etc/passwd">]><root>&f;</root>'


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (_BOMB.encode(), "defines a document type or entities at line 1"),
        (_FILE.encode(), "defines a document type or entities at line 1"),
        (b"<root>" + b"<a>" * 1_000_000, "Its elements are 32 deep at line 1"),
        (b"<root>" + b"<a/>" * 100_001 + b"</root>", "more than 100000 elements"),
        (b"<root>" + b" " * 17_000_000 + b"</root>", "more than 16 MiB"),
        (b"<root><a></root>", "not XML at line 1: mismatched tag"),
        (b"", "not XML at line 1: no element found"),
        (b"<html/>", "first element is html, not root"),
        (b"<root>\x00</root>", "not XML at line 1"),
        (b"<?xml version='1.0' encoding='utf-7'?><root/>", "encoding utf-7"),
        ("<?xml version='1.0' encoding='EUC-JP'?>\n<root>業</root>".encode(), "line 2 holds bytes"),
    ],
)
def test_a_file_that_nobody_should_read_is_refused_with_a_sentence(data: bytes, why: str) -> None:
    with pytest.raises(clpconf.Refused, match=why):
        tree.parse(data)


def test_a_name_that_every_element_below_would_repeat_is_refused() -> None:
    text = f'<root><group name="{"x" * 5_000}">{"<a/>" * 100}</group></root>'
    with pytest.raises(tree.Refused, match="A name at line 1 is too long"):
        tree.parse(text.encode())


def test_a_text_of_many_megabytes_is_read_in_a_moment() -> None:
    root = tree.parse(b"<root><a>" + b"x\n" * 7_000_000 + b"</a></root>")
    assert len(root.say("a")) == 13_999_999


@settings(max_examples=60)
@given(texts=st.lists(st.text(max_size=20), min_size=6, max_size=6))
def test_whatever_a_text_holds_the_files_are_toml(texts: list[str]) -> None:
    cluster, server, group, name, comment, path = map(_escaped, texts)
    data = (
        f"<root><cluster><name>{cluster}</name><comment>{comment}</comment></cluster>"
        f'<server name="{server}"><priority>0</priority></server>'
        f'<group name="{group}"><comment>{comment}</comment><resource name="exec@{name}"/></group>'
        f'<resource><exec name="{name}"><parameters><act><path>{path}</path></act></parameters>'
        "</exec></resource>"
        f'<monitor><userw name="{name}"><comment>{comment}</comment></userw></monitor></root>'
    ).encode()
    imported = clpconf.convert(data, host.load().specs)
    for text in imported.files.values():
        tomllib.loads(text)


def _escaped(text: str) -> str:
    """Write characters as numbers, so that attributes keep line ends; XML has no others."""
    legal = (char for char in text if char in "\t\n\r" or char >= " ")
    return "".join(f"&#{ord(char)};" for char in legal if char not in "\ufffe\uffff")


def test_a_comment_cannot_become_a_key() -> None:
    data = b"<root><cluster><comment>a\nunproven_takeover = true</comment></cluster></root>"
    assert tomllib.loads(clpconf.convert(data, {}).files["cluster.toml"]) == {
        "cluster": {"platform": "onpremises"}
    }
