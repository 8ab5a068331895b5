"""What the core takes and asks for, in a few words a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clpcore.decide.spelling import spelled
from clpcore.model import actions as act
from clpcore.model import inputs as given

if TYPE_CHECKING:
    from clpcore.model.peer import Letter


def taken(value: given.Input, asked: str = "") -> str:
    """Give an input; *asked*: what the action was whose end it tells."""
    match value:
        case given.Tick():
            return "time passes"
        case given.HeardBeat():
            return f"a heartbeat of {value.sender} ({value.beat.phase.value}) over {value.link}"
        case given.GotLetter():
            return f"from {value.sender}: {_letter(value.letter)}"
        case given.Done():
            detail = f" ({value.outcome.detail})" if value.outcome.detail else ""
            what = asked or f"action {value.action}"
            return f"{what} ends: {value.outcome.verdict.value}{detail}"
        case given.ProcessEnded():
            return f"process {value.process} of {value.group}/{value.resource} has ended"
        case given.Asked():
            return f"{value.request.by} asks: {spelled(value.request.op)}"
        case given.Leave():
            return "the service manager stops the agent"
        case given.Armed():
            return "the watchdog is armed"


def action(value: act.Action) -> str:
    """Give an action."""
    match value:
        case act.Send():
            return f"tells {value.to}: {_letter(value.letter)}"
        case act.Answer():
            return f"answers {value.request}: {'done' if value.ok else 'refused'}"
        case act.Kill():
            return f"kills what runs of {value.group}"
        case act.StopSelf():
            return f"ends this machine: {value.how.value}"
        case act.Left():
            return "has left"
        case act.RaiseBoot():
            return f"starts again above boot {value.counter}"
        case act.Arbitrate():
            question = type(value.ask).__name__.lower()
            return f"asks {value.call.entry}: {question} {value.call.group}".rstrip()
        case _:
            return f"{_WORDS[type(value)]} {_subject(value.call)}"


_WORDS = {
    act.Probe: "probe",
    act.Activate: "activate",
    act.Deactivate: "deactivate",
    act.Observe: "observe",
    act.Rest: "rest",
    act.Hook: "hook of",
    act.AskNp: "ask",
    act.CanFence: "look at the forced stop",
    act.Fence: "forced stop",
}


def _subject(call: act.Call) -> str:
    if call.victim:
        return f"of {call.victim} by {call.entry}"
    resource = f"{call.group}/{call.resource}" if call.resource else ""
    return call.entry or call.monitor or resource


def _letter(letter: Letter) -> str:
    """Give its class, and the group that it is about if it is about one."""
    group = getattr(letter, "group", "")
    return f"{type(letter).__name__} {group}".rstrip()
