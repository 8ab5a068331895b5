"""ICMP echo: which of these addresses answer."""

from __future__ import annotations

from clpcore_lib_icmp.echo import Answer as Answer
from clpcore_lib_icmp.echo import ping as ping
