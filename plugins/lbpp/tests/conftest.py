"""A local network for the tests of this plugin."""

from clp_lab.lan import lan

__all__ = ["lan"]
