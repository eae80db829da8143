"""What a version says, as one hash: equal however, and in whichever order, its rows came about.

Here: canonical labels of golden ids, sums of row hashes per table, the two hashes. Not here: when they are taken
(`store.candidate`). Per table `sum(hash(row))`, which knows no order; golden ids, which depend on the order in which
they were minted, are replaced by a label made of source keys. `hash()` may change between DuckDB versions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

import duckdb

from expectations.ddl import quoted
from expectations.promise import TablePromise
from store.versions import TableState

Promises = Mapping[str, TablePromise]


@dataclass(frozen=True, slots=True)
class Sums:
    """Rows and sums of row hashes, of a table or of what changed in it: `row` as stored, the others as published."""

    rows: int
    row: int
    content: int
    lineage: int

    def __add__(self, other: Sums) -> Sums:
        return Sums(*map(sum, zip(astuple(self), astuple(other), strict=True)))

    def __neg__(self) -> Sums:
        return Sums(*(-value for value in astuple(self)))

    @classmethod
    def of(cls, state: TableState) -> Sums:
        """The sums that a manifest holds."""
        return cls(state.rows, int(state.row_sum), int(state.content_sum), int(state.lineage_sum))

    @property
    def state(self) -> TableState:
        """The sums as a manifest holds them."""
        return TableState(self.rows, str(self.row), str(self.content), str(self.lineage))


@dataclass(frozen=True, slots=True)
class ContentHash:
    """`content`: over the columns that do not begin with `_`. `lineage`: over all columns."""

    content: str
    lineage: str
    tables: Mapping[str, TableState]


def content_hash(database: Path, promises: Promises) -> ContentHash:
    """Hash the conformed tables of a published file, which is opened read-only.

    Raises duckdb.Error where the file lacks a promised table.
    """
    con = duckdb.connect(str(database), read_only=True)
    try:
        return combined(hash_tables(con, promises, conformed(promises)))
    finally:
        con.close()


def conformed(promises: Promises) -> list[str]:
    """Names of the tables that make the content."""
    return sorted(name for name, promise in promises.items() if promise.schema_name == "conformed")


def combined(tables: Mapping[str, TableState]) -> ContentHash:
    """The hashes of a version from the sums of its tables."""
    return ContentHash(
        _digest(f"{name}|{state.rows}|{state.content_sum}" for name, state in tables.items()),
        _digest(f"{name}|{state.rows}|{state.lineage_sum}" for name, state in tables.items()),
        tables,
    )


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def hash_tables(con: duckdb.DuckDBPyConnection, promises: Promises, tables: Collection[str]) -> dict[str, TableState]:
    """Rows and sums of each of `tables` (schema conformed of the connection's own database)."""
    wanted = {domain for name in tables for domain in golden_columns(promises[name], promises).values()}
    for domain in sorted(wanted):
        make_labels(con, domain)
    relations = {name: quoted(promises[name].schema_name, name) for name in sorted(tables)}
    return {name: sums_of(con, promises[name], promises, relation).state for name, relation in relations.items()}


def make_labels(con: duckdb.DuckDBPyConnection, domain: str, catalog: str | None = None) -> None:
    """Temporary table of the labels of a domain's golden ids, as `sums_of` needs it."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE {quoted(_label(domain))} AS {labels_sql(domain, catalog)}")


def golden_columns(promise: TablePromise, promises: Promises) -> dict[str, str]:
    """Column -> domain, for the columns that hold golden ids: references to a mastered dimension, and its own key."""
    found = {
        reference.columns[0]: domain
        for reference in promise.references
        if (domain := mastered(reference.table, promises)) and reference.to == (f"{domain}_sk",)
    }
    own = mastered(promise.table, promises)
    return found | ({f"{own}_sk": own} if own else {})


def domains(promises: Promises) -> list[str]:
    """Domains whose golden ids are published with a crosswalk."""
    return sorted(domain for name in promises if (domain := mastered(name, promises)))


def labels_sql(domain: str, catalog: str | None = None) -> str:
    """SELECT sk, label (UBIGINT hash of it) of each golden id of a domain.

    The label is the least `source_system|source_key` among the open rows of the crosswalk; an id that has none any more
    (merged away) is labelled by its closed rows, marked `~`.
    """
    bridge = quoted(*([catalog] if catalog else []), "conformed", f"bridge_{domain}_xref")
    return (
        f"SELECT {quoted(f'{domain}_sk')} AS sk, hash(coalesce("
        f"min(source_system || '|' || source_key) FILTER (WHERE _valid_to IS NULL), "
        f"'~' || min(source_system || '|' || source_key))) AS label "
        f"FROM {bridge} WHERE {quoted(f'{domain}_sk')} > 0 GROUP BY ALL"
    )


def row_hash(promise: TablePromise, alias: str) -> str:
    """SQL expression: hash of a row's columns as they are stored."""
    parts = [_part(names, alias) for names in (_said(promise), _meta(promise)) if names]
    return f"hash({', '.join([*parts, *(quoted(alias, name) for name in _ids(promise))])})"


def _part(names: list[str], alias: str) -> str:
    return f"hash({', '.join(quoted(alias, name) for name in names)})"


def _meta(promise: TablePromise) -> list[str]:
    return [name for name in promise.column_names if name.startswith("_")]


def _ids(promise: TablePromise) -> list[str]:
    return [name for name in promise.column_names if name.endswith("_sk") and not name.startswith("_")]


def _said(promise: TablePromise) -> list[str]:
    return [name for name in promise.column_names if not name.startswith("_") and not name.endswith("_sk")]


def mastered(table: str, promises: Promises) -> str | None:
    """The domain of a dimension of golden records (`dim_item` -> `item`), None for any other table."""
    domain = table.removeprefix("dim_")
    return domain if domain != table and f"bridge_{domain}_xref" in promises else None


def _label(domain: str) -> str:
    return f"label_{domain}"


def sums_of(
    con: duckdb.DuckDBPyConnection, promise: TablePromise, promises: Promises, relation: str, where: str = "TRUE"
) -> Sums:
    """Rows and sums of a relation that has the promise's columns (SQL, known as `t` to the condition `where`).

    The labels of the domains that it refers to must be there (`make_labels`). Three sums in one pass: what they have in
    common, all columns but the ids, is hashed once (`said`, `meta`).
    """
    golden = golden_columns(promise, promises)
    joins = "".join(
        f" LEFT JOIN {quoted(_label(domain))} AS {quoted(f'of_{column}')}"
        f" ON {quoted('t', column)} = {quoted(f'of_{column}', 'sk')}"
        for column, domain in golden.items()
    )
    stored = {name: quoted("t", name) for name in _ids(promise)}
    labelled = {name: _labelled(name) if name in golden else text for name, text in stored.items()}
    said, meta = ([_part(names, "t")] if names else [] for names in (_said(promise), _meta(promise)))
    rows_as = {
        "stored": [*said, *meta, *stored.values()],
        "content": [*said, *labelled.values()],
        "lineage": [*said, *meta, *labelled.values()],
    }
    sums = ", ".join(
        f"CAST(coalesce(sum(hash({', '.join(parts)})), 0) AS VARCHAR) AS {name}" for name, parts in rows_as.items()
    )
    [measured] = con.execute(f"SELECT count(*), {sums} FROM {relation} AS t{joins} WHERE {where}").fetchall()
    return Sums(*map(int, measured))


def _labelled(column: str) -> str:
    """A golden id as its label; the members -1 and -2, and an id without a crosswalk row, as themselves."""
    return f"coalesce({quoted(f'of_{column}', 'label')}, hash({quoted('t', column)}))"
