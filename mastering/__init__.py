"""Who is who and which value wins: identity, survivorship, ids. No Dagster, no connectors."""
