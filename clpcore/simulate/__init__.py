"""A whole cluster in memory around the real ``decide``: clock, network, drivers, faults, checks."""

from __future__ import annotations

from clpcore.simulate.cluster import Cluster as Cluster
from clpcore.simulate.rights import Violated as Violated
from clpcore.simulate.scenario import Scenario as Scenario
from clpcore.simulate.scenario import play as play
