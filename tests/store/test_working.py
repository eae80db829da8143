"""The working database: one writer, transactions that count, and versions that do not mix."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from store.working import StaleWorking, Working, WorkingBusy


def test_a_second_writer_is_told_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "working.duckdb"
    with Working.open(path), pytest.raises(WorkingBusy, match=f"process {os.getpid()}") as caught:
        Working.open(path)
    assert caught.value.retryable
    Working.open(path).close()


def test_a_writer_in_another_process_is_named(tmp_path: Path) -> None:
    path = tmp_path / "working.duckdb"
    program = (
        "import sys; from pathlib import Path; from store.working import Working\n"
        f"w = Working.open(Path({str(path)!r})); print('open', flush=True); sys.stdin.read(); w.close()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(WorkingBusy, match=f"process {holder.pid}"):
            Working.open(path)
        holder.kill()
    Working.open(path).close()


def insert_and_fail(working: Working) -> None:
    with working.transaction() as seq:
        assert seq == 2
        working.con.execute("INSERT INTO master.t VALUES (3)")
        working.con.execute("SELECT CAST('x' AS INTEGER)").fetchall()


def test_a_transaction_counts_and_a_failed_one_does_not(working: Working) -> None:
    with working.transaction() as seq:
        working.con.execute("CREATE TABLE master.t AS SELECT 1 AS x")
    assert (seq, working.change_seq) == (1, 1)
    with pytest.raises(duckdb.ConversionException):
        insert_and_fail(working)
    assert working.con.execute("SELECT x FROM master.t").fetchall() == [(1,)]
    assert working.change_seq == 1


def test_identity_outlives_the_process_and_can_be_renewed(tmp_path: Path) -> None:
    path = tmp_path / "working.duckdb"
    with Working.open(path) as working:
        first = working.working_id
    with Working.open(path) as working:
        assert working.working_id == first
        working.renew_identity()
        assert working.working_id != first


@pytest.mark.parametrize("key", ["duckdb_version", "layout"])
def test_another_version_is_to_be_rebuilt(tmp_path: Path, key: str) -> None:
    path = tmp_path / "working.duckdb"
    with Working.open(path) as working:
        working.set_meta(key, "0.0.1")
    with pytest.raises(StaleWorking, match="concord rebuild"):
        Working.open(path)
    with duckdb.connect(str(path)) as con:
        assert con.execute("SELECT value FROM ops.meta WHERE key = ?", [key]).fetchall() == [("0.0.1",)]


def test_a_damaged_file_is_to_be_rebuilt(tmp_path: Path) -> None:
    path = tmp_path / "working.duckdb"
    Working.open(path).close()
    path.write_bytes(b"\0" * 8192 + path.read_bytes()[8192:])
    with pytest.raises(StaleWorking, match="concord rebuild"):
        Working.open(path)


def test_times_are_utc(working: Working) -> None:
    assert working.con.execute("SELECT CAST(TIMESTAMPTZ '2026-07-01 00:00:00+02' AS VARCHAR)").fetchall() == [
        ("2026-06-30 22:00:00+00",)
    ]


def test_rows_stay_in_sight_after_an_empty_insert(working: Working) -> None:
    with working.transaction():
        working.con.execute("CREATE TABLE master.t (id BIGINT, name VARCHAR)")
        working.con.execute("INSERT INTO master.t SELECT range, 'x' FROM range(10) WHERE range < 0")
        working.con.execute("INSERT INTO master.t SELECT range, 'n' || range FROM range(300000)")
        assert working.con.execute("SELECT count(DISTINCT name) FROM master.t").fetchall() == [(300_000,)]
    assert working.con.execute("SELECT count(DISTINCT name) FROM master.t").fetchall() == [(300_000,)]


def test_tidying_bounds_what_many_small_changes_leave_and_changes_no_row(tmp_path: Path) -> None:
    """Commits do not vacuum; a hundred of them would take a hundred times what the table holds."""
    with Working.open(tmp_path / "working.duckdb") as working:
        working.con.execute("CREATE TABLE staged.t (k BIGINT NOT NULL, v VARCHAR)")
        working.con.execute("INSERT INTO staged.t SELECT i, md5(CAST(i AS VARCHAR)) FROM range(2000) AS r(i)")
        assert not working.tidy(10)
        for number in range(40):
            with working.transaction():
                working.con.execute(f"DELETE FROM staged.t WHERE k % 40 = {number}")
                working.con.execute(
                    f"INSERT INTO staged.t SELECT i, md5(i || 'x') FROM range(2000) AS r(i) WHERE i % 40 = {number}"
                )
            working.con.execute("CHECKPOINT")
        rows = working.con.execute("SELECT * FROM staged.t ORDER BY ALL").fetchall()
        seq, identity, before = working.change_seq, working.working_id, working._used_blocks()
        assert working.tidy(10)
        assert working._used_blocks() < before / 3
        assert working.con.execute("SELECT * FROM staged.t ORDER BY ALL").fetchall() == rows
        assert (working.change_seq, working.working_id) == (seq, identity)
        assert not working.tidy(10)
        assert working.con.execute("SELECT current_setting('max_vacuum_tasks')").fetchall() == [(0,)]
    with Working.open(tmp_path / "working.duckdb") as again:
        assert again.con.execute("SELECT * FROM staged.t ORDER BY ALL").fetchall() == rows
