"""What was found: drivers by kind and name, whose they are, and who was refused why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import attrs

from clpcore import api

Key: TypeAlias = tuple[api.Kind, str]


@attrs.frozen
class Owner:
    """Who brought a driver: the entry point's name, and the distribution that holds it."""

    plugin: str
    distribution: str
    version: str

    def __str__(self) -> str:
        """Give it as operators read it."""
        return f"plugin {self.plugin} of {self.distribution} {self.version}".rstrip()


@attrs.frozen
class Refused:
    """A plugin none of whose drivers is used, why, and what would make it fit.

    *deadly*: it ended or blocked the process that loaded it, as it will the next one.
    """

    plugin: str
    distribution: str
    reason: str
    remedy: str
    deadly: bool = False


@attrs.frozen(kw_only=True)
class Registry:
    """All drivers that can be used; the mappings have the same keys."""

    specs: Mapping[Key, api.DriverSpec] = attrs.field(factory=dict)
    owners: Mapping[Key, Owner] = attrs.field(factory=dict)
    refused: tuple[Refused, ...] = ()
