"""Which hook scripts a configuration finds beside it."""

from __future__ import annotations

from pathlib import Path

from clpcore.config import hooks
from clpcore.config.plan import Effect, plan
from clpcore.config.revision import File
from clpcore.model.hooks import HookPoint
from clpcore.simulate.example import example


def _write(scripts: Path, *names: str) -> None:
    for name in names:
        file = scripts / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("#!/bin/sh\n")


def test_a_resource_and_a_monitor_have_the_scripts_that_are_there(tmp_path: Path) -> None:
    _write(
        tmp_path,
        "failover1/exec1/start.sh",
        "failover1/exec1/before_activation.sh",
        "failover1/exec1/after_deactivation.sh",
        "failover1/lbpp1/before_final_action.sh",
        "failover1/exec1/before_failover.sh",  # a monitor's: nothing would run it here
        "monitor/pidw1/before_final_action.sh",
        "monitor/lbpp1/before_failover.sh",
    )
    config = hooks.found(example(groups=2), tmp_path)
    resources = {r.name: r.hooks for group in config.groups for r in group.resources if r.hooks}
    assert resources == {
        "exec1": (HookPoint.BEFORE_ACTIVATION, HookPoint.AFTER_DEACTIVATION),
        "lbpp1": (HookPoint.BEFORE_FINAL_ACTION,),
    }
    monitors = {monitor.name: monitor.hooks for monitor in config.monitors if monitor.hooks}
    assert monitors == {"pidw1": (HookPoint.BEFORE_FINAL_ACTION,)}


def test_without_scripts_there_are_no_hooks(tmp_path: Path) -> None:
    assert hooks.found(example(), tmp_path / "scripts") == example()


def test_every_point_is_of_a_resource_or_of_a_monitor() -> None:
    of_resources = [point.file for point in HookPoint if point.of_resource]
    assert of_resources == [
        "before_activation.sh",
        "after_activation.sh",
        "before_deactivation.sh",
        "after_deactivation.sh",
        "before_final_action.sh",
    ]
    of_monitors = [point.file for point in HookPoint if point.of_monitor]
    assert of_monitors == [
        "before_reactivation.sh",
        "before_failover.sh",
        "before_final_action.sh",
    ]


def test_a_changed_hook_restarts_nothing(tmp_path: Path) -> None:
    """Who reads it is the next activation; the resource is as it was."""
    _write(tmp_path, "failover1/exec1/after_activation.sh")
    old, new = example(), hooks.found(example(), tmp_path)
    file = File(0o755, b"#!/bin/sh\n")
    changed = plan(old, new, ({}, {"scripts/failover1/exec1/after_activation.sh": file}))
    assert {change.effect for change in changed} == {Effect.RUNNING}
    assert "hooks" in changed[0].what
    changed = plan(old, new, ({}, {"scripts/failover1/exec1/start.sh": file}))
    assert Effect.RESTART in {change.effect for change in changed}
