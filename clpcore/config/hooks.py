"""Which hook scripts there are beside a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import attrs

from clpcore.model.config import ClusterConfig
from clpcore.model.hooks import HookPoint
from clpcore.model.members import Group

_OF_RESOURCES: Final = tuple(point for point in HookPoint if point.of_resource)
_OF_MONITORS: Final = tuple(point for point in HookPoint if point.of_monitor)


def found(config: ClusterConfig, scripts: Path) -> ClusterConfig:
    """Give *config* with the hooks of its resources and monitors that have a file in *scripts*."""
    if not scripts.is_dir():
        return config
    monitors = scripts / "monitor"
    return attrs.evolve(
        config,
        groups=tuple(_group(group, scripts / group.name) for group in config.groups),
        monitors=tuple(
            attrs.evolve(monitor, hooks=_in(monitors / monitor.name, _OF_MONITORS))
            for monitor in config.monitors
        ),
    )


def _group(group: Group, folder: Path) -> Group:
    resources = tuple(
        attrs.evolve(resource, hooks=_in(folder / resource.name, _OF_RESOURCES))
        for resource in group.resources
    )
    return attrs.evolve(group, resources=resources)


def _in(folder: Path, points: tuple[HookPoint, ...]) -> tuple[HookPoint, ...]:
    return tuple(point for point in points if (folder / point.file).is_file())
