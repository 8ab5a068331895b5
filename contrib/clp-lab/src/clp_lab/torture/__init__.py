"""`python -m clp_lab.torture`: a cluster under random faults, and proof that nothing was lost."""
