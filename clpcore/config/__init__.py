"""conf.d and scripts -> ``ClusterConfig``, or every problem at once with its place and remedy."""

from __future__ import annotations

from clpcore.config.here import check_here as check_here
from clpcore.config.load import Loaded as Loaded
from clpcore.config.load import load as load
from clpcore.config.problems import Place as Place
from clpcore.config.problems import Problem as Problem
from clpcore.config.report import as_json as as_json
from clpcore.config.report import render as render
from clpcore.config.settings import BadSettings as BadSettings
from clpcore.config.settings import structure as structure
from clpcore.config.types import deadly as deadly
