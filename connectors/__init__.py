"""How it arrives: transports and formats -> Arrow batches and rejects. No Dagster, no store."""
