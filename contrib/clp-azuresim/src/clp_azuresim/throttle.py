"""ARM's throttling: a bucket of tokens for the reads of each application, one for its writes."""

import enum
from collections.abc import Callable

import attrs

from clp_azuresim.exchange import Reply, error


class Use(enum.Enum):
    """What a request takes a token of."""

    READ = "reads"
    WRITE = "writes"
    DELETE = "deletes"

    @classmethod
    def of(cls, method: str) -> "Use":
        return {"GET": cls.READ, "HEAD": cls.READ, "DELETE": cls.DELETE}.get(method, cls.WRITE)


@attrs.frozen
class Limit:
    """A bucket holds `size` tokens and gets `rate` back each second."""

    size: float
    rate: float


# Since 2024, for each subscription, application and region.
AZURE = {Use.READ: Limit(250, 25), Use.WRITE: Limit(200, 10), Use.DELETE: Limit(200, 10)}


@attrs.define
class _Bucket:
    tokens: float
    at: float


class Throttle:
    """Takes a token for each request, or tells how long to wait for one."""

    def __init__(self, clock: Callable[[], float], limits: dict[Use, Limit] | None = None) -> None:
        self._clock, self._limits = clock, limits or dict(AZURE)
        self._buckets: dict[tuple[str, Use], _Bucket] = {}

    def set_limit(self, use: Use, limit: Limit) -> None:
        """Change a limit; its buckets are full again."""
        self._limits[use] = limit
        self._buckets = {key: kept for key, kept in self._buckets.items() if key[1] is not use}

    def take(self, who: str, use: Use) -> float:
        """Take a token of an application; gives what is left, or minus the seconds to wait."""
        limit, now = self._limits[use], self._clock()
        bucket = self._buckets.setdefault((who, use), _Bucket(limit.size, now))
        bucket.tokens = min(limit.size, bucket.tokens + (now - bucket.at) * limit.rate)
        bucket.at = now
        if bucket.tokens < 1:
            return (bucket.tokens - 1) / limit.rate
        bucket.tokens -= 1
        return bucket.tokens


def refusal(use: Use, seconds: float, subscription: str) -> Reply:
    """Give the 429 with the whole seconds after which a token is there."""
    wait = max(1, -int(-seconds // 1))
    message = (
        f"Number of '{use.value}' requests for subscription '{subscription}' exceeded. Please try"
        f" again after '{wait}' seconds after additional tokens are available. Refer to"
        " https://aka.ms/arm-throttling for additional information."
    )
    headers = {"Retry-After": str(wait)}
    return error(429, "SubscriptionRequestsThrottled", message, headers=headers)
