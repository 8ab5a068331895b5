"""Which contract a driver was written for, and which this core serves."""

from __future__ import annotations

from typing import Final

import attrs


@attrs.frozen(order=True)
class ApiVersion:
    """Version of the contract; before 1.0 a new minor may break.

    Attributes:
        major: a new one breaks.
        minor: from 1.0 on a new one only adds.

    """

    major: int
    minor: int

    def __str__(self) -> str:
        """Give it as operators read it."""
        return f"{self.major}.{self.minor}"

    def serves(self, wanted: ApiVersion) -> bool:
        """Tell whether this core can run a driver written for *wanted*."""
        if self.major != wanted.major:
            return False
        return self.minor == wanted.minor if self.major == 0 else wanted.minor <= self.minor


API: Final = ApiVersion(0, 1)
