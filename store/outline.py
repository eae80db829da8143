"""The outline of a published file that follows from the promises: order of tables, comments, views of schema `v1`.

Here: text and order only. Not here: running it (`store.candidate`), the DDL of one table (`expectations.ddl`).
"""

from __future__ import annotations

from collections.abc import Mapping

from expectations.ddl import comments, literal, quoted
from expectations.promise import Column, TablePromise
from store.content_hash import conformed


def build_order(promises: Mapping[str, TablePromise]) -> tuple[str, ...]:
    """The conformed tables: dimensions first, then bridges, other tables, facts; each by name."""
    ranks = {"dim": 0, "bridge": 1, "fact": 3}
    return tuple(sorted(conformed(promises), key=lambda name: (ranks.get(name.split("_")[0], 2), name)))


def dictionary_statements(promises: Mapping[str, TablePromise]) -> list[str]:
    """COMMENT ON for every table and column, and the views of schema `v1`."""
    return [
        statement
        for _, promise in sorted(promises.items())
        for statement in (*comments(promise), *view_statements(promise))
    ]


def view_statements(promise: TablePromise) -> list[str]:
    """The view of schema `v1`: columns without meta columns, of current rows that the source has not deleted."""
    if promise.schema_name != "conformed":
        return []
    names = promise.column_names
    shown = _shown(promise)
    tests = ["NOT is_deleted_at_source"] if "is_deleted_at_source" in names else []
    tests += ["_is_current"] if "_is_current" in names else []
    where = f" WHERE {' AND '.join(tests)}" if tests else ""
    columns = ", ".join(f"{quoted(column.name)} AS {quoted(name)}" for name, column in shown.items())
    view = quoted("v1", promise.table)
    source = quoted(promise.schema_name, promise.table)
    about = f"{promise.description} For outside consumers: current rows, without meta columns."
    return [
        f"CREATE VIEW {view} AS SELECT {columns} FROM {source}{where}",
        f"COMMENT ON VIEW {view} IS {literal(about)}",
        *(f"COMMENT ON COLUMN {view}.{quoted(name)} IS {literal(c.description)}" for name, c in shown.items()),
    ]


def _shown(promise: TablePromise) -> dict[str, Column]:
    """Name in `v1` -> column. Where rows go by their source's key, that is shown too, as source_system and source_key:
    two sources may state the same order line, and columns such as `po_line_key` name a row by it."""
    shown = {column.name: column for column in promise.columns if not column.name.startswith("_")}
    by_source = {"_source_system", "_source_key"} <= set(promise.key)
    return shown | {c.name[1:]: c for c in promise.columns if by_source and c.name in promise.key and c.name[0] == "_"}
