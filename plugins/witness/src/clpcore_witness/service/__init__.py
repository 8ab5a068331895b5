"""The service `clp-witness`: it runs without a cluster, on a machine of its own."""
