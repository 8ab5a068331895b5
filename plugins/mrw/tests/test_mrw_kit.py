"""mrw keeps the rules of the conformance kit."""

from __future__ import annotations

from collections.abc import Callable

from clpcore import api
from clpcore.testing import Faults, MonitorSuite, World
from clpcore_mrw import monitor

_FILE = "/run/clpcore/resources/failover1/target1/notices/mrw1"


def _says(text: str) -> Callable[[World], None]:
    return lambda world: world.files.update({_FILE: text})


class TestMrw(MonitorSuite):
    spec = monitor.SPEC
    settings = {"category": "NIC"}

    def faults(self) -> Faults:
        return {
            "a notice with a keyword": (
                _says("NIC\teth0\t2026-11-22 21:00:00\n"),
                api.Health.ERROR,
            ),
            "one without": (_says("DISK\t\t2026\nNIC\t\t2026\n"), api.Health.ERROR),
            "a damaged file": (_says("NIC"), api.Health.UNKNOWN),
        }

    def standby_faults(self) -> Faults:
        return {"a notice": (_says("NIC\teth0\t2026\n"), api.Health.ERROR)}


class TestMrwWithAKeyword(MonitorSuite):
    spec = monitor.SPEC
    settings = {"category": "NIC", "keyword": "eth0"}

    def world(self) -> World:
        """Notices of others do not count."""
        return World(files={_FILE: "NIC\teth1\t2026\nNIC\t\t2026\nDISK\teth0\t2026\n"})

    def faults(self) -> Faults:
        return {"its own notice": (_says("NIC\teth0\t2026\n"), api.Health.ERROR)}
