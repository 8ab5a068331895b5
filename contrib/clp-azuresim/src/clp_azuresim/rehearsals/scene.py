"""Where a rehearsal plays: one of the guide's clusters (conf.d/azure-*), moved into the lab.

What the lab has otherwise than Azure stands here: short times, the five values that tell a
simulated Azure from the real one, and the demo's web server in the place of the application. What
protects the group is not the guide's but the scene's: it names machines that the lab has.
"""

import contextlib
import shutil
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs

from clp_azuresim import config, lab, main
from clp_azuresim.balancers import Balancers
from clp_azuresim.plan import guide
from clp_azuresim.vault import Vault
from clp_lab.conf import cluster_key, plan_of, witness_key
from clp_lab.demo import demo_conf
from clp_lab.plan import AZURE_ADDRESSES, BalancerPlan, Plan

_PACE = 0.02  # the guide's health probe, every 5 s, is one every 0.1 s
_CERTIFICATE, _AUTHORITY = "var/lib/azure.pem", "var/lib/azure-ca.pem"
_ON_AZURE = '"/etc/clpcore/azure.pem"'  # /etc of a lab's server is the machine's
_PROTECTION = ("[heartbeat.", "[np.", "[fencing.", "[arbiter.")
_ITS_TIMES = ("fence_delay",)
_ALERTS = "30-alerts.toml"  # nobody is told of a rehearsal

TIMES = """
[cluster]
heartbeat_interval = "200 ms"
heartbeat_timeout = 1                   # a real one: 90, Azure may pause a machine for 30 s
startup_wait = 5
stop_budget = 1
"""
SIMULATED = f"""
resource_manager = "https://{AZURE_ADDRESSES[0]}"
authority = "https://{AZURE_ADDRESSES[0]}"
audience = "https://{AZURE_ADDRESSES[0]}"
ca_bundle = "/{_AUTHORITY}"
private = true
"""
"""The five values; without them, the same cluster finds Azure."""
ACCOUNT = f"""
resource_group = "TestGroup1"
subscription_id = "{guide().subscription}"
tenant_id = "{guide().tenant}"
application_id = "{guide().applications[0].id}"
certificate_file = "/{_CERTIFICATE}"
"""
FORCED_STOP = f"""
[fencing.forced_stop]
type = "azure"
timeout = 5
tries = 2
retry_interval = 0.3
check_interval = 1
check_timeout = 3
request_timeout = 1
{ACCOUNT}{SIMULATED}
"""


@attrs.frozen(kw_only=True)
class Scene:
    """A cluster to rehearse with.

    Attributes:
        conf: the folder of conf.d that it is made of.
        extra: TOML beside the folder's and TIMES; no key may stand twice.
        without: lines of the folder's files that begin with one of these are left out.
        application: the exec resource that becomes the web server.
        balancer: the guide's load balancer by its name in Azure; empty: none is looked at.
        direct: the balancer's rule has a floating address.
        azure: there is a simulated Azure, whose virtual machines are the servers.
        witness: there is a witness.
        wire: all frames are kept, to be looked at.
    """

    conf: str
    extra: str = ""
    without: tuple[str, ...] = ()
    application: str = "exec1"
    balancer: str = ""
    direct: bool = False
    azure: bool = False
    witness: bool = False
    wire: bool = False


@contextlib.contextmanager
def plan_for(scene: Scene) -> Iterator[Plan]:
    """Give the lab of a scene; its files are there for as long as the block lasts."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        conf = _conf(scene, folder / "conf")
        key = stack.enter_context(cluster_key())
        witness = stack.enter_context(witness_key()) if scene.witness else None
        plan = plan_of(conf, key, _balancer(scene, conf), witness=witness)
        if scene.azure:
            plan = _with_azure(plan, folder / "azure", _addresses(conf))
        if scene.wire:
            plan = attrs.evolve(plan, capture=str(folder / "frames.pcap"))
        yield plan


def _conf(scene: Scene, target: Path) -> Path:
    """Write the configuration as it is in the lab."""
    source = demo_conf().parent / scene.conf
    target.mkdir()
    for file in sorted(source.glob("*.toml")):
        if file.name != _ALERTS:
            text = _in_lab(file.read_text(encoding="utf-8"), scene.without)
            (target / file.name).write_text(text, encoding="utf-8")
    started = f"\n[group.failover1.resource.{scene.application}]\nstart_sync = false\n"
    (target / "lab.toml").write_text(TIMES + started, encoding="utf-8")
    (target / "scene.toml").write_text(scene.extra, encoding="utf-8")
    scripts = target / "scripts"
    shutil.copytree(source / "scripts", scripts)
    application = scripts / "failover1" / scene.application
    shutil.rmtree(application)
    shutil.copytree(demo_conf() / "scripts/failover1/exec1", application)
    return target


def _in_lab(text: str, without: tuple[str, ...]) -> str:
    kept, protects = [], False
    for line in text.replace(_ON_AZURE, f'"/{_CERTIFICATE}"').splitlines(keepends=True):
        protects = line.startswith(_PROTECTION) or (protects and not line.startswith("["))
        if not protects and not line.startswith((*without, *_ITS_TIMES)):
            kept.append(line)
    return "".join(kept)


def _balancer(scene: Scene, conf: Path) -> BalancerPlan:
    """Give the balancer of the lab that does what the guide's load balancer in ARM says."""
    if not scene.balancer:
        return BalancerPlan()
    servers = _addresses(conf)
    azure = guide()
    (found,) = (each for each in azure.balancers if each.name == scene.balancer)
    if scene.direct:
        (rule,) = found.rules
        equal = attrs.evolve(rule, floating=True, port=rule.backend_port)
        found = attrs.evolve(found, rules=(equal,))
    machines = tuple(attrs.evolve(each, address=servers[each.name]) for each in azure.machines)
    body = Balancers(attrs.evolve(azure, machines=machines)).body(found)
    names = {address: name for name, address in servers.items()}
    return lab.balancer(body, names, public_address=found.frontend, pace=_PACE)


def _addresses(conf: Path) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for file in conf.glob("*.toml"):
        tables = tomllib.loads(file.read_text(encoding="utf-8")).get("server", {})
        found |= {name: table["interconnect"][0] for name, table in tables.items()}
    return found


def _with_azure(plan: Plan, folder: Path, servers: Mapping[str, str]) -> Plan:
    folder.mkdir()
    text = main.guide()
    for machine in guide().machines:  # whom the metadata service knows by its address
        text = text.replace(f'"{machine.address}"', f'"{servers[machine.name]}"')
    file = folder / "azuresim.toml"
    file.write_text(text, encoding="utf-8")
    vault = Vault(folder)
    applications = config.load(file).applications
    vault.prepare(applications)
    certificate = vault.application_file(applications[0].name)
    own = {_CERTIFICATE: str(certificate), _AUTHORITY: str(vault.ca_file)}
    return attrs.evolve(plan, azure=str(folder), files={**plan.files, **own})
