"""The rules of incremental extraction, each with the fault that it prevents, on a real PostgreSQL.

The faults are real transactions of other sessions. Where a rule can be switched off without changing the code
around it, a second test switches it off and shows that the fault then goes through.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from connectors import database, database_source, database_sweep, database_table
from connectors.database_source import Horizon
from connectors.database_table import Cursor, floor_cursor
from connectors.errors import ConfigurationError, ContractViolation
from connectors.interface import FeedState
from connectors.network import StandsAt
from tests.connectors.database_lab import (
    STAMPS,
    Replica,
    connector,
    contract,
    incremental,
    landed,
    pull,
    session,
    source_rows,
)
from tests.postgres import PostgresServer

pytestmark = pytest.mark.postgres

COLUMNS = {"id": "BIGINT", "qty": "DECIMAL(18,6)", "create_date": "TIMESTAMPTZ", "write_date": "TIMESTAMPTZ"}
CHANGE = incremental("write_date", "create_date", sweep_range_rows=10)

# As an ERP does it: naive UTC, the stamp is the start of the transaction, NULL until the first update.
TABLE = """
CREATE TABLE move (id bigint PRIMARY KEY, qty numeric(12,2), create_date timestamp(6), write_date timestamp(6));
INSERT INTO move
SELECT n, n * 1.25, timestamp '2026-01-01' + n * interval '1 hour', NULL FROM generate_series(1, 40) AS n;
"""
NOW = "(now() AT TIME ZONE 'UTC')"


@pytest.fixture
def source(pg_url: str) -> str:
    with session(pg_url) as connection:
        connection.execute(TABLE)
    return pg_url


@pytest.fixture
def replica(source: str, tmp_path: Path) -> Replica:
    """A store that has taken the baseline, so long ago that nothing of it is near the watermark."""
    made = Replica(connector(contract("move", COLUMNS, change=CHANGE), source), tmp_path)
    assert made.sync() is not None
    return made


@pytest.fixture
def user(source: str) -> Iterator[psycopg.Connection[Any]]:
    with session(source, autocommit=False) as connection:
        yield connection


def agrees(replica: Replica, source: str) -> bool:
    rows = source_rows(source, "SELECT id, qty, create_date, write_date FROM move ORDER BY id")
    return [replica.rows[key] for key in sorted(replica.rows)] == rows


def execute(source: str, *statements: str) -> None:
    with session(source) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture(autouse=True)
def _short_margin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_source, "SETTLE", timedelta(milliseconds=50))


def after_settling() -> None:
    """Let a bound taken from the clock pass everything stamped so far: the margin, and to the next whole second."""
    now = time.time()
    time.sleep(1.1 - now % 1 if now % 1 else 1.1)


# ---- the baseline -------------------------------------------------------------------------------------------------


def test_first_pull_is_the_whole_table_as_one_range(replica: Replica, source: str) -> None:
    [first] = replica.pulls
    assert first is not None
    assert (first.kind, first.key_range, first.cursor_lo) == ("range", (None, None), None)
    assert first.rows_declared == 40
    assert first.control_totals == {"qty": "1025.00"}
    assert sorted(k for k in first.range_checksums if ".." in k) == ["0..10", "10..20", "20..30", "30..40", "40..50"]
    assert agrees(replica, source)


def test_nothing_changed_is_no_delivery(replica: Replica) -> None:
    assert replica.sync() is None
    assert replica.sync(sweep=True) is None


def test_an_update_and_an_insert_come_and_nothing_else(replica: Replica, source: str) -> None:
    execute(source, f"UPDATE move SET qty = 7, write_date = {NOW} WHERE id = 3")
    execute(source, f"INSERT INTO move VALUES (41, 1, {NOW}, NULL)")
    pulled = replica.sync()
    assert pulled is not None
    assert (pulled.kind, pulled.rows_declared) == ("incremental", 2)
    assert pulled.cursor_lo == replica.pulls[0].cursor_hi  # type: ignore[union-attr]
    assert agrees(replica, source)


# ---- 1: the upper bound ------------------------------------------------------------------------------------------


def late_commit(replica: Replica, source: str, user: psycopg.Connection[Any]) -> None:
    """A transaction stamps a row with its start, we pull, others work on and we pull again; then it commits."""
    user.execute(f"UPDATE move SET qty = 99, write_date = {NOW} WHERE id = 5")
    after_settling()
    execute(source, f"UPDATE move SET qty = 8, write_date = {NOW} WHERE id = 6")
    assert replica.sync() is not None
    user.commit()
    replica.sync()


def test_late_commit_is_not_missed(replica: Replica, source: str, user: psycopg.Connection[Any]) -> None:
    late_commit(replica, source, user)
    assert agrees(replica, source)


def test_late_commit_is_missed_with_the_clock_alone(
    replica: Replica, source: str, user: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def clock_alone(connection: sa.Connection, lag: timedelta, stands_at: StandsAt | None) -> Horizon:
        assert stands_at is None
        seen = database_source.horizon(connection, lag)
        return Horizon(seen.clock, seen.clock)

    monkeypatch.setattr(database, "horizon", clock_alone)
    late_commit(replica, source, user)
    assert not agrees(replica, source)


def test_a_transaction_that_has_not_written_yet_holds_the_bound(
    replica: Replica, source: str, user: psycopg.Connection[Any]
) -> None:
    [(begun,)] = user.execute(f"SELECT {NOW}").fetchall()
    after_settling()
    execute(source, f"UPDATE move SET qty = 8, write_date = {NOW} WHERE id = 6")
    pulled = replica.sync()
    assert pulled is not None
    assert str(pulled.cursor_hi) <= f"{begun}"
    user.execute(f"UPDATE move SET qty = 99, write_date = {NOW} WHERE id = 5")
    user.commit()
    replica.sync()
    assert agrees(replica, source)


def test_a_prepared_transaction_keeps_the_watermark_where_it_is(
    replica: Replica, source: str, user: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_source, "PREPARED_LOOKBACK", timedelta(0))  # as if it had begun long before PREPARE
    user.execute(f"UPDATE move SET qty = 99, write_date = {NOW} WHERE id = 5")
    after_settling()
    user.execute("PREPARE TRANSACTION 'slow'")
    user.rollback()
    after_settling()
    execute(source, f"UPDATE move SET qty = 8, write_date = {NOW} WHERE id = 6")
    pulled = replica.sync()
    assert pulled is not None
    assert pulled.cursor_hi == pulled.cursor_lo
    assert "prepared transaction" in " ".join(pulled.notices)
    execute(source, "COMMIT PREPARED 'slow'")
    replica.sync()
    assert agrees(replica, source)


def test_without_the_privilege_to_see_others_the_lag_is_kept(
    source: str, postgres: PostgresServer, tmp_path: Path, user: psycopg.Connection[Any]
) -> None:
    name = source.rsplit("/", 1)[1]
    execute(source, f"CREATE ROLE reader_{name} LOGIN", f"GRANT SELECT ON move TO reader_{name}")
    change = incremental("write_date", "create_date", lag_seconds=60)
    url = postgres.url(name, user=f"reader_{name}")
    replica = Replica(connector(contract("move", COLUMNS, change=change), url), tmp_path)
    try:
        first = replica.sync()
        assert first is not None
        assert "grant pg_monitor" in " ".join(first.notices)
        behind = first.as_of - datetime.fromisoformat(f"{first.cursor_hi}+00:00")  # type: ignore[operator]
        assert timedelta(seconds=60) <= behind < timedelta(seconds=62)
        late_commit(replica, source, user)
        assert agrees(replica, source)
    finally:
        execute(source, f"DROP OWNED BY reader_{name}", f"DROP ROLE reader_{name}")


def test_our_own_readers_do_not_hold_the_bound(replica: Replica, source: str) -> None:
    engine = database_source.open_engine(source, "lab.probe")
    with engine.connect() as reading, database_source.snapshot(reading) as snap:
        snap.execute(sa.text("SELECT count(*) FROM move"))
        after_settling()
        with engine.connect() as asking:
            seen = database_source.horizon(asking, timedelta(seconds=300))
    assert seen.clock - seen.bound == database_source.SETTLE


# ---- 2: one snapshot ----------------------------------------------------------------------------------------------


def interrupt(monkeypatch: pytest.MonkeyPatch, name: str, happening: Callable[[], None]) -> None:
    """Let something happen at the source right after one step of a pull, once."""
    step, done = getattr(database, name), []

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        result = step(*args, **kwargs)
        if not done:
            done.append(name)
            happening()
        return result

    monkeypatch.setattr(database, name, interrupted)


@pytest.mark.parametrize("step", ["plan_table", "horizon", "newest_cursor", "count"])
def test_a_commit_between_any_two_steps_is_neither_lost_nor_half_read(
    replica: Replica, source: str, user: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    user.execute(f"UPDATE move SET qty = 99, write_date = {NOW} WHERE id = 5")
    execute(source, f"UPDATE move SET qty = 8, write_date = {NOW} WHERE id = 6")
    after_settling()
    interrupt(monkeypatch, step, user.commit)
    assert replica.sync() is not None
    replica.sync()
    assert agrees(replica, source)


def test_a_bound_taken_after_the_snapshot_loses_the_commit_in_between(
    replica: Replica, source: str, user: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Why `horizon` comes first: the same interruption, with the bound as it is once the rows have been counted."""
    real_count, real_watermark = database.count, database._watermark
    user.execute(f"UPDATE move SET qty = 99, write_date = {NOW} WHERE id = 5")
    execute(source, f"UPDATE move SET qty = 8, write_date = {NOW} WHERE id = 6")
    after_settling()

    def commit_after_counting(*args: Any) -> Any:
        counted = real_count(*args)
        user.commit()
        return counted

    def late_watermark(cursor: Cursor, seen: Horizon, stored: str | None) -> str:
        with database_source.open_engine(source, "lab.probe").connect() as connection:
            return real_watermark(cursor, database_source.horizon(connection, timedelta(0)), stored)

    monkeypatch.setattr(database, "count", commit_after_counting)
    monkeypatch.setattr(database, "_watermark", late_watermark)
    assert replica.sync() is not None
    monkeypatch.undo()
    replica.sync()
    assert not agrees(replica, source)


def test_totals_and_rows_are_of_the_same_moment(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = contract("move", COLUMNS)
    interrupt(monkeypatch, "count", lambda: execute(source, "DELETE FROM move WHERE id > 10"))
    pulled = pull(connector(feed, source), tmp_path / "a.parquet")
    assert pulled is not None
    assert (pulled.rows_declared, landed(tmp_path / "a.parquet").num_rows) == (40, 40)


# ---- 3, 4: the lower bound ----------------------------------------------------------------------------------------


def test_a_tie_at_the_boundary_is_read(replica: Replica, source: str) -> None:
    stored = replica.state.cursor_hi
    execute(source, f"INSERT INTO move VALUES (41, 1, '{stored}', NULL)")
    assert replica.sync() is not None
    assert agrees(replica, source)


def test_a_tie_is_lost_where_the_lower_bound_is_excluded(
    replica: Replica, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def excluded(dialect: str, column: sa.Column[Any], lo: str) -> sa.ColumnElement[bool]:
        return column > sa.cast(sa.literal(lo), column.type)

    monkeypatch.setattr(database_table, "_at_or_after", excluded)
    execute(source, f"INSERT INTO move VALUES (41, 1, '{replica.state.cursor_hi}', NULL)")
    replica.sync()
    assert not agrees(replica, source)


@pytest.mark.parametrize("digits", [0, 3, 6])
def test_a_stamp_of_any_precision_is_at_or_after_a_bound_taken_before(pg_url: str, digits: int) -> None:
    """Columns round stamps up and down; a bound taken before a stamp must not be after it."""
    execute(pg_url, f"CREATE TABLE t (stamp timestamp({digits}))")
    cursor = Cursor((), "naive", ZoneInfo("UTC"))
    with session(pg_url) as connection:
        for _ in range(20):
            time.sleep(0.037)
            [(clock,)] = connection.execute("SELECT now()").fetchall()
            [(stamp,)] = connection.execute(f"INSERT INTO t VALUES ({NOW}) RETURNING stamp::text").fetchall()
            assert floor_cursor(cursor, clock) <= stamp


MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
ZONES = st.sampled_from(["UTC", "America/Chicago", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu"])


@given(moment=MOMENTS, later=st.timedeltas(timedelta(0), timedelta(hours=23)), zone=ZONES)
def test_no_later_local_stamp_is_below_the_bound(moment: datetime, later: timedelta, zone: str) -> None:
    """Neither a fraction of a second nor a local clock that is set back puts a later stamp below the bound."""
    stamp = (moment + later).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    naive, day = Cursor((), "naive", ZoneInfo(zone)), Cursor((), "date", ZoneInfo(zone))
    assert floor_cursor(naive, moment) <= stamp.strftime("%Y-%m-%d %H:%M:%S")
    assert floor_cursor(day, moment) <= stamp.strftime("%Y-%m-%d")


def test_the_hour_that_comes_twice() -> None:
    """Chicago, 1 November 2026: 01:30 comes at 06:30 and again at 07:30 UTC."""
    cursor = Cursor((), "naive", ZoneInfo("America/Chicago"))
    assert floor_cursor(cursor, datetime(2026, 11, 1, 6, 30, tzinfo=UTC)) == "2026-11-01 01:00:00"
    assert floor_cursor(cursor, datetime(2026, 11, 1, 7, 30, 0, 999999, tzinfo=UTC)) == "2026-11-01 01:30:00"


def test_local_stamps_are_compared_in_their_zone(pg_url: str, tmp_path: Path) -> None:
    execute(pg_url, "CREATE TABLE move (id int PRIMARY KEY, stamp timestamp)")
    execute(pg_url, "INSERT INTO move VALUES (1, now() AT TIME ZONE 'Asia/Tokyo')")
    feed = contract("move", {"id": "BIGINT", "stamp": "VARCHAR"}, change=incremental("stamp"))
    replica = Replica(connector(feed, pg_url, timezone="Asia/Tokyo"), tmp_path)
    first = replica.sync()
    assert first is not None
    in_tokyo = first.as_of.astimezone(ZoneInfo("Asia/Tokyo")).replace(tzinfo=None)  # type: ignore[union-attr]
    assert timedelta(0) <= in_tokyo - datetime.fromisoformat(str(first.cursor_hi)) < timedelta(seconds=3)


# ---- 5, 6: order, and rows without a cursor -----------------------------------------------------------------------


def test_rows_are_read_once_each_in_key_order(replica: Replica, source: str) -> None:
    execute(source, f"UPDATE move SET write_date = {NOW} WHERE id IN (30, 7, 12)", "VACUUM FULL move")
    assert replica.sync() is not None
    assert landed(replica.folder / "pull1.parquet")["id"].to_pylist() == [7, 12, 30]


def test_a_row_without_any_stamp_is_always_read(replica: Replica, source: str) -> None:
    execute(source, "INSERT INTO move VALUES (41, 1, NULL, NULL)")
    assert replica.sync() is not None
    assert agrees(replica, source)
    execute(source, "UPDATE move SET qty = 2 WHERE id = 41")
    assert replica.sync() is not None
    assert agrees(replica, source)


def test_a_stamp_of_the_first_column_counts_before_the_second(replica: Replica, source: str) -> None:
    """write_date set, however old: create_date, even of now, says nothing any more."""
    execute(source, f"INSERT INTO move VALUES (41, 1, {NOW}, '2020-01-01')")
    assert replica.sync() is None
    assert replica.sync(sweep=True) is not None
    assert agrees(replica, source)


# ---- 7: sweeps ----------------------------------------------------------------------------------------------------


def test_a_hard_delete_and_a_silent_update_are_found_by_the_sweep_alone(replica: Replica, source: str) -> None:
    execute(source, "DELETE FROM move WHERE id = 14", "UPDATE move SET qty = 0 WHERE id = 17")
    assert replica.sync() is None
    assert not agrees(replica, source)
    pulled = replica.sync(sweep=True)
    assert pulled is not None
    assert (pulled.kind, pulled.key_range, pulled.rows_declared) == ("range", ("10", "20"), 9)
    assert agrees(replica, source)
    assert replica.sync(sweep=True) is None


def test_a_sweep_reads_from_the_first_dirty_range_to_the_last(replica: Replica, source: str) -> None:
    execute(source, "DELETE FROM move WHERE id = 14", f"INSERT INTO move VALUES (33000, 1, {NOW}, NULL)")
    execute(source, "UPDATE move SET qty = qty + 1 WHERE id = 25")
    pulled = replica.sync(sweep=True)
    assert pulled is not None
    assert pulled.key_range == ("10", "33010")
    assert agrees(replica, source)


def test_a_sweep_brings_what_changed_by_stamp_too_and_moves_the_watermark(replica: Replica, source: str) -> None:
    before = str(replica.state.cursor_hi)
    after_settling()
    execute(source, f"UPDATE move SET qty = 3, write_date = {NOW} WHERE id = 3", "DELETE FROM move WHERE id = 38")
    after_settling()
    pulled = replica.sync(sweep=True)
    assert pulled is not None
    assert str(pulled.cursor_hi) > before
    assert agrees(replica, source)
    assert replica.sync() is None


def test_an_emptied_range_is_delivered_empty(replica: Replica, source: str) -> None:
    execute(source, "DELETE FROM move WHERE id BETWEEN 20 AND 29")
    pulled = replica.sync(sweep=True)
    assert pulled is not None
    assert (pulled.rows_declared, pulled.key_range) == (0, ("20", "30"))
    assert landed(replica.folder / "pull1.parquet").num_rows == 0
    assert agrees(replica, source)


def test_an_emptied_table_is_delivered_so_that_the_guard_can_refuse_it(replica: Replica, source: str) -> None:
    execute(source, "TRUNCATE move")
    pulled = replica.sync(sweep=True)
    assert pulled is not None
    assert pulled.rows_declared == 0


@pytest.mark.parametrize(
    "silent",
    [
        "UPDATE move SET qty = NULL WHERE id = 5",
        "UPDATE move SET create_date = create_date + interval '1 microsecond' WHERE id = 5",
        "UPDATE move SET qty = qty + 0.01 WHERE id = 5; UPDATE move SET qty = qty - 0.01 WHERE id = 6",
        "WITH a AS (SELECT qty FROM move WHERE id = 5), b AS (SELECT qty FROM move WHERE id = 6) "
        "UPDATE move SET qty = CASE id WHEN 5 THEN (SELECT qty FROM b) ELSE (SELECT qty FROM a) END WHERE id IN (5, 6)",
        "DELETE FROM move WHERE id = 5; INSERT INTO move SELECT 9005, qty, create_date, NULL FROM move WHERE id = 6",
    ],
)
def test_the_checksum_sees_changes_that_leave_count_and_sums_alone(replica: Replica, source: str, silent: str) -> None:
    execute(source, silent)
    assert replica.sync(sweep=True) is not None
    assert agrees(replica, source)


def test_negative_and_sparse_keys_have_ranges_too(pg_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_sweep, "MAX_RANGES", 8)
    execute(pg_url, TABLE, "INSERT INTO move VALUES (-1, 1, now()), (-10, 1, now()), (-11, 1, now()), (5000, 1, now())")
    replica = Replica(connector(contract("move", COLUMNS, change=CHANGE), pg_url), tmp_path)
    first = replica.sync()
    assert first is not None
    assert sorted(k for k in first.range_checksums if ".." in k) == ["-640..0", "0..640", "4480..5120"]
    execute(pg_url, "DELETE FROM move WHERE id = -10")
    pulled = replica.sync(sweep=True)
    assert pulled is not None
    assert pulled.key_range == ("-640", "0")
    assert agrees(replica, pg_url)


def test_a_text_key_is_one_range(pg_url: str, tmp_path: Path) -> None:
    execute(pg_url, "CREATE TABLE item (code text PRIMARY KEY, n int, stamp timestamptz DEFAULT now())")
    execute(pg_url, "INSERT INTO item VALUES ('b', 1), ('a', 2), ('', 3)")
    columns = {"code": "VARCHAR", "n": "INTEGER", "stamp": "TIMESTAMPTZ"}
    feed = contract("item", columns, key=["code"], change=incremental("stamp"))
    replica = Replica(connector(feed, pg_url), tmp_path, key="code")
    assert replica.sync() is not None
    assert str(replica.state.cursor_hi).endswith("+00")
    execute(pg_url, "DELETE FROM item WHERE code = 'a'")
    pulled = replica.sync(sweep=True)
    assert pulled is not None
    assert pulled.key_range == (None, None)
    assert set(replica.rows) == {"b", ""}


def test_a_newly_mapped_column_is_read_for_all_rows_by_the_next_sweep(replica: Replica, source: str) -> None:
    execute(source, "ALTER TABLE move ADD note text DEFAULT 'old'")
    replica.db = connector(contract("move", COLUMNS | {"note": "VARCHAR"}, change=CHANGE), source)
    pulled = replica.sync(sweep=True)
    assert pulled is not None
    assert pulled.key_range == ("0", "50")
    assert {row["note"] for row in replica.rows.values()} == {"old"}


def test_a_feed_that_does_not_sweep_asks_for_changes_at_night_too(source: str) -> None:
    feed = contract("move", COLUMNS, change=incremental("write_date", sweep=False))
    [found] = connector(feed, source).discover(FeedState(cursor_hi="2026-01-01 00:00:00"), sweep=True)
    assert found.kind == "incremental"


# ---- 8, 9: never back, and the same bytes -------------------------------------------------------------------------


def test_the_watermark_never_goes_back(replica: Replica, source: str, user: psycopg.Connection[Any]) -> None:
    user.execute("SELECT 1")
    after_settling()
    far = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")  # later than the open transaction: it was hidden then
    execute(source, f"UPDATE move SET qty = 1, write_date = {NOW} + interval '1 minute' WHERE id = 1")
    pulled = pull(replica.db, replica.folder / "x.parquet", FeedState(cursor_hi=far))
    assert pulled is not None
    assert pulled.cursor_hi == far


def test_the_same_rows_are_the_same_bytes(replica: Replica, source: str, user: psycopg.Connection[Any]) -> None:
    """Rows at the boundary are read again and again: landing must see that it has them."""
    user.execute("SELECT 1")
    execute(source, f"UPDATE move SET qty = 1, write_date = {NOW} WHERE id IN (4, 2)")
    state, files = replica.state, [replica.folder / "x.parquet", replica.folder / "y.parquet"]
    first = pull(replica.db, files[0], state)
    execute(source, "VACUUM FULL move", "CREATE INDEX ON move (write_date)")
    after_settling()
    user.commit()
    second = pull(replica.db, files[1], state)
    assert first is not None
    assert second is not None
    assert str(first.cursor_hi) < str(second.cursor_hi)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_equal_rows_of_a_range_and_of_a_window_are_not_the_same_file(source: str, tmp_path: Path) -> None:
    """Else a sweep whose rows were all just read by watermark would be taken for a duplicate, its deletes lost."""
    execute(source, "UPDATE move SET create_date = NULL")
    db = connector(contract("move", COLUMNS, change=CHANGE), source)
    pull(db, tmp_path / "range")
    pull(db, tmp_path / "window", FeedState(cursor_hi="2026-01-01 00:00:00"))
    assert landed(tmp_path / "range").equals(landed(tmp_path / "window"))
    assert (tmp_path / "range").read_bytes() != (tmp_path / "window").read_bytes()


# ---- 10: another source than before -------------------------------------------------------------------------------


def test_a_restored_source_asks_for_a_new_baseline(replica: Replica, source: str) -> None:
    execute(source, "DELETE FROM move WHERE id > 15")
    for sweep in (False, True):
        with pytest.raises(ContractViolation, match=r"restored to an older point.*new baseline") as caught:
            replica.sync(sweep=sweep)
        assert (caught.value.feed, caught.value.location) == ("lab.probe", "move")


def test_a_few_deletes_of_the_newest_rows_are_no_restore(replica: Replica, source: str) -> None:
    execute(source, "DELETE FROM move WHERE id > 35")
    assert replica.sync() is None
    assert replica.sync(sweep=True) is not None
    assert agrees(replica, source)


def test_a_clock_behind_the_watermark_asks_for_a_new_baseline(replica: Replica) -> None:
    ahead = (datetime.now(UTC) + timedelta(minutes=20)).strftime("%Y-%m-%d %H:%M:%S")
    with pytest.raises(ContractViolation, match="clock says"):
        pull(replica.db, replica.folder / "x", FeedState(cursor_hi=ahead))


def test_a_clock_set_back_by_less_than_the_lag_only_waits(replica: Replica, source: str) -> None:
    ahead = (datetime.now(UTC) + timedelta(minutes=2)).strftime("%Y-%m-%d %H:%M:%S")
    execute(source, f"UPDATE move SET write_date = {NOW} + interval '3 minutes' WHERE id = 1")
    pulled = pull(replica.db, replica.folder / "x", FeedState(cursor_hi=ahead))
    assert pulled is not None
    assert pulled.cursor_hi == ahead


@pytest.mark.parametrize("type_", ["date", "timestamptz"])
def test_a_cursor_of_another_type_asks_for_a_new_baseline(replica: Replica, source: str, type_: str) -> None:
    for name in ("write_date", "create_date"):
        execute(source, f"ALTER TABLE move ALTER {name} TYPE {type_}")
    with pytest.raises(ContractViolation, match=r"its type has changed.*new baseline"):
        replica.sync()


def test_a_counter_is_no_cursor(source: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="neither a date nor a time"):
        pull(connector(contract("move", COLUMNS, change=incremental("id")), source), tmp_path / "x")


# ---- a day's cursor -----------------------------------------------------------------------------------------------


def test_a_cursor_of_days_reads_its_last_day_again(pg_url: str, tmp_path: Path) -> None:
    execute(pg_url, "CREATE TABLE move (id int PRIMARY KEY, day date)")
    execute(pg_url, f"INSERT INTO move VALUES (1, '2026-01-01'), (2, {NOW}::date)")
    feed = contract("move", {"id": "BIGINT", "day": "DATE"}, change=incremental("day"))
    replica = Replica(connector(feed, pg_url), tmp_path)
    replica.sync()
    execute(pg_url, f"INSERT INTO move VALUES (3, {NOW}::date)")
    pulled = replica.sync()
    assert pulled is not None
    assert sorted(replica.rows) == [1, 2, 3]
    assert pulled.rows_declared in (1, 2)  # 1 only if midnight has just passed


# ---- a real ERP: Tryton, whose stamps are NULL until the first update and are the transaction's start --------------

MOVES = {
    "id": "BIGINT", "product": "BIGINT", "quantity": "DECIMAL(18,6)", "unit_price": "DECIMAL(18,6)",
    "effective_date": "DATE", "origin": "VARCHAR", "state": "VARCHAR", "create_date": "TIMESTAMPTZ",
    "write_date": "TIMESTAMPTZ",
}  # fmt: skip
LINKS = {"id": "BIGINT", "invoice_line": "BIGINT", "stock_move": "BIGINT", **STAMPS}


def tryton(url: str, folder: Path, table: str, columns: dict[str, str]) -> Replica:
    folder.mkdir()
    change = incremental("write_date", "create_date", sweep_range_rows=50)
    return Replica(connector(contract(table, columns, change=change), url), folder)


def tryton_agrees(replica: Replica, url: str, table: str, columns: dict[str, str]) -> bool:
    texts = {"quantity": "quantity::text", "unit_price": "unit_price::text"}
    wanted = ", ".join(f"{texts.get(name, name)} AS {name}" for name in columns)
    rows = source_rows(url, f'SELECT {wanted} FROM "{table}" ORDER BY id')
    return [replica.rows[key] for key in sorted(replica.rows)] == rows


@pytest.mark.real_data
def test_the_five_faults_on_tryton(tryton_copy: str, tmp_path: Path) -> None:
    """Late commit, NULL update stamp, tie at the boundary, silent update, hard delete: as the dump's own tables are."""
    url = tryton_copy
    moves = tryton(url, tmp_path / "moves", "stock_move", MOVES)
    links = tryton(url, tmp_path / "links", "account_invoice_line-stock_move", LINKS)
    first, first_links = moves.sync(), links.sync()
    assert first is not None
    assert first_links is not None
    assert (first.rows_declared, first_links.rows_declared) == (534, 240)
    assert tryton_agrees(moves, url, "stock_move", MOVES)
    assert tryton_agrees(links, url, "account_invoice_line-stock_move", LINKS)
    assert all(row["write_date"] is None for row in links.rows.values()), "the dump has no update stamp there"

    with session(url, autocommit=False) as clerk:  # a receipt that takes long to post
        clerk.execute(f"UPDATE stock_move SET quantity = 11.25, write_date = {NOW} WHERE id = 10")
        after_settling()
        execute(url, f"UPDATE stock_move SET state = 'cancelled', write_date = {NOW} WHERE id = 20")
        execute(  # a new link: no update stamp
            url,
            'INSERT INTO "account_invoice_line-stock_move" (id, invoice_line, stock_move, create_date) '
            f"VALUES (9001, 1, 1, {NOW})",
        )
        moves.sync()
        links.sync()
        clerk.commit()
    moves.sync()
    assert tryton_agrees(moves, url, "stock_move", MOVES)
    assert tryton_agrees(links, url, "account_invoice_line-stock_move", LINKS)

    execute(url, f"UPDATE stock_move SET quantity = 5, write_date = '{moves.state.cursor_hi}' WHERE id = 30")
    moves.sync()
    assert tryton_agrees(moves, url, "stock_move", MOVES)

    execute(url, "UPDATE stock_move SET unit_price = 0.000001 WHERE id = 40", "DELETE FROM stock_move WHERE id = 60")
    moves.sync()
    assert not tryton_agrees(moves, url, "stock_move", MOVES), "no stamp tells of these: it takes the sweep"
    swept = moves.sync(sweep=True)
    assert swept is not None
    assert swept.kind == "range"
    assert tryton_agrees(moves, url, "stock_move", MOVES)
    assert moves.sync(sweep=True) is None
