"""Every history of a few events, at any moment, in a small cluster of the real ``decide``.

``python -m clpcore.simulate.exhaustive [POLICY ...] [--events N] [--states N] [--seconds S]``

The abstraction. A *world* is a value: servers (machine, journal, /run, state of the agent, what may
really run), what is on its way, the arbiter, cuts, and the time (``world``). What happens *by
itself* has one way: what was sent arrives in order and at once, calls end well and at once, and
when nothing is on its way the clock goes to the next moment at which anybody wakes. An *event* is
whatever is not that: a letter is lost, late or twice; a call fails, stalls, or is answered late; a
request comes late to the arbiter, a forced stop is only accepted and comes when it likes; power,
agent, a path in one direction or both, the way to the arbiter, the power or the NP target is lost,
or comes back; an agent hangs, a machine freezes (where a lapsed lease is proof, no longer than it
allows for), a server leaves; an operator moves, stops or starts a group, or confirms an end that is
true. Events come at every moment between two steps; an operator, and the end of a fault, when
nothing is on its way. Worlds are merged that differ only in names of moments and numbers
(``canonical``).

``whole up to 2 events`` thus says: no history of at most two events, at any moments, breaks a rule
of ``checks``, and from those worlds that were tried, without a fault any more, all is served again.

Left out: more events than that; heartbeats lost one by one or played again; what was held up longer
than ``PAST_MS``; resources that fail by themselves, monitors, hooks, the recovery ladder; lost
journals; wall clocks that jump; an arbiter that forgets; lies of the power interface and of
operators; clocks that drift, but for what the lease counts less. One equal letter is enough while
the first one is on its way.
"""

from __future__ import annotations

import sys

from clpcore.simulate.exhaustive.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
