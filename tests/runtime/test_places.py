"""Everything lives under one root; time counts what the machine slept; a boot has an id."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import attrs

from clpcore.runtime import clock
from clpcore.runtime.places import Root, whereabouts


def test_every_place_is_below_the_root(tmp_path: Path) -> None:
    root = Root(tmp_path)
    names = [name for name, value in vars(Root).items() if isinstance(value, property)]
    assert len(names) > 8
    assert all(tmp_path in getattr(root, name).parents for name in names)
    assert Root(Path("/")).control == Path("/run/clpcore/control")


def test_the_environment_says_where_this_is() -> None:
    here = whereabouts({"CLP_ROOT": "/lab/node1", "CLP_SERVER": "node1", "CLP_LAB": "1"})
    assert attrs.astuple(here, recurse=False) == (Root(Path("/lab/node1")), "node1", True)
    assert whereabouts({}) == attrs.evolve(
        here, root=Root(Path("/")), server=socket.gethostname(), lab=False
    )


def test_now_counts_suspended_time_in_ms() -> None:
    boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert 0 <= clock.now() - int(boot * 1_000) < 1_000
    assert abs(clock.wall() - time.time() * 1_000) < 1_000


def test_a_boot_id_is_the_kernels_or_the_labs(tmp_path: Path) -> None:
    kernel = clock.boot_id()
    assert len(kernel) == 36
    assert clock.boot_id(tmp_path / "boot_id") == kernel
    (tmp_path / "boot_id").write_text("life-2\n")
    assert clock.boot_id(tmp_path / "boot_id") == "life-2"
