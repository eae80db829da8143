"""The finding on drugs without an NDC."""

from __future__ import annotations

import duckdb
import pytest

from store.lookups import findings_sql
from tests.conformed.world import CONFORMED, add, empty_world


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    con = empty_world()
    add(con, "master.golden_item", [{"item_sk": 10}, {"item_sk": 20, "ndc11": "50001100010"}])
    keys = [("pool", "A", 10), ("clinic", "1", 10), ("pool", "B", 20)]
    add(con, "master.xref_item", [{"source_system": s, "source_key": k, "item_sk": sk} for s, k, sk in keys])
    return con


def _say(con: duckdb.DuckDBPyConnection, source: str, key: str, unspsc: str, **more: object) -> None:
    add(con, "intake.item", [{"source_system": source, "source_key": key, "unspsc8": unspsc} | more])


def _found(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str]]:
    queries = " UNION ALL ".join(f"({query})" for query in findings_sql(CONFORMED))
    return con.sql(f"SELECT kind, key, detail FROM ({queries}) ORDER BY ALL").fetchall()


def test_a_drug_whose_ndc_nobody_states_is_a_finding_of_who_calls_it_one(con: duckdb.DuckDBPyConnection) -> None:
    _say(con, "pool", "A", " 51142900 ")
    _say(con, "clinic", "1", "42142600")
    assert _found(con) == [("ndc_missing", "pool|A", "UNSPSC 51142900 is a drug, and no source states its NDC")]


def test_a_number_that_any_source_states_is_enough(con: duckdb.DuckDBPyConnection) -> None:
    _say(con, "pool", "B", "51142900")
    assert _found(con) == []


def test_a_deleted_record_asks_for_nothing(con: duckdb.DuckDBPyConnection) -> None:
    _say(con, "pool", "A", "51142900", _is_deleted=True)
    assert _found(con) == []
