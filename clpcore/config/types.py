"""The driver types that a configuration may name, and why another one cannot be used."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Protocol

import attrs

from clpcore.api import DriverSpec, Kind
from clpcore.config import settings
from clpcore.config.problems import Problem
from clpcore.config.wording import listed, near
from clpcore.model.reasons import Severity

_HOMES: Final[Mapping[Kind, str]] = {
    Kind.RESOURCE: "It belongs into a [group.NAME.resource.NAME].",
    Kind.MONITOR: "It belongs into a [monitor.NAME].",
    Kind.HEARTBEAT: "It belongs into a [heartbeat.NAME].",
    Kind.PARTITION: "It belongs into an [np.NAME].",
    Kind.FENCE: "It belongs into a [fencing.NAME].",
    Kind.ARBITER: "It belongs into an [arbiter.NAME].",
}


class Refusal(Protocol):
    """A plugin that the host did not take, as the host tells it."""

    @property
    def plugin(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def remedy(self) -> str: ...


class Loading(Refusal, Protocol):
    """What is known of it besides, when it was loaded here."""

    @property
    def distribution(self) -> str: ...
    @property
    def deadly(self) -> bool: ...


def deadly(refused: Iterable[Loading]) -> Iterator[Problem]:
    """Tell of plugins that end or block whoever loads them, whether they are needed or not."""
    for each in refused:
        if each.deadly:
            what = f"Plugin {each.plugin} of {each.distribution} cannot be loaded: {each.reason}."
            yield Problem(severity=Severity.ERROR, what=what, remedy=each.remedy)


@attrs.frozen
class Types:
    """The specs that can be configured, why others cannot, and the plugins that were refused."""

    specs: Mapping[tuple[Kind, str], DriverSpec]
    defective: Mapping[tuple[Kind, str], str]
    refused: tuple[Refusal, ...] = ()

    @classmethod
    def sort(
        cls, specs: Mapping[tuple[Kind, str], DriverSpec], refused: Iterable[Refusal]
    ) -> Types:
        """Tell the specs that can be configured from those that cannot."""
        defects = {key: listed(settings.defects(spec)) for key, spec in specs.items()}
        return cls(
            specs={key: spec for key, spec in specs.items() if not defects[key]},
            defective=defects,
            refused=tuple(refused),
        )

    def find(self, kind: Kind, name: str) -> DriverSpec | None:
        """Give the spec, or None where no plugin brings the type."""
        return self.specs.get((kind, name))

    def of(self, kind: Kind) -> dict[str, DriverSpec]:
        """Give the specs of one kind by their names, sorted."""
        found = {name: spec for (is_of, name), spec in self.specs.items() if is_of is kind}
        return dict(sorted(found.items()))

    def why_not(self, kind: Kind, name: str) -> tuple[str, str]:
        """Give what is wrong with a type that cannot be found, and the remedy."""
        if defect := self.defective.get((kind, name)):
            return f"Type {name} cannot be used: {defect}.", "Tell the author of its plugin."
        for refusal in self.refused:
            if refusal.plugin == name:
                why = f"its plugin was refused because {refusal.reason.rstrip('.')}"
                return f"Type {name} cannot be used: {why}.", refusal.remedy
        for other in Kind:
            if (other, name) in self.specs:
                return f"{name} is a type of {other.value}s, not of {kind.value}s.", _HOMES[other]
        known = self.of(kind)
        what = f"No plugin here brings a {kind.value} of type {name}."
        if best := near(name, known):
            return what, f"Did you mean {best}?"
        return what, self._could_come(kind, tuple(known))

    def _could_come(self, kind: Kind, known: tuple[str, ...]) -> str:
        here = f"Types here: {', '.join(known)}." if known else ""
        refused = [f"{refusal.plugin} ({refusal.reason.rstrip('.')})" for refusal in self.refused]
        if refused:
            return f"{here} Refused plugins, one of which may bring it: {listed(refused)}.".strip()
        return f"{here} Install the plugin that brings it; `clp plugins` lists them.".strip()

    @functools.cached_property
    def watched_by(self) -> Mapping[str, tuple[str, ...]]:
        """Give, for each monitor type that is made with resources, the types of those."""
        made: dict[str, tuple[str, ...]] = {}
        for name, spec in self.of(Kind.RESOURCE).items():
            for monitor in spec.pairs_with:
                made[monitor] = (*made.get(monitor, ()), name)
        return made

    def owners(self, key: str) -> list[str]:
        """Say whose settings have this key."""
        return [
            f"{kind.value}s of type {name}"
            for kind in Kind
            for name, spec in self.of(kind).items()
            if key in settings.keys(spec.config)
        ]
