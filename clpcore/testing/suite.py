"""What every suite does: plays calls, keeps the rules for all of them, sweeps the faults."""

from __future__ import annotations

import inspect
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final, NoReturn, Protocol, TypeVar

import attrs
import pytest

from clpcore import api
from clpcore.config import settings as config
from clpcore.config.values import Key, Wrong
from clpcore.testing import rules
from clpcore.testing.blame import judged
from clpcore.testing.faults import FAULTS, Fault, Plan
from clpcore.testing.golden import metadata
from clpcore.testing.playing import NOTHING_WRONG, Act, Ended, play
from clpcore.testing.rules import Rule, broken
from clpcore.testing.world import World

_T = TypeVar("_T")
_DEADLINE: Final = 60_000  # ms, where neither the core nor the spec has one
_GOLDEN: Final = "test_what_administrators_write_is_as_recorded"
_LONGEST: Final = 300  # characters of a sentence


class Start(Protocol):
    """Makes the world in which a call begins."""

    def __call__(self) -> World: ...


class Suite:
    """Rules for drivers of every kind. Subclass the suite of your driver's kind.

    Attributes:
        spec: the driver's.
        settings: as an administrator writes them into the table: durations are seconds.

    """

    spec: ClassVar[api.DriverSpec]
    settings: ClassVar[Mapping[str, Any]] = {}

    def __init_subclass__(cls) -> None:
        """Put the golden copy last: pytest plays in the order of the class, and shows it so."""
        setattr(cls, _GOLDEN, getattr(cls, _GOLDEN))

    # -- what you may give

    def world(self) -> World:
        """Give a new machine on which your driver can do its work."""
        return World()

    def call(self) -> api.Call:
        """Give why and where the driver is called."""
        return api.Call(
            event=api.Event.START,
            role=api.Role.ACTIVE,
            epoch=7,
            server="node1",
            home="node1",
            previous="",
            group="failover1",
            resource=f"{self.spec.name}1",
            priority=1,
            victim="node2",
        )

    # -- what the suites use

    def driver(self) -> Any:
        """Make a driver; each call gets its own, as after a restart of the worker."""
        made = self._structured()
        if self.spec.make is None:
            self.break_rule(rules.DESCRIBED, "the spec has no make")
        return self.spec.make(made)

    def _structured(self) -> Any:
        try:
            return config.structure(self.spec, self.settings)
        except config.BadSettings as bad:
            self.break_rule(rules.SETTINGS_FIT, str(bad))

    def play(
        self,
        world: World,
        method: str,
        *args: Any,
        plan: Plan = NOTHING_WRONG,
        role: api.Role = api.Role.ACTIVE,
        story: str = "",
    ) -> Ended[Any]:
        """Call a method of a new driver in *world*, and keep the rules that hold for all calls."""
        driver = self.driver()
        call = attrs.evolve(self.call(), role=role, deadline=world.clock + self.deadline(method))

        def act(ports: api.Ports) -> Any:
            return getattr(driver, method)(call, ports, *args)

        ended = play(world, call, act, plan)
        self._keep_rules(world, ended, f"{method}{story}", driver)
        return ended

    def play_act(self, world: World, act: Act[_T], plan: Plan = NOTHING_WRONG) -> Ended[_T]:
        """Let *act* use drivers as it likes, in one world, under the rules for all calls."""
        call = attrs.evolve(self.call(), deadline=world.clock + _DEADLINE)
        ended = play(world, call, act, plan)
        self._keep_rules(world, ended, "it", None)
        return ended

    def deadline(self, method: str) -> int:
        """Give how long the core lets a method take, in ms."""
        key = {"observe": "timeout"}.get(method, f"{method}_timeout")
        core = config.CORE.get(self.spec.kind)
        usual = config.keys(core)[key].default if core and key in config.keys(core) else _DEADLINE
        return int(self.spec.defaults.get(key, usual))

    def break_rule(self, rule: Rule, seen: str) -> NoReturn:
        """Fail the test."""
        broken(rule, f"{self.spec.kind.value} {self.spec.name}", seen)

    def _keep_rules(self, world: World, ended: Ended[Any], what: str, driver: object) -> None:
        if ended.past:
            self.break_rule(rules.THROUGH_PORTS, f"{what} used {ended.past[0]}")
        if ended.goes_on:
            self.break_rule(rules.ENDS_WHEN_CANCELLED, f"{what} went on after it was cancelled")
        if ended.caught:
            self.break_rule(rules.ENDS_WHEN_CANCELLED, f"{what} returned when it was cancelled")
        if ended.error is not None and not isinstance(ended.error, api.DriverError):
            rule, where = judged(ended.error, self.spec)
            self.break_rule(rule, f"{what} {ended.how}{where}")
        if ended.unclosed:
            self.break_rule(rules.CLOSES, f"{what} left port {ended.unclosed[0]} open")
        for secret in (*world.secrets, *self._secret_settings()):
            shown = (*ended.shown, repr(driver), repr(getattr(driver, "config", "")))
            if found := next((text for text in shown if secret in text), None):
                text = found.replace(secret, "<the secret>")
                self.break_rule(rules.NO_SECRET, f"{what} shows {text!r:.200}")

    def _secret_settings(self) -> Iterator[str]:
        for field in attrs.fields(self.spec.config):
            if field.metadata.get("secret") and isinstance(self.settings.get(field.name), str):
                yield self.settings[field.name]

    # -- the fault sweep

    def sweep(
        self,
        start: Start,
        method: str,
        *args: Any,
        role: api.Role = api.Role.ACTIVE,
    ) -> Iterator[tuple[World, Ended[Any], Fault, str]]:
        """Play *method* once for each way in which each of its outside calls may go wrong.

        Gives the world as it was left, how the call ended, the fault, and the story in words.
        """
        healthy = self.play(start(), method, *args, role=role)
        for plan, fault, story in _plans(healthy):
            world = start()
            ended = self.play(world, method, *args, plan=plan, role=role, story=story)
            yield world, ended, fault, story

    def sweep_act(
        self, start: Start, act: Act[Any]
    ) -> Iterator[tuple[World, Ended[Any], Fault, str]]:
        """Do the same with *act*, which uses drivers as it likes."""
        for plan, fault, story in _plans(self.play_act(start(), act)):
            world = start()
            yield world, self.play_act(world, act, plan), fault, story

    def blind(
        self,
        start: Start,
        method: str,
        *args: Any,
        role: api.Role = api.Role.ACTIVE,
    ) -> tuple[Ended[Any], str] | None:
        """Play *method* with every outside call failing; None if it makes none."""
        world = start()
        story = " (every outside call fails)"
        ended = self.play(world, method, *args, plan=Plan(0, onwards=True), role=role, story=story)
        return (ended, story) if ended.ports else None

    def look(self, start: Start, method: str, role: api.Role = api.Role.ACTIVE) -> Any:
        """Play a method that only looks, and see that it leaves the world as it was."""
        world = start()
        before = world.state
        ended = self.play(world, method, role=role)
        for name, was in before.items():
            if world.state[name] != was:
                changed = f"the {name} were {was!r:.200} and are {world.state[name]!r:.200}"
                self.break_rule(rules.CHANGES_NOTHING, f"{method}: {changed}")
        if not ended.returned:
            self.break_rule(rules.HEALTHY, f"{method} {ended.how}")
        return ended.value

    def check_observation(self, seen: object, what: str) -> None:
        """Keep the rules for what a look says."""
        if not isinstance(seen, api.Observation) or not isinstance(seen.health, api.Health):
            self.break_rule(rules.RIGHT_TYPE, f"{what} gave {seen!r:.100}, no api.Observation")
        elif not seen.sentence.strip() or "\n" in seen.sentence or len(seen.sentence) > _LONGEST:
            self.break_rule(rules.ONE_SENTENCE, f"{what} said {seen.sentence!r:.320}")

    # -- the spec

    def test_the_spec_describes_itself(self) -> None:
        """Name, summary, API and defaults are what the host and the configuration take."""
        spec = self.spec
        faults = list(config.defects(spec))
        if not re.fullmatch(r"[a-z][a-z0-9_-]*", spec.name):
            faults.append(f"its name {spec.name!r} is not one word of small letters and digits")
        if not re.fullmatch(r"[A-Z][^\n]*[^.\s]\.", spec.summary) or ". " in spec.summary:
            faults.append(f"its summary {spec.summary!r} is not one sentence")
        if not api.API.serves(spec.api):
            faults.append(f"it was written for API {spec.api}, and this clpcore serves {api.API}")
        if faults:
            self.break_rule(rules.DESCRIBED, "; ".join(faults))

    def test_each_setting_is_documented(self) -> None:
        """One sentence a setting; an example that can be copied into a file."""
        for key in config.keys(self.spec.config).values():
            if not re.match(r"\S[^\n]*[.]$", key.doc):
                self.break_rule(rules.DOCUMENTED, f"the text of {key.name} is {key.doc!r}")
            if key.mandatory and not key.example:
                self.break_rule(rules.DOCUMENTED, f"{key.name} is mandatory and has no example")
            if key.example:
                self._check_example(key)

    def _check_example(self, key: Key) -> None:
        try:
            key.convert(tomllib.loads(f"value = {key.example}")["value"])
        except (tomllib.TOMLDecodeError, Wrong) as wrong:
            what = getattr(wrong, "what", wrong)
            self.break_rule(rules.DOCUMENTED, f"the example {key.name} = {key.example}: {what}")

    def test_its_settings_are_accepted(self) -> None:
        """The suite's settings go the way of a file's, and a driver is made from them."""
        if api.Capability.BUILT_IN in self.spec.capabilities:
            self._structured()
        else:
            self.driver()

    def test_what_administrators_write_is_as_recorded(self) -> None:
        """Compare with ``golden/KIND_NAME.txt`` beside the test; CLP_RECORD=1 writes it."""
        folder = Path(inspect.getfile(type(self))).with_name("golden")
        file = folder / f"{self.spec.kind.value}_{self.spec.name}.txt"
        now = metadata(self.spec)
        if os.environ.get("CLP_RECORD"):
            folder.mkdir(exist_ok=True)
            file.write_text(now)
        if not file.exists():
            pytest.fail(f"{file} is not there yet: {rules.RECORD}", pytrace=False)
        if now != (recorded := file.read_text()):
            self.break_rule(rules.RECORDED, _difference(file, recorded, now))


def _plans(healthy: Ended[Any]) -> Iterator[tuple[Plan, Fault, str]]:
    for index, port in enumerate(healthy.ports):
        for fault in FAULTS[port.name]:
            yield Plan(index, fault), fault, f" (its call {index + 1}, {port}, {fault.name})"


def _difference(file: Path, recorded: str, now: str) -> str:
    old, new = recorded.splitlines(), now.splitlines()
    gone = [f"- {line}" for line in old if line not in new]
    come = [f"+ {line}" for line in new if line not in old]
    return "\n    ".join([f"{file} differs:", *gone, *come])
