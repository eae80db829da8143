"""Drop folders: lines of a feed become files, with the defects that befall whole files.

Here: cutting lines into files, truncation, wrong totals, re-sent, corrected, duplicated and late files. Not here: what
the lines say (the .sql files of this folder).
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from threading import Lock

import duckdb
import numpy as np
import pyarrow as pa

from sample_network.model.world import run, script

HERE = Path(__file__).parent
A_DAY = timedelta(days=1)
_FILES_AT_A_TIME, _JOBS_UNDER_WAY = 32, 4
#: What lines may have; NULL where a statement does not name it. facility_no (-1: of no site), day, minute (-1: of a
#: nightly list) say in which file a line is; kinds: its defects; amount: what the trailer adds up; the last what it
#: means: the key of an entity of a domain, or a fact. Lines come in the order of sites, days, minutes and lines.
COLUMNS = {
    "facility_no": "INTEGER",
    "day": "INTEGER",
    "minute": "INTEGER",
    "source_key": "VARCHAR",
    "kinds": "VARCHAR[]",
    "amount": "BIGINT",
    "text": "VARCHAR",
    "domain": "VARCHAR",
    "fact": "VARCHAR",
    "entity_id": "VARCHAR",
    "supplier_id": "VARCHAR",
    "place_entity": "VARCHAR",
    "to_entity": "VARCHAR",
    "qty_base": "BIGINT",
    "value": "DECIMAL(18, 4)",
    "is_refused": "BOOLEAN",
}
#: Stands in SQL texts for a byte that is no UTF-8.
BAD_BYTE = (b"\x01", b"\xe9")


@dataclass(frozen=True, slots=True)
class Layout:
    """How a system writes the files of one feed.

    `file`: their name, with {day} and, where it is in it, {code} of the site. `trailer`: format text with {rows} and
    {total}; None: none. `qty_field`: position of the quantity in a line where a file may be sent wrong first and
    corrected later.
    `drifted`: (day, name): the header has one more column from that day on.
    """

    feed: str
    file: str
    header: str
    delimiter: str = ","
    encoding: str = "utf-8"
    line_end: str = "\n"
    trailer: str | None = None
    qty_field: int | None = None
    drifted: tuple[int, str] | None = None
    section: str = ""

    @property
    def statement(self) -> str:
        """Name of its statement in the .sql files: the feed's own unless given."""
        return self.section or self.feed


#: A layout, and the SELECT of its lines (COLUMNS).
Feed = tuple[Layout, str]


@dataclass(frozen=True, slots=True)
class DropFile:
    """One file as it should be, and what befalls it."""

    source: str
    name: str
    day: int
    rows: int
    total: int
    available: datetime
    right_at: datetime
    kinds: tuple[str, ...]
    content: bytes


class Writers:
    """Writes files beside the work of the database, some at a time: making a file costs more than its bytes.

    A context manager; leaving it waits, and raises what went wrong (OSError). May be used from several threads.
    """

    def __init__(self, threads: int = 2) -> None:
        self.pool = ThreadPoolExecutor(threads)
        self.lock = Lock()
        self.waiting: list[tuple[str, bytes]] = []
        self.under_way: deque[Future[None]] = deque()
        self.folders: set[str] = set()

    def __enter__(self) -> Writers:
        return self

    def __exit__(self, *_: object) -> None:
        with self.pool:
            self._hand_over(1)
            self._settle(0)

    def write(self, folder: Path, name: str, content: bytes) -> None:
        """Writes a file below a folder some time soon, unless it is there; waits where too many are under way."""
        path = f"{folder}/{name}"
        above = path.rpartition("/")[0]
        if above not in self.folders:
            Path(above).mkdir(parents=True, exist_ok=True)
            self.folders.add(above)
        with self.lock:
            self.waiting.append((path, content))
            self._hand_over(_FILES_AT_A_TIME)
            self._settle(_JOBS_UNDER_WAY)

    def _hand_over(self, least: int) -> None:
        if len(self.waiting) >= least:
            self.under_way.append(self.pool.submit(_write_new, self.waiting))
            self.waiting = []

    def _settle(self, allowed: int) -> None:
        while len(self.under_way) > allowed:
            self.under_way.popleft().result()


def _write_new(files: list[tuple[str, bytes]]) -> None:
    for path, content in files:
        with suppress(FileExistsError):
            to = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            with os.fdopen(to, "wb") as file:
                file.write(content)


@dataclass(frozen=True, slots=True)
class Drop:
    """Drop folders below `root`, filled up to `until` (UTC, without zone). `source`: whose; None: each site's own."""

    con: duckdb.DuckDBPyConnection
    root: Path
    source: str | None
    until: datetime
    writers: Writers

    def emit(self, feeds: Sequence[Feed]) -> None:
        """Writes the files of some feeds, and the truth about them and their lines. A file that is there stays."""
        con = self.con
        con.execute(layout_table(feeds, self.source))
        run(con, f"CREATE OR REPLACE TEMP VIEW raw_line AS {_lines(feeds)}")
        run(con, script("drop.sql", HERE))
        for layout, file in self._files(feeds):
            for name, content, available in _versions(file, layout):
                if available <= self.until:
                    self.writers.write(self.root / file.source, name, content)

    def _files(self, feeds: Sequence[Feed]) -> Iterator[tuple[Layout, DropFile]]:
        """The files, each with its lines."""
        heads = self.con.execute(
            "SELECT layout_no, source, file, day, rows, total, available, right_at, kinds FROM out_file "
            "ORDER BY first_n"
        ).fetchall()
        content = _Text(self.con.sql("SELECT text FROM out_line ORDER BY n").to_arrow_table().column("text"))
        start = 0
        for layout_no, source, name, day, rows, total, available, right_at, kinds in heads:
            layout = feeds[layout_no][0]
            body = _encoded(content.lines(start, rows), layout.encoding)
            start += rows
            yield layout, DropFile(source, name, day, rows, total, available, right_at, tuple(kinds), body)


def layout_table(feeds: Sequence[Feed], source: str | None) -> str:
    """SQL of the table layout, as drop.sql reads it."""
    name = "CAST(NULL AS VARCHAR)" if source is None else f"'{source}'"
    rows = ", ".join(
        f"({n}, {name}, '{y.feed}', '{y.file}', {y.trailer is not None}, {y.qty_field is not None})"
        for n, (y, _) in enumerate(feeds)
    )
    columns = "layout_no, source, feed, file_name, has_trailer, is_correctable"
    return f"CREATE OR REPLACE TEMP TABLE layout AS SELECT * FROM (VALUES {rows}) AS t ({columns})"


def _lines(feeds: Sequence[Feed]) -> str:
    """SQL of the lines of all feeds, one after the other, with their line ends."""
    parts = [
        f"SELECT -1 AS layout_no, {', '.join(f'CAST(NULL AS {k}) AS {c}' for c, k in COLUMNS.items())} WHERE FALSE"
    ]
    for n, (layout, lines_sql) in enumerate(feeds):
        end = ", ".join(f"chr({ord(c)})" for c in layout.line_end)
        parts.append(f"SELECT {n} AS layout_no, * REPLACE (concat(text, {end}) AS text) FROM ({lines_sql})")
    return " UNION ALL BY NAME ".join(parts)


class _Text:
    """Lines of text as one run of bytes, so that a file is a slice of it."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        joined = pa.concat_arrays(column.cast(pa.large_string()).chunks or [pa.array([], pa.large_string())])
        self.offsets = np.frombuffer(joined.buffers()[1], dtype=np.int64) if len(joined) else np.zeros(1, np.int64)
        self.data = memoryview(joined.buffers()[2] or b"")

    def lines(self, start: int, count: int) -> bytes:
        """UTF-8 bytes of `count` lines from the `start`-th on."""
        return bytes(self.data[self.offsets[start] : self.offsets[start + count]])


@cache
def sections(name: str) -> dict[str, str]:
    """The statements of a .sql file of this folder by the name in their `-- section:` line."""
    parts = re.split(r"^-- section: (\w+)\n", script(name, HERE), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _encoded(text: bytes, encoding: str) -> bytes:
    """UTF-8 as the system's encoding."""
    other = text if encoding.startswith("utf-8") else text.decode("utf-8").encode(encoding)
    return other.replace(*BAD_BYTE) if BAD_BYTE[0] in other else other


def _header(layout: Layout, day: int) -> bytes:
    name = layout.header
    if layout.drifted and day >= layout.drifted[0]:
        name = f"{name}{layout.delimiter}{layout.drifted[1]}"
    mark = b"\xef\xbb\xbf" if layout.encoding == "utf-8-sig" else b""
    return mark + _encoded((name + layout.line_end).encode(), layout.encoding)


def _trailer(layout: Layout, rows: int, total: int) -> bytes:
    if layout.trailer is None:
        return b""
    return (layout.trailer.format(rows=rows, total=total) + layout.line_end).encode("ascii")


def _versions(file: DropFile, layout: Layout) -> Iterator[tuple[str, bytes, datetime]]:
    """Everything that is dropped for one file: (name, content, when)."""
    head, tail = _header(layout, file.day), _trailer(layout, file.rows, file.total)
    whole = head + file.content + tail
    stem, dot, ending = file.name.rpartition(".")
    first = whole
    if "file_truncated" in file.kinds:
        first = whole[: len(whole) * 3 // 5]
    elif "file_total_wrong" in file.kinds:
        first = head + file.content + _trailer(layout, file.rows + 1, file.total)
    elif "file_corrected" in file.kinds:
        first = head + _misread(file.content, layout) + tail
    yield file.name, first, file.available
    if "file_corrected" in file.kinds:
        yield _correction_name(file.name), whole, file.right_at
    elif first is not whole:
        yield f"{stem}_resent{dot}{ending}", whole, file.right_at
    if "file_duplicate" in file.kinds:
        yield f"{stem}_again{dot}{ending}", whole, file.right_at + A_DAY


def _misread(content: bytes, layout: Layout) -> bytes:
    """The lines with a 9 before the first line's quantity."""
    line, _, rest = content.partition(layout.line_end.encode())
    fields = line.split(layout.delimiter.encode())
    qty = fields[layout.qty_field or 0]
    fields[layout.qty_field or 0] = b"-9" + qty[1:] if qty.startswith(b"-") else b"9" + qty
    return layout.delimiter.encode().join(fields) + layout.line_end.encode() + rest


def _correction_name(name: str) -> str:
    """A correction carries the date of the day it was made, and the date it corrects."""
    found = re.search(r"\d{8}", name)
    if not found:
        return f"{name}.corrected"
    day = date(int(found[0][:4]), int(found[0][4:6]), int(found[0][6:])) + A_DAY
    return f"{name[: found.start()]}{day:%Y%m%d}_corrects_{name[found.start() :]}"
