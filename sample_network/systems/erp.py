"""The legacy ERP as a real database: a SQLite file by default, PostgreSQL or MariaDB by URL.

Here: creating the tables and filling them in order. Not here: what the rows say (`erp_*.sql`).
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol

import duckdb
import sqlalchemy as sa

from sample_network.model.world import run, script
from sample_network.systems.drop import HERE, sections

DATABASE = "legacy_erp.sqlite"
#: Bytes 96 to 99 of a SQLite file say which library wrote it; a constant makes the file the same everywhere.
_LIBRARY_VERSION = slice(96, 100)
_ROWS_AT_A_TIME = 50_000
SCHEMA = script("erp_schema.sql", HERE) + script("finance_schema.sql", HERE)
Row = Sequence[object]


class Sink(Protocol):
    """Where rows of the ERP go."""

    def fill(self, table: str, rows: Iterable[Row]) -> None:
        """Adds rows to a table, values as text."""


class SqliteSink:
    """A new SQLite file at `path`; what was there is replaced when the last row is in."""

    def __init__(self, path: Path) -> None:
        self.path, self.building = path, path.with_suffix(".building")
        self.building.unlink(missing_ok=True)
        self.con = sqlite3.connect(self.building)
        self.con.executescript(
            "PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA auto_vacuum = NONE;"
        )
        self.con.executescript(SCHEMA)

    def __enter__(self) -> SqliteSink:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.con.commit()
        self.con.close()
        if kind is not None:
            return
        with self.building.open("r+b") as file:
            file.seek(_LIBRARY_VERSION.start)
            file.write(b"\0\0\0\0")
        self.building.replace(self.path)

    def fill(self, table: str, rows: Iterable[Row]) -> None:
        """Adds rows to a table."""
        first = True
        for row_block in _blocks(rows):
            marks = ", ".join("?" * len(row_block[0]))
            self.con.executemany(f"INSERT INTO {table} VALUES ({marks})", row_block)
            first = False
        if not first:
            self.con.commit()


class UrlSink:
    """The tables of the ERP in an empty database that SQLAlchemy can reach. Raises what the database says."""

    def __init__(self, url: str) -> None:
        self.engine = sa.create_engine(url)
        self.is_mysql = self.engine.dialect.name in {"mysql", "mariadb"}
        schema = SCHEMA
        if self.is_mysql:  # TIMESTAMP has whole seconds there, and changes by itself
            schema = schema.replace("TIMESTAMP", "DATETIME(6)")
        with self.engine.begin() as con:
            for statement in schema.split(";"):
                if statement.strip():
                    con.execute(sa.text(statement))
        self.metadata = sa.MetaData()
        self.metadata.reflect(self.engine)

    def __enter__(self) -> UrlSink:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.engine.dispose()

    def fill(self, table: str, rows: Iterable[Row]) -> None:
        """Adds rows to a table."""
        columns = list(self.metadata.tables[table].columns)
        values = ", ".join(f"CAST(:{c.name} AS {_cast(c.type, self.is_mysql)})" for c in columns)
        insert = sa.text(f"INSERT INTO {table} VALUES ({values})")
        names = [c.name for c in columns]
        with self.engine.begin() as con:
            for block in _blocks(rows):
                texts = [[None if v is None else str(v) for v in row] for row in block]
                con.execute(insert, [dict(zip(names, row, strict=True)) for row in texts])


def _cast(kind: sa.types.TypeEngine[object], is_mysql: bool) -> str:
    """The type as CAST takes it."""
    if isinstance(kind, sa.Integer):
        return "DECIMAL(18, 0)"
    if isinstance(kind, sa.Numeric):
        return f"DECIMAL({kind.precision}, {kind.scale})"
    if isinstance(kind, sa.DateTime):
        return "DATETIME(6)" if is_mysql else "TIMESTAMP"
    if isinstance(kind, sa.Date):
        return "DATE"
    return "CHAR(60)" if not isinstance(kind, sa.String) else f"CHAR({kind.length or 60})"


def _blocks(rows: Iterable[Row]) -> Iterable[list[Row]]:
    block: list[Row] = []
    for row in rows:
        block.append(row)
        if len(block) == _ROWS_AT_A_TIME:
            yield block
            block = []
    if block:
        yield block


def write_masters(con: duckdb.DuckDBPyConnection, sink: Sink) -> None:
    """Items, units, vendors, locations and contracts as they stand at the world's `until`."""
    for table, query in sections("erp_network.sql").items():
        sink.fill(table, con.execute(query).fetchall())


def note_site_orders(con: duckdb.DuckDBPyConnection) -> None:
    """The truth about order and invoice lines of the sites the world is at. Leaves their rows and the table ap_line."""
    run(con, re.split(r"^-- section: ", script("erp_site.sql", HERE), maxsplit=1, flags=re.MULTILINE)[0])


def write_site_orders(con: duckdb.DuckDBPyConnection, sink: Sink) -> None:
    """Order and invoice lines that `note_site_orders` left. In the order of sites: the database keeps it."""
    for table, query in sections("erp_site.sql").items():
        sink.fill(table, con.execute(query).fetchall())
