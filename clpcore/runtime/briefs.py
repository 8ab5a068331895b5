"""Which companions a configuration asks for, and what each of them is told."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from clpcore.model.alerts import Alert
from clpcore.model.config import ClusterConfig
from clpcore.runtime.companions import Companion
from clpcore.runtime.places import Whereabouts
from clpcore.wire import values


@attrs.frozen(kw_only=True)
class AlertsBrief:
    """What the alerts are told: who we are, our root, and the alerts of this server."""

    cluster: str
    server: str
    root: str
    alerts: tuple[Alert, ...]


@attrs.frozen(kw_only=True)
class PortBrief:
    """What the metrics port is told: the agent's socket, and where to show what it says."""

    source: str
    endpoint: str


def companions(config: ClusterConfig, where: Whereabouts) -> Iterator[Companion]:
    """Give those that *where* needs; none without alerts and without a metrics port."""
    alerts = tuple(alert for alert in config.alerts if alert.is_sent_by(where.server))
    if alerts:
        brief = AlertsBrief(
            cluster=config.name,
            server=where.server,
            root=str(where.root.path),
            alerts=alerts,
        )
        yield Companion("The alerts", "clpcore.runtime.alerts.service", values.to_json(brief))
    if text := config.metrics_of(where.server):
        shown = PortBrief(source=str(where.root.metrics), endpoint=text)
        yield Companion("The metrics port", "clpcore.runtime.metrics.port", values.to_json(shown))
