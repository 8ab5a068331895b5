"""The outlets that the servers hang on, as the power service switches them: well, or badly."""

import enum
import time

import attrs

from clp_lab.cluster import Cluster
from clp_lab.errors import LabError
from clp_lab.place import Place, Power

_NS_PER_MS = 1_000_000


class Mood(enum.Enum):
    """How the power service does its work."""

    GOOD = "good"  # off at once, and read as it is
    LATE = "late"  # accepted; off after a while, whoever lives there by then
    REFUSES = "refuses"  # every request is an error
    LIES = "lies"  # accepted and forgotten; what it was asked to switch off is read as off


@attrs.define
class Outlets:
    """Switches servers off and tells whether they are; lives in the keeper."""

    _cluster: Cluster
    _mood: Mood = Mood.GOOD
    _delay: int = 0
    _due: list[tuple[int, Place]] = attrs.field(init=False, factory=list)
    _asked: set[str] = attrs.field(init=False, factory=set)
    _switched: set[str] = attrs.field(init=False, factory=set)

    def set_mood(self, mood: str, delay_ms: int) -> int:
        """Change how it works from now on; what was accepted as late still lands."""
        try:
            self._mood = Mood(mood)
        except ValueError as error:
            words = ", ".join(each.value for each in Mood)
            raise LabError(f"no mood {mood!r} of the power service: there are {words}") from error
        self._delay = delay_ms * _NS_PER_MS
        self._asked.clear()
        return time.monotonic_ns()

    def off(self, name: str) -> None:
        """Take the request to switch a server off; LabError refuses it."""
        place = self._cluster.server(name)
        match self._mood:
            case Mood.REFUSES:
                raise LabError("the power service refuses")
            case Mood.LATE:
                self._due.append((time.monotonic_ns() + self._delay, place))
            case Mood.LIES:
                self._asked.add(name)
            case Mood.GOOD:
                self._switch_off(place)

    def is_off(self, name: str) -> bool:
        """Tell what is read of a server's power: off once all processes of its life are gone."""
        place = self._cluster.server(name)
        if self._mood is Mood.REFUSES:
            raise LabError("the power service refuses")
        if self._mood is Mood.LIES and name in self._asked:
            return True
        return place.power is Power.OFF

    def stays_off(self, place: Place) -> bool:
        """Tell, once, whether a place was switched off since it was last on."""
        was = place.name in self._switched
        self._switched.discard(place.name)
        return was

    @property
    def due_at(self) -> int | None:
        """Give when the next late request lands, in monotonic nanoseconds."""
        return min((at for at, _ in self._due), default=None)

    def land(self) -> None:
        """Do what is due."""
        now = time.monotonic_ns()
        due = [place for at, place in self._due if at <= now]
        self._due = [(at, place) for at, place in self._due if at > now]
        for place in due:
            self._switch_off(place)

    def _switch_off(self, place: Place) -> None:
        self._switched.add(place.name)
        if place.power is not Power.OFF:
            place.kill()
            place.because = "switched off"
            self._cluster.wait_end(place)
