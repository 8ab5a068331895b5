"""Workers and what the agent asks of them: the template that forks them, pools, calls in flight."""
