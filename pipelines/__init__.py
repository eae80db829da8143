"""Assembly and operation: definitions, jobs, schedules, alerts, CLI."""
