"""`clp config schema`: the JSON schema of configuration files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from clpcore.ctl.ends import Exit
from clpcore.ctl.parsing import Verb

if TYPE_CHECKING:
    from argparse import Namespace

VERB = Verb(
    "schema",
    "Print the JSON schema (draft 2020-12) of a folder's files, merged, with the drivers that are "
    "installed here: for editors, generators and tests. It knows the shape of the files; what they "
    "name is for `clp config check`.",
    service="nothing happens to it.",
    example="clp config schema > clpcore.schema.json",
    after="name the file in your editor as the schema of conf.d/*.toml.",
)


def run(_args: Namespace) -> Exit:
    """Print it."""
    from clpcore import host
    from clpcore.config.schema import schema

    print(json.dumps(schema(host.load().specs), indent=2, ensure_ascii=False, default=str))
    return Exit.DONE
