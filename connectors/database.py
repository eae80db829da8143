"""Database sources: one table or view of a contract, pulled as a snapshot or by watermark, and read back typed.

Here: which window is read, and the rules that make a watermark safe. Not here: connections and clocks
(`database_source`), statements (`database_table`), moving rows (`database_extract`), checksums (`database_sweep`),
landed rows -> contract types (`database_read`).

What a pull promises (each has a test that fails without it):
1. the window is half-open, its upper bound chosen before reading, from the database's clock and open transactions;
2. totals and rows come from one snapshot; 3. the lower bound is included; 4. the watermark is cut, never rounded;
5. one ordered SELECT, no paging; 6. rows without a cursor are always read; 7. sweeps find deletes and silent updates;
8. the watermark never goes back; 9. equal rows give equal bytes; 10. a restored source or another cursor type stops
the feed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from connectors.contract import DatabaseTransport, FeedContract
from connectors.database_extract import check_complete, extract_to
from connectors.database_read import read_table
from connectors.database_source import Horizon, horizon, open_engine, snapshot, translated
from connectors.database_sweep import checksums, dirty_span
from connectors.database_table import (
    Counted,
    Cursor,
    Interval,
    TablePlan,
    changed_since,
    check_cursor_form,
    count,
    cursor_floor,
    extract,
    floor_cursor,
    inside,
    newest_cursor,
    plan_table,
)
from connectors.errors import ConcordError, ConfigurationError, ContractViolation
from connectors.interface import Batch, Delivery, DeliveryKind, FeedState, Offer, Pulled
from connectors.network import Source, resolve_secret

#: Key of `range_checksums` that is no range: the cursor value below which the source must not fall.
CURSOR_FLOOR = "cursor floor"


@dataclass(frozen=True, slots=True)
class _Window:
    """What one pull reads: `where`, delivered as `kind` over `interval` (for kind range)."""

    kind: DeliveryKind
    where: sa.ColumnElement[bool]
    interval: Interval | None = None
    checksums: Mapping[str, str] | None = None


class DatabaseConnector:
    """One feed of one database source (see `connectors.interface.Connector`).

    `fast=False` keeps PostgreSQL to the portable way of reading; the rows are the same.
    """

    def __init__(self, contract: FeedContract, source_name: str, source: Source, *, fast: bool = True) -> None:
        self.contract = contract
        self.source_name = source_name
        self.source = source
        self.fast = fast
        self.feed_id = f"{source_name}.{contract.feed}"
        self._check_contract()
        self.record_name, self.record = next(iter(contract.records.items()))

    def _check_contract(self) -> None:
        change, where = self.contract.change, f"feed {self.contract.feed}"
        if not isinstance(self.contract.transport, DatabaseTransport) or self.contract.format.kind != "table":
            raise ConfigurationError("a database feed has transport database and format table", location=where)
        if len(self.contract.records) != 1:
            raise ConfigurationError("a table has one kind of row", location=where, hint="Write one feed per table")
        if change.mode == "edi":
            raise ConfigurationError("change.mode edi is not for tables", location=where)
        if change.mode == "incremental" and not change.cursor:
            raise ConfigurationError(
                "change.mode incremental needs change.cursor", location=where, hint="Name it, or use mode snapshot"
            )

    @property
    def table(self) -> str:
        """Schema and table as one reads them in a message."""
        transport = self.contract.transport
        assert isinstance(transport, DatabaseTransport)
        return f"{transport.schema_name}.{transport.table}" if transport.schema_name else transport.table

    def discover(self, state: FeedState, *, sweep: bool) -> Iterator[Offer]:
        """One offer: the whole table, what changed, or (nightly) a sweep. Does not connect."""
        name, kind = self._intent(state, sweep)
        yield Offer(self.source_name, self.contract.feed, f"{self.table} {name}", kind, detail={"intent": name})

    def _intent(self, state: FeedState, sweep: bool) -> tuple[str, DeliveryKind]:
        change = self.contract.change
        if change.mode == "snapshot":
            return "snapshot", "snapshot"
        if change.mode == "append":
            return "append", "append"
        if state.cursor_hi is None:
            return "baseline", "range"
        return ("sweep", "range") if sweep and change.sweep else ("changes", "incremental")

    def pull(self, offer: Offer, state: FeedState, target: Path) -> Pulled | None:
        """Write one extract to `target`, as Parquet. None: nothing changed.

        Raises TransientSourceError, PermanentSourceError; ContractViolation where the source was restored to an
        older point or its cursor changed type: then a new baseline is needed.
        """
        try:
            engine = open_engine(self._url(), self.feed_id)
            with translated(engine, self.feed_id, self.table):
                return self._pull(engine, offer.detail["intent"], state, target)
        except ConcordError as error:
            error.feed = error.feed or self.feed_id
            error.location = error.location or self.table
            raise

    def _url(self) -> str:
        if self.source.url is None:
            raise ConfigurationError(
                f"source {self.source_name} has no url", hint="Give it one in the network file (env:NAME)"
            )
        return resolve_secret(self.source.url)

    def _pull(self, engine: Engine, intent: str, state: FeedState, target: Path) -> Pulled | None:
        lag = timedelta(seconds=self.contract.change.lag_seconds)
        with engine.connect() as connection:
            plan = plan_table(connection, self.contract, self.record, self.source)
            connection.rollback()
            seen = horizon(connection, lag, self.source.stands_at)  # before the snapshot: see there
            with snapshot(connection) as snap:
                if plan.cursor is not None and state.cursor_hi is not None:
                    self._check_not_older(snap, plan, plan.cursor, seen, state)
                window = self._window(snap, plan, intent, state, target)
                return None if window is None else self._extract(snap, plan, window, seen, state, target)

    def _check_not_older(
        self, connection: Connection, plan: TablePlan, cursor: Cursor, seen: Horizon, state: FeedState
    ) -> None:
        stored = str(state.cursor_hi)
        check_cursor_form(cursor, stored)
        lag = timedelta(seconds=self.contract.change.lag_seconds)
        if floor_cursor(cursor, seen.clock + lag) < stored:
            raise ContractViolation(
                f"the source's clock says {floor_cursor(cursor, seen.clock)}, the stored watermark is {stored}",
                hint="Was it restored to an older point? Start the feed again from a new baseline",
            )
        floor, newest = state.range_checksums.get(CURSOR_FLOOR), newest_cursor(connection, plan, cursor)
        if floor is not None and newest is not None and newest < floor:
            raise ContractViolation(
                f"the newest row of the source is of {newest}, rows of {floor} were read before",
                hint="Was it restored to an older point? Start the feed again from a new baseline",
            )

    def _window(
        self, connection: Connection, plan: TablePlan, intent: str, state: FeedState, target: Path
    ) -> _Window | None:
        if intent in ("snapshot", "append"):
            return _Window("append" if intent == "append" else "snapshot", sa.true())
        assert plan.cursor is not None
        if intent == "changes" and state.cursor_hi is not None:
            return _Window("incremental", changed_since(plan, plan.cursor, state.cursor_hi))
        if intent == "baseline":
            return _Window("range", sa.true(), (None, None))
        odd = count(connection, plan, sa.true()).odd
        now = checksums(connection, plan, odd, self.contract.change.sweep_range_rows, beside(target))
        before = {label: value for label, value in state.range_checksums.items() if label != CURSOR_FLOOR}
        span = dirty_span(before, now)
        return None if span is None else _Window("range", inside(plan, span), span, now)

    def _extract(
        self, connection: Connection, plan: TablePlan, window: _Window, seen: Horizon, state: FeedState, target: Path
    ) -> Pulled | None:
        counted = count(connection, plan, window.where)
        if window.kind == "incremental" and not counted.rows:
            return None
        key_range = _key_range(window.interval)
        metadata = {"concord.kind": window.kind, "concord.range": "..".join(end or "" for end in key_range or ())}
        statement = extract(plan, window.where, counted.odd)
        written = extract_to(connection, plan, statement, counted.odd, target, metadata, fast=self.fast)
        check_complete(written, counted.rows, counted.totals, self.table)
        pulled = self._pulled(plan, window.kind, counted, seen, state)
        if plan.cursor is None:
            return pulled
        hi = _watermark(plan.cursor, seen, state.cursor_hi)
        if window.kind == "incremental":
            return replace(pulled, cursor_lo=state.cursor_hi, cursor_hi=hi)
        ranges = window.checksums or self._baseline(connection, plan, counted, target)
        floor = cursor_floor(connection, plan, plan.cursor)
        return replace(
            pulled,
            cursor_hi=hi,
            key_range=key_range,
            range_checksums={**ranges, **({CURSOR_FLOOR: floor} if floor else {})},
        )

    def _baseline(self, connection: Connection, plan: TablePlan, counted: Counted, target: Path) -> Mapping[str, str]:
        """Checksums of a table that has just been written to `target` as a whole; none where nothing would compare."""
        if not self.contract.change.sweep:
            return {}
        return checksums(
            connection, plan, counted.odd, self.contract.change.sweep_range_rows, beside(target), whole=target
        )

    def _pulled(self, plan: TablePlan, kind: DeliveryKind, counted: Counted, seen: Horizon, state: FeedState) -> Pulled:
        odd = (f"column {name!r} landed as text: it holds values its type has no room for" for name in counted.odd)
        return Pulled(
            kind=kind,
            as_of=_as_of(seen, state) if self.contract.as_of_origin == "content" else None,
            rows_declared=counted.rows,
            control_totals=counted.totals,
            notices=(*plan.notices, *sorted(odd), *([seen.notice] if seen.notice else [])),
            is_dated=seen.is_told,
        )

    def read(self, delivery: Delivery) -> Iterator[Batch]:
        """Typed rows and rejects of a landed extract, from the file alone."""
        return read_table(delivery, self.record_name, self.record, self.source)


def beside(target: Path) -> Path:
    """Where a sweep may keep rows while it hashes them."""
    return target.with_name(f"{target.name}.sweep")


def _as_of(seen: Horizon, state: FeedState) -> datetime:
    """When an extract counts from. Of a copy that is read twice as it stands the later extract follows the first."""
    if seen.is_told and state.last_as_of is not None and state.last_as_of >= seen.clock:
        return state.last_as_of + timedelta(microseconds=1)
    return seen.clock


def _watermark(cursor: Cursor, seen: Horizon, stored: str | None) -> str:
    """The next lower bound. Never goes back; stays where it is while a prepared transaction is open."""
    if stored is None:
        return floor_cursor(cursor, seen.bound)
    return stored if seen.held else max(stored, floor_cursor(cursor, seen.bound))


def _key_range(interval: Interval | None) -> tuple[str | None, str | None] | None:
    if interval is None:
        return None
    lo, hi = interval
    return (None if lo is None else str(lo), None if hi is None else str(hi))
