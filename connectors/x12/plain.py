"""Values written the plain way, typed in Arrow: no query is planned for a small interchange.

Here: which texts of a column are certainly what `connectors.typed` would read, and their values. Not here: any rule
of what is right or refused. What is not certain goes through `typed_query`, which alone decides; so nothing here
need know sentinels, lookups, other formats or leap days.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.contract import Column, RecordContract
from connectors.typed import no_rows
from connectors.x12.segments import Bools

#: A type's reader: clean texts -> values (NULL where not certain).
_Reader = Callable[[pa.Array], pa.Array]

#: Days that every year has.
_MONTH_DAY = (
    "((0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])(29|30)|(0[13578]|1[02])31)"  # 29 February is not certain
)
_DAY = rf"^[12][0-9]{{3}}{_MONTH_DAY}$"
_MOMENT = r"^[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8]) ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9][+]00:00$"
#: Whole numbers that fit a type whatever their digits.
_DIGITS = {"SMALLINT": 4, "INTEGER": 9, "BIGINT": 18}
_NULL = pa.scalar(None, pa.string())


def plain_readers(record: RecordContract) -> list[tuple[Column, _Reader]] | None:
    """How the record's columns are read; None where not all of its types are plain."""
    schema = no_rows(record).schema
    found = [(column, _reader(column, schema.field(column.name).type)) for column in record.columns if not column.phi]
    readers = [(column, reader) for column, reader in found if reader is not None]
    return readers if len(readers) == len(found) and readers else None


def plain_values(
    readers: Sequence[tuple[Column, _Reader]], texts: Mapping[str, pa.Array]
) -> tuple[dict[str, pa.Array], Bools]:
    """Columns by name under the contract's types, and which rows are certain.

    `texts`: raw text by the contract's source name. In rows that are not certain the values mean nothing.
    """
    values: dict[str, pa.Array] = {}
    certain = np.ones(len(texts[readers[0][0].source]), dtype=np.bool_)
    for column, reader in readers:
        clean = _clean(texts[column.source])
        value = reader(clean)
        certain &= _certain(column, clean, value)
        values[column.name] = value
    return values, certain


def _clean(text: pa.Array) -> pa.Array:
    """As `connectors.typed` cleans: blanks around it cut, NULL where nothing is left."""
    trimmed = pc.utf8_trim(text, characters=" \t")
    return pc.if_else(pc.equal(trimmed, ""), _NULL, trimmed)


def _certain(column: Column, clean: pa.Array, value: pa.Array) -> Bools:
    """Read, or absent where it may be."""
    read = pc.is_valid(value) if column.required else pc.or_(pc.is_valid(value), pc.is_null(clean))
    return np.asarray(read.to_numpy(zero_copy_only=False))


def _reader(column: Column, kind: pa.DataType) -> _Reader | None:
    """How plain texts of a column are read; None for a column that states more than its type."""
    if column.sentinels or column.lookup is not None:
        return None
    if column.type == "VARCHAR":
        return lambda clean: clean
    if column.type == "DATE" and column.format == "%Y%m%d":
        return _dates
    if column.type == "TIMESTAMPTZ" and column.format is None:
        return _moments
    if column.decimal_point != "." or column.thousands is not None or column.accounting_negative:
        return None
    if column.type in _DIGITS:
        return lambda clean: _matching(clean, rf"^[0-9]{{1,{_DIGITS[column.type]}}}$").cast(kind)
    if pa.types.is_decimal(kind):
        return lambda clean: _matching(clean, _decimal_pattern(kind)).cast(kind)
    return None


def _matching(clean: pa.Array, pattern: str) -> pa.Array:
    return pc.if_else(pc.match_substring_regex(clean, pattern), clean, _NULL)


def _decimal_pattern(kind: pa.Decimal128Type) -> str:
    whole = rf"(0|[1-9][0-9]{{0,{kind.precision - kind.scale - 1}}})" if kind.precision > kind.scale else "0"
    return rf"^-?{whole}([.][0-9]{{1,{kind.scale}}})?$" if kind.scale else rf"^-?{whole}$"


def _dates(clean: pa.Array) -> pa.Array:
    days = _matching(clean, _DAY)
    year, month, day = (pc.utf8_slice_codeunits(days, *part) for part in ((0, 4), (4, 6), (6, 8)))
    return pc.binary_join_element_wise(year, month, day, "-").cast(pa.date32())


def _moments(clean: pa.Array) -> pa.Array:
    local = pc.utf8_slice_codeunits(_matching(clean, _MOMENT), 0, 19)
    return local.cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))
