"""The nouns of a cluster: configuration and state values, ids, inputs, actions and reasons."""
