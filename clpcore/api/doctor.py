"""A plugin's check for ``clp doctor``: what it is given, and what it gives.

A distribution names its check in the entry-point group ``clpcore.checks``: the name that operators
read, and a function that takes a ``Cluster`` and gives ``Finding`` after ``Finding``. It runs in a
process of its own, only when the doctor is called, and may import and wait as it likes; at its
time-out it is killed with all that it has started, and what it had not given yet counts as unknown.
So is one that gives more than 256 KiB of findings. The settings of drivers are pickled on the way
to it: their classes are found by their names.

Another function may be a command, ``clp NAME WORD ...``: entry-point group ``clpcore.readers``. It
is given a ``Cluster`` and the words, and gives the text to print; ``Misconfigured`` is wrong usage.
Its module's docstring is its help: the first line is for ``clp --help``, then comes how to call it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from clpcore.api.drivers import Kind


class Severity(enum.StrEnum):
    """How bad it is.

    Attributes:
        ERROR: does harm now, or will when it matters.
        WARNING: may do harm.
        UNKNOWN: could not be looked at; it never counts as well.
        OK: is as it should be.

    """

    ERROR = "error"
    WARNING = "warning"
    UNKNOWN = "unknown"
    OK = "ok"


@attrs.frozen
class Finding:
    """One thing that was looked at, with no secret in it.

    Attributes:
        severity: how bad it is.
        what: what was looked at, or what is wrong with it.
        value: what was seen of it.
        remedy: the next step of the administrator; needed for an error and a warning.

    """

    severity: Severity
    what: str
    value: str = ""
    remedy: str = ""


@attrs.frozen(kw_only=True)
class Part:
    """One table of the configuration that a driver serves: a resource, NP, forced stop, arbiter.

    Attributes:
        kind: what the driver drives.
        type: the driver's name.
        name: what the configuration calls it.
        group: of a resource; empty: none.
        on: by server, the settings there, as an object of the driver's configuration class. For a
            forced stop the server is the one to be stopped.

    """

    kind: Kind
    type: str
    name: str
    group: str = ""
    on: Mapping[str, Any]


@attrs.frozen(kw_only=True)
class Cluster:
    """The configuration that is used, as the server has it on which the doctor looks.

    Attributes:
        name: of the cluster.
        platform: ``azure``, ``onpremises`` or ``lab``.
        server: this one.
        interconnects: the addresses of every server, by its priority.
        heartbeat_timeout: ms until a silent server counts as down.
        timeout: ms that the check may take.
        parts: what its drivers serve.

    """

    name: str
    platform: str
    server: str
    interconnects: Mapping[str, tuple[str, ...]]
    heartbeat_timeout: int
    timeout: int
    parts: tuple[Part, ...]

    def of(self, kind: Kind, type_: str) -> Iterator[Part]:
        """Give the parts that one driver serves."""
        return (part for part in self.parts if (part.kind, part.type) == (kind, type_))


Check: TypeAlias = Callable[[Cluster], Iterable[Finding]]
Reader: TypeAlias = Callable[[Cluster, Sequence[str]], str]
