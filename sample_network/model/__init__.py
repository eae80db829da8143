"""What really exists and happens in the simulated network. Here: the true world. Not here: how a system writes it down."""
