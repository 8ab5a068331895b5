"""disk and diskw keep the rules of the conformance kit."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from clpcore import api
from clpcore.testing import Command, Faults, MonitorSuite, ResourceSuite, World
from clpcore_disk import block, monitor, resource, users

DEVICE, POINT = "/dev/sdc1", "/mnt/data"
_TABLE = "/proc/self/mountinfo"
_ROOT = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw"
_USER = users.User(pid=4_711, started="99", name="sleep", how="works in it")


def _show(world: World) -> None:
    """Write the kernel's table of mounts."""
    lines = [_ROOT]
    for number, (point, options) in enumerate(world.facts["mounted"]):
        lines.append(f"{50 + number} 22 8:33 / {point} {options} - ext4 {DEVICE} {options}")
    world.files[_TABLE] = "\n".join(lines) + "\n"


def machine() -> World:
    """A machine with a disk that has an ext4."""
    world = World(facts={"mounted": (), "users": ()})

    def mount(command: Command) -> int:
        world.facts["mounted"] += ((command.argv[-1], "rw"),)
        _show(world)
        return 0

    def umount(command: Command) -> api.Completed:
        mounted = world.facts["mounted"]
        point = command.argv[-1]
        if world.facts["users"]:
            return api.Completed(32, f"umount: {point}: target is busy.\n")
        if point not in [each for each, _ in mounted]:
            return api.Completed(32, f"umount: {point}: not mounted.\n")
        world.facts["mounted"] = tuple(each for each in mounted if each[0] != point)
        _show(world)
        return api.Completed(0)

    def kill(found: tuple[users.User, ...]) -> None:
        world.facts["users"] = tuple(u for u in world.facts["users"] if u not in found)

    world.programs = {
        "mount": mount,
        "umount": umount,
        "mkdir": lambda _: 0,
        "fsck": lambda _: 0,
        "blockdev": lambda _: 0,
        "blkid": lambda _: "ext4\n",
        "dd": lambda _: 0,
    }
    world.library = {
        block.look: lambda _: block.Block(path=DEVICE, number="8:33"),
        block.is_held: lambda _: False,
        block.holders: lambda _: (),
        users.find: lambda *_: world.facts["users"],
        users.kill: kill,
    }
    _show(world)
    return world


class TestDisk(ResourceSuite):
    spec = resource.SPEC
    settings = {"device": DEVICE, "mount_point": POINT, "fsck_timing": "always"}

    def world(self) -> World:
        return machine()

    def serves(self, world: World) -> bool:
        return POINT in [point for point, _ in world.facts["mounted"]]

    def breakages(self) -> Mapping[str, Callable[[World], None]]:
        def someone_works_there(world: World) -> None:
            world.facts["users"] = (_USER,)

        def it_is_gone(world: World) -> None:
            world.facts["mounted"] = ()
            _show(world)

        return {"someone works there": someone_works_there, "it is gone": it_is_gone}


class TestRawDisk(ResourceSuite):
    spec = resource.SPEC
    settings = {"device": DEVICE, "disk_type": "raw"}

    def world(self) -> World:
        return machine()


class TestDiskw(MonitorSuite):
    spec = monitor.SPEC
    settings = {"device": DEVICE, "mount_point": POINT}

    def call(self) -> api.Call:
        return attrs.evolve(super().call(), resource="disk1")

    def world(self) -> World:
        return TestDisk().active()

    def faults(self) -> Faults:
        def read_only(world: World) -> None:
            world.facts["mounted"] = ((POINT, "ro"),)
            _show(world)

        def gone(world: World) -> None:
            world.facts["mounted"] = ()
            _show(world)

        def says(text: str) -> Callable[[World], None]:
            def change(world: World) -> None:
                world.programs["dd"] = lambda _: api.Completed(1, text)

            return change

        return {
            "it does not answer": (says("dd: Input/output error\n"), api.Health.ERROR),
            "it is full": (says("dd: No space left on device\n"), api.Health.WARNING),
            "it is read-only": (read_only, api.Health.ERROR),
            "it is gone": (gone, api.Health.ERROR),
        }
