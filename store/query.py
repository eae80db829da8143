"""Reading what is published: connections that can neither write nor look outside, and safe exports.

Here: opening a version read-only and locked down, running one statement, CSV. Not here: what is published
(`store.publish`), where a value comes from (`store.explain`). `read_only` alone still allows COPY TO and
read_csv('/etc/passwd'): external access is switched off and the configuration locked.
"""

from __future__ import annotations

import csv
import logging
import re
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import duckdb

from connectors.errors import ConcordError
from store import versions as v

_LOG = logging.getLogger(__name__)

_LOCKED: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    # A name in the SQL means a table of the store, never a variable of the calling program.
    "python_enable_replacements": "false",
}
#: A version may be removed between reading the pointer and opening the file; the pointer has moved on by then.
_ATTEMPTS = 10

_SETTING = threading.Lock()

_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?%?")


class QueryRefused(ConcordError):
    """The statement is wrong, writes, or reaches outside the store."""


@dataclass(frozen=True, slots=True)
class QueryResult:
    """Rows of one statement. `types` are DuckDB's names; `is_truncated` when there were more than `max_rows`."""

    version: int
    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    is_truncated: bool


def open_published(home: Path, version: int | None = None, *, check: bool = True) -> duckdb.DuckDBPyConnection:
    """A locked-down, read-only connection in UTC to the version readers see, or to `version`.

    It stays on that version while newer ones are published. With `check`, the bytes are compared with the manifest
    first, and a damaged current version is passed over for the newest whole one before it (`concord versions` says so,
    `store.versions.verify` moves the pointer). Raises NoSuchVersion, DamagedVersion for a `version` that is damaged.
    """
    return open_numbered(home, version, check=check)[1]


def open_numbered(
    home: Path, version: int | None = None, *, check: bool = True
) -> tuple[int, duckdb.DuckDBPyConnection]:
    """As `open_published`, with the number of the version that was opened."""
    for attempt in range(_ATTEMPTS):
        try:
            manifest = v.load_manifest(home, version) if version is not None else _newest_whole(home, check)
        except v.NoSuchVersion:
            # Between looking at the pointer and at what it names, newer versions may have replaced both.
            if version is not None or attempt + 1 == _ATTEMPTS:
                raise
            continue
        if version is not None and check and (problem := v.damage(home, manifest)):
            raise v.DamagedVersion(f"version {version} is damaged: {problem}", hint="Choose another version")
        path = v.database_path(home, manifest.version)
        try:
            con = duckdb.connect(str(path), read_only=True, config=_LOCKED)
        except duckdb.IOException:
            if path.exists():
                raise
            continue
        _lock_down(con)
        return manifest.version, con
    raise v.NoSuchVersion("the version was removed while it was opened", hint="Run it again")


def _lock_down(con: duckdb.DuckDBPyConnection) -> None:
    """UTC, and no more settings. Connections of one process to one file share them, so only the first one sets them."""
    with _SETTING:
        if con.execute("SELECT current_setting('lock_configuration')").fetchall() == [(False,)]:
            con.execute("SET GLOBAL TimeZone = 'UTC'")
            con.execute("SET lock_configuration = true")


def _newest_whole(home: Path, check: bool) -> v.Manifest:
    """The version readers see; where its bytes are damaged, the newest whole one before it."""
    manifest = v.current(home)
    if manifest is None:
        raise v.NoSuchVersion("nothing has been published yet", location=str(v.folder(home)), hint="Run `concord sync`")
    if not check:
        return manifest
    withdrawn = v.withdrawn(home)
    earlier = [m for m in v.versions(home) if m.version < manifest.version and m.version not in withdrawn]
    for candidate in [manifest, *earlier]:
        problem = v.damage(home, candidate)
        if problem is None:
            return candidate
        _LOG.warning("version %d is damaged (%s): reading the one before it", candidate.version, problem)
    raise v.NoSuchVersion("no whole version is left", location=str(v.folder(home)), hint="Run `concord rebuild`")


def run_query(
    home: Path,
    sql: str,
    max_rows: int = 1000,
    *,
    version: int | None = None,
    timeout_seconds: float | None = None,
    parameters: Sequence[object] = (),
) -> QueryResult:
    """Run one statement on the published store and fetch at most `max_rows` rows.

    Raises QueryRefused: not exactly one statement, an error in it, a write, a reach outside, or more time than allowed.
    """
    held = _held.get()
    number, con = held[1:] if held is not None and held[0] == home and version is None else open_numbered(home, version)
    try:
        with _refusals(con, timeout_seconds):
            if len(con.extract_statements(sql)) != 1:
                raise QueryRefused("give exactly one SQL statement", hint="Run several one after the other")
            answer = con.execute(sql, list(parameters))
            described = answer.description or []
            rows = answer.fetchmany(max_rows + 1)
    finally:
        if held is None or con is not held[2]:
            con.close()
    return QueryResult(
        number,
        tuple(str(column[0]) for column in described),
        tuple(str(column[1]) for column in described),
        tuple(tuple(row) for row in rows[:max_rows]),
        len(rows) > max_rows,
    )


#: The store that is held open: home, version, connection.
_held: ContextVar[tuple[Path, int, duckdb.DuckDBPyConnection] | None] = ContextVar("held", default=None)


@contextmanager
def held_open(home: Path) -> Iterator[None]:
    """Queries on the current version of a home share one connection: opening it costs more than a small query does."""
    number, con = open_numbered(home, None)
    token = _held.set((home, number, con))
    try:
        yield
    finally:
        _held.reset(token)
        con.close()


@contextmanager
def _refusals(con: duckdb.DuckDBPyConnection, timeout_seconds: float | None) -> Iterator[None]:
    """Engine errors as QueryRefused; the statement is interrupted when its time is up."""
    timer = threading.Timer(timeout_seconds, con.interrupt) if timeout_seconds is not None else None
    if timer is not None:
        timer.start()
    try:
        yield
    except duckdb.InterruptException as error:
        raise QueryRefused(f"stopped after {timeout_seconds} s", hint="Ask for less, or allow more time") from error
    except duckdb.PermissionException as error:
        raise QueryRefused(f"not allowed here: {error}", hint="Only the tables of the store can be read") from error
    except duckdb.Error as error:
        raise QueryRefused(str(error), hint=_hint(str(error))) from error
    finally:
        if timer is not None:
            timer.cancel()


def _hint(message: str) -> str:
    if "read-only" in message or "configuration has been locked" in message:
        return "The published store is read-only and its settings are locked"
    return "SHOW ALL TABLES lists the tables, DESCRIBE <table> the columns"


# -- export ----------------------------------------------------------------------------------------------


def to_csv(result: QueryResult, out: TextIO) -> None:
    """Write the rows as CSV that a spreadsheet opens without running anything in it.

    A text that a spreadsheet would take for a formula gets an apostrophe in front; numbers stay numbers, also
    negative ones; NULL is an empty field. The store itself keeps the raw text.
    """
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([harmless(name) for name in result.columns])
    for row in result.rows:
        writer.writerow([harmless(value) for value in row])


def harmless(value: object) -> object:
    """A cell as a spreadsheet may see it (see `to_csv`); numbers, dates and NULL are returned as they are."""
    if isinstance(value, list | dict | tuple | bytes):
        value = str(value)
    if not isinstance(value, str) or _NUMBER.fullmatch(value):
        return value
    shown = value.lstrip(" \u00a0\u3000")
    # A leading invisible character hides what a spreadsheet will see once it drops it.
    while shown and unicodedata.category(shown[0]) == "Cf":
        shown = shown[1:].lstrip(" \u00a0\u3000")
    starts = shown.startswith(_FORMULA) or (shown[:1] != "" and unicodedata.category(shown[0]) == "Cc")
    return f"'{value}" if starts else value
