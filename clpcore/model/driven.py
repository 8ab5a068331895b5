"""What every part of the configuration has that a driver serves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs


@attrs.frozen(kw_only=True)
class Driven:
    """A configured thing with a driver: its type names it, its settings are the driver's."""

    name: str
    type: str
    settings: Mapping[str, Any] = attrs.field(factory=dict)
    per_server: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)

    def settings_for(self, server: str) -> dict[str, Any]:
        """Give the driver's settings about *server*: the common ones under the server's own."""
        return {**self.settings, **self.per_server.get(server, {})}
