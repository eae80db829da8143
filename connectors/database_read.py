"""Landed extract -> typed rows and rejects, from the Parquet file alone.

Here: which landed columns already have their contract type and pass as they are, and how the others are written as
text for `connectors.typed`, which alone decides what a value may look like and what is refused. Not here: that
decision; anything of the source (it may be gone).

A column passes as it is only where nothing could be refused: its Arrow type holds no value that the contract's
type does not, and no sentinel, lookup or missing required value is in play. A row group with a refusal is read again
with every column as text, so that all rejects come from one place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from functools import cached_property

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from connectors.contract import Column, RecordContract
from connectors.errors import PermanentSourceError
from connectors.interface import ROW_NO, Batch, Delivery
from connectors.network import Source
from connectors.typed import quoted, text, typed_batches, typed_query

_EXTRACT = "extract"
_BLANKS = np.array([0x20, 0x09], np.uint8)
_INTEGERS = {"SMALLINT": pa.int16(), "INTEGER": pa.int32(), "BIGINT": pa.int64()}
#: Exponents of three digits are beyond every decimal type: they are refused as they are written.
_EXPONENT = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][+-]?[0-9]{1,2}$"


def read_table(delivery: Delivery, record_name: str, record: RecordContract, source: Source) -> Iterator[Batch]:
    """Typed batches of a landed extract, one per row group (none of an empty one). ROW_NO: ordinal of the row, from 1.

    Raises PermanentSourceError where the file has no column that the contract maps.
    """
    with pq.ParquetFile(delivery.path) as file, ExitStack() as stack:
        shown = [column for column in record.columns if not column.phi]
        _check_columns(delivery, shown, file.schema_arrow)
        reader = _Reader(stack, record_name, record, shown, source.timezone)
        first = 1
        for number in range(file.num_row_groups):
            group = file.read_row_group(number, columns=[column.source for column in shown])
            yield reader.batch(group, first)
            first += group.num_rows


def _check_columns(delivery: Delivery, columns: list[Column], schema: pa.Schema) -> None:
    missing = [column.source for column in columns if column.source not in schema.names]
    if missing:
        raise PermanentSourceError(
            f"the landed extract has no column {', '.join(missing)}",
            feed=delivery.feed_id,
            delivery=delivery.delivery_id,
            hint="It was landed under an older contract: map the column as not required there, or pull the table again",
        )


class _Reader:
    """The row groups of one delivery, under one contract."""

    def __init__(self, stack: ExitStack, name: str, record: RecordContract, columns: list[Column], zone: str) -> None:
        self.stack = stack
        self.name = name
        self.record = record
        self.columns = columns
        self.zone = zone

    @cached_property
    def con(self) -> duckdb.DuckDBPyConnection:
        """Opened for the first column that does not pass as it is: most tables have none."""
        con = self.stack.enter_context(duckdb.connect())
        con.execute("SET TimeZone = 'UTC'")
        return con

    def batch(self, group: pa.Table, first: int) -> Batch:
        """One row group; `first` is the ordinal of its first row."""
        numbers = pa.array(np.arange(first, first + group.num_rows))
        as_is = {c.name: array for c in self.columns if (array := _as_is(c, group.column(c.source), self.zone))}
        other = [column for column in self.columns if column.name not in as_is]
        typed = self._typed(group, numbers, other) if other else Batch(self.name, _only(numbers))
        if typed.rejects:
            return self._typed(group, numbers, self.columns)
        assert typed.rows.column(ROW_NO).equals(numbers)  # the columns are put side by side by position
        arrays = [as_is[c.name] if c.name in as_is else typed.rows.column(c.name) for c in self.columns]
        names = [column.name for column in self.columns]
        return Batch(self.name, pa.RecordBatch.from_arrays([*arrays, numbers], [*names, ROW_NO]))

    def _typed(self, group: pa.Table, numbers: pa.Array, columns: list[Column]) -> Batch:
        """Columns of the group as `connectors.typed` reads their text."""
        texts = pa.table({c.source: _positional(c, group.column(c.source)) for c in columns} | {ROW_NO: numbers})
        plain = [_plain(column, texts.schema.field(column.source).type) for column in columns]
        record = self.record.model_copy(update={"columns": tuple(plain)})
        sources = {c.source: _text_of(c, texts.schema.field(c.source).type) for c in plain}
        self.con.register(_EXTRACT, texts)
        query = typed_query(_EXTRACT, record, sources, self.zone)
        return _one(self.name, list(typed_batches(self.con, query, record, self.name, _locate)))


def _one(name: str, batches: list[Batch]) -> Batch:
    rows = pa.Table.from_batches([batch.rows for batch in batches]).combine_chunks().to_batches()
    rejects = tuple(reject for batch in batches for reject in batch.rejects)
    return Batch(name, rows[0] if rows else batches[0].rows, rejects)


def _only(numbers: pa.Array) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([numbers], [ROW_NO])


def _locate(row_no: int, column: Column | None) -> str:
    return f"row {row_no}, column {column.source!r}" if column else f"row {row_no}"


# ---- columns that need no check -----------------------------------------------------------------------------------


def _as_is(column: Column, values: pa.ChunkedArray, zone: str) -> pa.Array | None:
    """The values in the contract's type, where no value of them could be refused or mean something else."""
    if column.sentinels or column.lookup is not None or (column.required and values.null_count):
        return None
    if column.type == "VARCHAR":
        return _plain_text(_whole(values)) if pa.types.is_string(values.type) else None
    wanted = _same_type(column, values.type, zone)
    if wanted is None or (pa.types.is_integer(wanted) and not _in_range(values, wanted)):
        return None
    return _whole(values.cast(wanted))


def _plain_text(values: pa.Array) -> pa.Array | None:
    """The texts, where none is empty, begins or ends with a blank or a tab, or has a NUL."""
    _, offsets, data = values.buffers()
    bounds = np.frombuffer(offsets, np.int32)[values.offset : values.offset + len(values) + 1] if offsets else None
    if bounds is None or not len(values) or bounds[-1] == bounds[0]:
        return None if len(values) > values.null_count else values
    given = np.diff(bounds) > 0
    if int(given.sum()) != len(values) - values.null_count:
        return None
    held = np.frombuffer(data, np.uint8)
    ends = np.concatenate((held[bounds[:-1][given]], held[bounds[1:][given] - 1]))
    odd = bool(np.isin(ends, _BLANKS).any()) or bool((held[bounds[0] : bounds[-1]] == 0).any())
    return None if odd else values


def _same_type(column: Column, landed: pa.DataType, zone: str) -> pa.DataType | None:
    if column.type in _INTEGERS:
        return _INTEGERS[column.type] if pa.types.is_integer(landed) else None
    if column.type == "BOOLEAN":
        return landed if pa.types.is_boolean(landed) else None
    if column.type == "DATE":
        return landed if pa.types.is_date(landed) else None
    if column.type == "TIMESTAMPTZ":
        utc = pa.types.is_timestamp(landed) and (landed.tz == "UTC" or (column.timezone or zone) == "UTC")
        return pa.timestamp("us", "UTC") if utc else None
    return _same_decimal(column, landed)


def _same_decimal(column: Column, landed: pa.DataType) -> pa.DataType | None:
    match = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", column.type)
    if match is None or not pa.types.is_decimal(landed):
        return None
    precision, scale = int(match[1]), int(match[2])
    fits = landed.scale <= scale and landed.precision - landed.scale <= precision - scale
    return pa.decimal128(precision, scale) if fits else None


def _in_range(values: pa.ChunkedArray, wanted: pa.DataType) -> bool:
    if wanted == pa.int64() or values.null_count == len(values):
        return True
    least, most = (value.as_py() for value in pc.min_max(values).values())
    half = 1 << (wanted.bit_width - 1)
    return bool(-half <= least and most < half)


# ---- columns as text ----------------------------------------------------------------------------------------------


def _plain(column: Column, landed: pa.DataType) -> Column:
    """The column as its text is written below: what says how a *source* writes text holds for text only."""
    if pa.types.is_string(landed):
        return column
    # A legacy system keeps dates as numbers: the digits of 20260225 are a text under %Y%m%d.
    is_whole = pa.types.is_integer(landed) or (pa.types.is_decimal(landed) and landed.scale == 0)
    form = column.format if is_whole else None
    written: dict[str, object] = {"format": form, "decimal_point": ".", "thousands": None, "accounting_negative": False}
    if pa.types.is_boolean(landed):
        written |= {"true_values": ("true",), "false_values": ("false",)}
    return column.model_copy(update=written)


def _text_of(column: Column, landed: pa.DataType) -> str:
    """SQL of the column's text."""
    name = quoted(column.source)
    if pa.types.is_timestamp(landed) and landed.tz is not None:
        written = f"CAST(timezone('UTC', {name}) AS VARCHAR) || '+00'"
    elif pa.types.is_string(landed):
        written = name
    else:
        written = f"CAST({name} AS VARCHAR)"
    if column.type == "DATE" and not column.format:
        return f"regexp_replace({written}, '^([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})[ T]00:00(:00(\\.0+)?)?$', '\\1')"
    if column.type in _INTEGERS or (column.type.startswith("DECIMAL") and column.decimal_point == "."):
        return _without_idle_zeros(column, written)
    return written


def _without_idle_zeros(column: Column, written: str) -> str:
    """10.00 is the whole number 10, and the sentinel 10 too, unless it is written 10.00 there."""
    bare = f"regexp_replace({written}, '^([+-]?[0-9]+)\\.0*$', '\\1')"
    if not column.sentinels:
        return bare
    listed = ", ".join(text(value) for value in column.sentinels)
    return f"CASE WHEN {written} IN ({listed}) THEN {written} ELSE {bare} END"


def _whole(values: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)


def _positional(column: Column, landed: pa.ChunkedArray) -> pa.Array:
    """Numbers written with an exponent (binary floats in their shortest form) written out, digit for digit."""
    values = _whole(landed)
    if not pa.types.is_string(values.type) or not column.type.startswith("DECIMAL"):
        return values
    with_exponent = pc.fill_null(pc.match_substring_regex(values, _EXPONENT), False)
    if not pc.any(with_exponent).as_py():
        return values
    spelled = [format(Decimal(value), "f") for value in values.filter(with_exponent).to_pylist()]
    return pc.replace_with_mask(values, with_exponent, pa.array(spelled, pa.string()))
