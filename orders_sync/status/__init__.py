"""How the accounts stand now, and what of it needs a person."""
