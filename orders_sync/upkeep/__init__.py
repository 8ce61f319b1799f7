"""What keeps the roads clear: the watch over the feed, reconciling, strays, and purging."""
