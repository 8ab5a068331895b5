"""How a plugin hands its drivers over."""

from __future__ import annotations

from typing import Protocol

import pluggy

from clpcore.api.drivers import DriverSpec

hookimpl = pluggy.HookimplMarker("clp")
hookspec = pluggy.HookspecMarker("clp")


class Register(Protocol):
    """Takes drivers."""

    def add(self, spec: DriverSpec) -> None:
        """Add a driver; all of a plugin's drivers are taken, or none.

        Args:
            spec: its name must be free in its kind, and its API served, or the plugin is refused.

        """
        ...


class Hooks:
    """The hooks that a plugin module may implement."""

    @hookspec
    def clp_register(self, register: Register) -> None:
        """Add your drivers to *register*. Called once, at start, in agent and worker."""
