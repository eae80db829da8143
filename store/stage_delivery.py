"""One delivery: read, checked, applied or refused, and recorded. Part of a transaction that `store.staging` opened.

Here: the steps of one delivery and what `ops.delivery` says of it. Not here: which deliveries, in which order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import duckdb

from connectors.contract import FeedContract
from connectors.errors import ContractViolation
from connectors.interface import Delivery
from store import apply, rejects
from store.apply import Counts, Guard
from store.crash import crash_point, register
from store.feed_tables import FeedTable, is_empty
from store.landing import names_seen, verify
from store.spool import Inlet, Read, Spooled, load_first, new_rejects, refuse_bad_keys, spool
from store.working import any_row, sql

if TYPE_CHECKING:
    from store.control import Waiver

State = Literal["applied", "unchanged", "duplicate", "quarantined"]

register("staging.before_apply", "staging.after_apply")


@dataclass(frozen=True, slots=True)
class DeliveryStaged:
    """What became of one delivery.

    `reason`: of a quarantine, as "rule: text". `notices`: what an operator may want to know.
    """

    delivery_id: str
    name: str
    state: State
    rows_read: int = 0
    rows_accepted: int = 0
    rows_rejected: int = 0
    rows_changed: int = 0
    rows_deleted: int = 0
    reason: str | None = None
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stage:
    """What all deliveries of a feed share while they are staged."""

    con: duckdb.DuckDBPyConnection
    contract: FeedContract
    contract_hash: str
    tables: Mapping[str, FeedTable]
    read: Read
    waivers: Sequence[Waiver]

    @property
    def last_wins(self) -> bool:
        """Whether a later row of a delivery corrects an earlier one with the same key."""
        return self.contract.change.mode in ("append", "edi")

    def waived_rules(self, delivery_id: str) -> set[str]:
        """Guards that a steward has waived for a delivery."""
        mine = (w for w in self.waivers if w.delivery_id == delivery_id and w.reject_id is None)
        return {waiver.rule_id for waiver in mine if waiver.rule_id is not None}


@dataclass(frozen=True, slots=True)
class _Reading:
    """A delivery that was read. `tables`: those it says anything of; `relations`: where the accepted rows of each are;
    `totals`: control totals."""

    spooled: Spooled
    tables: list[FeedTable]
    relations: list[str]
    totals: dict[str, str]
    is_loaded: bool


def stage_delivery(
    stage: Stage,
    delivery: Delivery,
    change_seq: int,
    *,
    predecessor: Delivery | None,
    was_applied: bool,
    is_new: bool = False,
) -> DeliveryStaged:
    """Apply, skip or quarantine one delivery, and record which. Everything earlier in sequence order is applied.

    `predecessor`: the last delivery before it that was not quarantined. `was_applied`: it was applied before, and has
    been taken back. `is_new`: nothing of it is on record. Raises LandingCorrupt when its bytes have changed.
    """
    crash_point("staging.before_apply")
    new_rejects(stage.con)
    totals: dict[str, str] = {}
    if predecessor is not None and same_content(predecessor, delivery):
        # Equal content right after itself can change nothing.
        result = DeliveryStaged(delivery.delivery_id, delivery.name, "duplicate", notices=delivery.notices)
    else:
        verify(delivery)
        result, totals = _stage(stage, delivery, change_seq, was_applied=was_applied)
    now = datetime.now(UTC)
    taken = result.state != "quarantined"
    repeated = result.state == "duplicate"
    if not is_new or any_row(stage.con, "SELECT 1 FROM temp.rejects"):
        rejects.keep(stage.con, delivery, stage.waivers, now=now, change_seq=change_seq, taken=taken, repeated=repeated)
    if not is_new:
        stage.con.execute("DELETE FROM ops.delivery WHERE delivery_id = ?", [delivery.delivery_id])
    _record(stage, delivery, result, totals, now, change_seq)
    crash_point("staging.after_apply")
    return result


def same_content(one: Delivery, other: Delivery) -> bool:
    """Whether two deliveries say the same: bytes, kind, range and what the source declares of them."""
    return _content(one) == _content(other)


def _content(delivery: Delivery) -> tuple[object, ...]:
    totals = sorted(delivery.control_totals.items())
    return (delivery.sha256, delivery.kind, delivery.key_range, delivery.rows_declared, totals)


def _stage(
    stage: Stage, delivery: Delivery, change_seq: int, *, was_applied: bool
) -> tuple[DeliveryStaged, dict[str, str]]:
    reading = _read(stage, delivery, change_seq)
    violation = reading.spooled.violation
    if violation is not None:
        return _refused_violation(stage, delivery, reading.spooled.rows, violation, was_applied), {}
    tables = reading.tables
    counts = apply.count_rows(stage.con, tables, reading.relations, reading.spooled.rows)
    guards = apply.find_guards(stage.contract, delivery, counts, reading.totals)
    gone = apply.Gone() if reading.is_loaded else apply.find_gone(stage.con, stage.contract, tables, delivery)
    guards += [gone.guard] if gone.guard is not None else []
    standing = _standing(stage, delivery, guards)
    if standing:
        if reading.is_loaded:
            stage.con.execute(f"DELETE FROM {tables[0].staged}")
        return _refused(stage, delivery, counts, standing, was_applied), reading.totals
    changed = reading.spooled.rows if reading.is_loaded else _write(stage, tables, delivery, change_seq, gone)
    return _applied(stage, delivery, counts, changed, gone), reading.totals


def _read(stage: Stage, delivery: Delivery, change_seq: int) -> _Reading:
    """Read a delivery: the first of a feed straight into its table, any other into the spool."""
    con, tables = stage.con, list(stage.tables.values())
    if len(tables) == 1 and is_empty(con, tables[0]):
        values = apply.stamp(delivery, change_seq)
        first = load_first(con, Inlet(stage.read, delivery, stage.tables), tables[0], values)
        if first is not None:
            staged = [tables[0].staged]
            return _Reading(first, tables, staged, apply.actual_totals(con, tables, staged, delivery), is_loaded=True)
    spooled = spool(con, Inlet(stage.read, delivery, stage.tables), stage.tables)
    tables = [table for table in tables if table.record in spooled.filled]
    relations = [table.spool for table in tables]
    if spooled.violation is not None:
        return _Reading(spooled, tables, relations, {}, is_loaded=False)
    # Control totals are of all rows, so they are taken before rows are refused for their keys.
    totals = apply.actual_totals(con, tables, relations, delivery)
    for table in tables:
        refuse_bad_keys(con, table, last_wins=stage.last_wins)
    return _Reading(spooled, tables, relations, totals, is_loaded=False)


def _write(stage: Stage, tables: Sequence[FeedTable], delivery: Delivery, change_seq: int, gone: apply.Gone) -> int:
    """Write what changed; how many rows are new or different."""
    values = apply.stamp(delivery, change_seq)
    total = 0
    for table in tables:
        changed, replaced = apply.find_changes(stage.con, stage.contract, table, delivery)
        if changed or gone.rows:
            apply.write_changes(stage.con, table, values, replaces=replaced > 0, deletes=gone.rows > 0)
        total += changed
    return total


def _standing(stage: Stage, delivery: Delivery, guards: Sequence[Guard]) -> list[Guard]:
    """Guards that no steward has waived; the waived ones leave a remark."""
    waived = stage.waived_rules(delivery.delivery_id)
    for guard in guards:
        if guard.rule_id in waived:
            rejects.add(stage.con, guard.rule_id, guard.reason, severity="warn")
    return [guard for guard in guards if guard.rule_id not in waived]


# -- outcomes ---------------------------------------------------------------------------------------


def _applied(stage: Stage, delivery: Delivery, counts: Counts, changed: int, gone: apply.Gone) -> DeliveryStaged:
    remarks = list(_remarks(stage.contract, counts, gone))
    for rule_id, text in remarks:
        rejects.add(stage.con, rule_id, text, severity="warn")
    return DeliveryStaged(
        delivery_id=delivery.delivery_id,
        name=delivery.name,
        state="applied" if changed or gone.rows else "unchanged",
        rows_read=counts.read,
        rows_accepted=counts.accepted,
        rows_rejected=counts.rejected,
        rows_changed=changed,
        rows_deleted=gone.rows,
        notices=(*delivery.notices, *(text for _, text in remarks)),
    )


def _remarks(contract: FeedContract, counts: Counts, gone: apply.Gone) -> list[tuple[str, str]]:
    """(rule, text) of what is odd and yet no reason to refuse the delivery."""
    most = contract.volume.max_rows
    remarks: list[tuple[str, str]] = []
    if most is not None and counts.read > most:
        remarks.append(("volume.max_rows", f"{counts.read} rows, the contract expects at most {most}"))
    if gone.deferred:
        text = f"{gone.deferred} rows are missing and not taken for deleted: refused rows without a key may be them"
        remarks.append(("delete.deferred", text))
    return remarks


def _refused(
    stage: Stage, delivery: Delivery, counts: Counts, guards: Sequence[Guard], was_applied: bool
) -> DeliveryStaged:
    """Quarantine by guards: nothing of it is applied, so all its rows are refused."""
    for number, guard in enumerate(guards):
        rejects.add(stage.con, guard.rule_id, guard.reason, rows=counts.accepted if number == 0 else 0)
    reason = f"{guards[0].rule_id}: {guards[0].reason}"
    return _quarantined(delivery, counts.read, reason, was_applied)


def _refused_violation(
    stage: Stage, delivery: Delivery, rows: int, violation: ContractViolation, was_applied: bool
) -> DeliveryStaged:
    rejects.add(
        stage.con,
        "contract.violation",
        violation.message,
        rows=rows,
        location=violation.location or "the delivery as a whole",
        raw=violation.key,
    )
    return _quarantined(delivery, rows, f"contract.violation: {violation}", was_applied)


def _quarantined(delivery: Delivery, rows: int, reason: str, was_applied: bool) -> DeliveryStaged:
    lost = ("it was applied before and is refused now: its rows are no longer staged",) if was_applied else ()
    return DeliveryStaged(
        delivery.delivery_id,
        delivery.name,
        "quarantined",
        rows_read=rows,
        rows_rejected=rows,
        reason=reason,
        notices=(*delivery.notices, *lost),
    )


def _record(
    stage: Stage,
    delivery: Delivery,
    result: DeliveryStaged,
    totals: Mapping[str, str],
    now: datetime,
    change_seq: int,
) -> None:
    """The delivery's row of `ops.delivery`; the cursor of the feed is the maximum over these rows."""
    lo, hi = delivery.key_range or (None, None)
    stage.con.execute(
        sql("staging/insert_delivery"),
        {
            "delivery_id": delivery.delivery_id,
            "feed": delivery.feed_id,
            "source_system": delivery.source,
            "name": delivery.name,
            "names_seen": names_seen(delivery),
            "sha256": delivery.sha256,
            "bytes": delivery.bytes,
            "kind": delivery.kind,
            "as_of_ts": delivery.as_of,
            "sequence": delivery.sequence,
            "cursor_lo": delivery.cursor_lo,
            "cursor_hi": delivery.cursor_hi,
            "key_range_lo": lo,
            "key_range_hi": hi,
            "range_checksums": _json(delivery.range_checksums),
            "rows_declared": delivery.rows_declared,
            "rows_read": result.rows_read,
            "rows_accepted": result.rows_accepted,
            "rows_rejected": result.rows_rejected,
            "rows_changed": result.rows_changed,
            "rows_deleted": result.rows_deleted,
            "control_total_declared": _json(delivery.control_totals),
            "control_total_actual": _json(totals),
            "landed_ts": delivery.landed_ts,
            "loaded_ts": now,
            "state": result.state,
            "reason": result.reason,
            "notices": list(result.notices),
            "change_seq": change_seq,
            "contract_version": stage.contract.contract_version,
            "contract_hash": stage.contract_hash,
        },
    )


def _json(values: Mapping[str, str]) -> str | None:
    return json.dumps(dict(values), sort_keys=True) if values else None
