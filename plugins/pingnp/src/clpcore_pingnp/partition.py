"""``pingnp``: one round of ping to the targets."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

import attrs

import clpcore_lib_icmp as icmp
from clpcore import api

_MARGIN: Final = 100  # ms before the deadline: the answer must be told in time


@attrs.frozen(kw_only=True)
class Config:
    """``[np.NAME]`` of type ``pingnp``."""

    groups: tuple[tuple[str, ...], ...] = api.setting(
        "Addresses to ping, in groups: a group has answered when one address of it has, and every "
        "group must answer.",
        example='[["10.5.0.1", "10.5.0.2"]]',
    )


@attrs.frozen
class Pingnp:
    """Pings all addresses at once."""

    config: Config

    async def ask(self, call: api.Call, ports: api.Ports) -> api.Answer:
        """Ask once, until shortly before the call's deadline.

        Where the kernel knows no way to an address, that is silence, too: a server without a
        network is cut off. What this server itself could not send is nobody's silence.

        Raises:
            NotInstalled: this server may send no ping.

        """
        left = max(1, call.deadline - ports.now() - _MARGIN)
        every = tuple(address for group in self.config.groups for address in group)
        try:
            answers = await ports.outside(icmp.ping, every, left)
        except OSError as error:
            raise api.Failed(f"nobody could be asked by ping: {error}") from error
        found = [self._of_group([answers[each] for each in group]) for group in self.config.groups]
        if said := "; ".join(
            f"{each.address}: {each.why}" for each in answers.values() if each.why
        ):
            ports.tell(f"no answer from {said}")
        for answer in (api.Answer.SILENT, api.Answer.UNKNOWN):
            if answer in found:
                return answer
        return api.Answer.ANSWERED

    def _of_group(self, answers: list[icmp.Answer]) -> api.Answer:
        """Give what a group has answered: one address is enough."""
        if any(each.rtt is not None for each in answers):
            return api.Answer.ANSWERED
        asked = all(each.asked for each in answers)
        return api.Answer.SILENT if asked else api.Answer.UNKNOWN


def validate(config: Config) -> Iterable[api.Problem]:
    """Find groups that nobody could answer for, and addresses that are none."""
    if not config.groups or not all(config.groups):
        yield api.Problem(
            "groups", "There is no address to ping.", 'Write groups = [["10.5.0.1"]].'
        )
    for address in (address for group in config.groups for address in group):
        if wrong := _wrong(address):
            yield api.Problem(
                "groups",
                f"{address} {wrong}.",
                "Write the IP address of a router or of another machine that always runs.",
            )


def _wrong(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "is no IP address"
    if found.is_loopback or found.is_unspecified or found.is_multicast:
        return "says nothing about the network"
    return ""


SPEC: Final = api.DriverSpec(
    kind=api.Kind.PARTITION,
    name="pingnp",
    api=api.ApiVersion(0, 1),
    summary="Asks by ping whether this server is cut off.",
    config=Config,
    make=Pingnp,
    validate=validate,
    defaults={"interval": 5_000, "timeout": 3_000, "tries": 3},
)
