"""Dagster's own SQLite files, and how often they wait for the disk.

Here: a setting of connections to files below DAGSTER_HOME. Not here: the control database (`store.control`), every
commit of which waits for the disk.

Dagster opens a connection for each event it writes down, and a sync has hundreds: each commit waited for the disk, and
so did each close, which moves the write-ahead log into the file where no other connection holds it. On a busy disk that
was half the time of a sync that finds nothing to do. With `synchronous = NORMAL` a power cut may lose the newest
events of a run, never the file's integrity (https://www.sqlite.org/pragma.html#pragma_synchronous); what was synced
does not depend on them.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.engine import Engine

#: One connection per file that stays open as long as the process, so that closing another moves no log.
_HELD: dict[str, sqlite3.Connection] = {}


def spare_the_disk(dagster_home: Path) -> None:
    """Eases what SQLAlchemy opens in this process from now on: connections to SQLite files below `dagster_home`."""
    root = dagster_home.resolve()

    @event.listens_for(Engine, "connect")
    def _opened(connection: object, _: object) -> None:
        if not isinstance(connection, sqlite3.Connection):
            return
        path = connection.execute("PRAGMA database_list").fetchall()[0][2]
        if path and Path(path).resolve().is_relative_to(root):
            connection.execute("PRAGMA synchronous = NORMAL")
            _hold(path)


def _hold(path: str) -> None:
    """Has a connection look into the file: only one that has read it since it has a write-ahead log holds that log."""
    held = _HELD.get(path) or _HELD.setdefault(path, sqlite3.connect(path, check_same_thread=False))
    held.execute("SELECT count(*) FROM sqlite_master").fetchall()
