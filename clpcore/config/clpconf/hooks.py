"""The product's script before a recovery becomes a hook at each moment that it is used for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from clpcore.config.clpconf.conversion import Conversion
from clpcore.config.clpconf.findings import Sort
from clpcore.config.clpconf.tree import Element
from clpcore.config.wording import listed
from clpcore.model.hooks import HookPoint

_MOMENTS: Final[Mapping[str, HookPoint]] = {
    "userestart": HookPoint.BEFORE_REACTIVATION,
    "usefailover": HookPoint.BEFORE_FAILOVER,
    "use": HookPoint.BEFORE_FINAL_ACTION,
}
_SCRIPT: Final = "preaction.sh"
_ONE_TIME: Final = "All hooks have one deadline: hook_timeout of [cluster], 60 s by default."


def convert(conversion: Conversion, monitor: Element) -> None:
    """Ask for the script of *monitor* under our names, and say what is different then."""
    for section in monitor.all("emergency/preaction"):
        points = [point for tag, point in _MOMENTS.items() if section.say(tag) == "1"]
        path = section.say("path") or _SCRIPT
        if timeout := section.take("timeout"):
            conversion.find(Sort.NOT_HERE, timeout, _ONE_TIME)
        if not points:
            what = f"{path} is not run: neither {listed(_MOMENTS, 'nor')} says when."
            conversion.find(Sort.NOT_HERE, section, what)
        elif path.startswith("/"):
            what = f"{path} is run before a recovery; a hook is a file among the scripts."
            conversion.find(Sort.WRONG, section, what, f"Copy it there: {_ours(monitor, points)}.")
        else:
            for point in points:
                ours = ("monitor", monitor.name, point.file)
                conversion.hooks.append((("monitor.s", monitor.name, path), ours))
            what = (
                f"{path} becomes {_ours(monitor, points)}: one that fails holds nothing up, and "
                "its variables are those of docs/howto/hooks.md."
            )
            conversion.find(Sort.DIFFERENT, section, what)


def _ours(monitor: Element, points: list[HookPoint]) -> str:
    return listed(f"scripts/monitor/{monitor.name}/{point.file}" for point in points)
