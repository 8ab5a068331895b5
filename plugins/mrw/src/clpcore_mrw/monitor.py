"""``mrw``: has anybody sent a notice of this category that is not cleared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

from clpcore import api

_FIELDS: Final = 3


@attrs.frozen(kw_only=True)
class Config:
    """``[monitor.NAME]`` of type ``mrw``."""

    category: str = api.setting("The category of the notices that count.", example='"NIC"')
    keyword: str = api.setting(
        "Only those with this keyword; empty: with any.", default="", example='"eth0"'
    )


@attrs.frozen
class Notice:
    """One line of the file that ``clprexec --notice`` writes, parted by tabs."""

    category: str
    keyword: str
    since: str

    @classmethod
    def parse(cls, line: str) -> Notice:
        """Read it.

        Raises:
            ValueError: it is none.

        """
        fields = line.split("\t")
        if len(fields) != _FIELDS:
            raise ValueError(f"{line!r:.80} is no notice")
        return cls(*fields)

    def __str__(self) -> str:
        name = f"{self.category}.{self.keyword}" if self.keyword else self.category
        return f"{name} since {self.since}"


@attrs.frozen
class Mrw:
    """Reads the notices."""

    config: Config

    async def observe(self, call: api.Call, ports: api.Ports) -> api.Observation:
        """Say error while a notice that counts is there. Nothing is run for a look."""
        path = f"{ports.places.run}/notices/{call.monitor}"
        try:
            notices = [Notice.parse(line) for line in (ports.read(path) or "").splitlines()]
        except ValueError as error:
            remedy = f"clear it: clprexec --clear {call.monitor}"
            raise api.Failed(f"{path} is damaged ({error}); {remedy}") from error
        counting = [notice for notice in notices if self._counts(notice)]
        if not counting:
            return api.Observation(api.Health.NORMAL, "no notice")
        told = ", ".join(map(str, counting))
        return api.Observation(api.Health.ERROR, f"notice {told}", certain=True)

    def _counts(self, notice: Notice) -> bool:
        wanted = self.config
        return notice.category == wanted.category and wanted.keyword in {"", notice.keyword}


def validate(config: Config) -> Iterable[api.Problem]:
    """Find words that no notice can have."""
    for key, word in (("category", config.category), ("keyword", config.keyword)):
        if (not word and key == "category") or not all(c.isalnum() or c in "_-" for c in word):
            yield api.Problem(
                key,
                f'"{word}" is no {key}.',
                "Write letters, digits, - and _, as `clprexec --notice -k CATEGORY.KEYWORD` does.",
            )


SPEC: Final = api.DriverSpec(
    kind=api.Kind.MONITOR,
    name="mrw",
    api=api.ApiVersion(0, 1),
    summary="Says error while a notice from outside waits to be cleared.",
    config=Config,
    make=Mrw,
    validate=validate,
    capabilities=frozenset({api.Capability.WATCHES_STANDBY}),
    defaults={"interval": 5_000, "timeout": 30_000, "retry": 0},
)
