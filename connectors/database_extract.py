"""Moving the rows of one SELECT into one Parquet file: streaming, exact, and the same bytes for the same rows.

Here: the two ways rows travel (COPY for PostgreSQL with psycopg, the driver's cursor for everything else) and the
file they land in. Not here: which rows and columns (`database_table`), what the values mean (`database_read`).

The file depends on nothing but its rows, its columns and `metadata`: no clock, no block size, no driver.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Context, Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from sqlalchemy.engine import Connection

from connectors.database_table import Rows, TableColumn, TablePlan, landed_type
from connectors.errors import TransientSourceError

#: Rows of a row group of the landed file; memory is bounded by a few of them.
ROW_GROUP = 65_536
_FETCH = 20_000
_BLOCK = 8 << 20
_NULL = "\\N"
#: Digits of a decimal of which ROW_GROUP can be summed within 38 digits.
_SUMMABLE = 33
#: Python's own decimal arithmetic keeps 28 digits.
_EXACT = Context(prec=120)


@dataclass(frozen=True, slots=True)
class Written:
    """What was written. `totals`: contract column -> exact sum, for the columns that landed as decimals."""

    rows: int
    totals: Mapping[str, str]


def extract_to(
    connection: Connection, plan: TablePlan, statement: Rows, odd: frozenset[str], target: Path,
    metadata: Mapping[str, str], *, fast: bool = True,
) -> Written:  # fmt: skip
    """Write the rows of `statement` to `target`. `fast=False` keeps to the portable way (they must be equal)."""
    schema = pa.schema([(column.name, landed_type(column, odd)) for column in plan.columns], dict(metadata))
    by_copy = fast and connection.dialect.name == "postgresql" and connection.dialect.driver == "psycopg"
    batches = _copied(connection, statement, schema) if by_copy else _fetched(connection, statement, schema)
    with closing(batches):  # where writing fails, the source's cursor goes before its connection does
        return _write(batches, schema, plan.columns, target)


def check_complete(written: Written, rows: int, totals: Mapping[str, str], location: str) -> None:
    """Raise TransientSourceError unless the file holds what the source counted in the same snapshot."""
    wrong = [] if written.rows == rows else [f"{written.rows} rows were read, the source counted {rows}"]
    for name, total in written.totals.items():
        if name in totals and Decimal(total) != Decimal(totals[name]):
            wrong.append(f"{name} sums to {total}, the source says {totals[name]}")
    if wrong:
        raise TransientSourceError(
            f"the extract is not what the source counted: {'; '.join(wrong)}",
            location=location,
            hint="It is not kept; it will be tried again",
        )


# ---- the file -----------------------------------------------------------------------------------------------------


def _write(
    batches: Iterator[pa.RecordBatch], schema: pa.Schema, columns: Sequence[TableColumn], target: Path
) -> Written:
    summed = [c for c in columns if c.total is not None and pa.types.is_decimal(schema.field(c.name).type)]
    sums = {str(column.total): Decimal(0) for column in summed}
    rows = 0
    with pq.ParquetWriter(target, schema, compression="zstd", compression_level=1) as writer, _Beside() as beside:
        for group in _regroup(batches, schema):
            beside.do(partial(writer.write_table, group, row_group_size=ROW_GROUP))
            rows += group.num_rows
            for column in summed:
                sums[str(column.total)] = _EXACT.add(sums[str(column.total)], _sum(group.column(column.name)))
    return Written(rows, {name: str(total) for name, total in sums.items()})


class _Beside:
    """Work done in a thread of its own, one piece at a time, in order. Rows come from the source meanwhile.

    What is done there must not touch the source: some drivers allow one thread only.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "write")
        self._last: Future[None] | None = None

    def do(self, work: Callable[[], None]) -> None:
        """Start a piece when the one before is done; raises what that one raised."""
        self._wait()
        self._last = self._pool.submit(work)

    def _wait(self) -> None:
        if self._last is not None:
            self._last.result()

    def __enter__(self) -> _Beside:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        self._pool.shutdown()
        if failed is None:
            self._wait()


def _regroup(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Groups of exactly ROW_GROUP rows, however the batches were cut: so equal rows make equal bytes."""
    held: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        while rows >= ROW_GROUP:
            table = pa.Table.from_batches(held, schema)
            yield table.slice(0, ROW_GROUP).combine_chunks()
            rows -= ROW_GROUP
            held = table.slice(ROW_GROUP).to_batches()
    if rows:
        yield pa.Table.from_batches(held, schema).combine_chunks()


def _sum(values: pa.ChunkedArray) -> Decimal:
    if values.type.precision > _SUMMABLE:  # Arrow sums into 38 digits and says nothing when they overflow
        values = values.cast(pa.decimal256(76, values.type.scale))
    return pc.sum(values).as_py() or Decimal(0)


# ---- PostgreSQL: COPY ---------------------------------------------------------------------------------------------


class _CopyStream(io.RawIOBase):
    """What COPY sends, as a file that gives exactly the bytes asked for."""

    def __init__(self, copy: Iterable[bytes]) -> None:
        self._rows = iter(copy)  # a third of the time of copy.read()
        self._held = bytearray()  # not a list of rows to join: that takes twice the time
        self._lock = threading.Lock()
        self._stopped = False

    def readable(self) -> bool:
        return True

    def stop(self) -> None:
        """Read no more: the reader works ahead in a thread of its own, which must not outlive the COPY."""
        with self._lock:
            self._stopped = True

    def read(self, size: int = -1) -> bytes:
        with self._lock:
            return b"" if self._stopped else self._read(size)

    def _read(self, size: int) -> bytes:
        held = self._held
        while size < 0 or len(held) < size:
            part = next(self._rows, None)
            if part is None:
                break
            held += part
        wanted = len(held) if size < 0 else size
        data = bytes(memoryview(held)[:wanted])
        self._held = held[wanted:]
        return data


def _copied(connection: Connection, statement: Rows, schema: pa.Schema) -> Generator[pa.RecordBatch, None, None]:
    compiled = statement.compile(dialect=connection.dialect)
    # Without parameters psycopg takes the text as it is, doubled percent signs included.
    select = str(compiled) if compiled.params else str(compiled).replace("%%", "%")
    copy = f"COPY ({select}) TO STDOUT (FORMAT csv, NULL '{_NULL}', ENCODING 'UTF8')"
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(copy, compiled.params or None) as answer:
        stream = _CopyStream(answer)
        try:
            yield from _parsed(stream, schema)
        finally:
            stream.stop()


def _parsed(stream: io.RawIOBase, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """CSV -> Arrow by declared types: a value that does not fit is an error, never something else."""
    try:
        reader = pa.csv.open_csv(
            pa.PythonFile(stream, mode="r"),
            read_options=pa.csv.ReadOptions(column_names=schema.names, block_size=_BLOCK),
            parse_options=pa.csv.ParseOptions(newlines_in_values=True),
            convert_options=pa.csv.ConvertOptions(
                column_types={field.name: field.type for field in schema},
                null_values=[_NULL],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                true_values=["t"],
                false_values=["f"],
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV file" in str(error):
            return
        raise
    yield from reader


# ---- everything else: the driver's cursor -------------------------------------------------------------------------


def _fetched(connection: Connection, statement: Rows, schema: pa.Schema) -> Generator[pa.RecordBatch, None, None]:
    streamed = statement.execution_options(stream_results=connection.dialect.name != "sqlite", max_row_buffer=_FETCH)
    result = connection.execute(streamed)
    # SQLite's own rows save a third of the time; elsewhere SQLAlchemy holds rows back that its cursor has given.
    source: Any = result.cursor if connection.dialect.name == "sqlite" else result
    try:
        while rows := source.fetchmany(_FETCH):
            columns = zip(*rows, strict=True)
            arrays = [_array(list(column), field.type) for column, field in zip(columns, schema, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)
    finally:
        result.close()


def _array(values: list[Any], wanted: pa.DataType) -> pa.Array:
    if not pa.types.is_string(wanted):
        return pa.array(values, wanted)
    return pa.array([v if v is None or v.__class__ is str else as_text(v) for v in values], wanted)


def as_text(value: object) -> str:
    """A driver's value as text that loses nothing: floats in their shortest exact form, bytes as \\x and hex."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return "\\x" + bytes(value).hex()
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value)
