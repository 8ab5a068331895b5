"""The agent raises itself and nobody else. In processes of their own: a shield cannot be undone."""

from __future__ import annotations

import ctypes
import json
import resource
import subprocess
import sys
from typing import Any

import pytest

from clpcore.runtime import priority

_CODE = """
import json, os, threading
from clpcore.runtime import priority
granted = priority.shield()
seen = []
thread = threading.Thread(target=lambda: seen.append(priority.raise_thread()))
thread.start()
thread.join()
def facts():
    policy = os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK
    locked = [line for line in open("/proc/self/status") if line.startswith("VmLck")]
    return {"policy": policy, "nice": os.getpriority(os.PRIO_PROCESS, 0), "locked": locked[0]}
read, write = os.pipe()
if os.fork() == 0:
    os.write(write, json.dumps(facts()).encode())
    os._exit(0)
os.wait()
mine = facts()
big = bytearray(64 << 20)
print(json.dumps({"granted": granted, "thread": seen[0], "mine": mine,
                   "child": json.loads(os.read(read, 1000)), "rr": os.SCHED_RR}))
"""


def shielded() -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-c", _CODE], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_thread_is_raised_and_no_child_has_real_time() -> None:
    found = shielded()
    assert found["thread"] == found["granted"]["scheduling"]
    if found["thread"] == "SCHED_RR":
        assert found["mine"]["policy"] == found["rr"]
    assert found["child"]["policy"] == 0, "SCHED_OTHER"
    assert "0 kB" in found["child"]["locked"]


def test_what_is_said_to_be_granted_is() -> None:
    found = shielded()
    locked = int(found["mine"]["locked"].split()[1])
    assert (found["granted"]["memory"] == "locked") is (locked > 0)


def test_under_a_limit_nothing_is_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    # The lock would succeed now, and a later allocation fail because of it.
    def refuse(*_: object) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    monkeypatch.setattr(ctypes, "CDLL", None)  # it is not even tried
    assert priority._lock_memory() == "not locked (RLIMIT_MEMLOCK)"
