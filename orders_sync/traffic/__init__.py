"""Who may call now: the budget of calls, breakers and pauses that all processes share in Redis."""
