"""Dagster's own files wait less for the disk; every other SQLite file waits as before."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Engine
from sqlalchemy.pool import NullPool

from pipelines import run_log

FULL, NORMAL = 2, 1


@pytest.fixture
def dagster_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in which connections are eased, for as long as the test lasts."""
    listeners = []
    monkeypatch.setattr(run_log, "_HELD", {})
    original = event.listens_for

    def noted(target: object, name: str) -> object:
        def add(function: object) -> object:
            listeners.append(function)
            return original(target, name)(function)  # type: ignore[arg-type]

        return add

    with monkeypatch.context() as patched:
        patched.setattr(event, "listens_for", noted)
        run_log.spare_the_disk(tmp_path / "dagster")
    (tmp_path / "dagster").mkdir()
    yield tmp_path / "dagster"
    for function in listeners:
        event.remove(Engine, "connect", function)
    for held in run_log._HELD.values():
        held.close()


def _synchronous(path: Path) -> int:
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.begin() as con:
        con.execute(text("PRAGMA journal_mode = WAL"))
        con.execute(text("CREATE TABLE IF NOT EXISTS t (a INTEGER)"))
        con.execute(text("INSERT INTO t VALUES (1)"))
        return int(con.execute(text("PRAGMA synchronous")).scalar_one())


def test_only_files_below_the_folder_wait_less(dagster_home: Path, tmp_path: Path) -> None:
    assert _synchronous(dagster_home / "index.db") == NORMAL
    assert _synchronous(tmp_path / "control.sqlite") == FULL
    assert list(run_log._HELD) == [str(dagster_home / "index.db")]


def test_a_connection_that_is_held_keeps_the_log_and_nobody_out(dagster_home: Path) -> None:
    path = dagster_home / "index.db"
    for _ in range(3):
        _synchronous(path)
    assert path.with_name("index.db-wal").stat().st_size > 0, "closing moved the log into the file"
    with sqlite3.connect(path, timeout=0.1) as other:
        other.execute("INSERT INTO t VALUES (2)")
        assert other.execute("SELECT count(*) FROM t").fetchall() == [(4,)]
