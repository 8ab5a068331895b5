"""`clp config schema`: the JSON schema of configuration files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from clpcore.ctl.ends import Exit
from clpcore.ctl.parsing import Verb
from clpcore.ctl.plugged import with_plugins

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.host import Registry

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
    print(with_plugins(_schema))
    return Exit.DONE


def _schema(registry: Registry) -> str:
    from clpcore.config.schema import schema

    return json.dumps(schema(registry.specs), indent=2, ensure_ascii=False, default=str)
