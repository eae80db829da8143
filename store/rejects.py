"""Keeping what was refused: `ops.rejected_record`.

Here: writing the rejects of a delivery that was read, for the first time or again. Not here: finding them
(`store.spool`, `store.apply`), showing, replaying and waiving them (`store.quarantine`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import duckdb

from connectors.interface import Delivery
from store.working import sql

if TYPE_CHECKING:
    from store.control import Waiver


def add(
    con: duckdb.DuckDBPyConnection,
    rule_id: str,
    reason: str,
    *,
    severity: str = "error",
    rows: int = 0,
    location: str = "the delivery as a whole",
    raw: str | None = None,
) -> None:
    """Add a reject of the delivery as a whole to `temp.rejects`. `rows`: rows refused with it."""
    con.execute(
        "INSERT INTO temp.rejects BY NAME SELECT '' AS record, 0 AS row_no, $location AS location, "
        "$rule_id AS rule_id, $reason AS reason, $severity AS severity, $rows AS row_count, $raw AS raw, "
        "FALSE AS from_reader",
        {
            "location": location,
            "rule_id": rule_id,
            "reason": reason,
            "severity": severity,
            "rows": rows,
            "raw": raw,
        },
    )


def keep(
    con: duckdb.DuckDBPyConnection,
    delivery: Delivery,
    waivers: Sequence[Waiver],
    *,
    now: datetime,
    change_seq: int,
    taken: bool,
    repeated: bool,
) -> None:
    """Make `temp.rejects` what is known of this delivery's refused rows.

    A reject of an earlier reading that is not among them was `replayed` if the delivery is `taken` now and nothing
    else is wrong with its row; else it is replaced by what is wrong now. Of a delivery that turns out to be `repeated`
    (it says what the one before it said) none is kept: that one has them.
    """
    identity = {"delivery_id": delivery.delivery_id}
    con.execute(sql("staging/number_rejects"), identity)
    con.execute(
        "CREATE OR REPLACE TEMP TABLE earlier AS SELECT reject_id, recorded_ts FROM ops.rejected_record "
        "WHERE delivery_id = $delivery_id",
        identity,
    )
    _retire(con, delivery, change_seq, replaced=repeated or not taken)
    _write_waivers(con, [waiver for waiver in waivers if waiver.delivery_id == delivery.delivery_id])
    con.execute(
        sql("staging/insert_rejects"),
        {
            **identity,
            "feed": delivery.feed_id,
            "source_system": delivery.source,
            "now": now,
            "change_seq": change_seq,
        },
    )


def _write_waivers(con: duckdb.DuckDBPyConnection, waivers: Sequence[Waiver]) -> None:
    """`temp.waivers`: what people let pass of the delivery at hand."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE waivers "
        "(reject_id VARCHAR, rule_id VARCHAR, who VARCHAR, ts TIMESTAMPTZ, reason VARCHAR)"
    )
    if waivers:
        rows = [(w.reject_id, w.rule_id, w.who, w.ts, w.reason) for w in waivers]
        con.executemany("INSERT INTO temp.waivers VALUES (?, ?, ?, ?, ?)", rows)


def _retire(con: duckdb.DuckDBPyConnection, delivery: Delivery, change_seq: int, *, replaced: bool) -> None:
    """Earlier rejects of the delivery that are refused again, refused otherwise, or not refused any more."""
    con.execute(
        "DELETE FROM ops.rejected_record AS p WHERE p.delivery_id = $delivery_id AND ("
        "$replaced OR EXISTS (SELECT 1 FROM temp.numbered AS n WHERE n.reject_id = p.reject_id"
        " OR (n.record = p.record AND n.row_no = p.row_no)))",
        {"delivery_id": delivery.delivery_id, "replaced": replaced},
    )
    con.execute(
        "UPDATE ops.rejected_record SET state = 'replayed', replay_delivery_id = $delivery_id, "
        "change_seq = $change_seq WHERE delivery_id = $delivery_id AND state <> 'replayed'",
        {"delivery_id": delivery.delivery_id, "change_seq": change_seq},
    )
