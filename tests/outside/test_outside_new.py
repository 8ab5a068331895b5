"""`clp new` in a fresh environment: it installs, its kit tells what to write, and gets green."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

# What an author writes into the methods.
RESOURCE = {
    "probe": """
        done = await ports.run(["beaconctl", "status", self.config.target], timeout=5_000)
        if done.returncode == 3:
            return api.Presence.INACTIVE
        return api.Presence.ACTIVE if done.output == "running\\n" else api.Presence.UNKNOWN
""",
    "activate": """
        if await self.probe(call, ports) is api.Presence.ACTIVE:
            return
        await ports.run(["beaconctl", "start", self.config.target], timeout=30_000)
        if await self.probe(call, ports) is not api.Presence.ACTIVE:
            raise api.Failed(f"{self.config.target} did not start: look at its log")
""",
    "deactivate": """
        if await self.probe(call, ports) is api.Presence.INACTIVE:
            return
        await ports.run(["beaconctl", "stop", self.config.target], timeout=30_000)
        if await self.probe(call, ports) is not api.Presence.INACTIVE:
            raise api.Failed(f"{self.config.target} did not stop: look at its log")
""",
}
MONITOR = {
    "observe": """
        done = await ports.run(["beaconctl", "status", self.config.watched], timeout=5_000)
        if done.output == "running\\n":
            return api.Observation(api.Health.NORMAL, f"{self.config.watched} runs")
        health = api.Health.ERROR if done.returncode == 3 else api.Health.UNKNOWN
        return api.Observation(health, f"beaconctl returned {done.returncode}")
""",
}


@pytest.mark.parametrize(("kind", "bodies"), [("resource", RESOURCE), ("monitor", MONITOR)])
def test_from_nothing_to_a_green_kit(
    environment: Any,  # noqa: ANN401 - conftest's
    tmp_path: Path,
    kind: str,
    bodies: dict[str, str],
    record_property: Any,  # noqa: ANN401 - pytest's
) -> None:
    began = time.monotonic()
    folder = tmp_path / "clp-beacon"
    assert environment.run("clp", "new", kind, "beacon", "--folder", folder).returncode == 0
    environment.install(folder)
    assert "beacon" in environment.run("clp", "plugins").stdout

    empty = kit(environment, folder)
    assert empty.returncode == 1
    for method in bodies:
        assert f"{method} is not written yet" in empty.stdout
    assert "Rule: In a healthy world a call gives its answer." in empty.stdout
    assert "Next step:" in empty.stdout

    fill(folder, bodies)
    environment.install("--reinstall", folder)
    filled = kit(environment, folder)
    assert filled.returncode == 1
    assert failures(filled.stdout) == {"test_what_administrators_write_is_as_recorded"}
    assert "CLP_RECORD=1" in filled.stdout

    assert kit(environment, folder, CLP_RECORD="1").returncode == 0
    green = kit(environment, folder)
    assert green.returncode == 0, green.stdout
    record_property("seconds from `clp new` to a green kit", time.monotonic() - began)


def kit(environment: Any, folder: Path, **env: str) -> Any:  # noqa: ANN401
    """Run the tests of the folder as its author would."""
    return environment.run("python", "-m", "pytest", "-rf", cwd=str(folder), **env)


def failures(output: str) -> set[str]:
    """Give the names of the tests that failed."""
    return set(re.findall(r"^FAILED \S+::(\w+)", output, re.MULTILINE))


def fill(folder: Path, bodies: dict[str, str]) -> None:
    """Write the methods in place of the errors that stand there."""
    (file,) = folder.glob("src/*/__init__.py")
    text = file.read_text()
    for method, body in bodies.items():
        hole = (
            rf"\n        raise api\.Failed\(\n\s+[\"']{method} is not written yet.*?\n        \)\n"
        )
        text, count = re.subn(hole, body.replace("\\", r"\\"), text, flags=re.DOTALL)
        assert count == 1, method
    file.write_text(text)
