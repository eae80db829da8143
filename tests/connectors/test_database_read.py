"""Landed extracts read back: exact where they fit, refused at their place where they do not, never something else."""

from __future__ import annotations

import sqlite3
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import database_extract
from connectors.contract import FeedContract
from connectors.database_read import _plain_text
from connectors.errors import PermanentSourceError
from connectors.interface import ROW_NO, Pulled, Reject
from tests.connectors.database_lab import column, connector, contract, delivery, pull, session
from tests.connectors.test_database import EDGES, lite_execute

postgres_only = pytest.mark.postgres


def read(feed: FeedContract, target: Path, *, timezone: str = "UTC") -> tuple[list[dict[str, Any]], list[Reject]]:
    """Rows and rejects of a landed file; the source is not there."""
    db = connector(feed, "sqlite:////nowhere", timezone=timezone)
    batches = list(db.read(delivery(db, target, Pulled("snapshot"))))
    rows = [row for batch in batches for row in batch.rows.to_pylist()]
    return rows, [reject for batch in batches for reject in batch.rejects]


def land(target: Path, **columns: pa.Array) -> Path:
    pq.write_table(pa.table(columns), target, row_group_size=2)
    return target


def places(rejects: list[Reject]) -> list[tuple[int, str | None, str, str | None, str | None]]:
    return [(r.row_no, r.column, r.rule_id, r.raw, r.key) for r in rejects]


# ---- end to end ---------------------------------------------------------------------------------------------------


@postgres_only
def test_edge_values_are_refused_at_their_place_or_exact(pg_url: str, tmp_path: Path) -> None:
    with session(pg_url) as connection:
        connection.execute(EDGES)
    types = {
        "id": "BIGINT", "price": "DECIMAL(38,10)", "ratio": "DECIMAL(38,6)", "nan_price": "DECIMAL(18,6)",
        "f8": "DECIMAL(18,6)", "f4": "DECIMAL(18,6)", "flag": "BOOLEAN", "day": "DATE", "odd_day": "DATE",
        "stamp": "TIMESTAMPTZ", "odd_stamp": "TIMESTAMPTZ", "zoned": "TIMESTAMPTZ", "odd_zoned": "TIMESTAMPTZ",
        "body": "VARCHAR", "money": "DECIMAL(18,6)", "small": "SMALLINT", "never": "INTEGER",
    }  # fmt: skip
    feed = contract("edge", types)
    assert pull(connector(feed, pg_url), tmp_path / "x") is not None
    rows, rejects = read(feed, tmp_path / "x")
    assert rows == []
    assert places(rejects) == [
        (1, "ratio", "type.decimal", "NaN", "1"),
        (1, "nan_price", "type.decimal", "NaN", "1"),
        (1, "odd_day", "type.date", "infinity", "1"),
        (1, "odd_stamp", "type.timestamp", "-infinity", "1"),
        (1, "odd_zoned", "type.timestamp", "infinity", "1"),
        (2, "ratio", "type.decimal_scale", "12345678901234567890.123456789012345678901234567890", "2"),
        (2, "f8", "type.decimal", "NaN", "2"),
        (2, "f4", "type.decimal", "Infinity", "2"),
        (2, "odd_day", "type.date", "0044-03-15 BC", "2"),
        (2, "odd_stamp", "type.timestamp", "10000-01-01 00:00:00", "2"),
        (2, "odd_zoned", "type.timestamp", "0044-03-15 05:50:36+00 BC", "2"),
        (3, "ratio", "type.decimal", "-Infinity", "3"),
        (3, "f8", "type.decimal", "1e-300", "3"),
        (4, "f8", "type.decimal", "1.7976931348623157e+308", "4"),
    ]
    assert [r.rows for r in rejects if r.row_no == 2] == [1, 0, 0, 0, 0, 0]
    assert rejects[0].location == "row 1, column 'ratio'"


@postgres_only
def test_what_fits_passes_with_every_digit(pg_url: str, tmp_path: Path) -> None:
    with session(pg_url) as connection:
        connection.execute(
            "CREATE TABLE t (id int, qty numeric(12,2), f float8, on_hand numeric, flag bool, day date, at timestamptz,"
            " local timestamp, note char(5))"
        )
        connection.execute(
            "INSERT INTO t VALUES (1, 9999999999.99, 16777217, 0.000001, true, '2026-02-28',"
            " '2026-07-01 12:00:00.123456+02', '2026-07-01 12:00', ' ab'),"
            " (2, NULL, 1e-6, 1e11, NULL, NULL, NULL, NULL, '')"
        )
    types = {
        "id": "BIGINT",
        "qty": "DECIMAL(18,6)",
        "f": "DECIMAL(18,6)",
        "on_hand": "DECIMAL(18,6)",
        "flag": "BOOLEAN",
    }
    columns = [column(name, type_) for name, type_ in types.items()]
    columns += [column("day", "DATE"), column("at", "TIMESTAMPTZ"), column("note", "VARCHAR")]
    columns += [column("local", "TIMESTAMPTZ", timezone="America/Chicago")]
    feed = contract("t", {}, columns=columns)
    assert pull(connector(feed, pg_url), tmp_path / "x") is not None
    rows, rejects = read(feed, tmp_path / "x")
    assert rejects == []
    assert rows == [
        {
            "id": 1, "qty": Decimal("9999999999.99"), "f": Decimal(16777217), "on_hand": Decimal("0.000001"),
            "flag": True, "day": date(2026, 2, 28), "at": datetime(2026, 7, 1, 10, 0, 0, 123456, tzinfo=UTC),
            "note": "ab", "local": datetime(2026, 7, 1, 17, tzinfo=UTC), ROW_NO: 1,
        },
        {
            "id": 2, "qty": None, "f": Decimal("0.000001"), "on_hand": Decimal(100000000000), "flag": None, "day": None,
            "at": None, "note": None, "local": None, ROW_NO: 2,
        },
    ]  # fmt: skip


def test_sqlite_values_of_any_class_are_read_or_refused(tmp_path: Path) -> None:
    file = tmp_path / "s.sqlite"
    lite_execute(
        file,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, price NUMERIC(10,2), qty REAL, flag BOOLEAN, day DATE, "
        "at TIMESTAMP)",
        "INSERT INTO t VALUES (1, 7, 2.5, 10, 1, '2026-02-28', '2026-01-01 00:00:00.123456')",
        "INSERT INTO t VALUES (2, 'x', 'y', 'z', 2, '2026-02-30', 'yesterday')",
        "INSERT INTO t VALUES (3, '8', 1e-6, 0.1, 'f', '2026-03-01 00:00:00', '2026-01-01T00:00:00Z')",
        "INSERT INTO t VALUES (4, 1.5, 0.1234567, 9e999, NULL, 20260228, 1767225600)",
    )
    types = {"id": "BIGINT", "n": "INTEGER", "price": "DECIMAL(18,6)", "qty": "DECIMAL(18,6)", "flag": "BOOLEAN"}
    feed = contract("t", types | {"day": "DATE", "at": "TIMESTAMPTZ"})
    assert pull(connector(feed, f"sqlite:///{file}"), tmp_path / "x") is not None
    file.unlink()
    rows, rejects = read(feed, tmp_path / "x")
    assert rows == [
        {
            "id": 1, "n": 7, "price": Decimal("2.5"), "qty": Decimal(10), "flag": True, "day": date(2026, 2, 28),
            "at": datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC), ROW_NO: 1,
        },
        {
            "id": 3, "n": 8, "price": Decimal("0.000001"), "qty": Decimal("0.1"), "flag": False,
            "day": date(2026, 3, 1), "at": datetime(2026, 1, 1, tzinfo=UTC), ROW_NO: 3,
        },
    ]  # fmt: skip
    assert [(row, name, raw) for row, name, _, raw, _ in places(rejects)] == [
        (2, "n", "x"), (2, "price", "y"), (2, "qty", "z"), (2, "flag", "2"), (2, "day", "2026-02-30"),
        (2, "at", "yesterday"), (4, "n", "1.5"), (4, "price", "0.1234567"), (4, "qty", "inf"), (4, "day", "20260228"),
        (4, "at", "1767225600"),
    ]  # fmt: skip


# ---- from files ---------------------------------------------------------------------------------------------------


def test_row_numbers_run_through_all_row_groups(tmp_path: Path) -> None:
    land(tmp_path / "x", id=pa.array([5, 6, 7, 8, 9]), qty=pa.array(["1", "2", "3", "bad", "5"]))
    rows, rejects = read(contract("t", {"id": "BIGINT", "qty": "DECIMAL(9,2)"}), tmp_path / "x")
    assert [(row["id"], row[ROW_NO]) for row in rows] == [(5, 1), (6, 2), (7, 3), (9, 5)]
    assert places(rejects) == [(4, "qty", "type.decimal", "bad", "8")]


def test_a_missing_required_value_is_refused_with_its_key(tmp_path: Path) -> None:
    land(tmp_path / "x", id=pa.array([1, 2, 3]), n=pa.array([7, None, 9]))
    feed = contract("t", {}, columns=[column("id", "BIGINT", required=True), column("n", "BIGINT", required=True)])
    rows, rejects = read(feed, tmp_path / "x")
    assert [row["id"] for row in rows] == [1, 3]
    assert places(rejects) == [(2, "n", "required", None, "2")]


@pytest.mark.parametrize(
    ("type_", "values", "good", "rules"),
    [
        ("INTEGER", pa.array([2147483647, 2147483648, -2147483648]), [2147483647, -2147483648], ["type.integer"]),
        ("SMALLINT", pa.array([32768, None]), [None], ["type.integer"]),
        ("BIGINT", pa.array([Decimal("5.00"), Decimal("5.50")]), [5], ["type.integer"]),
        ("BIGINT", pa.array(["10.0", "1e3"]), [10], ["type.integer"]),
        ("DECIMAL(4,1)", pa.array([Decimal("10.00"), Decimal("10.05")]), [Decimal("10.0")], ["type.decimal_scale"]),
        ("DECIMAL(4,1)", pa.array([Decimal("999.9"), Decimal("1000.0")]), [Decimal("999.9")], ["type.decimal_range"]),
        ("DECIMAL(4,1)", pa.array(["1.5e1", "1e-300", "1e300"]), [Decimal(15)], ["type.decimal", "type.decimal"]),
        ("DECIMAL(4,1)", pa.array(["1e999999999", "-2E+2"]), [Decimal(-200)], ["type.decimal"]),
        ("VARCHAR", pa.array([7, -1]), ["7", "-1"], []),
        ("VARCHAR", pa.array([Decimal("1.10")]), ["1.10"], []),
        ("VARCHAR", pa.array([True, None]), ["true", None], []),
        ("VARCHAR", pa.array([date(2026, 1, 2)]), ["2026-01-02"], []),
        ("VARCHAR", pa.array([datetime(2026, 1, 2, 3)]), ["2026-01-02 03:00:00"], []),  # noqa: DTZ001
        ("VARCHAR", pa.array([datetime(2026, 1, 2, 3, tzinfo=UTC)]), ["2026-01-02 03:00:00+00"], []),
        ("BOOLEAN", pa.array([1, 0, 2]), [True, False], ["type.boolean"]),
        ("DATE", pa.array([datetime(2026, 1, 2), datetime(2026, 1, 2, 3)]), [date(2026, 1, 2)], ["type.date"]),  # noqa: DTZ001
        ("TIMESTAMPTZ", pa.array(["2026-01-01 10:00:00+02"]), [datetime(2026, 1, 1, 8, tzinfo=UTC)], []),
    ],
)
def test_types_that_differ_are_converted_exactly_or_refused(
    tmp_path: Path, type_: str, values: pa.Array, good: list[Any], rules: list[str]
) -> None:
    land(tmp_path / "x", id=pa.array(range(len(values))), v=values)
    rows, rejects = read(contract("t", {"id": "BIGINT", "v": type_}), tmp_path / "x")
    assert [row["v"] for row in rows] == good
    assert [reject.rule_id for reject in rejects] == rules


@pytest.mark.parametrize(
    ("type_", "values", "given", "good"),
    [
        ("BIGINT", pa.array([0, 5]), {"sentinels": ["0"]}, [None, 5]),
        ("DECIMAL(9,2)", pa.array([Decimal("0.00"), Decimal("5.00")]), {"sentinels": ["0"]}, [None, Decimal(5)]),
        ("DECIMAL(9,2)", pa.array(["0.0", "5.0"]), {"sentinels": ["0"]}, [None, Decimal(5)]),
        ("DECIMAL(9,2)", pa.array([Decimal("0.00"), Decimal("5.00")]), {"sentinels": ["0.00"]}, [None, Decimal(5)]),
        ("DATE", pa.array([date(9999, 12, 31), None]), {"sentinels": ["9999-12-31"]}, [None, None]),
        ("VARCHAR", pa.array([1, 2]), {"lookup": {"1": "open"}, "lookup_miss": "keep"}, ["open", "2"]),
        ("VARCHAR", pa.array(["A", "B"]), {"lookup": {"A": "open"}, "lookup_miss": "null"}, ["open", None]),
        ("DATE", pa.array([date(2026, 1, 2)]), {"format": "%Y%m%d", "required": True}, [date(2026, 1, 2)]),
        ("DATE", pa.array(["20260102"]), {"format": "%Y%m%d"}, [date(2026, 1, 2)]),
        ("DATE", pa.array([20260102, 0]), {"format": "%Y%m%d", "sentinels": ["0"]}, [date(2026, 1, 2), None]),
        ("DATE", pa.array([Decimal(20260102)], pa.decimal128(8, 0)), {"format": "%Y%m%d"}, [date(2026, 1, 2)]),
        ("BOOLEAN", pa.array([True, False]), {"true_values": ["Y"], "false_values": ["N"]}, [True, False]),
        ("DECIMAL(9,2)", pa.array([Decimal("1234.50")]), {"decimal_point": ",", "thousands": "."}, [Decimal("1234.5")]),
        ("DECIMAL(9,2)", pa.array(["1.234,50"]), {"decimal_point": ",", "thousands": "."}, [Decimal("1234.5")]),
    ],
)
def test_what_the_contract_says_of_a_column_holds_for_native_values_too(
    tmp_path: Path, type_: str, values: pa.Array, given: dict[str, Any], good: list[Any]
) -> None:
    land(tmp_path / "x", id=pa.array(range(len(values))), v=values)
    rows, rejects = read(
        contract("t", {}, columns=[column("id", "BIGINT"), column("v", type_, **given)]), tmp_path / "x"
    )
    assert rejects == []
    assert [row["v"] for row in rows] == good


def test_a_number_that_is_no_date_is_refused(tmp_path: Path) -> None:
    land(tmp_path / "x", id=pa.array([1, 2, 3]), v=pa.array([20261302, 2026010, 20260103]))
    feed = contract("t", {}, columns=[column("id", "BIGINT"), column("v", "DATE", format="%Y%m%d")])
    rows, rejects = read(feed, tmp_path / "x")
    assert [row["v"] for row in rows] == [date(2026, 1, 3)]
    assert [(reject.rule_id, reject.raw) for reject in rejects] == [("type.date", "20261302"), ("type.date", "2026010")]


def test_a_local_time_that_did_not_exist_is_refused(tmp_path: Path) -> None:
    stamps = [datetime(2026, 3, 8, 1, 59), datetime(2026, 3, 8, 2, 30), datetime(2026, 3, 8, 3, 0)]  # noqa: DTZ001
    land(tmp_path / "x", id=pa.array([1, 2, 3]), at=pa.array(stamps))
    feed = contract("t", {}, columns=[column("id", "BIGINT"), column("at", "TIMESTAMPTZ", timezone=None)])
    rows, rejects = read(feed, tmp_path / "x", timezone="America/Chicago")
    assert [row["at"] for row in rows] == [datetime(2026, 3, 8, 7, 59, tzinfo=UTC), datetime(2026, 3, 8, 8, tzinfo=UTC)]
    assert places(rejects) == [(2, "at", "time.dst_gap", "2026-03-08 02:30:00", "2")]


def test_a_file_of_an_older_contract_says_so(tmp_path: Path) -> None:
    land(tmp_path / "x", id=pa.array([1]))
    with pytest.raises(PermanentSourceError, match="has no column qty"):
        read(contract("t", {"id": "BIGINT", "qty": "BIGINT"}), tmp_path / "x")


def test_every_batch_has_the_same_schema_whatever_way_it_was_read(tmp_path: Path) -> None:
    """The first row group passes as it is, the second is refused in part and so read as text."""
    columns = {
        "id": pa.array([1, 2, 3, 4]), "n": pa.array([1, 2, 3, 1 << 40]), "d": pa.array([date(2026, 1, 1)] * 4),
        "q": pa.array([Decimal("1.50")] * 4), "b": pa.array([True] * 4), "t": pa.array([datetime(2026, 1, 1)] * 4),  # noqa: DTZ001
        "s": pa.array(["a"] * 4),
    }  # fmt: skip
    land(tmp_path / "x", **columns)
    types = {"id": "BIGINT", "n": "INTEGER", "d": "DATE", "q": "DECIMAL(18,6)", "b": "BOOLEAN", "t": "TIMESTAMPTZ"}
    db = connector(contract("t", types | {"s": "VARCHAR"}), "sqlite:////nowhere")
    first, second = db.read(delivery(db, tmp_path / "x", Pulled("snapshot")))
    assert first.rows.schema.equals(second.rows.schema)
    assert [r.row_no for r in second.rejects] == [4]
    same = first.rows.drop_columns(["id", "n", ROW_NO]).slice(0, 1)
    assert same.equals(second.rows.drop_columns(["id", "n", ROW_NO]))


@settings(max_examples=40, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False, width=64))
def test_a_float_is_read_as_the_decimal_it_prints_or_refused(tmp_path_factory: Any, number: float) -> None:
    target = tmp_path_factory.getbasetemp() / "float.parquet"
    land(target, id=pa.array([1]), q=pa.array([database_extract.as_text(number)]))
    rows, rejects = read(contract("t", {"id": "BIGINT", "q": "DECIMAL(38,12)"}), target)
    exact = Decimal(repr(number))
    fits = exact == round(exact, 12) if abs(exact) < Decimal(10) ** 15 else abs(exact) < Decimal(10) ** 26
    assert (len(rows), len(rejects)) == ((1, 0) if fits else (0, 1))
    assert all(row["q"] == exact for row in rows)


def test_sqlite_floats_come_back_through_the_file(tmp_path: Path) -> None:
    numbers = [0.1, 1e-6, 123456789.25, 1e15, -0.0, 1 / 4]
    with sqlite3.connect(tmp_path / "s.sqlite") as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, q REAL)")
        connection.executemany("INSERT INTO t (q) VALUES (?)", [(number,) for number in numbers])
    connection.close()
    feed = contract("t", {"id": "BIGINT", "q": "DECIMAL(38,6)"})
    assert pull(connector(feed, f"sqlite:///{tmp_path}/s.sqlite"), tmp_path / "x") is not None
    rows, rejects = read(feed, tmp_path / "x")
    assert rejects == []
    assert [row["q"] for row in rows] == [Decimal(repr(number)) for number in numbers]


@pytest.mark.parametrize("odd", ["infinity", "10000-01-01", "10000-01-01 00:00:00", "0044-03-15 BC", "10000-1-01"])
def test_no_moment_outside_the_calendar_is_read(tmp_path: Path, odd: str) -> None:
    land(
        tmp_path / "x",
        id=pa.array([1]),
        day=pa.array([odd]),
        at=pa.array([odd]),
        local=pa.array(["9999-12-31 23:00:00"]),
    )
    columns = [column("id", "BIGINT"), column("day", "DATE"), column("at", "TIMESTAMPTZ")]
    columns += [column("local", "TIMESTAMPTZ", timezone="America/Chicago")]  # a year later in UTC
    rows, rejects = read(contract("t", {}, columns=columns), tmp_path / "x")
    assert rows == []
    assert [reject.column for reject in rejects] == ["day", "at", "local"]


@given(st.lists(st.one_of(st.none(), st.text(alphabet=" \t\x00ab\u00e9", max_size=3)), max_size=8), st.integers(0, 3))
def test_only_texts_that_need_no_care_pass_as_they_are(texts: list[str | None], offset: int) -> None:
    values = pa.array(["x"] * offset + texts, pa.string())[offset:]
    plain = all(t is None or (t != "" and t == t.strip(" \t") and "\x00" not in t) for t in texts)
    passed = _plain_text(values)
    assert (passed is not None) == plain
    assert passed is None or passed.to_pylist() == texts
