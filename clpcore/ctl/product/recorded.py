"""The recording in a support bundle: the newest segments, with secrets taken out of every text."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from clpcore.runtime.recording import ring
from clpcore.runtime.recording.lines import FORMAT, MAGIC
from clpcore.runtime.recording.reading import Lines, UnplayableError

MOST: Final = 4 * 1024 * 1024  # bytes; of two servers at rest, more than a day

_Scrub = Callable[[str], str]


def segments(folder: Path, scrub: _Scrub, missing: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    """Give name and content of the newest segments; note in *missing* what is left out.

    Raises:
        OSError: the folder cannot be read.

    """
    clean, left = _Cleaner(scrub), MOST
    for path in reversed(ring.segments(folder)):
        left -= path.stat().st_size
        if left < 0:
            missing["recording"] = f"only the newest {MOST} bytes: nothing up to {path.name}"
            return
        try:
            yield f"recording/{path.name}", clean.segment(path)
        except (UnplayableError, ValueError) as error:
            missing[f"recording/{path.name}"] = str(error)


class _Cleaner:
    """Scrubs the texts within JSON, each different one once: at rest they are few."""

    def __init__(self, scrub: _Scrub) -> None:
        self._scrub = scrub
        self._known: dict[str, str] = {}

    def segment(self, path: Path) -> bytes:
        """Give a segment anew; one without its end stays so."""
        pack = zlib.compressobj()
        with path.open("rb") as file:
            lines = Lines(file)
            packed = [pack.compress(f"{self._line(line)}\n".encode()) for line in lines]
        end = pack.flush(zlib.Z_FINISH if lines.complete else zlib.Z_SYNC_FLUSH)
        return b"%s%d\n" % (MAGIC, FORMAT) + b"".join(packed) + end

    def _line(self, line: str) -> str:
        return json.dumps(self._value(json.loads(line)), ensure_ascii=False, separators=(",", ":"))

    def _value(self, value: Any) -> Any:  # noqa: ANN401 - JSON
        if isinstance(value, str):
            if value not in self._known:
                self._known[value] = self._scrub(value)
            return self._known[value]
        if isinstance(value, dict):
            return {key: self._value(part) for key, part in value.items()}
        return [self._value(part) for part in value] if isinstance(value, list) else value
