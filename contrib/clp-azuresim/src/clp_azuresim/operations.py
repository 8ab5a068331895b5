"""Long operations: accepted at once, done later, and asked about meanwhile."""

import datetime as dt
import enum
import uuid
from collections.abc import Mapping

import attrs

from clp_azuresim.exchange import Reply, Request


def now() -> str:
    """Give the time as Azure writes it."""
    return dt.datetime.now(dt.UTC).isoformat()


class Status(enum.Enum):
    """How far an operation is, in Azure's words."""

    IN_PROGRESS = "InProgress"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"


@attrs.define(kw_only=True)
class Operation:
    """One operation."""

    action: str
    id: str = attrs.field(factory=lambda: str(uuid.uuid4()))
    started: str = attrs.field(factory=now)
    ended: str = ""
    status: Status = Status.IN_PROGRESS
    code: str = ""
    message: str = ""

    def end(self, status: Status, code: str = "", message: str = "") -> None:
        self.status, self.code, self.message, self.ended = status, code, message, now()

    def body(self) -> dict[str, object]:
        told: dict[str, object] = {"startTime": self.started}
        if self.ended:
            told["endTime"] = self.ended
        told["status"] = self.status.value
        if self.code:
            told["error"] = {"code": self.code, "message": self.message}
        return {**told, "name": self.id}


class Operations:
    """The operations of a location, by id."""

    def __init__(self, subscription: str, location: str) -> None:
        self._place = f"/subscriptions/{subscription}/providers/Microsoft.Compute"
        self._place += f"/locations/{location}/operations"
        self._all: dict[str, Operation] = {}

    def begin(self, action: str) -> Operation:
        operation = Operation(action=action)
        self._all[operation.id] = operation
        return operation

    def find(self, number: str) -> Operation | None:
        return self._all.get(number)

    def accepted(self, operation: Operation, request: Request, version: str) -> Reply:
        """Give the 202 as it was recorded: without a Retry-After."""
        url = f"{request.base}{self._place}/{operation.id}?p={uuid.uuid4()}"
        headers = {
            "Azure-AsyncNotification": "Enabled",
            "Azure-AsyncOperation": f"{url}&api-version={version}",
            "Location": f"{url}&monitor=true&api-version={version}",
        }
        return Reply(status=202, headers=headers)

    def told(self, operation: Operation, query: Mapping[str, str], url: str) -> Reply:
        """Answer a poll: of Azure-AsyncOperation with a body, of Location with a status alone."""
        if query.get("monitor") != "true":
            return Reply(body=operation.body())
        if operation.status is Status.IN_PROGRESS:
            return Reply(status=202, headers={"Location": url})
        return Reply(status=200)
