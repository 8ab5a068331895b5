"""The control socket: what operators on this machine can ask, see and stream."""
