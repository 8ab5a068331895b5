"""The guide's clusters as files to begin with, from a few answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from clpcore.api import DriverSpec, Kind
from clpcore.config import newfiles
from clpcore.config.wanted import Wanted
from clpcore.config.wording import listed


@attrs.frozen(kw_only=True)
class New:
    """Texts by path below /etc/clpcore, and what must still be done for all of it to work."""

    files: Mapping[str, str]
    steps: tuple[str, ...]


def make(wanted: Wanted, specs: Mapping[tuple[Kind, str], DriverSpec], folder: str) -> New:
    """Give the files; what a driver that is not here would need goes to a file not loaded.

    *folder* is where they will be, as the steps name it.
    """
    files = {"conf.d/cluster.toml": newfiles.cluster(wanted), **newfiles.SCRIPTS}
    steps: list[str] = []
    for part in newfiles.parts(wanted):
        if part.needs <= specs.keys():
            files[f"conf.d/{part.file}"] = part.text
            continue
        off = f"conf.d/{part.off}.toml.off"
        files[off] = f"# Not loaded: the name does not end in .toml.\n\n{part.alone}"
        if part.rest:
            files[f"conf.d/{part.file}"] = part.rest
        steps.append(
            f"{part.lacking} yet: pip install {part.distributions} on every server, "
            f"and take .off off the name of {folder}/{off}."
        )
    return New(files=files, steps=(*steps, *_steps(wanted, folder)))


def _steps(wanted: Wanted, folder: str) -> Iterator[str]:
    first, *others = (name for name, _ in wanted.servers)
    if not others:
        yield (
            f"{first} is alone, and nobody can take over from it: give a second server its "
            f"[server.NAME] in {folder}/conf.d/cluster.toml."
        )
    else:
        yield from _gap(wanted)
    yield (
        "Write what starts and stops your application into start.sh and stop.sh in "
        f"{folder}/scripts/failover1/exec1."
    )
    yield f"Check it: clp config check {folder}/conf.d"
    yield f"Copy conf.d and scripts from {folder} to /etc/clpcore on {listed([first, *others])}."
    copied = f", and copy /etc/clpcore/cluster.key to {listed(others)}, for root alone"
    yield f"On {first}, make the key of the cluster: clp keygen{copied if others else ''}."
    yield from _rights(wanted)
    yield "On each server: systemctl enable --now clpcore, then clp status."


def _rights(wanted: Wanted) -> Iterator[str]:
    """Give what somebody else has to allow the servers."""
    if wanted.witness:
        yield "Make a key for the cluster at the witness: docs/howto/witness.md, step 3."
    if wanted.account is None:
        return
    who = "the identity of each server's machine"
    if wanted.account.application:
        who = f"application {wanted.account.application}"
        yield f"Put its certificate into {wanted.account.certificate} on each server, for root."
    yield f"Give {who} the role that `clp azure role` prints: docs/howto/azure.md, step 5."


def _gap(wanted: Wanted) -> Iterator[str]:
    """Say what a takeover rests on when nobody stops a silent server by force."""
    if wanted.forced_stop:
        return
    follows = "a silent server's group waits for an operator's word (clp server confirm-down NAME)"
    if wanted.witness:
        follows = "another server takes over on the witness's answer alone, which proves nothing"
    asks_nothing = wanted.shape.is_azure and wanted.account is None
    anew = "begin anew with --subscription, or " if asks_nothing else ""
    page = "azure-forced-stop.md" if wanted.shape.is_azure else "never-twice.md"
    yield f"There is no forced stop, and so {follows}. For one, {anew}see docs/howto/{page}."
