"""What an administrator can write down for the service; without a file all of it is usual."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

FILE: Final = "etc/clpcore/azureevents.toml"
STATE: Final = "var/lib/clpcore-azureevents/known.json"
LOOK: Final = "run/clpcore-azureevents/look.json"
CONTROL: Final = "run/clpcore/control"
_LOW, _HIGH = 0.05, 60.0  # seconds between two looks: a Preempt leaves 30 s


@attrs.frozen(kw_only=True)
class Config:
    """The file.

    Attributes:
        endpoint: of the metadata service, without a path.
        interval: seconds between two looks.
        first: seconds that the first answer may take.
        machines: by server, what Azure calls its machine, where that is not the server's name.

    """

    endpoint: str = "http://169.254.169.254"
    interval: float = 1.0
    first: float = 150.0
    machines: Mapping[str, str] = attrs.field(factory=dict)


class Wrong(Exception):
    """The file cannot be used; the text names the key and the next step."""


def load(path: Path) -> Config:
    """Read the file; the usual values without one.

    Raises:
        Wrong: it says something that cannot be.

    """
    try:
        return _read(tomllib.loads(path.read_text()))
    except FileNotFoundError:
        return Config()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, Wrong) as error:
        raise Wrong(f"{path}: {error}. The page is docs/howto/azure-events.md") from error


def _read(data: dict[str, Any]) -> Config:
    known = [field.name for field in attrs.fields(Config)]
    if strange := sorted(data.keys() - set(known)):
        raise Wrong(f"there is no key {strange[0]}; known are {', '.join(known)}")
    endpoint = data.get("endpoint", Config().endpoint)
    if not isinstance(endpoint, str) or not _is_plain(endpoint):
        raise Wrong(f"endpoint is {endpoint!r}, and no http://ADDRESS")
    machines = data.get("machines", {})
    if not isinstance(machines, dict) or not all(isinstance(v, str) for v in machines.values()):
        raise Wrong('machines is no table of server = "name of the machine"')
    twice = [vm.lower() for vm in machines.values()]
    if len(set(twice)) < len(twice):
        raise Wrong("machines gives two servers one machine")
    return Config(
        endpoint=endpoint.rstrip("/"),
        interval=_seconds(data, "interval", Config().interval),
        first=_seconds(data, "first", Config().first, high=600.0),
        machines=machines,
    )


def _is_plain(endpoint: str) -> bool:
    parts = urlsplit(endpoint)
    return parts.scheme == "http" and bool(parts.hostname) and parts.path in {"", "/"}


def _seconds(data: dict[str, Any], key: str, usual: float, *, high: float = _HIGH) -> float:
    value = data.get(key, usual)
    if isinstance(value, bool) or not isinstance(value, int | float) or not _LOW <= value <= high:
        raise Wrong(f"{key} is {value!r}, and no number of seconds from {_LOW} to {high:g}")
    return float(value)
