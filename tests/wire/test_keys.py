"""The key file: read, refused with the line and the remedy, never shown."""

from __future__ import annotations

import base64
import hmac
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clpcore.wire.keys import KEY_SIZE, Key, KeyFileError, KeyRing, Purpose, generate, parse

OLD, NEW = bytes(range(32)), bytes(range(32, 64))


def line(key_id: str, secret: bytes) -> str:
    return f"{key_id} {base64.b64encode(secret).decode()}\n"


def test_the_first_key_seals_and_every_key_is_found() -> None:
    text = "# comment\n\n" + line("new", NEW) + "  " + line("old", OLD)
    ring = parse(text.encode(), "cluster.key")
    assert ring == KeyRing((Key("new", NEW), Key("old", OLD)))
    assert ring.sealing is ring.find("new")
    assert ring.find("old") == Key("old", OLD)
    assert ring.find("other") is None


@given(st.binary(min_size=KEY_SIZE, max_size=KEY_SIZE))
def test_a_generated_file_is_read_back(randomness: bytes) -> None:
    ring = parse(generate(randomness).encode(), "cluster.key")
    assert ring == KeyRing((Key(ring.sealing.id, randomness),))


def test_generated_ids_tell_keys_apart() -> None:
    rings = [parse(generate(secret).encode(), "cluster.key") for secret in (OLD, NEW)]
    assert rings[0].sealing.id != rings[1].sealing.id


def test_a_file_is_not_generated_from_too_little_chance() -> None:
    with pytest.raises(ValueError, match="has 31 bytes instead of 32"):
        generate(OLD[:31])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "cluster.key: no key in it"),
        ("# only words\n", "cluster.key: no key in it"),
        ("\xff\n", "line 1: 1 words instead of two"),
        ("a \xff\n", "line 1: string argument should contain only ASCII characters"),
        ("# \xff\n" + line("\xff", OLD), "line 2: the id is not"),
        (line("a", OLD) + "alone\n", "line 2: 1 words instead of two"),
        ("a b c\n", "line 1: 3 words instead of two"),
        (line("a" * 17, OLD), "line 1: the id is not"),
        (line("a/b", OLD), "line 1: the id is not"),
        ("a !!!!\n", "line 1: the key 'a' is not base64"),
        ("a AAA\n", "line 1: the key 'a' is not base64"),
        (line("a", OLD[:31]), "line 1: key 'a' has 31 bytes instead of 32"),
        (line("a", OLD + b"x"), "line 1: key 'a' has 33 bytes instead of 32"),
        (line("a", OLD) + line("a", NEW), "line 2: key id 'a' is used twice"),
    ],
)
def test_a_wrong_file_is_refused_with_line_and_remedy(text: str, says: str) -> None:
    with pytest.raises(KeyFileError) as refused:
        parse(text.encode("latin-1"), "cluster.key")
    assert says in str(refused.value)
    assert "copy the file of a server that works" in str(
        refused.value
    ) or "give each key its own" in str(refused.value)


@pytest.mark.parametrize(
    "damage",
    [
        lambda words: words.replace(" ", ""),
        lambda words: " ".join(reversed(words.split())),
        lambda words: words + words,
        lambda words: words.replace("=", "!"),
        lambda words: words[:-8],
        lambda words: words + "\xff",
    ],
    ids=["joined", "exchanged", "twice", "not base64", "cut", "not ascii"],
)
def test_no_error_shows_a_key(damage: object) -> None:
    assert callable(damage)
    words = line("a", OLD).strip()
    with pytest.raises(KeyFileError) as refused:
        parse((damage(words) + "\n").encode("latin-1"), "cluster.key")
    shown = "".join(traceback.format_exception(refused.value))
    assert words.split()[1][:12] not in shown
    assert not isinstance(
        refused.value.__context__, UnicodeError
    )  # it keeps what it could not read


def test_a_key_is_stars() -> None:
    ring = KeyRing((Key("a", OLD),))
    assert repr(ring) == "KeyRing(keys=(Key('a', ***),))"
    assert str(ring.sealing) == "Key('a', ***)"
    assert repr(ring.derive(Purpose.SESSION, "c")) == repr(ring)


def test_derived_keys_differ_by_purpose_cluster_key_and_context() -> None:
    ring = KeyRing((Key("a", OLD), Key("b", NEW)))
    derived = [
        key
        for purpose in Purpose
        for cluster in ("one", "two")
        for key in ring.derive(purpose, cluster).keys
    ]
    derived += [
        Key("a", OLD).derive("x", *parts) for parts in ((b"yz",), (b"y", b"z"), (b"yz", b""))
    ]
    derived += ring.keys
    assert len(set(derived)) == len(derived)


def test_derived_keys_never_change() -> None:
    # The other server may run an older clpcore. HKDF of RFC 5869, written out for one block.
    derived = KeyRing((Key("a", OLD),)).derive(Purpose.HEARTBEAT, "Cluster1").sealing
    info = b"\0\0\0\x07clpcore" + b"\0\0\0\x09heartbeat" + b"\0\0\0\x08Cluster1"
    extracted = hmac.digest(bytes(32), OLD, "sha256")
    assert derived == Key("a", hmac.digest(extracted, info + b"\x01", "sha256"))
