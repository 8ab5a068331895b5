"""A plugin that is refused: it registers nothing."""
