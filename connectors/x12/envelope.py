"""Interchanges, groups and transaction sets of a file, and what is wrong with their headers and trailers.

Here: the first pass over a file, which reads only control segments (ISA GS ST SE GE IEA) and counts data
lines. Not here: the content of a set (`documents` and the modules of the sets), what a fault leads to
(`connector`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from connectors.x12.delimiters import BLANKS, ByteSource, Header, find_header, read_header
from connectors.x12.segments import Ints, Segments, Text, code, code_text, index_segments

#: Bytes indexed at a time; a larger set is taken whole.
WINDOW = 1 << 22
_CONTROL = ("ISA", "TA1", "GS", "ST", "SE", "GE", "IEA")
#: The segments that start a data line, by transaction set (856: the item levels of HL).
LINE_STARTS = {"850": "PO1", "855": "PO1", "810": "IT1", "856": "HL"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a fault is: segment ordinal in the file (from 1), byte offset, segment id, element number (0: whole)."""

    ordinal: int
    offset: int
    segment: str = ""
    element: int = 0


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken rule: short stable name, reason for a person, place, and the offending value."""

    rule: str
    reason: str
    place: Place
    value: str | None = None


@dataclass(slots=True)
class Interchange:
    """ISA to IEA. `faults` are those of its own header and trailer."""

    header: Header
    place: Place
    groups: int = 0
    closed: bool = False
    faults: list[Fault] = field(default_factory=list)

    @property
    def control(self) -> str:
        """Interchange control number (ISA13)."""
        return self.header.element(13)


@dataclass(slots=True)
class Group:
    """GS to GE. `controls`: set control numbers seen so far."""

    interchange: Interchange
    place: Place
    elements: tuple[str, ...] = ()
    sets: int = 0
    controls: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)

    def element(self, number: int) -> str:
        """GS element by its 1-based number; empty where absent."""
        return self.elements[number - 1] if number <= len(self.elements) else ""

    @property
    def control(self) -> str:
        """Group control number (GS06)."""
        return self.element(6)


@dataclass(slots=True)
class TransactionSet:
    """ST to SE: bytes [start, end), `segments` of them from file ordinal `place.ordinal` on.

    `rows`: data lines in it. `position`: 1-based ordinal of the set in the file.
    """

    group: Group
    place: Place
    position: int
    set_id: str
    control: str
    end: int = 0
    segments: int = 0
    rows: int = 0
    faults: list[Fault] = field(default_factory=list)

    @property
    def interchange(self) -> Interchange:
        """The interchange around it."""
        return self.group.interchange

    @property
    def start(self) -> int:
        """File offset of its ST."""
        return self.place.offset


@dataclass(frozen=True, slots=True)
class Stray:
    """Segments outside any set, or text outside any interchange. `rows`: data lines among them."""

    fault: Fault
    interchange: Interchange | None = None
    rows: int = 0


@dataclass(slots=True)
class Envelope:
    """What the first pass found, in file order."""

    interchanges: list[Interchange] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    sets: list[TransactionSet] = field(default_factory=list)
    strays: list[Stray] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Control:
    kind: str
    place: Place
    end: int
    elements: tuple[str, ...]


def scan(data: ByteSource, text: Text) -> Envelope:
    """First pass over a file: every interchange, group and set with its faults; nothing is kept of the content."""
    envelope = Envelope()
    start = _skip(data, 0)
    header = read_header(data, start)
    if header is None:
        header = find_header(data, start)
        _leading_text(envelope, data, start, header)
    ordinal = 1
    while header is not None:
        header, ordinal = _Walk(data, text, envelope, header, ordinal).run()
    return envelope


def _skip(data: ByteSource, start: int) -> int:
    """Offset of the first byte that is no blank and no byte order mark."""
    if data[start : start + 3] == b"\xef\xbb\xbf":
        start += 3
    while start < len(data):
        piece = data[start : start + 4096]
        left = piece.lstrip(BLANKS)
        start += len(piece) - len(left)
        if left:
            return start
    return start


def _leading_text(envelope: Envelope, data: ByteSource, start: int, header: Header | None) -> None:
    if header is not None:
        reason = f"{header.start - start} bytes before the first ISA belong to no interchange"
        fault = Fault("x12.outside_interchange", reason, Place(0, start))
    elif start >= len(data):
        fault = Fault("x12.empty", "the file is empty", Place(0, 0))
    elif data[start : start + 3] == b"ISA":
        fault = Fault(
            "x12.isa_invalid", "the interchange header ISA is incomplete or malformed", Place(0, start, "ISA")
        )
    else:
        fault = Fault("x12.not_x12", "not an X12 file: no interchange header (ISA) in it", Place(0, start))
    envelope.strays.append(Stray(fault))


class _Walk:
    """One interchange: from its ISA to the next one or the end of the file."""

    def __init__(self, data: ByteSource, text: Text, envelope: Envelope, header: Header, ordinal: int) -> None:
        self.data, self.text, self.envelope = data, text, envelope
        self.interchange = Interchange(header, Place(ordinal, header.start, "ISA"))
        envelope.interchanges.append(self.interchange)
        self.group: Group | None = None
        self.set: TransactionSet | None = None
        self.ordinal = ordinal + 1
        self.outside: list[tuple[int, int]] = []
        self.last_end = header.end

    def run(self) -> tuple[Header | None, int]:
        """Header and ordinal of the next interchange (None at the end of the file)."""
        following = None
        low = self.interchange.header.end
        while low < len(self.data) and following is None:
            high = self._window_end(low)
            segments = index_segments(self.text, low, high, self.interchange.header.delimiters)
            following = self._next_header(segments)
            self._take(segments, following)
            low = high
        self._finish()
        return following, self.ordinal

    def _window_end(self, low: int) -> int:
        """End of the window: after the last terminator in reach, so that no segment is cut."""
        size, terminator = WINDOW, self.interchange.header.delimiters.terminator
        while low + size < len(self.data):
            cut = self.data.rfind(terminator, low, low + size)
            if cut >= 0:
                return cut + len(terminator)
            size *= 2
        return len(self.data)

    def _next_header(self, segments: Segments) -> Header | None:
        starts = segments.start
        if not len(starts):
            return None
        at = [segments.array[np.clip(starts + n, 0, len(segments.array) - 1)] for n in range(3)]
        for row in np.flatnonzero((at[0] == 73) & (at[1] == 83) & (at[2] == 65)):
            header = read_header(self.data, segments.offset(int(starts[row])))
            if header is not None:
                return header
        return None

    def _take(self, segments: Segments, following: Header | None) -> None:
        """Counts the window's segments up to the next interchange and walks its control segments."""
        total = len(segments)
        if following is not None:
            offsets = np.array([segments.offset(int(s)) for s in segments.start[-_tail(segments, following) :]])
            total = len(segments) - int(np.count_nonzero(offsets >= following.start))
        lines = _line_rows(segments)
        rows = np.flatnonzero(np.isin(segments.code, [code(c) for c in _CONTROL]))
        previous = 0
        for row in rows[rows < total]:
            control = self._control(segments, int(row))
            self._between(segments, previous, int(row), lines)
            self._step(control)
            previous = int(row) + 1
        self._between(segments, previous, total, lines)
        if total:
            self.last_end = segments.offset(int(segments.end[total - 1]))
        self.ordinal += total

    def _control(self, segments: Segments, row: int) -> _Control:
        kind = code_text(int(segments.code[row]))
        raw = segments.raw(row).decode("utf-8", "replace")
        parts = raw.split(self.interchange.header.delimiters.element.decode("latin-1"))[1:]
        place = Place(self.ordinal + row, segments.offset(int(segments.start[row])), kind)
        return _Control(kind, place, segments.offset(int(segments.end[row])), tuple(p.strip() for p in parts))

    def _between(self, segments: Segments, low: int, high: int, lines: dict[str, Ints]) -> None:
        """The segments [low, high) between two control segments: content of the open set, or strays."""
        if high <= low:
            return
        if self.set is None:
            self._stray_run(segments, low, high, lines)
            return
        self.set.segments += high - low
        self.set.rows += _count(lines.get(LINE_STARTS.get(self.set.set_id, "")), low, high)
        self.last_end = segments.offset(int(segments.end[high - 1]))
        self._lost_terminator(segments, low, high)

    def _lost_terminator(self, segments: Segments, low: int, high: int) -> None:
        lost = np.flatnonzero(segments.line_ended[low:high])
        if self.set is None or not len(lost):
            return
        row = low + int(lost[0])
        name = code_text(int(segments.code[row]))
        place = Place(self.ordinal + row, segments.offset(int(segments.start[row])), name)
        reason = "a line break stands where the segment terminator is missing"
        self.set.faults.append(Fault("x12.terminator_missing", reason, place))

    def _stray_run(self, segments: Segments, low: int, high: int, lines: dict[str, Ints]) -> None:
        name = code_text(int(segments.code[low]))
        place = Place(self.ordinal + low, segments.offset(int(segments.start[low])), name)
        where = "after IEA" if self.interchange.closed else "outside any transaction set"
        reason = f"{high - low} segments {where}"
        rows = sum(_count(found, low, high) for found in lines.values())
        self.envelope.strays.append(Stray(Fault("x12.stray_segment", reason, place), self.interchange, rows))

    def _step(self, control: _Control) -> None:
        if control.kind == "ST":
            self._open_set(control)
        elif control.kind == "SE":
            self._close_set(control)
        elif control.kind == "GS":
            self._open_group(control)
        elif control.kind == "GE":
            self._close_group(control)
        elif control.kind == "IEA":
            self._close_interchange(control)
        elif control.kind == "ISA":
            self._abandon_set()
            fault = Fault("x12.isa_invalid", "the interchange header ISA is incomplete or malformed", control.place)
            self.envelope.strays.append(Stray(fault, self.interchange))
            self.interchange.closed = True
        elif self.set is not None:
            self.set.segments += 1
        self.last_end = control.end

    def _open_group(self, control: _Control) -> None:
        self._abandon_group()
        self.interchange.groups += 1
        self.group = self._new_group(control.place, control.elements)

    def _new_group(self, place: Place, elements: tuple[str, ...]) -> Group:
        group = Group(self.interchange, place, elements)
        if self.interchange.closed:
            reason = "the group follows IEA: its interchange header (ISA) is missing"
            group.faults.append(Fault("x12.isa_missing", reason, place))
        self.envelope.groups.append(group)
        return group

    def _open_set(self, control: _Control) -> None:
        self._abandon_set()
        if self.group is None:
            self.group = self._new_group(control.place, ())
            reason = "the transaction set is in no functional group (GS is missing)"
            self.group.faults.append(Fault("x12.gs_missing", reason, control.place))
        set_id, number = _element(control, 1), _element(control, 2)
        position = len(self.envelope.sets) + 1
        self.set = TransactionSet(self.group, control.place, position, set_id, number, control.end, 1)
        self.envelope.sets.append(self.set)
        self.group.sets += 1
        if number in self.group.controls:
            reason = f"set control number {number!r} occurs twice in the group"
            self.set.faults.append(Fault("x12.st_duplicate", reason, _at(control, 2), number))
        self.group.controls.add(number)

    def _close_set(self, control: _Control) -> None:
        current = self.set
        if current is None:
            fault = Fault("x12.stray_segment", "SE without ST", control.place)
            self.envelope.strays.append(Stray(fault, self.interchange))
            return
        current.segments += 1
        current.end = control.end
        count, number = _element(control, 1), _element(control, 2)
        if not _same_number(count, current.segments):
            reason = f"SE01 states {count or 'no'} segments, the set has {current.segments}"
            current.faults.append(Fault("x12.se_count", reason, _at(control, 1), count))
        if number != current.control:
            reason = f"SE02 {number!r} is not the set control number ST02 {current.control!r}"
            current.faults.append(Fault("x12.se_control", reason, _at(control, 2), number))
        self.set = None

    def _close_group(self, control: _Control) -> None:
        self._abandon_set()
        group = self.group
        if group is None:
            self.interchange.faults.append(Fault("x12.ge_unexpected", "GE without GS", control.place))
            return
        count, number = _element(control, 1), _element(control, 2)
        if not _same_number(count, group.sets):
            reason = f"GE01 states {count or 'no'} transaction sets, the group has {group.sets}"
            group.faults.append(Fault("x12.ge_count", reason, _at(control, 1), count))
        if not _same_control(number, group.control):
            reason = f"GE02 {number!r} is not the group control number GS06 {group.control!r}"
            group.faults.append(Fault("x12.ge_control", reason, _at(control, 2), number))
        self.group = None

    def _close_interchange(self, control: _Control) -> None:
        self._abandon_group()
        interchange = self.interchange
        count, number = _element(control, 1), _element(control, 2)
        if interchange.closed:
            interchange.faults.append(Fault("x12.iea_unexpected", "a second IEA", control.place))
            return
        if not _same_number(count, interchange.groups):
            reason = f"IEA01 states {count or 'no'} groups, the interchange has {interchange.groups}"
            interchange.faults.append(Fault("x12.iea_count", reason, _at(control, 1), count))
        if not _same_control(number, interchange.control):
            reason = f"IEA02 {number!r} is not the interchange control number ISA13 {interchange.control!r}"
            interchange.faults.append(Fault("x12.iea_control", reason, _at(control, 2), number))
        interchange.closed = True

    def _abandon_set(self) -> None:
        """The open set ends without SE."""
        if self.set is None:
            return
        self.set.end = self.last_end
        reason = f"the set has no SE: it was cut short after {self.set.segments} segments"
        self.set.faults.insert(0, Fault("x12.se_missing", reason, self.set.place))
        self.set = None

    def _abandon_group(self) -> None:
        self._abandon_set()
        if self.group is not None and self.group.elements:
            self.group.faults.append(Fault("x12.ge_missing", "the group has no trailer GE", self.group.place))
        self.group = None

    def _finish(self) -> None:
        self._abandon_group()
        if not self.interchange.closed:
            reason = "the interchange has no trailer IEA: the file may be cut short"
            self.interchange.faults.append(Fault("x12.iea_missing", reason, self.interchange.place))


def _tail(segments: Segments, following: Header) -> int:
    """How many of the last segments may lie at or after the next header (at least one)."""
    window_start = segments.start + segments.base
    return max(1, int(np.count_nonzero(window_start + len(segments.removed) >= following.start)))


def _line_rows(segments: Segments) -> dict[str, Ints]:
    """Rows that start data lines, by segment id."""
    levels = segments.select("HL")
    items = levels[segments.codes(levels, 3) == code("I")]
    return {"PO1": segments.select("PO1"), "IT1": segments.select("IT1"), "HL": items}


def _count(rows: Ints | None, low: int, high: int) -> int:
    if rows is None:
        return 0
    return int(np.searchsorted(rows, high) - np.searchsorted(rows, low))


def _element(control: _Control, number: int) -> str:
    return control.elements[number - 1] if number <= len(control.elements) else ""


def _at(control: _Control, element: int) -> Place:
    return Place(control.place.ordinal, control.place.offset, control.kind, element)


def _same_number(text: str, value: int) -> bool:
    return text.isascii() and text.isdigit() and int(text) == value


def _same_control(left: str, right: str) -> bool:
    """Control numbers are numbers: leading zeros say nothing. Other texts must be equal."""
    if left.isascii() and right.isascii() and left.isdigit() and right.isdigit():
        return int(left) == int(right)
    return left == right


def set_runs(sets: list[TransactionSet]) -> Iterator[list[TransactionSet]]:
    """Neighbouring sets, of one interchange or several, within `WINDOW` bytes (a larger set comes alone)."""
    run: list[TransactionSet] = []
    for current in sets:
        if run and current.end - run[0].start > WINDOW:
            yield run
            run = []
        run.append(current)
    if run:
        yield run
