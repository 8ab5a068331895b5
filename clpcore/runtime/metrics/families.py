"""Every family of figures: its name, kind, help and labels. Pages and boards name no other.

The values of every label are bounded: names of the configuration, drivers' types, and words that
the code spells; never anything that came from the network or from a driver's mouth.
"""

from __future__ import annotations

from typing import Final

import attrs


@attrs.frozen
class Family:
    """One family; *kind* is counter, gauge or histogram."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()


INFO = Family("clpcore_info", "gauge", "Always 1.", ("cluster", "server"))
LEADER = Family("clpcore_leader", "gauge", "1 for the server that leads.", ("server",))
TROUBLES = Family("clpcore_troubles", "gauge", "Troubles that an operator must see to.")
SERVER = Family("clpcore_server_state", "gauge", "1 for the state it is in.", ("server", "state"))
HEARD = Family("clpcore_server_heard_seconds", "gauge", "Since its last heartbeat.", ("server",))
LINK = Family(
    "clpcore_heartbeat_state", "gauge", "1 for the state it is in.", ("server", "link", "state")
)
GROUP = Family("clpcore_group_state", "gauge", "1 for the state it is in.", ("group", "state"))
HOME = Family("clpcore_group_home", "gauge", "1 where the group is.", ("group", "server"))
CAN_TAKE = Family(
    "clpcore_group_can_take", "gauge", "1 where it could be activated.", ("group", "server")
)
EPOCH = Family("clpcore_group_epoch", "gauge", "The number of its ownership.", ("group",))
RESOURCE = Family(
    "clpcore_resource_state",
    "gauge",
    "1 for the state it is in.",
    ("group", "resource", "type", "state"),
)
MONITOR = Family(
    "clpcore_monitor_state", "gauge", "1 for the state it is in.", ("monitor", "type", "state")
)

FAILOVERS = Family(
    "clpcore_failovers_total", "counter", "Failovers that this server has decided.", ("group",)
)
MOVES = Family("clpcore_moves_total", "counter", "Moves that this server has decided.", ("group",))
REACTIVATIONS = Family(
    "clpcore_reactivations_total", "counter", "Reactivations after a monitor's error.", ("monitor",)
)
MONITOR_ERRORS = Family(
    "clpcore_monitor_errors_total", "counter", "Errors after all retries.", ("monitor",)
)
ACTIVATION_FAILURES = Family(
    "clpcore_activation_failures_total", "counter", "Failed activations.", ("group", "resource")
)
DEACTIVATION_FAILURES = Family(
    "clpcore_deactivation_failures_total", "counter", "Failed deactivations.", ("group", "resource")
)
MESSAGES = Family(
    "clpcore_messages_total", "counter", "Sentences of the journal.", ("module", "severity")
)
LINES = Family("clpcore_journal_lines_total", "counter", "Lines of the journal.", ("kind",))
DROPPED = Family(
    "clpcore_dropped_packets_total", "counter", "Packets that were not taken.", ("reason",)
)
TURNS = Family("clpcore_core_turns_total", "counter", "Inputs that the core took.")
RAISED = Family("clpcore_core_failures_total", "counter", "Inputs that the core failed on.")
CALLS = Family(
    "clpcore_driver_calls_total", "counter", "Calls of drivers.", ("type", "call", "verdict")
)

PHASE = Family(
    "clpcore_failover_phase_seconds",
    "histogram",
    "detected: silence until a server counted as silent; decided: from then, or from a monitor's "
    "error, to the failover; deactivated and activated: the group; total: from what was detected "
    "to the group online. Each server tells of what it did itself.",
    ("phase",),
)
CALL = Family("clpcore_driver_call_seconds", "histogram", "Calls of drivers.", ("type", "call"))
COMMIT = Family(
    "clpcore_store_commit_seconds", "histogram", "From a decision to its being on the disk."
)
WAITING = Family("clpcore_store_waiting", "gauge", "Actions that wait for the store.")
LATE = Family(
    "clpcore_heartbeat_late_seconds", "histogram", "How late this server's heartbeats were sent."
)
WORST = Family("clpcore_heartbeat_late_worst_seconds", "gauge", "The latest one since the start.")

FAMILIES: Final = tuple(value for value in vars().copy().values() if isinstance(value, Family))
