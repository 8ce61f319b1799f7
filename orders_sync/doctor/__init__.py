"""Examines everything that orders_sync stands on, without a side effect, and says what to do."""
