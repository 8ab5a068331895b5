"""`clp config import`: the product's clp.conf becomes a new configuration folder."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING

from clpcore.ctl import fresh
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.parsing import Parser, Verb
from clpcore.ctl.plugged import with_plugins

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.config import Loaded
    from clpcore.config.clpconf import Finding, Imported
    from clpcore.host import Registry

VERB = Verb(
    "import",
    "Read the product's clp.conf and write what it says into a new folder: conf.d, scripts, and "
    "import.txt, the report that is printed as well. Each line says where it came from. What has "
    "no driver here goes to a file that is not loaded; unknown tags are listed, never guessed.",
    service="nothing happens to it: the folder is a new one, for you to read before you use it.",
    example="""
        clp config import clp.conf ./imported
        clp config check ./imported/conf.d
    """,
    after="read import.txt and every line of conf.d, then copy conf.d and scripts to /etc/clpcore "
    "on every server.",
)


def arguments(parser: Parser) -> None:
    """Add its own."""
    parser.add_argument("file", type=Path, metavar="CLP_CONF", help="the product's etc/clp.conf")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help=fresh.HELP)
    parser.add_argument(
        "--scripts",
        type=Path,
        metavar="DIR",
        help="the product's folder of scripts; default: the one beside CLP_CONF",
    )


def run(args: Namespace) -> Exit:
    """Write the folder, and tell what is in it and what is not."""
    text, code = with_plugins(functools.partial(_imported, args))
    print(text)
    return code


def _imported(args: Namespace, registry: Registry) -> tuple[str, Exit]:
    """Write the folder; give what is printed, and the exit code."""
    from clpcore import config
    from clpcore.config import clpconf

    imported = _convert(args.file, registry)
    scripts = args.scripts or args.file.parent / "scripts"
    with fresh.folder(args.folder) as draft:
        late = clpconf.write(imported, draft, scripts)
        findings = (*late, *imported.findings)
        (draft / "import.txt").write_text(clpconf.render(findings), encoding="utf-8")
    loaded = config.load(args.folder / "conf.d", registry.specs, registry.refused)
    code = Exit.DONE if loaded.config else Exit.BAD_CONFIG
    if args.json:
        return json.dumps(_as_json(args.folder, imported, findings, loaded)), code
    told = [clpconf.render(findings), config.render(loaded.problems, loaded.config)]
    told.append(f"Wrote {args.folder}. Read it, then copy conf.d and scripts to /etc/clpcore.")
    return "\n".join(told), code


def _convert(file: Path, registry: Registry) -> Imported:
    from clpcore.config import clpconf

    try:
        with file.open("rb") as opened:
            data = opened.read(clpconf.MOST_BYTES + 1)
        return clpconf.convert(data, registry.specs, source=file.name)
    except clpconf.Refused as refused:
        raise Failure(Exit.REFUSED, f"{file} is refused. {refused}", refused.remedy) from None
    except OSError as error:
        raise Failure(
            Exit.REFUSED, f"cannot read {file}: {error.strerror}", "name the product's clp.conf"
        ) from None


def _as_json(
    folder: Path, imported: Imported, findings: tuple[Finding, ...], loaded: Loaded
) -> dict[str, object]:
    from clpcore import config

    return {
        "schema": 1,
        "folder": str(folder),
        "files": sorted(imported.files),
        "findings": [finding.as_json() for finding in findings],
        "check": config.as_json(loaded.problems, loaded.config),
    }
