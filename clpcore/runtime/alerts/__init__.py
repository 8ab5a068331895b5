"""Messages to people: a companion reads the journal and sends what was asked for, at least once."""
