"""`clp doctor`: looks at this server and its cluster, and tells what to mend before it matters."""

from __future__ import annotations

from clpcore.ctl.doctor.command import parser as parser
from clpcore.ctl.doctor.command import run as run
