"""What survives: the store, its rows, the journal, and what waits until it is durable."""
