"""`clp simulate`: what would happen if a server died, a witness were lost, a folder applied."""

from __future__ import annotations

import functools
import gc
import json
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from clpcore.ctl import control, names
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.parsing import Parser, command
from clpcore.ctl.plugged import with_plugins
from clpcore.ctl.words import plain

if TYPE_CHECKING:
    from argparse import Namespace
    from pathlib import Path

    from clpcore.ctl.outlook import Outlook
    from clpcore.host import Registry
    from clpcore.model.config import ClusterConfig
    from clpcore.model.picture import Picture

_TAKES: Final = {"kill": 1, "lose": 1, "cut": 2, "apply": 1}
_HOW: Final = "kill SERVER, lose NAME, cut SERVER SERVER, or apply FOLDER"
_MOST: Final = 40  # lines of what happens, without --all
_NAMED: Final = 6  # groups of one fate


def parser() -> Parser:
    """Give the arguments."""
    made = command(
        "simulate",
        "Tell what would happen, from the state that the cluster is in now: if a server died "
        "(kill), if NP resolution, a forced stop or the arbiter answered nobody (lose), if two "
        "could not reach each other (cut), if a folder's configuration were applied (apply). The "
        "decisions are the real ones; times are those that calls took here, or their timeouts.",
        service="nothing happens to it; this only computes.",
        example="""
            clp simulate kill node2
            clp simulate lose witness1
            clp simulate lose witness1 kill node2      both at once
            clp simulate cut node1 node2
            clp simulate apply ./conf.d
        """,
        after="where the answer is not what you want, change the configuration: `clp config diff`.",
    )
    made.add_argument("what", nargs="+", metavar="WORD", help=_HOW)
    made.add_argument("--all", action="store_true", help="every sentence, not only the main ones")
    return made


class Fault(NamedTuple):
    """One thing that happens, with its names."""

    verb: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join([self.verb, *self.names])


def read(words: Sequence[str]) -> list[Fault]:
    """Read what shall happen.

    Raises:
        Failure: no such thing.

    """
    found, todo = [], list(words)
    while todo:
        verb = todo.pop(0)
        count = _TAKES.get(verb)
        if count is None:
            raise Failure(Exit.USAGE, f"nothing is called {verb!r}", f"give {_HOW}")
        if len(todo) < count:
            raise Failure(Exit.USAGE, f"{verb} needs {count} name(s)", f"give {_HOW}")
        found.append(Fault(verb, tuple(todo[:count])))
        del todo[:count]
    applied = [fault for fault in found if fault.verb == "apply"]
    if applied and len(found) > 1:
        what = "a configuration is applied to a cluster that is well: apply stands alone"
        raise Failure(Exit.USAGE, what, "simulate the faults by themselves")
    return found


def run(args: Namespace) -> Exit:
    """Play it and print what happens."""
    gc.disable()  # nothing here is thrown away before the end
    began = time.monotonic()
    faults = read(args.what)
    picture = _picture()
    _check(picture, faults)
    if faults[0].verb == "apply":
        outlook, changes = _applied(picture, faults[0].names[0])
    else:
        outlook, changes = _befallen(picture, faults), []
    ms = int((time.monotonic() - began) * 1_000)
    if args.json:
        document = {"schema": 1, "faults": [str(each) for each in faults], "computed_in_ms": ms}
        print(json.dumps({**document, "changes": changes, **outlook.document()}))
    else:
        print("\n".join(_lines(picture, faults, outlook, changes, everything=args.all)))
    return Exit.DONE


def _picture() -> Picture:
    from clpcore.model.picture import Picture
    from clpcore.wire import values

    reply = control.ask(do="state")
    try:
        return values.from_json(json.dumps(reply["state"]), Picture)
    except values.Unreadable as why:
        what = f"the agent's state cannot be read: {why}"
        raise Failure(Exit.REFUSED, what, "agent and `clp` are of different versions") from None


def _check(picture: Picture, faults: Sequence[Fault]) -> None:
    """Refuse names that there are not.

    Raises:
        Failure: with the one that was probably meant.

    """
    config = picture.config
    servers = config.server_names
    around = [np.name for np in config.nps] + [way.name for way in config.fencings]
    around += [config.arbiter.name] if config.arbiter else []
    if not picture.servers[picture.me].online:
        what = f"{picture.me} is not online: it knows too little of the cluster"
        raise Failure(Exit.REFUSED, what, "ask on a server that is Online")
    for fault in faults:
        known = {"kill": servers, "lose": around, "cut": [*servers, *around]}
        for name in fault.names if fault.verb in known else ():
            names.check("server" if fault.verb == "kill" else "thing", name, known[fault.verb])


def _befallen(picture: Picture, faults: Sequence[Fault]) -> Outlook:
    """Play the faults, all at once."""
    from clpcore.ctl.outlook import Outlook
    from clpcore.simulate import choice, forecast

    dead = [name for fault in faults if fault.verb == "kill" for name in fault.names]
    apart = [name for fault in faults if fault.verb == "cut" for name in fault.names]
    lost = any(fault.verb == "lose" for fault in faults)
    every = picture.config.group_by_name
    about = every if lost else choice.touched(picture, [*dead, *apart])
    outlook = Outlook(picture, choice.samples(picture, about))
    for fault in faults:
        match fault.verb:
            case "kill":
                outlook.cluster.kill(fault.names[0])
            case "lose":
                forecast.lose(outlook.cluster, fault.names[0])
            case _:
                forecast.cut(outlook.cluster, *fault.names)
    silence = bool(dead) or (bool(apart) and {*apart} <= {*picture.config.server_names})
    outlook.play(silence=silence)
    return outlook


def _applied(picture: Picture, folder: str) -> tuple[Outlook, list[dict[str, Any]]]:
    """Play the application of a folder's configuration."""
    from pathlib import Path

    from clpcore.ctl.outlook import Outlook
    from clpcore.simulate import choice

    place = Path(folder)
    place = place / "conf.d" if (place / "conf.d").is_dir() else place
    after, changes = with_plugins(functools.partial(_loaded, place, _committed()))
    stop = [each["about"] for each in changes if each["effect"] in _STOPPING]
    stop = [*dict.fromkeys(stop)]
    never = [each["what"] for each in changes if each["effect"] == "cannot be applied"]
    if never:
        raise Failure(Exit.REFUSED, f"this cannot be applied: {never[0]}", "see `clp config diff`")
    begins = [g.name for g in after.groups if g.name not in picture.config.group_by_name]
    about = choice.related(picture.config, [n for n in stop if n in picture.config.group_by_name])
    outlook = Outlook(picture, dict.fromkeys(about, ()))
    outlook.apply(after, [name for name in about if name in stop], begins)
    return outlook, changes


_STOPPING: Final = {"restarts the group", "stops the group"}


def _committed() -> Path:
    from clpcore.ctl import config_revisions as shared

    return shared.find(shared.archive(), "").folder / "conf.d"


def _loaded(
    place: Path, committed: Path, registry: Registry
) -> tuple[ClusterConfig, list[dict[str, Any]]]:
    """Give what the folder says, without drivers' settings, and what it changes.

    Raises:
        Failure: one of the two has errors.

    """
    from clpcore import config
    from clpcore.config import plan
    from clpcore.decide import picture

    before, after = (
        config.load(each, registry.specs, registry.refused).config for each in (committed, place)
    )
    if after is None or before is None:
        which = place if after is None else committed
        what = f"the configuration in {which} has errors"
        raise Failure(Exit.BAD_CONFIG, what, f"clp config check {which}")
    changes = [change.as_json() for change in plan.plan(before, after)]
    return picture.bare(after), changes


# -- the page


def _lines(
    picture: Picture,
    faults: Sequence[Fault],
    outlook: Outlook,
    changes: Sequence[dict[str, Any]],
    *,
    everything: bool,
) -> Iterator[str]:
    config = picture.config
    head = (
        f"From the state as {picture.me} sees it now (servers: {len(config.servers)}, groups: "
        f"{len(config.groups)}). Nothing happens to the cluster."
    )
    told = outlook.told(everything=everything)
    shown = told if everything else told[:_MOST]
    more = [f"{'':11}  ... {len(told) - _MOST} more with --all"] if len(shown) < len(told) else []
    parts = (
        [head, *outlook.notes()],
        _plan_lines(changes),
        [f"{0:9.1f} s  {', '.join(map(str, faults))}", *shown, *more],
        [*_fates(outlook), *outlook.risks()],
        [*outlook.times()],
    )
    yield "\n\n".join("\n".join(map(plain, lines)) for lines in parts if lines)


def _plan_lines(changes: Sequence[dict[str, Any]]) -> list[str]:
    from clpcore.ctl import config_revisions as shared

    return shared.plan_lines(changes) if changes else []


def _fates(outlook: Outlook) -> Iterator[str]:
    fates = outlook.fates()
    if not fates:
        yield "No group is touched."
    for fate, groups in fates.items():
        more = f" and {len(groups) - _NAMED} more" if len(groups) > _NAMED else ""
        yield f"{', '.join(groups[:_NAMED])}{more}: {fate}"
