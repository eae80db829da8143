"""Where an interchange begins and which bytes separate it: the ISA header.

Here: finding and reading ISA in raw bytes. Not here: splitting segments (`segments`), counting
trailers (`envelope`).

The header is fixed-width by the standard and often not in practice, so it is read by counting its 16
element separators; what follows the component separator is the segment terminator.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

#: A header is 106 bytes; unpadded, wrapped and badly encoded ones stay below this.
HEADER_LIMIT = 600
NEWLINES = b"\r\n"
BLANKS = b" \t\r\n\x00\x1a"
_NOT_A_SEPARATOR = re.compile(rb"[A-Za-z0-9\s]")
_GROUP = re.compile(rb"(GS|TA1|ISA|IEA)[^A-Za-z0-9\s]")


class ByteSource(Protocol):
    """What is read: `bytes` or a memory map."""

    def __len__(self) -> int: ...
    def __getitem__(self, key: slice, /) -> bytes: ...

    def find(self, sub: bytes, start: int = ..., end: int = ..., /) -> int:
        """As `bytes.find`."""
        ...

    def rfind(self, sub: bytes, start: int = ..., end: int = ..., /) -> int:
        """As `bytes.rfind`."""
        ...


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The separators of one interchange.

    `terminator`: one byte, the UTF-8 bytes of one character, or b"\\n" for lines (CR, LF and CRLF all end
    a segment then). `component` is empty where ISA16 is missing. `repetition` is empty before 00402 and
    where ISA11 is a letter or digit. `wrapped`: lines were cut at a fixed width, so a line break inside
    a segment means nothing; else one that is followed by a segment id stands for a lost terminator.
    """

    element: bytes
    component: bytes
    terminator: bytes
    repetition: bytes = b""
    wrapped: bool = False

    @property
    def by_line(self) -> bool:
        """Segments end with the line."""
        return self.terminator == b"\n"


@dataclass(frozen=True, slots=True)
class Header:
    """One ISA: byte range [start, end) with its terminator, delimiters, and elements 1-16 as text."""

    start: int
    end: int
    delimiters: Delimiters
    elements: tuple[str, ...]

    def element(self, number: int) -> str:
        """ISA element by its 1-based number, blanks trimmed."""
        return self.elements[number - 1]

    @property
    def sender(self) -> str:
        """Sender as qualifier|id (ISA05|ISA06)."""
        return f"{self.element(5)}|{self.element(6)}"

    @property
    def receiver(self) -> str:
        """Receiver as qualifier|id (ISA07|ISA08)."""
        return f"{self.element(7)}|{self.element(8)}"

    def timestamp(self, timezone: str) -> datetime | None:
        """ISA09/ISA10 in `timezone`, as UTC; None where they are no date."""
        return _stamp(self.element(9), self.element(10), timezone)


def century(text: str) -> str:
    """A six-digit date with its century: 70-99 are 19yy, 00-69 are 20yy; any other text is unchanged."""
    if len(text) != 6 or not text.isdigit():
        return text
    return ("19" if text >= "70" else "20") + text


@lru_cache(maxsize=64)
def _stamp(day: str, clock: str, timezone: str) -> datetime | None:
    full = century(day)
    minutes = clock[:4] if clock[:4].isdigit() and len(clock) >= 4 else "0000"
    try:
        date(int(full[:4]), int(full[4:6]), int(full[6:8]))
        local = datetime.strptime(full[:8] + minutes, "%Y%m%d%H%M").replace(tzinfo=ZoneInfo(timezone))
    except ValueError:
        return None
    return local.astimezone(UTC)


def decode(raw: bytes) -> str:
    """Text of raw bytes: UTF-8 where it is that, else Latin-1 (which loses nothing)."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def read_header(data: ByteSource, start: int) -> Header | None:
    """The ISA at byte `start`, or None where those bytes are not one (or end inside it)."""
    window = data[start : start + HEADER_LIMIT]
    if window[:3] != b"ISA" or len(window) < 5 or _NOT_A_SEPARATOR.match(window[3:4]):
        return None
    parts = window.split(window[3:4], 16)
    if len(parts) < 17:
        return None
    if any(_GROUP.match(part.lstrip(BLANKS) + window[3:4]) for part in parts[1:16]):
        return None
    found = _tail(parts[16], window[3:4])
    if found is None:
        return None
    component, terminator, used = found
    elements = (*(_header_text(part) for part in parts[1:16]), component.decode("latin-1"))
    end = start + len(window) - len(parts[16]) + used
    delimiters = Delimiters(
        element=window[3:4],
        component=component,
        terminator=terminator,
        repetition=_repetition(elements),
        wrapped=terminator != b"\n" and _is_wrapped(window, terminator),
    )
    return Header(start, end, delimiters, elements)


def _header_text(raw: bytes) -> str:
    return decode(raw.replace(b"\r", b"").replace(b"\n", b"")).strip()


def _repetition(elements: tuple[str, ...]) -> bytes:
    """ISA11 is the repetition separator from 00402 on; before, it is the standards id "U"."""
    candidate, version = elements[10], elements[11]
    if version < "00402" or len(candidate) != 1 or candidate.isalnum():
        return b""
    return candidate.encode("utf-8")


def _tail(rest: bytes, separator: bytes) -> tuple[bytes, bytes, int] | None:
    """Component separator, terminator, and how many bytes of `rest` (all after the 16th separator) they take."""
    if not rest:
        return None
    if rest[:1] in (b"\r", b"\n"):
        return b"", b"\n", 1
    if _GROUP.match(rest[1:]):
        return b"", rest[:1], 1
    if len(rest) == 1:
        return None
    if rest[1:2] in (b"\r", b"\n"):
        return _at_line_end(rest)
    if rest[1:2] in (b" ", b"\t"):
        return (b"", rest[:1], 1) if _GROUP.match(rest[1:].lstrip(BLANKS)) else None
    if re.match(rb"[A-Za-z0-9]", rest[1:2]) or rest[1:2] == separator:
        return None
    character = _character(rest[1:5])
    return rest[:1], character, 1 + len(character)


def _at_line_end(rest: bytes) -> tuple[bytes, bytes, int]:
    """ISA16 and the line end: either lines are segments, or ISA16 is missing and its place holds the terminator.

    The next segment tells: where it ends with that same character, the character is the terminator.
    """
    following = rest[1:].lstrip(BLANKS)
    line = re.split(rb"[\r\n]", following, maxsplit=1)[0].rstrip(b" \t")
    if line.endswith(rest[:1]):
        return b"", rest[:1], 1
    return rest[:1], b"\n", 2


def _character(raw: bytes) -> bytes:
    """The first character of `raw`, which may take several bytes in UTF-8 (an ellipsis as terminator)."""
    for length in (1, 2, 3, 4):
        try:
            raw[:length].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return raw[:length]
    return raw[:1]


def _is_wrapped(window: bytes, terminator: bytes) -> bool:
    """The first two lines are equally long (40 or more) and one of them does not end a segment."""
    lines = window.replace(b"\r\n", b"\n").split(b"\n", 2)
    if len(lines) < 3 or len(lines[0]) != len(lines[1]) or len(lines[0]) < 40:
        return False
    return not all(line.endswith(terminator) for line in lines[:2])


def find_header(data: ByteSource, start: int) -> Header | None:
    """The first ISA at or after `start` that stands where a segment can begin."""
    for position in _candidates(data, start):
        header = read_header(data, position)
        if header is not None:
            return header
    return None


def _candidates(data: ByteSource, start: int) -> Iterator[int]:
    position = data.find(b"ISA", start)
    while position >= 0:
        before = data[position - 1 : position] if position else b""
        if not re.match(rb"[A-Za-z0-9]", before):
            yield position
        position = data.find(b"ISA", position + 1)
