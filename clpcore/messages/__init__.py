"""The catalogue of numbered sentences: module, event id, severity, text and remedy, as data."""

from __future__ import annotations

from clpcore.messages.catalogue import Entry as Entry
from clpcore.messages.catalogue import because as because
from clpcore.messages.catalogue import entries as entries
from clpcore.messages.catalogue import entry as entry
from clpcore.messages.catalogue import from_plain as from_plain
from clpcore.messages.catalogue import plain as plain
from clpcore.messages.catalogue import remedy as remedy
from clpcore.messages.catalogue import render as render
