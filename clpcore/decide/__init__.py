"""State and input to state, actions and reasons; ``step`` is the table of contents."""

from __future__ import annotations

from clpcore.decide.beat import beat as beat
from clpcore.decide.begin import start as start
from clpcore.decide.session import feed_until as feed_until
from clpcore.decide.snapshot import snapshot as snapshot
from clpcore.decide.step import step as step
