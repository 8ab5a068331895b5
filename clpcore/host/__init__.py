"""Finds plugins, takes those that fit the contract and refuses the others with a reason."""

from __future__ import annotations

from clpcore.host.loader import EntryPoints as EntryPoints
from clpcore.host.loader import entry_points as entry_points
from clpcore.host.loader import load as load
from clpcore.host.loader import load_one as load_one
from clpcore.host.registry import Key as Key
from clpcore.host.registry import Owner as Owner
from clpcore.host.registry import Refused as Refused
from clpcore.host.registry import Registry as Registry
