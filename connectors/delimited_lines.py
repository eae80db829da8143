"""Bytes, lines and fields of delimited files: the scan that decides how to read, and the careful reader.

Here: physical lines with their offsets, quotes that span lines, malformed lines. Not here: names and types of
columns (`connectors.delimited`, `connectors.typed`).
"""

from __future__ import annotations

import codecs
import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from connectors.contract import DelimitedFormat
from connectors.errors import ContractViolation

_CHUNK = 1 << 24
#: A quoted field may span this many lines; a quote that stays open for longer is taken as a stray one.
_SPAN_LINES = 1000


@dataclass(frozen=True, slots=True)
class Scan:
    """What the bytes show. `is_plain`: one line is one row, UTF-8, one kind of line end, no blank line, no NUL."""

    size: int
    lines: int
    is_plain: bool
    ends_with_newline: bool
    last_line: bytes
    last_line_start: int


@dataclass(frozen=True, slots=True)
class Line:
    """One physical line without its end. `offset`: byte of its first character."""

    data: bytes
    offset: int


@dataclass(frozen=True, slots=True)
class Malformed:
    """A line that is no row. `raw`: its text, shortened."""

    rule: str
    reason: str
    offset: int
    raw: str
    is_blank: bool = False


def transcoded(path: Path, encoding: str, folder: Path) -> Path:
    """The file as UTF-8: itself where it is, else a copy in `folder`.

    Raises ContractViolation with the byte offset where UTF-16 cannot be read. A single-byte encoding's undefined
    bytes become U+FFFD, which the careful reader refuses line by line.
    """
    if encoding == "utf-8":
        return path
    target = folder / "utf8"
    decoder = codecs.getincrementaldecoder(encoding)("strict" if encoding == "utf-16" else "replace")
    offset = 0
    with path.open("rb") as source, target.open("wb") as copy:
        while chunk := source.read(_CHUNK):
            copy.write(_decoded(decoder, chunk, offset, final=False))
            offset += len(chunk)
        copy.write(_decoded(decoder, b"", offset, final=True))
    return target


def _decoded(decoder: codecs.IncrementalDecoder, chunk: bytes, offset: int, *, final: bool) -> bytes:
    try:
        return decoder.decode(chunk, final).encode("utf-8")
    except UnicodeError as error:
        raise ContractViolation(
            "the file is not in the declared encoding", location=f"near byte {offset}", hint=str(error)
        ) from error


def scan(path: Path, quote: str | None) -> Scan:
    """One pass over the bytes."""
    counted = _Counted(quote)
    with path.open("rb") as source:
        while chunk := source.read(_CHUNK):
            counted.add(chunk)
    size = path.stat().st_size
    last, start = _last_line(path, size)
    ends = counted.tail.endswith(b"\n")
    lines = counted.newlines + (0 if ends or size == 0 else 1)
    return Scan(size, lines, counted.is_plain, ends, last, start)


class _Counted:
    """Running counts of a scan."""

    def __init__(self, quote: str | None) -> None:
        self.quote = ord(quote) if quote else None
        self.newlines = 0
        self.returns = 0
        self.pairs = 0
        self.tail = b"\n"  # as if a line had ended before the file: a leading blank line counts as blank
        self.open_quotes = 0
        self.is_odd = False
        self._utf8 = codecs.getincrementaldecoder("utf-8")("strict")

    def add(self, chunk: bytes) -> None:
        """Take the next bytes of the file."""
        joined = self.tail + chunk
        self.newlines += chunk.count(b"\n")
        self.returns += chunk.count(b"\r")
        self.pairs += (joined[-len(chunk) - 1 :]).count(b"\r\n")
        blank = b"\n\n" in joined or b"\n\r\n" in joined
        undefined = b"\0" in chunk or "\N{REPLACEMENT CHARACTER}".encode() in chunk
        self.is_odd |= blank or undefined or not self._is_utf8(chunk) or self._quote_spans(chunk)
        self.tail = joined[-2:]

    @property
    def is_plain(self) -> bool:
        """One kind of line end, and nothing odd."""
        return not self.is_odd and self.returns == self.pairs and self.pairs in {0, self.newlines}

    def _is_utf8(self, chunk: bytes) -> bool:
        if chunk.isascii():
            return True
        try:
            self._utf8.decode(chunk)
        except UnicodeDecodeError:
            return False
        return True

    def _quote_spans(self, chunk: bytes) -> bool:
        """Whether a line ends inside quotes."""
        if self.quote is None or (self.open_quotes == 0 and chunk.count(bytes([self.quote])) == 0):
            return False
        data = np.frombuffer(chunk, np.uint8)
        parity = (np.cumsum(data == self.quote) + self.open_quotes) % 2
        spans = bool(parity[data == 10].any())
        self.open_quotes = int(parity[-1])
        return spans


def _last_line(path: Path, size: int) -> tuple[bytes, int]:
    """The last line that is not blank, and where it starts."""
    window = min(size, 1 << 16)
    with path.open("rb") as source:
        source.seek(size - window)
        tail = source.read(window).rstrip(b"\r\n")
    start = tail.rfind(b"\n") + 1
    return tail[start:], size - window + start


class Lines:
    """Physical lines of a file, with a look ahead. A line ends with LF or CRLF; `end`: stop at that byte."""

    def __init__(self, path: Path, end: int | None = None) -> None:
        self._source = path.open("rb")
        self._end = end
        self._offset = 0
        self._ahead: deque[Line] = deque()

    def _read(self) -> Line | None:
        if self._end is not None and self._offset >= self._end:
            return None
        data = self._source.readline()
        if not data:
            self._source.close()
            return None
        line = Line(data.removesuffix(b"\n").removesuffix(b"\r"), self._offset)
        self._offset += len(data)
        return line

    def take(self) -> Line | None:
        """The next line; None at the end."""
        return self._ahead.popleft() if self._ahead else self._read()

    def peek(self, ahead: int) -> Line | None:
        """The line `ahead` lines further (0 is the next) without taking it."""
        while len(self._ahead) <= ahead:
            line = self._read()
            if line is None:
                return None
            self._ahead.append(line)
        return self._ahead[ahead]


def fields_of(data: bytes, form: DelimitedFormat) -> list[str] | Malformed:
    """The fields of one record (which may hold line breaks inside quotes)."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return Malformed("csv.encoding", f"byte {error.start} of the line is not valid", error.start, _shown(data))
    if "\0" in text or "\N{REPLACEMENT CHARACTER}" in text:
        return Malformed("csv.encoding", "the line has a NUL or an undefined character", 0, _shown(data))
    quoting = csv.QUOTE_MINIMAL if form.quote else csv.QUOTE_NONE
    doubled = form.escape is None or form.escape == form.quote
    try:
        rows = list(
            csv.reader(
                [text] if "\n" not in text and "\r" not in text else text.splitlines(keepends=True),
                delimiter=form.delimiter,
                quotechar=form.quote,
                quoting=quoting,  # type: ignore[arg-type] # the stub wants a literal
                doublequote=doubled,
                escapechar=None if doubled else form.escape,
            )
        )
    except csv.Error as error:
        return Malformed("csv.quoting", f"the line cannot be split: {error}", 0, _shown(data))
    return rows[0] if len(rows) == 1 else [] if not rows else Malformed("csv.quoting", "stray quote", 0, _shown(data))


def read_lines(
    lines: Lines, form: DelimitedFormat, width: int, number: int
) -> Iterator[tuple[int, int, list[str] | Malformed]]:
    """(first line, last line, fields or what is wrong) for every record; `number`: line number of the next line."""
    while (line := lines.take()) is not None:
        span = _open_span(line, lines, form)
        record = _whole(line, lines, span, form)
        if span and (isinstance(record, Malformed) or len(record) != width):
            span, record = 0, Malformed("csv.unterminated_quote", "a quote is opened and never closed", 0, "")
        for _ in range(span):
            lines.take()
        yield number, number + span, _checked(record, line, width)
        number += span + 1


def _open_span(line: Line, lines: Lines, form: DelimitedFormat) -> int:
    """How many further lines the record goes on for, by its quotes; 0 where they close on the line."""
    if form.quote is None:
        return 0
    mark = form.quote.encode()
    count = line.data.count(mark)
    if count % 2 == 0:
        return 0
    for ahead in range(_SPAN_LINES):
        following = lines.peek(ahead)
        if following is None:
            break
        count += following.data.count(mark)
        if count % 2 == 0:
            return ahead + 1
    return 0


def _whole(line: Line, lines: Lines, span: int, form: DelimitedFormat) -> list[str] | Malformed:
    following = [lines.peek(ahead) for ahead in range(span)]
    return fields_of(b"\n".join([line.data, *(part.data for part in following if part)]), form)


def _checked(record: list[str] | Malformed, line: Line, width: int) -> list[str] | Malformed:
    if isinstance(record, Malformed):
        return Malformed(record.rule, record.reason, line.offset + record.offset, record.raw or _shown(line.data))
    if not line.data.strip():
        return Malformed("csv.blank_line", "a blank line", line.offset, "", is_blank=True)
    if len(record) != width:
        reason = f"{len(record)} fields where the header has {width}"
        return Malformed("csv.field_count", reason, line.offset, _shown(line.data))
    return record


def _shown(data: bytes) -> str:
    shown = data[:500].decode("utf-8", "backslashreplace")
    return shown + (" ..." if len(data) > 500 else "")
