"""A simulated hospital network whose extracts the default sync reads."""
