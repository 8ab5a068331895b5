"""When an operator's own script runs beside what the cluster does."""

from __future__ import annotations

import enum


class HookPoint(enum.Enum):
    """A moment; its script is called so, with ``.sh`` behind."""

    BEFORE_ACTIVATION = "before_activation"
    AFTER_ACTIVATION = "after_activation"
    BEFORE_DEACTIVATION = "before_deactivation"
    AFTER_DEACTIVATION = "after_deactivation"
    BEFORE_REACTIVATION = "before_reactivation"
    BEFORE_FAILOVER = "before_failover"
    BEFORE_FINAL_ACTION = "before_final_action"

    @property
    def of_resource(self) -> bool:
        """Tell whether a resource may have a script of it."""
        return self not in {HookPoint.BEFORE_REACTIVATION, HookPoint.BEFORE_FAILOVER}

    @property
    def of_monitor(self) -> bool:
        """Tell whether a monitor may have a script of it; either may before its final action."""
        return not self.of_resource or self is HookPoint.BEFORE_FINAL_ACTION

    @property
    def stops(self) -> bool:
        """Tell whether it belongs to a deactivation, which must not wait."""
        return self in {HookPoint.BEFORE_DEACTIVATION, HookPoint.AFTER_DEACTIVATION}

    @property
    def file(self) -> str:
        """Give the name of its script."""
        return f"{self.value}.sh"
