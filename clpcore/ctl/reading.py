"""Commands of plugins that read the configuration: entry-point group ``clpcore.readers``."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING

from clpcore.ctl import own_words
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.plugged import with_plugins

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.metadata import EntryPoint

    from clpcore.host import Registry

GROUP = "clpcore.readers"


def run(point: EntryPoint, words: Sequence[str]) -> Exit:
    """Print what the plugin's reader makes of the configuration in conf.d and of the *words*."""
    if "-h" in words or "--help" in words:
        print(own_words.usage(point))
        return Exit.DONE
    try:
        print(with_plugins(functools.partial(_read, point, tuple(words))), end="")
    except Failure:
        if not words:  # who gives none may ask for them
            print(own_words.usage(point))
        raise
    return Exit.DONE


def _read(point: EntryPoint, words: Sequence[str], registry: Registry) -> str:
    from clpcore import api, config
    from clpcore.ctl.doctor import beyond
    from clpcore.runtime.places import whereabouts

    where = whereabouts(os.environ)
    loaded = config.load(where.root.conf, registry.specs, registry.refused)
    if loaded.config is None:
        what = f"the configuration in {where.root.conf} cannot be used"
        raise Failure(Exit.BAD_CONFIG, what, "`clp config check` tells why")
    try:
        return str(point.load()(beyond.cluster(loaded.config, registry, where.server), words))
    except api.DriverError as error:
        raise Failure(Exit.USAGE, str(error)) from None
