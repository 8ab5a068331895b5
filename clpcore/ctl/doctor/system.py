"""Checks of the operating system: what confines the agent, its unit, booting, its shield."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from clpcore.ctl.doctor.case import Case, Silent
from clpcore.ctl.doctor.findings import Blind, Finding, error, ok, unknown, warning
from clpcore.ctl.words import said

_UNIT: Final = "clpcore.service"
_ASKED: Final = "LoadState,UnitFileState,WatchdogUSec,KillMode,RuntimeDirectoryPreserve,Environment"
_BOOTED: Final = re.compile(r"= (?:(\d+)min )?([\d.]+)s")
_FREE: Final = ("unconfined", "initrc_t", ":init_t:")  # contexts that no policy confines
_WELL: Final = {
    "scheduling": ("SCHED_RR",),
    "memory": ("locked",),
    "out of memory": ("killed last",),
}


def confinement(case: Case) -> Iterator[Finding]:
    """Look whether SELinux or AppArmor may keep the agent or its scripts from their work."""
    selinux = _first(case, "/sys/fs/selinux/enforce")
    apparmor = _first(case, "/sys/module/apparmor/parameters/enabled")
    if selinux == "1":
        yield from _confined(case, "SELinux", "ausearch -m avc -ts recent")
    else:
        yield ok("SELinux", said("permissive") if selinux else said("not there"))
    if apparmor == "Y":
        yield from _confined(case, "AppArmor", "journalctl -k -g apparmor=.DENIED")
    else:
        yield ok("AppArmor", said("not there"))


def _first(case: Case, path: str) -> str:
    """Give the word of a file of the kernel, an empty one if it is not there; raises Blind."""
    try:
        return case.machine.read(Path(path)).strip("\0\n ")
    except FileNotFoundError:
        return ""


def _confined(case: Case, name: str, command: str) -> Iterator[Finding]:
    """Tell in which context the agent runs."""
    text = "see what it denied: {command}; then allow that, or let it confine nothing here"
    remedy = said(text, command=command)
    try:
        context = _first(case, f"/proc/{case.asked()['pid']}/attr/current")
    except Blind as why:
        what = said("{name} is enforced; whether it confines the agent is not known", name=name)
        yield unknown(what, str(why), remedy)
        return
    if any(word in context for word in _FREE):
        yield ok(said("{name} does not confine the agent", name=name), context)
    else:
        yield warning(said("{name} confines the agent", name=name), context, remedy)


# -- the unit


def unit(case: Case) -> Iterator[Finding]:
    """Look whether systemd starts the agent at boot, and lets alone what it keeps running."""
    if case.where.lab:
        yield ok(_UNIT, said("the lab starts the agent again"))
        return
    ran = case.machine.run("systemctl", "show", _UNIT, f"--property={_ASKED}")
    if ran.code:
        raise Blind(said("systemctl tells nothing: {why}", why=ran.err.strip()))
    has = dict(line.partition("=")[::2] for line in ran.out.splitlines())
    if has.get("LoadState") != "loaded":
        install = said("install it: contrib/systemd/clpcore.service; docs: how to install")
        yield error(said("{unit} is missing", unit=_UNIT), has.get("LoadState", ""), install)
        return
    wrong = list(_doubts(has))
    yield from wrong or [ok(_UNIT, has["UnitFileState"])]


def _doubts(has: dict[str, str]) -> Iterator[Finding]:
    """Say what in the unit differs from what the agent counts on."""
    edit = said("write it as in contrib/systemd/clpcore.service, then: systemctl daemon-reload")
    state = has.get("UnitFileState", "")
    if state != "enabled":
        what = said("{unit} is not started at boot", unit=_UNIT)
        yield warning(what, state, f"systemctl enable {_UNIT}")
    if has.get("WatchdogUSec") in {"0", "infinity"}:
        what = said("systemd does not see when the agent hangs")
        yield warning(what, f"WatchdogSec={has['WatchdogUSec']}", edit)
    if has.get("KillMode") != "process":
        what = said("stopping the agent kills what the cluster runs")
        yield error(what, f"KillMode={has.get('KillMode', '')}", edit)
    if has.get("RuntimeDirectoryPreserve") == "no":
        what = said("a restart of the agent forgets what the cluster runs")
        yield error(what, "RuntimeDirectoryPreserve=no", edit)
    if "CLP_POWER=systemd" not in has.get("Environment", ""):
        what = said("the agent may not stop this machine: final actions are only told")
        yield warning(what, has.get("Environment", ""), edit)


# -- booting


def boot(case: Case) -> Iterator[Finding]:
    """Compare how long this machine takes to boot with how long the others wait for it."""
    if case.where.lab:
        return
    config, what = case.config, said("time to boot")
    ran = case.machine.run("systemd-analyze", "time")
    found = _BOOTED.search(ran.out)
    if ran.code or not found:
        raise Blind(said("systemd-analyze tells nothing: {why}", why=(ran.err or ran.out).strip()))
    took = int(found[1] or 0) * 60_000 + round(float(found[2]) * 1_000)
    if took >= config.startup_wait:
        yield warning(
            said("this server boots longer than the others wait for it at a cold start"),
            f"{took / 1_000:g} s, startup_wait {config.startup_wait / 1_000:g} s",
            said("give [cluster] startup_wait more than the slowest server takes to boot"),
        )
    else:
        # A boot within heartbeat_timeout hides nothing: the new boot id tells of it.
        yield ok(what, f"{took / 1_000:g} s")


# -- the shield


def shield(case: Case) -> Iterator[Finding]:
    """Look whether the agent stays awake on a machine in trouble."""
    if isinstance(case.agent, Silent):
        yield unknown(said("how the agent is shielded"), case.agent.why, case.agent.remedy)
        return
    remedies = {
        "scheduling": said("run the agent as root, on a kernel that gives services real time"),
        "memory": said("LimitMEMLOCK=infinity in the unit; run the agent as root"),
        "out of memory": said("run the agent as root, where no container forbids it"),
    }
    for name, wanted in _WELL.items():
        got = str(case.agent.get("shield", {}).get(name, ""))
        what = said("the agent's {name}", name=name)
        if got in wanted:
            yield ok(what, got)
        else:
            text = said("on a machine in trouble the agent may be late ({name})", name=name)
            yield warning(text, got, remedies[name])
