"""How each source system writes the world down: one module per system. Not here: what happened (`model`)."""
