"""Secrets are taken out of text, known or not, and what is none stays."""

from __future__ import annotations

import pytest

from clpcore.ctl.product.scrub import Scrubber, in_toml, secret_files

_PLANTED = "S3cr3t-kingfisher"


@pytest.mark.parametrize(
    "text",
    [
        f'password = "{_PLANTED}"',
        f'smtp_password="{_PLANTED}"',
        f'"client_secret": "{_PLANTED}"',
        f'{{"user": "a", "password": "{_PLANTED}", "port": 1}}',
        f"export PGPASSWORD={_PLANTED}",
        f"PASSWORD='{_PLANTED}' run",
        f"password: correct {_PLANTED}",
        f'password = "a\\"{_PLANTED}"',
        f'password = """\nfirst\n{_PLANTED}\n"""',
        f"password = '''\n{_PLANTED}'''",
        f'token = "{_PLANTED}',
        f"backup --password {_PLANTED} --to /srv",
        f"backup --api-key={_PLANTED}",
        f"curl -u admin:{_PLANTED} https://hooks.example",
        f"curl -H 'Authorization: Basic {_PLANTED}'",
        f"Bearer {_PLANTED}",
        f"https://admin:{_PLANTED}@hooks.example/x",
        f"https://blob.example/x?sp=r&sig={_PLANTED}",
        f"DefaultEndpointsProtocol=https;AccountKey={_PLANTED};EndpointSuffix=x",
        f"<password>{_PLANTED}</password>",
        f"-----BEGIN PRIVATE KEY-----\n{_PLANTED}\n-----END PRIVATE KEY-----",
        f"-----BEGIN RSA PRIVATE KEY-----\n{_PLANTED}",
        f"//srv/share /mnt cifs rw,user=a,password={_PLANTED},vers=3 0 0",
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str) -> None:
    assert _PLANTED not in Scrubber(())(text)


@pytest.mark.parametrize(
    "text",
    [
        'token_file = "/etc/clpcore/hook.token"',
        'password_file="/etc/clpcore/mail.password"',
        "Group failover1 is online on node1 (epoch 2).",
        'url = "https://hooks.example:8443/clp?page=2"',
        "interval = 60",
        "the monitor key is lbppw1",
    ],
)
def test_what_is_none_stays(text: str) -> None:
    assert Scrubber(())(text) == text


def test_what_is_known_is_taken_out_everywhere() -> None:
    scrub = Scrubber({_PLANTED, f"{_PLANTED}-longer", "abc"})
    assert scrub(f"x {_PLANTED}-longer y {_PLANTED} abc") == "x ******** y ******** abc"


def test_settings_that_drivers_mark_are_found() -> None:
    text = """
        [monitor.psqlw1]
        phrase = "one two"
        passwords = ["first", "second"]
        token_file = "/etc/clpcore/token"
        server.node1 = { phrase = "three", secret = true }
        [[list]]
        api_key = 1234
    """
    found = set(in_toml(text, {"phrase"}))
    assert found == {"one two", "first", "second", "three", "1234"}
    assert list(secret_files(text)) == ["/etc/clpcore/token"]


def test_a_file_that_cannot_be_read_has_no_known_secrets() -> None:
    assert list(in_toml("password = ", ())) == list(secret_files("=")) == []


def test_a_secret_of_several_lines_is_known_by_each_and_as_json_has_it() -> None:
    scrub = Scrubber({'-----BEGIN X-----\nfirst"half\n  second-half\n-----END X-----\n'})
    text = '-----BEGIN X----- first"half, first\\"half, second-half'
    assert scrub(text) == "-----BEGIN X----- ********, ********, ********"


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "piece", ["a", "a-", "token", "token-", "a.b/", "'", "<", "secret=", "x://", "--x ", "\n"]
)
def test_no_text_takes_for_ever(piece: str) -> None:
    Scrubber(())(piece * (300_000 // len(piece)))
