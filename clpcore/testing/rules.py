"""The rules that a driver must keep: what each says, why, and what to do when it is broken."""

from __future__ import annotations

from typing import Final, NoReturn

import attrs
import pytest


@attrs.frozen(kw_only=True)
class Rule:
    """One rule, and the next step of whoever broke it."""

    says: str
    next_step: str


def broken(rule: Rule, who: str, seen: str) -> NoReturn:
    """Fail the running test in words; a traceback would show the kit and not the driver."""
    pytest.fail(
        f"{who} breaks a rule.\n  Rule: {rule.says}\n  Seen: {seen}\n  Next step: {rule.next_step}",
        pytrace=False,
    )


# -- for every call

NO_BUG: Final = Rule(
    says="A call gives its answer or raises a DriverError; anything else is shown as a bug.",
    next_step="Catch it where it comes from, and raise api.Failed (tried again), api.Misconfigured"
    " (told, not tried again) or api.NotInstalled (another server may do), with the next step for"
    " the operator.",
)
NO_MISTAKE: Final = Rule(
    says="A driver uses names and values as they are.",
    next_step="Mend that line: docs/reference/api.md has what clpcore.api gives and takes. If it"
    " comes from what the world answered, look at the answer first, and raise api.Failed.",
)
WORLD_ANSWERS: Final = Rule(
    says="What the suite puts into the world answers, or raises an api.DriverError.",
    next_step="Mend that line of the suite: the driver is not to blame.",
)
HEALTHY: Final = Rule(
    says="In a healthy world a call gives its answer.",
    next_step="Write what is missing in the driver, or mend world(): what the driver needs must"
    " stand there.",
)
RIGHT_TYPE: Final = Rule(
    says="A call gives what its protocol says.",
    next_step="Return the value that the method's annotation in clpcore.api names.",
)
ENDS_WHEN_CANCELLED: Final = Rule(
    says="A cancelled call ends at once: its deadline has passed, and the worker waits 1 s more.",
    next_step="Let asyncio.CancelledError through: catch Exception or narrower, never"
    " BaseException, and do not go on in an except or finally around an await.",
)
THROUGH_PORTS: Final = Rule(
    says="Every effect goes through the ports, so that a deadline ends it and a test scripts it.",
    next_step="Use ports.run, read, write, http, sleep ...; a library's own function that blocks"
    " goes through ports.outside(function, ...).",
)
NO_SECRET: Final = Rule(
    says="A secret is never shown: not in an error, a sentence, a log line, a command or a repr.",
    next_step="Hand it over in a file or the environment, name the file in the text, and make the"
    " setting with api.setting(..., secret=True).",
)
CLOSES: Final = Rule(
    says="What ports.listen gave is closed when the call ends, also when it fails.",
    next_step="Close the descriptor in a finally, after ports.keep has taken it.",
)
CHANGES_NOTHING: Final = Rule(
    says="A look changes nothing.",
    next_step="Move what changes it to activate or deactivate; what a look must remember does not"
    " belong into the machine.",
)
ONE_SENTENCE: Final = Rule(
    says="A look explains itself in one sentence: not empty, one line, 300 characters at most.",
    next_step="Say what was seen and of which thing: 'port 26001 does not answer'.",
)

# -- resources

PROBE_TELLS: Final = Rule(
    says="probe tells the truth: ACTIVE where the resource serves, INACTIVE where it is not there.",
    next_step="Look at the thing itself, not at what the driver did last.",
)
UNKNOWN_IS_NO_NO: Final = Rule(
    says="An unknown is never a no: on INACTIVE another server takes over, and the service would"
    " run twice.",
    next_step="Where the look itself failed, let the DriverError through or give"
    " api.Presence.UNKNOWN.",
)
UNKNOWN_IS_NO_YES: Final = Rule(
    says="ACTIVE is never a guess: nobody starts what counts as running.",
    next_step="Give ACTIVE only after a look that worked; else raise, or give"
    " api.Presence.UNKNOWN.",
)
ACTIVATES: Final = Rule(
    says="activate returns only when probe would say ACTIVE.",
    next_step="Wait until it serves, and raise api.Failed when it does not.",
)
ACTIVATES_TWICE: Final = Rule(
    says="activate of what is ACTIVE returns, and leaves it ACTIVE.",
    next_step="Ask probe first, and return when it is ACTIVE.",
)
DEACTIVATES: Final = Rule(
    says="deactivate returns only when probe would say INACTIVE, from any presence.",
    next_step="Look after the stop, and raise api.Failed when anything is left: what it says, the"
    " cluster believes.",
)
DEACTIVATES_TWICE: Final = Rule(
    says="deactivate of what is INACTIVE returns: a deactivation that fails takes the server down.",
    next_step="Return when nothing is there; 'was not running' is success.",
)
COMES_BACK: Final = Rule(
    says="After anything that went wrong, in a healthy world deactivate reaches INACTIVE and"
    " activate reaches ACTIVE.",
    next_step="Do not rely on how far an earlier call came: look, and do what is left to do.",
)

# -- monitors

NORMAL_WHEN_NORMAL: Final = Rule(
    says="A monitor says NORMAL where all is well, on each side that it watches.",
    next_step="Look at call.role: ACTIVE where the target serves, STANDBY where it must not.",
)
SEES_THE_FAULT: Final = Rule(
    says="A monitor gives each fault the health that its author lists.",
    next_step="Mend observe, or the list in faults().",
)
NORMAL_IS_NO_GUESS: Final = Rule(
    says="NORMAL is never a guess: what could not be looked at is UNKNOWN.",
    next_step="Let the DriverError through, or give api.Health.UNKNOWN or ERROR.",
)

RESTS: Final = Rule(
    says="What a monitor keeps running ends with its looks: rest leaves nothing, asked twice, too.",
    next_step="End by its name what observe keeps, whether it is there or not.",
)

# -- partition, fence, heartbeat

ANSWERED_WHEN_REACHED: Final = Rule(
    says="A target that is reached is ANSWERED, one that does not answer is what its author lists.",
    next_step="Mend ask, or the list in faults().",
)
SILENCE_WAS_HEARD: Final = Rule(
    says="SILENT means that the network was asked and gave nothing back: this server stops on it.",
    next_step="Where the question could not be asked, raise or give api.Answer.UNKNOWN.",
)
FENCES: Final = Rule(
    says="fence of a running victim, and of one that is off already, ends with OFF.",
    next_step="Request the stop, then read the power state until it is off.",
)
OFF_IS_READ: Final = Rule(
    says="OFF is read back, never concluded: another server takes over on it.",
    next_step="Give OFF only after a read of the power state, made after the request, that says"
    " off; an accepted request is api.Power.UNKNOWN.",
)
CAN_FENCE_TELLS: Final = Rule(
    says="can_fence says NORMAL where fence would work, and never where it could not find out.",
    next_step="Let the DriverError through, or give api.Health.UNKNOWN.",
)
FRAMES_ARRIVE: Final = Rule(
    says="What one server sends, the server that it is for receives, byte for byte.",
    next_step="Encode whatever is not plain bytes on the way, and look whom a frame is for.",
)
LINK_CLOSES: Final = Rule(
    says="close may be called again, and a closed link raises api.Failed.",
    next_step="Remember that it is closed.",
)

# -- arbiters

CLAIM_WINS: Final = Rule(
    says="A claim of the next epoch of a free group wins, and its record says so to everybody.",
    next_step="Write epoch and holder in one compare-and-set.",
)
ONE_WINS: Final = Rule(
    says="Of racing claims one wins.",
    next_step="Let the store compare: a read and a later write is no compare-and-set.",
)
EPOCH_GROWS: Final = Rule(
    says="The epoch only grows, by one for each claim; release does not take it back.",
    next_step="Refuse a claim whose epoch is not the record's plus one.",
)
NEW_STORE: Final = Rule(
    says="What was never written may be claimed with any epoch: a store that is new to a cluster"
    " takes the cluster's own count.",
    next_step="Grant a claim where the record's epoch is 0, whatever epoch is asked for.",
)
LOST_MEMORY: Final = Rule(
    says="A renewal for a group that the store has no record of raises api.Failed: the store has"
    " lost its memory, and nobody knows whether the group is lost.",
    next_step="Look at the record's epoch: 0 is no answer to who holds it.",
)
OTHERS_REFUSED: Final = Rule(
    says="Only the holder of the record's epoch amends, renews and releases it.",
    next_step="Compare server, boot and epoch with the record before anything is written.",
)
ASKED_TWICE: Final = Rule(
    says="A transaction asked twice ends as if asked once: answers get lost.",
    next_step="Recognise that the record says already what was asked for, and give it.",
)
SESSION_GUARDS: Final = Rule(
    says="Nobody takes a group from a holder whose session lives, but a newer boot of its server;"
    " the former holder becomes a suspect.",
    next_step="Compare the session's lease with the store's clock, and keep former holders among"
    " the suspects.",
)
SUSPECTS_STAY: Final = Rule(
    says="A suspect is taken off only by the owner's amend, or by its own boot's disclaim, and for"
    " good.",
    next_step="Keep the suspects over claims and releases; of those that an amend names, write only"
    " who still is one.",
)

# -- the spec

DOCUMENTED: Final = Rule(
    says="Each setting has a sentence and, when mandatory, an example that may be written as it"
    " stands.",
    next_step='Give api.setting("One sentence.", example=\'"/run/acme/active"\').',
)
DESCRIBED: Final = Rule(
    says="A spec describes itself: a name, one sentence, the API that it was written for, and"
    " defaults by the core's names.",
    next_step="Mend the DriverSpec; docs/howto/write-a-driver.md lists its fields.",
)
SETTINGS_FIT: Final = Rule(
    says="The settings of the suite are settings as an administrator writes them.",
    next_step="Mend Suite.settings: durations are seconds, names are the fields of the class.",
)
RECORD: Final = "run `CLP_RECORD=1 pytest` once when all else is green, read it, and commit it."
RECORDED: Final = Rule(
    says="What administrators write is a contract: its changes show in a file that is reviewed.",
    next_step="Run the tests once with CLP_RECORD=1, read the difference, and commit the file.",
)
