"""Two real servers for each test, watched for what no cluster may show; a failure tells the story.

A whole cluster is up in a second, so that no test inherits one from another.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import attrs
import pytest

from clp_lab import guarded
from clp_lab.conf import cluster_key, plan_of, witness_key
from clp_lab.guarded import Protection
from clp_lab.plan import BalancerPlan
from clp_lab.trial import Trial, on_trial

_PAIR: Final = Path(__file__).parent / "conf.d/pair"
_SCRIPTS: Final = Path(__file__).parents[2] / "conf.d/demo/scripts"

_RUNNING: Final[list[Trial]] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a test that fails show the journals and logs of all servers."""
    report = yield
    if report.failed:
        report.sections += [(f"cluster {trial.lab.folder}", _told(trial)) for trial in _RUNNING]
    return report


def _told(trial: Trial) -> str:
    try:
        return trial.report()
    except Exception as error:  # noqa: BLE001 - the failure is the news, not its picture
        return f"no report: {error!r}"


@pytest.fixture(scope="session")
def key() -> Iterator[Path]:
    with cluster_key() as file:
        yield file


@pytest.fixture
def conf(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Gives a folder with the pair's configuration and what is said beside it."""

    def make(extra: str, timeout: float, scripts: Mapping[str, str]) -> Path:
        folder = tmp_path_factory.mktemp("conf")
        shutil.copytree(_PAIR, folder, dirs_exist_ok=True)
        shutil.copytree(_SCRIPTS, folder / "scripts", dirs_exist_ok=True)
        (folder / "timeout.toml").write_text(f"[cluster]\nheartbeat_timeout = {timeout}\n")
        (folder / "extra.toml").write_text(extra)
        for name, text in scripts.items():
            file = folder / "scripts" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"#!/bin/sh\n{text}\n")
            file.chmod(0o755)
        return folder

    return make


@pytest.fixture
def make_cluster(conf: Callable[..., Path], key: Path) -> Iterator[Callable[..., Trial]]:
    """Starts a cluster that ends with the test, and fails it for what no cluster may show.

    Arguments: TOML beside the pair's; the heartbeat timeout in seconds; scripts of shell, by
    GROUP/RESOURCE/FILE; the kinds of `Trial.faults` that the test declares; more ports to watch
    for two actives; fields of the lab's plan.
    """
    with contextlib.ExitStack() as stack:

        def make(
            extra: str = "",
            *,
            timeout: float = 1,
            scripts: Mapping[str, str] = MappingProxyType({}),
            declares: Collection[str] = (),
            ports: Collection[int] = (),
            **changes: Any,  # noqa: ANN401 - fields of the plan
        ) -> Trial:
            plan = plan_of(conf(extra, timeout, scripts), key, BalancerPlan(interval=50))
            trial = stack.enter_context(on_trial(attrs.evolve(plan, **changes), *ports))
            stack.enter_context(_watched(trial, declares))
            return trial

        yield make


@pytest.fixture
def make_guarded(key: Path) -> Iterator[Callable[..., Trial]]:
    """Starts a cluster with that protection, the group on node1, and a witness outside.

    Arguments: TOML beside `clp_lab.guarded`; the lease in seconds; the tables of NP resolution;
    the kinds of `Trial.faults` that the test declares; more ports to watch for two actives; fields
    of the lab's plan.
    """
    with contextlib.ExitStack() as stack:

        def make(
            protection: Protection,
            extra: str = "",
            *,
            lease: float = guarded.LEASE_S,
            np: str = guarded.NP,
            declares: Collection[str] = (),
            ports: Collection[int] = (),
            **changes: Any,  # noqa: ANN401 - fields of the plan
        ) -> Trial:
            whole = guarded.conf_of(protection, extra=extra, lease=lease, np=np)
            conf = stack.enter_context(whole)
            witness = stack.enter_context(witness_key())
            plan = plan_of(conf, key, BalancerPlan(interval=50), witness=witness)
            trial = stack.enter_context(on_trial(attrs.evolve(plan, **changes), *ports))
            stack.enter_context(_watched(trial, declares))
            if trial.home() != "node1":  # whoever had its first word of the arbiter sooner
                trial.do("node2", "group", "move", "failover1", "--to", "node1")
            trial.wait_ready()
            return trial

        yield make


@contextlib.contextmanager
def _watched(trial: Trial, declares: Collection[str]) -> Iterator[None]:
    _RUNNING.append(trial)
    try:
        yield
        found = {kind: what for kind, what in trial.faults().items() if kind not in declares}
        if found:
            pytest.fail(f"{found}\n\n{trial.report()}", pytrace=False)
    finally:
        _RUNNING.remove(trial)


@pytest.fixture
def cluster(make_cluster: Callable[..., Trial]) -> Trial:
    """Two servers, the group on node1."""
    trial = make_cluster()
    trial.wait_ready()
    return trial
