"""Lookups are put into the SQL that names them, once, dependencies first, and nothing else is touched."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from connectors.errors import ConfigurationError
from store.lookups import with_lookups


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Lookups: `pair` reads `one`, and so does `triple` through `pair`; `loop` and `ring` read each other."""
    texts = {
        "one": "-- One.\nSELECT 1 AS n;\n",
        "pair": "WITH a AS (SELECT n FROM lookup.one) SELECT n FROM a UNION ALL SELECT n + 1 FROM lookup.one AS lookup",
        "triple": "SELECT n FROM lookup.pair UNION ALL SELECT 3",
        "loop": "SELECT * FROM lookup.ring",
        "ring": "SELECT * FROM lookup.loop",
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.sql").write_text(text, "utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT sum(n) FROM lookup.triple", [(6,)]),
        ("-- Of lookup.nothing.\nWITH t AS (SELECT * FROM lookup.triple) SELECT count(*) FROM t", [(3,)]),
        ("SELECT a.n + b.n FROM lookup.one AS a, lookup.one AS b", [(2,)]),
        ("SELECT 'lookup.one' FROM lookup.one AS l", [("lookup.one",)]),
        ("SELECT l.n FROM (SELECT 7 AS n) AS l", [(7,)]),
    ],
)
def test_the_text_reads_its_lookups(sql: str, rows: list[tuple[object, ...]], folder: Path) -> None:
    text = with_lookups(sql, folder)
    assert duckdb.sql(text).fetchall() == rows
    assert text.count("SELECT 1 AS n") == ("FROM lookup." in sql)


def test_a_text_without_lookups_is_left_as_it_is(folder: Path) -> None:
    assert with_lookups("SELECT 1 -- lookup.one", folder) == "SELECT 1 -- lookup.one"


def test_a_lookup_that_is_missing_or_leads_back_to_itself_is_named(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"there is no lookup\.none"):
        with_lookups("SELECT * FROM lookup.none", folder)
    with pytest.raises(ConfigurationError, match=r"lookup\.(loop|ring) leads back to itself"):
        with_lookups("SELECT * FROM lookup.loop", folder)
