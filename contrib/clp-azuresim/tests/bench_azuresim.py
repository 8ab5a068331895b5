"""How long `clp-azuresim` takes from its start to its first answer over TLS.

Run it: python contrib/clp-azuresim/tests/bench_azuresim.py [STARTS]
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Final

from clp_azuresim import main

_PATIENCE: Final = 60.0  # seconds
_PAUSE: Final = 0.002
_PATH: Final = "/common/v2.0/.well-known/openid-configuration"


def measure(starts: int) -> None:
    """Start it again and again, and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        took = [_start(folder / str(number)) for number in range(3)]
        _tell("the first start of a folder, which makes its certificates", took)
        took = [_start(folder / "0") for _ in range(starts)]
        _tell("every other start", took)
    load = " ".join(f"{each:.1f}" for each in os.getloadavg())
    sys.stdout.write(f"load of the machine: {load}\n")


def _start(folder: Path) -> tuple[float, float]:
    """Give the ms from the start of the process to its first answer, and of them on a processor."""
    folder.mkdir(exist_ok=True)
    file, port = folder / "azuresim.toml", _free_port()
    text = re.sub(r'"127\.0\.0\.1:81\d\d"', '"127.0.0.1:0"', main.guide())
    file.write_text(text.replace("127.0.0.1:8443", f"127.0.0.1:{port}").replace("8053", "0"))
    command = [sys.executable, "-m", "clp_azuresim", "--config", str(file)]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            _await(lambda: _answers(folder / "azuresim" / "ca.pem", port), process)
            return (time.perf_counter() - began) * 1_000, _on_processor(process.pid) * 1_000
        finally:
            process.terminate()


def _on_processor(pid: int) -> float:
    """Give the seconds that a process has computed: what no load of the machine lengthens much."""
    words = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _await(is_there: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    until = time.perf_counter() + _PATIENCE
    while not is_there():
        if process.poll() is not None or time.perf_counter() > until:
            raise SystemExit("clp-azuresim does not answer")
        time.sleep(_PAUSE)


def _answers(ca: Path, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        try:
            context = ssl.create_default_context(cafile=ca)
            url = f"https://127.0.0.1:{port}{_PATH}"
            with urllib.request.urlopen(url, timeout=5, context=context):
                return True
        except urllib.error.HTTPError:
            return True  # an answer as well
    return False


def _tell(what: str, took: list[tuple[float, float]]) -> None:
    waits, computed = zip(*took, strict=True)
    median, worst = statistics.median(waits), max(waits)
    sys.stdout.write(f"{what}: median {median:.0f} ms, worst {worst:.0f} ms, of {len(took)};")
    sys.stdout.write(f" it computed for {statistics.median(computed):.0f} ms of it\n")


if __name__ == "__main__":
    measure(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
