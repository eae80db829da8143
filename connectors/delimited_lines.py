"""Bytes, lines and fields of delimited files: the scan that decides how to read, and the careful reader.

Here: physical lines with their offsets, quotes that span lines, malformed lines. Not here: names and types of
columns (`connectors.delimited`, `connectors.typed`).
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from connectors.contract import DelimitedFormat

_CHUNK = 1 << 24
#: A quoted field may span this many lines; a quote that stays open for longer is taken as a stray one.
_SPAN_LINES = 1000
#: No line and no field is longer; what is longer is refused without being held in memory.
LINE_BYTES = 16_000_000
_BOM = b"\xef\xbb\xbf"
_UNDEFINED = "\N{REPLACEMENT CHARACTER}"
csv.field_size_limit(LINE_BYTES)


@dataclass(frozen=True, slots=True)
class Utf8:
    """A file as UTF-8, and how to find a place of it in the file as it was sent.

    `encoding`: of the file as sent; `start`: bytes before its first character (the BOM of UTF-16).
    """

    path: Path
    encoding: str = "utf-8"
    start: int = 0

    def sent_bytes(self, data: bytes) -> int:
        """How many bytes of the file as sent these bytes of UTF-8 are."""
        if self.encoding == "utf-8":
            return len(data)
        values = np.frombuffer(data, np.uint8)
        characters = len(data) if data.isascii() else int(np.count_nonzero((values & 0xC0) != 0x80))
        if self.encoding != "utf-16":
            return characters
        return 2 * (characters + int(np.count_nonzero(values >= 0xF0)))


@dataclass(frozen=True, slots=True)
class Scan:
    """What the bytes show. `is_plain`: one line is one row, UTF-8, one kind of line end, no blank line, no NUL.

    `last_line`: the last line that is not empty; `last_line_no` its number, `last_line_start` its first byte.
    """

    size: int
    lines: int
    is_plain: bool
    ends_with_newline: bool
    last_line: bytes
    last_line_no: int
    last_line_start: int


@dataclass(frozen=True, slots=True)
class Line:
    """One physical line without its `end`. `offset`: byte of its first character in the file as it was sent;
    `is_cut`: it is too long and only its beginning is here."""

    data: bytes
    offset: int
    end: bytes
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Malformed:
    """A line that is no row. `raw`: its text, shortened."""

    rule: str
    reason: str
    offset: int
    raw: str
    is_blank: bool = False


def transcoded(path: Path, encoding: str, folder: Path) -> Utf8:
    """The file as UTF-8: itself where it is, else a copy in `folder`.

    What the encoding does not define (a byte of a code page, half a surrogate pair) becomes U+FFFD, which the careful
    reader refuses line by line.
    """
    if encoding == "utf-8":
        return Utf8(path)
    with path.open("rb") as source:
        head = source.read(2)
    has_bom = encoding == "utf-16" and head in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}
    order = "-be" if head.startswith(b"\0") else "-le"
    written = f"utf-16{order}" if encoding == "utf-16" and not has_bom else encoding
    target = folder / "utf8"
    decoder = codecs.getincrementaldecoder(written)("replace")
    with path.open("rb") as source, target.open("wb") as copy:
        while chunk := source.read(_CHUNK):
            copy.write(decoder.decode(chunk).encode("utf-8"))
        copy.write(decoder.decode(b"", True).encode("utf-8"))
    return Utf8(target, encoding, 2 if has_bom else 0)


def scan(path: Path, form: DelimitedFormat) -> Scan:
    """One pass over the bytes."""
    counted = _Counted(form)
    with path.open("rb") as source:
        while chunk := source.read(_CHUNK):
            counted.add(chunk)
    size = path.stat().st_size
    last, start, after = _last_line(path, size)
    ends = counted.tail.endswith(b"\n")
    lines = counted.newlines + (0 if ends or size == 0 else 1)
    return Scan(size, lines, counted.is_plain, ends, last, lines - after, start)


class _Counted:
    """Running counts of a scan."""

    def __init__(self, form: DelimitedFormat) -> None:
        self.quote = ord(form.quote) if form.quote else None
        self.escape = form.escape.encode() if form.escape and form.escape != form.quote else None
        self.newlines = 0
        self.returns = 0
        self.pairs = 0
        self.tail = b"\n"  # as if a line had ended before the file: a leading blank line counts as blank
        self.open_quotes = 0
        self.is_odd = False
        self._utf8 = codecs.getincrementaldecoder("utf-8")("strict")

    def add(self, chunk: bytes) -> None:
        """Take the next bytes of the file."""
        seam = self.tail + chunk[:2]
        self.newlines += chunk.count(b"\n")
        if b"\r" in chunk or self.tail.endswith(b"\r"):
            self.returns += chunk.count(b"\r")
            self.pairs += chunk.count(b"\r\n") + (self.tail.endswith(b"\r") and chunk.startswith(b"\n"))
        self.is_odd = self.is_odd or self._is_blank(seam) or self._is_blank(chunk) or self._is_undefined(chunk)
        self.is_odd = self.is_odd or not self._is_utf8(chunk) or self._quote_spans(chunk)
        self.tail = (self.tail + chunk)[-2:] if len(chunk) < 2 else chunk[-2:]

    @staticmethod
    def _is_blank(data: bytes) -> bool:
        return b"\n\n" in data or (b"\r" in data and b"\n\r\n" in data)

    def _is_undefined(self, chunk: bytes) -> bool:
        """NUL, U+FFFD, or an escape that is no quote (its quotes cannot be counted)."""
        if b"\0" in chunk or (self.escape is not None and self.escape in chunk):
            return True
        return not chunk.isascii() and _UNDEFINED.encode() in self.tail + chunk

    @property
    def is_plain(self) -> bool:
        """One kind of line end, nothing odd, and no character cut off at the end."""
        if self._utf8.getstate()[0]:
            return False
        return not self.is_odd and self.returns == self.pairs and self.pairs in {0, self.newlines}

    def _is_utf8(self, chunk: bytes) -> bool:
        if chunk.isascii() and not self._utf8.getstate()[0]:
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


def _last_line(path: Path, size: int) -> tuple[bytes, int, int]:
    """The last line that is not empty, where it starts, and how many empty lines follow it."""
    window = min(size, 1 << 16)
    with path.open("rb") as source:
        source.seek(size - window)
        found = source.read(window)
    tail = found.rstrip(b"\r\n")
    ends = found[len(tail) :]
    start = tail.rfind(b"\n") + 1
    after = ends.count(b"\n") - ends.endswith(b"\n")
    if start == 0 and window < size:
        return b"", size, after  # longer than any trailer
    return tail[start:], size - window + start, after


class Lines:
    """Physical lines of a file, with a look ahead. A line ends with LF or CRLF; `end`: stop at that byte."""

    def __init__(self, text: Utf8, end: int | None = None) -> None:
        self.text = text
        self._source = text.path.open("rb")
        self._end = end
        self._read_to = 0
        self._sent_to = text.start
        self._ahead: deque[Line] = deque()

    def __enter__(self) -> Lines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._source.close()

    def _read(self) -> Line | None:
        if self._end is not None and self._read_to >= self._end:
            return None
        data = self._source.readline(LINE_BYTES)
        if not data:
            return None
        begin = self._sent_to
        if self._read_to == 0 and data.startswith(_BOM):
            begin, data = begin + self._pass(_BOM), data.removeprefix(_BOM)
        self._pass(data)
        is_cut = len(data) + len(_BOM) >= LINE_BYTES and not data.endswith(b"\n")
        if is_cut:
            self._pass_rest()
        bare = data.removesuffix(b"\n").removesuffix(b"\r") if data.endswith(b"\n") else data.removesuffix(b"\r")
        return Line(bare, begin, data[len(bare) :], is_cut)

    def _pass(self, data: bytes) -> int:
        sent = self.text.sent_bytes(data)
        self._read_to += len(data)
        self._sent_to += sent
        return sent

    def _pass_rest(self) -> None:
        while more := self._source.readline(LINE_BYTES):
            self._pass(more)
            if more.endswith(b"\n"):
                break

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
    if "\0" in text or _UNDEFINED in text:
        place = min(text.find(mark) for mark in ("\0", _UNDEFINED) if mark in text)
        offset = len(text[:place].encode("utf-8"))
        return Malformed("csv.encoding", "the line has a NUL or an undefined character", offset, _shown(data))
    if not _is_doubled(form) and (odd := _odd_escape(text, form)):
        return Malformed("csv.quoting", f"{odd!r} is no escape", 0, _shown(data))
    try:
        rows = list(rows_of(io.StringIO(text, newline=""), form))
    except csv.Error as error:
        return Malformed("csv.quoting", f"the line cannot be split: {error}", 0, _shown(data))
    if len(rows) > 1:
        return Malformed("csv.quoting", "a line break outside quotes", 0, _shown(data))
    return rows[0] if rows else []


def rows_of(lines: Iterable[str], form: DelimitedFormat) -> Iterator[list[str]]:
    """The fields of lines with their ends. Raises csv.Error at one that cannot be split."""
    doubled = _is_doubled(form)
    return csv.reader(
        lines,
        delimiter=form.delimiter,
        quotechar=form.quote,
        quoting=csv.QUOTE_MINIMAL if form.quote else csv.QUOTE_NONE,
        doublequote=doubled,
        escapechar=None if doubled else form.escape,
        strict=True,
    )


def _is_doubled(form: DelimitedFormat) -> bool:
    """Whether a quote within quotes is written twice."""
    return form.escape is None or form.escape == form.quote


def _odd_escape(text: str, form: DelimitedFormat) -> str | None:
    """An escape of what needs none: a reader would drop a character that may be meant."""
    assert form.escape is not None
    plain = {form.quote, form.escape, form.delimiter, "\r", "\n"}
    pairs = re.findall(re.escape(form.escape) + r"[\s\S]?", text)
    return next((pair for pair in pairs if pair[1:] not in plain), None)


def _quotes(data: bytes, form: DelimitedFormat) -> int:
    """How many quotes open or close something."""
    assert form.quote is not None
    if form.escape is not None and form.escape != form.quote:
        data = re.sub(re.escape(form.escape.encode()) + rb"[\s\S]", b"", data)
    return data.count(form.quote.encode())


def read_lines(
    lines: Lines, form: DelimitedFormat, width: int, number: int
) -> Iterator[tuple[int, int, list[str] | Malformed]]:
    """(first line, last line, fields or what is wrong) for every record; `number`: line number of the next line."""
    blanks = b" \t".replace(form.delimiter.encode(), b"")
    while (line := lines.take()) is not None:
        span = _open_span(line, lines, form)
        record = _without_idle_fields(_whole(line, lines, span, form), width)
        if (span and (isinstance(record, Malformed) or len(record) != width)) or _is_open(line, record, form):
            span, record = 0, Malformed("csv.unterminated_quote", "a quote is opened and never closed", 0, "")
        for _ in range(span):
            lines.take()
        is_blank = not line.data or (width > 1 and not line.data.strip(blanks))
        yield number, number + span, _checked(record, line, lines, width, is_blank=is_blank)
        number += span + 1


def _without_idle_fields(record: list[str] | Malformed, width: int) -> list[str] | Malformed:
    """Empty fields too many say nothing (a delimiter ends the line, a spreadsheet was wider): DuckDB passes over
    them as well."""
    if isinstance(record, Malformed) or any(record[width:]):
        return record
    return record[:width]


def _is_open(line: Line, record: list[str] | Malformed, form: DelimitedFormat) -> bool:
    unsplit = isinstance(record, Malformed) and record.rule == "csv.quoting"
    return unsplit and form.quote is not None and _quotes(line.data, form) % 2 == 1


def _open_span(line: Line, lines: Lines, form: DelimitedFormat) -> int:
    """How many further lines the record goes on for, by its quotes; 0 where they close on the line."""
    if form.quote is None:
        return 0
    count, size = _quotes(line.data, form), len(line.data)
    if count % 2 == 0:
        return 0
    for ahead in range(_SPAN_LINES):
        following = lines.peek(ahead)
        if following is None or size > LINE_BYTES:
            break
        count, size = count + _quotes(following.data, form), size + len(following.data)
        if count % 2 == 0:
            return ahead + 1
    return 0


def _whole(line: Line, lines: Lines, span: int, form: DelimitedFormat) -> list[str] | Malformed:
    """The record that begins on `line`, its inner line ends as they were sent."""
    parts = [line, *(part for ahead in range(span) if (part := lines.peek(ahead)))]
    if any(part.is_cut for part in parts):
        return Malformed("csv.line_too_long", f"a line is longer than {LINE_BYTES:,} bytes", 0, _shown(line.data))
    return fields_of(b"".join(part.data + part.end for part in parts[:-1]) + parts[-1].data, form)


def _checked(
    record: list[str] | Malformed, line: Line, lines: Lines, width: int, *, is_blank: bool
) -> list[str] | Malformed:
    if isinstance(record, Malformed):
        offset = line.offset + lines.text.sent_bytes(line.data[: record.offset])
        return Malformed(record.rule, record.reason, offset, record.raw or _shown(line.data))
    if is_blank:
        return Malformed("csv.blank_line", "a blank line", line.offset, "", is_blank=True)
    if len(record) != width:
        reason = f"{len(record)} fields where the header has {width}"
        return Malformed("csv.field_count", reason, line.offset, _shown(line.data))
    return record


def _shown(data: bytes) -> str:
    shown = data[:500].decode("utf-8", "backslashreplace")
    return shown + (" ..." if len(data) > 500 else "")
