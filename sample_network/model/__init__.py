"""What really exists and happens in the simulated network. Not here: how a system writes it down (`systems`)."""
