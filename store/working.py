"""The working database: one DuckDB file, one writer, rebuildable from landing and the control database.

Here: opening and locking it, its schemas and `ops` tables, transactions and the change counter. Not here:
what staging (`store.staging`), intake (`store.intake`) or mastering write into it.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import TracebackType

import duckdb

from connectors.errors import ConcordError
from store.crash import crash_point, register

#: Grows when the layout of the `ops` tables or the meta columns changes; another layout is rebuilt, not migrated.
LAYOUT = "1"

#: Blocks (of 256 KiB) below which a working database is never tidied.
TIDY_MIN_BLOCKS = 512

#: Settings of every connection that writes. A commit does not vacuum the tables that it touches: its cost would be what
#: they hold, not what changed. The dead rows and small row groups that it leaves are `tidy`'s.
#: DuckDB 2.0.0 with preserve_insertion_order loses sight of rows: in one transaction, an insert of no rows into an
#: empty table, then one of more than a row group, and every scan of the table ends before its first row until the file
#: is opened anew. No table's row order means anything here anyway.
WRITER_CONFIG: Mapping[str, bool | int] = {"preserve_insertion_order": False, "max_vacuum_tasks": 0}

_SQL = Path(__file__).parent / "sql"
_REBUILD = "Run `concord rebuild`: it replays landing and the control database into a new working database"

register("working.before_commit", "working.after_commit")


class WorkingBusy(ConcordError):
    """Another process (or thread) is the writer of the working database: retry when it is done."""

    retryable = True


class StaleWorking(ConcordError):
    """The working database was written by another version, or cannot be opened: rebuild it."""


@cache
def sql(name: str) -> str:
    """Text of `store/sql/<name>.sql`."""
    return (_SQL / f"{name}.sql").read_text(encoding="utf-8")


def quote(*parts: str) -> str:
    """A quoted, dotted SQL identifier."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def any_row(con: duckdb.DuckDBPyConnection, query: str, parameters: Mapping[str, object] | None = None) -> bool:
    """Whether a query returns a row. (`fetchone` would leave its result open, and the connection in use.)"""
    return bool(con.execute(f"SELECT 1 FROM ({query}) LIMIT 1", parameters).fetchall())


def literal(value: str) -> str:
    """A quoted SQL string, for the few statements that take no parameters."""
    return "'" + value.replace("'", "''") + "'"


class Working:
    """The open working database. `con` is its one connection; this process is its one writer.

    A context manager; leaving it closes the file and releases the lock.
    """

    def __init__(self, path: Path, con: duckdb.DuckDBPyConnection, lock: int) -> None:
        self.path = path
        self.con = con
        self._lock: int | None = lock

    @classmethod
    def open(cls, path: Path, threads: int | None = None, memory_limit: str | None = None) -> Working:
        """Open or create the working database and become its writer.

        `memory_limit` as DuckDB writes it ("2GB"). Raises WorkingBusy (retryable) naming the holder's process
        id, StaleWorking when another version wrote the file or it cannot be opened.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = _acquire(path)
        try:
            con = _connect(path, threads, memory_limit)
            try:
                _prepare(con, path)
            except BaseException:
                con.close()
                raise
        except BaseException:
            os.close(lock)
            raise
        return cls(path, con, lock)

    @property
    def working_id(self) -> str:
        """Identity of what the change counter counts; a rebuilt database has another one."""
        return self.meta("working_id") or ""

    @property
    def change_seq(self) -> int:
        """The change_seq of the last committed transaction, 0 in a new database."""
        return int(self.meta("change_seq") or 0)

    def meta(self, key: str) -> str | None:
        """A value of `ops.meta`, None where there is none."""
        rows = self.con.execute("SELECT value FROM ops.meta WHERE key = ?", [key]).fetchall()
        return str(rows[0][0]) if rows else None

    def set_meta(self, key: str, value: str) -> None:
        """Set a value of `ops.meta`; part of the open transaction where there is one."""
        self.con.execute("DELETE FROM ops.meta WHERE key = ?", [key])
        self.con.execute("INSERT INTO ops.meta VALUES (?, ?)", [key, value])

    def renew_identity(self) -> None:
        """Give the database a new working_id: rows have vanished without a trace that a delta could follow.

        Everything built from it since is built in full the next time.
        """
        self.set_meta("working_id", uuid.uuid4().hex)

    @contextmanager
    def transaction(self) -> Iterator[int]:
        """One transaction; yields its change_seq, committed with it. Any exception rolls all of it back."""
        self.con.begin()
        try:
            seq = self.change_seq + 1
            yield seq
            self.set_meta("change_seq", str(seq))
            crash_point("working.before_commit")
            self.con.commit()
        except BaseException:
            _rollback(self.con)
            raise
        crash_point("working.after_commit")

    def tidy(self, min_blocks: int = TIDY_MIN_BLOCKS) -> bool:
        """Give back what deleted rows and small row groups take, where the file holds twice what it held after the last
        time (and more than `min_blocks`). No row is another afterwards. Whether there was anything to do.

        The file keeps its size; what is free in it is used again, so it stays within a few times of what it holds.
        """
        if self._used_blocks() <= max(min_blocks, 2 * int(self.meta("tidied_blocks") or 0)):
            return False
        self.con.begin()
        try:
            for schema, table in self._tables():
                self._move_a_row(quote(schema, table))
            self.con.commit()
        except BaseException:
            _rollback(self.con)
            raise
        self.con.execute("SET max_vacuum_tasks = 100")
        self.con.execute("CHECKPOINT")
        self.con.execute(f"SET max_vacuum_tasks = {WRITER_CONFIG['max_vacuum_tasks']}")
        self.set_meta("tidied_blocks", str(self._used_blocks()))
        return True

    def _used_blocks(self) -> int:
        self.con.execute("CHECKPOINT")
        [(used,)] = self.con.execute("SELECT used_blocks FROM pragma_database_size()").fetchall()
        return int(used)

    def _tables(self) -> list[tuple[str, str]]:
        return self.con.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() "
            "WHERE database_name = current_database() AND NOT internal AND NOT temporary"
        ).fetchall()

    def _move_a_row(self, table: str) -> None:
        """Put a row to the end of a table: a checkpoint vacuums no table that nothing was deleted from since."""
        self.con.execute(f"CREATE OR REPLACE TEMP TABLE moved AS SELECT rowid AS moved_row, * FROM {table} LIMIT 1")
        self.con.execute(f"DELETE FROM {table} WHERE rowid IN (SELECT moved_row FROM temp.moved)")
        self.con.execute(f"INSERT INTO {table} SELECT * EXCLUDE (moved_row) FROM temp.moved")
        self.con.execute("DROP TABLE temp.moved")

    def close(self) -> None:
        """Close the file and release the lock; closing twice is harmless."""
        if self._lock is not None:
            self.con.close()
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Working:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def discard_working(path: Path) -> None:
    """Delete the working database; landing and the control database hold all that it was made from.

    Raises WorkingBusy while another process writes it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = _acquire(path)
    try:
        for name in (path.name, path.name + ".wal"):
            path.with_name(name).unlink(missing_ok=True)
    finally:
        os.close(lock)


def _acquire(path: Path) -> int:
    """The lock file beside the database; its text names the holder for the next one's error message."""
    lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(lock, 32).decode("ascii", "replace").strip() or "unknown"
        os.close(lock)
        raise WorkingBusy(
            f"the working database is held by process {holder}",
            location=str(path),
            hint="Only one sync writes at a time: wait until it ends, or stop that process",
        ) from error
    os.ftruncate(lock, 0)
    os.write(lock, f"{os.getpid()}\n".encode())
    return lock


def _connect(path: Path, threads: int | None, memory_limit: str | None) -> duckdb.DuckDBPyConnection:
    config: dict[str, str | bool | int | float | list[str]] = dict(WRITER_CONFIG)
    if threads is not None:
        config["threads"] = threads
    if memory_limit is not None:
        config["memory_limit"] = memory_limit
    try:
        con = duckdb.connect(str(path), config=config)
    except (duckdb.IOException, duckdb.SerializationException, duckdb.FatalException) as error:
        raise StaleWorking(
            f"the working database cannot be opened: {error}", location=str(path), hint=_REBUILD
        ) from error
    con.execute("SET TimeZone = 'UTC'")
    return con


def _prepare(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Create what a new database lacks, or refuse one that another version wrote."""
    found = con.execute(
        "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'ops' AND table_name = 'meta'"
    ).fetchall()
    if found == [(0,)]:
        con.begin()
        con.execute(sql("working_schema"))
        con.executemany(
            "INSERT INTO ops.meta VALUES (?, ?)",
            [
                ["working_id", uuid.uuid4().hex],
                ["duckdb_version", duckdb.__version__],
                ["layout", LAYOUT],
                ["change_seq", "0"],
            ],
        )
        con.commit()
        return
    stored = dict(con.execute("SELECT key, value FROM ops.meta").fetchall())
    for key, now in (("duckdb_version", duckdb.__version__), ("layout", LAYOUT)):
        if stored.get(key) != now:
            raise StaleWorking(
                f"the working database has {key} {stored.get(key)}, this program has {now}",
                location=str(path),
                hint=_REBUILD,
            )


def _rollback(con: duckdb.DuckDBPyConnection) -> None:
    """Roll back; a connection that a fatal error (disk full) has closed has nothing left to roll back."""
    try:
        con.rollback()
    except duckdb.TransactionException as error:
        if "no transaction is active" not in str(error):
            raise
    except (duckdb.FatalException, duckdb.ConnectionException):
        return
