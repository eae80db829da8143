"""Matching what exact identifiers do not settle: candidates, scores, judgements. No Dagster, no stores, no ids."""
