"""What a rehearsal has at hand: the cluster, its Azure, its clients, and who tells the story."""

import contextlib
import functools
import textwrap
import time
from collections.abc import Iterator

import attrs

from clp_azuresim import control
from clp_azuresim.azure import Azure
from clp_azuresim.journal import Entry
from clp_azuresim.rehearsals.scene import Scene, plan_for
from clp_lab import starting, timeline
from clp_lab.errors import LabError
from clp_lab.plan import AZURE
from clp_lab.spots import Visits
from clp_lab.telling import Telling
from clp_lab.timeline import Happened, Phase
from clp_lab.trial import Trial, on_trial

_PATIENCE_S = 30.0
_WIDTH = 100  # of a sentence in a table
_OPERATION_S = 0.3  # of a virtual machine; Azure takes some seconds


@attrs.frozen(kw_only=True)
class Stage:
    """A cluster that runs, seen from everywhere; all times are monotonic nanoseconds."""

    trial: Trial
    began: int
    _telling: Telling
    _azure: Azure | None

    @property
    def azure(self) -> Azure:
        """The simulated Azure.

        Raises:
            LabError: the scene has none.

        """
        if self._azure is None:
            raise LabError("this scene has no Azure", "Scene(azure=True)")
        return self._azure

    # -- telling

    def step(self, text: str) -> None:
        """Begin a step: all that was told before it stands above its title."""
        self._telling.catch_up()
        print(f"\n== {text}", flush=True)

    def explain(self, text: str) -> None:
        """Say what is behind what was just told."""
        self._telling.catch_up()
        print("  -- " + text.replace("\n", "\n     "), flush=True)

    def seen(self, text: str) -> None:
        """Say what was found out beside the journals, now."""
        self._telling.catch_up()
        self.happened(time.monotonic_ns(), text)

    def happened(self, at: int, text: str) -> None:
        """Say what happened at some time, beside the journals."""
        print(f"  {(at - self.began) / 1e9:7.3f} s  {text}", flush=True)

    def table(self, title: str, *phases: Phase) -> None:
        """Show what happened when."""
        self._telling.catch_up()
        print("\n" + timeline.table(title, phases), flush=True)

    # -- waiting

    def told(self, key: str, *, after: int, by: str = "", **args: str) -> Happened:
        """Wait until a server tells a sentence."""
        return self.trial.wait_told(key, by=by, after=after, seconds=None, **args)

    def answer(self, visits: Visits, who: str, after: int) -> int:
        """Wait until a visit begun after *after* is answered by *who*; give when it was."""
        found = visits.wait_for(lambda visit: visit.who == who, after=after, timeout=_PATIENCE_S)
        return found.end

    def never_told(self, key: str, *, after: int, by: str = "", **args: str) -> None:
        """See that nobody told a sentence until now.

        Raises:
            LabError: somebody has.

        """
        found = self.trial.told(key, by=by, after=after, **args)
        if found is not None:
            raise LabError(f"{found.server} has told {key}, which should not be: {found.text}")

    def must(self, holds: object, text: str) -> None:
        """See that something is so; LabError with the text when it is not."""
        if not holds:
            raise LabError(text)

    def wait_stoppable(self) -> None:
        """Wait until each server has seen that Azure would stop the other one for it."""
        for server in self.trial.names:
            self.trial.until(
                functools.partial(_can_stop, self.trial, server),
                complaint=f"{server} cannot stop the other one",
            )

    def requests(self, since: int) -> list[Entry]:
        """Give what Azure was asked since then, but for sign-in and the machines' metadata."""
        return [
            entry
            for entry in self.azure.journal()
            if entry.at * 1e9 >= since and entry.service == "arm"
        ]


def _can_stop(trial: Trial, by: str) -> bool:
    checks = [check for way in trial.status(by)["fencing"] for check in way["servers"].values()]
    return bool(checks) and all(check["state"] == "Normal" for check in checks)


@contextlib.contextmanager
def raised(scene: Scene) -> Iterator[Stage]:
    """Start the cluster of a scene, with its group on node1, for the length of the block.

    Raises:
        LabError: it does not come up, or showed what no cluster may show.

    """
    began = time.monotonic_ns()
    with contextlib.ExitStack() as stack:
        plan = stack.enter_context(plan_for(scene))
        starting.must_be_configured(plan)
        trial = stack.enter_context(on_trial(plan, patience=_PATIENCE_S))
        starting.must_come_up(trial.lab, plan)
        telling = Telling(trial.lab, functools.partial(_tell, began))
        stack.enter_context(telling.running())
        azure = _azure_of(trial) if AZURE in plan.outside else None
        if trial.home() != "node1":  # whoever was there sooner
            trial.do("node2", "group", "move", "failover1", "--to", "node1")
            trial.wait_group("node1")
        trial.wait_ready()
        yield Stage(trial=trial, began=began, telling=telling, azure=azure)
        telling.catch_up()
        faults = trial.faults()
    if faults:
        raise LabError(f"what no cluster may show: {faults}", "please report it")


def _tell(began: int, told: Happened) -> None:
    since = (told.at - began) / 1e9
    print(f"  {since:7.3f} s  {told.server:6} {told.key:6} {told.text}", flush=True)


def _azure_of(trial: Trial) -> Azure:
    found: list[Azure] = []

    def there() -> bool:
        with contextlib.suppress(control.Gone):
            found.append(control.connect(trial.lab.folder / AZURE))
        return bool(found)

    trial.until(there, complaint="Azure does not start")
    found[0].set_timing(operation=_OPERATION_S)
    return found[0]


def phase(name: str, told: Happened) -> Phase:
    """Give a sentence of a journal as a line of a table."""
    text = textwrap.shorten(told.text, _WIDTH, placeholder=" ...")
    return Phase(name=name, at=told.at, told=f"{told.server}: {text}")
