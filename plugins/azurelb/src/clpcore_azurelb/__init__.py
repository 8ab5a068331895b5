"""Compares the load balancer of Azure with the cluster, when ``clp doctor`` is asked."""
