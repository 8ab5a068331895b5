"""What this server says to the others and hears from them: heartbeats and letters, sealed."""
