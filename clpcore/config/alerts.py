"""``[alert.*]`` and where metrics are shown: what leaves the cluster, and to whom."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from clpcore import messages
from clpcore.config import settings
from clpcore.config.positions import Path
from clpcore.config.reading import Reading
from clpcore.config.servers import known_servers
from clpcore.config.wording import listed, meant, toml
from clpcore.model.alerts import TYPES, Alert, Command, Mail, Security, Settings, Webhook
from clpcore.model.config import ClusterConfig
from clpcore.model.endpoints import endpoint
from clpcore.model.ports import HEARTBEAT_UDP, ORDERS_TCP
from clpcore.model.reasons import Severity

_OURS: Final = frozenset({HEARTBEAT_UDP, ORDERS_TCP})
_EXAMPLE: Final = 'For example: "127.0.0.1:29090", or "[::1]:29090".'
_FILES: Final = ("url_file", "token_file", "password_file", "ca_file", "path", "socket")


def read(reading: Reading) -> tuple[Alert, ...]:
    """Give the alerts in the order of the files."""
    found = (_alert(reading, name, table) for name, table in reading.named(("alert",)).items())
    return tuple(alert for alert in found if alert is not None)


def _alert(reading: Reading, name: str, table: Mapping[str, Any]) -> Alert | None:
    path: Path = ("alert", name)
    cls = TYPES.get(table["type"]) if isinstance(table.get("type"), str) else None
    if cls is None:
        types = listed(map(toml, TYPES), "or")
        given = f"{toml(table['type'])} is no type of alerts." if "type" in table else ""
        where = (*path, "type") if given else path
        reading.error(where, given or f"Alert {name} has no type.", f"Add type = {types}.")
        return None
    own = settings.keys(cls)
    common = reading.core(path, Alert, table, more={"type", *own})
    values, faults = settings.read(cls, table)
    reading.faults(path, faults)
    _check_filters(reading, path, common)
    common["servers"] = known_servers(reading, (*path, "servers"), common.get("servers", ()))
    if reading.is_wrong(path):
        return None
    alert = Alert(name=name, type=table["type"], settings=cls(**values), **common)
    _check(reading, path, alert.settings)
    return alert


def _check_filters(reading: Reading, path: Path, common: Mapping[str, Any]) -> None:
    """Refuse words that no message has: the alert would be silent about them."""
    entries = messages.entries().values()
    known = {
        "ids": {entry.key for entry in entries},
        "modules": {entry.module for entry in entries},
        "severities": {severity.value for severity in Severity},
    }
    for key, words in known.items():
        for index, word in enumerate(common.get(key, ())):
            if word not in words:
                few = words if key != "ids" else [w for w in words if w[:2] == word[:2]]
                what = f"No message has {toml(word)} among its {key}."
                reading.error((*path, key, index), what, meant(word, few))


def _check(reading: Reading, path: Path, given: Settings) -> None:
    for key, what, remedy in (*_wrong_files(given), *_wrong(given)):
        reading.error((*path, key), what, remedy)
    if isinstance(given, Webhook) and given.url.startswith("http:"):
        what = "What it sends can be read and changed on its way."
        reading.warn((*path, "url"), what, "Use https.")


def _wrong_files(given: Settings) -> Iterator[tuple[str, str, str]]:
    for key in _FILES:
        value = getattr(given, key, "")
        if value and not value.startswith("/"):
            yield key, f"{toml(value)} is no absolute path.", "Write the whole path: /..."


def _wrong(given: Settings) -> Iterator[tuple[str, str, str]]:
    match given:
        case Command(command=()):
            yield "command", "It has no program.", 'For example: ["/usr/local/bin/page"]'
        case Command(command=(program, *_)) if not program.startswith("/"):
            yield "command", f"{toml(program)} is no absolute path.", "Write the whole path: /..."
        case Webhook():
            yield from _wrong_webhook(given)
        case Mail():
            yield from _wrong_mail(given)


def _wrong_webhook(given: Webhook) -> Iterator[tuple[str, str, str]]:
    if bool(given.url) == bool(given.url_file):
        yield "url", "It needs a url or a url_file, and not both.", "A secret one goes into a file."
    elif given.url and (problem := url_problem(given.url)):
        yield "url", problem, 'For example: "https://hooks.example/clp"'
    if given.url.startswith("http:") and given.token_file:
        yield "token_file", "Without https anybody on the way could read the token.", "Use https."


def url_problem(url: str) -> str:
    """Give what keeps a text from being the URL of a webhook, empty if nothing does."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError as error:
        return f"It is no URL: {error}."
    if parts.scheme not in {"http", "https"} or not host:
        return "It is no URL of a web server."
    if parts.username or parts.password:
        return "A URL with a password in it would be shown with the configuration."
    return "" if url.isascii() and url.isprintable() and " " not in url else "It is no URL."


def _wrong_mail(given: Mail) -> Iterator[tuple[str, str, str]]:
    if not given.recipients:
        yield "recipients", "It has no recipient.", 'For example: ["operators@example.com"]'
    for key, texts in (
        ("sender", [given.sender]),
        ("recipients", given.recipients),
        ("subject", [given.subject]),
    ):
        for text in texts:
            if not text.isprintable() or (key != "subject" and text.count("@") != 1):
                yield key, f"{toml(text)} cannot stand there.", "Write it in one line: NAME@DOMAIN."
    if bool(given.user) != bool(given.password_file):
        yield "user", "user and password_file go together.", "Give both, or none."
    elif given.user and given.security is Security.NONE:
        what = "Without TLS anybody on the way could read the password."
        yield "security", what, 'Write security = "starttls" (port 587) or "tls" (port 465).'


# -- metrics


def check_metrics(reading: Reading, config: ClusterConfig) -> None:
    """Check every address that metrics are shown on."""
    places: list[tuple[Path, str]] = [(("cluster", "metrics"), config.metrics)]
    places += [(("server", each.name, "metrics"), each.metrics) for each in config.servers]
    for path, text in places:
        if not text:
            continue
        try:
            address, port = endpoint(text)
        except ValueError as error:
            reading.error(path, f"{toml(text)} is no address and port: {error}.", _EXAMPLE)
            continue
        if port in _OURS:
            what = f"Port {port} is one on which the servers talk to each other."
            reading.error(path, what, "Use another port.")
        elif not ipaddress.ip_address(address).is_loopback:
            what = f"Everybody who reaches {address} can read what runs where, and how it fares."
            reading.warn(path, what, "Let a firewall allow your Prometheus alone.")
