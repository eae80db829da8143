"""Where a published value comes from: value -> rule -> losing values -> delivery -> source row.

Here: finding the row that is meant, and for each column the rule and the evidence. Not here: the look-ups
(`store.evidence`), printing (`pipelines.views`). Reads only the published store (and landing through a reader), so
that it answers while a sync is running.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.errors import ConcordError
from expectations.ddl import quoted
from expectations.promise import Column, TablePromise
from store import query
from store.content_hash import golden_columns, mastered
from store.evidence import Conversion, Crosswalk, Evidence, Loser, RowReader, SourceRow, Survival

__all__ = ["Cell", "Explanation", "NotFound", "RowReader", "explain"]

_MEMBERS = {
    -1: "the fixed member UNKNOWN: what rows point to that give no key",
    -2: "the fixed member UNRESOLVED: what rows point to whose key matches no record",
}
_META = {
    "_source_system": "the source of the row",
    "_source_key": "the key of the row at its source",
    "_delivery_id": "the delivery that brought the row",
    "_source_row_no": "the place of the row in its delivery",
    "_row_hash": "computed: md5 of the values the sources say, to tell a change from a repetition",
    "_loaded_at": "the as-of time of the delivery that brought this version of the row",
    "is_deleted_at_source": "true once the source no longer has the row; its values stay as they were last",
}
_STATUS = {
    "stated": "the source states the factor on the row itself",
    "item": "a conversion of the item valid on the day, the source's own first (listed below)",
    "base": "the unit is the item's base unit",
    "unknown": "nobody states a conversion of this unit for this item",
    "base_conflict": "the source and the golden item count in different base units, so no factor is right",
}


class NotFound(ConcordError):
    """There is no such table, column or row in the published store."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One value and why it is what it is. `decided`: the value that won, which the cell's may be made from.

    `how`: survivorship (sources disagree or one speaks, a rule picks), identity (golden ids), source (as the row says),
    conversion, computed, lineage, version, member. `rule`: in words. What does not apply is None or empty.
    """

    column: str
    description: str
    value: str | None
    how: str
    rule: str
    source: SourceRow | None = None
    losers: tuple[Loser, ...] = ()
    crosswalk: tuple[Crosswalk, ...] = ()
    conversions: tuple[Conversion, ...] = ()
    decided: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The cells asked for, of one row of one published version."""

    version: int
    table: str
    key: str
    cells: tuple[Cell, ...]

    def lines(self) -> Iterator[str]:
        """The explanation as plain text. What sources wrote is in it as they wrote it: escape before printing.

        Many columns come from few source rows: each is shown once, below, and referred to by number.
        """
        yield f"{self.table} {self.key} (version {self.version})"
        sources = list(dict.fromkeys(_place(cell.source) for cell in self.cells if cell.source is not None))
        rows = {_place(cell.source): cell.source for cell in self.cells if cell.source is not None}
        for cell in self.cells:
            yield from _lines(cell, sources.index(_place(cell.source)) + 1 if cell.source is not None else None)
        for number, place in enumerate(sources, start=1):
            yield from _source_lines(number, rows[place])


def explain(
    home: Path,
    promises: Mapping[str, TablePromise],
    table: str,
    key: str,
    column: str | None = None,
    read_row: RowReader | None = None,
    version: int | None = None,
) -> Explanation:
    """Explain one column of one row, or all of them.

    `table`: a conformed table, with or without its schema. `key`: golden id of a dimension's record (its current
    version, or its last one), or `source_system:source_key` of any row; the key columns joined by `|` elsewhere.
    Raises NotFound saying what there is instead, NoSuchVersion.
    """
    promise = _promise(promises, table)
    columns = _columns(promise, column)
    number, con = query.open_numbered(home, version)
    try:
        evidence = Evidence(con, read_row)
        row = _row(evidence, promises, promise, key)
        domain = mastered(promise.table, promises)
        if domain:
            explainer = _Golden(evidence, promises, promise, row, domain)
            cells = tuple(explainer.cell(one) for one in columns)
        else:
            plain = _Plain(evidence, promises, promise, row)
            cells = tuple(plain.cell(one) for one in columns)
    finally:
        con.close()
    return Explanation(number, promise.table, key, cells)


# -- which row -------------------------------------------------------------------------------------------


def _promise(promises: Mapping[str, TablePromise], table: str) -> TablePromise:
    promise = promises.get(table.removeprefix("conformed.").removeprefix("v1."))
    if promise is None or promise.schema_name != "conformed":
        known = ", ".join(name for name, one in promises.items() if one.schema_name == "conformed")
        raise NotFound(f"there is no conformed table {table!r}", key=table, hint=f"Tables: {known}")
    return promise


def _columns(promise: TablePromise, column: str | None) -> tuple[Column, ...]:
    if column is None:
        return promise.columns
    found = tuple(one for one in promise.columns if one.name == column)
    if not found:
        raise NotFound(
            f"{promise.table} has no column {column!r}", key=column, hint=f"Columns: {', '.join(promise.column_names)}"
        )
    return found


def _row(
    evidence: Evidence, promises: Mapping[str, TablePromise], promise: TablePromise, key: str
) -> Mapping[str, Any]:
    domain = mastered(promise.table, promises)
    where, parameters = _which(evidence, promise, domain, key)
    order = "ORDER BY _is_current DESC, _valid_from DESC" if "_is_current" in promise.column_names else ""
    found = evidence.rows(
        f"SELECT * FROM {quoted('conformed', promise.table)} WHERE {where} {order} LIMIT 1", parameters
    )
    if not found:
        raise NotFound(f"{promise.table} has no row {key!r}", key=key, hint=_elsewhere(evidence, promise, domain, key))
    return found[0]


def _which(evidence: Evidence, promise: TablePromise, domain: str | None, key: str) -> tuple[str, list[object]]:
    """WHERE condition of the row that a person's key means."""
    source, colon, source_key = key.partition(":")
    if domain and re.fullmatch(r"-?\d+", key):
        return f"{quoted(f'{domain}_sk')} = ?", [int(key)]
    if domain and colon:
        meant = evidence.crosswalk_of_key(domain, source, source_key)
        return f"{quoted(f'{domain}_sk')} = ?", [meant[0].sk if meant else None]
    if colon and "_source_key" in promise.column_names:
        return "_source_system = ? AND _source_key = ?", [source, source_key]
    parts = " || '|' || ".join(f"CAST({quoted(name)} AS VARCHAR)" for name in promise.key)
    return f"{parts} = ?", [key]


def _elsewhere(evidence: Evidence, promise: TablePromise, domain: str | None, key: str) -> str:
    """What to try instead: a merged record's source keys mean another one now."""
    if domain and re.fullmatch(r"-?\d+", key):
        for row in evidence.crosswalk(domain, int(key)):
            now = evidence.crosswalk_of_key(domain, row.source_system, row.source_key)
            return f"It was merged: {row.source_system}:{row.source_key} means {domain} {now[0].sk} now"
        return f"Give the {domain}_sk, or source_system:source_key"
    if domain:
        return f"Give the {domain}_sk, or source_system:source_key"
    if "_source_key" in promise.column_names:
        return "Give source_system:source_key, as in the columns _source_system and _source_key"
    return f"Give {' | '.join(promise.key)}, joined by | where there are several"


# -- golden records --------------------------------------------------------------------------------------


class _Golden:
    """Cells of one version of one golden record."""

    def __init__(
        self,
        evidence: Evidence,
        promises: Mapping[str, TablePromise],
        promise: TablePromise,
        row: Mapping[str, Any],
        domain: str,
    ) -> None:
        self.evidence = evidence
        self.domain = domain
        self.row = row
        self.sk = int(row[f"{domain}_sk"])
        self.ids = golden_columns(promise, promises)
        self.won = evidence.survival(domain, self.sk, row["_valid_from"]) if self.sk > 0 else {}

    def cell(self, column: Column) -> Cell:
        """Why this column has its value."""
        if self.sk in _MEMBERS:
            return self._plain(column, "member", f"{_MEMBERS[self.sk]}; made by Concord, no source says it")
        if column.name == f"{self.domain}_sk":
            return self._identity(column)
        if column.name in ("_valid_from", "_valid_to", "_is_current"):
            return self._version(column)
        if column.name in ("_source_system", "_source_key", "_delivery_id", "_source_row_no"):
            rule = f"{_META[column.name]}: of the most senior record of the golden record"
            return self._plain(column, "lineage", rule, self._senior())
        if column.name in _META:
            return self._plain(column, "computed", _META[column.name], self._senior())
        return self._attribute(column)

    def _attribute(self, column: Column) -> Cell:
        won = self._decided(column)
        if won is None:
            return self._unsaid(column)
        crosswalk: tuple[Crosswalk, ...] = ()
        rule = won.rule
        if column.name in self.ids and won.value is not None:
            domain = self.ids[column.name]
            crosswalk = self.evidence.crosswalk_of_key(domain, won.winner_source, won.value)
            rule = f"{rule}; {won.attribute} {won.value!r} of {won.winner_source} looked up in the {domain} crosswalk"
        elif column.name != won.attribute:
            rule = f"computed from {won.attribute} {won.value!r}, which was decided by: {rule}"
        source = self.evidence.source_row(won.winner_source, won.winner_key, won.delivery_id, won.row_no)
        return self._plain(column, "survivorship", rule, source, won.losers, crosswalk, won.value)

    def _decided(self, column: Column) -> Survival | None:
        """The decision behind a column: on the attribute of its name, or on the one it is made from."""
        stem = column.name.removesuffix("_sk")
        made_from = re.findall(r"[a-z_]+", column.source or "")
        names = [column.name, f"{stem}_key", f"{stem}_code", *made_from]
        if column.name == "path":
            names += ["location_code", "name"]
        return next((self.won[name] for name in names if name in self.won), None)

    def _unsaid(self, column: Column) -> Cell:
        said = ", ".join(sorted({f"{c.source_system}:{c.source_key}" for c in self._open_keys()}))
        if column.name in self.ids or column.name.endswith("_sk"):
            return self._plain(column, "survivorship", f"no source names one ({said}), so it is -1", self._senior())
        rule = f"no source gives a value ({said})" if self.row[column.name] is None else "computed by the table's SQL"
        return self._plain(column, "survivorship", rule, self._senior())

    def _open_keys(self) -> list[Crosswalk]:
        return [row for row in self.evidence.crosswalk(self.domain, self.sk) if row.valid_to is None]

    def _identity(self, column: Column) -> Cell:
        rule = (
            "minted once for the records listed below, which count as the same; the number itself means nothing and "
            "never changes"
        )
        return self._plain(column, "identity", rule, crosswalk=self.evidence.crosswalk(self.domain, self.sk))

    def _version(self, column: Column) -> Cell:
        begun = sorted(won.attribute for won in self.won.values() if won.valid_from == self.row["_valid_from"])
        rules = {
            "_valid_from": f"the version began when this changed: {', '.join(begun) or 'a first or merged record'}",
            "_valid_to": "the version ended when a later one began"
            if self.row["_valid_to"] is not None
            else "no later version: it is in force",
            "_is_current": "true while the version has no end",
        }
        return self._plain(column, "version", rules[column.name], self._senior())

    def _senior(self) -> SourceRow:
        return _own_row(self.evidence, self.row)

    def _plain(
        self,
        column: Column,
        how: str,
        rule: str,
        source: SourceRow | None = None,
        losers: tuple[Loser, ...] = (),
        crosswalk: tuple[Crosswalk, ...] = (),
        decided: str | None = None,
    ) -> Cell:
        value = _text(self.row[column.name])
        return Cell(column.name, column.description, value, how, rule, source, losers, crosswalk, decided=decided)


# -- facts and other tables ------------------------------------------------------------------------------


class _Plain:
    """Cells of one row of a fact, a bridge or another table."""

    def __init__(
        self, evidence: Evidence, promises: Mapping[str, TablePromise], promise: TablePromise, row: Mapping[str, Any]
    ) -> None:
        self.evidence = evidence
        self.row = row
        self.ids = golden_columns(promise, promises)
        self.is_bridge = promise.table.startswith("bridge_")
        self.source = _own_row(evidence, row) if "_delivery_id" in row else None

    def cell(self, column: Column) -> Cell:
        """Why this column has its value."""
        if column.name in _META:
            how = "computed" if column.name == "_row_hash" else "lineage"
            return self._made(column, how, _META[column.name])
        if self.is_bridge:
            return self._bridge(column)
        if column.name in self.ids:
            return self._golden_id(column, self.ids[column.name])
        if "uom_conv_factor" in self.row and self._is_converted(column):
            return self._converted(column)
        if self.source is None:
            return self._made(column, "computed", f"computed by the table's SQL (source: {column.source or 'none'})")
        return self._made(column, "source", f"as the source row says (from {column.source or 'the row'})")

    def _made(
        self,
        column: Column,
        how: str,
        rule: str,
        crosswalk: tuple[Crosswalk, ...] = (),
        conversions: tuple[Conversion, ...] = (),
    ) -> Cell:
        value = _text(self.row[column.name])
        return Cell(column.name, column.description, value, how, rule, self.source, (), crosswalk, conversions)

    def _bridge(self, column: Column) -> Cell:
        domain = next(iter(self.ids.values()))
        rows = self.evidence.crosswalk_of_key(domain, self.row["source_system"], self.row["source_key"])
        return self._made(column, "identity", f"decided by {self.row['match_rule'] or 'no rule'}", rows)

    def _golden_id(self, column: Column, domain: str) -> Cell:
        own = f"source_{column.name.removesuffix('_sk')}_key"
        key = self.row.get(own)
        if key is None:
            return self._made(column, "identity", f"-1: the source row gives no {domain} key")
        rows = self.evidence.crosswalk_of_key(domain, self.row["_source_system"], key)
        if not rows or rows[0].sk < 1:
            return self._made(column, "identity", f"-2: the key {key!r} ({own}) matches no {domain} yet", rows)
        return self._made(column, "identity", f"the key {key!r} ({own}) in the {domain} crosswalk", rows)

    def _is_converted(self, column: Column) -> bool:
        if column.name.startswith("uom_conv_"):
            return True
        return column.unit == "base unit of the item" or "uom_conv_factor" in (column.source or "")

    def _converted(self, column: Column) -> Cell:
        status = str(self.row["uom_conv_status"])
        factor = _text(self.row["uom_conv_factor"]) or "unknown"
        unit = self.row["ack_uom"] if "ack_uom" in self.row else self.row["uom_txn"]
        rule = f"factor {factor} base units per {unit} ({status}: {_STATUS.get(status, status)})"
        if not column.name.startswith("uom_conv_"):
            rule = f"{column.source or 'quantity x factor'}; {rule}"
        key = self.row.get("source_item_key")
        source = self.row["_source_system"]
        used = self.evidence.conversions(int(self.row["item_sk"]), source, key, unit)
        crosswalk = self.evidence.crosswalk_of_key("item", source, key) if key is not None else ()
        return self._made(column, "conversion", rule, crosswalk, used)


def _own_row(evidence: Evidence, row: Mapping[str, Any]) -> SourceRow:
    """The source row that a published row names."""
    return evidence.source_row(
        row["_source_system"], row["_source_key"], row.get("_delivery_id"), row.get("_source_row_no")
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


# -- as text ---------------------------------------------------------------------------------------------


def _lines(cell: Cell, source_number: int | None) -> Iterator[str]:
    yield f"{cell.column} = {'NULL' if cell.value is None else cell.value}"
    yield f"  rule      {cell.rule}"
    for loser in cell.losers:
        label = "agrees  " if loser.value == cell.decided else "lost    "
        yield f"  {label}  {loser.value}  ({loser.source_system}:{loser.source_key})"
    for row in cell.crosswalk:
        until = f" until {row.valid_to:%Y-%m-%d %H:%M}" if row.valid_to else ""
        why = f"({row.match_status}, {row.decided_by or row.match_rule})"
        yield f"  crosswalk {row.source_system}:{row.source_key} is {row.domain} {row.sk} {why}{until}"
    for used in cell.conversions:
        yield f"  unit      {used.from_uom} = {used.factor} base units ({used.source_system}:{used.source_item_key})"
    if cell.source is not None:
        yield f"  source    [{source_number}] {cell.source.source_system}:{cell.source.source_key}"


def _place(source: SourceRow) -> tuple[object, ...]:
    """What makes two source rows the same one."""
    return (source.source_system, source.source_key, source.delivery_id, source.row_no)


def _source_lines(number: int, source: SourceRow) -> Iterator[str]:
    yield f"[{number}] {source.source_system}:{source.source_key}"
    if source.delivery_id is not None:
        yield f"  place     row {source.row_no} of delivery {source.delivery_id}"
    if source.delivery is not None:
        found = source.delivery
        yield f"  delivery  {found.feed} {found.name}, as of {found.as_of:%Y-%m-%d %H:%M} UTC, sha256 {found.sha256}"
    if source.values is not None:
        yield f"  row       {', '.join(f'{name}={value}' for name, value in source.values.items())}"
    if source.note:
        yield f"  note      {source.note}"
