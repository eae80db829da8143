"""What each published table promises: YAML per table -> DDL, dictionary, GX suite. No Dagster."""
