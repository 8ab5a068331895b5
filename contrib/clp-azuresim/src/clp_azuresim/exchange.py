"""Requests and replies as values: what the parts of Azure take and give, without a socket."""

import json
import re
from collections.abc import Mapping
from typing import Any

import attrs

from clp_azuresim.faults import Fault

Json = Any  # what json gives is Any by nature
Headers = Mapping[str, str]

_NO_BODY = frozenset({202, 204})


@attrs.frozen(kw_only=True)
class Request:
    """One request.

    Attributes:
        path: decoded, without the query.
        query: names as they were sent.
        headers: names in lower case.
        base: scheme, host and port by which the caller reached us.
        peer: the address that it came from.
        fault: what whoever does the work must get wrong.
    """

    method: str
    path: str
    query: Headers = attrs.field(factory=dict)
    headers: Headers = attrs.field(factory=dict, repr=False)
    body: bytes = attrs.field(default=b"", repr=False)
    base: str = "https://management.azure.com"
    peer: str = ""
    fault: Fault | None = None

    def json(self) -> Json:
        """Give the body; Refused when it is no JSON object."""
        try:
            value = json.loads(self.body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            message = "The request content was invalid and could not be deserialized."
            raise Refused(error(400, "InvalidRequestContent", message))
        return value


@attrs.frozen(kw_only=True)
class Reply:
    """One reply; a body of None has no content."""

    status: int = 200
    body: Json = None
    headers: Headers = attrs.field(factory=dict)
    text: str | None = None

    def with_headers(self, **headers: str) -> "Reply":
        """Give the same reply with more headers; `_` in a name stands for `-`."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return attrs.evolve(self, headers={**self.headers, **more})

    @property
    def content(self) -> bytes:
        if self.text is not None:
            return self.text.encode()
        return b"" if self.body is None else json.dumps(self.body).encode()


class Refused(Exception):
    """A part of Azure refuses a request with this reply."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"{reply.status} {reply.body}")
        self.reply = reply


def error(
    status: int, code: str, message: str, *, wrapped: bool = True, headers: Headers | None = None
) -> Reply:
    """Give an error as Azure spells it.

    Wrapped is inside of `error`, as ARM itself does it; the DNS provider answers without.
    """
    body = {"code": code, "message": message}
    return Reply(status=status, body={"error": body} if wrapped else body, headers=headers or {})


@attrs.frozen(kw_only=True)
class Target:
    """A resource id, taken apart.

    Attributes:
        resource_group: "" for what belongs to the subscription alone.
        namespace: such as "Microsoft.Network"; "" for a resource group itself.
        types, names: alternate in the id; one type more than names asks for a list or an action.
    """

    subscription: str
    resource_group: str = ""
    namespace: str = ""
    types: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    _ID = re.compile(
        r"/subscriptions/(?P<subscription>[^/]+)"
        r"(?:/resourceGroups/(?P<group>[^/]+))?"
        r"(?:/providers/(?P<namespace>[^/]+)/(?P<rest>.+))?",
        re.IGNORECASE,
    )

    @classmethod
    def parse(cls, path: str) -> "Target | None":
        """Take a path apart; None when it is no resource id."""
        found = cls._ID.fullmatch(path.rstrip("/"))
        if found is None:
            return None
        rest = [part for part in (found["rest"] or "").split("/") if part]
        return cls(
            subscription=found["subscription"],
            resource_group=found["group"] or "",
            namespace=found["namespace"] or "",
            types=tuple(rest[::2]),
            names=tuple(rest[1::2]),
        )

    @property
    def kind(self) -> str:
        """The first type with its namespace, in lower case: what a provider is found by."""
        return f"{self.namespace}/{self.types[0]}".lower() if self.types else ""

    @property
    def scope(self) -> str:
        """The id as it was written."""
        text = f"/subscriptions/{self.subscription}"
        text += f"/resourceGroups/{self.resource_group}" if self.resource_group else ""
        if not self.namespace:
            return text
        parts: list[str] = []
        for number, kind in enumerate(self.types):
            parts += [kind, *self.names[number : number + 1]]
        return f"{text}/providers/{self.namespace}/" + "/".join(parts)

    @property
    def of(self) -> str:
        """The scope that roles are asked for: without a last type that has no name."""
        return attrs.evolve(self, types=self.types[: len(self.names)]).scope
