"""`X12Connector`: X12 files -> typed rows and rejects with their exact place.

Here: the two passes over a file, what becomes of each transaction set, as-of, and the record
`transaction_set`. Not here: bytes and separators (`delimiters`, `segments`), headers and trailers
(`envelope`), the content of sets (`contents` and its modules), value types (`connectors.typed`).

Memory is bounded by the size of a window (4 MB) or of the largest set, not of the file, except for one
small object per transaction set.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.contract import Column, FeedContract, RecordContract, X12Format
from connectors.errors import ConfigurationError
from connectors.files import FileSource
from connectors.interface import ROW_NO, Batch, Delivery, FeedState, Offer, Pulled, Reject
from connectors.network import Source
from connectors.plain import plain_readers, plain_values
from connectors.typed import no_rows, quoted, session, split, typed_query
from connectors.x12.contents import KINDS, SetKind, content_faults
from connectors.x12.delimiters import ByteSource, find_header
from connectors.x12.documents import Documents, Extract, Pick, SetFault
from connectors.x12.envelope import (
    Envelope,
    Fault,
    Place,
    TransactionSet,
    scan,
    set_runs,
)
from connectors.x12.places import (
    SET_RECORD,
    Locator,
    envelope_reject,
    location,
    repeated_lines,
    set_reject,
    stray_reject,
    warning,
)
from connectors.x12.segments import Ints, Segments, Text, code_text, index_segments, join_segments

#: Faults of the envelope or of control numbers and counts: fatal in strict mode, warnings else.
_LENIENT = frozenset(
    {
        *("x12.se_count", "x12.se_control", "x12.st_duplicate", "x12.terminator_missing", "x12.gs_missing"),
        *("x12.ge_count", "x12.ge_control", "x12.ge_missing", "x12.ge_unexpected"),
        *("x12.iea_count", "x12.iea_control", "x12.iea_missing", "x12.iea_unexpected"),
    }
)
_PEEK = 1 << 16


@dataclass(slots=True)
class _Reading:
    """One file being read: what all steps share. `has_nul`: a NUL byte is in it, so that any text may have one."""

    delivery: Delivery
    text: Text
    has_nul: bool
    unread: set[tuple[str, str]] = field(default_factory=set)


@dataclass(slots=True)
class _Outcome:
    """What becomes of one set. `rule`: why it is quarantined; `number`...: what it says of itself, if loaded."""

    state: str
    rule: str | None = None
    number: str | None = None
    purpose: str | None = None
    release: str | None = None


class X12Connector:
    """One X12 feed of one source.

    `folder`: where its files are. Raises ConfigurationError when the contract lists a set that cannot be read, or
    a column whose source the set does not have.
    """

    def __init__(self, contract: FeedContract, source_name: str, source: Source, folder: Path) -> None:
        assert isinstance(contract.format, X12Format)
        self.contract, self.format, self.source = contract, contract.format, source
        self.files = FileSource(folder, contract, source_name)
        #: No rows of each record, with the contract's types; and how its plain texts are read.
        self._nothing = {name: no_rows(record) for name, record in contract.records.items()}
        self._readers = {name: plain_readers(_checked(record)[0]) for name, record in contract.records.items()}
        self._check_contract()

    def discover(self, state: FeedState, *, sweep: bool) -> Iterator[Offer]:
        """Files not seen before (a sweep finds nothing more: files do not change silently)."""
        return self.files.discover(state)

    def pull(self, offer: Offer, state: FeedState, target: Path) -> Pulled | None:
        """Copies the file. As-of is ISA09/ISA10 of the first interchange that has a date, in the source's zone."""
        pulled = self.files.pull(offer, target)
        if self.contract.as_of_origin != "content":
            return pulled
        with target.open("rb") as handle:
            head = handle.read(_PEEK)
        header = find_header(head, 0)
        stamp = header.timestamp(self.source.timezone) if header else None
        if stamp is None:
            return replace(pulled, notices=(*pulled.notices, "no readable interchange date: ordered by landing time"))
        return replace(pulled, as_of=stamp)

    def read(self, delivery: Delivery) -> Iterator[Batch]:
        """Rows and rejects of a landed file: strays and envelope faults first, then the sets in file order."""
        data, array = _open(delivery.path)
        text = Text(array)
        reading = _Reading(delivery, text, data.find(b"\0") >= 0)
        envelope = scan(data, text)
        yield self._envelope_batch(reading, envelope)
        for run in set_runs(envelope.sets):
            yield from self._read_run(reading, run)

    # -- contract ---------------------------------------------------------------------------------

    def _check_contract(self) -> None:
        unknown = sorted(set(self.format.sets) - set(KINDS))
        if unknown:
            raise self._misconfigured(
                f"transaction set {', '.join(unknown)} cannot be loaded", f"Readable are {', '.join(KINDS)}"
            )
        for record in (SET_RECORD, *(KINDS[s].record for s in self.format.sets)):
            if record not in self.contract.records:
                raise self._misconfigured(f"the contract has no record {record}", "Add it under records:")
        for set_id in self.format.sets:
            offered = set(self._columns_of(KINDS[set_id]))
            self._check_sources(KINDS[set_id].record, offered)
        self._check_sources(SET_RECORD, set(_SET_COLUMNS))

    def _check_sources(self, record: str, offered: set[str]) -> None:
        wanted = {column.source for column in self.contract.records[record].columns}
        if wanted - offered:
            raise self._misconfigured(
                f"record {record} has no source {', '.join(sorted(wanted - offered))}",
                f"Use one of: {', '.join(sorted(offered))}",
            )

    def _misconfigured(self, message: str, hint: str) -> ConfigurationError:
        return ConfigurationError(message, feed=self.files.feed_id, hint=hint)

    def _columns_of(self, kind: SetKind) -> list[str]:
        """Names of the columns a set offers: those of an extraction from nothing."""
        text = Text(np.zeros(0, dtype=np.uint8))
        nothing = np.zeros(0, dtype=np.int64)
        segments = Segments(
            *(text, text.array, 0, nothing, nothing, nothing, nothing.astype(np.uint32), nothing, nothing, nothing),
            line_ended=nothing.astype(np.bool_),
            unterminated=False,
        )
        documents = Documents(segments, [], nothing, nothing)
        return [*kind.extract(documents)[0].columns, *_envelope_columns(documents, nothing, "UTC")]

    # -- envelope ---------------------------------------------------------------------------------

    def _envelope_batch(self, reading: _Reading, envelope: Envelope) -> Batch:
        """Strays are refused; faults of interchanges and groups are reported once each (their sets follow)."""
        rejects = [stray_reject(reading.text, stray) for stray in envelope.strays]
        for interchange in envelope.interchanges:
            rejects += [envelope_reject(reading.text, fault, interchange, None) for fault in interchange.faults]
        for group in envelope.groups:
            rejects += [envelope_reject(reading.text, fault, group.interchange, group) for fault in group.faults]
        return Batch(
            SET_RECORD,
            no_rows(self.contract.records[SET_RECORD]),
            tuple(sorted(rejects, key=lambda reject: reject.byte_offset or 0)),
        )

    # -- sets -------------------------------------------------------------------------------------

    def _read_run(self, reading: _Reading, run: list[TransactionSet]) -> Iterator[Batch]:
        """Neighbouring sets: rows by record, then one `transaction_set` row each."""
        rejects: list[Reject] = []
        outcomes = [self._judge(reading.text, current, rejects) for current in run]
        yield from self._load(reading, run, outcomes, rejects)
        yield self._set_rows(reading, run, outcomes, rejects)

    def _judge(self, text: Text, current: TransactionSet, rejects: list[Reject]) -> _Outcome:
        """What the envelope says of a set: loaded so far, ignored by name, or quarantined."""
        if current.set_id in self.format.ignored_sets:
            return _Outcome("ignored")
        if current.set_id not in self.format.sets:
            reason = f"transaction set {current.set_id or '(no id)'} is neither loaded nor ignored by the contract"
            rejects.append(set_reject(text, current, SET_RECORD, [Fault("x12.unlisted_set", reason, current.place)]))
            return _Outcome("quarantined", "x12.unlisted_set")
        record = KINDS[current.set_id].record
        own = [f for f in current.faults if not _is_proven(f, current)]
        outer = [*current.group.faults, *current.interchange.faults]
        fatal = [f for f in (*own, *outer) if self.format.strict or f.rule not in _LENIENT]
        if not fatal:
            rejects += [warning(text, current, record, fault) for fault in current.faults]
            return _Outcome("loaded")
        rejects.append(set_reject(text, current, record, fatal))
        return _Outcome("quarantined", fatal[0].rule)

    def _load(
        self, reading: _Reading, run: list[TransactionSet], outcomes: list[_Outcome], rejects: list[Reject]
    ) -> Iterator[Batch]:
        """Indexes the loadable sets, each stretch by the delimiters of its interchange, and extracts each kind once."""
        stretches = [[run[n] for n in part] for part in _stretches(run, outcomes)]
        if not stretches:
            return
        segments, ordinals, first_rows = _indexed(reading.text, stretches)
        loaded = [n for n, outcome in enumerate(outcomes) if outcome.state == "loaded"]
        for set_id, kind in KINDS.items():
            picked = [at for at, n in enumerate(loaded) if run[n].set_id == set_id]
            if picked:
                chosen, rows = [loaded[at] for at in picked], first_rows[picked]
                documents = Documents(segments, [run[n] for n in chosen], rows, ordinals)
                yield self._load_kind(reading, kind, documents, [outcomes[n] for n in chosen], rejects)

    def _load_kind(
        self,
        reading: _Reading,
        kind: SetKind,
        documents: Documents,
        outcomes: list[_Outcome],
        rejects: list[Reject],
    ) -> Batch:
        extract, faults = kind.extract(documents)
        faults = [*content_faults(kind, documents), *faults]
        refused = self._refuse(reading.text, documents, kind, faults, outcomes, rejects)
        _describe(kind, documents, outcomes)
        rejects += [
            warning(reading.text, documents.sets[f.set_index], kind.record, f.fault)
            for f in faults
            if f.set_index not in refused
        ]
        rejects += self._unread(reading, kind, documents)
        return self._rows(reading, documents, extract, refused, rejects)

    def _refuse(
        self,
        text: Text,
        documents: Documents,
        kind: SetKind,
        faults: Sequence[SetFault],
        outcomes: list[_Outcome],
        rejects: list[Reject],
    ) -> set[int]:
        """Quarantines the sets with a fatal fault; their indexes."""
        fatal: dict[int, list[Fault]] = {}
        for found in faults:
            if found.fatal:
                fatal.setdefault(found.set_index, []).append(found.fault)
        for index, own in fatal.items():
            outcomes[index].state, outcomes[index].rule = "quarantined", own[0].rule
            rejects.append(set_reject(text, documents.sets[index], kind.record, own))
        return set(fatal)

    def _rows(
        self, reading: _Reading, documents: Documents, extract: Extract, refused: set[int], rejects: list[Reject]
    ) -> Batch:
        """The typed rows of the sets that are loaded, with the rejects of single rows."""
        record = self.contract.records[extract.record]
        extract.columns.update(_envelope_columns(documents, extract.set_index, self.source.timezone))
        rejects += repeated_lines(reading.text, documents, extract, refused)
        segments = documents.segments
        texts = {c.source: _text(segments, extract.columns[c.source]) for c in record.columns}
        kept = np.flatnonzero(~np.isin(extract.set_index, sorted(refused)))
        kept = kept[np.argsort(extract.anchor[kept], kind="stable")]
        row_no = documents.ordinals[extract.anchor[kept]]
        texts = {name: column.take(pa.array(kept)) for name, column in texts.items()}
        places = Locator(reading.text, documents, extract, dict(zip(row_no.tolist(), kept.tolist(), strict=True)))
        batch = self._typed(reading, extract.record, record, texts, row_no, places.location)
        placed = tuple(replace(r, byte_offset=places.offset(r.row_no, record, r.column)) for r in batch.rejects)
        return Batch(extract.record, batch.rows, placed)

    def _typed(
        self,
        reading: _Reading,
        name: str,
        record: RecordContract,
        texts: dict[str, pa.Array],
        row_no: Ints,
        locate: Callable[[int, Column | None], str],
    ) -> Batch:
        """Raw text columns under the contract's types: plain ones by Arrow, the others by the exact query."""
        readers = self._readers[name]
        if reading.has_nul or readers is None or not len(row_no):
            return self._exact(reading, name, record, texts, row_no, locate)
        values, certain = plain_values(readers, texts)
        rows = self._assembled(name, {c.name: texts[c.source] for c in record.columns} | values, row_no)
        if bool(certain.all()):
            return Batch(name, rows)
        doubtful = pa.array(np.flatnonzero(~certain))
        some = {source: column.take(doubtful) for source, column in texts.items()}
        exact = self._exact(reading, name, record, some, row_no[~certain], locate)
        rows = pa.concat_batches([rows.filter(pa.array(certain)), exact.rows])
        return replace(exact, rows=rows.take(pc.sort_indices(rows.column(ROW_NO))))

    def _exact(
        self,
        reading: _Reading,
        name: str,
        record: RecordContract,
        texts: dict[str, pa.Array],
        row_no: Ints,
        locate: Callable[[int, Column | None], str],
    ) -> Batch:
        """Raw text columns by `typed_query`, whatever they hold."""
        if not len(row_no):
            return Batch(name, self._nothing[name])
        checked, plain = (record, []) if reading.has_nul else _checked(record)
        columns = {c.source: texts[c.source] for c in checked.columns}
        with session() as con:
            con.register("x12_raw", pa.table({**columns, ROW_NO: pa.array(row_no, pa.int64())}))
            query = typed_query("x12_raw", checked, {s: quoted(s) for s in columns}, self.source.timezone)
            table: pa.Table = con.sql(query).to_arrow_table().combine_chunks()
            con.unregister("x12_raw")
        batch = split(table.to_batches()[0], checked, name, locate)
        good = batch.rows.column(ROW_NO).to_numpy()
        kept = pa.array(np.isin(row_no, good))
        found = {c.name: batch.rows.column(c.name) for c in checked.columns if not c.phi}
        return replace(
            batch, rows=self._assembled(name, found | {c.name: texts[c.source].filter(kept) for c in plain}, good)
        )

    def _assembled(self, name: str, columns: Mapping[str, pa.Array], row_no: Ints) -> pa.RecordBatch:
        """Rows of a record from its columns by name, in the contract's types."""
        schema = self._nothing[name].schema
        found = {**columns, ROW_NO: pa.array(row_no, pa.int64())}
        arrays = [found[f.name] if found[f.name].type == f.type else found[f.name].cast(f.type) for f in schema]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _unread(self, reading: _Reading, kind: SetKind, documents: Documents) -> list[Reject]:
        """A warning for each segment id, once per file, that is neither read nor ignored by name."""
        ignored = self.contract.records[kind.record].ignore
        rows = np.flatnonzero(documents.set_of >= 0)
        ids, first = np.unique(documents.segments.code[rows], return_index=True)
        found = []
        for value, index in zip(ids.tolist(), first.tolist(), strict=True):
            name = code_text(value)
            if name in kind.reads or name in ignored or (kind.record, name) in reading.unread:
                continue
            reading.unread.add((kind.record, name))
            row = int(rows[index])
            offset = documents.segments.offset(int(documents.segments.start[row]))
            place = Place(int(documents.ordinals[row]), offset, name)
            fault = Fault(
                "x12.unread_segment", f"segment {name or '(no id)'} is neither read nor ignored by name", place
            )
            found.append(warning(reading.text, documents.sets[int(documents.set_of[row])], kind.record, fault))
        return found

    def _set_rows(
        self, reading: _Reading, run: list[TransactionSet], outcomes: list[_Outcome], rejects: list[Reject]
    ) -> Batch:
        """One row of `transaction_set` per ST."""
        described = [_set_row(reading, s, o, self.source.timezone) for s, o in zip(run, outcomes, strict=True)]
        texts = {name: pa.array([row[name] for row in described], pa.string()) for name in _SET_COLUMNS}
        row_no = np.array([s.place.ordinal for s in run], dtype=np.int64)
        by_row = {s.place.ordinal: s for s in run}
        record = self.contract.records[SET_RECORD]

        def locate(number: int, _: Column | None) -> str:
            return location(reading.text, by_row[number], by_row[number].place)

        batch = self._typed(reading, SET_RECORD, record, texts, row_no, locate)
        return Batch(SET_RECORD, batch.rows, (*rejects, *batch.rejects))


def _checked(record: RecordContract) -> tuple[RecordContract, list[Column]]:
    """The columns that have rules to be checked, and those that are any text (as it was cut out of the segment)."""
    plain = [
        c
        for c in record.columns
        if c.type == "VARCHAR" and not (c.required or c.sentinels or c.lookup is not None or c.phi)
        if c.name not in record.key
    ]
    names = {c.name for c in plain}
    return record.model_copy(update={"columns": tuple(c for c in record.columns if c.name not in names)}), plain


def _open(path: Path) -> tuple[ByteSource, np.ndarray[Any, np.dtype[np.uint8]]]:
    """The file as a memory map and as an array over it; an empty file as nothing."""
    if not path.stat().st_size:
        return b"", np.zeros(0, dtype=np.uint8)
    with path.open("rb") as handle:
        mapped = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
    return mapped, np.frombuffer(mapped, dtype=np.uint8)


def _stretches(run: list[TransactionSet], outcomes: list[_Outcome]) -> list[list[int]]:
    """Indexes of neighbouring sets that are to be loaded."""
    found: list[list[int]] = []
    for n, outcome in enumerate(outcomes):
        if outcome.state != "loaded":
            continue
        if found and found[-1][-1] == n - 1 and _follows(run[n - 1], run[n]):
            found[-1].append(n)
        else:
            found.append([n])
    return found


def _follows(before: TransactionSet, current: TransactionSet) -> bool:
    """Whether two sets can be indexed in one go: of one interchange, one behind the other."""
    return current.interchange is before.interchange and current.place.offset >= before.end


def _indexed(text: Text, stretches: Sequence[Sequence[TransactionSet]]) -> tuple[Segments, Ints, Ints]:
    """The segments of several stretches of sets as one table; file ordinal of each; row of the ST of each set."""
    parts = [index_segments(text, s[0].start, s[-1].end, s[0].interchange.header.delimiters) for s in stretches]
    begins = np.cumsum([0, *(len(part) for part in parts[:-1])])
    ordinals = [s[0].place.ordinal + np.arange(len(p)) for s, p in zip(stretches, parts, strict=True)]
    rows = [
        begin + current.place.ordinal - stretch[0].place.ordinal
        for begin, stretch in zip(begins.tolist(), stretches, strict=True)
        for current in stretch
    ]
    return join_segments(parts), np.concatenate(ordinals), np.array(rows, dtype=np.int64)


def _is_proven(fault: Fault, current: TransactionSet) -> bool:
    """A lost terminator that a line break stands in for does no harm where SE01 confirms the number of segments."""
    counted = any(f.rule in ("x12.se_count", "x12.se_missing") for f in current.faults)
    return fault.rule == "x12.terminator_missing" and not counted


def _describe(kind: SetKind, documents: Documents, outcomes: list[_Outcome]) -> None:
    """Document number, purpose and release of the sets that are loaded."""
    begin = documents.first_per_set(documents.select(kind.begin))
    numbers, purposes = (documents.segments.column(begin, e).to_pylist() for e in (kind.number, kind.purpose))
    releases = documents.segments.column(begin, kind.release or 0).to_pylist()
    for n, outcome in enumerate(outcomes):
        outcome.number, outcome.purpose = numbers[n], purposes[n]
        outcome.release = releases[n] if kind.release else None


def _text(segments: Segments, column: Pick | pa.Array) -> pa.Array:
    if isinstance(column, Pick):
        return column.text(segments)
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _envelope_columns(documents: Documents, set_index: Ints, timezone: str) -> dict[str, Pick | pa.Array]:
    """What the rows of a set know of its interchange and group."""
    sets = documents.sets
    headers = [s.interchange.header for s in sets]
    stamps = [h.timestamp(timezone) for h in headers]
    values: dict[str, list[str | None]] = {
        "sender": [h.sender for h in headers],
        "receiver": [h.receiver for h in headers],
        "GS02": [s.group.element(2) or None for s in sets],
        "GS04": [s.group.element(4) or None for s in sets],
        "interchange_ts": [stamp.isoformat(sep=" ") if stamp else None for stamp in stamps],
        "ISA15": [h.element(15) or None for h in headers],
    }
    return {name: documents.per_set(texts, set_index) for name, texts in values.items()}


_SET_COLUMNS = (
    *("file_id", "position", "ISA13", "sender", "receiver", "interchange_ts", "ISA15", "GS01", "GS02", "GS03", "GS06"),
    *("version", "ST01", "ST02", "document_no", "purpose", "release_no", "outcome", "rule", "segments", "lines"),
)


def _set_row(reading: _Reading, current: TransactionSet, outcome: _Outcome, timezone: str) -> dict[str, str | None]:
    header, group = current.interchange.header, current.group
    stamp = header.timestamp(timezone)
    return {
        "file_id": reading.delivery.sha256[:16],
        "position": str(current.position),
        "ISA13": current.interchange.control,
        "sender": header.sender,
        "receiver": header.receiver,
        "interchange_ts": stamp.isoformat(sep=" ") if stamp else None,
        "ISA15": header.element(15),
        **{f"GS{n:02}": group.element(n) for n in (1, 2, 3, 6)},
        "version": group.element(8) or header.element(12),
        "ST01": current.set_id,
        "ST02": current.control,
        "document_no": outcome.number,
        "purpose": outcome.purpose,
        "release_no": outcome.release,
        "outcome": outcome.state,
        "rule": outcome.rule,
        "segments": str(current.segments),
        "lines": str(current.rows),
    }
