"""Tools of the database tests: contracts in one line, and a replica that applies deliveries as staging does.

Not a test module. The replica is a plain dict on purpose: the tests compare it with the source's own rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq

from connectors.contract import FeedContract
from connectors.database import DatabaseConnector
from connectors.interface import Delivery, FeedState, Offer, Pulled
from connectors.network import Source

STAMPS = {"create_date": "TIMESTAMPTZ", "write_date": "TIMESTAMPTZ"}


def contract(table: str, columns: Mapping[str, str], /, **given: Any) -> FeedContract:
    """A contract of `table`: source column -> type; stamps are UTC; `given` replaces top-level fields."""
    fields: dict[str, Any] = {
        "feed": "probe",
        "system": "probe",
        "description": "a probe",
        "owner": "tests",
        "transport": {"kind": "database", "table": table},
        "format": {"kind": "table"},
        "change": {"mode": "snapshot"},
        "key": ["id"],
        "columns": [column(name, type_) for name, type_ in columns.items()],
    }
    return FeedContract.model_validate(fields | given)


def column(name: str, type_: str, **given: Any) -> dict[str, Any]:
    """One column of a contract, named as at the source."""
    zone = {"timezone": "UTC"} if type_ == "TIMESTAMPTZ" else {}
    safe = "".join(c if c.isalnum() else "_" for c in name.lower())
    return {"source": name, "name": safe, "type": type_, "description": name, **zone, **given}


def incremental(*cursor: str, **given: Any) -> dict[str, Any]:
    """The `change:` block of an incremental feed."""
    return {"mode": "incremental", "cursor": list(cursor), **given}


def connector(feed: FeedContract, url: str, *, fast: bool = True, timezone: str = "UTC") -> DatabaseConnector:
    return DatabaseConnector(feed, "lab", Source(system="probe", url=url, timezone=timezone), fast=fast)


def pull(db: DatabaseConnector, target: Path, state: FeedState | None = None, *, sweep: bool = False) -> Pulled | None:
    state = state or FeedState()
    offers = list(db.discover(state, sweep=sweep))
    assert len(offers) == 1
    return db.pull(offers[0], state, target)


def landed(target: Path) -> pa.Table:
    return pq.read_table(target)


def delivery(db: DatabaseConnector, target: Path, pulled: Pulled) -> Delivery:
    """What landing would make of a pull."""
    now = datetime.now(UTC)
    return Delivery(
        delivery_id="0" * 16, source=db.source_name, feed=db.contract.feed, name="probe", path=target, sha256="0" * 64,
        bytes=target.stat().st_size, kind=pulled.kind, as_of=pulled.as_of or now, landed_ts=now,
        rows_declared=pulled.rows_declared, control_totals=pulled.control_totals,
    )  # fmt: skip


@dataclass
class Replica:
    """Deliveries applied in order: upsert by key, and what a range no longer holds is gone."""

    db: DatabaseConnector
    folder: Path
    key: str = "id"
    state: FeedState = field(default_factory=FeedState)
    rows: dict[Any, dict[str, Any]] = field(default_factory=dict)
    pulls: list[Pulled | None] = field(default_factory=list)

    def sync(self, *, sweep: bool = False) -> Pulled | None:
        target = self.folder / f"pull{len(self.pulls)}.parquet"
        pulled = pull(self.db, target, self.state, sweep=sweep)
        self.pulls.append(pulled)
        if pulled is not None:
            self._apply(pulled, landed(target).to_pylist())
        return pulled

    def _apply(self, pulled: Pulled, rows: list[dict[str, Any]]) -> None:
        if pulled.kind == "range":
            lo, hi = pulled.key_range or (None, None)
            self.rows = {k: row for k, row in self.rows.items() if not _inside(k, lo, hi)}
        self.rows |= {row[self.key]: row for row in rows}
        self.state = FeedState(
            cursor_hi=max(filter(None, (self.state.cursor_hi, pulled.cursor_hi)), default=None),
            range_checksums=pulled.range_checksums or self.state.range_checksums,
        )


def _inside(key: Any, lo: str | None, hi: str | None) -> bool:
    return (lo is None or key >= int(lo)) and (hi is None or key < int(hi))


def offer(db: DatabaseConnector, state: FeedState, *, sweep: bool = False) -> Offer:
    return next(iter(db.discover(state, sweep=sweep)))


@contextmanager
def session(url: str, *, autocommit: bool = True, **options: Any) -> Iterator[psycopg.Connection[Any]]:
    """A user's own connection to the source, beside ours."""
    address = url.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(address, autocommit=autocommit, **options) as connection:
        yield connection


def source_rows(url: str, query: str) -> list[dict[str, Any]]:
    """What SQL on the source says, as dicts; stamps in UTC."""
    with session(url) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        with connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            return cursor.execute(query).fetchall()  # type: ignore[call-overload,no-any-return]
