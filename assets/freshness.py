"""Whether data is in time: a feed by its last delivery, a published table by its newest row.

Here: the rules, as functions of what was promised and of the clock. Not here: recording or showing what is late.

A feed promises one of two things. `expected_by` (local time of day): since the last time that it was that late, a
delivery must have arrived within the day before. Without it, files that say their own date (`as_of` by name or
content) must not be older than their cadence and a margin. Undated files and tables are read when they change, and a
quiet one is not late; that a source cannot be read at all is reported as such.

A table promises (`freshness` of expectations/tables) that its newest row is not older than so many hours. That is
recorded and no alert of its own: the cause is a feed that is late or cannot be read, and has one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from connectors.contract import FeedContract
from expectations.ddl import quoted
from expectations.promise import TablePromise

#: A delivery is due within the cadence and a margin. Events (orders, receipts) may be none for a night.
HOURLY_AGE, NIGHTLY_AGE = timedelta(hours=3), timedelta(hours=30)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class LastDelivery:
    """The latest delivery of a feed, in sequence order: its as-of and when it arrived (UTC, aware)."""

    as_of: datetime
    landed: datetime


@dataclass(frozen=True, slots=True)
class Stale:
    """A feed that is late. `observed` and `allowed` are for a person."""

    feed: str
    owner: str
    observed: str
    allowed: str


def cadence_age(contract: FeedContract) -> timedelta:
    """The age that a feed's cadence allows: 3 hours for states that come hourly, 30 for all else."""
    is_hourly_state = contract.cadence == "hourly" and contract.change.mode == "snapshot"
    return HOURLY_AGE if is_hourly_state else NIGHTLY_AGE


def stale(feed: str, contract: FeedContract, last: LastDelivery | None, now: datetime, zone: ZoneInfo) -> Stale | None:
    """The feed's lateness, None where it is in time or promises nothing. `now`: aware; `zone`: the network's."""
    if contract.expected_by is not None:
        deadline = last_deadline(contract.expected_by, now, zone)
        is_late = last is None or last.landed < deadline - _DAY
        allowed = f"a delivery every day by {contract.expected_by} {zone.key}"
    elif contract.format.kind != "table" and contract.as_of_origin != "landing":
        is_late = last is None or now - last.as_of > cadence_age(contract)
        allowed = f"at most {hours(cadence_age(contract))} old (cadence {contract.cadence})"
    else:
        return None
    return Stale(feed, contract.owner, _observed(last, now), allowed) if is_late else None


def last_deadline(expected_by: str, now: datetime, zone: ZoneInfo) -> datetime:
    """The last moment at or before `now` at which clocks in `zone` showed `expected_by`."""
    local = now.astimezone(zone)
    due = datetime.combine(local.date(), time.fromisoformat(expected_by), zone)
    return due if due <= now else datetime.combine(local.date() - _DAY, time.fromisoformat(expected_by), zone)


def hours(age: timedelta) -> str:
    """An age in whole hours, in days where it is long."""
    whole = int(age.total_seconds() // 3600)
    return f"{whole} h" if whole < 72 else f"{whole // 24} days"


def _observed(last: LastDelivery | None, now: datetime) -> str:
    if last is None:
        return "nothing was delivered yet"
    return f"last delivery as of {last.as_of:%Y-%m-%d %H:%M} UTC, {hours(now - last.as_of)} old"


def late_feeds(
    con: duckdb.DuckDBPyConnection, contracts: Mapping[str, FeedContract], now: datetime, zone: ZoneInfo
) -> list[Stale]:
    """Which of these feeds (`source.feed` -> contract) are late. `con` reads the working database."""
    rows = con.execute(
        "SELECT feed, arg_max(as_of_ts, sequence), arg_max(landed_ts, sequence) FROM ops.delivery "
        "WHERE state <> 'quarantined' GROUP BY feed"
    ).fetchall()
    last = {feed: LastDelivery(as_of, landed) for feed, as_of, landed in rows}
    checked = (stale(feed, contract, last.get(feed), now, zone) for feed, contract in contracts.items())
    return [late for late in checked if late is not None]


def dq_rows(late: Iterable[Stale]) -> list[dict[str, Any]]:
    """What `ops.dq_result` keeps of late feeds."""
    return [
        {
            "suite": "freshness",
            "expectation": "delivered_in_time",
            "table_name": f"raw.{one.feed}",
            "scope": one.feed,
            "observed": one.observed,
            "threshold": one.allowed,
            "success": False,
            "severity": "warn",
        }
        for one in late
    ]


def stale_tables(
    con: duckdb.DuckDBPyConnection, promises: Mapping[str, TablePromise], now: datetime
) -> list[dict[str, Any]]:
    """What `ops.dq_result` keeps of published tables without a row as new as they promise. `con` reads the store.

    An empty table is one that nobody supplies: it is not late. `now`: aware.
    """
    return [row for promise in promises.values() if (row := _stale_table(con, promise, now))]


def _stale_table(con: duckdb.DuckDBPyConnection, promise: TablePromise, now: datetime) -> dict[str, Any] | None:
    if promise.freshness is None:
        return None
    column = promise.freshness.column
    table = quoted(promise.schema_name, promise.table)
    [(newest,)] = con.execute(f"SELECT max({quoted(column)}) FROM {table}").fetchall()
    allowed = timedelta(hours=promise.freshness.max_age_hours)
    if newest is None or now - newest <= allowed:
        return None
    return {
        "suite": "freshness",
        "expectation": "fresh",
        "table_name": promise.qualified,
        "scope": column,
        "observed": f"newest {newest:%Y-%m-%d %H:%M} UTC, {hours(now - newest)} old",
        "threshold": f"at most {hours(allowed)} old",
        "success": False,
        "severity": "warn",
    }
