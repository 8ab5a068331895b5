"""What can come of a question to Azure, by what a driver does about it."""

from __future__ import annotations

from clpcore import api


class Silent(api.Failed):
    """No answer to the question: none in time, no connection, or Azure's own trouble (5xx)."""


class Throttled(Silent):
    """Azure wants to be asked less often (429).

    Attributes:
        wait: milliseconds until it wants to be asked again; 0: it did not say.

    """

    def __init__(self, text: str, wait: int = 0) -> None:
        super().__init__(text)
        self.wait = wait


class Changed(api.Failed):
    """Somebody else has changed it since it was read: the condition does not hold (412)."""


class Conflict(api.Failed):
    """It cannot be done to the thing as it is now (409)."""


class Absent(api.Misconfigured):
    """It is not there (404).

    Attributes:
        code: Azure's word for what is missing: NotFound, ResourceNotFound, ParentResourceNotFound.

    """

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


class Denied(api.Misconfigured):
    """Signed in, and not allowed to (403).

    Attributes:
        action: what the role lacks, as a role definition names it; empty if Azure did not say.
        scope: on what.

    """

    def __init__(self, text: str, action: str = "", scope: str = "") -> None:
        super().__init__(text)
        self.action = action
        self.scope = scope


class NotSignedIn(api.Misconfigured):
    """Azure does not let us in: certificate, application, tenant or identity."""
