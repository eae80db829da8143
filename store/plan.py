"""What must be recomputed of each table, compared with the version that is carried on. Nothing is written.

Here: fingerprints, input signatures, the changed keys (left in a temporary table of the connection). Not here: the
meaning of `build:` (`expectations.promise`), writing rows (`store.candidate`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import duckdb

from connectors.errors import ConfigurationError
from expectations.ddl import quoted
from expectations.promise import TablePromise, changed_keys_sql, inputs
from store.lookups import with_lookups
from store.versions import Basis, Manifest, TableBasis

#: keep: equal to the version before. delta: recompute `changed_keys`. recompute: compute every row, write the
#: difference. create: make the table anew.
Action = Literal["keep", "delta", "recompute", "create"]

_INTAKE = re.compile(r"\bintake\.\"?([a-z][a-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class Base:
    """The version that is carried on, and the state of the working database it is equal to."""

    manifest: Manifest
    basis: Basis


@dataclass(frozen=True, slots=True)
class TablePlan:
    """What is to be done to one table, and why. `sql`: its SELECT. `basis`: what it will have been built from."""

    promise: TablePromise
    sql: str
    action: Action
    reason: str
    basis: TableBasis
    changed_keys: int = 0

    @property
    def changed_table(self) -> str:
        """Temporary table with the changed keys (columns named as the published key), for action delta."""
        return changed_table(self.promise)


def changed_table(promise: TablePromise) -> str:
    """Name of the temporary table with the changed keys of a table."""
    return f"changed_{promise.table}"


def load_sql(sql_dir: Path, promise: TablePromise) -> str:
    """The SELECT of a table: `<table>.sql` with the lookups it names (`store.lookups`); an incremental table without
    one is a copy of its driver, by name.

    Raises ConfigurationError where neither is there, or a lookup is not.
    """
    path = sql_dir / f"{promise.table}.sql"
    if path.is_file():
        return with_lookups(path.read_text("utf-8").strip().removesuffix(";"), sql_dir / "lookups")
    if promise.build.driver is None:
        raise ConfigurationError(
            f"{promise.qualified} has no SQL", location=str(path), hint=f"Write {path.name}, or set build.mode: copied"
        )
    return f"SELECT {', '.join(quoted(name) for name in promise.column_names)} FROM {promise.build.driver} AS d"


def intake_views(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Name -> text of the intake views of the working database."""
    return dict(
        con.execute(
            "SELECT view_name, sql FROM duckdb_views() WHERE database_name = current_database() "
            "AND schema_name = 'intake'"
        ).fetchall()
    )


def plan_table(
    con: duckdb.DuckDBPyConnection,
    promise: TablePromise,
    sql: str,
    change_seq: int,
    working_id: str,
    base: Base | None,
    views: Mapping[str, str],
) -> TablePlan:
    """Decide what is to be done to one table that has a SELECT (mode full or incremental).

    `con` reads the working database, which stands at `change_seq`. `views`: its `intake_views`.
    """
    wanted = TableBasis(_fingerprint(promise, sql, views), _shape(promise), change_seq)
    had = base.basis.tables.get(promise.table) if base else None
    if base is None or had is None or had.shape != wanted.shape:
        reason = "the version before has no such table" if had is None else "other columns"
        return TablePlan(promise, sql, "create", reason, _with_inputs(con, promise, sql, wanted))
    if had.fingerprint != wanted.fingerprint or base.basis.working_id != working_id:
        reason = "another definition" if had.fingerprint != wanted.fingerprint else "another working database"
        return TablePlan(promise, sql, "recompute", reason, _with_inputs(con, promise, sql, wanted))
    if had.built_through_seq == change_seq:
        return TablePlan(promise, sql, "keep", "nothing happened", had)
    if promise.build.mode == "incremental":
        held = base.manifest.tables.get(promise.table)
        return _plan_incremental(con, promise, sql, wanted, had.built_through_seq, held.rows if held else None)
    now = _with_inputs(con, promise, sql, wanted)
    changed = sorted(name for name, signature in now.inputs.items() if had.inputs.get(name) != signature)
    if changed:
        return TablePlan(promise, sql, "recompute", f"changed: {', '.join(changed)}", now)
    return TablePlan(promise, sql, "keep", "no input changed", now)


def _plan_incremental(
    con: duckdb.DuckDBPyConnection, promise: TablePromise, sql: str, wanted: TableBasis, since: int, held: int | None
) -> TablePlan:
    """`held`: rows of the published table, where they are one per row of its driver."""
    names = ", ".join(quoted(name) for name in promise.build.key)
    table = quoted(changed_table(promise))
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT * FROM ({changed_keys_sql(promise)}) AS k({names})",
        {"since": since},
    )
    [(count,)] = con.execute(f"SELECT count(*) FROM {table}").fetchall()
    if count == 0 and held is not None and held != rows_of(con, str(promise.build.driver)):
        return TablePlan(promise, sql, "delta", "rows of the driver are gone", wanted)
    if count == 0:
        return TablePlan(promise, sql, "keep", "no key changed", wanted)
    return TablePlan(promise, sql, "delta", f"{count} keys changed", wanted, int(count))


def rows_of(con: duckdb.DuckDBPyConnection, relation: str) -> int:
    """Rows of a relation."""
    [(count,)] = con.execute(f"SELECT count(*) FROM {relation}").fetchall()
    return int(count)


def attention(con: duckdb.DuckDBPyConnection) -> str:
    """Signature of what people should look at: rejects with their state, quarantined deliveries, findings, cases."""
    [(rejects,)] = con.execute(
        "SELECT count(*) || ':' || coalesce(sum(hash(reject_id, state)), 0) FROM ops.rejected_record"
    ).fetchall()
    [(deliveries,)] = con.execute(
        "SELECT count(*) || ':' || coalesce(sum(hash(delivery_id)), 0) FROM ops.delivery WHERE state = 'quarantined'"
    ).fetchall()
    return f"{rejects}|{deliveries}|{_queue(con)}"


def _queue(con: duckdb.DuckDBPyConnection) -> str:
    """Signature of findings, cases and decisions; nothing where nothing was mastered yet."""
    held = con.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = 'master' "
        "AND table_name IN ('finding', 'review', 'ruling') ORDER BY table_name"
    ).fetchall()
    signatures = []
    for (name,) in held:
        [(rows,)] = con.execute(
            f"SELECT count(*) || ':' || coalesce(sum(hash(t)), 0) FROM "
            f"(SELECT * EXCLUDE (_change_seq) FROM {quoted('master', name)}) AS t"
        ).fetchall()
        signatures.append(f"{name}:{rows}")
    return "|".join(signatures)


def _with_inputs(con: duckdb.DuckDBPyConnection, promise: TablePromise, sql: str, basis: TableBasis) -> TableBasis:
    """The basis with signatures of what the SQL reads; incremental tables follow `_change_seq` instead."""
    if promise.build.mode == "incremental":
        return basis
    signatures = {relation: _signature(con, relation) for relation in sorted(_inputs(sql))}
    return TableBasis(basis.fingerprint, basis.shape, basis.built_through_seq, signatures)


@cache
def _inputs(sql: str) -> frozenset[str]:
    return inputs(sql)


def _signature(con: duckdb.DuckDBPyConnection, relation: str) -> str:
    """Rows and newest change of a relation; rows and their hash where it does not say when a row changed."""
    schema, name = relation.split(".")
    [(has_seq,)] = con.execute(
        "SELECT count(*) FROM duckdb_columns() WHERE database_name = current_database() "
        "AND schema_name = ? AND table_name = ? AND column_name = '_change_seq'",
        [schema, name],
    ).fetchall()
    measure = "max(t._change_seq)" if has_seq else "sum(hash(t))"
    # The counter itself moves with every transaction and is no input of any table.
    but = " WHERE t.key <> 'change_seq'" if relation == "ops.meta" else ""
    [(rows, value)] = con.execute(f"SELECT count(*), {measure} FROM {quoted(schema, name)} AS t{but}").fetchall()
    return f"{rows}:{value}"


def _shape(promise: TablePromise) -> str:
    return _digest([[column.name, column.type, column.nullable] for column in promise.columns])


def _fingerprint(promise: TablePromise, sql: str, views: Mapping[str, str]) -> str:
    read = {name: views.get(name) for name in sorted(set(_INTAKE.findall(sql)) | _also_read(promise))}
    return _digest([sql, _shape(promise), promise.key, promise.build.model_dump(mode="json"), read])


def _also_read(promise: TablePromise) -> set[str]:
    driver = promise.build.driver or ""
    return {driver.removeprefix("intake.")} if driver.startswith("intake.") else set()


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


def dictionary_hash(statements: Mapping[str, str] | list[str]) -> str:
    """Signature of the comments and views of a version."""
    return _digest(statements)
