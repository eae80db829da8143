"""From a promise to DuckDB statements: CREATE TABLE and the comments that carry the data dictionary.

Here: text only. Not here: running it (`store.publish`). There is no PRIMARY KEY: an index would cost every
delete and insert of a delta, and the gate checks the key of what is really there.
"""

from __future__ import annotations

from expectations.promise import Column, TablePromise


def quoted(*parts: str) -> str:
    """Quoted identifier, dotted where there are several parts."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def literal(text: str) -> str:
    """SQL string literal (COMMENT ON takes no parameters)."""
    return "'" + text.replace("'", "''") + "'"


def create_table(promise: TablePromise) -> str:
    """CREATE TABLE of the promise in its schema: columns in order, types, NOT NULL."""
    body = ",\n".join(f"    {_column(column)}" for column in promise.columns)
    return f"CREATE TABLE {quoted(promise.schema_name, promise.table)} (\n{body}\n)"


def comments(promise: TablePromise) -> list[str]:
    """COMMENT ON TABLE and COMMENT ON COLUMN statements: description, grain, unit and source."""
    table = quoted(promise.schema_name, promise.table)
    about = f"{promise.description} Grain: {promise.grain}."
    return [f"COMMENT ON TABLE {table} IS {literal(about)}"] + [
        f"COMMENT ON COLUMN {table}.{quoted(column.name)} IS {literal(_about(column))}" for column in promise.columns
    ]


def _column(column: Column) -> str:
    return f"{quoted(column.name)} {column.type}{'' if column.nullable else ' NOT NULL'}"


def _about(column: Column) -> str:
    parts = [column.description]
    if column.unit:
        parts.append(f"Unit: {column.unit}")
    if column.source:
        parts.append(f"Source: {column.source}")
    return ". ".join(parts)
