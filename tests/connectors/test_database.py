"""Database extracts: exact whatever the driver, allow-listed, streamed; errors that say what to do."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from connectors import database_extract
from connectors.database_extract import Written, check_complete
from connectors.errors import ConcordError, ConfigurationError, PermanentSourceError, TransientSourceError
from connectors.interface import FeedState
from tests.connectors.database_lab import (
    Replica,
    column,
    connector,
    contract,
    incremental,
    landed,
    pull,
    session,
)
from tests.postgres import PostgresServer

postgres_only = pytest.mark.postgres

EDGES = """
CREATE TABLE edge (
    id bigint PRIMARY KEY, price numeric(38,10), ratio numeric, nan_price numeric(12,2), f8 float8, f4 float4,
    flag boolean, day date, odd_day date, stamp timestamp, odd_stamp timestamp, zoned timestamptz,
    odd_zoned timestamptz, body text, fixed char(5), doc jsonb, ids int[], span interval, raw bytea, code uuid,
    clock time, money numeric(5,0), small smallint, "left" int, "per%cent" text, "quo""te" text, never int
);
INSERT INTO edge VALUES (
    1, 9999999999999999999999999999.9999999999, 'NaN', 'NaN', 0.1, 16777217, true, '0001-01-01', 'infinity',
    '9999-12-31 23:59:59.999999', '-infinity', '2026-11-01 01:30:00.000001-05', 'infinity', 'line
break, "quoted" \\N \\. é €', 'ab', '{"a": [1, null]}', '{1,NULL}', '1 day 02:03', '\\x00ff',
    '00000000-0000-0000-0000-000000000001', '23:59:59.5', 99999, -32768, 7, '100%', 'q', NULL
), (
    2, -0.0000000001, 12345678901234567890.123456789012345678901234567890, 1.10, 'NaN', 'Infinity', false,
    '9999-12-31', '0044-03-15 BC', '0001-01-01', '10000-01-01', '1970-01-01 00:00:00+00', '0044-03-15 BC', '', '',
    'null', '{}', '-1 mon', '', NULL, NULL, -99999, 32767, -7, '%s %(x)s', '', NULL
), (
    3, NULL, '-Infinity', NULL, 1e-300, '-0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
), (
    4, 0, 1e20, 0, 1.7976931348623157e308, 0.1, true, '2026-02-28', '2026-02-28', '2026-02-28 12:00', '2026-02-28',
    '2026-02-28', '2026-02-28', '\\N', '  x', '"x"', NULL, NULL, NULL, NULL, '00:00', 0, 0, 0, '', '', NULL
);
"""
EDGE_TEXTS = (
    "ratio",
    "f8",
    "f4",
    "flag",
    "day",
    "odd_day",
    "stamp",
    "odd_stamp",
    "zoned",
    "odd_zoned",
    "body",
    "fixed",
)
EDGE_TEXTS += ("doc", "ids", "span", "raw", "code", "clock", "small", "left", "per%cent", 'quo"te', "never")
EDGE_COLUMNS = dict.fromkeys(EDGE_TEXTS, "VARCHAR") | {
    "id": "BIGINT",
    "price": "DECIMAL(38,10)",
    "nan_price": "DECIMAL(12,2)",
    "money": "DECIMAL(5,0)",
}


def make(url: str, *statements: str) -> None:
    with session(url) as connection:
        for statement in statements:
            connection.execute(statement)


def edge_table(url: str, folder: Path, *, fast: bool, driver: str = "psycopg") -> pa.Table:
    make(url, "DROP TABLE IF EXISTS edge", EDGES)
    db = connector(contract("edge", EDGE_COLUMNS), url.replace("+psycopg", f"+{driver}"), fast=fast)
    pulled = pull(db, folder / "edge.parquet")
    assert pulled is not None
    assert pulled.rows_declared == 4
    return landed(folder / "edge.parquet")


# ---- faithfulness on PostgreSQL -----------------------------------------------------------------------------------


@postgres_only
def test_edge_values_survive_to_landing(pg_url: str, tmp_path: Path) -> None:
    table = edge_table(pg_url, tmp_path, fast=True)
    got = table.to_pydict()
    assert table.schema.field("price").type == pa.decimal128(38, 10)
    assert got["price"] == [Decimal("9" * 28 + "." + "9" * 10), Decimal("-0.0000000001"), None, Decimal(0)]
    assert got["ratio"] == ["NaN", "12345678901234567890.123456789012345678901234567890", "-Infinity", "1" + "0" * 20]
    assert got["nan_price"] == ["NaN", "1.10", None, "0.00"]
    assert got["f8"] == ["0.1", "NaN", "1e-300", "1.7976931348623157e+308"]
    assert got["f4"] == ["1.6777216e+07", "Infinity", "-0", "0.1"]
    assert table.schema.field("day").type == pa.date32()
    assert [str(day) for day in got["day"]] == ["0001-01-01", "9999-12-31", "None", "2026-02-28"]
    assert got["odd_day"] == ["infinity", "0044-03-15 BC", None, "2026-02-28"]
    assert table.schema.field("stamp").type == pa.timestamp("us")
    assert [str(stamp) for stamp in got["stamp"]][:2] == ["9999-12-31 23:59:59.999999", "0001-01-01 00:00:00"]
    assert got["odd_stamp"] == ["-infinity", "10000-01-01 00:00:00", None, "2026-02-28 00:00:00"]
    assert table.schema.field("zoned").type == pa.timestamp("us", "UTC")
    assert str(got["zoned"][0]) == "2026-11-01 06:30:00.000001+00:00"
    assert got["odd_zoned"] == ["infinity", "0044-03-15 05:50:36+00 BC", None, "2026-02-28 06:00:00+00"]
    assert got["body"] == ['line\nbreak, "quoted" \\N \\. é €', "", None, "\\N"]
    assert got["fixed"] == ["ab   ", "     ", None, "  x  "]
    assert got["doc"] == ['{"a": [1, null]}', "null", None, '"x"']
    assert got["raw"] == ["\\x00ff", "\\x", None, None]
    assert got["per%cent"] == ["100%", "%s %(x)s", None, ""]
    assert got["left"] == [7, -7, None, 0]
    assert got["never"] == [None] * 4


@postgres_only
def test_the_fast_way_and_the_portable_way_are_equal(pg_url: str, tmp_path: Path) -> None:
    fast = edge_table(pg_url, tmp_path, fast=True)
    slow = edge_table(pg_url, tmp_path, fast=False)
    assert fast.equals(slow)
    assert fast.schema.equals(slow.schema, check_metadata=True)


@postgres_only
def test_settings_of_the_server_do_not_change_what_lands(pg_url: str, tmp_path: Path) -> None:
    before = edge_table(pg_url, tmp_path, fast=True)
    for setting in (
        "datestyle = 'German'",
        "timezone = 'Asia/Tokyo'",
        "extra_float_digits = -2",
        "bytea_output='escape'",
    ):
        make(pg_url, f"ALTER DATABASE {pg_url.rsplit('/', 1)[1]} SET {setting}")
    assert (
        edge_table(pg_url, tmp_path, fast=True)
        .drop_columns(["odd_zoned", "zoned"])
        .equals(before.drop_columns(["odd_zoned", "zoned"]))
    )


@postgres_only
def test_totals_leave_out_what_has_no_sum_and_are_exact(pg_url: str, tmp_path: Path) -> None:
    make(pg_url, "CREATE TABLE t (id int, a numeric(38,2), b numeric, c numeric(9,2), d float8)")
    make(
        pg_url,
        f"INSERT INTO t SELECT n, {'9' * 36}.99, 0.1, 'NaN', 0.1 FROM generate_series(1, 99) AS n",
    )
    columns = {"id": "BIGINT", "a": "DECIMAL(38,2)", "b": "DECIMAL(9,2)", "c": "DECIMAL(9,2)", "d": "DECIMAL(9,2)"}
    pulled = pull(connector(contract("t", columns), pg_url), tmp_path / "x")
    assert pulled is not None
    assert pulled.control_totals == {"a": f"989{'9' * 35}.01", "b": "9.9"}
    assert pulled.notices == ("column 'c' landed as text: it holds values its type has no room for",)


def test_an_extract_that_is_not_what_was_counted_is_refused() -> None:
    check_complete(Written(3, {"qty": "1.50"}), 3, {"qty": "1.5", "other": "7"}, "t")
    with pytest.raises(TransientSourceError, match="2 rows were read, the source counted 3"):
        check_complete(Written(2, {}), 3, {}, "t")
    with pytest.raises(TransientSourceError, match=r"qty sums to 1\.50, the source says 1\.6"):
        check_complete(Written(3, {"qty": "1.50"}), 3, {"qty": "1.6"}, "t")


# ---- which columns and rows ---------------------------------------------------------------------------------------


@postgres_only
def test_only_mapped_columns_leave_the_source(pg_url: str, tmp_path: Path) -> None:
    """The reader may not even select the others: the patient's name stays where it is."""
    make(pg_url, "CREATE TABLE use (id int PRIMARY KEY, patient text, ssn text, note text, stamp timestamptz)")
    make(pg_url, "INSERT INTO use VALUES (1, 'X', '1', 'n', now())")
    columns = [column("id", "BIGINT"), column("patient", "VARCHAR", phi=True)]
    feed = contract("use", {}, columns=columns, ignore={"ssn": "patient data"}, change=incremental("stamp"))
    pulled = pull(connector(feed, pg_url), tmp_path / "x")
    assert pulled is not None
    assert landed(tmp_path / "x").column_names == ["id", "stamp"]
    assert pulled.notices == ("column 'note' of use is neither mapped nor ignored",)
    with pytest.raises(ConfigurationError, match="key column patient is marked phi"):
        pull(connector(contract("use", {}, columns=columns, key=["patient"]), pg_url), tmp_path / "x")


@postgres_only
def test_hyphens_reserved_words_and_schemas_are_names_like_any_other(pg_url: str, tmp_path: Path) -> None:
    make(pg_url, 'CREATE SCHEMA "My Erp"', 'CREATE TABLE "My Erp"."line-move" ("left" int PRIMARY KEY, "Select" text)')
    make(pg_url, """INSERT INTO "My Erp"."line-move" VALUES (1, 'a'), (2, 'b'''), (3, 'c')""")
    transport = {"kind": "database", "table": "line-move", "schema_name": "My Erp", "equals": {"Select": "b'"}}
    feed = contract("x", {"left": "BIGINT", "Select": "VARCHAR"}, key=["left"], transport=transport)
    for fast in (True, False):
        assert pull(connector(feed, pg_url, fast=fast), tmp_path / "x") is not None
        assert landed(tmp_path / "x").to_pylist() == [{"left": 2, "Select": "b'"}]


@postgres_only
def test_rows_without_a_unique_key_still_come_in_one_order(pg_url: str, tmp_path: Path) -> None:
    make(pg_url, "CREATE TABLE t (id int, doc json)", """INSERT INTO t VALUES (1, '2'), (1, '1'), (NULL, '0')""")
    db = connector(contract("t", {"id": "BIGINT", "doc": "VARCHAR"}), pg_url)
    pull(db, tmp_path / "a")
    make(pg_url, "UPDATE t SET doc = doc WHERE doc::text = '2'", "VACUUM FULL t")
    pull(db, tmp_path / "b")
    assert landed(tmp_path / "a")["doc"].to_pylist() == ["1", "2", "0"]
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@postgres_only
def test_views_and_empty_tables(pg_url: str, tmp_path: Path) -> None:
    make(pg_url, "CREATE TABLE t (id int, qty numeric(9,2))", "CREATE VIEW v AS SELECT * FROM t")
    pulled = pull(connector(contract("v", {"id": "BIGINT", "qty": "DECIMAL(9,2)"}), pg_url), tmp_path / "x")
    assert pulled is not None
    assert (pulled.kind, pulled.rows_declared, pulled.control_totals) == ("snapshot", 0, {})
    assert landed(tmp_path / "x").schema.names == ["id", "qty"]
    assert landed(tmp_path / "x").num_rows == 0


@postgres_only
def test_large_extracts_are_the_same_bytes_however_they_are_cut(
    pg_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(pg_url, "CREATE TABLE t AS SELECT n AS id, repeat(md5(n::text), 4) AS body FROM generate_series(1, 70000) n")
    db = connector(contract("t", {"id": "BIGINT", "body": "VARCHAR"}), pg_url)
    pull(db, tmp_path / "a")
    monkeypatch.setattr(database_extract, "_BLOCK", 1 << 16)
    pull(db, tmp_path / "b")
    pull(connector(db.contract, pg_url, fast=False), tmp_path / "c")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()
    assert landed(tmp_path / "a")["id"].to_pylist() == list(range(1, 70001))


# ---- SQLite -------------------------------------------------------------------------------------------------------


@pytest.fixture
def lite(tmp_path: Path) -> Path:
    file = tmp_path / "source.sqlite"
    with sqlite3.connect(file) as connection:
        connection.executescript(
            """
            CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, lie INTEGER, price NUMERIC(10,2), f REAL, flag BOOLEAN,
                            day DATE, stamp TIMESTAMP, body TEXT);
            INSERT INTO t VALUES
                (1, 9223372036854775807, 'x', 1.1, 0.1, 1, '2026-02-30', '2026-01-01 00:00:00.123456', 'a'),
                (2, NULL, 2.5, '12345678901234567890.12', 10, 't', 20260101, 1767225600, x'00ff'),
                (3, -1, 3, NULL, 9e999, NULL, '', NULL, '');
            """
        )
    connection.close()
    return file


LITE_COLUMNS = {
    "id": "BIGINT", "n": "BIGINT", "lie": "VARCHAR", "price": "DECIMAL(30,2)", "f": "VARCHAR", "flag": "VARCHAR",
    "day": "VARCHAR", "stamp": "VARCHAR", "body": "VARCHAR",
}  # fmt: skip


def test_sqlite_values_land_as_they_are_stored_not_as_declared(lite: Path, tmp_path: Path) -> None:
    pulled = pull(connector(contract("t", LITE_COLUMNS), f"sqlite:///{lite}"), tmp_path / "x")
    assert pulled is not None
    table = landed(tmp_path / "x")
    assert table.schema.field("n").type == pa.int64()
    assert table.to_pydict() == {
        "id": [1, 2, 3],
        "n": [9223372036854775807, None, -1],
        "lie": ["x", "2.5", "3"],
        "price": ["1.1", "1.2345678901234567e+19", None],  # SQLite itself keeps a float: what it holds is what lands
        "f": ["0.1", "10.0", "inf"],
        "flag": ["1", "t", None],
        "day": ["2026-02-30", "20260101", ""],
        "stamp": ["2026-01-01 00:00:00.123456", "1767225600", None],
        "body": ["a", "\\x00ff", ""],
    }


def lite_execute(file: Path, *statements: str) -> None:
    connection = sqlite3.connect(file)
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_sqlite_by_watermark_with_sweeps(lite: Path, tmp_path: Path) -> None:
    change = incremental("stamp", lag_seconds=0, sweep_range_rows=2)
    replica = Replica(connector(contract("t", LITE_COLUMNS, change=change), f"sqlite:///{lite}"), tmp_path)
    first = replica.sync()
    assert first is not None
    assert sorted(k for k in first.range_checksums if ".." in k) == ["0..2", "2..4"]
    assert first.as_of is not None
    pulled = replica.sync()
    assert pulled is not None, "a stamp that is no text, and one that is NULL, can't be compared: always read"
    assert landed(tmp_path / "pull1.parquet")["id"].to_pylist() == [2, 3]
    lite_execute(lite, "UPDATE t SET body = 'new', stamp = strftime('%Y-%m-%d %H:%M:%f', 'now') WHERE id = 1")
    replica.sync()
    assert replica.rows[1]["body"] == "new"
    lite_execute(lite, "DELETE FROM t WHERE id = 1")
    pulled = replica.sync(sweep=True)
    assert pulled is not None
    assert (pulled.kind, pulled.key_range, pulled.rows_declared) == ("range", ("0", "2"), 0)
    assert sorted(replica.rows) == [2, 3]
    assert replica.sync(sweep=True) is None
    assert not list(tmp_path.glob("*.sweep"))


@pytest.mark.parametrize(
    "stamp", ["2026-01-01T10:00:00", "2026-01-01 10:00:00+02:00", "2026-01-01 10:00:00Z", "01/02/2026", "9", ""]
)
def test_sqlite_stamps_that_do_not_sort_as_text_are_always_read(tmp_path: Path, stamp: str) -> None:
    file = tmp_path / "s.sqlite"
    lite_execute(file, "CREATE TABLE t (id INTEGER PRIMARY KEY, stamp TEXT)", f"INSERT INTO t VALUES (1, '{stamp}')")
    feed = contract("t", {"id": "BIGINT", "stamp": "VARCHAR"}, change=incremental("stamp"))
    state = FeedState(cursor_hi="2026-01-01 09:00:00")
    assert pull(connector(feed, f"sqlite:///{file}"), tmp_path / "x", state) is not None


def test_sqlite_is_never_written_nor_created(lite: Path, tmp_path: Path) -> None:
    lite.chmod(0o444)
    before = lite.read_bytes()
    for url in (f"sqlite:///{lite}", f"sqlite:///file:{lite}?mode=rwc&uri=true"):
        assert pull(connector(contract("t", {"id": "BIGINT"}), url), tmp_path / "x") is not None
    assert lite.read_bytes() == before
    for url in (f"sqlite:///{tmp_path}/none.sqlite", f"sqlite:///file:{tmp_path}/none.sqlite?uri=true", "sqlite://"):
        with pytest.raises(PermanentSourceError, match="SQLite file does not exist"):
            pull(connector(contract("t", {"id": "BIGINT"}), url), tmp_path / "x")
    assert not (tmp_path / "none.sqlite").exists()


def test_a_writer_does_not_get_between_the_count_and_the_rows_of_sqlite(
    lite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from connectors import database

    lite_execute(lite, "PRAGMA journal_mode = WAL")
    real = database.count

    def count_then_write(*args: Any) -> Any:
        counted = real(*args)
        lite_execute(lite, "DELETE FROM t WHERE id = 1")
        return counted

    monkeypatch.setattr(database, "count", count_then_write)
    pulled = pull(connector(contract("t", {"id": "BIGINT"}), f"sqlite:///{lite}"), tmp_path / "x")
    assert pulled is not None
    assert landed(tmp_path / "x")["id"].to_pylist() == [1, 2, 3]


@pytest.mark.parametrize("fast", [True, False])
@postgres_only
def test_a_target_that_cannot_be_written_leaves_no_session_behind(pg_url: str, fast: bool) -> None:
    make(pg_url, "CREATE TABLE t AS SELECT n AS id, repeat('x', 200) AS body FROM generate_series(1, 200000) n")
    with pytest.raises(OSError, match="space"):
        pull(connector(contract("t", {"id": "BIGINT", "body": "VARCHAR"}), pg_url, fast=fast), Path("/dev/full"))
    with session(pg_url) as user:
        ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'concord extract'"
        deadline = time.monotonic() + 5  # the server needs a moment to end a session
        while user.execute(ours).fetchone() != (0,):
            assert time.monotonic() < deadline
            time.sleep(0.02)


# ---- errors -------------------------------------------------------------------------------------------------------


def refused(url: str, folder: Path, **given: Any) -> ConcordError:
    feed = contract(given.pop("table", "t"), given.pop("columns", {"id": "BIGINT"}), **given)
    with pytest.raises(ConcordError) as caught:
        pull(connector(feed, url), folder / "x")
    return caught.value


def test_a_server_that_is_not_there_may_be_there_later(tmp_path: Path) -> None:
    error = refused("postgresql+psycopg://joe:S3cret@127.0.0.1:1/db", tmp_path)
    assert isinstance(error, TransientSourceError)
    assert (error.feed, error.location) == ("lab.probe", "t")
    assert "S3cret" not in str(error)


@postgres_only
def test_a_wrong_password_database_table_or_column_will_not_go_away(
    pg_url: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    make(pg_url, "CREATE TABLE purchase_line (id int, quantity int)")
    wrong = refused(postgres.url("nowhere", password="S3cret"), tmp_path)
    assert isinstance(wrong, PermanentSourceError)
    nobody = refused(postgres.url("postgres", user="nobody", password="S3cret"), tmp_path)
    assert isinstance(nobody, PermanentSourceError)
    assert "Correct the user or password" in str(nobody)
    table = refused(pg_url, tmp_path, table="purchase_lines")
    assert isinstance(table, PermanentSourceError)
    assert "the source has purchase_line" in str(table)
    missing = refused(pg_url, tmp_path, table="purchase_line", columns={"id": "BIGINT", "quantty": "BIGINT"})
    assert isinstance(missing, PermanentSourceError)
    assert "has no column 'quantty'" in str(missing)
    assert "the source has quantity" in str(missing)
    assert all("S3cret" not in f"{e} {e.__cause__!r}" for e in (wrong, nobody, table, missing))


@postgres_only
def test_a_table_locked_or_forbidden(pg_url: str, postgres: PostgresServer, tmp_path: Path, monkeypatch: Any) -> None:
    from connectors import database_source

    short = tuple(s.replace("30s", "100ms") for s in database_source._POSTGRES_SESSION)
    monkeypatch.setattr(database_source, "_POSTGRES_SESSION", short)
    make(pg_url, "CREATE TABLE t (id int)")
    with session(pg_url, autocommit=False) as user:
        user.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        assert isinstance(refused(pg_url, tmp_path), TransientSourceError)
    name = pg_url.rsplit("/", 1)[1]
    make(pg_url, f"CREATE ROLE plain_{name} LOGIN")
    forbidden = refused(postgres.url(name, user=f"plain_{name}"), tmp_path)
    make(pg_url, f"DROP ROLE plain_{name}")
    assert isinstance(forbidden, PermanentSourceError)
    assert "Grant the source's user SELECT" in str(forbidden)


@postgres_only
def test_a_connection_cut_in_the_middle_may_be_tried_again(
    pg_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(pg_url, "CREATE TABLE t AS SELECT n AS id, repeat('x', 500) AS body FROM generate_series(1, 60000) n")
    real = database_extract._CopyStream._read
    cut: list[bool] = []

    def read_then_cut(stream: Any, size: int) -> bytes:
        data = real(stream, size)
        if not cut:
            cut.append(True)
            with session(pg_url) as admin:
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'concord extract'"
                )
        return data

    monkeypatch.setattr(database_extract._CopyStream, "_read", read_then_cut)
    for way in ("BIGINT",):
        error = refused(pg_url, tmp_path, columns={"id": way, "body": "VARCHAR"})
        assert isinstance(error, TransientSourceError)


def test_urls_drivers_and_files_that_cannot_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "not a SQLAlchemy URL" in str(refused("joe:S3cret@host/db", tmp_path))
    assert "S3cret" not in str(refused("joe:S3cret@host/db", tmp_path))
    assert "no SQLAlchemy dialect for nosuch" in str(refused("nosuch://joe:S3cret@h/db", tmp_path))
    missing = refused("postgresql+asyncpg://joe:S3cret@h/db", tmp_path)
    assert "driver for postgresql+asyncpg is not installed" in str(missing)
    (tmp_path / "no.sqlite").write_text("this is a text file, long enough to be looked at as a database header......")
    assert isinstance(refused(f"sqlite:///{tmp_path}/no.sqlite", tmp_path), PermanentSourceError)
    monkeypatch.delenv("LAB_URL", raising=False)
    assert "LAB_URL is not set" in str(refused("env:LAB_URL", tmp_path))


def test_a_locked_sqlite_file_may_be_free_later(lite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: real(*a, **(k | {"timeout": 0.05})))
    writer = real(lite, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    try:
        assert isinstance(refused(f"sqlite:///{lite}", tmp_path), TransientSourceError)
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"change": {"mode": "incremental"}}, "needs change.cursor"),
        ({"change": {"mode": "edi"}}, "not for tables"),
        ({"transport": {"kind": "file", "path": "*"}}, "transport database"),
        ({"format": {"kind": "delimited"}}, "format table"),
    ],
)
def test_contracts_that_make_no_sense_for_a_table(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        connector(contract("t", {"id": "BIGINT"}, **given), "sqlite:///x")


def test_the_room_needs_neither_dagster_nor_a_driver_it_does_not_use() -> None:
    code = "import connectors.database, sys; print(sorted({'psycopg', 'dagster', 'pandas'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
