"""Staging: the deliveries of a feed, in sequence order, into its current rows and their history.

Here: which deliveries are applied, in which order and in which transactions. Not here: one delivery
(`store.stage_delivery`), its reading (`store.spool`), comparing and writing rows (`store.apply`).

Staged and history rows are a pure function of the *set* of deliveries in landing (and of the contract and the
waivers): a delivery that arrives late rewinds what came after it, and it all is applied again in order.
"""

from __future__ import annotations

import bisect
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from connectors.contract import FeedContract
from connectors.errors import PermanentSourceError
from connectors.interface import Delivery, FeedState
from store import apply
from store.feed_tables import contract_hash, drop_tables, ensure_tables, feed_tables, rewind
from store.landing import Landing, names_seen
from store.spool import Inlet, Read, new_rejects, spool
from store.stage_delivery import DeliveryStaged, Stage, State, same_content, stage_delivery
from store.working import Working, any_row, literal, quote

if TYPE_CHECKING:
    from store.control import Waiver

__all__ = ["DeliveryStaged", "FeedStaged", "ensure_tables", "feed_state", "stage_feed"]


@dataclass(frozen=True, slots=True)
class FeedStaged:
    """What one call of `stage_feed` did: the deliveries it processed, in the order it did so.

    `rewound`: deliveries that had been applied before were applied again. `change_seq`: of the last transaction,
    None where there was nothing to do.
    """

    feed: str
    deliveries: tuple[DeliveryStaged, ...] = ()
    rewound: bool = False
    change_seq: int | None = None

    def count(self, state: State) -> int:
        """Deliveries that ended in this state."""
        return sum(1 for delivery in self.deliveries if delivery.state == state)

    def total(self, column: str) -> int:
        """Sum of one of the row counts: rows_read, rows_accepted, rows_rejected, rows_changed, rows_deleted."""
        return sum(int(getattr(delivery, column)) for delivery in self.deliveries)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why deliveries were quarantined."""
        return tuple(f"{d.name}: {d.reason}" for d in self.deliveries if d.reason)

    @property
    def notices(self) -> tuple[str, ...]:
        """Notices of all deliveries."""
        return tuple(f"{d.name}: {notice}" for d in self.deliveries for notice in d.notices)


#: Deliveries that share a transaction: up to so many, and up to so many bytes together.
GROUP_DELIVERIES = 64
GROUP_BYTES = 1 << 20


class _Known(NamedTuple):
    """A delivery that was processed before."""

    sequence: str
    state: str
    reason: str | None
    names_seen: int
    loaded_ts: datetime | None


@dataclass(slots=True)
class _Feed:
    """One call of `stage_feed` at work. `known`: deliveries processed so far, `deliveries`: all of landing.

    `taken`: (sequence, id) of the known ones that were not quarantined, in order; None where it must be made anew.
    `is_ready`: its tables are there and its contract is on record.
    """

    working: Working
    contract: FeedContract
    source: str
    stage: Stage
    deliveries: dict[str, Delivery]
    known: dict[str, _Known]
    results: list[DeliveryStaged] = field(default_factory=list)
    rewound: bool = False
    taken: list[tuple[str, str]] | None = None
    is_ready: bool = False

    @property
    def feed_id(self) -> str:
        return f"{self.source}.{self.contract.feed}"

    @property
    def high_water(self) -> str:
        """Sequence of the latest delivery processed, empty before the first."""
        return max((known.sequence for known in self.known.values()), default="")

    @property
    def pending(self) -> list[Delivery]:
        """Deliveries not processed, in sequence order."""
        waiting = (d for d in self.deliveries.values() if d.delivery_id not in self.known)
        return sorted(waiting, key=lambda d: d.sequence)


def stage_feed(
    working: Working,
    contract: FeedContract,
    source: str,
    deliveries: Sequence[Delivery],
    read: Read,
    *,
    waivers: Sequence[Waiver] = (),
    again: Collection[str] = (),
) -> FeedStaged:
    """Apply what is pending of a feed. `deliveries`: all that landing holds of it, in any order.

    Deliveries in order are a transaction each, small ones some at a time. One that arrives late, a changed contract, a
    new waiver of a guard or a delivery named in `again` (ids, to be read again) takes back what came after it and
    applies all of it in one transaction. A delivery that breaks its contract is quarantined, and the next ones are
    applied.

    `waivers`: `Control.waivers()`. Raises PermanentSourceError when landing lacks a delivery that must be applied
    again, LandingCorrupt when its bytes have changed, and whatever `read` raises except ContractViolation; then
    nothing of that delivery is kept, and all before it in order.
    """
    tables = {table.record: table for table in feed_tables(contract, source)}
    feed = _Feed(
        working=working,
        contract=contract,
        source=source,
        stage=Stage(working.con, contract, contract_hash(contract), tables, read, waivers),
        deliveries={delivery.delivery_id: delivery for delivery in deliveries},
        known=_known(working, f"{source}.{contract.feed}"),
    )
    change_seq = _rebuild(feed) if _contract_changed(feed) else _catch_up(feed, again)
    feed.is_ready = change_seq is not None
    for group in _groups(feed.pending):
        change_seq = _stage_group(feed, group)
    _note_sightings(feed)
    return FeedStaged(feed.feed_id, tuple(feed.results), feed.rewound, change_seq)


def feed_state(working: Working, landing: Landing, source: str, feed: str) -> FeedState:
    """What the store holds of a feed: the input of `Connector.discover` and `pull`.

    The cursor is that of the last delivery in sequence order that was not quarantined, so it cannot run ahead of
    the data. `last_as_of` and `last_sha256` are of the same set.
    """
    rows = working.con.execute(
        "SELECT cursor_hi, as_of_ts, sha256, range_checksums FROM ops.delivery "
        "WHERE feed = ? AND state <> 'quarantined' ORDER BY sequence",
        [f"{source}.{feed}"],
    ).fetchall()
    cursors = [row[0] for row in rows if row[0] is not None]
    checksums = [row[3] for row in rows if row[3] is not None]
    return FeedState(
        cursor_hi=cursors[-1] if cursors else None,
        last_as_of=rows[-1][1] if rows else None,
        last_sha256=rows[-1][2] if rows else None,
        seen=landing.seen(source, feed),
        range_checksums=json.loads(checksums[-1]) if checksums else {},
    )


def _known(working: Working, feed_id: str) -> dict[str, _Known]:
    rows = working.con.execute(
        "SELECT delivery_id, sequence, state, reason, names_seen, loaded_ts FROM ops.delivery WHERE feed = ?",
        [feed_id],
    ).fetchall()
    return {row[0]: _Known(*row[1:]) for row in rows}


def _groups(deliveries: Sequence[Delivery]) -> Iterator[list[Delivery]]:
    """Neighbours that share a transaction: a commit waits for the disk, whatever it holds. A large one comes alone."""
    group: list[Delivery] = []
    size = 0
    for delivery in deliveries:
        size += delivery.bytes
        if group and (size > GROUP_BYTES or len(group) == GROUP_DELIVERIES):
            yield group
            group, size = [], delivery.bytes
        group.append(delivery)
    if group:
        yield group


def _stage_group(feed: _Feed, group: Sequence[Delivery]) -> int:
    """Stage deliveries in one transaction; one at a time where that fails, so that the good ones before a bad one stay.

    The change_seq of the last transaction.
    """
    done = len(feed.results)
    try:
        with feed.working.transaction() as seq:
            if not feed.is_ready:
                ensure_tables(feed.working.con, feed.contract, feed.source)
                _remember_contract(feed, seq)
            for delivery in group:
                _process(feed, delivery, seq, is_new=True)
    except Exception:
        if len(group) == 1:
            raise
        _forget(feed, group, done)
        return max(_stage_group(feed, [delivery]) for delivery in group)
    feed.is_ready = True
    return seq


def _forget(feed: _Feed, group: Sequence[Delivery], done: int) -> None:
    """Nothing of a group was kept: know of it what was known before. `done`: results before it."""
    del feed.results[done:]
    for delivery in group:
        feed.known.pop(delivery.delivery_id, None)
    feed.taken = None


def _process(
    feed: _Feed, delivery: Delivery, change_seq: int, *, was_applied: bool = False, is_new: bool = False
) -> None:
    """Stage one delivery; everything earlier in sequence order has been processed."""
    predecessor = _predecessor(feed, delivery)
    result = stage_delivery(
        feed.stage, delivery, change_seq, predecessor=predecessor, was_applied=was_applied, is_new=is_new
    )
    feed.known[delivery.delivery_id] = _Known(delivery.sequence, result.state, result.reason, 0, None)
    if feed.taken is not None and result.state != "quarantined":
        bisect.insort(feed.taken, (delivery.sequence, delivery.delivery_id))
    feed.results.append(result)


def _predecessor(feed: _Feed, delivery: Delivery) -> Delivery | None:
    """The last delivery before this one, in sequence order, that was taken."""
    if feed.taken is None:
        feed.taken = sorted((known.sequence, key) for key, known in feed.known.items() if known.state != "quarantined")
    at = bisect.bisect_left(feed.taken, (delivery.sequence, ""))
    return feed.deliveries.get(feed.taken[at - 1][1]) if at else None


def _remember_contract(feed: _Feed, change_seq: int) -> None:
    """What the staged tables were built under."""
    con, contract = feed.working.con, feed.contract
    names = [table.name for table in feed.stage.tables.values()]
    con.execute("DELETE FROM ops.feed WHERE feed = ?", [feed.feed_id])
    con.execute(
        "INSERT INTO ops.feed VALUES (?, ?, ?, ?, ?, ?)",
        [feed.feed_id, feed.source, contract.contract_version, feed.stage.contract_hash, names, change_seq],
    )


def _note_sightings(feed: _Feed) -> None:
    """Count new names of old content. No row of data changes by it, so the change counter stands still."""
    for delivery_id, known in feed.known.items():
        delivery = feed.deliveries.get(delivery_id)
        if delivery is None or known.loaded_ts is None or not _sighted_since(delivery, known.loaded_ts):
            continue
        names = names_seen(delivery)
        if names != known.names_seen:
            feed.working.con.execute(
                "UPDATE ops.delivery SET names_seen = ? WHERE delivery_id = ?", [names, delivery_id]
            )


def _sighted_since(delivery: Delivery, moment: datetime) -> bool:
    sightings = delivery.path.parent / "sightings.jsonl"
    return sightings.is_file() and sightings.stat().st_mtime > moment.timestamp() - 1


# -- what must be applied again ---------------------------------------------------------------------


def _contract_changed(feed: _Feed) -> bool:
    query = "SELECT 1 FROM ops.feed WHERE feed = $feed AND contract_hash <> $hash"
    return any_row(feed.working.con, query, {"feed": feed.feed_id, "hash": feed.stage.contract_hash})


def _rebuild(feed: _Feed) -> int:
    """Make the feed's tables anew under the changed contract, from everything that landing holds."""
    con = feed.working.con
    (names,) = con.execute("SELECT table_names FROM ops.feed WHERE feed = ?", [feed.feed_id]).fetchall()[0]
    _require(feed, feed.known)
    with feed.working.transaction() as change_seq:
        _note_keys(feed, names, "TRUE")
        drop_tables(con, names)
        ensure_tables(con, feed.contract, feed.source)
        before = dict(feed.known)
        feed.known.clear()
        feed.taken = None
        _replay(feed, feed.pending, before, change_seq)
        _remember_contract(feed, change_seq)
        _follow_up(feed, names)
    return change_seq


def _catch_up(feed: _Feed, again: Collection[str]) -> int | None:
    """Apply late deliveries, and those to be read again, with everything after them, in one transaction."""
    renewed = {key for key in feed.known if key in again or _is_waived_now(feed, key)}
    late = [delivery for delivery in feed.pending if delivery.sequence < feed.high_water]
    if not renewed and not late:
        return None
    _require(feed, renewed)
    with feed.working.transaction() as change_seq:
        ensure_tables(feed.working.con, feed.contract, feed.source)
        _apply_late(feed, late, renewed, change_seq)
        _remember_contract(feed, change_seq)
    return change_seq


def _is_waived_now(feed: _Feed, delivery_id: str) -> bool:
    """Whether the guard that refused a delivery has been waived since."""
    known = feed.known[delivery_id]
    if known.state != "quarantined" or known.reason is None:
        return False
    return known.reason.split(":")[0] in feed.stage.waived_rules(delivery_id)


def _apply_late(feed: _Feed, late: Sequence[Delivery], renewed: Collection[str], change_seq: int) -> None:
    """Add the late deliveries that touch nothing later; from the first one that does, take back and replay."""
    todo = sorted([*late, *(feed.deliveries[key] for key in renewed)], key=lambda d: d.sequence)
    for at, delivery in enumerate(todo):
        if delivery.delivery_id in renewed or not _can_be_added(feed, delivery):
            _rewind_and_replay(feed, todo[at:], change_seq)
            return
        _process(feed, delivery, change_seq)


def _can_be_added(feed: _Feed, delivery: Delivery) -> bool:
    """Whether no later version could be other than it is, had this delivery come in time.

    Only documents and appended rows: there no delivery says anything of keys that it does not hold. And only where
    every row that came later made a version, by which its key is known.
    """
    if feed.contract.change.mode not in ("append", "edi") or delivery.kind not in ("append", "edi"):
        return False
    con, tables = feed.working.con, feed.stage.tables
    if _is_restated_later(feed, delivery):
        return False
    new_rejects(con)
    filled = spool(con, Inlet(feed.stage.read, delivery, tables), tables).filled
    return not any(apply.touches_later(con, tables[record], delivery.sequence) for record in filled)


def _is_restated_later(feed: _Feed, delivery: Delivery) -> bool:
    """Whether a later delivery may have said of a key what stood there already.

    Such rows leave no version, so nothing tells whose keys they were; the late delivery must not outlast them.
    """
    later = [d for d in feed.deliveries.values() if d.delivery_id in feed.known and d.sequence > delivery.sequence]
    if any(same_content(delivery, one) for one in later):
        return True
    query = (
        "SELECT 1 FROM ops.delivery WHERE feed = $feed AND sequence > $sequence AND state <> 'quarantined'"
        " AND (state = 'duplicate' OR rows_changed < rows_accepted)"
    )
    return any_row(feed.working.con, query, {"feed": feed.feed_id, "sequence": delivery.sequence})


def _rewind_and_replay(feed: _Feed, todo: Sequence[Delivery], change_seq: int) -> None:
    """Take back everything from the first of `todo` on, then apply all deliveries from there in sequence order."""
    first = todo[0].sequence
    again = {key for key, known in feed.known.items() if known.sequence >= first}
    _require(feed, again)
    names = [table.name for table in feed.stage.tables.values()]
    _note_keys(feed, names, f"_seq_from >= {literal(first)}")
    for table in feed.stage.tables.values():
        rewind(feed.working.con, table, first, change_seq)
    before = {key: feed.known.pop(key) for key in again}
    feed.taken = None
    replayed = {d.delivery_id: d for d in (*todo, *(feed.deliveries[key] for key in again))}
    _replay(feed, sorted(replayed.values(), key=lambda d: d.sequence), before, change_seq)
    _follow_up(feed, names)


def _replay(feed: _Feed, deliveries: Sequence[Delivery], before: dict[str, _Known], change_seq: int) -> None:
    for delivery in deliveries:
        was = before.get(delivery.delivery_id)
        was_applied = was is not None and was.state != "quarantined"
        _process(feed, delivery, change_seq, was_applied=was_applied)
    feed.rewound = True


def _require(feed: _Feed, delivery_ids: Iterable[str]) -> None:
    """What was processed before must still be in landing when it is to be applied again."""
    lost = sorted(key for key in delivery_ids if key not in feed.deliveries)
    if lost:
        raise PermanentSourceError(
            f"landing lacks {len(lost)} deliveries that were processed and must be applied again",
            feed=feed.feed_id,
            delivery=lost[0],
            hint="Restore the landing folder from backup; without it their rows would be lost",
        )


def _note_keys(feed: _Feed, names: Sequence[str], condition: str) -> None:
    """Remember which keys of these staged tables are there before versions are taken back."""
    parts = (
        f"SELECT {literal(name)} AS name, _source_key FROM {quote('staged', name)} WHERE {condition}" for name in names
    )
    feed.working.con.execute(f"CREATE OR REPLACE TEMP TABLE keys_before AS {' UNION ALL '.join(parts)}")


def _follow_up(feed: _Feed, names: Sequence[str]) -> None:
    """Give the database a new identity where keys are gone for good: no delta could tell what was built on them.

    That takes a delivery that was applied before and is refused now; what a source deletes leaves a tombstone.
    """
    there = {table.name for table in feed.stage.tables.values()}
    for name in names:
        query = f"SELECT 1 FROM temp.keys_before AS k WHERE k.name = {literal(name)}"
        if name in there:
            staged = quote("staged", name)
            query += f" AND NOT EXISTS (SELECT 1 FROM {staged} AS t WHERE t._source_key = k._source_key)"
        if any_row(feed.working.con, query):
            feed.working.renew_identity()
            return
