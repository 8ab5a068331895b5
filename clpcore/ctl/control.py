"""The client side of the control socket: JSON lines over a Unix socket."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Any, Self

from clpcore.ctl import words
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.words import said

ANSWER_WITHIN = 5.0  # seconds; the agent answers questions from memory, in milliseconds
_PATH_MAX = 107  # bytes of sun_path, less the final zero

Reply = dict[str, Any]  # Any: it is JSON; the callers read it as the TypedDicts of document.py


class Lost(Failure):
    """The connection ended before the answer was complete."""

    def __init__(self, path: str) -> None:
        super().__init__(
            Exit.NO_AGENT,
            said("the agent at {path} ended the connection before it answered", path=path),
            said("it may be restarting: ask again; `journalctl -u clpcore` tells why it ended"),
        )


class Connection:
    """One connection to the agent, for one request."""

    def __init__(self, request: Mapping[str, object]) -> None:
        self.path = _path()
        self._socket = _connect(self.path)
        self._buffer = b""
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        except OSError:
            self.close()
            raise Lost(self.path) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fileno(self) -> int:
        """Give the descriptor, for ``select``."""
        return self._socket.fileno()

    def close(self) -> None:
        """End the connection; the agent then ends a stream."""
        self._socket.close()

    def receive(self) -> list[Reply]:
        """Give the replies that came; ``wait`` has said that something did.

        Raises:
            Lost: the agent ended the connection.

        """
        try:
            data = self._socket.recv(1 << 20)
        except OSError:
            data = b""
        if not data:
            raise Lost(self.path)
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        return [self._reply(line) for line in lines]

    def first(self) -> Reply:
        """Give the first reply, accepted or refused.

        Raises:
            Failure: none came within ANSWER_WITHIN.

        """
        deadline = time.monotonic() + ANSWER_WITHIN
        while wait(deadline, self):
            for reply in self.receive():
                return reply
        raise _late(self.path)

    def _reply(self, line: bytes) -> Reply:
        with contextlib.suppress(ValueError):
            reply = json.loads(line)
            if isinstance(reply, dict):
                return reply
        raise Failure(
            Exit.REFUSED,
            f"the agent at {self.path} answered something that is not a JSON object: {line[:80]!r}",
            "agent and `clp` may be of different versions: restart the agent",
        )


def ask(**request: object) -> Reply:
    """Give the one reply to a question.

    Raises:
        Failure: no agent, no answer in time, or the agent refused.

    """
    with Connection(request) as connection:
        return accepted(connection.first())


def stream(within: float | None, **request: object) -> Iterator[Reply]:
    """Give the replies to a question until the agent ends them.

    *within*: seconds to wait for each of them; None: for ever, where the next one is an event.
    """
    with Connection(request) as connection:
        while True:
            if not wait(None if within is None else time.monotonic() + within, connection):
                raise _late(connection.path)
            for reply in connection.receive():
                if "end" in reply:
                    return
                yield accepted(reply)


def accepted(reply: Reply) -> Reply:
    """Give the reply on, unless the agent refused."""
    if reply.get("ok"):
        return reply
    because = reply.get("because") or ()
    if because:
        text = "; ".join(f"{words.sentence(one)} [{one['key']}]" for one in because)
        remedy = next(filter(None, map(words.remedy, because)), "")
        raise Failure(Exit.REFUSED, text, remedy, because)
    text = reply.get("error") or said("the agent refused without a reason")
    raise Failure(Exit.REFUSED, str(text), str(reply.get("remedy") or ""))


def wait(deadline: float | None, *readers: Connection | int) -> list[Connection | int]:
    """Give those that can be read by the *deadline* of ``time.monotonic``, or none."""
    left = None if deadline is None else max(0.0, deadline - time.monotonic())
    return select.select(readers, (), (), left)[0]


def _path() -> str:
    return f"{(os.environ.get('CLP_ROOT') or '').rstrip('/')}/run/clpcore/control"


def _connect(path: str) -> socket.socket:
    end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    end.settimeout(ANSWER_WITHIN)
    try:
        if len(os.fsencode(path)) <= _PATH_MAX:
            end.connect(path)
        else:
            _connect_far(end, path)
    except OSError as error:
        end.close()
        raise _unreachable(path, error) from None
    return end


def _connect_far(end: socket.socket, path: str) -> None:
    """Connect through the folder's descriptor: a lab's root may be too long for an address."""
    parent, _, name = path.rpartition("/")
    folder = os.open(parent, os.O_PATH)
    try:
        end.connect(f"/proc/self/fd/{folder}/{name}")
    finally:
        os.close(folder)


def _unreachable(path: str, error: OSError) -> Failure:
    if isinstance(error, PermissionError):
        return Failure(
            Exit.REFUSED,
            said("you may not talk to the agent at {path}", path=path),
            said("be root or a member of the group clpcore"),
        )
    if isinstance(error, TimeoutError):
        return _late(path)
    gone = isinstance(error, ConnectionRefusedError)
    what = (error.strerror or str(error)).lower()
    what = said("the agent that made it is gone") if gone else what
    return Failure(
        Exit.NO_AGENT,
        said("no agent answers at {path}: {what}", path=path, what=what),
        said(
            "start it with `systemctl start clpcore`, and read `journalctl -u clpcore` if it ends; "
            "for another place give --root or CLP_ROOT"
        ),
    )


def _late(path: str) -> Failure:
    return Failure(
        Exit.UNKNOWN,
        said(
            "the agent at {path} did not answer within {seconds} s",
            path=path,
            seconds=f"{ANSWER_WITHIN:g}",
        ),
        said("see whether it hangs: `systemctl status clpcore`"),
    )
