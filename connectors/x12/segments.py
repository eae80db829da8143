"""Raw bytes -> a segment table in numpy: where each segment and each element begins and ends.

Here: indexing by separators, segment ids as integers, element text as Arrow columns. Not here: what a
segment means (`envelope` and the modules of the transaction sets). No object per segment exists: a
segment is a row number in `Segments`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.x12.delimiters import Delimiters

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint32]
Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]

_BLOCK = 1 << 16
_BLANK = np.zeros(256, dtype=np.bool_)
_BLANK[[0, 9, 10, 13, 26, 32]] = True
_LETTER = np.zeros(256, dtype=np.bool_)
_LETTER[65:91] = True
_ALNUM = _LETTER.copy()
_ALNUM[48:58] = True
_CAPITAL = _ALNUM.copy()
_ALNUM[97:123] = True


def code(text: str) -> int:
    """A segment id or qualifier of up to three ASCII characters as an integer ("PO1" -> 0x504F31)."""
    value = 0
    for character in text.encode("ascii"):
        value = value << 8 | character
    return value


def code_text(value: int) -> str:
    """The text of a `code`; empty for 0."""
    return value.to_bytes(3, "big").lstrip(b"\x00").decode("latin-1")


class Text:
    """The bytes of a file with its line numbers. `array` is a view: nothing is copied."""

    def __init__(self, array: Bytes) -> None:
        self.array = array

    @cached_property
    def _line_blocks(self) -> tuple[int, Ints]:
        newline = 10 if bool(np.any(self.array == 10)) else 13
        counts = [
            int(np.count_nonzero(self.array[n : n + _BLOCK] == newline)) for n in range(0, len(self.array), _BLOCK)
        ]
        return newline, np.cumsum([0, *counts], dtype=np.int64)

    def line(self, offset: int) -> int:
        """1-based physical line of a byte offset (a file without LF counts CR)."""
        newline, before = self._line_blocks
        block = offset // _BLOCK
        inside = np.count_nonzero(self.array[block * _BLOCK : offset] == newline)
        return int(before[block]) + int(inside) + 1


@dataclass(frozen=True, slots=True)
class Segments:
    """A run of segments. Row n: bytes [start, end) of `array` without terminator, id as `code` (0 where it is no id).

    `array` is the indexed window: a view of the file, or a copy without the line breaks that cut segments in
    two; `base` is its place in the file and `removed` the window offsets of those breaks, so that `offset`
    is exact either way. `separators`: offsets of all element separators, and a zero at the end; `first[n]`:
    index of the segment's first one; `count[n]`: how many elements it has. `line_ended[n]`: a line break stood
    where the terminator is missing. `unterminated`: the last segment runs to the end of the range without a terminator.
    `parts`: of a table made by `join_segments`, the tables it was made of; `bounds`: where in `array` each begins.
    """

    text: Text
    array: Bytes
    base: int
    removed: Ints
    start: Ints
    end: Ints
    code: Codes
    first: Ints
    count: Ints
    separators: Ints
    line_ended: Bools
    unterminated: bool
    parts: tuple[Segments, ...] = ()
    bounds: Ints | None = None

    def __len__(self) -> int:
        return len(self.start)

    def offset(self, position: int) -> int:
        """File offset of an offset in `array`."""
        if self.bounds is not None:
            part = int(np.searchsorted(self.bounds, position, side="right")) - 1
            return self.parts[part].offset(position - int(self.bounds[part]))
        if not len(self.removed):
            return position + self.base
        squeezed = self.removed - np.arange(len(self.removed))
        return position + self.base + int(np.searchsorted(squeezed, position, side="right"))

    def select(self, *ids: str) -> Ints:
        """Rows of the segments with one of these ids, in order."""
        if len(ids) == 1:
            return np.flatnonzero(self.code == code(ids[0]))
        return np.flatnonzero(np.isin(self.code, [code(i) for i in ids]))

    def raw(self, row: int) -> bytes:
        """The bytes of one segment."""
        return self.array[int(self.start[row]) : int(self.end[row])].tobytes()

    def span(self, rows: Ints, element: Ints | int) -> tuple[Ints, Ints]:
        """Byte ranges of one element (1-based; 0 is the id) per row; empty for row -1 and absent elements."""
        number = np.broadcast_to(np.asarray(element, dtype=np.int64), rows.shape)
        if not len(self):
            return np.zeros(rows.shape, dtype=np.int64), np.zeros(rows.shape, dtype=np.int64)
        row = np.where(rows >= 0, rows, 0)
        valid = (rows >= 0) & (number >= 0) & (number <= self.count[row])
        held, last = self.separators, len(self.separators) - 1
        after = self.first[row] + number
        start = np.where(number == 0, self.start[row], held[np.minimum(np.maximum(after - 1, 0), last)] + 1)
        end = np.where(number < self.count[row], held[np.minimum(np.maximum(after, 0), last)], self.end[row])
        return np.where(valid, start, 0), np.where(valid, end, 0)

    def codes(self, rows: Ints, element: Ints | int) -> Codes:
        """An element as `code`: 0 where it is absent, empty or longer than three bytes."""
        return _pack(self.array, *self.span(rows, element))

    def column(self, rows: Ints, element: Ints | int) -> pa.Array:
        """An element as Arrow text: blanks trimmed, NULL where absent or empty."""
        return text_column(self.array, *self.span(rows, element))


def _pack(array: Bytes, start: Ints, end: Ints) -> Codes:
    """Up to three bytes from each start as one integer; 0 where the range is empty or longer."""
    length = end - start
    last = len(array) - 1
    packed = np.zeros(start.shape, dtype=np.uint32)
    for n in range(3):
        here = array[np.minimum(np.maximum(start + n, 0), max(last, 0))].astype(np.uint32) if last >= 0 else packed
        packed = np.where(n < length, packed << np.uint32(8) | here, packed)
    return np.where((length >= 1) & (length <= 3), packed, np.uint32(0))


def text_column(array: Bytes, start: Ints, end: Ints) -> pa.Array:
    """Byte ranges as an Arrow string array, trimmed, with NULL for empty text."""
    length = end - start
    offsets = np.zeros(len(start) + 1, dtype=np.int32)
    np.cumsum(length, out=offsets[1:])
    take = np.repeat(start - offsets[:-1], length) + np.arange(offsets[-1], dtype=np.int64)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(array[take])]
    trimmed = pc.utf8_trim_whitespace(_decoded(pa.Array.from_buffers(pa.binary(), len(start), buffers)))
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)


def _decoded(raw: pa.Array) -> pa.Array:
    """UTF-8 where a value is that, else Latin-1, which loses nothing.

    Value by value, so that what one partner writes does not depend on what another one wrote beside it.
    """
    try:
        return raw.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([_decoded_value(value) for value in raw.to_pylist()], pa.string())


def _decoded_value(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def index_segments(text: Text, low: int, high: int, delimiters: Delimiters) -> Segments:
    """The segments of bytes [low, high), which begins where a segment begins.

    Blanks and line breaks around segments are skipped; empty segments are dropped.
    """
    window = text.array[low:high]
    stops = _terminators(window, delimiters)
    lost, cuts = _breaks_inside(window, stops, delimiters)
    if len(cuts):
        window = np.delete(window, cuts)
        lost = lost - np.searchsorted(cuts, lost)
        stops = _terminators(window, delimiters)
    stops, width, stands_in = _merged(stops, len(delimiters.terminator), lost)
    start = np.concatenate(([0], stops + width))
    end = np.concatenate((stops, [len(window)]))
    start = _skip_blanks(window, start, end)
    kept = start < end
    line_ended = np.concatenate((stands_in, [False]))[kept]
    unterminated = bool(kept[-1])
    start, end = start[kept], end[kept]
    separators = np.flatnonzero(window == delimiters.element[0])
    first = np.searchsorted(separators, start)
    count = np.searchsorted(separators, end) - first
    id_end = end.copy()
    id_end[count > 0] = separators[first[count > 0]]
    ids = _pack(window, start, id_end)
    padded = np.append(separators, 0)
    return Segments(text, window, low, cuts, start, end, ids, first, count, padded, line_ended, unterminated)


def join_segments(parts: Sequence[Segments]) -> Segments:
    """Several tables of one file, each indexed by its own delimiters, as one: rows in the order of the parts."""
    if len(parts) == 1:
        return parts[0]
    bounds = _begins([len(part.array) for part in parts])
    held = _begins([len(part.separators) - 1 for part in parts])

    def joined(columns: Iterable[Ints], shifts: Ints) -> Ints:
        return np.concatenate([column + shift for column, shift in zip(columns, shifts, strict=True)])

    return Segments(
        text=parts[0].text,
        array=np.concatenate([part.array for part in parts]),
        base=parts[0].base,
        removed=np.zeros(0, dtype=np.int64),
        start=joined((part.start for part in parts), bounds),
        end=joined((part.end for part in parts), bounds),
        code=np.concatenate([part.code for part in parts]),
        first=joined((part.first for part in parts), held),
        count=np.concatenate([part.count for part in parts]),
        separators=np.append(joined((part.separators[:-1] for part in parts), bounds), 0),
        line_ended=np.concatenate([part.line_ended for part in parts]),
        unterminated=parts[-1].unterminated,
        parts=tuple(parts),
        bounds=bounds,
    )


def _begins(sizes: Sequence[int]) -> Ints:
    """Where each of several things laid end to end begins."""
    return np.cumsum([0, *sizes[:-1]], dtype=np.int64)


def _skip_blanks(window: Bytes, start: Ints, end: Ints) -> Ints:
    """Moves each start over blanks, vectorised: as many rounds as the deepest indentation."""
    start = start.copy()
    pending = np.flatnonzero(start < end)
    while len(pending):
        pending = pending[_BLANK[window[start[pending]]]]
        start[pending] += 1
        pending = pending[start[pending] < end[pending]]
    return start


def _terminators(window: Bytes, delimiters: Delimiters) -> Ints:
    """Offsets of the segment terminators."""
    if delimiters.by_line:
        return np.flatnonzero((window == 10) | (window == 13))
    found = np.flatnonzero(window == delimiters.terminator[0])
    for n, byte in enumerate(delimiters.terminator[1:], start=1):
        found = found[found + n < len(window)]
        found = found[window[found + n] == byte]
    return found


def _merged(stops: Ints, size: int, lost: Ints) -> tuple[Ints, Ints, Bools]:
    """Terminators and the line breaks that stand in for lost ones: offsets in order, their sizes, which is which."""
    both = np.concatenate((stops, lost))
    order = np.argsort(both, kind="stable")
    stands_in = (np.arange(len(both)) >= len(stops))[order]
    return both[order], np.where(stands_in, 1, size), stands_in


def _breaks_inside(window: Bytes, stops: Ints, delimiters: Delimiters) -> tuple[Ints, Ints]:
    """Line breaks inside a segment: those that stand for a lost terminator, and those that only cut it in two."""
    none = np.zeros(0, dtype=np.int64)
    if delimiters.by_line:
        return none, none
    breaks = np.flatnonzero((window == 10) | (window == 13))
    breaks = breaks[_text_before(window, breaks, stops, len(delimiters.terminator))]
    if delimiters.wrapped or not len(breaks):
        return none, breaks
    begin = _skip_blanks(window, breaks, np.full(len(breaks), len(window), dtype=np.int64))
    last_of_run = np.append(np.diff(begin) > 0, True)
    lost = last_of_run & (_starts_segment(window, begin, delimiters) | (begin >= len(window)))
    return breaks[lost], breaks[~lost]


def _text_before(window: Bytes, breaks: Ints, stops: Ints, width: int) -> Bools:
    """Whether text of a segment stands before each line break: not the window's begin, nor a terminator."""
    before = breaks - 1
    pending = np.flatnonzero(before >= 0)
    while len(pending):
        pending = pending[_BLANK[window[before[pending]]]]
        before[pending] -= 1
        pending = pending[before[pending] >= 0]
    nearest = np.append(stops, len(window))[np.searchsorted(stops, before - width + 1)]
    return np.asarray((before >= 0) & (nearest != before - width + 1))


def _starts_segment(window: Bytes, begin: Ints, delimiters: Delimiters) -> Bools:
    """Whether a segment id (two or three capitals or digits) and the element separator stand at each offset."""
    padded = np.concatenate((window, np.zeros(4, dtype=np.uint8)))
    at = [padded[np.clip(begin + n, 0, len(window))] for n in range(4)]
    capital = _LETTER[at[0]] & _CAPITAL[at[1]]
    two = capital & (at[2] == delimiters.element[0])
    three = capital & _CAPITAL[at[2]] & (at[3] == delimiters.element[0])
    other_interchange = (at[0] == 73) & (at[1] == 83) & (at[2] == 65) & ~_ALNUM[at[3]] & ~_BLANK[at[3]]
    return np.asarray(two | three | other_interchange)
