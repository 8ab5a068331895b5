"""From a folder of cluster configuration to the lab that it runs on."""

import contextlib
import os
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

from clp_lab.errors import LabError
from clp_lab.plan import BalancerPlan, Plan, ServerPlan


def plan_of(conf: Path, key: Path, balancer: BalancerPlan | None = None) -> Plan:
    """Give a lab with the servers of *conf*, its configuration, scripts, and the cluster key.

    Raises:
        LabError: there are no servers with addresses in the folder; what else is wrong with the
            configuration, the agents say.

    """
    return Plan(
        servers=_servers(conf),
        files={**_files(conf), "etc/clpcore/cluster.key": str(key)},
        balancer=balancer or BalancerPlan(),
    )


def _files(conf: Path) -> dict[str, str]:
    """Give what of the folder goes where: its tables into conf.d, its scripts beside them."""
    tables = {f"etc/clpcore/conf.d/{file.name}": str(file) for file in conf.glob("*.toml")}
    scripts = conf / "scripts"
    return tables | ({"etc/clpcore/scripts": str(scripts)} if scripts.is_dir() else {})


def _servers(conf: Path) -> tuple[ServerPlan, ...]:
    found: dict[str, ServerPlan] = {}
    for file in sorted(conf.glob("*.toml")):
        try:
            tables = tomllib.loads(file.read_text(encoding="utf-8")).get("server", {})
            for name, table in tables.items():
                found[name] = ServerPlan(name=name, address=table["interconnect"][0])
        except (tomllib.TOMLDecodeError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise LabError(f"{file}: no servers with interconnect addresses: {error}") from error
    if not found:
        raise LabError(f"{conf} has no *.toml with [server.NAME] tables")
    return tuple(found.values())


@contextlib.contextmanager
def cluster_key() -> Iterator[Path]:
    """Give the file of a new cluster key, for as long as the block lasts."""
    from clpcore.wire import keys  # noqa: PLC0415 - the lab itself needs no cryptography

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "cluster.key"
        file.touch(0o600)
        file.write_text(keys.generate(os.urandom(32)), encoding="ascii")
        yield file
