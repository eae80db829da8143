"""Delimited text files: header by name, every physical line accounted for, rows typed in the pass that reads them.

Here: the connector, header and trailer checks, and the choice of reader. Not here: what a value may be
(`connectors.typed`), finding files (`connectors.files`), the byte scan and the careful reader
(`connectors.delimited_lines`).

Two readers give the same rows. DuckDB's `read_csv` takes a file whose scan shows nothing odd; from the first line
that it refuses, and for files with quoted line breaks, bad bytes or blank lines, the careful reader goes on
line by line. Traps of `read_csv` that this arrangement avoids: it resolves columns by position, reads mixed line
endings as no rows at all, and lets an unterminated quote swallow the rest of the file.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from connectors.contract import Column, DelimitedFormat, FeedContract
from connectors.delimited_lines import Lines, Malformed, Scan, fields_of, read_lines, scan, transcoded
from connectors.errors import ContractViolation
from connectors.files import FileSource
from connectors.interface import ROW_NO, Batch, Delivery, FeedState, Offer, Pulled, Reject
from connectors.network import Source
from connectors.typed import BATCH_ROWS, quick_query, quoted, settled, split, text, typed_query

_SLOW_ROWS = 20_000


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
            path = transcoded(delivery.path, self.format.encoding, Path(folder))
            found = scan(path, self.format.quote)
            if found.size == 0:
                raise self._violation(delivery, "the file is empty", "line 1")
            layout = self._layout(delivery, path, found)
            yield self._notices(layout, found)
            if layout.data_lines == 0:
                return
            tally = _Tally(last_row=layout.first_line - 1)
            yield from self._rows(delivery, path, found, layout, tally, Path(folder))
            self._check_totals(delivery, layout, tally)

    # -- header, trailer ----------------------------------------------------------------------------

    def _layout(self, delivery: Delivery, path: Path, found: Scan) -> _Layout:
        lines = Lines(path)
        for _ in range(self.format.skip_lines):
            lines.take()
        header = lines.take() if self.format.header else None
        names = self._header(delivery, header.data if header else None, self.format.skip_lines + 1)
        first = self.format.skip_lines + (1 if self.format.header else 0) + 1
        count = max(found.lines - first + 1, 0)
        if self.format.trailer is None:
            return _Layout(names, first, count, found.size, {})
        totals = self._trailer(delivery, found, count)
        return _Layout(names, first, count - 1, found.last_line_start, totals)

    def _header(self, delivery: Delivery, line: bytes | None, number: int) -> tuple[str, ...]:
        if not self.format.header:
            return tuple(column.source for column in self.record.columns)
        if line is None:
            raise self._violation(delivery, "the header is missing", f"line {number}")
        names = fields_of(line.removeprefix(b"\xef\xbb\xbf"), self.format)
        if isinstance(names, Malformed):
            raise self._violation(delivery, f"the header cannot be read: {names.reason}", f"line {number}")
        cleaned = tuple(name.strip() for name in names)
        twice = sorted({name for name in cleaned if name and cleaned.count(name) > 1} & self._mapped_sources())
        if twice:
            raise self._violation(delivery, f"column {', '.join(twice)} is in the header twice", f"line {number}")
        return self._resolved(delivery, cleaned, number)

    def _mapped_sources(self) -> set[str]:
        return {column.source for column in self.record.columns}

    def _resolved(self, delivery: Delivery, header: tuple[str, ...], number: int) -> tuple[str, ...]:
        """Header names as the contract spells them: exact first, else the one that differs only in case."""
        by_fold = {name.casefold(): name for name in self._mapped_sources() | set(self.record.ignore)}
        exact = set(header)
        names = tuple(name if name in by_fold.values() else _spelled(name, by_fold, exact) for name in header)
        missing = sorted(self._mapped_sources() - set(names))
        if missing:
            raise self._violation(
                delivery,
                f"column {', '.join(missing)} is not in the header",
                f"line {number}",
                hint="The source dropped or renamed it: agree with the owner, then change the contract and replay",
            )
        return names

    def _trailer(self, delivery: Delivery, found: Scan, count: int) -> dict[str, str]:
        assert self.format.trailer is not None
        line = found.last_line.decode("utf-8", "replace").strip()
        match = re.fullmatch(self.format.trailer.pattern, line) if count > 0 else None
        if match is None:
            raise self._violation(
                delivery,
                "the trailer is missing: the file was cut short, or is not the one the contract describes",
                f"line {found.lines}",
                hint="Ask the sender to send it again",
            )
        return {name: value for name, value in match.groupdict().items() if value is not None}

    def _notices(self, layout: _Layout, found: Scan) -> Batch:
        """What is odd but harmless, as warnings that stand for no row."""
        known = self._mapped_sources() | set(self.record.ignore)
        unknown = [name for name in layout.names if name not in known]
        warnings = [
            self._warning("schema.unknown_column", f"column {name!r} is neither mapped nor ignored") for name in unknown
        ]
        if not found.ends_with_newline:
            warnings.append(self._warning("csv.no_final_newline", "the last line has no line end: was it cut short?"))
        return Batch(self.record_name, self._no_rows(), tuple(warnings))

    def _warning(self, rule: str, reason: str) -> Reject:
        return Reject(self.record_name, 0, "header", rule, reason, severity="warn", rows=0)

    def _no_rows(self) -> pa.RecordBatch:
        with duckdb.connect() as con:
            con.execute("SET TimeZone = 'UTC'")
            empty = ", ".join(f"CAST(NULL AS VARCHAR) AS {quoted(f'f{i}')}" for i in range(len(self.record.columns)))
            sources = {c.source: quoted(f"f{i}") for i, c in enumerate(self.record.columns)}
            relation = f"(SELECT {empty}, 0 AS {ROW_NO} WHERE false)"
            table = con.sql(typed_query(relation, self.record, sources, self.timezone)).to_arrow_table()
        good = table.drop_columns(["_bad", "_raw"])
        return pa.RecordBatch.from_pylist([], schema=good.schema)

    # -- rows ---------------------------------------------------------------------------------------

    def _rows(
        self, delivery: Delivery, path: Path, found: Scan, layout: _Layout, tally: _Tally, folder: Path
    ) -> Iterator[Batch]:
        if found.is_plain:
            data = path if layout.end == found.size else _cut(path, layout.end, folder)
            with suppress(duckdb.Error):  # a malformed line: the careful reader finds it and names it
                yield from self._fast(data, layout, tally)
        if tally.last_row < layout.first_line + layout.data_lines - 1:
            yield from self._careful(path, layout, tally)
        expected = layout.first_line + layout.data_lines - 1
        if tally.last_row != expected:
            raise self._violation(
                delivery, f"the lines do not add up: {tally.last_row} read, {expected} in the file", "file"
            )

    def _fast(self, path: Path, layout: _Layout, tally: _Tally) -> Iterator[Batch]:
        """DuckDB reads and types in one query; one physical line is one row here."""
        with duckdb.connect() as con, duckdb.connect() as second:
            for each in (con, second):
                each.execute("SET TimeZone = 'UTC'")
            sources = {name: quoted(f"f{i}") for i, name in enumerate(layout.names)}
            query = quick_query(self._read_csv(path, layout), self.record, sources, self.timezone)
            for batch in con.sql(query).to_arrow_reader(BATCH_ROWS):
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
            "null_padding = false, max_line_size = 16000000"
        )
        file = text(str(path))
        return f"(SELECT *, row_number() OVER () + {skipped} AS {ROW_NO} FROM read_csv({file}, {options}))"

    def _careful(self, path: Path, layout: _Layout, tally: _Tally) -> Iterator[Batch]:
        """Line by line, from behind the last row that was read."""
        lines = Lines(path, layout.end)
        for _ in range(tally.last_row):
            lines.take()
        rows: list[tuple[int, Sequence[str]]] = []
        rejects: list[Reject] = []
        for number, last, record in read_lines(lines, self.format, len(layout.names), tally.last_row + 1):
            if isinstance(record, Malformed):
                rejects.append(self._malformed(number, record))
            else:
                rows.append((number, record))
            tally.last_row = last
            if len(rows) + len(rejects) >= _SLOW_ROWS:
                yield self._typed(rows, rejects, layout, tally)
                rows, rejects = [], []
        yield self._typed(rows, rejects, layout, tally)

    def _malformed(self, number: int, record: Malformed) -> Reject:
        masked = any(column.phi for column in self.record.columns)
        return Reject(
            record=self.record_name,
            row_no=number,
            location=f"line {number}, byte {record.offset}",
            rule_id=record.rule,
            reason=record.reason,
            raw="(masked: the contract has patient columns)" if masked else record.raw,
            byte_offset=record.offset,
            rows=0 if record.is_blank else 1,
            severity="warn" if record.is_blank else "error",
        )

    def _typed(
        self, rows: Sequence[tuple[int, Sequence[str]]], rejects: Sequence[Reject], layout: _Layout, tally: _Tally
    ) -> Batch:
        tally.records += sum(reject.rows for reject in rejects)
        if not rows:
            return Batch(self.record_name, self._no_rows(), tuple(rejects))
        arrays = [pa.array([row[i] for _, row in rows], pa.string()) for i in range(len(layout.names))]
        numbers = pa.array([number for number, _ in rows], pa.int64())
        names = [f"f{i}" for i in range(len(layout.names))]
        raw = pa.Table.from_arrays([*arrays, numbers], names=[*names, ROW_NO])
        with duckdb.connect() as con:
            con.execute("SET TimeZone = 'UTC'")
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
            if Decimal(declared) != actual[name]:
                raise self._violation(
                    delivery,
                    f"the trailer states {name} {declared}, the file has {actual[name]}",
                    "trailer",
                    hint="Ask the sender to send it again",
                )

    def _violation(self, delivery: Delivery, message: str, where: str, hint: str | None = None) -> ContractViolation:
        return ContractViolation(message, feed=delivery.feed_id, delivery=delivery.name, location=where, hint=hint)


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
