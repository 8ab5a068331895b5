"""Figures for Prometheus: what is counted, how it is written, and the sockets that show it."""
