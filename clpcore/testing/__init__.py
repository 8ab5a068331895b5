"""The public conformance kit: suites of rules for drivers, and the scripted world they play in."""

from __future__ import annotations

from clpcore.testing.arbiter import ArbiterSuite as ArbiterSuite
from clpcore.testing.fence import FenceSuite as FenceSuite
from clpcore.testing.heartbeat import HeartbeatSuite as HeartbeatSuite
from clpcore.testing.monitor import Faults as Faults
from clpcore.testing.monitor import MonitorSuite as MonitorSuite
from clpcore.testing.partition import PartitionSuite as PartitionSuite
from clpcore.testing.resource import ResourceSuite as ResourceSuite
from clpcore.testing.suite import Suite as Suite
from clpcore.testing.world import Command as Command
from clpcore.testing.world import Request as Request
from clpcore.testing.world import World as World
