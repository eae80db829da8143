"""The truth file: what the extracts mean. Not here: making the world (`model`) or judging a store (`score`)."""
