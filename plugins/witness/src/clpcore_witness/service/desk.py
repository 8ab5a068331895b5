"""What is asked and what is answered: the witness without sockets and files.

    GET /                                 200, as any web server; HEAD as well
    POST /v1/hello                        a token (clpcore_witness.proof)
    POST /v1/frames/RECEIVER?from=SENDER  a heartbeat
    GET  /v1/frames/RECEIVER?after=CURSOR&wait=MS
    GET  /v1/heard                        who was heard how many ms ago
    POST /v1/session                      renew
    GET  /v1/records/GROUP                read
    POST /v1/records/GROUP/claim, amend, release, disclaim

All but the first two carry a proof, and so do their answers. A refusal of the arbiter is an answer,
200; 409 means that nothing was decided, and the body says why.
"""

from __future__ import annotations

import logging
import urllib.parse
from collections.abc import Awaitable, Callable
from typing import Final

import attrs

from clpcore import api
from clpcore_witness import proof, values
from clpcore_witness.service.arbiter import Arbiter
from clpcore_witness.service.frames import Frames
from clpcore_witness.service.ledger import Refused
from clpcore_witness.service.visits import Unproven, Visit, Visits
from clpcore_witness.service.web import Answer, Request

logger = logging.getLogger(__name__)

LONGEST_WAIT: Final = 25_000  # ms
_PAGE: Final = (
    b"<!doctype html><title>clp-witness</title><p>This witness answers. That is all that it says"
    b" to whoever proves nothing.\n"
)


@attrs.frozen
class Desk:
    """Answers requests. *note* is told what is not taken, for a log that nobody can flood."""

    visits: Visits
    frames: Frames
    arbiter: Arbiter
    note: Callable[[str], None] = attrs.field(default=logger.warning)

    def handle(self, request: Request) -> Answer | Awaitable[Answer]:
        """Answer at once where that is possible."""
        if request.target == "/":
            if request.method in ("GET", "HEAD"):
                return Answer(body=_PAGE, kind="text/html; charset=utf-8")
            return Answer(status=405, headers={"Allow": "GET, HEAD"})
        scheme, *words = request.headers.get("authorization", "").split(" ")
        try:
            if scheme == proof.HELLO and (request.method, request.target) == ("POST", "/v1/hello"):
                return Answer(body=self.visits.hello(words).encode(), kind="text/plain")
            if scheme != proof.VISIT:
                return Answer(status=404)
            visit, asked = self.visits.check(words, request.method, request.target, request.body)
        except Unproven as unproven:
            self.note(f"refused: {unproven}")
            return Answer(status=401)
        return self._served(visit, asked, request)

    def _served(self, visit: Visit, asked: bytes, request: Request) -> Answer | Awaitable[Answer]:
        try:
            found = self._route(visit.cluster, request)
        except (values.Unfit, Refused, ValueError) as error:
            return _prove(visit, asked, *_unserved(error))
        if isinstance(found, bytes):
            return _prove(visit, asked, 200, found)
        return self._awaited(visit, asked, found)

    async def _awaited(self, visit: Visit, asked: bytes, found: Awaitable[bytes]) -> Answer:
        try:
            return _prove(visit, asked, 200, await found)
        except (values.Unfit, Refused) as error:
            return _prove(visit, asked, *_unserved(error))

    def _route(self, cluster: str, request: Request) -> bytes | Awaitable[bytes]:
        path, _, query = request.target.partition("?")
        words = [urllib.parse.unquote(word) for word in path.split("/")[1:]]
        match request.method, words:
            case "POST", ["v1", "frames", receiver]:
                sender = values.name(_query(query).get("from"))
                self.frames.put(cluster, sender, values.name(receiver), request.body)
                return b""
            case "GET", ["v1", "frames", receiver]:
                asked = _query(query)
                wait = values.number(int(asked.get("wait", "0")), LONGEST_WAIT)
                after = asked.get("after", "")
                return self.frames.get(cluster, values.name(receiver), after, wait / 1_000)
            case "GET", ["v1", "heard"]:
                heard = self.frames.heard(cluster)
                return values.dump({"up": self.frames.up, "heard": heard})
            case "POST", ["v1", "session"]:
                session = values.session_from(values.load(request.body))
                return self._renewed(cluster, session)
            case "GET", ["v1", "records", group]:
                return _told(self.arbiter.read(cluster, values.name(group)))
            case "POST", ["v1", "records", group, what]:
                group, said = values.name(group), values.load(request.body)
                return _told(self._transaction(cluster, group, what, said))
        raise values.Unfit(f"{request.method} {path!r:.60} is not asked here")

    def _transaction(
        self, cluster: str, group: str, what: str, said: object
    ) -> Awaitable[api.Record]:
        match what:
            case "claim":
                return self.arbiter.claim(cluster, group, values.holder_from(said))
            case "amend":
                return self.arbiter.amend(cluster, group, values.record_from(said))
            case "release":
                return self.arbiter.release(cluster, group, values.holder_from(said))
            case "disclaim":
                return self.arbiter.disclaim(cluster, group, values.holder_from(said))
        raise values.Unfit(f"{what!r:.20} is no transaction")

    async def _renewed(self, cluster: str, session: api.Session) -> bytes:
        return values.dump(await self.arbiter.renew(cluster, session))

    def sweep(self) -> None:
        """Forget what is over."""
        self.visits.sweep()
        self.frames.sweep()


async def _told(record: Awaitable[api.Record]) -> bytes:
    its = await record
    return values.dump({**values.record_to(its), "lapses_in": its.lapses_in})


def _query(query: str) -> dict[str, str]:
    return dict(urllib.parse.parse_qsl(query, max_num_fields=4))


def _unserved(error: Exception) -> tuple[int, bytes]:
    status = 409 if isinstance(error, Refused) else 400
    return status, str(error).encode()


def _prove(visit: Visit, asked: bytes, status: int, body: bytes) -> Answer:
    proven = proof.text(visit.keys.of_answer(asked, status, body))
    return Answer(status=status, body=body, headers={proof.ANSWERED: proven}, proven=True)
