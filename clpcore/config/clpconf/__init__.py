"""The product's clp.conf -> files of a configuration folder, and a report of what was left out."""

from __future__ import annotations

from clpcore.config.clpconf.conversion import OFF as OFF
from clpcore.config.clpconf.convert import Imported as Imported
from clpcore.config.clpconf.convert import convert as convert
from clpcore.config.clpconf.findings import Finding as Finding
from clpcore.config.clpconf.findings import Sort as Sort
from clpcore.config.clpconf.report import render as render
from clpcore.config.clpconf.tree import MOST_BYTES as MOST_BYTES
from clpcore.config.clpconf.tree import Refused as Refused
from clpcore.config.clpconf.writing import write as write
