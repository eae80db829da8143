"""A database that is a copy: watermarks and as-of count from the moment at which it says that it stands."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.database import DatabaseConnector
from connectors.errors import ContractViolation, PermanentSourceError
from connectors.interface import FeedState
from connectors.network import Source, StandsAt
from store.landing import Landing
from tests.connectors.database_lab import Replica, contract, incremental, offer, pull

NIGHT = datetime(2026, 3, 1, 23, tzinfo=UTC)
STAMP = {"id": "BIGINT", "v": "VARCHAR", "write_date": "TIMESTAMPTZ"}
FEED = contract("thing", STAMP, change=incremental("write_date", lag_seconds=600))


def copy(file: Path, stands_at: datetime | None, *rows: tuple[int, str, datetime]) -> None:
    """The copy as somebody has just put it there."""
    file.unlink(missing_ok=True)
    with sqlite3.connect(file) as con:
        con.execute("CREATE TABLE thing (id INTEGER PRIMARY KEY, v VARCHAR, write_date TIMESTAMP)")
        con.execute("CREATE TABLE status (stood TIMESTAMP)")
        con.executemany("INSERT INTO thing VALUES (?, ?, ?)", [(n, v, f"{at:%Y-%m-%d %H:%M:%S}") for n, v, at in rows])
        con.execute("INSERT INTO status VALUES (?)", [stands_at and f"{stands_at:%Y-%m-%d %H:%M:%S}"])
    con.close()


STOOD = StandsAt(table="status", column="stood")


def follower(file: Path, stands_at: StandsAt | None = STOOD) -> DatabaseConnector:
    return DatabaseConnector(FEED, "lab", Source(system="probe", url=f"sqlite:///{file}", stands_at=stands_at))


FIRST = (1, "a", NIGHT - timedelta(hours=3))
LATER = (2, "b", NIGHT + timedelta(hours=5))


def followed(tmp_path: Path, stands_at: StandsAt | None) -> dict[int, str]:
    """What a home knows after two hourly pulls of a copy that is a night old, and then a day later one."""
    home = Replica(follower(tmp_path / "copy.sqlite", stands_at), tmp_path)
    copy(tmp_path / "copy.sqlite", NIGHT, FIRST)
    home.sync()
    copy(tmp_path / "copy.sqlite", NIGHT + timedelta(days=1), FIRST, LATER)
    home.sync()
    return {key: row["v"] for key, row in home.rows.items()}


def test_what_was_written_between_two_copies_is_found_by_its_stamp(tmp_path: Path) -> None:
    """By the clock of the machine that reads, the row is older than the last look, and nothing would find it."""
    assert followed(tmp_path, None) == {1: "a"}
    assert followed(tmp_path, STOOD) == {1: "a", 2: "b"}


def test_the_watermark_and_the_as_of_are_those_of_the_copy(tmp_path: Path) -> None:
    copy(tmp_path / "copy.sqlite", NIGHT, FIRST)
    db = follower(tmp_path / "copy.sqlite")
    pulled = pull(db, tmp_path / "one.parquet")
    assert pulled is not None
    assert (pulled.as_of, pulled.is_dated) == (NIGHT, True)
    assert str(pulled.cursor_hi).startswith("2026-03-01 22:50")
    landing = Landing(tmp_path / "landing")
    landed = landing.pull(db, offer(db, FeedState()), FeedState(), datetime.now(UTC))
    assert landed.delivery is not None
    assert landed.delivery.as_of == NIGHT, "not the moment of the sync, which a live source gets"


def test_a_second_look_at_the_same_copy_follows_the_first(tmp_path: Path) -> None:
    copy(tmp_path / "copy.sqlite", NIGHT, FIRST)
    state = replace(FeedState(), last_as_of=NIGHT)
    pulled = pull(follower(tmp_path / "copy.sqlite"), tmp_path / "again.parquet", state)
    assert pulled is not None
    assert pulled.as_of == NIGHT + timedelta(microseconds=1)


def test_an_older_copy_stops_the_feed(tmp_path: Path) -> None:
    home = Replica(follower(tmp_path / "copy.sqlite"), tmp_path)
    copy(tmp_path / "copy.sqlite", NIGHT, FIRST)
    home.sync()
    copy(tmp_path / "copy.sqlite", NIGHT - timedelta(days=1), FIRST)
    with pytest.raises(ContractViolation, match="restored to an older point"):
        home.sync()


def test_a_copy_that_says_nothing_is_refused(tmp_path: Path) -> None:
    copy(tmp_path / "copy.sqlite", None, FIRST)
    with pytest.raises(PermanentSourceError, match=r"status\.stood says None"):
        pull(follower(tmp_path / "copy.sqlite"), tmp_path / "one.parquet")
    missing = follower(tmp_path / "copy.sqlite", StandsAt(table="nothing", column="stood"))
    with pytest.raises(PermanentSourceError, match="nothing"):
        pull(missing, tmp_path / "two.parquet")
