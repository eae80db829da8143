"""What passes between a source and the store: offers, deliveries, batches, rejects, the Connector.

Here: plain immutable values and one Protocol. Not here: any reading, parsing or storing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

import pyarrow as pa

DeliveryKind = Literal["snapshot", "incremental", "range", "append", "edi"]
Severity = Literal["error", "warn"]

#: Column of every batch: 1-based place of the row in its delivery. A physical line number for
#: delimited files (header = line 1), the segment ordinal for X12, the row ordinal for a table extract.
ROW_NO = "_source_row_no"


@dataclass(frozen=True, slots=True)
class FeedState:
    """What the store already holds of one feed; the input of `Connector.discover`.

    `cursor_hi`: maximum upper bound over applied deliveries, text at the source's native precision.
    `last_sha256`: content of the last applied delivery in sequence order.
    `seen`: offer fingerprint -> delivery id, for offers already landed (an unchanged file is not read again).
    `range_checksums`: key range -> checksum, from the last applied baseline or sweep.
    """

    cursor_hi: str | None = None
    last_as_of: datetime | None = None
    last_sha256: str | None = None
    seen: Mapping[str, str] = field(default_factory=dict)
    range_checksums: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing a source holds that landing may not have: a file, or an extract window of a table.

    `fingerprint` identifies the unread thing cheaply (path, size, mtime), None where that is impossible.
    `detail` is private to the connector that made the offer.
    """

    source: str
    feed: str
    name: str
    kind: DeliveryKind
    as_of: datetime | None = None
    fingerprint: str | None = None
    detail: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pulled:
    """What `Connector.pull` learnt while writing the bytes.

    `as_of` (UTC, aware): business time of the content; orders deliveries of a feed whatever order they
    arrive in. None: the store uses the time of landing. `is_dated`: the source says it of itself; else the as-of of a
    live source is only when it was read, and all feeds of a sync count from one moment.
    `key_range`: for kind "range", the half-open key interval (lo, hi) that the rows are the whole of;
    None on either side is unbounded.
    """

    kind: DeliveryKind
    as_of: datetime | None = None
    rows_declared: int | None = None
    control_totals: Mapping[str, str] = field(default_factory=dict)
    cursor_lo: str | None = None
    cursor_hi: str | None = None
    key_range: tuple[str | None, str | None] | None = None
    range_checksums: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    is_dated: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """One immutable delivery in landing. `path` is the data file; the rest is its manifest.

    `delivery_id` is derived from feed, content hash and as-of: the same delivery has the same id in
    every home. `sequence` sorts the deliveries of a feed (as-of, then content hash).
    """

    delivery_id: str
    source: str
    feed: str
    name: str
    path: Path
    sha256: str
    bytes: int
    kind: DeliveryKind
    as_of: datetime
    landed_ts: datetime
    rows_declared: int | None = None
    control_totals: Mapping[str, str] = field(default_factory=dict)
    cursor_lo: str | None = None
    cursor_hi: str | None = None
    key_range: tuple[str | None, str | None] | None = None
    range_checksums: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    @property
    def feed_id(self) -> str:
        """`source.feed`, the name of a feed in one network."""
        return f"{self.source}.{self.feed}"

    @property
    def sequence(self) -> str:
        """Sortable text: as-of in UTC at microseconds, then content hash."""
        return f"{self.as_of.strftime('%Y-%m-%dT%H:%M:%S.%fZ')}|{self.sha256}"


@dataclass(frozen=True, slots=True)
class Reject:
    """One refused piece of a delivery, with its exact place.

    `record`: the record kind of the contract ("main" where there is one kind only).
    `row_no`: as in `ROW_NO`, 0 for a reject of the delivery as a whole. `location`: the place for a
    person: "line 17, column 'qty'" or "interchange 000031033, group 1, set 0001, segment 12 (PO1), element 2".
    `rule_id`: short stable name (`type.decimal`, `key.missing`, `x12.se_count`). `raw`: the offending
    value or line; columns marked `phi` in the contract are masked before this object exists.
    `rows`: how many data rows this reject stands for (a broken EDI set or an unread file tail is one
    reject for many rows; 0 where unknown). `key`: the key of the refused row (its key columns as text, joined by
    "|"), where they could be read: a snapshot then knows that the row is there, though refused.
    """

    record: str
    row_no: int
    location: str
    rule_id: str
    reason: str
    raw: str | None = None
    column: str | None = None
    byte_offset: int | None = None
    severity: Severity = "error"
    rows: int = 1
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Typed rows of one record kind, and the rows refused beside them.

    `rows`: the contract's columns (its names, its types) plus `ROW_NO` (int64). May be empty.
    """

    record: str
    rows: pa.RecordBatch
    rejects: tuple[Reject, ...] = ()


class Connector(Protocol):
    """How one feed of one source arrives. Knows no store, no Dagster.

    `discover` lists cheaply what there is (no content is read). `pull` copies one offer's bytes to
    `target` and returns what it learnt, or None when there turned out to be nothing new. `read` parses
    landed bytes under the contract: it must work from the delivery alone, years later, with the source gone.
    Raises TransientSourceError, PermanentSourceError, ContractViolation.
    """

    def discover(self, state: FeedState, *, sweep: bool) -> Iterator[Offer]:
        """What there is to pull; a sweep also looks for deletes and silent updates."""
        ...

    def pull(self, offer: Offer, state: FeedState, target: Path) -> Pulled | None:
        """Write one offer's bytes to `target`."""
        ...

    def read(self, delivery: Delivery) -> Iterator[Batch]:
        """Typed rows and rejects of landed bytes."""
        ...
