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
        """Tell whether it is a resource's, and not a monitor's."""
        return self.value.endswith("activation") and self is not HookPoint.BEFORE_REACTIVATION

    @property
    def stops(self) -> bool:
        """Tell whether it belongs to a deactivation, which must not wait."""
        return self in {HookPoint.BEFORE_DEACTIVATION, HookPoint.AFTER_DEACTIVATION}

    @property
    def file(self) -> str:
        """Give the name of its script."""
        return f"{self.value}.sh"
