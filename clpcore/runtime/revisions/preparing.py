"""Stages a revision and checks it as this server would use it, in a process of its own.

``python -m clpcore.runtime.revisions.preparing JOB``: the agent loads no plugin, so that it asks a
process that has it done apart. The answer is one JSON object on the standard output.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from clpcore import config
from clpcore.config import plan, revision, working
from clpcore.config.working import Folders
from clpcore.model.config import ClusterConfig
from clpcore.model.reasons import Severity
from clpcore.model.revisions import MOST_BYTES, Finding, Revision
from clpcore.runtime.apart import Apart, NoResultError
from clpcore.runtime.places import Root
from clpcore.runtime.revisions.archive import Archive, BrokenArchive
from clpcore.runtime.revisions.checking import Checked, Job
from clpcore.wire import values

if TYPE_CHECKING:
    from clpcore.host import Registry

_Wrong: Final = (revision.BadBundle, BrokenArchive, OSError)
_PR_SET_PDEATHSIG: Final = 1
_PATIENCE: Final = 8.0  # seconds for one plugin; twice this is less than our caller waits


def main(argv: list[str]) -> int:
    """Do the job in *argv*; give the exit code."""
    job = values.from_json(argv[0], Job)
    _end_with_the_agent(job.agent)
    with contextlib.suppress(OSError):  # the agent's shield is not for us
        Path("/proc/self/oom_score_adj").write_text("0")
    try:
        checked = prepare(job)
    except NoResultError as why:
        checked = Checked(error=f"the process that checks it gave no result: {why}")
    except _Wrong as error:
        checked = _refused(error)
    sys.stdout.write(values.to_json(checked))
    return 0


def _end_with_the_agent(agent: int) -> None:
    """Write nothing any more once it is gone: the next one may have staged something else."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != agent:
        sys.exit(1)


def prepare(job: Job) -> Checked:
    """Stage and check.

    Raises:
        BadBundle: there is no revision to be made of it.
        BrokenArchive: what is kept is damaged.
        NoResultError: the check died or hung, and no plugin can be refused for it.
        OSError: it cannot be read or written.

    """
    root = Root(Path(job.root))
    archive = Archive(root.revisions)
    files = _files(job, root)
    bundle = revision.pack(files)
    made = Revision(job.number, revision.digest(bundle))
    if job.digest not in ("", made.digest):
        return Checked(error="it is not what was asked for: its digest is another one")
    staged = archive.stage(made, job.about, bundle)
    working.write(files, Folders.below(staged))
    return Apart.begin(functools.partial(_apart, job, root, made, files), _PATIENCE).result()


def _files(job: Job, root: Root) -> revision.Files:
    if not job.bundle:
        return working.read(Folders(root.conf, root.scripts))
    with Path(job.bundle).open("rb") as opened:
        return revision.unpack(opened.read(MOST_BYTES + 1))


def _refused(error: Exception) -> Checked:
    if isinstance(error, OSError):
        return Checked(error=f"{error.filename}: {error.strerror}")
    return Checked(error=str(error))


def _apart(
    job: Job, root: Root, made: Revision, files: revision.Files, registry: Registry
) -> Checked:
    try:
        return _checked(job, root, made, files, registry)
    except _Wrong as error:
        return _refused(error)


def _checked(
    job: Job, root: Root, made: Revision, files: revision.Files, registry: Registry
) -> Checked:
    archive = Archive(root.revisions)
    here = Folders.below(archive.staged)
    loaded = config.load(here.conf, registry.specs, registry.refused)
    whole = config.check_here(
        loaded,
        registry.specs,
        scripts=here.scripts,
        server=job.server,
        edited=root.scripts,
    )
    wrong = [
        problem
        for problem in whole.problems
        if problem.severity is Severity.ERROR or problem not in loaded.problems
    ]
    findings = [*(_finding(problem, archive.staged) for problem in wrong)]
    new = loaded.config
    if new is not None and job.server not in new.server_by_name:
        findings.append(Finding(what=f"{job.server} itself is none of its servers."))
    changes, same = _plan(root, registry, new, files)
    if same:
        return Checked(revision=made, same=True)
    return Checked(
        revision=made,
        findings=tuple(findings),
        changes=tuple(_change(each) for each in changes),
        restart=plan.groups(changes, plan.Effect.RESTART),
        stop=plan.groups(changes, plan.Effect.STOP),
        removed=plan.groups(changes, plan.Effect.STOPPED),
        never=tuple(each.what for each in changes if each.effect is plan.Effect.NEVER),
        servers=new.server_names if new else (),
        pauses=any(each.effect is plan.Effect.PAUSE for each in changes),
    )


def _plan(
    root: Root, registry: Registry, new: ClusterConfig | None, files: revision.Files
) -> tuple[tuple[plan.Change, ...], bool]:
    """Give what changes from the committed revision, and whether nothing does."""
    archive = Archive(root.revisions)
    kept = archive.usable()
    if kept is None or new is None:
        return (), False
    former = revision.unpack(archive.bundle(kept))
    old = config.load(Folders.below(kept.folder).conf, registry.specs, registry.refused).config
    return (plan.plan(old, new, (former, files)) if old else ()), former == files


def _change(change: plan.Change) -> tuple[str, str, str]:
    return change.what, change.effect.value, change.about


def _finding(problem: config.Problem, folder: Path) -> Finding:
    place = problem.place
    return Finding(
        file=place.file.removeprefix(f"{folder}/") if place else "",
        line=place.line if place else 0,
        key=problem.key,
        what=problem.what.replace(f"{folder}/", ""),
        remedy=problem.remedy,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
