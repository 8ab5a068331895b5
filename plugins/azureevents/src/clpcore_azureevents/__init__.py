"""Groups move away before Azure's scheduled events, and announced short freezes are tolerated."""
