"""A source for tests: deliveries are JSON, read back as Arrow batches under the contract.

Here: a connector that runs for real through landing and staging. Not here: any real format.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from connectors.contract import FeedContract
from connectors.errors import ContractViolation
from connectors.interface import Batch, Delivery, DeliveryKind, FeedState, Offer, Pulled, Reject
from store.feed_tables import feed_tables
from store.landing import Landed, Landing
from store.staging import FeedStaged, stage_feed
from store.working import Working

DAY_ZERO = datetime(2026, 1, 1, tzinfo=UTC)
Row = dict[str, Any]


def day(number: float) -> datetime:
    """A moment `number` days after the beginning."""
    return DAY_ZERO + timedelta(days=number)


def contract(mode: str = "snapshot", columns: Mapping[str, str] | None = None, **extra: Any) -> FeedContract:
    """A contract of the feed `stock`: key `id`, columns name -> type."""
    columns = columns or {"id": "VARCHAR", "qty": "DECIMAL(18,4)", "note": "VARCHAR"}
    fields: dict[str, Any] = {
        "feed": "stock",
        "system": "test",
        "description": "stock",
        "owner": "tests",
        "transport": {"kind": "file", "path": "*"},
        "format": {"kind": "delimited"},
        "change": {"mode": mode, "max_delete_fraction": 1},
        "reject_threshold": 0.5,
        "key": ["id"],
        "columns": [
            {"source": name, "name": name, "type": kind, "description": name} for name, kind in columns.items()
        ],
    }
    return FeedContract.model_validate(fields | extra)


@dataclass(frozen=True)
class Sent:
    """What the source hands over: rows (of the record main unless a row says `_record`), and what to refuse."""

    rows: Sequence[Row]
    as_of: datetime | None = None
    name: str = "stock.csv"
    kind: DeliveryKind = "snapshot"
    fingerprint: str | None = "f"
    rejects: Sequence[Mapping[str, Any]] = ()
    violation: str | None = None
    pulled: Mapping[str, Any] = field(default_factory=dict)

    @property
    def offer(self) -> Offer:
        """The offer of this delivery."""
        print_ = None if self.fingerprint is None else f"{self.name}{self.as_of}"
        return Offer("erp", "stock", self.name, self.kind, self.as_of, print_)


class FakeConnector:
    """Hands over one `Sent` and reads any delivery that was made from one."""

    def __init__(self, contract: FeedContract, sent: Sent | None = None) -> None:
        self.contract = contract
        self.sent = sent
        self.reads = 0

    def discover(self, state: FeedState, *, sweep: bool) -> Iterator[Offer]:
        if self.sent is not None:
            yield self.sent.offer

    def pull(self, offer: Offer, state: FeedState, target: Path) -> Pulled | None:
        assert self.sent is not None
        content = {"rows": list(self.sent.rows), "rejects": list(self.sent.rejects), "violation": self.sent.violation}
        target.write_text(json.dumps(content, default=str, sort_keys=True), encoding="utf-8")
        return Pulled(kind=self.sent.kind, as_of=self.sent.as_of, **self.sent.pulled)

    def read(self, delivery: Delivery) -> Iterator[Batch]:
        self.reads += 1
        content = json.loads(delivery.path.read_text(encoding="utf-8"))
        tables = {table.record: table for table in feed_tables(self.contract, "erp")}
        refused = {reject["row_no"] for reject in content["rejects"] if reject.get("rows", 1) == 1}
        numbered = [(n, row) for n, row in enumerate(content["rows"], start=2) if n not in refused]
        rejects = tuple(
            Reject(**{"record": "main", "location": "line", "reason": "bad", **r}) for r in content["rejects"]
        )
        for record, table in tables.items():
            mine = [(n, row) for n, row in numbered if row.get("_record", "main") == record]
            for part in (mine[:2], mine[2:]):
                yield Batch(record, _batch(part, table.arrow_schema), rejects)
                rejects = ()
        if content["violation"]:
            raise ContractViolation(content["violation"], location="line 1")


def _batch(rows: Sequence[tuple[int, Row]], schema: pa.Schema) -> pa.RecordBatch:
    columns = [
        pa.array([n if f.name == "_source_row_no" else _value(row.get(f.name), f.type) for n, row in rows], f.type)
        for f in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _value(value: Any, kind: pa.DataType) -> Any:
    if value is None:
        return None
    if pa.types.is_decimal(kind):
        return Decimal(str(value))
    if pa.types.is_timestamp(kind):
        return datetime.fromisoformat(value)
    if pa.types.is_date(kind):
        return date.fromisoformat(value)
    return value


def land(landing: Landing, contract: FeedContract, sent: Sent) -> Landed:
    """Pull one delivery into landing."""
    return landing.pull(FakeConnector(contract, sent), sent.offer, FeedState())


def stage(working: Working, landing: Landing, contract: FeedContract, **options: Any) -> FeedStaged:
    """Stage what landing holds."""
    deliveries = landing.deliveries("erp", contract.feed)
    return stage_feed(working, contract, "erp", deliveries, FakeConnector(contract).read, **options)


def content(working: Working, contract: FeedContract) -> dict[str, list[tuple[Any, ...]]]:
    """Staged and history rows without the change counter: what must be a function of the set of deliveries."""
    found = {}
    for table in feed_tables(contract, "erp"):
        for name in (table.staged, table.history):
            query = f"SELECT COLUMNS(lambda c: c NOT LIKE '_change_seq%') FROM {name} ORDER BY ALL"
            found[name] = working.con.execute(query).fetchall()
    return found


def current(working: Working, columns: str = "id, qty, _is_deleted") -> list[tuple[Any, ...]]:
    """Current rows of the feed `stock`."""
    return working.con.execute(f'SELECT {columns} FROM staged."erp__stock" ORDER BY ALL').fetchall()
