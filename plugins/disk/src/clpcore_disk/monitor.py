"""``diskw``: the disk answers, and is mounted as it should be."""

from __future__ import annotations

import enum
import posixpath
from collections.abc import Iterable
from typing import Final

import attrs

from clpcore import api
from clpcore_disk import mounts

_BLOCK: Final = 4_096  # bytes; a multiple of what every disk reads at once
_FILE: Final = ".clpcore-diskw"


class Method(enum.Enum):
    """How a disk is asked."""

    READ = "read"
    WRITE_FILE = "write_file"


@attrs.frozen(kw_only=True)
class Config:
    """``[monitor.NAME]`` of type ``diskw``; device and mount_point come from the resource."""

    device: str = api.setting("The device that is read.", default="", example='"/dev/sdc1"')
    mount_point: str = api.setting(
        "Where the disk must be mounted and writable; empty: that is not looked at.",
        default="",
        example='"/mnt/data"',
    )
    method: Method = api.setting(
        "read: the begin of the device, past all caches; write_file: a file of it.",
        default=Method.READ,
        example='"write_file"',
    )
    size: int = api.setting(
        "How many bytes are read or written, in whole blocks of 4096.",
        default=_BLOCK,
        example="4096",
        low=_BLOCK,
        high=100_000_000,
    )
    file: str = api.setting(
        "The file of write_file; empty: .clpcore-diskw at the mount point.",
        default="",
        example='"/mnt/data/.watched"',
    )
    mount_options: str = api.setting("The options that it is mounted with.", default="rw")

    @property
    def target(self) -> str:
        """Give the file that is written."""
        return self.file or posixpath.join(self.mount_point, _FILE)


@attrs.frozen
class Diskw:
    """Reads or writes in a process of its own: one that hangs with its disk hurts nobody else."""

    config: Config

    async def observe(self, call: api.Call, ports: api.Ports) -> api.Observation:
        """Look at the mount, then ask the disk; a disk that hangs is a stall of this look."""
        if wrong := self._mount(ports):
            return api.Observation(api.Health.ERROR, wrong)
        done = await ports.run(self._command(), env={"LC_ALL": "C"})
        if done.returncode == 0:
            return api.Observation(api.Health.NORMAL, f"{self._about} answers")
        said = " ".join(done.output.split())[:300]
        full = "No space left" in said  # no other server has more room on the same disk
        health = api.Health.WARNING if full else api.Health.ERROR
        return api.Observation(health, f"{self._about}: dd returned {done.returncode}: {said}")

    @property
    def _about(self) -> str:
        return self.config.device if self.config.method is Method.READ else self.config.target

    def _mount(self, ports: api.Ports) -> str:
        """Say what is wrong with the mount, "" for nothing."""
        point = self.config.mount_point
        if not point:
            return ""
        found = mounts.on_top(mounts.table(ports), point)
        if found is None:
            return f"nothing is mounted at {point}"
        if "ro" in found.options and "ro" not in self.config.mount_options.split(","):
            return f"{point} has become read-only: look for errors of {found.source} in dmesg"
        return ""

    def _command(self) -> list[str]:
        count = f"count={-(-self.config.size // _BLOCK)}"
        common = [f"bs={_BLOCK}", count, "status=none"]
        if self.config.method is Method.READ:
            return ["dd", f"if={self.config.device}", "of=/dev/null", "iflag=direct", *common]
        written = ["conv=notrunc,fsync", *common]
        return ["dd", "if=/dev/zero", f"of={self.config.target}", *written]


def validate(config: Config) -> Iterable[api.Problem]:
    """Find a method without the thing that it needs."""
    if config.method is Method.READ and not config.device:
        yield api.Problem("device", "device is missing.", "Say which device is read.")
    if config.method is Method.WRITE_FILE and not (config.file or config.mount_point):
        yield api.Problem("file", "file is missing.", "Say which file of the disk is written.")


SPEC: Final = api.DriverSpec(
    kind=api.Kind.MONITOR,
    name="diskw",
    api=api.ApiVersion(0, 1),
    summary="Reads or writes a disk, and looks whether it is mounted.",
    config=Config,
    make=Diskw,
    validate=validate,
    defaults={"interval": 60_000, "timeout": 120_000, "retry": 1},
    needs=("dd",),
)
