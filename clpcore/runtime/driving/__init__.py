"""What a call of a driver does to this machine: programs, kept processes, ports."""
