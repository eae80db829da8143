"""Comparing a delivery that was read with the current rows, and making the current rows what it says.

Here: new, changed and vanished rows, and the guards that refuse a delivery. Not here: reading it (`store.spool`),
the order of deliveries and transactions (`store.staging`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import duckdb

from connectors.contract import FeedContract
from connectors.interface import Delivery
from store.feed_tables import FeedTable
from store.working import any_row, quote, sql

#: Up to this many tombstones never refuse a delivery, unless they are all the rows there are.
FEW_DELETES = 5
#: Up to this many refused rows never refuse the others, unless no row is right or the contract lets none be refused: of
#: ten lines one is more than a tenth at once, and says nothing about the other nine.
FEW_REJECTS = 1


@dataclass(frozen=True, slots=True)
class Guard:
    """Why a delivery as a whole is refused. A steward may waive it by its rule."""

    rule_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of one delivery. `read` = `accepted` + `rejected`.

    `errors`: rejected rows that are not merely superfluous. `unknown`: refused pieces of which nobody can say how
    many rows they are.
    """

    read: int
    accepted: int
    rejected: int
    errors: int
    unknown: int = 0

    def __post_init__(self) -> None:
        if self.read != self.accepted + self.rejected:
            raise AssertionError(f"rows read {self.read} <> accepted {self.accepted} + rejected {self.rejected}")


def stamp(delivery: Delivery, change_seq: int) -> dict[str, object]:
    """What the statements bind: who brought a version, when, in which transaction."""
    return {
        "delivery_id": delivery.delivery_id,
        "as_of": delivery.as_of,
        "sequence": delivery.sequence,
        "change_seq": change_seq,
    }


# -- counts and guards ------------------------------------------------------------------------------


def count_rows(
    con: duckdb.DuckDBPyConnection, tables: Sequence[FeedTable], relations: Sequence[str], delivered: int
) -> Counts:
    """Account for every row: what the reader delivered, what it refused, what the key checks refused.

    `relations`: where the accepted rows of each table are now.
    """
    if not any_row(con, "SELECT 1 FROM temp.rejects"):
        return Counts(delivered, delivered, 0, 0)
    accepted = " UNION ALL ".join(
        f"SELECT '{table.record}' AS record, _source_row_no AS row_no FROM {relation}"
        for table, relation in zip(tables, relations, strict=True)
    )
    counted = con.execute(sql("staging/count_rejects").format(accepted=accepted)).fetchall()[0]
    refused, refused_errors, by_key, by_key_errors, unknown = (int(value or 0) for value in counted)
    return Counts(
        read=delivered + refused,
        accepted=delivered - by_key,
        rejected=refused + by_key,
        errors=refused_errors + by_key_errors,
        unknown=unknown,
    )


def find_guards(contract: FeedContract, delivery: Delivery, counts: Counts, actual: Mapping[str, str]) -> list[Guard]:
    """Every reason to refuse the delivery that its own content gives."""
    return [
        *_volume_guard(contract, counts),
        *_reject_guard(contract, counts),
        *_rows_guard(delivery, counts),
        *_total_guards(delivery, counts, actual),
    ]


def _volume_guard(contract: FeedContract, counts: Counts) -> list[Guard]:
    least = contract.volume.min_rows
    if counts.read >= least:
        return []
    return [Guard("guard.min_rows", f"{counts.read} rows, the contract expects at least {least}")]


def _reject_guard(contract: FeedContract, counts: Counts) -> list[Guard]:
    share = contract.reject_threshold
    if counts.read == 0 and counts.unknown and share < 1:
        return [Guard("guard.reject_threshold", "nothing of the delivery could be read as rows")]
    few = share > 0 and counts.errors <= FEW_REJECTS and counts.errors < counts.read
    if few or counts.errors <= share * counts.read:
        return []
    return [
        Guard("guard.reject_threshold", f"{counts.errors} of {counts.read} rows are refused, more than {share:.0%}")
    ]


def _rows_guard(delivery: Delivery, counts: Counts) -> list[Guard]:
    declared = delivery.rows_declared
    if declared is None or declared == counts.read or (counts.unknown and counts.read < declared):
        return []
    return [Guard("totals.rows", f"the source declares {declared} rows, {counts.read} were read")]


def _total_guards(delivery: Delivery, counts: Counts, actual: Mapping[str, str]) -> list[Guard]:
    """Control totals hold over all rows, so they can be compared only where no row was refused."""
    if counts.errors or counts.unknown:
        return []
    return [
        Guard(f"totals.{name}", f"the source declares a total {name} of {declared}, the rows sum to {actual[name]}")
        for name, declared in delivery.control_totals.items()
        if name in actual and not _same_number(declared, actual[name])
    ]


def _same_number(left: str, right: str) -> bool:
    try:
        return Decimal(left) == Decimal(right)
    except InvalidOperation:
        return False


def actual_totals(
    con: duckdb.DuckDBPyConnection, tables: Sequence[FeedTable], relations: Sequence[str], delivery: Delivery
) -> dict[str, str]:
    """Sums of the columns that the source declared control totals of; totals that are no column are the reader's."""
    found: dict[str, str] = {}
    for table, relation in zip(tables, relations, strict=True):
        for name in delivery.control_totals:
            if name in table.columns and table.contract.column(name).type.startswith("DECIMAL"):
                total = con.execute(f"SELECT coalesce(sum({quote(name)}), 0) FROM {relation}").fetchall()[0][0]
                found[name] = str(total)
    return found


# -- changes ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Gone:
    """Current rows that a delivery should hold and does not.

    `rows`: to be deleted. `deferred`: not deleted, because refused rows of the delivery may be them.
    """

    rows: int = 0
    deferred: int = 0
    guard: Guard | None = None


def find_gone(
    con: duckdb.DuckDBPyConnection, contract: FeedContract, tables: Sequence[FeedTable], delivery: Delivery
) -> Gone:
    """What a snapshot (or the whole of a key range) no longer holds, into one temporary table per record.

    Where a refused row has no readable key it could be any of them: then none is deleted, all are `deferred` until
    a delivery tells. Too many at once are a guard's matter.
    """
    if delivery.kind not in ("snapshot", "range"):
        return Gone()
    live = gone = 0
    for table in tables:
        live += _count(con, f"SELECT count(*) FROM {table.staged} WHERE NOT _is_deleted")
        condition, values = _in_range(table, delivery)
        query = sql("staging/find_gone").format(**table.names, in_range=condition, gone=gone_name(table))
        con.execute(query, values)
        gone += _count(con, f"SELECT count(*) FROM temp.{gone_name(table)}")
    if gone and _has_keyless_rejects(con):
        return Gone(deferred=gone)
    return Gone(gone, guard=_delete_guard(contract, live, gone))


def gone_name(table: FeedTable) -> str:
    """Quoted name of the temporary table of a record's vanished rows."""
    return quote(f"gone_{table.record}")


def _count(con: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(con.execute(query).fetchall()[0][0])


def _in_range(table: FeedTable, delivery: Delivery) -> tuple[str, dict[str, str]]:
    """Condition of the rows that a delivery of kind range is the whole of; of all rows for a snapshot."""
    key = table.contract.column(table.contract.key[0])
    lo, hi = delivery.key_range or (None, None)
    bounds = {name: value for name, value in (("lo", lo), ("hi", hi)) if value is not None}
    signs = {"lo": ">=", "hi": "<"}
    conditions = [f"t.{quote(key.name)} {signs[name]} CAST(${name} AS {key.type})" for name in bounds]
    return " AND ".join(conditions) or "TRUE", bounds


def _has_keyless_rejects(con: duckdb.DuckDBPyConnection) -> bool:
    return any_row(con, "SELECT 1 FROM temp.rejects WHERE severity = 'error' AND key_text IS NULL")


def _delete_guard(contract: FeedContract, live: int, gone: int) -> Guard | None:
    most = contract.change.max_delete_fraction
    if gone <= most * live or (gone <= FEW_DELETES and gone < live):
        return None
    return Guard("guard.deletes", f"{gone} of {live} rows would be deleted, more than {most:.0%}")


def find_changes(
    con: duckdb.DuckDBPyConnection, contract: FeedContract, table: FeedTable, delivery: Delivery
) -> tuple[int, int]:
    """Rows of the spool that are new or differ, into `temp.changes`; their number, and how many replace a row."""
    is_older = _is_older(contract, table) if delivery.kind == "incremental" else "FALSE"
    query = sql("staging/find_changes").format(**table.names, is_older=is_older)
    con.execute(query, {"as_of": delivery.as_of})
    changed, replaced = con.execute("SELECT count(*), count(staged_row) FROM temp.changes").fetchall()[0]
    return int(changed), int(replaced)


def _is_older(contract: FeedContract, table: FeedTable) -> str:
    """Condition of a row whose cursor is behind that of the current row: it must not replace it."""
    by_source = {column.source: column for column in table.contract.columns}
    columns = [by_source[source] for source in contract.change.cursor if source in by_source]
    if len(columns) != len(contract.change.cursor) or len({column.type for column in columns}) != 1:
        return "FALSE"
    new, old = (", ".join(f"{side}.{quote(column.name)}" for column in columns) for side in ("s", "t"))
    return f"coalesce(coalesce({new}, NULL) < coalesce({old}, NULL), FALSE)"


def write_changes(
    con: duckdb.DuckDBPyConnection, table: FeedTable, values: Mapping[str, object], *, replaces: bool, deletes: bool
) -> None:
    """Close what the delivery replaces or deletes, insert what it brings.

    Needs `temp.changes`, and the table's vanished rows where it `deletes`.
    """
    if replaces or deletes:
        _close(con, table, values, deletes=deletes)
    inserting = {name: values[name] for name in ("delivery_id", "sequence", "change_seq")}
    con.execute(sql("staging/insert_changes").format(**table.names), inserting)
    if deletes:
        con.execute(f"INSERT INTO {table.staged} BY NAME SELECT * FROM temp.tombstones")


def _close(con: duckdb.DuckDBPyConnection, table: FeedTable, values: Mapping[str, object], *, deletes: bool) -> None:
    """Move what is replaced or deleted into history; tombstones of what is deleted into `temp.tombstones`."""
    now = "CAST($as_of AS TIMESTAMPTZ)"
    gone = f" UNION ALL SELECT staged_row, {now} FROM temp.{gone_name(table)}" if deletes else ""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE outgoing AS "
        f"SELECT staged_row, holds_since AS ends_at FROM temp.changes WHERE staged_row IS NOT NULL{gone}",
        {"as_of": values["as_of"]} if deletes else {},
    )
    closing = {name: values[name] for name in ("sequence", "change_seq")}
    con.execute(sql("staging/close_versions").format(**table.names), closing)
    if deletes:
        at = {name: values[name] for name in ("as_of", "sequence", "change_seq")}
        con.execute(sql("staging/tombstones").format(**table.names, gone=gone_name(table)), at)
    con.execute(f"DELETE FROM {table.staged} WHERE rowid IN (SELECT staged_row FROM temp.outgoing)")


def touches_later(con: duckdb.DuckDBPyConnection, table: FeedTable, sequence: str) -> bool:
    """Whether a key of the spool has a version at or after `sequence`: then a late delivery cannot just be added."""
    return any_row(con, sql("staging/touches_later").format(**table.names), {"sequence": sequence})
