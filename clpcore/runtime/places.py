"""Where everything of one server lives: all under one root, which is "/" outside the lab."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path

import attrs


@attrs.frozen
class Root:
    """The files of one server."""

    path: Path

    @property
    def conf(self) -> Path:
        """Give the folder of the configuration files: the operator's working copy."""
        return self.path / "etc/clpcore/conf.d"

    @property
    def scripts(self) -> Path:
        """Give the folder of the scripts: the operator's working copy."""
        return self.path / "etc/clpcore/scripts"

    @property
    def revisions(self) -> Path:
        """Give the folder of the kept revisions."""
        return self.path / "var/lib/clpcore/revisions"

    @property
    def committed(self) -> Path:
        """Give the folder of the committed revision: its conf.d and its scripts."""
        return self.revisions / "current"

    @property
    def key(self) -> Path:
        """Give the cluster key file."""
        return self.path / "etc/clpcore/cluster.key"

    @property
    def store(self) -> Path:
        """Give the database of what must survive a crash."""
        return self.path / "var/lib/clpcore/store.db"

    @property
    def recording(self) -> Path:
        """Give the folder of what was decided lately, for `clp replay`."""
        return self.path / "var/lib/clpcore/recording"

    @property
    def logs(self) -> Path:
        """Give the folder of the logs of resources."""
        return self.path / "var/log/clpcore"

    @property
    def states(self) -> Path:
        """Give the folder of what drivers must find again after a reboot."""
        return self.path / "var/lib/clpcore/resources"

    @property
    def run(self) -> Path:
        """Give the folder of what is gone at reboot."""
        return self.path / "run/clpcore"

    @property
    def boot(self) -> Path:
        """Give the file of what only this boot may know."""
        return self.run / "boot.json"

    @property
    def newest(self) -> Path:
        """Give the file of the newest heartbeat taken of each other server."""
        return self.run / "newest"

    @property
    def control(self) -> Path:
        """Give the socket for operators."""
        return self.run / "control"

    @property
    def metrics(self) -> Path:
        """Give the socket of the figures."""
        return self.run / "metrics"

    @property
    def alerts(self) -> Path:
        """Give the folder of how far each alert has come."""
        return self.path / "var/lib/clpcore/alerts"

    @property
    def lock(self) -> Path:
        """Give the file that the one agent of this server holds a lock on."""
        return self.run / "agent.lock"

    @property
    def armed(self) -> Path:
        """Give the file that says that this boot's watchdog was armed, and not disarmed since."""
        return self.run / "watchdog-armed"

    @property
    def watchdog(self) -> Path:
        """Give the socket of the lab's init, which resets this server when it hears nothing."""
        return self.path / "run/watchdog"

    @property
    def power(self) -> Path:
        """Give the socket of the lab's init, which ends this server."""
        return self.path / "run/power"

    @property
    def boot_id(self) -> Path:
        """Give the file of the boot id of a server of the lab."""
        return self.path / "run/boot_id"


@attrs.frozen(kw_only=True)
class Whereabouts:
    """What the environment says about this server."""

    root: Root
    server: str
    lab: bool


def whereabouts(environ: Mapping[str, str] = os.environ) -> Whereabouts:
    """Read CLP_ROOT, CLP_SERVER (else the host's name) and CLP_LAB."""
    return Whereabouts(
        root=Root(Path(environ.get("CLP_ROOT") or "/")),
        server=environ.get("CLP_SERVER") or socket.gethostname(),
        lab=bool(environ.get("CLP_LAB")),
    )
