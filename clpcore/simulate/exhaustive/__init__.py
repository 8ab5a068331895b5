"""Small clusters of the real ``decide``, explored world by world: every history of a few events."""
