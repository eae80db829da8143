"""Delimited text files: header by name, every physical line accounted for, rows typed in the pass that reads them.

Here: the connector, header and trailer checks, and the choice of reader. Not here: what a value may be
(`connectors.typed`), finding files (`connectors.files`), the byte scan and the careful reader
(`connectors.delimited_lines`).

Three readers give the same rows. A small file is split in Python and typed in Arrow (`connectors.plain`): a query takes
longer to plan than that. DuckDB's `read_csv` takes a larger one whose scan shows nothing odd. From the first line
that it refuses, and for files with quoted line breaks, bad bytes or blank lines, the careful reader goes on
line by line. Traps of `read_csv` that this arrangement avoids: it resolves columns by position, reads mixed line
endings as no rows at all, and lets an unterminated quote swallow the rest of the file.
"""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from connectors.contract import Column, DelimitedFormat, FeedContract
from connectors.delimited_lines import (
    LINE_BYTES,
    Lines,
    Malformed,
    Scan,
    Utf8,
    fields_of,
    read_lines,
    rows_of,
    scan,
    transcoded,
)
from connectors.errors import ContractViolation
from connectors.files import FileSource
from connectors.interface import ROW_NO, Batch, Delivery, FeedState, Offer, Pulled, Reject
from connectors.network import Source
from connectors.plain import Readers, plain_readers, plain_values
from connectors.typed import BATCH_ROWS, no_rows, quick_query, quoted, session, settled, split, text, typed_query

_SLOW_ROWS = 20_000
#: Up to here planning a query takes longer than splitting the file in Python.
_SMALL_BYTES = 1 << 16
_SEND_AGAIN = "Ask the sender to send it again"
_UNREADABLE = "Compare the file with format (delimiter, quote, encoding, skip_lines) in the contract"
_CHANGED = "The source changed its header: agree with the owner, then change the contract and replay"


@dataclass
class _Tally:
    """What was read so far. `last_row`: greatest physical line that a yielded row or reject covers."""

    records: int = 0
    last_row: int = 0
    sums: dict[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the data is. `names`: header as found, by position; `first_line`: physical line of the first data row;
    `data_lines`: physical lines of data; `end`: byte offset behind the data; `totals`: what the trailer states."""

    names: tuple[str, ...]
    first_line: int
    data_lines: int
    end: int
    totals: Mapping[str, str]


class DelimitedConnector:
    """One feed of delimited files. `folder`: the source's location, already resolved."""

    def __init__(self, contract: FeedContract, source_name: str, source: Source, folder: Path) -> None:
        assert isinstance(contract.format, DelimitedFormat)  # the registry chose this class by it
        self.contract = contract
        self.format = contract.format
        self.timezone = source.timezone
        self.files = FileSource(folder, contract, source_name)
        (self.record_name, self.record), *_ = contract.records.items()
        self._plain = plain_readers(self.record, self.timezone)

    def discover(self, state: FeedState, *, sweep: bool) -> Iterator[Offer]:
        """Files not seen before; there is nothing to sweep in a file."""
        return self.files.discover(state)

    def pull(self, offer: Offer, state: FeedState, target: Path) -> Pulled | None:
        """Copy one file."""
        return self.files.pull(offer, target)

    def read(self, delivery: Delivery) -> Iterator[Batch]:
        """Typed rows and rejects. `ROW_NO` is the physical line on which the row begins (the first line is 1).

        Raises ContractViolation when a mapped column is missing, a header name is there twice, the trailer is missing
        or its totals differ, or the lines do not add up.
        """
        with tempfile.TemporaryDirectory(prefix="concord-") as folder:
            sent = transcoded(delivery.path, self.format.encoding, Path(folder))
            found = scan(sent.path, self.format)
            if found.size == 0:
                raise self._violation(delivery, "the file is empty", "line 1", hint=_SEND_AGAIN)
            if self.format.final_newline == "required" and not found.ends_with_newline:
                message = "the last line has no line end: the file was cut short"
                raise self._violation(delivery, message, f"line {found.lines}", hint=_SEND_AGAIN)
            layout = self._layout(delivery, sent, found)
            yield self._notices(layout, found)
            if layout.data_lines == 0:
                self._check_totals(delivery, layout, _Tally())
                return
            tally = _Tally(last_row=layout.first_line - 1)
            yield from self._rows(delivery, sent, found, layout, tally, Path(folder))
            self._check_totals(delivery, layout, tally)

    # -- header, trailer ----------------------------------------------------------------------------

    def _layout(self, delivery: Delivery, sent: Utf8, found: Scan) -> _Layout:
        with Lines(sent) as lines:
            for _ in range(self.format.skip_lines):
                lines.take()
            header = lines.take() if self.format.header else None
        names = self._header(delivery, header.data if header else None, self.format.skip_lines + 1)
        first = self.format.skip_lines + (1 if self.format.header else 0) + 1
        if self.format.trailer is None:
            return _Layout(names, first, max(found.lines - first + 1, 0), found.size, {})
        count = max(found.last_line_no - first, -1)
        totals = self._trailer(delivery, found, count)
        return _Layout(names, first, count, found.last_line_start, totals)

    def _header(self, delivery: Delivery, line: bytes | None, number: int) -> tuple[str, ...]:
        if not self.format.header:
            return tuple(column.source for column in self.record.columns)
        if line is None:
            raise self._violation(delivery, "the header is missing", f"line {number}", hint=_CHANGED)
        names = fields_of(line, self.format)
        if isinstance(names, Malformed):
            message = f"the header cannot be read: {names.reason}"
            raise self._violation(delivery, message, f"line {number}", hint=_UNREADABLE)
        return self._resolved(delivery, tuple(name.strip() for name in names), number)

    def _mapped_sources(self) -> set[str]:
        return {column.source for column in self.record.columns}

    def _resolved(self, delivery: Delivery, header: tuple[str, ...], number: int) -> tuple[str, ...]:
        """Header names as the contract spells them: exact first, else the one that differs only in case."""
        by_fold = {name.casefold(): name for name in self._mapped_sources() | set(self.record.ignore)}
        exact = set(header)
        names = tuple(name if name in by_fold.values() else _spelled(name, by_fold, exact) for name in header)
        twice = sorted(name for name in self._mapped_sources() if names.count(name) > 1)
        if twice:
            message = f"column {', '.join(twice)} is in the header twice"
            raise self._violation(delivery, message, f"line {number}", hint=_CHANGED)
        missing = sorted(self._mapped_sources() - set(names))
        if missing:
            message = f"column {', '.join(missing)} is not in the header{_others(self._unknown(names))}"
            raise self._violation(delivery, message, f"line {number}", hint=_CHANGED)
        return names

    def _unknown(self, names: Sequence[str]) -> list[str]:
        known = self._mapped_sources() | set(self.record.ignore)
        return [name for name in names if name not in known]

    def _trailer(self, delivery: Delivery, found: Scan, count: int) -> dict[str, str]:
        assert self.format.trailer is not None
        line = found.last_line.decode("utf-8", "replace").strip()
        match = re.fullmatch(self.format.trailer.pattern, line) if count >= 0 else None
        if match is None:
            raise self._violation(
                delivery,
                "the trailer is missing: the file was cut short, or is not the one the contract describes",
                f"line {found.lines}",
                hint=_SEND_AGAIN,
            )
        return {name: value for name, value in match.groupdict().items() if value is not None}

    def _notices(self, layout: _Layout, found: Scan) -> Batch:
        """What is odd but harmless, as warnings that stand for no row."""
        warnings = [
            self._warning("schema.unknown_column", f"column {name!r} is neither mapped nor ignored")
            for name in self._unknown(layout.names)
        ]
        if not found.ends_with_newline:
            warnings.append(self._warning("csv.no_final_newline", "the last line has no line end: was it cut short?"))
        return Batch(self.record_name, no_rows(self.record), tuple(warnings))

    def _warning(self, rule: str, reason: str) -> Reject:
        return Reject(self.record_name, 0, "header", rule, reason, severity="warn", rows=0)

    # -- rows ---------------------------------------------------------------------------------------

    def _rows(
        self, delivery: Delivery, sent: Utf8, found: Scan, layout: _Layout, tally: _Tally, folder: Path
    ) -> Iterator[Batch]:
        if found.is_plain:
            if self._plain is not None and found.size <= _SMALL_BYTES:
                yield from self._small(self._plain, sent.path, layout, tally)
            else:
                data = sent.path if layout.end == found.size else _cut(sent.path, layout.end, folder)
                yield from self._fast(data, layout, tally)
        if tally.last_row < layout.first_line + layout.data_lines - 1:
            yield from self._careful(sent, layout, tally)
        expected = layout.first_line + layout.data_lines - 1
        if tally.last_row != expected:
            raise self._violation(
                delivery, f"the lines do not add up: {tally.last_row} read, {expected} in the file", "file"
            )

    def _small(self, readers: Readers, path: Path, layout: _Layout, tally: _Tally) -> Iterator[Batch]:
        """The rows whose values are all plain, then the others by the exact query; none where a line is malformed."""
        records = _records(path, layout, self.format)
        if records is None:
            return
        last = layout.first_line + len(records) - 1
        columns = dict(zip(layout.names, map(list, zip(*records, strict=True)), strict=True))
        texts = {column.source: pa.array(columns[column.source], pa.string()) for column, _ in readers}
        values, certain = plain_values(readers, texts)
        numbers = pa.array(range(layout.first_line, last + 1), pa.int64())
        plain = pa.RecordBatch.from_pydict(values | {ROW_NO: numbers}).filter(pa.array(certain))
        self._add(plain, tally, last)
        yield Batch(self.record_name, plain)
        others = [
            (layout.first_line + n, [field or None for field in records[n]]) for n in (~certain).nonzero()[0].tolist()
        ]
        if others:
            yield self._typed(others, [], layout, tally)

    def _fast(self, path: Path, layout: _Layout, tally: _Tally) -> Iterator[Batch]:
        """DuckDB reads and types in one query; one physical line is one row here."""
        with session() as con, session() as second:
            sources = {name: quoted(f"f{i}") for i, name in enumerate(layout.names)}
            query = quick_query(self._read_csv(path, layout), self.record, sources, self.timezone)
            for batch in _until_malformed(con, query):
                if batch.num_rows:
                    yield from self._settled(second, batch, tally)

    def _settled(self, con: duckdb.DuckDBPyConnection, batch: pa.RecordBatch, tally: _Tally) -> Iterator[Batch]:
        """The certain rows of a batch, then the doubtful ones as the exact rules decide."""
        certain, decided = settled(con, batch, self.record, self.timezone)
        last = batch.column(ROW_NO)[-1].as_py()
        self._add(certain, tally, last)
        yield Batch(self.record_name, certain)
        if decided is not None:
            yield self._counted(decided, tally, last, decided.num_rows)

    def _query(self, relation: str, layout: _Layout) -> str:
        sources = {name: quoted(f"f{i}") for i, name in enumerate(layout.names)}
        return typed_query(relation, self.record, sources, self.timezone)

    def _read_csv(self, path: Path, layout: _Layout) -> str:
        columns = ", ".join(f"{text(f'f{i}')}: 'VARCHAR'" for i in range(len(layout.names)))
        quote, escape = self.format.quote or "", self.format.escape or self.format.quote or ""
        skipped = layout.first_line - 1
        options = (
            f"auto_detect = false, header = false, skip = {skipped}, delim = {text(self.format.delimiter)}, "
            f"quote = {text(quote)}, escape = {text(escape)}, columns = {{{columns}}}, strict_mode = true, "
            f"null_padding = false, max_line_size = {LINE_BYTES}, compression = 'none'"
        )
        file = text(str(path))
        return f"(SELECT *, row_number() OVER () + {skipped} AS {ROW_NO} FROM read_csv({file}, {options}))"

    def _careful(self, sent: Utf8, layout: _Layout, tally: _Tally) -> Iterator[Batch]:
        """Line by line, from behind the last row that was read."""
        rows: list[tuple[int, Sequence[str | None]]] = []
        rejects: list[Reject] = []
        show = (
            not self._unknown(layout.names) and not self.record.ignore and not any(c.phi for c in self.record.columns)
        )
        with Lines(sent, layout.end) as lines:
            for _ in range(tally.last_row):
                lines.take()
            for number, last, record in read_lines(lines, self.format, len(layout.names), tally.last_row + 1):
                if isinstance(record, Malformed):
                    rejects.append(self._malformed(number, record, show=show))
                else:
                    rows.append((number, record))
                tally.last_row = last
                if len(rows) + len(rejects) >= _SLOW_ROWS:
                    yield self._typed(rows, rejects, layout, tally)
                    rows, rejects = [], []
        yield self._typed(rows, rejects, layout, tally)

    def _malformed(self, number: int, record: Malformed, *, show: bool) -> Reject:
        return Reject(
            record=self.record_name,
            row_no=number,
            location=f"line {number}, byte {record.offset}",
            rule_id=record.rule,
            reason=record.reason,
            raw=record.raw if show or record.is_blank else "(not shown: the line has columns that are not let in)",
            byte_offset=record.offset,
            rows=0 if record.is_blank else 1,
            severity="warn" if record.is_blank else "error",
        )

    def _typed(
        self,
        rows: Sequence[tuple[int, Sequence[str | None]]],
        rejects: Sequence[Reject],
        layout: _Layout,
        tally: _Tally,
    ) -> Batch:
        tally.records += sum(reject.rows for reject in rejects)
        if not rows:
            return Batch(self.record_name, no_rows(self.record), tuple(rejects))
        arrays = [pa.array([row[i] for _, row in rows], pa.string()) for i in range(len(layout.names))]
        numbers = pa.array([number for number, _ in rows], pa.int64())
        names = [f"f{i}" for i in range(len(layout.names))]
        raw = pa.Table.from_arrays([*arrays, numbers], names=[*names, ROW_NO])
        with session() as con:
            con.register("raw_rows", raw)
            table = con.sql(self._query("raw_rows", layout)).to_arrow_table()
        batch = table.combine_chunks().to_batches()[0]
        done = self._counted(batch, tally, tally.last_row, len(rows))
        return Batch(done.record, done.rows, (*rejects, *done.rejects))

    def _counted(self, batch: pa.RecordBatch, tally: _Tally, last_row: int, records: int) -> Batch:
        self._add(batch, tally, last_row, records)
        return split(batch, self.record, self.record_name, self._locate)

    def _add(self, batch: pa.RecordBatch, tally: _Tally, last_row: int, records: int | None = None) -> None:
        tally.records += batch.num_rows if records is None else records
        tally.last_row = last_row
        for name in self._totalled():
            total = pc.sum(batch.column(name)).as_py()
            tally.sums[name] = tally.sums.get(name, Decimal(0)) + Decimal(total or 0)

    def _totalled(self) -> list[str]:
        trailer = self.format.trailer
        groups = re.compile(trailer.pattern).groupindex if trailer else {}
        return [name for name in groups if name != "rows"]

    @staticmethod
    def _locate(number: int, column: Column | None) -> str:
        return f"line {number}, column {column.source!r}" if column else f"line {number}"

    # -- totals -------------------------------------------------------------------------------------

    def _check_totals(self, delivery: Delivery, layout: _Layout, tally: _Tally) -> None:
        actual: dict[str, Decimal] = {"rows": Decimal(tally.records), **tally.sums}
        for name, declared in layout.totals.items():
            if self._stated(delivery, name, declared) != actual.get(name, Decimal(0)):
                raise self._violation(
                    delivery,
                    f"the trailer states {name} {declared}, the file has {actual.get(name, Decimal(0))}",
                    "trailer",
                    hint=_SEND_AGAIN,
                )

    def _stated(self, delivery: Delivery, name: str, declared: str) -> Decimal:
        """A total of the trailer, written as its column is."""
        column = None if name == "rows" else self.record.column(name)
        number = declared.strip().replace((column.thousands if column else ",") or "", "")
        if column and column.decimal_point == ",":
            number = number.replace(",", ".")
        try:
            return Decimal(number)
        except InvalidOperation as error:
            message = f"the trailer's {name} {declared!r} is no number"
            hint = "Correct format.trailer.pattern in the contract, or ask the sender"
            raise self._violation(delivery, message, "trailer", hint=hint) from error

    def _violation(self, delivery: Delivery, message: str, where: str, hint: str | None = None) -> ContractViolation:
        return ContractViolation(message, feed=delivery.feed_id, delivery=delivery.name, location=where, hint=hint)


def _records(path: Path, layout: _Layout, form: DelimitedFormat) -> list[list[str]] | None:
    """The fields of each data line of a file whose scan found nothing odd; None where a line is malformed."""
    sent = path.read_bytes()[: layout.end].decode("utf-8-sig")
    lines = sent.removesuffix("\n").split("\n")[layout.first_line - 1 :]
    try:
        records = [_fitted(fields, len(layout.names)) for fields in rows_of((line + "\n" for line in lines), form)]
    except csv.Error:
        return None
    fits = len(records) == layout.data_lines and all(len(fields) == len(layout.names) for fields in records)
    return records if fits else None


def _fitted(fields: list[str], width: int) -> list[str]:
    """Without empty fields too many, which say nothing."""
    return fields if any(fields[width:]) else fields[:width]


def _until_malformed(con: duckdb.DuckDBPyConnection, query: str) -> Iterator[pa.RecordBatch]:
    """The batches up to the first line that DuckDB refuses; the careful reader finds that line and names it.

    The reader raises duckdb.Error before the first batch, and whatever Arrow makes of it after that.
    """
    reader = None
    while True:
        batch = None
        with suppress(duckdb.Error, pa.ArrowException, OSError):
            reader = reader or con.sql(query).to_arrow_reader(BATCH_ROWS)
            batch = next(reader, None)
        if batch is None:
            return
        yield batch


def _spelled(name: str, by_fold: Mapping[str, str], exact: set[str]) -> str:
    spelled = by_fold.get(name.casefold(), name)
    return name if spelled in exact else spelled


def _cut(path: Path, end: int, folder: Path) -> Path:
    """A copy of the file without its trailer."""
    target = folder / "without_trailer"
    with path.open("rb") as source, target.open("wb") as copy:
        left = end
        while left and (chunk := source.read(min(1 << 20, left))):
            copy.write(chunk)
            left -= len(chunk)
    return target


def _others(names: Sequence[str]) -> str:
    return f", which has {', '.join(map(repr, names))} that nobody mapped" if names else ""
