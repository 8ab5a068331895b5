"""A machine's metadata service: who am I, a token for my identity, what will happen to me."""

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from clp_azuresim.entra import Directory
from clp_azuresim.events import Events
from clp_azuresim.exchange import Refused, Reply, Request
from clp_azuresim.machines import VirtualMachine

Answer = Callable[[Request], Awaitable[tuple[Reply, str]]]

_DAY_S = 86_400
_VERSION = re.compile(r"20[12]\d-\d{2}-\d{2}")
_NEWEST = ["2025-04-07", "2023-07-01", "2021-12-13"]


class Imds:
    """Answers one machine."""

    def __init__(
        self,
        found: VirtualMachine,
        *,
        subscription: str,
        location: str,
        directory: Directory,
        events: Events,
    ) -> None:
        self._vm, self._directory, self._events = found, directory, events
        self._subscription, self._location = subscription, location

    @property
    def address(self) -> str:
        return self._vm.plan.address

    async def answer(self, request: Request) -> tuple[Reply, str]:
        """Answer one request; gives the machine's name too."""
        try:
            return await self._answer(request), self._vm.name
        except Refused as refused:
            return refused.reply, self._vm.name

    async def _answer(self, request: Request) -> Reply:
        if request.headers.get("metadata", "").lower() != "true":
            raise _bad("Bad request. Required metadata header not specified")
        if "x-forwarded-for" in request.headers:
            raise _bad("Bad request. A request to the metadata service passes no proxy")
        if not _VERSION.fullmatch(request.query.get("api-version", "")):
            raise _bad(
                "Bad request. api-version was not specified in the request. For more information"
                " refer to aka.ms/azureimds",
                newest=_NEWEST,
            )
        what = request.path.rstrip("/").lower()
        if what == "/metadata/identity/oauth2/token":
            return self._token(request)
        if what == "/metadata/scheduledevents":
            return await self._scheduled_events(request)
        if what.startswith("/metadata/instance"):
            return self._instance(request)
        return Reply(status=404, body={"error": "Not found"})

    def _token(self, request: Request) -> Reply:
        identity = self._vm.plan.identity
        application = self._directory.named(identity) if identity else None
        wanted = request.query.get("client_id", "")
        if application is None or (wanted and wanted.lower() != application.id.lower()):
            raise _invalid("Identity not found")
        resource = request.query.get("resource", "")
        if not resource:
            raise _invalid("Required audience parameter not specified")
        tokens = self._directory.tokens
        now = int(tokens.now())
        body = {
            "access_token": tokens.issue(application.id, resource, _DAY_S),
            "client_id": application.id,
            "expires_in": str(_DAY_S),
            "expires_on": str(now + _DAY_S),
            "ext_expires_in": str(_DAY_S),
            "not_before": str(now),
            "resource": resource,
            "token_type": "Bearer",
        }
        return Reply(body=body)

    async def _scheduled_events(self, request: Request) -> Reply:
        if request.method == "GET":
            return Reply(body=await self._events.document(self._vm.name))
        if request.method != "POST":
            return Reply(status=405, body={"error": "Method not allowed"})
        asked = request.json().get("StartRequests")
        if not isinstance(asked, list) or not all(isinstance(each, dict) for each in asked):
            raise _bad("Bad request. StartRequests is a list of objects with an EventId")
        for each in asked:
            if not self._events.approve(self._vm.name, str(each.get("EventId", ""))):
                raise _bad("Bad request. There is no event with this EventId")
        return Reply()

    def _instance(self, request: Request) -> Reply:
        value: Any = self._document()
        for name in request.path.split("/")[3:]:
            if isinstance(value, list) and name.isdigit() and int(name) < len(value):
                value = value[int(name)]
            elif isinstance(value, dict) and name in value:
                value = value[name]
            elif name:
                return Reply(status=404, body={"error": "Not found"})
        if isinstance(value, dict | list):
            return Reply(body=value)
        if request.query.get("format") != "text":
            raise _bad("Bad request. A single value is given with format=text")
        return Reply(text=str(value))

    def _document(self) -> dict[str, Any]:
        plan = self._vm.plan
        group = f"/subscriptions/{self._subscription}/resourceGroups/{plan.resource_group}"
        address = {"privateIpAddress": plan.address, "publicIpAddress": ""}
        return {
            "compute": {
                "azEnvironment": "AzurePublicCloud",
                "location": self._location,
                "name": plan.name,
                "osType": "Linux",
                "resourceGroupName": plan.resource_group,
                "resourceId": f"{group}/providers/Microsoft.Compute/virtualMachines/{plan.name}",
                "subscriptionId": self._subscription,
                "vmId": self._vm.vm_id,
                "vmSize": plan.size,
                "zone": plan.zone,
            },
            "network": {"interface": [{"ipv4": {"ipAddress": [address] if plan.address else []}}]},
        }


def shared(services: Iterable[Imds]) -> Answer:
    """Answer for several machines in one place, each by the address that it asks from."""
    by_address = {each.address: each for each in services}

    async def answer(request: Request) -> tuple[Reply, str]:
        service = by_address.get(request.peer)
        if service is None:
            text = f"No machine of this rehearsal has the address {request.peer}"
            return Reply(status=404, body={"error": text}), ""
        return await service.answer(request)

    return answer


def _bad(text: str, *, newest: list[str] | None = None) -> Refused:
    body: dict[str, object] = {"error": text}
    return Refused(Reply(status=400, body=body | ({"newest-versions": newest} if newest else {})))


def _invalid(text: str) -> Refused:
    body = {"error": "invalid_request", "error_description": text}
    return Refused(Reply(status=400, body=body))
