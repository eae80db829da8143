"""Quarantine for people: what was refused and why, trying it again, and letting it pass.

Here: listing, showing, replaying and waiving. Not here: refusing (`store.apply`, `store.spool`), writing rejects
(`store.rejects`). Raw values are shown as they were kept: columns marked `phi` were masked before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from connectors.contract import FeedContract
from connectors.errors import ConcordError
from connectors.interface import Delivery
from store.landing import Landing
from store.spool import Read
from store.staging import FeedStaged, stage_feed
from store.working import Working

if TYPE_CHECKING:
    from store.control import Control

#: Guards that a steward may waive, and the prefix of those of control totals.
WAIVABLE = frozenset({"guard.min_rows", "guard.reject_threshold", "guard.deletes", "totals.rows"})
_TOTALS = "totals."


class NothingQuarantined(ConcordError):
    """There is no such delivery or reject, or nothing of it is open."""


@dataclass(frozen=True, slots=True)
class RejectShown:
    """One refused piece of a delivery, as `ops.rejected_record` keeps it. `delivery_name`: its file or table."""

    reject_id: str
    delivery_id: str
    feed: str
    record: str
    row_no: int
    location: str
    byte_offset: int | None
    column_name: str | None
    rule_id: str
    reason: str
    severity: str
    raw: str | None
    row_count: int
    state: str
    waived_by: str | None
    waived_reason: str | None
    replay_delivery_id: str | None
    recorded_ts: datetime
    delivery_name: str | None


@dataclass(frozen=True, slots=True)
class DeliveryShown:
    """A delivery, what became of it, and what of it was refused. `truncated`: more rejects than are shown."""

    delivery_id: str
    feed: str
    name: str
    state: str
    reason: str | None
    rows_read: int
    rows_accepted: int
    rows_rejected: int
    as_of_ts: datetime
    loaded_ts: datetime
    rejects: tuple[RejectShown, ...]
    truncated: bool = False


_REJECT_COLUMNS = ", ".join(f"r.{name}" for name in RejectShown.__dataclass_fields__ if name != "delivery_name")
_REJECTS = (
    f"SELECT {_REJECT_COLUMNS}, d.name AS delivery_name FROM ops.rejected_record AS r "
    "LEFT JOIN ops.delivery AS d ON r.delivery_id = d.delivery_id"
)
_DELIVERY_FIELDS = [name for name in DeliveryShown.__dataclass_fields__ if name not in ("rejects", "truncated")]
_DELIVERY_COLUMNS = ", ".join(_DELIVERY_FIELDS)


def list_rejects(
    working: Working,
    *,
    feed: str | None = None,
    delivery_id: str | None = None,
    states: Sequence[str] = ("open",),
    severities: Sequence[str] = ("error", "warn"),
    limit: int | None = None,
) -> pa.Table:
    """Refused pieces, the latest delivery first, then by place. `feed`: `source.feed`. Columns of `RejectShown`."""
    query = (
        f"{_REJECTS} WHERE r.feed = coalesce($feed, r.feed) AND r.delivery_id = coalesce($delivery_id, r.delivery_id) "
        "AND list_contains($states, r.state) AND list_contains($severities, r.severity) "
        "ORDER BY r.recorded_ts DESC, r.feed, r.delivery_id, r.row_no, r.column_name, r.reject_id"
    )
    values: dict[str, object] = {"feed": feed, "delivery_id": delivery_id}
    values |= {"states": list(states), "severities": list(severities)}
    if limit is not None:
        query, values = f"{query} LIMIT $limit", values | {"limit": limit}
    return working.con.sql(query, params=values).to_arrow_table()


def quarantined_deliveries(
    working: Working, feed: str | None = None, *, open_only: bool = False
) -> list[DeliveryShown]:
    """Deliveries of which nothing is applied, the latest first, without their rejects.

    `open_only`: not those of which every reject was waived.
    """
    is_open = (
        "EXISTS (SELECT 1 FROM ops.rejected_record AS r WHERE r.delivery_id = d.delivery_id "
        "AND r.severity = 'error' AND r.state = 'open')"
    )
    rows = working.con.execute(
        f"SELECT {_DELIVERY_COLUMNS} FROM ops.delivery AS d WHERE d.state = 'quarantined' "
        f"AND d.feed = coalesce($feed, d.feed) AND {is_open if open_only else 'TRUE'} "
        "ORDER BY as_of_ts DESC, feed, delivery_id",
        {"feed": feed},
    ).fetchall()
    return [_shown(row) for row in rows]


def _shown(row: Sequence[Any], rejects: Sequence[RejectShown] = (), *, truncated: bool = False) -> DeliveryShown:
    fields: dict[str, Any] = dict(zip(_DELIVERY_FIELDS, row, strict=True))
    return DeliveryShown(**fields, rejects=tuple(rejects), truncated=truncated)


def show(working: Working, an_id: str, limit: int = 100) -> DeliveryShown:
    """The delivery of that id with its first rejects, or of a reject's id with that reject alone.

    Raises NothingQuarantined where neither exists.
    """
    one = working.con.execute(f"{_REJECTS} WHERE r.reject_id = ?", [an_id]).fetchall()
    delivery_id = one[0][1] if one else an_id
    delivery = working.con.execute(
        f"SELECT {_DELIVERY_COLUMNS} FROM ops.delivery WHERE delivery_id = ?", [delivery_id]
    ).fetchall()
    if not delivery:
        raise NothingQuarantined(
            f"there is no delivery and no reject {an_id}", hint="`concord quarantine list` shows the ids"
        )
    rejects = one or _rejects_of(working, delivery_id, limit + 1)
    shown = [RejectShown(*row) for row in rejects[:limit]]
    return _shown(delivery[0], shown, truncated=len(rejects) > limit)


def _rejects_of(working: Working, delivery_id: str, limit: int) -> list[tuple[Any, ...]]:
    return working.con.execute(
        f"{_REJECTS} WHERE r.delivery_id = ? ORDER BY r.row_no, r.column_name, r.reject_id LIMIT ?",
        [delivery_id, limit],
    ).fetchall()


def replay(
    working: Working,
    landing: Landing,
    contract: FeedContract,
    source: str,
    read: Read,
    delivery_id: str | None = None,
    *,
    control: Control | None = None,
    who: str = "operator",
    reason: str = "replay",
) -> FeedStaged:
    """Read a delivery again from landing under the contract as it is now; without an id, all that has open rejects.

    Exactly once in effect: what comes after it in sequence order is taken back and applied again in the same
    transaction. Rejects that pass now become `replayed`. With `control` the replay is put on record there, and the
    waivers given there hold. Raises NothingQuarantined where nothing of the feed is open.
    """
    deliveries = landing.deliveries(source, contract.feed)
    again = _to_replay(working, f"{source}.{contract.feed}", deliveries, delivery_id)
    waivers = control.waivers() if control is not None else []
    staged = stage_feed(working, contract, source, deliveries, read, waivers=waivers, again=again)
    if control is not None:
        for one in again:
            control.record_quarantine_action(delivery_id=one, action="replay", who=who, reason=reason)
    return staged


def _to_replay(working: Working, feed: str, deliveries: Sequence[Delivery], delivery_id: str | None) -> list[str]:
    rows = working.con.execute(
        "SELECT d.delivery_id FROM ops.delivery AS d WHERE d.feed = $feed "
        "AND (d.delivery_id = $delivery_id OR ($delivery_id IS NULL AND (d.state = 'quarantined' OR EXISTS ("
        "SELECT 1 FROM ops.rejected_record AS r WHERE r.delivery_id = d.delivery_id "
        "AND r.state = 'open' AND r.severity = 'error')))) ORDER BY d.sequence",
        {"feed": feed, "delivery_id": delivery_id},
    ).fetchall()
    there = {delivery.delivery_id for delivery in deliveries}
    found = [row[0] for row in rows if row[0] in there]
    if not found:
        what = f"delivery {delivery_id}" if delivery_id else "open reject"
        raise NothingQuarantined(
            f"there is no {what} to replay", feed=feed, hint="`concord quarantine list` shows what is open"
        )
    return found


def waive(working: Working, control: Control, an_id: str, *, who: str, reason: str) -> int:
    """Accept what was refused: a reject by its id, or all that is open of a delivery by its id. How many were.

    A waived row stays out and no longer counts as open. Where a guard refused the delivery as a whole, waiving it
    lets the delivery through at the next staging. Recorded in the control database first, so it outlives a rebuild.
    Raises NothingQuarantined where nothing is open.
    """
    rows = working.con.execute(
        "SELECT reject_id, delivery_id, rule_id, row_no FROM ops.rejected_record "
        "WHERE (reject_id = $id OR delivery_id = $id) AND state = 'open' ORDER BY reject_id",
        {"id": an_id},
    ).fetchall()
    if not rows:
        raise NothingQuarantined(f"nothing of {an_id} is open", hint="`concord quarantine list` shows what is open")
    for reject_id, delivery_id, rule_id, row_no in rows:
        is_guard = row_no == 0 and is_waivable(rule_id)
        control.record_quarantine_action(
            delivery_id=delivery_id,
            action="waive",
            who=who,
            reason=reason,
            reject_id=None if is_guard else reject_id,
            rule_id=rule_id,
        )
    with working.transaction() as change_seq:
        working.con.execute(
            "UPDATE ops.rejected_record SET state = 'waived', waived_by = $who, waived_reason = $reason, "
            "change_seq = $seq WHERE list_contains($ids, reject_id)",
            {"who": who, "reason": reason, "seq": change_seq, "ids": [row[0] for row in rows]},
        )
    return len(rows)


def is_waivable(rule_id: str) -> bool:
    """Whether waiving a reject of this rule lets its delivery through."""
    return rule_id in WAIVABLE or rule_id.startswith(_TOTALS)


#: What to do about a reject, by the first part of its rule, or by the whole of it.
_ADVICE = {
    "guard": "If the delivery is right as it is, waive its id: the next sync applies it. Else ask for another.",
    "totals": "Part of the delivery is probably missing: ask the sender for the whole. If it is right, waive its id.",
    "contract": "The delivery cannot be read as it is: ask the sender for another, or correct the contract and replay.",
    "schema": "The columns are not those of the contract: correct the contract (or ask the sender) and replay.",
    "type": "If the sender writes values this way, say so in the contract (format, sentinels, lookup) and replay. "
    "Else ask for a corrected file: its row takes effect by itself; then waive this one.",
    "lookup.miss": "Add the code to the column's lookup in the contract and replay, or ask the sender what it means.",
    "key": "Ask the sender which of the rows is right: a corrected file takes effect by itself; then waive these.",
    "csv": "The line is damaged, or the contract's dialect (delimiter, quote, encoding) is not the file's: "
    "correct the contract and replay, or ask the sender for another file.",
    "x12": "Ask the partner to send the document again; the sound ones of the file are loaded. Then waive this one.",
}


def advice(rule_id: str) -> str:
    """What a person can do about a reject of this rule, in a sentence or two."""
    family = rule_id.partition(".")[0]
    family = "type" if family in ("text", "time") else family
    return _ADVICE.get(rule_id) or _ADVICE.get(family) or _ADVICE["contract"]
