"""What a forecast found: what is said when, what becomes of each group, which times were used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from clpcore import decide, messages
from clpcore.ctl import words
from clpcore.model.config import ClusterConfig
from clpcore.model.picture import Picture
from clpcore.model.reasons import Because
from clpcore.model.state import PeerState
from clpcore.simulate import choice, forecast, opening

_MAIN: Final = {"rc11", "rc21", "rc60", "rc529", "nm2", "nm43", "rc66", "rc431", "rc604"}
_ONLINE: Final = "rc11"
_STOPS: Final = "rc20"
_OFF: Final = "is switched off"
_NAMES: Final = ("group", "resource", "epoch", "ms")  # what differs where the same is said again


class _Said(NamedTuple):
    """Something that was said, by a server or about it."""

    ms: int
    server: str
    what: Because | str

    def text(self) -> str:
        """Give the sentence in the reader's language."""
        if isinstance(self.what, str):
            return f"{self.server} {self.what}."
        return f"{words.sentence(messages.plain(self.what))} [{self.what.key}]"  # type: ignore[arg-type]

    @property
    def shape(self) -> tuple[object, ...]:
        """Give what is the same where other servers say it, or where it is about other groups."""
        if isinstance(self.what, str):
            return (self.what, self.server)
        args = messages.plain(self.what)["args"]
        return (
            self.what.key,
            *(str(v) for k, v in args.items() if k not in _NAMES and v != self.server),
        )

    @property
    def is_main(self) -> bool:
        """Tell whether it is among what is told without asking for everything."""
        if isinstance(self.what, str):
            return True
        entry = messages.entries().get(self.what.key)
        return self.what.key in _MAIN or (entry is not None and entry.severity.value != "info")


class Outlook:
    """One forecast, from its beginning to what can be told of it."""

    def __init__(self, picture: Picture, about: Mapping[str, Sequence[str]]) -> None:
        """Begin with *picture* and the groups *about*, each with those that it stands for."""
        self.picture = picture
        self._stands_for = about
        self._events: list[tuple[int, str, object]] = []
        self.cluster = forecast.Forecast(picture, about, forecast.recorder(self._events))
        self._was = {name: self._owner(name) for name in self.cluster.config.group_by_name}
        self._over = False

    def _owner(self, group: str) -> str:
        record = self.picture.kept.records.get(group)
        return record.owner if record else ""

    def play(self, *, silence: bool) -> None:
        """Let time pass until nothing more happens; *silence*: servers fall silent."""
        cluster = self.cluster
        cluster.until_settled(choice.soonest(cluster.config, silence=silence))

    def apply(self, after: ClusterConfig, stop: Sequence[str], begins: Sequence[str]) -> None:
        """Let *after* be applied."""
        named = {*self.cluster.config.group_by_name, *begins}
        cut = opening.reduced_to(after, named)
        for name in cut.group_by_name:
            self._was.setdefault(name, "")
        self.cluster.apply(cut, stop, asked_at=self.picture.me)
        self.cluster.until_settled(3 * cut.heartbeat_interval)

    @property
    def _said(self) -> list[_Said]:
        return [
            _Said(ms, server, what)
            for ms, server, what in self._events
            if isinstance(what, Because | str)
        ]

    def told(self, *, everything: bool) -> list[str]:
        """Give what is said, a line each; what is said again, once, with how often."""
        first: dict[tuple[object, ...], _Said] = {}
        count: dict[tuple[object, ...], int] = {}
        for place, said in enumerate(self._said):
            if not everything and not said.is_main:
                continue
            shape = (*said.shape, place) if everything else said.shape
            first.setdefault(shape, said)
            count[shape] = count.get(shape, 0) + 1
        return [
            f"{said.ms / 1_000:9.1f} s  {said.server}: {said.text()}".replace(
                f"{said.server}: {said.server} ", f"{said.server} "
            )
            + (f" ({count[shape]} times)" if count[shape] > 1 else "")
            for shape, said in first.items()
        ]

    # -- groups

    def fates(self) -> dict[str, list[str]]:
        """Give, by what becomes of them, the groups."""
        found: dict[str, list[str]] = {}
        for name in self.cluster.config.group_by_name:
            its = found.setdefault(self._fate(name), [])
            its += [name, *self._stands_for.get(name, ())]
        return found

    def _fate(self, group: str) -> str:
        was, now, down = self._was.get(group, ""), self._home(group), self.down_ms(group)
        if now and down is None:
            return "undisturbed" if was == now else f"started on {now}"
        if now:
            found = f"down for {(down or 0) / 1_000:.1f} s, then online on {now}"
            return found + (self._lingering(group) if was != now else "")
        because = self._because(group)
        if down is None:
            return f"as before, not running{because}"
        return f"STAYS DOWN{because}"

    def _lingering(self, group: str) -> str:
        """Say for how long its clients may go on with the former server."""
        its = self.cluster.config.group_by_name[group].resources
        slowest = max(its, key=lambda each: each.lingers, default=None)
        if slowest is None or not slowest.lingers:
            return ""
        return f"; clients of {slowest.name} find it up to {slowest.lingers / 1_000:g} s later"

    def _home(self, group: str) -> str:
        """Give who serves it at the end, with every resource of it up."""
        for machine in self.cluster.machines.values():
            agent = machine.agent
            if agent is not None and self.cluster.serves(agent, group):
                return machine.name
        return ""

    def down_ms(self, group: str) -> int | None:
        """Give how long it is down, so far as it was seen; None: it never is."""
        was = self._was.get(group, "")
        begun = next((s.ms for s in self._said if self._ends(s, group, was)), None)
        if not was or begun is None:
            return None
        ends = [s.ms for s in self._said if _tells(s, _ONLINE, group) and s.ms >= begun]
        return (ends[-1] if ends else self.cluster.now - forecast.START) - begun

    @staticmethod
    def _ends(said: _Said, group: str, was: str) -> bool:
        return (said.what == _OFF and said.server == was) or _tells(said, _STOPS, group)

    def _because(self, group: str) -> str:
        """Give the reason that the status document would show."""
        agents = [m.agent for m in self.cluster.machines.values() if m.agent is not None]
        for agent in agents:
            document = decide.snapshot(self.cluster.config, agent.state)
            shown = next(each for each in document["groups"] if each["name"] == group)
            if shown["because"]:
                return f": {words.sentence(shown['because'])} [{shown['because']['key']}]"
        return "" if agents else ": no server is left"

    # -- what goes with it

    def notes(self) -> Iterator[str]:
        """Give what of the live state was taken for simpler than it may be."""
        silent = [n for n, s in self.picture.servers.items() if s.state is PeerState.SILENT]
        unseen = [n for n, s in self.picture.servers.items() if s.state is PeerState.UNSEEN]
        for name in (*silent, *unseen):
            yield f"{name} is not heard; it is taken for switched off."

    def risks(self) -> Iterator[str]:
        """Give what must not be overlooked."""
        if twice := self.cluster.twice:
            after = f"{twice.ms / 1_000:.1f} s"
            yield (
                f"{twice.group} WOULD RUN TWICE: it is activated on {twice.server} after {after}, "
                f"and still runs on {twice.other}."
            )

    def times(self) -> Iterator[str]:
        """Tell which times were measured, and which are only limits."""
        drivers = self.cluster.timed
        if drivers.used:
            shown = ", ".join(f"{k} {ms / 1_000:g} s" for k, ms in sorted(drivers.used.items()))
            yield f"Measured on {self.picture.me}: {shown}."
        if drivers.assumed:
            shown = ", ".join(f"{k} {ms / 1_000:g} s" for k, ms in sorted(drivers.assumed.items()))
            yield f"Never measured there, so its timeout counts, the latest it can end: {shown}."

    def document(self) -> dict[str, Any]:
        """Give all of it for machines."""
        drivers = self.cluster.timed
        return {
            "events": [
                {
                    "ms": said.ms,
                    "server": said.server,
                    "key": said.what.key if isinstance(said.what, Because) else None,
                    "text": said.text(),
                }
                for said in self._said
            ],
            "groups": [
                {
                    "name": name,
                    "stands_for": [*self._stands_for.get(name, ())],
                    "before": self._was.get(name) or None,
                    "after": self._home(name) or None,
                    "down_ms": self.down_ms(name),
                }
                for name in self.cluster.config.group_by_name
            ],
            "runs_twice": self.cluster.twice._asdict() if self.cluster.twice else None,
            "measured_ms": dict(sorted(drivers.used.items())),
            "timeouts_ms": dict(sorted(drivers.assumed.items())),
        }


def _tells(said: _Said, key: str, group: str) -> bool:
    what = said.what
    return isinstance(what, Because) and what.key == key and dict(what.args).get("group") == group
