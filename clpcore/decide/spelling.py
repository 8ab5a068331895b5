"""How an operator's request is spelled: as the command that asks for it."""

from __future__ import annotations

from clpcore.model import requests as ops

_VERBS = {
    ops.GroupStart: "group start",
    ops.GroupStop: "group stop",
    ops.GroupMove: "group move",
    ops.GroupFailover: "group failover",
    ops.MonitorSuspend: "monitor suspend",
    ops.MonitorResume: "monitor resume",
    ops.Verification: "cluster verification",
    ops.DummyFailure: "monitor dummy-failure",
    ops.ServerStop: "server stop",
    ops.ServerStart: "server start",
    ops.ServerConfirmDown: "server confirm-down",
    ops.ClusterStop: "cluster stop",
    ops.ClusterStart: "cluster start",
    ops.Acknowledge: "cluster acknowledge",
    ops.ClusterSuspend: "cluster suspend",
    ops.ClusterResume: "cluster resume",
    ops.ServerDrain: "server",  # drain, undrain
    ops.ServerExpectFreeze: "server expect-freeze",
    ops.GroupRestart: "group restart",
    ops.ResourceStart: "resource start",
    ops.ResourceStop: "resource stop",
    ops.ResourceRestart: "resource restart",
}


def spelled(op: ops.Op) -> str:
    """Spell a request as the command that asks for it."""
    verb = _VERBS[type(op)]
    if isinstance(op, ops.ServerDrain):
        return f"{verb} {'drain' if op.on else 'undrain'} {op.server}"
    if isinstance(op, ops.ResourceStart | ops.ResourceStop | ops.ResourceRestart):
        force = " --force" if getattr(op, "force", False) else ""
        return f"{verb} {op.resource} --group {op.group}{force}"
    named = [getattr(op, name) for name in ("group", "monitor") if hasattr(op, name)]
    server = getattr(op, "server", "")
    if server:
        option = {"group": "--to ", "monitor": "--server "}.get(verb.split()[0], "")
        named.append(f"{option}{server}")
    if hasattr(op, "on"):
        verb += " on" if op.on else " off"
    if isinstance(op, ops.ServerStop | ops.ClusterStop) and op.then.ends_machine:
        named.append(f"--then {op.then.value}")
    if isinstance(op, ops.ServerExpectFreeze):
        named.append(f"--for {op.ms / 1_000:.12g}")
    return " ".join([verb, *named, *(["--alone"] if getattr(op, "alone", False) else [])])
