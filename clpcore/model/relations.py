"""What servers and groups have to do with each other, beside one group's own settings."""

from __future__ import annotations

import attrs

from clpcore.model.fields import setting
from clpcore.model.states import Exclusion


@attrs.frozen(kw_only=True)
class ExclusionRule:
    """Groups that shall not run on one server: ``[exclusion.NAME]``."""

    name: str
    rule: Exclusion = setting(
        "normal: apart as long as there is another server; absolute: never together.",
        default=Exclusion.NORMAL,
    )
    groups: tuple[str, ...] = setting(
        "The groups, two or more.", example='["failover1", "failover2"]'
    )


@attrs.frozen(kw_only=True)
class ServerGroup:
    """Servers that belong together, as those of one zone do: ``[server_group.NAME]``."""

    name: str
    servers: tuple[str, ...] = setting("The servers, best first.", example='["node1", "node2"]')
