"""One simulated network that several test files look at: two month ends, a finance move and supplier mergers in it."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from sample_network.build import build
from sample_network.model.plan import Plan

MONTHS = Plan(seed=13, facilities=2, days=40)


@pytest.fixture(scope="session")
def months(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the extracts of MONTHS."""
    folder = tmp_path_factory.mktemp("months") / "made"
    build(folder, MONTHS)
    return folder


@pytest.fixture(scope="session")
def months_truth(months: Path) -> duckdb.DuckDBPyConnection:
    """Truth of MONTHS, with the ERP's database attached as `erp`."""
    con = duckdb.connect()
    con.execute(f"ATTACH '{months / 'truth.duckdb'}' AS truth (READ_ONLY)")
    con.execute("USE truth")
    return con
