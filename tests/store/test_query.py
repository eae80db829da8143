"""Reading the published store: nothing can be written, nothing outside can be reached, exports run nothing."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import versions as v
from store.query import QueryRefused, QueryResult, harmless, open_published, run_query, to_csv
from tests.store.publish_world import World
from tests.store.test_publish import damage


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions: one line, then two."""
    place = tmp_path_factory.mktemp("query")
    with World(place) as world:
        world.item(1, "Glove", "A")
        world.line("p1")
        world.publish()
        world.line("p2", description="=HYPERLINK(1)")
        world.publish()
    return place


OUTSIDE = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "COPY conformed.dim_item TO '{tmp}/stolen.csv'",
    "COPY (SELECT 1) TO '/dev/stdout'",
    "EXPORT DATABASE '{tmp}/stolen'",
    "ATTACH '{tmp}/other.duckdb' AS other",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "SET threads = 64",
    "SET memory_limit = '1TB'",
    "RESET lock_configuration",
    "PRAGMA enable_profiling = 'json'",
    "SELECT * FROM home",
    "CREATE PERSISTENT SECRET s (TYPE S3)",
]
WRITES = [
    "INSERT INTO conformed.dim_item (item_sk) VALUES (9)",
    "UPDATE conformed.dim_item SET description = 'x'",
    "DELETE FROM conformed.dim_item",
    "DROP TABLE conformed.dim_item",
    "CREATE TABLE conformed.mine (a INTEGER)",
    "CREATE OR REPLACE VIEW v1.dim_item AS SELECT 1",
    "COMMENT ON TABLE conformed.dim_item IS 'x'",
]


@pytest.mark.parametrize("sql", OUTSIDE + WRITES)
def test_what_writes_or_reaches_outside_is_refused(home: Path, tmp_path: Path, sql: str) -> None:
    with pytest.raises(QueryRefused) as caught:
        run_query(home, sql.format(tmp=tmp_path))
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_the_same_is_refused_on_an_open_connection(home: Path, tmp_path: Path) -> None:
    con = open_published(home)
    for sql in OUTSIDE + WRITES:
        with pytest.raises(duckdb.Error):
            con.execute(sql.format(tmp=tmp_path))
    assert con.execute("SELECT count(*) FROM conformed.fact_po_line").fetchall() == [(2,)]
    con.close()
    assert list(tmp_path.iterdir()) == []


def test_several_connections_of_one_process_are_all_locked_down_in_utc(home: Path) -> None:
    first, second = open_published(home), open_published(home)
    for con in (first, second, second.cursor()):
        assert con.execute("SELECT current_setting('TimeZone'), current_setting('lock_configuration')").fetchall() == [
            ("UTC", True)
        ]
        with pytest.raises(duckdb.PermissionException):
            con.execute("SELECT * FROM read_text('/etc/passwd')")
    first.close()
    second.close()


def test_a_query_returns_typed_rows_and_says_when_there_are_more(home: Path) -> None:
    result = run_query(home, "SELECT po_no, qty_txn, unit_price FROM conformed.fact_po_line ORDER BY 1", max_rows=1)
    assert result.columns == ("po_no", "qty_txn", "unit_price")
    assert result.types[1] == "DECIMAL(18,6)"
    assert result.rows == (("p1", Decimal(1), Decimal("2.50")),)
    assert result.is_truncated
    assert result.version == 2
    whole = run_query(home, "SELECT po_no FROM conformed.fact_po_line WHERE po_no = ?", parameters=["p2"])
    assert (whole.rows, whole.is_truncated) == ((("p2",),), False)


def test_an_earlier_version_can_be_asked(home: Path) -> None:
    result = run_query(home, "SELECT count(*) FROM conformed.fact_po_line", version=1)
    assert (result.version, result.rows) == (1, ((1,),))
    with pytest.raises(v.NoSuchVersion, match="no version 7"):
        run_query(home, "SELECT 1", version=7)


def test_times_are_utc(home: Path) -> None:
    [(text,)] = run_query(home, "SELECT CAST(min(_valid_from) AS VARCHAR) FROM conformed.bridge_item_xref").rows
    assert text == "2026-01-01 00:00:00+00"


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT 1; SELECT 2", "exactly one"),
        ("", "exactly one"),
        ("SELEC 1", "syntax error"),
        ("SELECT nothing FROM conformed.dim_item", "nothing"),
    ],
)
def test_a_wrong_statement_says_what_is_wrong(home: Path, sql: str, message: str) -> None:
    with pytest.raises(QueryRefused, match=message):
        run_query(home, sql)


def test_a_statement_that_takes_too_long_is_stopped(home: Path) -> None:
    with pytest.raises(QueryRefused, match=r"stopped after 0\.2 s"):
        run_query(
            home,
            "SELECT count(*) FROM range(10000000) a, range(1000000) b WHERE a.range = b.range + 1",
            timeout_seconds=0.2,
        )


def test_nothing_published_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(v.NoSuchVersion, match=r"nothing has been published yet.*concord sync"):
        open_published(tmp_path)


def test_a_damaged_version_is_never_served(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish()
        world.line("p1")
        world.publish()
    damage(v.database_path(tmp_path, 2))
    assert run_query(tmp_path, "SELECT count(*) FROM conformed.fact_po_line").version == 1
    with pytest.raises(v.DamagedVersion, match="version 2 is damaged"):
        open_published(tmp_path, 2)
    damage(v.database_path(tmp_path, 1))
    with pytest.raises(v.NoSuchVersion, match="no whole version"):
        open_published(tmp_path)


# -- export --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1-555",
        "-cmd|' /C calc'!A0",
        "@SUM(1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "＝1+1",
        "＋1",
        "－x",
        "＠x",
        " =1",
        "\u200b=1",
        "\ufeff=1",
    ],
)
def test_a_text_that_a_spreadsheet_would_run_is_made_harmless(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize(
    "value", [-5, Decimal("-2.50"), 0, None, "-5", "+3.5", "-12%", "plain", "a=b", "", date(2026, 1, 2)]
)
def test_numbers_and_plain_texts_stay_as_they_are(value: object) -> None:
    assert harmless(value) == value


@given(st.text(max_size=12))
def test_no_cell_begins_like_a_formula(text: str) -> None:
    written = str(harmless(text))
    assert written in (text, f"'{text}")
    if written == text and not text.lstrip("+-").replace(".", "").replace(",", "").rstrip("%").isdigit():
        assert written[:1] not in ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def test_csv_is_readable_and_harmless_in_header_and_cells(home: Path) -> None:
    result = run_query(
        home, 'SELECT description AS "=x", qty_txn, NULL AS n FROM conformed.fact_po_line ORDER BY po_no'
    )
    out = io.StringIO()
    to_csv(result, out)
    rows = list(csv.reader(io.StringIO(out.getvalue())))
    assert rows == [["'=x", "qty_txn", "n"], ["", "1.000000", ""], ["'=HYPERLINK(1)", "1.000000", ""]]


def test_csv_quotes_what_needs_quotes() -> None:
    out = io.StringIO()
    to_csv(QueryResult(1, ("a",), ("VARCHAR",), (('say "hi", all\nof you',),), False), out)
    assert list(csv.reader(io.StringIO(out.getvalue()))) == [["a"], ['say "hi", all\nof you']]
