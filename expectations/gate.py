"""The gate: what a candidate's tables promise, checked before it is published.

Here: the checks that follow from a promise, the verdict per check, the worst of them. Not here: how a
check runs (`expectations.gx_duckdb`, imported only when there is something to check), what happens next
(`store.publish`).

Severity: `error` is for our own defects (duplicate keys, broken references, overlapping versions) and
blocks the publish; what a source wrote oddly is a `warn`: holding back a hospital's data for a
typo in one source would be the greater harm. A check that cannot run has failed, as an error.
"""

from __future__ import annotations

import importlib
import json
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from expectations.ddl import quoted
from expectations.promise import Expectation, Reference, Severity, TablePromise

if TYPE_CHECKING:
    from expectations.gx_duckdb import Finding

#: How many failing keys are kept per check.
SAMPLE = 20


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to check of one table.

    `kind` rule: `query` returns the rows that break it. `max_share`: part of the rows that may.
    """

    name: str
    kind: Literal["not_null", "in_set", "between", "rule"]
    severity: Severity
    columns: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    min: str | int | None = None
    max: str | int | None = None
    query: str | None = None
    max_share: float = 0


@dataclass(frozen=True, slots=True)
class DqResult:
    """One row of ops.dq_result.

    `suite`: schema.table. `scope`: the rows looked at. `unexpected_count`: rows (or groups) that break the promise,
    None where the check could not run. `sample_keys`: JSON list of up to 20 objects, key column -> value.
    """

    run_id: str
    suite: str
    expectation: str
    table: str
    column: str | None
    scope: str
    observed: str
    threshold: str
    success: bool
    severity: Severity
    unexpected_count: int | None
    sample_keys: str


def validate(
    database: Path,
    promises: Mapping[str, TablePromise],
    tables: Collection[str] | None = None,
    run_id: str = "",
) -> list[DqResult]:
    """Check the promised tables of the DuckDB file `database`, which is opened read-only.

    `tables`: names of the promises to check (those that changed), None for all. A table that is missing in
    the file is a failed check, not an exception. No connection to the file stays open.
    """
    chosen = [promise for name, promise in promises.items() if tables is None or name in tables]
    if not chosen:
        return []
    from expectations.gx_duckdb import runners

    results: list[DqResult] = []
    with runners(database, sorted({promise.schema_name for promise in chosen})) as by_schema:
        for promise in chosen:
            checks = checks_of(promise)
            findings = by_schema[promise.schema_name].run(promise.table, promise.key, checks)
            results += [result_of(run_id, promise, c, f) for c, f in zip(checks, findings, strict=True)]
    return results


def warm_up() -> threading.Thread:
    """Begin to import what `validate` needs (seconds) beside the caller's work; returns the thread that does.

    SQLAlchemy's ORM comes first and in the caller's own thread: while it loads, its inspectors are registered
    before they can answer, and a statement that another thread runs meanwhile ends in an AttributeError.
    """
    importlib.import_module("sqlalchemy.orm")
    loading = threading.Thread(
        target=importlib.import_module, args=("expectations.gx_duckdb",), name="gate warm-up", daemon=True
    )
    loading.start()
    return loading


def worst(results: Iterable[DqResult]) -> Severity | None:
    """The gravest severity among the broken promises: error, warn, or None when all were kept."""
    broken = {result.severity for result in results if not result.success}
    return "error" if "error" in broken else "warn" if broken else None


# -- checks of a promise ---------------------------------------------------------------------------------


def checks_of(promise: TablePromise) -> list[Check]:
    """Key, NOT NULL and reference checks, which every promise implies, then its own expectations."""
    return [
        _unique(promise, "key_unique", "error", promise.key),
        *(Check(f"{c.name}_not_null", "not_null", "error", (c.name,)) for c in promise.columns if not c.nullable),
        *(_reference(promise, reference) for reference in promise.references),
        *(_own(promise, expectation) for expectation in promise.expectations),
    ]


def _unique(
    promise: TablePromise, name: str, severity: Severity, columns: Sequence[str], max_share: float = 0
) -> Check:
    """As a rule, because GX's own names no failing keys. Counts the values that are there more than once."""
    held, given = _names(columns), " AND ".join(f"{quoted(column)} IS NOT NULL" for column in columns)
    query = (
        f"SELECT {held}, count(*) AS copies FROM {quoted(promise.table)} WHERE {given}"
        f" GROUP BY {held} HAVING count(*) > 1"
    )
    return Check(name, "rule", severity, tuple(columns), query=query, max_share=max_share)


def _reference(promise: TablePromise, reference: Reference) -> Check:
    held, known = _names(reference.columns), _names(reference.to)
    unknown = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in reference.to)
    query = (
        f"SELECT {_names(_shown(promise, reference.columns))} FROM {quoted(promise.table)}"
        f" WHERE ({held}) NOT IN (SELECT {known} FROM {quoted(reference.table)} WHERE {unknown})"
    )
    name = f"{'_'.join(reference.columns)}_in_{reference.table}"
    return Check(name, "rule", "error", reference.columns, query=query)


def _own(promise: TablePromise, e: Expectation) -> Check:
    columns = e.columns or ((e.column,) if e.column else ())
    if e.type == "unique":
        return _unique(promise, e.name, e.severity, columns, e.max_share)
    if e.type == "in_set" or e.type == "between":
        return Check(e.name, e.type, e.severity, columns, e.values, e.min, e.max, max_share=e.max_share)
    query = e.sql or f"SELECT {_names(promise.key)} FROM {quoted(promise.table)} WHERE {e.where}"
    return Check(e.name, "rule", e.severity, columns, query=query, max_share=e.max_share)


def _shown(promise: TablePromise, columns: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*promise.key, *columns]))


def _names(columns: Sequence[str]) -> str:
    return ", ".join(quoted(name) for name in columns)


# -- verdicts --------------------------------------------------------------------------------------------


def result_of(run_id: str, promise: TablePromise, check: Check, finding: Finding) -> DqResult:
    """The row of ops.dq_result for what `check` found."""
    failed_to_run = finding.error is not None
    return DqResult(
        run_id=run_id,
        suite=promise.qualified,
        expectation=check.name,
        table=promise.table,
        column=", ".join(check.columns) or None,
        scope="whole table",
        observed=_observed(finding),
        threshold=f"at most {check.max_share:.0%} of the rows" if check.max_share else "no row",
        success=finding.success and not failed_to_run,
        severity="error" if failed_to_run else check.severity,
        unexpected_count=None if failed_to_run else finding.unexpected,
        sample_keys=json.dumps([_texts(row, promise, check) for row in finding.sample], ensure_ascii=False),
    )


def _observed(finding: Finding) -> str:
    if finding.error is not None:
        return f"could not run: {finding.error.strip().splitlines()[0]}"
    return f"{finding.unexpected} of {finding.rows} rows"


def _texts(row: Mapping[str, object], promise: TablePromise, check: Check) -> dict[str, str | None]:
    """The row's key columns as text; all columns where a query returns others than the key."""
    shown = {name: row[name] for name in _shown(promise, check.columns) if name in row} or dict(row)
    return {name: None if value is None else str(value) for name, value in shown.items()}


def rows_of(results: Iterable[DqResult]) -> Iterator[dict[str, object]]:
    """The results as rows with the column names of ops.dq_result (without `ts`, which the recorder adds)."""
    for r in results:
        yield {
            "run_id": r.run_id,
            "suite": r.suite,
            "expectation": r.expectation,
            "table_name": r.table,
            "column_name": r.column,
            "scope": r.scope,
            "observed": r.observed,
            "threshold": r.threshold,
            "success": r.success,
            "severity": r.severity,
            "unexpected_count": r.unexpected_count,
            "sample_keys": r.sample_keys,
        }
