"""Where messages go beside the journal: ``[alert.NAME]``, and what each type of it needs."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final, TypeAlias

import attrs

from clpcore.model.fields import setting


class Security(enum.Enum):
    """How a mail server is talked to."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


class Language(enum.Enum):
    """The languages of the catalogue."""

    ENGLISH = "en"
    JAPANESE = "ja"


@attrs.frozen(kw_only=True)
class Syslog:
    """The system log of this machine."""

    socket: str = setting(
        "Socket of the system log, below CLP_ROOT.", default="/dev/log", example='"/dev/log"'
    )


@attrs.frozen(kw_only=True)
class File:
    """A file with one line a message."""

    path: str = setting(
        "The file, below CLP_ROOT.",
        default="/var/log/clpcore/alert.log",
        example='"/var/log/clpcore/alert.log"',
    )
    size: int = setting("Bytes at which it is rotated.", default=1_000_000, low=1_000)
    files: int = setting("How many older ones are kept.", default=5, low=0, high=1_000)


@attrs.frozen(kw_only=True)
class Command:
    """A program, run once a message: CLP_MESSAGE_* in its environment, JSON on its stdin."""

    command: tuple[str, ...] = setting(
        "The program, an absolute path, and its arguments.", example='["/usr/local/bin/page"]'
    )
    timeout: int = setting(
        "After which it is killed.", default=30_000, unit="ms", example="30", low=100
    )


@attrs.frozen(kw_only=True)
class Webhook:
    """A web server that gets a POST of JSON for each message."""

    url: str = setting("Where to post; https.", default="", example='"https://hooks.example/clp"')
    url_file: str = setting(
        "A file with the URL, where that is a secret itself; instead of url.",
        default="",
        example='"/etc/clpcore/hook.url"',
    )
    token_file: str = setting(
        "A file with a token, sent as Authorization: Bearer.",
        default="",
        example='"/etc/clpcore/hook.token"',
    )
    ca_file: str = setting(
        "Certificates to trust instead of the system's.", default="", example='"/etc/ca.pem"'
    )
    timeout: int = setting("For one post.", default=10_000, unit="ms", example="10", low=100)


@attrs.frozen(kw_only=True)
class Mail:
    """A mail server; messages of the same moment go in one mail."""

    host: str = setting("The mail server.", example='"smtp.example.com"')
    port: int = setting("Its port.", default=25, example="587", low=1, high=65_535)
    security: Security = setting(
        "Whether the connection is sealed, from its start or by STARTTLS.",
        default=Security.NONE,
        example='"starttls"',
    )
    user: str = setting("Who logs in; empty: nobody.", default="", example='"clpcore"')
    password_file: str = setting(
        "A file with the password.", default="", example='"/etc/clpcore/mail.password"'
    )
    ca_file: str = setting(
        "Certificates to trust instead of the system's.", default="", example='"/etc/ca.pem"'
    )
    sender: str = setting("From.", example='"clpcore@example.com"')
    recipients: tuple[str, ...] = setting("To.", example='["operators@example.com"]')
    subject: str = setting("What every subject begins with.", default="clpcore")
    timeout: int = setting("For each step.", default=30_000, unit="ms", example="30", low=100)


Settings: TypeAlias = Syslog | File | Command | Webhook | Mail

TYPES: Final[Mapping[str, type]] = {
    "command": Command,
    "file": File,
    "mail": Mail,
    "syslog": Syslog,
    "webhook": Webhook,
}


@attrs.frozen(kw_only=True)
class Alert:
    """One destination of messages: ``[alert.NAME]``.

    Without ids, modules and severities it gets what the product would send to its type.
    """

    name: str
    type: str
    ids: tuple[str, ...] = setting(
        "Messages that are sent whatever modules and severities say.",
        default=(),
        example='["nm2", "rc32"]',
    )
    modules: tuple[str, ...] = setting(
        "Modules whose messages are sent; empty: all, if severities are given.",
        default=(),
        example='["nm", "rc"]',
    )
    severities: tuple[str, ...] = setting(
        "Severities that are sent; empty: all, if modules are given.",
        default=(),
        example='["error", "warning"]',
    )
    language: Language = setting("The language of the sentences.", default=Language.ENGLISH)
    servers: tuple[str, ...] = setting(
        "Servers that send; each tells of its own journal. Empty: all.",
        default=(),
        example='["node1"]',
    )
    settings: Settings

    def is_sent_by(self, server: str) -> bool:
        """Tell whether *server* is one of those that send."""
        return not self.servers or server in self.servers
