"""Great Expectations over one DuckDB file by push-down: dialect, context, and one expectation of our own.

Here: everything that touches great_expectations, SQLAlchemy or duckdb-engine, thin enough to be replaced.
Not here: what is expected (`expectations.gate`). Importing this module costs seconds (great_expectations), so
`gate.validate` imports it only when there is a table to check.

GX closes a connection before it fetches. PostgreSQL's client has the rows by then; DuckDB has not. So the
dialect fetches everything once a statement has been executed. What is fetched is small: counts, and samples.
"""

from __future__ import annotations

import atexit
import gc
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any, ClassVar

import duckdb
import duckdb_engine
import great_expectations as gx
import great_expectations.expectations.core
from great_expectations.data_context.data_context.context_factory import project_manager
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.datasource.fluent.interfaces import TestConnectionError
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg2 import PGExecutionContext_psycopg2
from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy

from expectations.gate import SAMPLE, Check
from expectations.gx_rules import ExpectFewRows

_DIALECT = "duckdb.concord"
_CORE: Any = great_expectations.expectations.core  # it does not declare what it exports


class _FetchingContext(PGExecutionContext_psycopg2):
    """Execution context that fetches while the connection is still open."""

    def post_exec(self) -> None:
        super().post_exec()  # type: ignore[no-untyped-call]
        if self.cursor.description:
            rows = self.cursor.fetchall()
            self.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(self.cursor, initial_buffer=rows)


class _Cursor(duckdb_engine.CursorWrapper):
    """Cursor that names column types by text: SQLAlchemy caches them beyond the life of DuckDB's own objects."""

    @property
    def description(self) -> list[tuple[Any, ...]] | None:
        """DBAPI column descriptions."""
        columns = self.__getattr__("description")
        return columns and [(name, str(kind), *rest) for name, kind, *rest in columns]


class _Connection(duckdb_engine.ConnectionWrapper):
    def __init__(self, raw: duckdb.DuckDBPyConnection) -> None:
        super().__init__(raw)
        self.raw = raw

    def cursor(self) -> _Cursor:
        return _Cursor(self.raw, self)


class ConcordDialect(duckdb_engine.Dialect):
    """duckdb-engine's dialect, fetching at once, in one schema (GX drops schema names in some queries)."""

    supports_statement_cache = False
    execution_ctx_cls = _FetchingContext
    opened: ClassVar[list[_Connection]] = []

    def connect(self, *cargs: Any, **cparams: Any) -> Any:  # noqa: ANN401 - SQLAlchemy's own signature
        """Open the database read-only, in UTC, with `schema` as the one that bare table names mean."""
        raw = duckdb.connect(cargs[0] if cargs else cparams["database"], read_only=True)
        raw.execute(f"SET schema = '{cparams['schema']}'")
        raw.execute("SET TimeZone = 'UTC'")
        connection = _Connection(raw)
        self.opened.append(connection)
        return connection

    @classmethod
    def close_all(cls) -> None:
        """Close every connection, in whichever of GX's engines and pools it sits: the file must be free afterwards."""
        while cls.opened:
            cls.opened.pop().close()


registry.register(_DIALECT, __name__, ConcordDialect.__name__)


@atexit.register
def _let_go() -> None:
    """Drop duckdb-engine's references to DuckDB when the process ends.

    GX and SQLAlchemy keep its classes alive beyond the interpreter's clean-up, and DuckDB's binding then prints
    a page of "leaked" on stderr. Annotations and the error classes are what refers to DuckDB.
    """
    for name in [name for name in sys.modules if name.split(".")[0] == "duckdb_engine"] + [__name__]:
        held = vars(sys.modules[name])
        held.pop("duckdb", None)
        for owner in [thing for thing in held.values() if isinstance(thing, type)]:
            _strip(vars(owner).values())
        _strip(held.values())
    for name in ("Error", "TransactionException", "ParserException"):
        delattr(duckdb_engine.DBAPI, name)
    gc.collect()


def _strip(things: Iterable[object]) -> None:
    for thing in things:
        if isinstance(thing, FunctionType) and thing.__module__.split(".")[0] == "duckdb_engine":
            thing.__annotations__ = {}


# -- running a suite -------------------------------------------------------------------------------------

#: What GX is asked for where a check found something: the keys of the first such rows.
_SAMPLED = {"result_format": "SUMMARY", "partial_unexpected_count": SAMPLE, "return_unexpected_index_query": False}
_KEY = "unexpected_index_column_names"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `error`: why the check could not run (then the counts are 0)."""

    success: bool
    unexpected: int
    rows: int
    sample: tuple[dict[str, Any], ...]
    error: str | None = None


class Runner:
    """Runs suites on the tables of one schema of one database file, opened read-only."""

    def __init__(self, context: Any, database: Path, schema: str) -> None:  # noqa: ANN401 - untyped GX context
        self.context = context
        self.schema = schema
        self.source = context.data_sources.add_sql(
            schema,
            connection_string=f"duckdb+concord:///{database}",
            create_temp_table=False,
            kwargs={"connect_args": {"schema": schema}},
        )

    def run(self, table: str, key: Sequence[str], checks: Sequence[Check]) -> list[Finding]:
        """One finding per check, in order; samples show `key` columns. A missing table fails every check.

        Samples are asked for in a second round, of those checks alone that found something.
        """
        try:
            asset = self.source.add_table_asset(table, table_name=table)
        except TestConnectionError:
            missing = f"there is no table {self.schema}.{table}"
            return [Finding(False, 0, 0, (), missing) for _ in checks]
        batch = asset.add_batch_definition_whole_table("whole")
        name = f"{self.schema}.{table}"
        found = self._findings(name, batch, checks, {"result_format": "BASIC"})
        unkept = [check for check in checks if check.kind != "rule" and found[check.name].unexpected]
        if unkept:
            found |= self._findings(f"{name}: keys", batch, unkept, {**_SAMPLED, _KEY: list(key)})
        return [found[check.name] for check in checks]

    def _findings(
        self,
        name: str,
        batch: Any,  # noqa: ANN401 - untyped GX batch definition
        checks: Sequence[Check],
        result_format: dict[str, Any],
    ) -> dict[str, Finding]:
        """Check name -> what GX found. A rule brings its own sample; the others' costs a query each, kept or not."""
        suite = self.context.suites.add(gx.ExpectationSuite(name, expectations=[expectation_of(c) for c in checks]))
        definition = gx.ValidationDefinition(name=name, data=batch, suite=suite)
        result = self.context.validation_definitions.add(definition).run(result_format=result_format)
        return {r.expectation_config.meta["check"]: _finding(r) for r in result.results}


@contextmanager
def runners(database: Path, schemas: Sequence[str]) -> Iterator[dict[str, Runner]]:
    """A runner per schema. On leaving, every connection to the file is closed and GX's globals are let go."""
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    opened = {schema: Runner(context, database, schema) for schema in schemas}
    try:
        yield opened
    finally:
        for runner in opened.values():
            runner.source.get_execution_engine().close()
        ConcordDialect.close_all()
        project_manager.set_project(None)
        opened.clear()
        # Cached results hold cursors, and those hold DuckDB's types beyond the interpreter's end.
        gc.collect()


def expectation_of(check: Check) -> Any:  # noqa: ANN401 - GX expectations are untyped
    """The GX expectation of a check; its name travels in `meta`."""
    common: dict[str, Any] = {
        "meta": {"check": check.name},
        "severity": "critical" if check.severity == "error" else "warning",
    }
    mostly = 1 - check.max_share
    if check.kind == "rule":
        return ExpectFewRows(rule_query=check.query or "", allowed_share=check.max_share, **common)
    common |= {"column": check.columns[0], "mostly": mostly}
    if check.kind == "not_null":
        return _CORE.ExpectColumnValuesToNotBeNull(**common)
    if check.kind == "in_set":
        return _CORE.ExpectColumnValuesToBeInSet(value_set=list(check.values), **common)
    return _CORE.ExpectColumnValuesToBeBetween(**common, min_value=check.min, max_value=check.max)


def _finding(result: Any) -> Finding:  # noqa: ANN401 - untyped GX result
    found = result.result or {}
    return Finding(
        success=bool(result.success),
        unexpected=int(found.get("unexpected_count") or 0),
        rows=int(found.get("element_count") or 0),
        sample=tuple(found.get("partial_unexpected_index_list") or ()),
        error=_error(result.exception_info),
    )


def _error(info: dict[str, Any] | None) -> str | None:
    """The first exception message of a check that could not run (GX nests them by metric)."""
    if not info:
        return None
    if "exception_message" in info:
        return info["exception_message"] if info.get("raised_exception") else None
    return next((message for part in info.values() if (message := _error(part))), None)
