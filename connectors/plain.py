"""Values written the plain way, typed in Arrow: no query is planned for a small file or interchange.

Here: which texts of a column are certainly what `connectors.typed` would read, and their values. Not here: any rule
of what is right or refused. What is not certain goes through `typed_query`, which alone decides; so nothing here need
know leap days, odd offsets or the hour that clocks repeat.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.contract import Column, RecordContract
from connectors.typed import no_rows

Bools = npt.NDArray[np.bool_]

#: A type's reader: clean texts -> values (NULL where not certain).
_Reader = Callable[[pa.Array], pa.Array]
#: The columns of a record with their readers.
Readers = Sequence[tuple[Column, _Reader]]

#: Days that every year has: 29 February is not certain.
_MONTH_DAY = "((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)"
_DAY = rf"^[12][0-9]{{3}}-{_MONTH_DAY}$"
_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_MOMENT = rf"^[12][0-9]{{3}}-{_MONTH_DAY} {_CLOCK}$"
_MOMENT_OF = r"^[12][0-9]{3}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}"
#: Whole numbers that fit a type whatever their digits.
_DIGITS = {"SMALLINT": 4, "INTEGER": 9, "BIGINT": 18}
#: Parts of a time format with a fixed width: pattern, width.
_PARTS = dict.fromkeys("mdHIMS", ("[0-9]{2}", 2)) | {"Y": ("[0-9]{4}", 4), "p": ("[AP]M", 2)}
#: What may stand between the parts of a format.
_SEPARATORS = frozenset("-/.: T")
_NULL = pa.scalar(None, pa.string())
#: On days this near to a change of the clocks a local time may be ambiguous, or none.
_NEAR = timedelta(hours=26)


def plain_readers(record: RecordContract, timezone: str = "UTC") -> Readers | None:
    """How the record's columns are read; None where not all of its types are plain.

    `timezone`: IANA zone of local times where a column names none.
    """
    schema = no_rows(record).schema
    found = [
        (column, _reader(column, schema.field(column.name).type, timezone))
        for column in record.columns
        if not column.phi
    ]
    readers = [(column, reader) for column, reader in found if reader is not None]
    return readers if len(readers) == len(found) and readers else None


def plain_values(readers: Readers, texts: Mapping[str, pa.Array]) -> tuple[dict[str, pa.Array], Bools]:
    """Columns by name under the contract's types, and which rows are certain.

    `texts`: raw text by the contract's source name, without NUL characters. In rows that are not certain the values
    mean nothing.
    """
    values: dict[str, pa.Array] = {}
    certain = np.ones(len(texts[readers[0][0].source]), dtype=np.bool_)
    for column, reader in readers:
        clean = _clean(column, texts[column.source])
        value = reader(_looked_up(column, clean))
        certain &= _certain(column, clean, value)
        values[column.name] = value
    return values, certain


def _clean(column: Column, text: pa.Array) -> pa.Array:
    """As `connectors.typed` cleans: blanks around it cut, NULL where nothing is left, and for a sentinel."""
    trimmed = pc.utf8_trim(text, characters=" \t")
    absent = pc.equal(trimmed, "")
    if column.sentinels:
        absent = pc.or_(absent, pc.is_in(trimmed, value_set=pa.array(column.sentinels)))
    return pc.if_else(absent, _NULL, trimmed)


def _looked_up(column: Column, clean: pa.Array) -> pa.Array:
    """The value of a listed code; of another one nothing, or itself where the contract keeps it."""
    if column.lookup is None:
        return clean
    codes = pc.index_in(clean, value_set=pa.array(column.lookup, pa.string()))
    found = pa.array(column.lookup.values(), pa.string()).take(codes)
    return pc.coalesce(found, clean) if column.lookup_miss == "keep" else found


def _certain(column: Column, clean: pa.Array, value: pa.Array) -> Bools:
    """Read, or absent where it may be."""
    read = pc.is_valid(value) if column.required else pc.or_(pc.is_valid(value), pc.is_null(clean))
    return np.asarray(read.to_numpy(zero_copy_only=False))


def _reader(column: Column, kind: pa.DataType, timezone: str) -> _Reader | None:
    """How plain texts of a column are read; None where none are."""
    if column.type == "VARCHAR":
        return lambda found: found
    if column.type == "BOOLEAN":
        return partial(_booleans, column)
    if column.type in _DIGITS:
        return lambda found: _matching(found, rf"^[0-9]{{1,{_DIGITS[column.type]}}}$").cast(kind)
    if pa.types.is_decimal(kind):
        return None if column.accounting_negative else partial(_decimals, column, kind)
    return _times(column, column.timezone or timezone)


def _times(column: Column, timezone: str) -> _Reader | None:
    """The reader of a column of days or moments; None for a format whose parts have no fixed places."""
    if column.type == "TIMESTAMPTZ" and column.format is None:
        return partial(_moments, timezone)
    places = _places(column.format or "%Y-%m-%d")
    if places is None or column.type not in {"DATE", "TIMESTAMPTZ"}:
        return None
    if column.type == "DATE":
        return partial(_dates, places) if set(places.at) == set("Ymd") else None
    return partial(_local_moments, places, timezone) if places.says_a_minute else None


def _matching(found: pa.Array, pattern: str) -> pa.Array:
    return pc.if_else(pc.match_substring_regex(found, pattern), found, _NULL)


def _booleans(column: Column, found: pa.Array) -> pa.Array:
    lower = pc.ascii_lower(found)
    true, false = (
        pc.is_in(lower, value_set=pa.array([value.lower() for value in values], pa.string()))
        for values in (column.true_values, column.false_values)
    )
    return pc.if_else(true, pa.scalar(True), pc.if_else(false, pa.scalar(False), pa.scalar(None, pa.bool_())))


# -- numbers ----------------------------------------------------------------------------------------------


def _decimals(column: Column, kind: pa.Decimal128Type, found: pa.Array) -> pa.Array:
    digits = kind.precision - kind.scale
    number = _matching(found, _decimal_pattern(column, kind))
    if column.thousands:
        number = pc.replace_substring(number, column.thousands, "")
    if column.decimal_point != ".":
        number = pc.replace_substring(number, column.decimal_point, ".")
    whole = rf"[1-9][0-9]{{0,{digits - 1}}}" if digits else "0"
    return _matching(number, rf"^-?(0|{whole})([.][0-9]+)?$").cast(kind)


def _decimal_pattern(column: Column, kind: pa.Decimal128Type) -> str:
    grouped = rf"|[1-9][0-9]{{0,2}}({re.escape(column.thousands)}[0-9]{{3}})+" if column.thousands else ""
    part = rf"({re.escape(column.decimal_point)}[0-9]{{1,{kind.scale}}})?" if kind.scale else ""
    return rf"^-?(0|[1-9][0-9]*{grouped}){part}$"


# -- days and moments -------------------------------------------------------------------------------------


class _Places:
    """Where the parts of a format stand in a text of fixed width: letter -> (start, end), and the pattern of it all."""

    def __init__(self, pattern: str, at: Mapping[str, tuple[int, int]]) -> None:
        self.pattern = pattern
        self.at = at

    @property
    def says_a_minute(self) -> bool:
        """Day, hour and minute, each of them once."""
        return set(self.at) - {"S"} in ({*"YmdHM"}, {*"YmdIMp"})

    def part(self, texts: pa.Array, letter: str) -> pa.Array:
        """The text of one part."""
        return pc.utf8_slice_codeunits(texts, *self.at[letter])


def _places(form: str) -> _Places | None:
    pattern, at, end, rest = "", {}, 0, form
    while rest:
        letter = rest[1:2] if rest[0] == "%" else ""
        if letter:
            if letter not in _PARTS or letter in at:
                return None
            shape, width = _PARTS[letter]
            at[letter] = (end, end + width)
        else:
            if rest[0] not in _SEPARATORS:
                return None
            shape, width = re.escape(rest[0]), 1
        pattern, end, rest = pattern + shape, end + width, rest[2 if letter else 1 :]
    return _Places(f"^{pattern}$", at)


def _days(places: _Places, texts: pa.Array) -> pa.Array:
    """The day of each text, as ISO 8601 has it."""
    return pc.binary_join_element_wise(*(places.part(texts, letter) for letter in "Ymd"), "-")


def _dates(places: _Places, found: pa.Array) -> pa.Array:
    return _matching(_days(places, _matching(found, places.pattern)), _DAY).cast(pa.date32())


def _local_moments(places: _Places, zone: str, found: pa.Array) -> pa.Array:
    texts = _matching(found, places.pattern)
    second = places.part(texts, "S") if "S" in places.at else pa.scalar("00")
    clock = pc.binary_join_element_wise(_hours(places, texts), places.part(texts, "M"), second, ":")
    return _in_utc(pc.binary_join_element_wise(_days(places, texts), clock, " "), zone)


def _hours(places: _Places, texts: pa.Array) -> pa.Array:
    """Hours from 00 to 23, of twelve hours and AM or PM where the format has those."""
    if "H" in places.at:
        return places.part(texts, "H")
    hour = _matching(places.part(texts, "I"), "^(0[1-9]|1[0-2])$").cast(pa.int32())
    hour = pc.if_else(pc.equal(hour, 12), 0, hour)
    afternoon = pc.equal(places.part(texts, "p"), "PM")
    return pc.utf8_lpad(pc.if_else(afternoon, pc.add(hour, 12), hour).cast(pa.string()), 2, "0")


def _moments(zone: str, found: pa.Array) -> pa.Array:
    """ISO 8601 to the second, in UTC (Z, +00:00), with an offset, or local."""
    texts = _matching(found, rf"{_MOMENT_OF}(Z|[+-](0[0-9]|1[0-3]):(00|15|30|45))?$")
    clock = pc.replace_substring(pc.utf8_slice_codeunits(texts, 0, 19), "T", " ")
    offset = pc.utf8_slice_codeunits(texts, 19, 25)
    local = pc.and_(pc.equal(offset, ""), pc.is_valid(texts))
    utc = _moved(clock, pc.if_else(pc.is_in(offset, value_set=pa.array(["Z", ""])), "+00:00", offset))
    if not pc.any(local).as_py():
        return utc
    return pc.if_else(local, _in_utc(pc.if_else(local, clock, _NULL), zone), utc)


def _moved(clock: pa.Array, offset: pa.Array) -> pa.Array:
    """Moments of clocks that are ahead of UTC by an offset (`+05:30`)."""
    stamps = _matching(clock, _MOMENT).cast(pa.timestamp("us")).cast(pa.int64())
    hours, minutes = (pc.utf8_slice_codeunits(offset, *part).cast(pa.int64()) for part in ((1, 3), (4, 6)))
    ahead = pc.multiply(pc.add(pc.multiply(hours, 60), minutes), 60_000_000)
    is_behind = pc.equal(pc.utf8_slice_codeunits(offset, 0, 1), "-")
    utc = pc.subtract(stamps, pc.if_else(is_behind, pc.negate(ahead), ahead))
    return utc.cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))


def _in_utc(clock: pa.Array, zone: str) -> pa.Array:
    """Moments of local clocks (`2026-01-31 10:00:00`); NULL near a change of the clocks."""
    stamps = _matching(clock, _MOMENT).cast(pa.timestamp("us")).to_pylist()
    return pa.array([moment and _utc_of(moment, zone) for moment in stamps], pa.timestamp("us", tz="UTC"))


def _utc_of(local: datetime, zone: str) -> datetime | None:
    offset = _steady_offset(local.replace(minute=0, second=0), zone)
    return None if offset is None else (local - offset).replace(tzinfo=UTC)


@lru_cache(maxsize=1 << 16)
def _steady_offset(local: datetime, zone: str) -> timedelta | None:
    """What clocks are ahead of UTC, where they were so the day before and will be the day after."""
    there = ZoneInfo(zone)
    found = {(local + shift).replace(tzinfo=there).utcoffset() for shift in (-_NEAR, timedelta(0), _NEAR)}
    return found.pop() if len(found) == 1 else None
