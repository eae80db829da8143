"""Where it rests: landing, working database, control database, published versions. No Dagster."""
