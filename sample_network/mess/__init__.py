"""Defects: their kinds and rates (`kinds.yml`), and drawing them. Not here: writing spoiled rows (`systems`)."""
