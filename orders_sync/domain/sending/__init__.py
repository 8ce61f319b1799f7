"""What may be sent to VTEX about an order now: pure verdicts from the order as it was just read."""
