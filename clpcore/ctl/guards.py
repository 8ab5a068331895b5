"""What keeps groups from running twice, as operators read it: NP, forced stop, arbiter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from clpcore.ctl import rows, words
from clpcore.ctl.words import said

if TYPE_CHECKING:
    from clpcore.ctl.document import Arbiter, Asked, EndedStop, Fencing, Np, Status
    from clpcore.ctl.screen import Paint

_WELL: Final = {"Normal", "Unused", "Offline"}
_RESTS_ON: Final = {
    "both": "a takeover waits for an arbiter's lease and a forced stop",
    "lease": "a takeover waits until the lease at the arbiter has lapsed",
    "fence": "a takeover waits for the arbiter's word and a forced stop",
}


def rests_on(status: Status) -> str:
    """Give what a takeover from a silent server waits for; "" where nobody takes over."""
    if text := _RESTS_ON.get(status["policy"]):
        return said(text)
    return said("a takeover waits for a forced stop") if status["fencing"] else ""


def found(status: Status) -> list[Guard]:
    """Give what is configured of it."""
    arbiter = status["arbiter"]
    return [
        *(Guard("np", each, status) for each in status["np"]),
        *(Guard("fencing", each, status) for each in status["fencing"]),
        *([Guard("arbiter", arbiter, status)] if arbiter else []),
    ]


def abnormal(status: Status) -> list[str]:
    """Give the names of those that an operator should look at."""
    return [guard.name for guard in found(status) if guard.state not in _WELL]


class Guard(NamedTuple):
    """One way of NP resolution or of forced stop, or the arbiter; *kind* is its table."""

    kind: str
    now: Np | Fencing | Arbiter
    status: Status

    @property
    def name(self) -> str:
        """Give its name in the configuration."""
        return self.now["name"]

    @property
    def state(self) -> str:
        """Give the product's word for how it is."""
        return self.now["state"]

    @property
    def looks(self) -> dict[str, Asked]:
        """Give what was found out, by the server that asked, or that could be stopped."""
        if self.kind == "arbiter":
            return {}
        return self.now["servers"]  # type: ignore[typeddict-item]  # the other two have it

    def comment(self) -> str:
        """Give what it is, in a few words."""
        texts = {
            "np": "NP resolution, {type}",
            "fencing": "forced stop, {type}",
            "arbiter": "arbiter, {type}{lease}",
        }
        return said(texts[self.kind], type=self.now["type"], lease=self._lease())

    def _lease(self) -> str:
        arbiter = self.status["arbiter"]
        if arbiter is None or self.kind != "arbiter" or arbiter["lease_left_ms"] is None:
            return ""
        left = f"{arbiter['lease_left_ms'] / 1_000:.0f}"
        return said("; the lease has {seconds} s left", seconds=left)

    def troubled(self) -> Iterator[tuple[str, Asked]]:
        """Give what is not well, under the words "on SERVER" or "stop of SERVER"."""
        text = "stop of {server}" if self.kind == "fencing" else "on {server}"
        arbiter = self.status["arbiter"]
        if self.kind == "arbiter" and arbiter and self.state not in _WELL:
            me = self.status["server"]
            yield said(text, server=me), {"state": self.state, "detail": arbiter["detail"]}
        for server, look in self.looks.items():
            if look["state"] not in _WELL:
                yield said(text, server=server), look

    def past(self) -> Iterator[str]:
        """Tell how the forced stops of it from here have ended, the newest first."""
        if self.kind != "fencing":
            return
        stops: list[EndedStop] = self.now["stops"]  # type: ignore[typeddict-item]  # this kind has it
        for stop in stops:
            text = "{time}: {server} was stopped by force in {seconds} s"
            if stop["failed"]:
                text = "{time}: {server} could not be stopped by force: {reason}"
            yield said(
                text,
                time=rows.moment(stop["at"])[:-4],
                server=stop["server"],
                seconds=f"{stop['took_ms'] / 1_000:.1f}",
                reason=words.plain(stop["failed"]),
            )

    # -- for `clp why`

    def lines(self, paint: Paint) -> Iterator[str]:
        """Explain it."""
        text = "{name} is {state}: {what}."
        state, what = paint.state(self.state), self.comment()
        yield said(text, name=paint.loud(self.name), state=state, what=what)
        for name, look in self._looks():
            detail = words.plain(look["detail"])
            yield ": ".join(
                [f"  {name}", paint.state(look["state"]), *([detail] if detail else [])]
            )
        yield from ("  " + line for line in (*self._session(), *self.past()))

    def _looks(self) -> Iterable[tuple[str, Asked]]:
        if self.kind == "arbiter":
            return self.troubled()
        text = "stop of {server}" if self.kind == "fencing" else "on {server}"
        return [(said(text, server=server), look) for server, look in self.looks.items()]

    def _session(self) -> Iterator[str]:
        """Tell what this server has at the arbiter, and what ends with it."""
        arbiter, me = self.status["arbiter"], self.status["server"]
        if self.kind != "arbiter" or arbiter is None:
            return
        if arbiter["stops_in_ms"] is not None:
            text = "Without an answer or promises, what runs on {server} is stopped in {seconds} s."
            yield said(text, server=me, seconds=f"{arbiter['stops_in_ms'] / 1_000:.0f}")
        if arbiter["asks_for_promises"]:
            names = ", ".join(arbiter["promised_by"]) or said("nobody")
            text = "{server} has asked the others for promises in its place; given by: {names}."
            yield said(text, server=me, names=names)
        if arbiter["promised_to"]:
            names = ", ".join(filter(None, arbiter["promised_to"])) or said("nobody")
            text = "{server} has promised to take nothing over for a while (to: {names})."
            yield said(text, server=me, names=names)

    def step(self) -> str:
        """Give none: the sentence that told of it has the next step."""
        return ""

    def witnesses(self, status: Status) -> Iterable[str]:
        """Each server asks for itself."""
        return [one["name"] for one in status["servers"]] if self.state not in _WELL else []
