"""Who may do what where: Azure's role assignments, by action and scope."""

import re

import attrs


@attrs.frozen(kw_only=True)
class Role:
    """One assignment.

    Attributes:
        scope: it and everything below; "/" is everything.
        actions, not_actions: in any case, `*` stands for any text; not_actions take away.
    """

    actions: tuple[str, ...]
    scope: str = "/"
    not_actions: tuple[str, ...] = ()

    def allows(self, action: str, scope: str) -> bool:
        return (
            self.reaches(scope)
            and any(_fits(pattern, action) for pattern in self.actions)
            and not any(_fits(pattern, action) for pattern in self.not_actions)
        )

    def reaches(self, scope: str) -> bool:
        """Tell whether a scope is this one's or below it: whole names, so node1 is not node10."""
        ours = self.scope.rstrip("/").lower()
        return f"{scope.rstrip('/')}/".lower().startswith(f"{ours}/")


def _fits(pattern: str, action: str) -> bool:
    parts = map(re.escape, pattern.split("*"))
    return re.fullmatch(".*".join(parts), action, re.IGNORECASE) is not None
