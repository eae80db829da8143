"""Two small hospitals and a warehouse that sync in seconds, for tests. Not here: what users see (`sample_network`)."""
