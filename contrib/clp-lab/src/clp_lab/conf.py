"""From a folder of cluster configuration to the lab that it runs on."""

import contextlib
import os
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

from clp_lab.errors import LabError
from clp_lab.plan import BalancerPlan, Plan, ServerPlan

WITNESS_KEY = "var/lib/witness.key"
"""Where a server of the lab has the key of the witness: /var is its own, /etc is the machine's."""


def plan_of(
    conf: Path, key: Path, balancer: BalancerPlan | None = None, *, witness: Path | None = None
) -> Plan:
    """Give a lab with the servers of *conf*, its configuration, scripts, and the cluster key.

    *conf* has the tables, or a folder conf.d with them, as `clp config new` writes it. With the
    key file of a *witness* there is one, and a power service.

    Raises:
        LabError: there are no servers with addresses in the folder; what else is wrong with the
            configuration, the agents say.

    """
    conf = _with_tables(conf.absolute())
    return Plan(
        servers=_servers(conf),
        files={
            **_files(conf),
            "etc/clpcore/cluster.key": str(key),
            **({} if witness is None else {WITNESS_KEY: str(witness)}),
        },
        balancer=balancer or BalancerPlan(),
        witness=None if witness is None else str(witness),
        power=witness is not None,
    )


def _with_tables(folder: Path) -> Path:
    inner = folder / "conf.d"
    return inner if inner.is_dir() and not any(folder.glob("*.toml")) else folder


def _files(conf: Path) -> dict[str, str]:
    """Give what goes where: the tables into conf.d, the scripts of or beside the folder beside."""
    tables = {f"etc/clpcore/conf.d/{file.name}": str(file) for file in conf.glob("*.toml")}
    places = (conf.parent / "scripts", conf / "scripts")  # `clp config check` takes the same one
    scripts = next((place for place in places if place.is_dir()), None)
    return tables | ({"etc/clpcore/scripts": str(scripts)} if scripts else {})


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

    with _secret("cluster.key", keys.generate(os.urandom(32))) as file:
        yield file


@contextlib.contextmanager
def witness_key(cluster: str = "lab") -> Iterator[Path]:
    """Give the file that a new witness and the servers share, for as long as the block lasts."""
    from clpcore_witness import keyfile  # noqa: PLC0415 - a lab without a witness needs none

    text = keyfile.generate(cluster, os.urandom(keyfile.SIZE), "The key of a lab's witness.")
    with _secret("witness.key", text) as file:
        yield file


@contextlib.contextmanager
def _secret(name: str, text: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.touch(0o600)
        file.write_text(text, encoding="ascii")
        yield file
