"""All places of a lab together: made from the plan, given lives, and waited for when they end."""

import os
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import attrs

from clp_lab import initd, mounts, witness
from clp_lab.board import Board
from clp_lab.errors import LabError
from clp_lab.health import HealthProbe
from clp_lab.network import Network, Wiring, device_for, start_switch
from clp_lab.parts import Lifeline
from clp_lab.place import Place, Power
from clp_lab.plan import (
    AZURE,
    AZURE_ADDRESSES,
    BALANCER,
    CLIENT,
    CLIENT_INNER,
    CLIENT_PUBLIC,
    INNER,
    METADATA_ADDRESS,
    POWER,
    PROBE_SOURCE,
    PUBLIC,
    SHARED,
    WITNESS,
    Plan,
    ServerPlan,
)
from clp_lab.spawn import Program

_REAP_S = 5.0
_REAP_STEP_S = 0.0002
_OF_THE_CALLER = ("NOTIFY_SOCKET", "CLP_ROOT", "CLP_SERVER", "CLP_LAB")
_OF_THE_MACHINE = ("TMPDIR", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
_NOT_INHERITED = (*_OF_THE_CALLER, *_OF_THE_MACHINE)


class Cluster:
    """Servers, client, load balancer and network; lives in the keeper, whose children they are."""

    def __init__(self, plan: Plan, folder: Path, lifeline: Lifeline) -> None:
        self.plan, self.folder = plan, folder
        self._lifeline = lifeline
        self.slots = {server.name: slot for slot, server in enumerate(plan.servers)}
        beside = (CLIENT, BALANCER, *plan.outside)
        self._all_slots = {name: slot for slot, name in enumerate((*self.slots, *beside))}
        self.board = Board(len(self._all_slots))
        wirings = _wirings(plan)
        self.switch = start_switch(
            plan,
            self.board,
            self.slots,
            known=[wiring.mac for wiring in wirings.values()],
            device=device_for(plan),
            lifeline=lifeline,
        )
        self.places = {name: self._place(name, wiring) for name, wiring in wirings.items()}

    @property
    def network(self) -> Network:
        return self.switch.network

    def _place(self, name: str, wiring: Wiring) -> Place:
        life = self._life(name)
        self.board.set_cable(life.slot, plugged=True)
        return Place(life=life, wiring=wiring, board=self.board, network=self.network)

    def _life(self, name: str) -> initd.Life:
        life = initd.Life(
            name=name,
            slot=self._all_slots[name],
            root=None,
            seen=(),
            program=self._programs().get(name),
            environment=_inherited(),
            log=self.folder / "log" / f"{name}.log",
            stop_ms=self.plan.stop,
        )
        server = next((server for server in self.plan.servers if server.name == name), None)
        return life if server is None else self._server_life(life, server)

    def _server_life(self, life: initd.Life, server: ServerPlan) -> initd.Life:
        root = self.folder / server.name
        agent = self.plan.agent_of(server)
        own = {"CLP_ROOT": str(root), "CLP_SERVER": server.name, "CLP_LAB": "1"}
        environment = {**life.environment, **server.environment, **own}
        seen = mounts.needed(environment, agent)
        program = agent or None
        return attrs.evolve(life, root=root, seen=seen, program=program, environment=environment)

    def _programs(self) -> Mapping[str, Program]:
        """Give what runs in the places that are no servers."""
        python = (sys.executable, "-P", "-m")
        return {
            BALANCER: self._probe,
            WITNESS: (*python, "clp_lab.witness", str(self.folder / WITNESS)),
            POWER: (*python, "clp_lab.power_service", str(self.folder)),
            # Of another distribution, which needs this one: only a lab with an Azure has it.
            AZURE: (*python, "clp_azuresim.in_lab", str(self.folder / AZURE), str(self.folder)),
        }

    def _probe(self) -> None:
        """Run the health probe: the program of the load balancer's place."""
        pool = [(server.address, self.slots[server.name]) for server in self.plan.pool]
        numbers = self.plan.balancer
        probe = HealthProbe(
            pool, port=numbers.probe_port, threshold=numbers.threshold, board=self.board
        )
        probe.run(numbers.interval)

    def up(self) -> None:
        """Give every place its first life; all boot at the same time."""
        (self.folder / SHARED).mkdir()
        for server in self.plan.servers:
            self._make_root(self.folder / server.name)
        if self.plan.witness is not None:
            witness.furnish(self.folder / WITNESS, Path(self.plan.witness))
        if self.plan.azure is not None:
            _copy(Path(self.plan.azure), self.folder / AZURE)
        off = {server.name for server in self.plan.servers if not server.start}
        places = [place for place in self.places.values() if place.name not in off]
        for place in places:
            place.boot(self._lifeline)
        for place in places:
            place.await_ready()

    def _make_root(self, root: Path) -> None:
        for folder in ("etc/clpcore/conf.d", "var/lib", "var/log"):
            (root / folder).mkdir(parents=True)
        for target, source in self.plan.files.items():
            _copy(Path(source), root / target)

    def running(self) -> list[Place]:
        """Give the places that have a life."""
        return [place for place in self.places.values() if place.power is not Power.OFF]

    def server(self, name: str) -> Place:
        """Give a server by name; LabError lists those that there are."""
        if name not in self.slots:
            raise LabError(f"no server {name!r} here: there are {', '.join(self.slots)}")
        return self.places[name]

    def machine(self, name: str) -> Place:
        """Give what can lose its power by name: a server, or a machine outside of the cluster."""
        if name in self.plan.outside:
            return self.places[name]
        return self.server(name)

    def place(self, name: str) -> Place:
        """Give any place by name."""
        if name not in self.places:
            raise LabError(f"no place {name!r} here: there are {', '.join(self.places)}")
        return self.places[name]

    def boot(self, place: Place) -> None:
        """Begin a new life; a life that cannot begin leaves the place off."""
        try:
            place.boot(self._lifeline)
            place.await_ready()
        except (LabError, OSError):
            if place.power is Power.OFF:
                self.network.unplug(place.name)
            else:
                place.kill()
                self.wait_end(place)
            raise

    def wait_end(self, place: Place) -> None:
        """Wait until a dying place is gone with all of its processes."""
        deadline = time.monotonic() + _REAP_S
        while time.monotonic() < deadline:
            pid, wait_status = os.waitpid(place.pid, os.WNOHANG)
            if pid:
                place.ended(os.waitstatus_to_exitcode(wait_status))
                return
            time.sleep(_REAP_STEP_S)
        raise LabError(f"{place.name} does not end: process {place.pid} hangs in the kernel")


def _inherited() -> dict[str, str]:
    """Give the caller's environment, with `clp` and this Python found first."""
    inherited = {key: value for key, value in os.environ.items() if key not in _NOT_INHERITED}
    path = inherited.get("PATH", os.defpath)
    return {**inherited, "PATH": f"{Path(sys.executable).parent}:{path}"}


def _wirings(plan: Plan) -> dict[str, Wiring]:
    """Give every place's side of the network; the client and the load balancer boot first."""
    inner, public = (CLIENT_INNER, INNER[1]), (CLIENT_PUBLIC, PUBLIC[1])
    probe, metadata = (PROBE_SOURCE, 32), (METADATA_ADDRESS, 32)
    more = {AZURE: (*((address, INNER[1]) for address in AZURE_ADDRESSES[1:]), metadata)}
    return {
        CLIENT: Wiring(addresses=(inner, public), routes=()),
        BALANCER: Wiring(addresses=(probe,), routes=(INNER,)),
        **{
            name: Wiring(addresses=((address, INNER[1]), *more.get(name, ())), routes=())
            for name, address in plan.outside.items()
        },
        **{
            server.name: Wiring(
                addresses=((server.address, INNER[1]),), routes=(PUBLIC, probe, metadata)
            )
            for server in plan.servers
        },
    }


def _copy(source: Path, target: Path) -> None:
    """Copy a file or a whole folder, mode bits kept."""
    try:
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    except OSError as error:
        raise LabError(f"cannot copy {source} to {target}: {error.strerror or error}") from error
