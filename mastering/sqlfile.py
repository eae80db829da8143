"""SQL statements of this room by name (`mastering/sql/*.sql`). Here: finding, filling in names, running.

A file holds statements, each under a line `-- :name`. Values are parameters (`$name`); `<name>` stands for an
identifier or a column list that is made from the domain's rules. Not here: any decision.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

_SQL = Path(__file__).parent / "sql"
_HEADER = re.compile(r"^-- :([a-z_]+)$", re.MULTILINE)
_PARAMETER = re.compile(r"\$([a-z_]+)")
_NAME = re.compile(r"<([a-z_]+)>")

Connection = duckdb.DuckDBPyConnection


@cache
def statements(file: str) -> dict[str, str]:
    """Statement name -> text of `mastering/sql/<file>.sql`."""
    parts = _HEADER.split((_SQL / f"{file}.sql").read_text("utf-8"))
    return {name: text.strip().rstrip(";") for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def quoted(*parts: str) -> str:
    """A quoted, dotted SQL identifier."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def literal(text: str) -> str:
    """A quoted SQL string: for names from the rules, where a parameter cannot stand."""
    return "'" + text.replace("'", "''") + "'"


def _filled(statement: str, names: Mapping[str, str], values: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    file, _, name = statement.partition(".")
    text = _NAME.sub(lambda found: names[found[1]], statements(file)[name])
    return text, {key: values[key] for key in set(_PARAMETER.findall(text))}


def run(
    con: Connection, statement: str, names: Mapping[str, str], values: Mapping[str, Any]
) -> duckdb.DuckDBPyConnection:
    """Execute `file.statement` with `<...>` from `names` and the `$...` that it has from `values`."""
    text, used = _filled(statement, names, values)
    return con.execute(text, used) if used else con.execute(text)


def arrow(con: Connection, statement: str, names: Mapping[str, str], values: Mapping[str, Any]) -> pa.Table:
    """The rows of the query `file.statement`, filled in as by `run`."""
    text, used = _filled(statement, names, values)
    return arrow_of(con, text, used)


def arrow_of(con: Connection, query: str, values: Mapping[str, Any] | None = None) -> pa.Table:
    """The rows of a query."""
    return con.sql(query, params=dict(values) if values else None).to_arrow_table()


def keep(con: Connection, name: str, table: pa.Table) -> None:
    """Make the Arrow table a temporary table."""
    con.register("given_arrow", table)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {quoted(name)} AS SELECT * FROM given_arrow")
    con.unregister("given_arrow")


def scalar(con: Connection, query: str, values: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - any SQL type
    """The first column of the first row, None where there is no row."""
    # Fetched to the end: DuckDB 2 refuses other work on a connection with an unfinished result.
    rows = con.execute(query, dict(values) if values else None).fetchall()
    return rows[0][0] if rows else None
