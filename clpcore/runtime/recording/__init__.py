"""What the core was told and what it decided, kept for a while to be played again."""
