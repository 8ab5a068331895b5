"""The command line: asks the control socket and prints, with the standard library alone."""
