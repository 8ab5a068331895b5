"""What the administrator wrote: one TOML file, a folder of key files, a certificate."""

from __future__ import annotations

import re
import ssl
import stat
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from clpcore_witness import keyfile

PLACE: Final = "/etc/clp-witness/witness.toml"
_ADDRESS: Final = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([0-9a-zA-Z.-]+)):([0-9]{1,5})", re.ASCII)
_PORTS: Final = 65_535
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class Wrong(Exception):
    """The configuration cannot be used; one problem a line, each with its remedy."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))


@attrs.frozen(kw_only=True)
class Config:
    """``witness.toml``."""

    listen: tuple[tuple[str, int], ...] = (("0.0.0.0", 80), ("::", 80))  # noqa: S104 - all: a witness
    listen_tls: tuple[tuple[str, int], ...] = ()
    certificate: str = ""
    private_key: str = ""
    state: Path = Path("/var/lib/clp-witness")
    keys: Path = Path("/etc/clp-witness/keys")
    expire: int = 10_000  # ms that a heartbeat is kept
    strangers: int = 64  # connections of an address that has proven nothing


@attrs.frozen
class _Key:
    """A key of the file: *take* makes its value, or raises ValueError with what is wrong."""

    field: str
    take: Callable[[Any], Any]
    remedy: str


def _text(raw: object) -> str:
    if not isinstance(raw, str) or not raw:
        raise ValueError("it is no text")
    return raw


def _path(raw: object) -> Path:
    path = Path(_text(raw))
    if not path.is_absolute():
        raise ValueError("it is no absolute path")
    return path


def _addresses(raw: object) -> tuple[tuple[str, int], ...]:
    if not isinstance(raw, list):
        raise ValueError("it is no list")  # noqa: TRY004 - the file is wrong, not the caller
    found = []
    for one in raw:
        match = _ADDRESS.fullmatch(one) if isinstance(one, str) else None
        if match is None or not 0 <= int(match[3]) <= _PORTS:
            raise ValueError(f"{one!r} is no ADDRESS:PORT")
        found.append((match[1] or match[2], int(match[3])))
    return tuple(found)


def _number(low: int, high: int, factor: int = 1) -> Callable[[Any], int]:
    def take(raw: object) -> int:
        if isinstance(raw, bool) or not isinstance(raw, int | float) or not low <= raw <= high:
            raise ValueError(f"it is no number from {low} to {high}")
        return int(raw * factor)

    return take


_LIST: Final = 'Write a list, as ["0.0.0.0:443", "[::]:443"]; [] for none.'
_KEYS: Final[Mapping[str, _Key]] = {
    "listen": _Key("listen", _addresses, _LIST),
    "listen_tls": _Key("listen_tls", _addresses, _LIST),
    "certificate": _Key("certificate", _text, "Write the path of a PEM file."),
    "private_key": _Key("private_key", _text, "Write the path of a PEM file."),
    "state": _Key("state", _path, 'Write an absolute path, as "/var/lib/clp-witness".'),
    "keys": _Key("keys", _path, 'Write an absolute path, as "/etc/clp-witness/keys".'),
    "expire": _Key("expire", _number(1, 60, 1_000), "Write seconds, as 10."),
    "strangers": _Key("strangers", _number(1, 100_000), "Write a number, as 64."),
}


def load(file: Path) -> Config:
    """Read the file.

    Raises:
        Wrong: with every problem.

    """
    try:
        text = file.read_text()
        table = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise Wrong([f"{file}: it cannot be read: {error}. Write it, or give --config"]) from error
    except tomllib.TOMLDecodeError as error:
        raise Wrong([f"{file}: {error}"]) from error
    problems: list[str] = []
    taken: dict[str, Any] = {}
    for name, raw in table.items():
        where = f"{file}, line {_line(text, name)}: {name}"
        if name not in _KEYS:
            problems.append(f"{where}: there is no such key. The keys are {', '.join(_KEYS)}")
            continue
        key = _KEYS[name]
        try:
            taken[key.field] = key.take(raw)
        except ValueError as error:
            problems.append(f"{where} = {raw!r:.60}: {error}. {key.remedy}")
    config = Config(**taken)
    problems += [f"{file}: {problem}" for problem in _relations(config)]
    if problems:
        raise Wrong(problems)
    return config


def _line(text: str, name: str) -> int:
    """Give the line on which a key of the top stands; a table of that name if there is no key."""
    pattern = re.compile(rf"\s*\[*\s*[\"']?{re.escape(name)}[\"']?\s*[.=\]]")
    lines = enumerate(text.splitlines(), start=1)
    return next((number for number, line in lines if pattern.match(line)), 1)


def _relations(config: Config) -> Iterator[str]:
    if not config.listen and not config.listen_tls:
        yield "listen and listen_tls are empty: nobody could ask. Give an address to one of them"
    if config.listen_tls and not (config.certificate and config.private_key):
        yield "listen_tls needs certificate and private_key. Write the paths of two PEM files"


def context(config: Config) -> ssl.SSLContext | None:
    """Read the certificate.

    Raises:
        Wrong: it cannot be used.

    """
    if not config.listen_tls:
        return None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        made.load_cert_chain(config.certificate, config.private_key, password=_no_password)
    except (OSError, ValueError) as error:
        text = (
            f"certificate {config.certificate}, private_key {config.private_key}: {error}. Both"
            " must be PEM files that belong together, the key without a password"
        )
        raise Wrong([text]) from error
    return made


def _no_password() -> str:
    raise ValueError("the key has a password")


def keys(folder: Path) -> tuple[keyfile.Key, ...]:
    """Read the key files of all clusters.

    Raises:
        Wrong: with every problem.

    """
    found: list[keyfile.Key] = []
    owners: dict[str, Path] = {}
    problems: list[str] = []
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix == ".key")
    except OSError as error:
        raise Wrong([f"keys {folder}: {error.strerror}. Make it: mkdir -m 700 {folder}"]) from error
    for path in files:
        try:
            its = _one(path)
        except (keyfile.BadKeyFile, OSError) as error:
            problems.append(str(error))
            continue
        if (other := owners.setdefault(its[0].cluster, path)) != path:
            text = f"{path}: {its[0].cluster} has the file {other.name} already. Keep one of them"
            problems.append(text)
        found += its
    if problems:
        raise Wrong(problems)
    return tuple(found)


def _one(path: Path) -> tuple[keyfile.Key, ...]:
    if stat.S_IMODE(path.stat().st_mode) & _OTHERS:
        raise keyfile.BadKeyFile(f"{path}: others may read it. chmod 600 {path}")
    return keyfile.parse(path.read_text("ascii", errors="replace"), str(path))
