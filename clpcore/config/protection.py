"""``[np.*]``, ``[fencing.*]``, ``[arbiter.*]``: what keeps a group from running twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from clpcore.api import Kind
from clpcore.config import driven, profiles, settings
from clpcore.config.driven import Given
from clpcore.config.reading import Reading
from clpcore.config.servers import known_servers
from clpcore.model.members import Heartbeat
from clpcore.model.protection import Arbiter, Fencing, NpResolution
from clpcore.model.states import Profile

# A witness answers as any web server does, so that its heartbeat brings its own NP resolution.
_WITNESS: Final = "witnesshb"
_ASKING: Final = "httpnp"
_WAY: Final = ("url", "ca_file", "proxy")  # the settings that tell the way to it


def nps(
    reading: Reading, profile: Profile, servers: tuple[str, ...], heartbeats: Iterable[Heartbeat]
) -> tuple[NpResolution, ...]:
    """Give the ways of NP resolution; without any, the one that a witness heartbeat brings."""
    if not reading.table(("np",)):
        return _of_witness(reading, profile, heartbeats)
    return tuple(
        NpResolution(**_values(reading, given, servers))
        for given in _givens(reading, "np", Kind.PARTITION, profile)
    )


def fencings(reading: Reading, profile: Profile, servers: tuple[str, ...]) -> tuple[Fencing, ...]:
    """Give the ways to stop a server by force, in the order of the files: their levels."""
    return tuple(
        Fencing(**_values(reading, given, servers))
        for given in _givens(reading, "fencing", Kind.FENCE, profile)
    )


def arbiter(reading: Reading, profile: Profile, servers: tuple[str, ...]) -> Arbiter | None:
    """Give the arbiter; there can be one."""
    givens = tuple(_givens(reading, "arbiter", Kind.ARBITER, profile))
    if not givens:
        return None
    first, *others = givens
    for each in others:
        said = f"There is an arbiter already: {first.path[-1]}"
        what = f"{said}. Two could give a group to two servers."
        reading.error(each.path, what, "Keep one of them.", at_key=True)
    driven.check(reading, first, servers)
    return Arbiter(**_core(first))


def _givens(reading: Reading, word: str, kind: Kind, profile: Profile) -> Iterator[Given]:
    usual = profiles.defaults(profile, word)
    for name, table in reading.named((word,)).items():
        yield driven.read(reading, (word, name), kind, table, usual=usual)


def _values(reading: Reading, given: Given, servers: tuple[str, ...]) -> dict[str, Any]:
    """Give the fields; *servers*: all of them, which each have the settings of their own."""
    said = known_servers(reading, (*given.path, "servers"), given.core.get("servers", ()))
    driven.check(reading, given, said or servers)
    return {**_core(given), "servers": said}


def _core(given: Given) -> dict[str, Any]:
    return {
        "name": given.path[-1],
        "type": given.type,
        "settings": given.common,
        "per_server": given.per_server,
        **given.core,
    }


def _of_witness(
    reading: Reading, profile: Profile, heartbeats: Iterable[Heartbeat]
) -> tuple[NpResolution, ...]:
    """Ask the witness itself, where nothing says whom to ask (design.md 7)."""
    witness = next((each for each in heartbeats if each.type == _WITNESS), None)
    if witness is None or "url" not in witness.settings:
        return ()
    path, name = ("heartbeat", witness.name), f"{_ASKING}1"
    spec = reading.types.find(Kind.PARTITION, _ASKING)
    if spec is None:
        what, remedy = reading.types.why_not(Kind.PARTITION, _ASKING)
        said = f"A witness heartbeat asks its witness who is cut off, by {_ASKING}. {what}"
        reading.warn(path, said, f"{remedy} Or write an [np.NAME] of another type.", at_key=True)
        return ()
    known = settings.keys(spec.config)
    way: Mapping[str, Any] = {
        key: witness.settings[key] for key in _WAY if key in known and key in witness.settings
    }
    reading.note(
        path,
        f"[np.{name}] of type {_ASKING} comes with {witness.name}, as there is no [np.NAME]: a "
        f"server that {way['url']} does not answer is the one that is cut off.",
        "Write [np.NAME] tables to ask somebody else.",
        at_key=True,
    )
    core = {**spec.defaults, **profiles.defaults(profile, "np")}
    return (NpResolution(name=name, type=_ASKING, settings=way, **core),)
