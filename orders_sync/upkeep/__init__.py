"""What keeps the roads clear: the sweep of due and orphaned work, and the watch over the feed."""
