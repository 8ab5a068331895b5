#!/usr/bin/env python3
"""Tries what clpcore does with Azure on a subscription of yours, and writes a report.

    python contrib/azure-smoke/smoke.py --key ~/.ssh/id_ed25519.pub

It takes about 15 minutes, makes one resource group and one application, and removes both at its
end, whatever happens. It needs the Azure CLI, signed in (`az login`), and this repository set up
(`make setup`). What one step cannot do is written down, and the next one is tried.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import smoke_drivers
import smoke_machines

_TEMPLATE: Final = Path(__file__).parents[1] / "bicep" / "public-lb.bicep"
_ZONE: Final = "cluster1.zone"
_LONG: Final = 1_200  # seconds for one command of az; a deployment takes some minutes


class StepError(Exception):
    """A step could not be done; says why."""


def az(*words: str) -> Any:  # noqa: ANN401 - whatever az prints
    """Run the Azure CLI and give what it prints."""
    try:
        done = subprocess.run(
            ["az", *words, "--output", "json", "--only-show-errors"],
            capture_output=True,
            check=False,
            text=True,
            timeout=_LONG,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StepError(f"az {words[0]}: {error}") from error
    if done.returncode:
        raise StepError(f"az {' '.join(words[:3])}: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout or "null")


@attrs.define(kw_only=True)
class Subscription:
    """What the run made, as far as it came.

    Attributes:
        application: id of the service principal, which may do everything in the group.
        address: of the balancer's public frontend.

    """

    group: str
    location: str
    key: str
    cloud: dict[str, Any]
    name_servers: list[str]
    patience: float
    id: str = ""
    tenant: str = ""
    application: str = ""
    certificate: str = ""
    address: str = ""

    @property
    def account(self) -> dict[str, Any]:
        """Give the settings of a driver's account."""
        return {
            "subscription_id": self.id,
            "resource_group": self.group,
            "application_id": self.application,
            "tenant_id": self.tenant,
            "certificate_file": self.certificate,
            **self.cloud,
        }

    def on(self, server: str) -> Callable[[str], str]:
        """Give what runs a shell script on a server and gives its output."""

        def run(script: str) -> str:
            words = ("vm", "run-command", "invoke", "--resource-group", self.group)
            command = ("--name", server, "--command-id", "RunShellScript", "--scripts", script)
            return str(az(*words, *command)["value"][0]["message"])

        return run


# -- the steps; each gives what it has measured


def deploy(here: Subscription) -> Iterator[str]:
    """Make the guide's environment with a public balancer, a zone, and a service principal."""
    shown = az("account", "show")
    here.id = shown["id"]
    group = az("group", "create", "--name", here.group, "--location", here.location)
    made = az(
        *("ad", "sp", "create-for-rbac", "--name", here.group, "--create-cert"),
        *("--role", "Contributor", "--scopes", group["id"]),
    )
    here.application, here.tenant = made["appId"], made["tenant"]
    here.certificate = made["fileWithCertAndPrivateKey"]
    given = (f"adminKey={here.key}",)
    words = ("--resource-group", here.group, "--template-file", str(_TEMPLATE), "--parameters")
    outputs = az("deployment", "group", "create", *words, *given)["properties"]["outputs"]
    here.address = outputs["address"]["value"]
    az("network", "dns", "zone", "create", "--resource-group", here.group, "--name", _ZONE)
    yield f"{_TEMPLATE.name} was taken; its balancer has {here.address}"


def balancer_is_read(here: Subscription) -> Iterator[str]:
    """Compare the balancer with the cluster, as `clp doctor` does."""
    for finding in smoke_drivers.look_at_balancer(here.account):
        yield f"{finding.severity.value}: {finding.what} ({finding.value})"


def balancer_follows_the_probe(here: Subscription) -> Iterator[str]:
    """Open and close the probe's port; measure from the servers' clocks what clients see."""
    for server in ("node1", "node2"):
        here.on(server)(smoke_machines.SERVICE)
    began = smoke_machines.moment(here.on("node1")(smoke_machines.OPEN))
    at, _ = smoke_machines.answered_by("node1", here.address, here.patience)
    yield f"node1 was in {at - began:.1f} s after its port opened (expected: 5 to 15)"
    flow = smoke_machines.Flow(here.address)
    with contextlib.closing(flow):
        yield f"a connection is answered by {flow.ask()}"
        here.on("node2")(smoke_machines.OPEN)
        closed = smoke_machines.moment(here.on("node1")(smoke_machines.CLOSE))
        at, last = smoke_machines.answered_by("node2", here.address, here.patience, alone=True)
        yield f"node1 was out {max(0.0, last - closed):.1f} s after its port closed"
        yield f"node2 alone answered {max(0.0, at - closed):.1f} s after that"
        yield f"the open connection is answered by {flow.ask()} (expected: node1 still)"


def name_moves(here: Subscription) -> Iterator[str]:
    """Write the record set for one server after the other, and ask the zone's name servers."""
    settings = {**here.account, "zone": _ZONE, "record_set": "test-record1", "ttl": 60}
    watched = {"name_servers": here.name_servers} if here.name_servers else {}
    addresses = ("10.5.0.110", "10.5.0.111")
    yield from smoke_drivers.move_name(settings, watched, addresses, here.patience)


def server_is_stopped(here: Subscription) -> Iterator[str]:
    """Look whether node2 could be stopped by force, stop it, and start it again."""
    yield from smoke_drivers.stop_by_force({**here.account, "vm_name": "node2"}, "node2")
    began = time.monotonic()
    az("vm", "start", "--resource-group", here.group, "--name", "node2")
    yield f"started again in {time.monotonic() - began:.0f} s"


def machine_knows_itself(here: Subscription) -> Iterator[str]:
    """Ask the metadata service of node1 for itself, and for scheduled events, twice."""
    yield from smoke_machines.metadata_lines(here.on("node1")(smoke_machines.METADATA))


STEPS: Final[Sequence[Callable[[Subscription], Iterator[str]]]] = (
    deploy,
    balancer_is_read,
    balancer_follows_the_probe,
    name_moves,
    server_is_stopped,
    machine_knows_itself,
)


# -- running them


def run(here: Subscription, steps: Sequence[Callable[[Subscription], Iterator[str]]]) -> list[str]:
    """Give the report's lines; a step that fails is one of them."""
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    lines = [f"# clpcore on Azure, {here.location}, {now}", ""]
    failed = 0
    for step in steps:
        title = (step.__doc__ or "").partition("\n")[0]
        print(f"-- {title}", flush=True)
        began = time.monotonic()
        found = []
        try:
            for line in step(here):
                print(f"   {line}", flush=True)
                found.append(f"* {line}")
        except Exception as error:  # noqa: BLE001 - the next step may still tell something
            failed += 1
            print(f"   FAILED: {error}", flush=True)
            found.append(f"* FAILED: {type(error).__name__}: {error}")
        took = time.monotonic() - began
        lines += [f"## {step.__name__.replace('_', ' ')}: {took:.0f} s", "", title, "", *found, ""]
        if step is deploy and failed:
            break
    lines.append(f"{failed} of {len(steps)} steps failed.")
    return lines


def remove(here: Subscription) -> Iterator[str]:
    """Remove what was made; gives what could not be removed."""
    words: list[tuple[str, ...]] = [("group", "delete", "--name", here.group, "--yes", "--no-wait")]
    if here.application:
        words.append(("ad", "app", "delete", "--id", here.application))
    for each in words:
        try:
            az(*each)
        except StepError as error:
            yield f"NOT REMOVED, do it by hand: az {' '.join(each)} ({error})"


def main(argv: Sequence[str]) -> int:
    """Run all steps; 0 when none failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=smoke_drivers.AsWritten)
    parser.add_argument("--key", type=Path, required=True, help="file of an SSH public key")
    parser.add_argument("--location", default="japaneast")
    parser.add_argument("--report", type=Path, default=Path("azure-smoke.md"))
    parser.add_argument("--keep", action="store_true", help="remove nothing at the end")
    parser.add_argument("--patience", type=float, default=120, help="seconds for what may change")
    parser.add_argument("--cloud", type=json.loads, default={}, help="the five values, as JSON")
    parser.add_argument("--name-servers", nargs="*", default=[], help="in place of the zone's own")
    given = parser.parse_args(argv)
    here = Subscription(
        group=f"clp-smoke-{secrets.token_hex(3)}",
        location=given.location,
        key=given.key.read_text().strip(),
        cloud=given.cloud,
        name_servers=given.name_servers,
        patience=given.patience,
    )
    try:
        lines = run(here, STEPS)
    finally:
        left = [] if given.keep else list(remove(here))
        print(*left, sep="\n", end="\n" if left else "", flush=True)
    given.report.write_text("\n".join([*lines, *left]) + "\n")
    print(f"The report: {given.report}")
    return 0 if lines[-1].startswith("0 of") and not left else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
