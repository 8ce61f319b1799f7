"""Orders as we see them: pure data and pure decisions, with no I/O."""
