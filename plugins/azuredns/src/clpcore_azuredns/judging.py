"""What a look at the name comes to, from what Azure and the name servers said: pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

import clpcore_lib_azure
from clpcore import api
from clpcore_azuredns.record import Record
from clpcore_azuredns.resolution import Said
from clpcore_azuredns.settings import MonitorConfig, OnNoAnswer
from clpcore_lib_azure import Absent, Denied, Silent

PUBLISHING: Final = 60_000  # ms after a write in which name servers may not know it yet
_LONGEST: Final = 290  # characters of a sentence
_SHOWN: Final = 3  # name servers that are named

# What an administrator does about it.
_WHO: Final = "Azure's activity log tells who has changed it"
_BETWEEN: Final = f"{_WHO}; if nobody has, somebody else answers at port 53"
_OPEN: Final = "Open port 53, UDP and TCP, to them"


@attrs.frozen(kw_only=True)
class Look:
    """What one look has brought.

    Attributes:
        asked: Azure was asked this time.
        record: what it said; None: that there is no such record.
        error: why it said nothing of the record.
        refused: why the name servers may not be known.
        said: by each name server that was asked.
        unfound: why none was asked, though they should have been.
        written: the record was written so many ms ago; None: not known.
        seen: an earlier look saw all well so many ms ago; None: none did.

    """

    asked: bool = False
    record: Record | None = None
    error: api.DriverError | None = None
    refused: api.DriverError | None = None
    said: tuple[Said, ...] = ()
    unfound: str = ""
    written: int | None = None
    seen: int | None = None

    def shows(self, ip: str) -> bool:
        """Tell whether Azure or a name server says that the name is *ip*."""
        by_azure = self.record is not None and self.record.addresses == (ip,)
        return by_azure or any(each.addresses == (ip,) for each in self.said)


def judge(config: MonitorConfig, call: api.Call, look: Look) -> api.Observation:
    """Say how the name is, in one sentence."""
    health, sentence = _by_azure(config, call, look) or _by_servers(config, look)
    return api.Observation(health, short(sentence))


def short(text: object) -> str:
    """Give it in at most 300 characters; of what is longer the next step, at its end, stays."""
    line = " ".join(str(text).split())
    if len(line) <= _LONGEST:
        return line
    said, _, step = line.rpartition(". ")
    said, step = (said, step[: _LONGEST // 2]) if said else (line, "")
    return f"{said[: _LONGEST - len(step)]} ... {step}".strip()


_Verdict = tuple[api.Health, str]


def _by_azure(config: MonitorConfig, call: api.Call, look: Look) -> _Verdict | None:
    """Judge what the record says; None: nothing that decides."""
    if isinstance(look.error, Silent) or not look.asked:
        return _refused(look)
    if isinstance(look.error, Absent):
        return api.Health.ERROR, str(look.error)
    if isinstance(look.error, Denied):
        return _refused(look) if _is_blind(look) else (api.Health.WARNING, denied(look.error))
    if look.error is not None:
        return api.Health.WARNING, str(look.error)
    if look.record is None:
        what = f"there is no A record {config.record_set} in zone {config.zone}"
        return api.Health.ERROR, f"{what}. {_WHO}"
    if look.record.is_newer_than(call):
        mine = f"this server knows epoch {call.epoch} only"
        step = f"Look who serves it: clp why {call.group}"
        return api.Health.ERROR, f"{config.about} is {look.record}, and {mine}. {step}"
    if look.record.addresses != (config.ip,):
        return api.Health.ERROR, f"{config.about} is {look.record}, not {config.ip}. {_WHO}"
    return _refused(look)


def _refused(look: Look) -> _Verdict | None:
    if isinstance(look.refused, Denied):
        return api.Health.WARNING, denied(look.refused)
    return (api.Health.WARNING, str(look.refused)) if look.refused else None


def _is_blind(look: Look) -> bool:
    """Tell whether all that is missing is the right to read the record."""
    error = look.error
    return isinstance(error, Denied) and error.action.lower().endswith("/dnszones/a/read")


def denied(error: clpcore_lib_azure.Denied) -> str:
    """Say in one sentence which action is missing, and where."""
    if not error.action:
        return str(error)
    said = f"Azure answers 403: the role lacks {error.action} on {error.scope}"
    return f"{said}. `clp azure role` prints one that has it"


def _by_servers(config: MonitorConfig, look: Look) -> _Verdict:
    right = [each for each in look.said if each.addresses == (config.ip,)]
    wrong = [each for each in look.said if each.addresses not in (None, (config.ip,))]
    if wrong and not (_may_lag(look) and all(each.addresses for each in wrong)):
        health = api.Health.WARNING if right else api.Health.ERROR
        return health, f"{config.fqdn} is {config.ip}, but {_told(wrong)}. {_BETWEEN}"
    if right:
        found = f"{config.fqdn} is {config.ip} at {len(right)} of {len(look.said)} name servers"
        return _well(config, look, found + (", the change is under way" if wrong else ""))
    if wrong:
        return _well(config, look, f"{config.about} is on its way to the name servers")
    known = look.asked and look.error is None
    if known and not config.check_name_resolution:
        return _well(config, look, f"{config.about} is {config.ip}")
    return _nobody(config, look, known=known)


def _may_lag(look: Look) -> bool:
    return look.written is not None and look.written < PUBLISHING


def _well(config: MonitorConfig, look: Look, found: str) -> _Verdict:
    if _is_blind(look):
        found += "; the role has no A/read, so that it is written without a condition"
    elif look.error is not None:
        found += "; Azure itself does not answer"
        if config.on_no_answer is OnNoAnswer.WARN:
            return api.Health.WARNING, f"{found}: {look.error}"
    return api.Health.NORMAL, found


def _nobody(config: MonitorConfig, look: Look, *, known: bool) -> _Verdict:
    """Judge a look to which those who should know have said nothing."""
    silent = look.unfound or "no name server was asked"
    if look.said:
        silent = f"{_told(look.said)}. {_OPEN}"
    if known:
        text = f"{config.about} is {config.ip} in Azure, but {silent}"
    else:
        text = f"{look.error or config.about + ' was not read'}; {silent}"
    match config.on_no_answer:
        case OnNoAnswer.RECOVER:
            return api.Health.ERROR, text
        case OnNoAnswer.WARN:
            return api.Health.WARNING, text
    if look.seen is None:  # ignored is what was well before: nothing is known of this
        return api.Health.UNKNOWN, text
    return api.Health.NORMAL, f"all was well {look.seen / 1_000:.0f} s ago; {text}"


def _told(said: Iterable[Said]) -> str:
    each = [f"{one.server} {_words(one)}" for one in said]
    more = f" and {len(each) - _SHOWN} more" if len(each) > _SHOWN else ""
    return ", ".join(each[:_SHOWN]) + more


def _words(said: Said) -> str:
    if said.addresses is None:
        return f"gives {said.trouble}" if said.trouble.startswith("no ") else said.trouble
    return f"says {', '.join(said.addresses) or 'that there is no such name'}"
