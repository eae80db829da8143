"""Mapping entries that no value has ever met are told, and those that some value has met, now or before, are not."""

from __future__ import annotations

import duckdb
import pytest

from connectors.contract import FeedContract
from store.feed_tables import ensure_tables
from store.mappings import mapping_findings

CONTRACT = FeedContract.model_validate(
    {
        "feed": "movement",
        "system": "shelf",
        "description": "movements",
        "owner": "stores",
        "transport": {"kind": "file", "path": "movements*.csv"},
        "format": {"kind": "delimited"},
        "change": {"mode": "append"},
        "as_of": {"origin": "landing"},
        "cadence": "nightly",
        "key": ["id"],
        "columns": [
            {"source": "id", "name": "id", "type": "VARCHAR", "required": True, "description": "number"},
            {
                "source": "kind",
                "name": "kind",
                "type": "VARCHAR",
                "description": "kind of movement",
                "lookup": {"I": "issue", "ISS": "issue", "R": "return", "W": "waste"},
            },
        ],
    }
)
SOURCES = {"north": ("shelf", {"movement": CONTRACT})}


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("CREATE SCHEMA staged; CREATE SCHEMA history")
    return con


def _found(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    queries = " UNION ALL ".join(f"({query})" for query in mapping_findings(con, SOURCES))
    return con.execute(f"SELECT key, detail FROM ({queries}) ORDER BY ALL").fetchall()


def _came(con: duckdb.DuckDBPyConnection, schema: str, kind: str | None) -> None:
    row = "INSERT INTO {}.\"{}\" (id, kind, _valid_from) VALUES ('1', ?, TIMESTAMPTZ '2026-03-01 00:00:00+00')"
    con.execute(row.format(schema, CONTRACT.staged_name("north", next(iter(CONTRACT.records)))), [kind])


def test_entries_that_nothing_met_are_told_once_per_value(con: duckdb.DuckDBPyConnection) -> None:
    ensure_tables(con, CONTRACT, "north")
    _came(con, "staged", "return")
    assert _found(con) == [
        ("north__movement.kind|I or ISS", "kind was never I or ISS, which stands for issue"),
        ("north__movement.kind|W", "kind was never W, which stands for waste"),
    ]


def test_what_was_met_before_and_is_gone_is_used(con: duckdb.DuckDBPyConnection) -> None:
    ensure_tables(con, CONTRACT, "north")
    for kind in ("return", "issue", None):
        _came(con, "staged", kind)
    _came(con, "history", "waste")
    assert _found(con) == []


def test_a_feed_that_never_came_tells_nothing(con: duckdb.DuckDBPyConnection) -> None:
    assert mapping_findings(con, SOURCES) == []
    ensure_tables(con, CONTRACT, "north")
    assert _found(con) == []
