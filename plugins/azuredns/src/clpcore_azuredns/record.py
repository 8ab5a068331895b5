"""A record set as the drivers see it, and whose it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from clpcore import api
from clpcore_azuredns.settings import Config

_GROUP: Final = "clpcore_group"
_EPOCH: Final = "clpcore_epoch"
_SERVER: Final = "clpcore_server"


@attrs.frozen(kw_only=True)
class Record:
    """An A record set.

    Attributes:
        addresses: what clients find.
        ttl: seconds.
        metadata: texts that Azure keeps with it; ours say for whom it was written.
        etag: Azure's name for this version of it; empty for one that is to be written.

    """

    addresses: tuple[str, ...]
    ttl: int
    metadata: Mapping[str, str] = attrs.field(factory=dict)
    etag: str = ""

    @property
    def group(self) -> str:
        """Give the group that it was written for; empty: by somebody else."""
        return self.metadata.get(_GROUP, "")

    @property
    def server(self) -> str:
        """Give the server that wrote it."""
        return self.metadata.get(_SERVER, "")

    @property
    def epoch(self) -> int:
        """Give the epoch that it was written for; 0: none that can be read."""
        text = self.metadata.get(_EPOCH, "")
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0  # noqa: PLR2004 - 64 bits

    def is_newer_than(self, call: api.Call) -> bool:
        """Tell whether somebody owns the group by a higher epoch than the caller knows."""
        return self.group == call.group and self.epoch > call.epoch

    def says(self, other: Record) -> bool:
        """Tell whether it says what *other* says, whatever else stands with it."""
        return (self.addresses, self.ttl, self.group, self.epoch, self.server) == (
            *(other.addresses, other.ttl, other.group, other.epoch, other.server),
        )

    def __str__(self) -> str:
        """Give what clients find, and from whom."""
        found = ", ".join(self.addresses) or "no address"
        by = f", written by {self.server} for epoch {self.epoch} of {self.group}"
        return found + (by if self.group else "")


def wanted(config: Config, call: api.Call, found: Record | None) -> Record:
    """Give the record as it shall be; what others keep in its metadata stays."""
    ours = {_GROUP: call.group, _EPOCH: str(call.epoch), _SERVER: call.server}
    return Record(
        addresses=(config.ip,),
        ttl=config.ttl,
        metadata={**(found.metadata if found else {}), **ours},
    )
