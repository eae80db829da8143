"""Putting new rows in the place of old ones so that equal rows are not touched. Not here: which rows those are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mastering.sqlfile import Connection, quoted, scalar


@dataclass(frozen=True, slots=True)
class Replaced:
    """How many rows went and came; a changed row counts in both."""

    removed: int
    added: int

    @property
    def changed(self) -> bool:
        """Whether anything differs now."""
        return bool(self.removed or self.added)


def replace_rows(
    con: Connection,
    table: str,
    new: str,
    *,
    scope: str,
    values: Mapping[str, Any],
    change_seq: int,
    seq_column: str = "_change_seq",
    key: Sequence[str] = (),
    changed_keys: str | None = None,
) -> Replaced:
    """Make the rows of `table` that satisfy `scope` (over alias `t`) equal to those of the temporary table `new`.

    Rows that are equal in all columns of `new` stay as they are; only rows that come get `change_seq`. The `key`
    columns of every row that went or came are added to the table `changed_keys`. Rows of `new` are unique.
    """
    columns = [str(row[0]) for row in con.execute(f"DESCRIBE {new}").fetchall()]
    old = f"SELECT t.rowid AS d_row, t.* FROM {table} AS t WHERE {scope}"
    con.execute(f"CREATE OR REPLACE TEMP TABLE d_old AS {old}", dict(values) or None)
    if not scalar(con, "SELECT count(*) FROM d_old"):
        return Replaced(0, _insert_all(con, table, new, columns, change_seq, seq_column, key, changed_keys))
    _match(con, new, columns)
    removed = _remove(con, table, key, changed_keys)
    added = _add(con, table, new, columns, change_seq, seq_column, key, changed_keys)
    for name in ("d_old", "d_same"):
        con.execute(f"DROP TABLE {name}")
    return Replaced(removed, added)


def _insert_all(
    con: Connection,
    table: str,
    new: str,
    columns: Sequence[str],
    change_seq: int,
    seq_column: str,
    key: Sequence[str],
    changed_keys: str | None,
) -> int:
    """Nothing was there: no need to compare."""
    count = int(scalar(con, f"SELECT count(*) FROM {new}"))
    if count:
        _note(con, changed_keys, key, f"FROM {new}")
        _insert(con, table, columns, change_seq, seq_column, f"FROM {new}")
    return count


def _insert(con: Connection, table: str, columns: Sequence[str], change_seq: int, seq_column: str, source: str) -> None:
    names = ", ".join(quoted(c) for c in columns)
    con.execute(f"INSERT INTO {table} ({names}, {quoted(seq_column)}) SELECT {names}, {int(change_seq)} {source}")


def _match(con: Connection, new: str, columns: Sequence[str]) -> None:
    """Pairs of an old and an equal new row."""
    equal = " AND ".join(f"o.{quoted(c)} IS NOT DISTINCT FROM n.{quoted(c)}" for c in columns)
    pairs = f"SELECT o.d_row, n.rowid AS n_row FROM d_old AS o INNER JOIN {new} AS n ON {equal}"
    con.execute(f"CREATE OR REPLACE TEMP TABLE d_same AS {pairs}")


def _remove(con: Connection, table: str, key: Sequence[str], changed_keys: str | None) -> int:
    gone = "FROM d_old WHERE d_row NOT IN (SELECT d_row FROM d_same)"
    count = int(scalar(con, f"SELECT count(*) {gone}"))
    if count:
        _note(con, changed_keys, key, gone)
        con.execute(f"DELETE FROM {table} WHERE rowid IN (SELECT d_row {gone})")
    return count


def _add(
    con: Connection,
    table: str,
    new: str,
    columns: Sequence[str],
    change_seq: int,
    seq_column: str,
    key: Sequence[str],
    changed_keys: str | None,
) -> int:
    come = f"FROM {new} WHERE rowid NOT IN (SELECT n_row FROM d_same)"
    count = int(scalar(con, f"SELECT count(*) {come}"))
    if count:
        _note(con, changed_keys, key, come)
        _insert(con, table, columns, change_seq, seq_column, come)
    return count


def _note(con: Connection, changed_keys: str | None, key: Sequence[str], source: str) -> None:
    if changed_keys:
        con.execute(f"INSERT INTO {changed_keys} SELECT DISTINCT {', '.join(quoted(k) for k in key)} {source}")
