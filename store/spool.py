"""Reading one delivery: batches from the reader into a table, refused rows beside them, keys looked after.

Here: everything that can be said of a delivery without looking at other deliveries. Not here: comparing it with
the current rows (`store.apply`), keeping rejects (`store.quarantine`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from connectors.errors import ContractViolation, PermanentSourceError
from connectors.interface import ROW_NO, Batch, Delivery, Reject
from store.feed_tables import META_COLUMNS, FeedTable
from store.working import quote, sql

Read = Callable[[Delivery], Iterable[Batch]]

_REJECT_SCHEMA = pa.schema(
    [
        ("record", pa.string()),
        ("row_no", pa.int64()),
        ("location", pa.string()),
        ("byte_offset", pa.int64()),
        ("column_name", pa.string()),
        ("rule_id", pa.string()),
        ("reason", pa.string()),
        ("severity", pa.string()),
        ("raw", pa.string()),
        ("row_count", pa.int64()),
        ("key_text", pa.string()),
        ("from_reader", pa.bool_()),
    ]
)
_SQL_TYPES = {pa.string(): "VARCHAR", pa.int64(): "BIGINT", pa.bool_(): "BOOLEAN"}
_REJECT_COLUMNS = ", ".join(f"{item.name} {_SQL_TYPES[item.type]}" for item in _REJECT_SCHEMA)
_REJECT_FIELDS = (
    *("record", "row_no", "location", "byte_offset", "column", "rule_id"),
    *("reason", "severity", "raw", "rows", "key"),
)
_REJECTS_AT_ONCE = 10_000
_ROWS_AT_ONCE = 100_000
#: Two row groups of DuckDB.
_CHUNK = 245_760


@dataclass(slots=True)
class RejectLog:
    """Rejects of one delivery, held as Arrow, because a delivery may consist of nothing else."""

    tables: list[pa.Table] = field(default_factory=list)
    waiting: list[Reject] = field(default_factory=list)

    def add(self, rejects: Iterable[Reject]) -> None:
        """Take rejects as a reader gives them."""
        self.waiting.extend(rejects)
        if len(self.waiting) >= _REJECTS_AT_ONCE:
            self._pack()

    def _pack(self) -> None:
        names = (
            "record",
            "row_no",
            "location",
            "byte_offset",
            "column",
            "rule_id",
            "reason",
            "severity",
            "raw",
            "rows",
        )
        columns = [[getattr(reject, name) for reject in self.waiting] for name in (*names, "key")]
        columns.append([True] * len(self.waiting))
        self.tables.append(pa.table(columns, schema=_REJECT_SCHEMA))
        self.waiting.clear()

    def write(self, con: duckdb.DuckDBPyConnection) -> None:
        """Put everything into `temp.rejects`."""
        if self.waiting:
            self._pack()
        if self.tables:
            with _registered(con, "incoming_rejects", pa.concat_tables(self.tables)):
                con.execute("INSERT INTO temp.rejects BY NAME SELECT * FROM incoming_rejects")
        self.tables.clear()


class _registered:  # noqa: N801
    """An Arrow relation known to DuckDB by name, for one statement."""

    def __init__(self, con: duckdb.DuckDBPyConnection, name: str, relation: pa.Table | pa.RecordBatchReader) -> None:
        self.con, self.name = con, name
        con.register(name, relation)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self.con.unregister(self.name)


class Inlet:
    """The batches of one delivery on their way into DuckDB.

    An exception that crossed DuckDB would lose its type and abort the transaction, so the stream just ends, and
    `check` raises what ended it afterwards.
    """

    def __init__(self, read: Read, delivery: Delivery, tables: Mapping[str, FeedTable]) -> None:
        self._read = read
        self._batches: Iterator[Batch] = iter(())
        self._tables = tables
        self._schemas = {record: table.arrow_schema for record, table in tables.items()}
        self._error: Exception | None = None
        self.delivery = delivery
        self.rows = 0
        self.rejects = RejectLog()

    def batches(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        """(record, rows) in the schema of the contract; ends early when the reader fails."""
        try:
            self._batches = iter(self._read(self.delivery))
            for batch in self._batches:
                self.rejects.add(batch.rejects)
                if batch.rows.num_rows:
                    self.rows += batch.rows.num_rows
                    yield batch.record, self._conform(batch)
        except Exception as error:  # noqa: BLE001  (raised again by `check`)
            self._error = error

    def chunks(self, table: FeedTable) -> Iterator[pa.Table]:
        """The rows of a feed with one kind of record, in tables large enough for a statement each.

        Not as one Arrow stream: threads of DuckDB that wait for a reader in Python burn as much as they work.
        """
        held: list[pa.RecordBatch] = []
        rows = 0
        for _, batch in self.batches():
            held.append(batch)
            rows += batch.num_rows
            if rows >= _CHUNK:
                yield pa.Table.from_batches(held, table.arrow_schema)
                held, rows = [], 0
        if held:
            yield pa.Table.from_batches(held, table.arrow_schema)

    def check(self) -> None:
        """Raise what ended the stream early, if anything did."""
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Let the reader release what it holds."""
        close = getattr(self._batches, "close", None)
        if close is not None:
            close()

    def _conform(self, batch: Batch) -> pa.RecordBatch:
        """The batch in the contract's schema. A cast that would lose anything is the reader's error."""
        schema = self._schemas.get(batch.record)
        if schema is None:
            raise self._defect(f"the reader delivered record {batch.record!r}, which the contract does not have")
        if batch.rows.schema.equals(schema):
            return batch.rows
        missing = [name for name in schema.names if name not in batch.rows.schema.names]
        if missing:
            raise self._defect(f"the reader delivered no column {', '.join(missing)}")
        try:
            columns = [batch.rows.column(item.name).cast(item.type) for item in schema]
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise self._defect(f"the reader delivered other types than the contract's: {error}") from error
        return pa.RecordBatch.from_arrays(columns, schema=schema)

    def _defect(self, message: str) -> PermanentSourceError:
        return PermanentSourceError(
            message,
            feed=self.delivery.feed_id,
            delivery=self.delivery.delivery_id,
            hint="This is a defect of the connector: report it",
        )


@dataclass(frozen=True, slots=True)
class Spooled:
    """A delivery as it was read. `rows`: delivered by the reader, key checks not yet counted.

    `filled`: the records that have a spool. Records of which a delivery has no row and says nothing have none.
    `violation`: the delivery as a whole breaks its contract; nothing of it may be used.
    """

    rows: int
    violation: ContractViolation | None = None
    filled: frozenset[str] = frozenset()


def new_rejects(con: duckdb.DuckDBPyConnection) -> None:
    """An empty `temp.rejects`: the refused rows of the delivery at hand."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE rejects ({_REJECT_COLUMNS})")


def load_first(
    con: duckdb.DuckDBPyConnection, inlet: Inlet, table: FeedTable, values: Mapping[str, object]
) -> Spooled | None:
    """Stream the first delivery of a feed straight into its empty staged table.

    None where a key is missing or not unique: then nothing was kept, and the delivery is read the long way.
    """
    _insert(con, inlet, table, sql("staging/load_first").format(**table.names), values)
    violation = _finish(con, inlet)
    if violation is None and _keys_are_sound(con, table, table.staged):
        return Spooled(inlet.rows)
    con.execute(f"DELETE FROM {table.staged}")
    if violation is not None:
        return Spooled(inlet.rows, violation)
    con.execute("DELETE FROM temp.rejects")
    return None


def spool(con: duckdb.DuckDBPyConnection, inlet: Inlet, tables: Mapping[str, FeedTable]) -> Spooled:
    """Read a delivery into one temporary table per record kind, and its rejects into `temp.rejects`.

    Of documents that have several kinds of record, only those with rows are spooled: one purchase order says nothing
    of invoices, and their statements would cost as much as its own.
    """
    if len(tables) == 1:
        (table,) = tables.values()
        _new_spool(con, table)
        _insert(con, inlet, table, sql("staging/spool").format(**table.names), {})
        return Spooled(inlet.rows, _finish(con, inlet), frozenset(tables))
    filled = _spool_in_parts(con, inlet, tables)
    if inlet.delivery.kind in ("snapshot", "range") or not filled:
        for record in tables.keys() - filled:
            _new_spool(con, tables[record])
        filled = set(tables)
    return Spooled(inlet.rows, _finish(con, inlet), frozenset(filled))


def _insert(
    con: duckdb.DuckDBPyConnection, inlet: Inlet, table: FeedTable, statement: str, values: Mapping[str, object]
) -> None:
    for chunk in _ahead(inlet.chunks(table)):
        with _registered(con, "incoming", chunk):
            con.execute(statement, values)


def _ahead(chunks: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The chunks, each read while the one before is being written. One that is not full is the last."""
    first = next(chunks, None)
    if first is None:
        return
    if first.num_rows < _CHUNK:
        yield first
        return
    with ThreadPoolExecutor(1, "read ahead") as reader:
        waiting = reader.submit(next, chunks, None)
        yield first
        while (chunk := waiting.result()) is not None:
            waiting = reader.submit(next, chunks, None)
            yield chunk


def _new_spool(con: duckdb.DuckDBPyConnection, table: FeedTable) -> None:
    columns = [f"{quote(column.name)} {column.type}" for column in table.contract.columns]
    columns += [f"{name} {META_COLUMNS[name]}" for name in (ROW_NO, "_source_key", "_row_hash")]
    con.execute(f"CREATE OR REPLACE TEMP TABLE {table.spool_name} ({', '.join(columns)})")


def _spool_in_parts(con: duckdb.DuckDBPyConnection, inlet: Inlet, tables: Mapping[str, FeedTable]) -> set[str]:
    """Record kinds come mixed: collect each until it is worth a statement. The records that have rows."""
    held: dict[str, list[pa.RecordBatch]] = {record: [] for record in tables}
    filled: set[str] = set()
    for record, rows in inlet.batches():
        held[record].append(rows)
        if sum(part.num_rows for part in held[record]) >= _ROWS_AT_ONCE:
            _spool_part(con, tables[record], held[record], filled)
    for record, parts in held.items():
        if parts:
            _spool_part(con, tables[record], parts, filled)
    return filled


def _spool_part(
    con: duckdb.DuckDBPyConnection, table: FeedTable, parts: list[pa.RecordBatch], filled: set[str]
) -> None:
    if table.record not in filled:
        _new_spool(con, table)
        filled.add(table.record)
    with _registered(con, "incoming", pa.Table.from_batches(parts, table.arrow_schema)):
        con.execute(sql("staging/spool").format(**table.names))
    parts.clear()


def _finish(con: duckdb.DuckDBPyConnection, inlet: Inlet) -> ContractViolation | None:
    """Keep the rejects; return the violation that ended the stream, raise any other error that did."""
    inlet.rejects.write(con)
    inlet.close()
    try:
        inlet.check()
    except ContractViolation as violation:
        return violation
    return None


def _keys_are_sound(con: duckdb.DuckDBPyConnection, table: FeedTable, relation: str) -> bool:
    query = sql("staging/key_health").format(**table.names, relation=relation)
    rows, different, missing = con.execute(query).fetchall()[0]
    return bool(rows == different and missing == 0)


def refuse_bad_keys(con: duckdb.DuckDBPyConnection, table: FeedTable, *, last_wins: bool) -> None:
    """Take rows without a key, and rows whose key is not theirs alone, out of the spool and into the rejects.

    Identical rows: one stays. Different rows with one key: the last stays where `last_wins` (documents and
    corrections come in order), else none, because nothing says which is right.
    """
    if _keys_are_sound(con, table, table.spool):
        return
    con.execute(sql("staging/reject_missing_keys").format(**table.names))
    con.execute(f"DELETE FROM {table.spool} WHERE {table.key_missing}")
    con.execute(sql("staging/rank_duplicates").format(**table.names), {"last_wins": last_wins})
    con.execute(sql("staging/reject_duplicates").format(**table.names))
    con.execute(f"DELETE FROM {table.spool} WHERE rowid IN (SELECT spool_row FROM temp.duplicates)")
    con.execute("DROP TABLE temp.duplicates")
