"""What ``clp new`` writes: text with @NAME@ and @CLASS@ in it, one folder a kind of driver."""
