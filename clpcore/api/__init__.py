"""All that a plugin may import: the contract between clpcore and drivers (API 0.x)."""

from __future__ import annotations

from clpcore.api.arbiter import Arbiter as Arbiter
from clpcore.api.drivers import Capability as Capability
from clpcore.api.drivers import Driver as Driver
from clpcore.api.drivers import DriverSpec as DriverSpec
from clpcore.api.drivers import KeepingMonitor as KeepingMonitor
from clpcore.api.drivers import Kind as Kind
from clpcore.api.drivers import MonitorDriver as MonitorDriver
from clpcore.api.drivers import Problem as Problem
from clpcore.api.drivers import ResourceDriver as ResourceDriver
from clpcore.api.errors import DriverError as DriverError
from clpcore.api.errors import Failed as Failed
from clpcore.api.errors import Misconfigured as Misconfigured
from clpcore.api.errors import NotInstalled as NotInstalled
from clpcore.api.fence import FenceDriver as FenceDriver
from clpcore.api.heartbeat import HeartbeatDriver as HeartbeatDriver
from clpcore.api.heartbeat import Link as Link
from clpcore.api.partition import PartitionDriver as PartitionDriver
from clpcore.api.ports import Completed as Completed
from clpcore.api.ports import HttpAnswer as HttpAnswer
from clpcore.api.ports import Places as Places
from clpcore.api.ports import Ports as Ports
from clpcore.api.ports import Process as Process
from clpcore.api.ports import Reach as Reach
from clpcore.api.register import Hooks as Hooks
from clpcore.api.register import Register as Register
from clpcore.api.register import hookimpl as hookimpl
from clpcore.api.versions import API as API
from clpcore.api.versions import ApiVersion as ApiVersion
from clpcore.model.actions import Call as Call
from clpcore.model.arbitration import Holder as Holder
from clpcore.model.arbitration import Record as Record
from clpcore.model.arbitration import Session as Session
from clpcore.model.fields import setting as setting
from clpcore.model.ids import Boot as Boot
from clpcore.model.inputs import Observation as Observation
from clpcore.model.states import Answer as Answer
from clpcore.model.states import Event as Event
from clpcore.model.states import Health as Health
from clpcore.model.states import Power as Power
from clpcore.model.states import Presence as Presence
from clpcore.model.states import Role as Role
