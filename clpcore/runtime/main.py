"""``clp agent``: what must come before everything else, in the order that memory asks for.

First the template of the workers is forked, while this process is small and has one thread; then a
process that reads the configuration, which needs the plugins; the rest is imported meanwhile.
"""

from __future__ import annotations

import gc
import logging
import os

from clpcore.runtime.loading import Loading
from clpcore.runtime.notify import Notify
from clpcore.runtime.places import whereabouts
from clpcore.runtime.workers.template import Template


def main() -> int:
    """Be the agent of this server until it ends; give the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    notify = Notify.take(os.environ)
    where = whereabouts()
    template = Template.start()
    gc.freeze()  # what the collector never visits stays shared with the template
    loading = Loading.begin(where)
    from clpcore.runtime import startup  # noqa: PLC0415 - after the forks

    return startup.run(where, template, loading, notify)
