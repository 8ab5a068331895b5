"""What a role lets us do, asked before it is needed: ARM's list of permissions at a scope.

To try an action is the only other way to know, and powering a machine off is not tried.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import attrs
from azure.core import AsyncPipelineClient
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline import policies
from azure.core.rest import HttpRequest

from clpcore_lib_azure.account import Account
from clpcore_lib_azure.session import session

READ: Final = "Microsoft.Authorization/permissions/read"  # what the question itself needs
_VERSION: Final = "2022-04-01"
_PAGES: Final = 10


@attrs.frozen
class Grant:
    """What one role allows; ``*`` stands for any text.

    Attributes:
        actions: what it allows, but for
        not_actions: what it leaves out.

    """

    actions: tuple[str, ...]
    not_actions: tuple[str, ...] = ()

    def allows(self, action: str) -> bool:
        """Tell whether the role allows the action."""
        return _any_fits(self.actions, action) and not _any_fits(self.not_actions, action)


async def missing(
    account: Account,
    scope: str,
    actions: Sequence[str],
    timeout: int,  # noqa: ASYNC109 - milliseconds
) -> tuple[str, ...]:
    """Give those of the actions that no role of ours allows at *scope*, a resource's id.

    Raises:
        Denied: the role does not let us ask (``READ``).
        DriverError: as ``Session.ask``.

    """
    azure = session(account)
    listed = azure.client(Plain).permissions(scope)
    grants = await azure.ask(f"permissions at {scope}", listed, timeout)
    return tuple(action for action in actions if not any(each.allows(action) for each in grants))


class Plain:
    """The resource manager by paths: the SDK's client for this is 20 versions of it in one."""

    def __init__(
        self,
        credential: Any,  # noqa: ANN401 - the SDK's
        _subscription: str,
        *,
        base_url: str,
        credential_scopes: Sequence[str],
        transport: Any,  # noqa: ANN401 - the SDK's
        raw_response_hook: Any,  # noqa: ANN401 - the SDK's
        user_agent: str,
        **_others: object,
    ) -> None:
        self._base_url = base_url
        self._client: AsyncPipelineClient[Any, Any] = AsyncPipelineClient(
            base_url,
            transport=transport,
            policies=[
                policies.RequestIdPolicy(),
                policies.UserAgentPolicy(user_agent),
                policies.AsyncBearerTokenCredentialPolicy(credential, *credential_scopes),
                policies.CustomHookPolicy(raw_response_hook=raw_response_hook),
            ],
        )

    async def permissions(self, scope: str) -> list[Grant]:
        """Give what our roles allow at *scope*."""
        path = f"{scope}/providers/Microsoft.Authorization/permissions?api-version={_VERSION}"
        url, found = f"{self._base_url}{path}", list[Grant]()
        for _ in range(_PAGES):
            answer = await self._get(url)
            found += _grants(answer.get("value"))
            url = str(answer.get("nextLink") or "")
            if not url.startswith(f"{self._base_url}/"):  # the token is for nobody else
                break
        return found

    async def _get(self, url: str) -> Mapping[str, Any]:
        response = await self._client.send_request(HttpRequest("GET", url))
        if response.status_code != 200:  # noqa: PLR2004 - OK
            raise HttpResponseError(response=response)
        answer = response.json()
        return answer if isinstance(answer, dict) else {}

    async def close(self) -> None:
        """Close it; the connections are the session's."""
        await self._client.close()


def _grants(listed: object) -> Iterable[Grant]:
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, dict):
            yield Grant(_texts(each.get("actions")), _texts(each.get("notActions")))


def _texts(listed: object) -> tuple[str, ...]:
    texts = listed if isinstance(listed, list) else ()
    return tuple(each for each in texts if isinstance(each, str))


def _any_fits(patterns: Iterable[str], action: str) -> bool:
    return any(_fits(pattern, action) for pattern in patterns)


def _fits(pattern: str, action: str) -> bool:
    """Compare in any case, in time that does not grow with the stars: a role may have any."""
    action = action.lower()
    first, *parts = pattern.lower().split("*")
    if not parts:
        return first == action
    last = parts.pop()
    at, end = len(first), len(action) - len(last)
    if at > end or not (action.startswith(first) and action.endswith(last)):
        return False
    for part in parts:
        found = action.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
