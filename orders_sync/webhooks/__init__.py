"""Events out: what happened is sent to endpoints, signed, in order for each order."""
