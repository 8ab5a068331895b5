"""What is said of alerts and metrics that would be silent, unsafe or in the way."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest

from clpcore import config
from clpcore.config.schema import schema
from clpcore.model.alerts import File, Language, Mail, Security
from clpcore.model.reasons import Severity

Load = Callable[[str], config.Loaded]


def errors(loaded: config.Loaded) -> list[tuple[str, str]]:
    return [
        (problem.key, problem.what)
        for problem in loaded.problems
        if problem.severity is Severity.ERROR
    ]


def test_alerts_are_read_with_their_defaults(load: Load) -> None:
    loaded = load(
        """
[alert.log1]
type = "file"
[alert.mail1]
type = "mail"
host = "smtp.example.com"
port = 587
security = "starttls"
user = "clp"
password_file = "/etc/clpcore/mail.password"
sender = "clp@example.com"
recipients = ["ops@example.com"]
ids = ["nm2"]
language = "ja"
servers = ["node2"]
timeout = 5
"""
    )
    assert errors(loaded) == []
    assert loaded.config is not None
    log, mail = loaded.config.alerts
    assert (log.name, log.settings, log.is_sent_by("node1")) == ("log1", File(), True)
    assert (mail.ids, mail.language) == (("nm2",), Language.JAPANESE)
    assert (mail.is_sent_by("node1"), mail.is_sent_by("node2")) == (False, True)
    assert isinstance(mail.settings, Mail)
    assert (mail.settings.security, mail.settings.timeout) == (Security.STARTTLS, 5_000)


@pytest.mark.parametrize(
    ("text", "key", "what"),
    [
        ("", "alert.a", "has no type"),
        ('type = "pager"', "alert.a.type", "no type of alerts"),
        ("type = 7", "alert.a.type", "no type of alerts"),
        ('type = "file"\nhost = "x"', "alert.a.host", "has no key host"),
        ('type = "file"\nids = ["rc999"]', "alert.a.ids", "No message"),
        ('type = "file"\nmodules = ["zz"]', "alert.a.modules", "No message"),
        ('type = "file"\nseverities = ["bad"]', "alert.a.severities", "No message"),
        ('type = "file"\nservers = ["node9"]', "alert.a.servers", "no server node9"),
        ('type = "file"\npath = "alert.log"', "alert.a.path", "no absolute path"),
        ('type = "file"\nlanguage = "de"', "alert.a.language", "is none of"),
        ('type = "command"\ncommand = []', "alert.a.command", "no program"),
        ('type = "command"\ncommand = ["page"]', "alert.a.command", "no absolute path"),
        ('type = "command"', "alert.a.command", "is missing"),
        ('type = "webhook"', "alert.a.url", "url or a url_file"),
        ('type = "webhook"\nurl = "ftp://x/"', "alert.a.url", "no URL of a web server"),
        ('type = "webhook"\nurl = "https://u:p@x/"', "alert.a.url", "password in it"),
        ('type = "webhook"\nurl = "https://x/ y"', "alert.a.url", "no URL"),
        ('type = "webhook"\nurl = "https://[x/"', "alert.a.url", "no URL"),
        (
            'type = "webhook"\nurl = "http://x/"\ntoken_file = "/t"',
            "alert.a.token_file",
            "could read the token",
        ),
        (
            'type = "mail"\nhost = "x"\nsender = "a@b"\nrecipients = []',
            "alert.a.recipients",
            "no recipient",
        ),
        (
            'type = "mail"\nhost = "x"\nsender = "a@b\\nBcc: c@d"\nrecipients = ["a@b"]',
            "alert.a.sender",
            "cannot stand there",
        ),
        (
            'type = "mail"\nhost = "x"\nsender = "a@b"\nrecipients = ["a@b"]\nuser = "u"',
            "alert.a.user",
            "go together",
        ),
        (
            'type="mail"\nhost="x"\nsender="a@b"\nrecipients=["a@b"]\nuser="u"\npassword_file="/p"',
            "alert.a.security",
            "could read the password",
        ),
    ],
)
def test_alerts_that_cannot_be_meant(load: Load, text: str, key: str, what: str) -> None:
    found = errors(load(f"[alert.a]\n{text}\n"))
    assert [(where, what in said) for where, said in found] == [(key, True)]


def test_a_webhook_without_tls_is_a_risk(load: Load) -> None:
    loaded = load('[alert.a]\ntype = "webhook"\nurl = "http://10.0.0.1/"\n')
    assert loaded.config is not None
    assert "alert.a.url" in [problem.key for problem in loaded.problems]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("localhost:29090", "no address and port"),
        ("127.0.0.1", "no address and port"),
        ("127.0.0.1:0", "no address and port"),
        ("127.0.0.1:70000", "no address and port"),
        ("::1:29090", "no address and port"),
        ("127.0.0.1:29001", "talk to each other"),
    ],
)
def test_a_metrics_port_that_cannot_be(load_only: Load, text: str, what: str) -> None:
    loaded = load_only(_base(cluster=f'metrics = "{text}"'))
    assert [(key, what in said) for key, said in errors(loaded)] == [("cluster.metrics", True)]


def test_a_server_may_have_a_metrics_port_of_its_own(load_only: Load) -> None:
    text = _base(cluster='metrics = "127.0.0.1:29090"', server='metrics = "10.5.0.110:9000"')
    loaded = load_only(text)
    assert loaded.config is not None
    assert loaded.config.metrics_of("node1") == "10.5.0.110:9000"
    assert loaded.config.metrics_of("node2") == "127.0.0.1:29090"
    assert [p.key for p in loaded.problems if "can read" in p.what] == ["server.node1.metrics"]


def _base(*, cluster: str = "", server: str = "") -> str:
    return f"""
[cluster]
name = "c"
platform = "lab"
{cluster}
[server.node1]
priority = 1
interconnect = ["10.5.0.110"]
{server}
[server.node2]
priority = 2
interconnect = ["10.5.0.111"]
"""


def test_the_schema_knows_them() -> None:
    made = schema({})["properties"]["alert"]["additionalProperties"]
    assert made["properties"]["type"]["enum"] == ["command", "file", "mail", "syslog", "webhook"]
    assert len(made["allOf"]) == 5
    assert attrs.has(File)
