"""What an explanation rests on: deliveries, source rows, crosswalk rows, conversions, survivorship rows.

Here: looking these up in one published version (and source rows through a reader). Not here: which of them explains
which column (`store.explain`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import duckdb

from expectations.ddl import quoted


class RowReader(Protocol):
    """Reads one row of a landed delivery again: column -> text, `phi` columns masked; None where it is not there.

    `row_no` as in `connectors.interface.ROW_NO`. Landing may have lost the delivery: that is None too.
    """

    def __call__(self, delivery_id: str, row_no: int) -> Mapping[str, str] | None:
        """The row, or None."""


@dataclass(frozen=True, slots=True)
class DeliveryRef:
    """A delivery as ops.delivery has it."""

    delivery_id: str
    feed: str
    name: str
    as_of: datetime
    sha256: str


@dataclass(frozen=True, slots=True)
class SourceRow:
    """The place a value was read at, and the row as it reads now. `note` says why `values` is None."""

    source_system: str
    source_key: str
    delivery_id: str | None
    row_no: int | None
    delivery: DeliveryRef | None
    values: Mapping[str, str] | None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Loser:
    """A value that did not win."""

    source_system: str
    source_key: str
    value: str


@dataclass(frozen=True, slots=True)
class Survival:
    """One row of ops.survivorship_log."""

    attribute: str
    value: str | None
    rule: str
    valid_from: datetime
    valid_to: datetime | None
    winner_source: str
    winner_key: str
    delivery_id: str | None
    row_no: int | None
    losers: tuple[Loser, ...]


@dataclass(frozen=True, slots=True)
class Crosswalk:
    """One row of a crosswalk: which golden record a source key means, and who or what decided that."""

    domain: str
    source_system: str
    source_key: str
    sk: int
    match_rule: str | None
    match_status: str | None
    decided_by: str | None
    valid_from: datetime
    valid_to: datetime | None


@dataclass(frozen=True, slots=True)
class Conversion:
    """One row of item_uom: base units per `from_uom`, as a source states it."""

    source_system: str
    source_item_key: str | None
    from_uom: str | None
    factor: str | None
    valid_from: str | None
    valid_to: str | None


class Evidence:
    """Look-ups in one published version. `read_row` re-reads source rows; without it they are named, not shown."""

    def __init__(self, con: duckdb.DuckDBPyConnection, read_row: RowReader | None) -> None:
        self.con = con
        self._read_row = read_row
        self._rows: dict[tuple[str, int], Mapping[str, str] | None] = {}

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Rows of a query, by column name."""
        answer = self.con.execute(sql, list(parameters))
        names = [column[0] for column in answer.description or []]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    def delivery(self, delivery_id: str) -> DeliveryRef | None:
        """The delivery of that id, None where the version does not know it."""
        found = self.rows(
            "SELECT delivery_id, feed, name, as_of_ts AS as_of, sha256 FROM ops.delivery WHERE delivery_id = ?",
            [delivery_id],
        )
        return DeliveryRef(**found[0]) if found else None

    def source_row(self, source: str, key: str, delivery_id: str | None, row_no: int | None) -> SourceRow:
        """A source row with its delivery, read again where that is possible."""
        if delivery_id is None or row_no is None:
            return SourceRow(source, key, delivery_id, row_no, None, None, "no delivery brought it")
        delivery = self.delivery(delivery_id)
        if self._read_row is None:
            unread = "the row was not read again: landing is not at hand"
            return SourceRow(source, key, delivery_id, row_no, delivery, None, unread)
        place = (delivery_id, row_no)
        if place not in self._rows:
            self._rows[place] = self._read_row(delivery_id, row_no)
        values = self._rows[place]
        note = None if values is not None else "landing does not have this row any more"
        return SourceRow(source, key, delivery_id, row_no, delivery, values, note)

    def survival(self, domain: str, sk: int, at: datetime) -> dict[str, Survival]:
        """Attribute -> who won it at a moment."""
        found = self.rows(
            "SELECT * FROM ops.survivorship_log WHERE domain = ? AND sk = ? AND valid_from <= ? "
            "AND (valid_to IS NULL OR valid_to > ?)",
            [domain, sk, at, at],
        )
        return {row["attribute"]: _survival(row) for row in found}

    def crosswalk(self, domain: str, sk: int) -> tuple[Crosswalk, ...]:
        """Every source key that means a golden record, or once did."""
        return self._crosswalk(domain, f"{quoted(f'{domain}_sk')} = ?", [sk])

    def crosswalk_of_key(self, domain: str, source: str, key: str) -> tuple[Crosswalk, ...]:
        """What a source key means now, and what it meant before."""
        return self._crosswalk(domain, "source_system = ? AND source_key = ?", [source, key])

    def _crosswalk(self, domain: str, where: str, parameters: Sequence[object]) -> tuple[Crosswalk, ...]:
        found = self.rows(
            f"SELECT source_system, source_key, {quoted(f'{domain}_sk')} AS sk, match_rule, match_status, decided_by, "
            f"_valid_from AS valid_from, _valid_to AS valid_to FROM {quoted('conformed', f'bridge_{domain}_xref')} "
            f"WHERE {where} ORDER BY _is_current DESC, source_system, source_key, _valid_from",
            parameters,
        )
        return tuple(Crosswalk(domain=domain, **row) for row in found)

    def conversions(self, item_sk: int, source: str, key: str | None, uom: str | None) -> tuple[Conversion, ...]:
        """Conversions of a unit for an item: the source's own, and those of any source with the same golden item."""
        found = self.rows(
            "SELECT _source_system AS source_system, source_item_key, from_uom, CAST(factor AS VARCHAR) AS factor, "
            "CAST(valid_from AS VARCHAR) AS valid_from, CAST(valid_to AS VARCHAR) AS valid_to FROM conformed.item_uom "
            "WHERE lower(trim(?)) IN (lower(trim(from_uom)), lower(trim(from_uom_x12))) AND NOT is_deleted_at_source "
            "AND ((item_sk = ? AND item_sk > 0) OR (_source_system = ? AND source_item_key = ?)) ORDER BY ALL",
            [uom, item_sk, source, key],
        )
        return tuple(Conversion(**row) for row in found)


def _survival(row: Mapping[str, Any]) -> Survival:
    losers = json.loads(row["losers"] or "[]")
    return Survival(
        row["attribute"],
        row["value"],
        row["rule"],
        row["valid_from"],
        row["valid_to"],
        row["winner_source"],
        row["winner_key"],
        row["winner_delivery_id"],
        row["winner_row_no"],
        tuple(Loser(str(one["source"]), str(one["key"]), str(one["value"])) for one in losers),
    )
