"""The network between the servers fails: with a witness, with a web site, with ping to ask."""

import contextlib
import functools
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from clp_azuresim.pki import write_secret
from clp_azuresim.rehearsals import static_site
from clp_azuresim.rehearsals.scene import FORCED_STOP, Scene
from clp_azuresim.rehearsals.stage import Stage, phase
from clp_azuresim.vault import Vault
from clp_lab import guarded
from clp_lab.beside import beside
from clp_lab.conf import WITNESS_KEY
from clp_lab.plan import AZURE, CLIENT_INNER, WITNESS_ADDRESS
from clp_lab.spots import Visits
from clp_lab.timeline import Phase
from clp_lab.trial import FRONTEND

_LEASE_S = 5
_HEARTBEATS = 1.5  # s: longer than the heartbeat timeout
_ARBITER = f"""
[arbiter.witness1]
type = "witness"
url = "http://{WITNESS_ADDRESS}"
key_file = "/{WITNESS_KEY}"
lease = {_LEASE_S}
renewal = 0.5
timeout = 0.5
watchdog = 2
reset = 0.2
freeze = 0.2
"""
_WEB_SITE = f"""
[np.httpnp1]
type = "httpnp"
url = "https://{CLIENT_INNER}/"
ca_file = "/var/lib/azure-ca.pem"
accepted_codes = [200]
interval = 0.4
timeout = 2.7
request_timeout = 0.5
"""

WITH_WITNESS = Scene(
    conf="azure-public-lb",
    extra=guarded.WITNESS_HEARTBEAT + _ARBITER,
    balancer="TestLoadBalancer",
    witness=True,
)
WITH_WEB_SITE = Scene(
    conf="azure-public-lb", extra=_WEB_SITE + FORCED_STOP, balancer="TestLoadBalancer", azure=True
)
WITH_PING = Scene(
    conf="azure-public-lb",
    extra=guarded.NP + FORCED_STOP,
    balancer="TestLoadBalancer",
    azure=True,
)


def with_witness(stage: Stage) -> None:
    """The witness carries heartbeats, and says who may serve when they fail as well."""
    with stage.trial.lab.visit(FRONTEND, every=10) as visits:
        stage.answer(visits, "node1", 0)
        _wait_two_paths(stage)
        _is_bridged(stage)
        _lapses(stage, visits)
        _heals(stage)


def with_web_site(stage: Stage) -> None:
    """Who reaches the web site is not cut off; who does not, shuts down."""
    with _web_site(stage):
        _asks_outside(stage)


def with_ping(stage: Stage) -> None:
    """The same, with a machine that answers ping."""
    _asks_outside(stage)


# -- with a witness


def _wait_two_paths(stage: Stage) -> None:
    def both(server: str) -> bool:
        paths = stage.trial.server(server, by=server)["heartbeats"]
        return len(paths) > 1 and all(path["state"] == "Normal" for path in paths)

    for name in stage.trial.names:
        stage.trial.until(functools.partial(both, name), complaint="no heartbeat by the witness")


def _is_bridged(stage: Stage) -> None:
    stage.step("Nothing passes between node1 and node2; both reach the witness")
    cut = stage.trial.lab.cut("node1", "node2")
    for name in stage.trial.names:
        stage.told("nm4", after=cut, by=name, heartbeat="lanhb1")
    time.sleep(_HEARTBEATS)
    stage.never_told("nm2", after=cut)
    stage.trial.wait_group("node1")
    stage.explain("the witness carries the heartbeats: nobody is silent, and nothing moves")
    stage.trial.lab.heal()
    for name in stage.trial.names:
        stage.told("nm3", after=cut, by=name, heartbeat="lanhb1")
    _wait_two_paths(stage)
    stage.trial.wait_ready()


def _lapses(stage: Stage, visits: Visits) -> None:
    stage.step("node1 is cut off from everything, the witness as well")
    cut = stage.trial.lab.cut("node1")
    answer = stage.answer(visits, "node2", cut)
    tell = functools.partial(stage.told, after=cut, by="node2")
    stage.explain(f"a lease of {_LEASE_S} s: node1 has stopped by then, and node2 waited for it")
    stage.table(
        "Server node1 is cut off; a witness has the lease",
        Phase(name="fault", at=cut, told="nothing passes to or from node1"),
        phase("detected", tell("nm2", server="node1")),
        phase("claimed", tell("rc529")),
        phase("activated", tell("rc11")),
        Phase(name="answered", at=answer, told="node2 answers through the frontend"),
    )


# -- with NP resolution and forced stop


def _asks_outside(stage: Stage) -> None:
    for name in stage.trial.names:
        answers = functools.partial(_np_answers, stage, name)
        stage.trial.until(answers, complaint=f"NP resolution does not answer on {name}")
    stage.wait_stoppable()
    with stage.trial.lab.visit(FRONTEND, every=10) as visits:
        stage.answer(visits, "node1", 0)
        stage.step("node1 is cut off from everything")
        cut = stage.trial.lab.cut("node1")
        answer = stage.answer(visits, "node2", cut)
        tell = functools.partial(stage.told, after=cut)
        stage.table(
            "Server node1 is cut off",
            Phase(name="fault", at=cut, told="nothing passes to or from node1"),
            phase("detected", tell("nm2", by="node2", server="node1")),
            phase("decided", tell("rc430", by="node2")),
            phase("off", tell("rc431", by="node2")),
            phase("claimed", tell("rc529", by="node2")),
            phase("activated", tell("rc11", by="node2")),
            Phase(name="answered", at=answer, told="node2 answers through the frontend"),
        )
        stage.explain(
            "node2 reaches what it asks, and is not cut off. node1 is, and shuts down as soon as\n"
            "it has asked in vain (nm43), unless the forced stop was faster"
        )
        _heals(stage)


def _np_answers(stage: Stage, server: str) -> bool:
    return bool(stage.trial.status(server)["np"][0]["state"] == "Normal")


@contextlib.contextmanager
def _web_site(stage: Stage) -> Iterator[None]:
    """Run the site on the client's machine, which is in no cluster."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in ("ca.pem", "ca.key"):
            write_secret(folder / file, (stage.trial.lab.folder / AZURE / file).read_bytes())
        certificate = Vault(folder).server_file((CLIENT_INNER,))
        argv = (sys.executable, "-P", "-m", static_site.__name__, str(certificate), CLIENT_INNER)
        with beside(stage.trial.lab.client, *argv):
            yield


# -- afterwards


def _heals(stage: Stage) -> None:
    """Mend the network, and start node1 where it is off: it rejoins."""
    stage.step("The network is mended; node1 is started if it is off")
    healed = stage.trial.lab.heal()
    if stage.trial.lab.status().server("node1").power == "off":
        stage.trial.lab.start("node1")
    stage.trial.wait_online()
    stage.trial.wait_group("node2", by="node1")
    stage.never_told("rc529", after=healed, by="node1")
