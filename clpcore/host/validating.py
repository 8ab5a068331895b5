"""A plugin's check of its settings, held to what the contract says of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import attrs

from clpcore import api
from clpcore.host.registry import Owner

_MOST: Final = 100  # problems of one driver; a check without an end stops there


@attrs.frozen(kw_only=True)
class Validating:
    """In the place of ``DriverSpec.validate``: whatever that does, its owner is named.

    *begins* hears the plugin while its code runs, and then an empty text: one that never comes back
    can be refused for it by whoever waits.
    """

    spec: api.DriverSpec
    owner: Owner
    begins: Callable[[str], None]

    def __call__(self, config: Any) -> Iterable[api.Problem]:  # noqa: ANN401 - the driver's own class
        """Give the problems that it finds, or what is wrong with itself; never raises."""
        self.begins(self.owner.plugin)
        try:
            found = list(itertools.islice(self.spec.validate(config), _MOST))
        except (Exception, SystemExit, KeyboardInterrupt) as error:  # noqa: BLE001 - not our code
            return [self._failed(f"raises {type(error).__name__}: {error}")]
        finally:
            self.begins("")
        return list(self._told(found))

    def _told(self, found: Iterable[object]) -> Iterator[api.Problem]:
        for each in found:
            if isinstance(each, api.Problem) and _fits(each):
                yield each
            else:
                yield self._failed(f"gives {each!r:.80}, which is no api.Problem of texts")

    def _failed(self, how: str) -> api.Problem:
        what = f"{self.spec.kind.value} {self.spec.name!r} from {self.owner}"
        return api.Problem(
            key="",
            what=f"The check of these settings by {what} {how}.",
            remedy=f"Mend or uninstall {self.owner.distribution}.",
        )


def _fits(problem: api.Problem) -> bool:
    texts = (problem.key, problem.what, problem.remedy)
    return all(isinstance(text, str) for text in texts) and isinstance(problem.risk, bool)
