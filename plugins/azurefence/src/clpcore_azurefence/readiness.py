"""What a look whether a forced stop would work comes to, from what was seen: pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from clpcore import api
from clpcore_azurefence import identity
from clpcore_azurefence.identity import Machine
from clpcore_lib_azure import Denied, Silent

_LONGEST: Final = 290  # characters of a sentence
_LITTLE: Final = 10  # requests that Azure must still allow: a forced stop takes some


@attrs.frozen(kw_only=True)
class Seen:
    """What one look has brought, as far as it came.

    Attributes:
        name: of the virtual machine.
        victim: the server that it is.
        machine: what Azure says of it; None: not that far.
        known_as: the vm_id of the machine that had its name at the look before; empty: none did.
        lacking: actions that the role does not allow; None: not that far.
        budget: how many requests Azure still allows, by the name of each budget.
        blind: why this server does not know which machine it is itself; empty: it does.
        error: what ended the look.

    """

    name: str
    victim: str
    machine: Machine | None = None
    known_as: str = ""
    lacking: tuple[str, ...] | None = None
    budget: Mapping[str, int] = attrs.field(factory=dict)
    blind: str = ""
    error: api.DriverError | None = None


def judge(seen: Seen) -> api.Observation:
    """Say whether it would work, in one sentence; what is not known is no yes."""
    health, sentence = _judged(seen)
    return api.Observation(health, _short(sentence))


def _judged(seen: Seen) -> tuple[api.Health, str]:
    if seen.error is not None:
        return _failed(seen, seen.error)
    if seen.lacking:
        what = f"the role lacks {', '.join(seen.lacking)} on VM {seen.name}"
        return api.Health.ERROR, f"{what}. `clp azure role` prints a role that has it"
    low = [f"{left} of {name}" for name, left in sorted(seen.budget.items()) if left < _LITTLE]
    if low:
        said = f"Azure is about to throttle: it allows {', '.join(low)} more. Ask it less often"
        return api.Health.WARNING, said
    if seen.machine and not identity.lasts(seen.victim, seen.machine):
        what = f"{seen.machine} is known as {seen.victim} only while its agent answers: not when it"
        what += f" hangs. Give it the tag {identity.TAG} = {seen.victim}"
        return api.Health.WARNING, what
    power = seen.machine.power if seen.machine and seen.machine.power else "of unknown power"
    said = f"{seen.machine} is {seen.victim}, is {power}, and may be powered off"
    if _is_new(seen):
        said += "; it is another machine than at the last look: is it meant to be?"
    return api.Health.NORMAL, f"{said}; {seen.blind}" if seen.blind else said


def _is_new(seen: Seen) -> bool:
    """Tell whether the name belongs to another machine than at the look before."""
    now = seen.machine.vm_id if seen.machine else ""
    return bool(seen.known_as and now) and seen.known_as.lower() != now.lower()


def _failed(seen: Seen, error: api.DriverError) -> tuple[api.Health, str]:
    """Judge a look that could not be ended."""
    if seen.machine is not None and isinstance(error, Denied):
        said = f"whether the role allows powerOff on VM {seen.name} is not known: it lacks"
        said += f" {error.action or 'the right to ask'}. `clp azure role` prints one that has both"
        return api.Health.WARNING, said
    if isinstance(error, Silent):
        return api.Health.UNKNOWN, str(error)
    return api.Health.ERROR, str(error)


def _short(text: str) -> str:
    """Give a sentence that is shown whole; of a long one the next step, at its end, stays."""
    line = " ".join(text.split())
    if len(line) <= _LONGEST:
        return line
    said, _, step = line.rpartition(". ")
    step = step[: _LONGEST // 2]
    return f"{said[: _LONGEST - len(step)]} ... {step}".strip()
