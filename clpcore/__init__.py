"""A high-availability cluster manager for Linux: groups, monitors, recovery and membership."""
