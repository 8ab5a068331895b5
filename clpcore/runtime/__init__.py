"""The agent and its workers: asyncio and the operating system, only here."""
