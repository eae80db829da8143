"""Writing only what differs between the rows a table has and the rows it should have.

Here: finding the keys whose rows differ, deleting and inserting those. Not here: computing the rows
(`store.candidate`). A key whose rows came out as they were is not touched, so that "nothing changed" can be said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from expectations.ddl import quoted
from expectations.promise import TablePromise
from store.content_hash import Promises, Sums, row_hash, sums_of


@dataclass(frozen=True, slots=True)
class Written:
    """Rows put in and taken out, and what that does to the table's sum of row hashes.

    `change`: the same for all of its sums, where they were asked for.
    """

    inserted: int
    deleted: int
    sum_change: int
    change: Sums | None = None


def typed_columns(promise: TablePromise) -> str:
    """SELECT list that casts a relation's columns, by name, to what the promise says (row hashes depend on types)."""
    return ", ".join(f"CAST({quoted(c.name)} AS {c.type}) AS {quoted(c.name)}" for c in promise.columns)


def write_difference(
    con: duckdb.DuckDBPyConnection,
    promise: TablePromise,
    target: str,
    incoming: str,
    key: Sequence[str],
    scope: str | None = None,
    promises: Promises | None = None,
) -> Written:
    """Make `target` (a qualified table) hold the rows of the temporary table `incoming`.

    `incoming` has the promise's columns and types. `key`: columns that group the rows; a group is kept or replaced as a
    whole. `scope`: temporary table with the keys that may change; None for all of them. `promises`: all of them, where
    the change of the published sums is wanted and the labels of golden ids are there (`store.content_hash`).
    """
    con.execute(_stale_sql(promise, target, incoming, key, scope))
    [(old, new)] = con.execute("SELECT coalesce(sum(old_sum), 0), coalesce(sum(new_sum), 0) FROM stale").fetchall()
    same = _same("t", "s", key)
    change = None
    if promises is not None:
        is_stale = f"EXISTS (SELECT 1 FROM stale AS s WHERE {same})"
        before, after = (sums_of(con, promise, promises, rows, is_stale) for rows in (target, incoming))
        change = after + -before
    columns = ", ".join(quoted(name) for name in promise.column_names)
    [(deleted,)] = con.execute(
        f"DELETE FROM {target} AS t USING stale AS s WHERE {same} AND s.old_rows IS NOT NULL"
    ).fetchall()
    [(inserted,)] = con.execute(
        f"INSERT INTO {target} ({columns}) SELECT {columns} FROM {incoming} AS t "
        f"WHERE EXISTS (SELECT 1 FROM stale AS s WHERE {same})"
    ).fetchall()
    con.execute("DROP TABLE stale")
    return Written(int(inserted), int(deleted), int(new) - int(old), change)


def _stale_sql(promise: TablePromise, target: str, incoming: str, key: Sequence[str], scope: str | None) -> str:
    """Temporary table `stale`: the keys whose rows differ, with count and sum of row hashes before and after."""
    names = ", ".join(quoted(name) for name in key)
    held = f" WHERE EXISTS (SELECT 1 FROM {scope} AS s WHERE {_same('t', 's', key)})" if scope else ""
    measure = f"count(*) AS n, sum({row_hash(promise, 't')}) AS h"
    either = ", ".join(f"coalesce(o.{quoted(name)}, w.{quoted(name)}) AS {quoted(name)}" for name in key)
    return f"""
        CREATE OR REPLACE TEMP TABLE stale AS
        WITH held AS (SELECT {names}, {measure} FROM {target} AS t{held} GROUP BY {names}),
        wanted AS (SELECT {names}, {measure} FROM {incoming} AS t GROUP BY {names})
        SELECT {either}, o.n AS old_rows, o.h AS old_sum, w.h AS new_sum
        FROM held AS o FULL JOIN wanted AS w ON {_same("o", "w", key)}
        WHERE o.n IS DISTINCT FROM w.n OR o.h IS DISTINCT FROM w.h
    """


def _same(left: str, right: str, key: Sequence[str]) -> str:
    return " AND ".join(f"{quoted(left, name)} IS NOT DISTINCT FROM {quoted(right, name)}" for name in key)
