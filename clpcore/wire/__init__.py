"""Bytes to messages between servers and back: keys, sealed datagrams, sessions and letters."""
