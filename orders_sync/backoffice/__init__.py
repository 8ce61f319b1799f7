"""What people and other services look up, ask for and decide, whichever door they come by."""
