"""Opening a source database read-only, its clock, its snapshot, and its errors as ours.

Here: connections, what the database's clock and open transactions allow as an upper bound, and the translation
of driver errors into typed ones. Not here: which rows are read (`database_table`) or how (`database_extract`).
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url

from connectors.errors import ConcordError, PermanentSourceError, TransientSourceError
from connectors.network import StandsAt

#: Name our own sessions carry on PostgreSQL: they are READ ONLY, so they never hold a watermark back.
APPLICATION = "concord extract"

#: A transaction's stamp is taken a moment before the server shows the transaction as open; this covers the moment.
SETTLE = timedelta(seconds=1)

#: How far before PREPARE a prepared transaction may have begun (its start is not to be seen), at a baseline.
PREPARED_LOOKBACK = timedelta(days=1)

_ISOLATION = {
    "postgresql": "REPEATABLE READ",
    "mysql": "REPEATABLE READ",
    "mariadb": "REPEATABLE READ",
    "mssql": "SNAPSHOT",
    "oracle": "SERIALIZABLE",
}

_CLOCKS = {
    "sqlite": "SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')",
    "mysql": "SELECT CAST(UTC_TIMESTAMP(6) AS CHAR)",
    "mariadb": "SELECT CAST(UTC_TIMESTAMP(6) AS CHAR)",
    "mssql": "SELECT CONVERT(VARCHAR(26), SYSUTCDATETIME(), 121)",
    "oracle": "SELECT TO_CHAR(SYS_EXTRACT_UTC(SYSTIMESTAMP), 'YYYY-MM-DD HH24:MI:SS.FF6') FROM dual",
}

# Every open transaction counts, not only those that have written already (`backend_xid`): one that has only read so
# far may still write, and its stamp will be its start.
_POSTGRES_CLOCK = """
SELECT
    now() AS clock,
    pg_is_in_recovery() AS standby,
    CASE WHEN pg_is_in_recovery() THEN pg_last_xact_replay_timestamp() END AS replayed,
    pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_others,
    (SELECT min(a.xact_start) FROM pg_stat_activity AS a
      WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
        AND a.backend_type NOT IN ('autovacuum worker', 'walsender')
        AND NOT (a.application_name = :application AND a.usename = current_user)) AS oldest_open,
    (SELECT min(p.prepared) FROM pg_prepared_xacts AS p WHERE p.database = current_database()) AS prepared
"""

_POSTGRES_SESSION = (
    "SET LOCAL TimeZone = 'UTC'",
    "SET LOCAL DateStyle = 'ISO, YMD'",
    "SET LOCAL IntervalStyle = 'iso_8601'",
    "SET LOCAL extra_float_digits = 3",
    "SET LOCAL bytea_output = 'hex'",
    "SET LOCAL lock_timeout = '30s'",
)

_TRANSIENT_STATES = ("08", "40", "53", "55P03", "57")
_REFUSED = re.compile(
    r"authentication failed|access denied|no password supplied|no pg_hba\.conf entry|login failed"
    r"|(role|database) .* does not exist|unknown database|no such table|no such column|unable to open|not a database"
    r"|malformed|decode to utf-8|invalid connection option|invalid uri",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Horizon:
    """What the source's clock said before the snapshot was taken.

    `clock`: now, UTC. `bound`: no transaction that the snapshot misses has an earlier stamp (UTC).
    `held`: a prepared transaction is open, so a stored watermark must stay where it is. `notice`: what an operator
    should know of how the bound was found. `is_told`: `clock` is what the source says of itself (`stands_at`).
    """

    clock: datetime
    bound: datetime
    held: bool = False
    notice: str | None = None
    is_told: bool = False


def open_engine(url_text: str, feed: str) -> Engine:
    """An engine for a source, with no pool. SQLite opens read-only and is never created.

    Raises PermanentSourceError for a URL, driver or file that is not there; never shows the password.
    """
    url = _parse(url_text, feed)
    try:
        if url.get_backend_name() == "sqlite":
            return _sqlite_engine(url, feed)
        return sa.create_engine(url, poolclass=sa.pool.NullPool, connect_args=_connect_args(url))
    except sa.exc.NoSuchModuleError as error:
        raise PermanentSourceError(
            f"no SQLAlchemy dialect for {url.drivername}", feed=feed, hint="Install it, or correct the source's url"
        ) from error
    except ImportError as error:
        extra = "pip install 'concord-supply[postgres]'" if url.get_backend_name() == "postgresql" else "install it"
        raise PermanentSourceError(
            f"the driver for {url.drivername} is not installed ({error.name})",
            feed=feed,
            hint=f"Driver missing: {extra}",
        ) from error


def _parse(url_text: str, feed: str) -> URL:
    try:
        return make_url(url_text)
    except (sa.exc.ArgumentError, ValueError):
        raise PermanentSourceError(
            "the source's url is not a SQLAlchemy URL",
            feed=feed,
            hint="Write it as dialect+driver://user:password@host:port/database",
        ) from None


def _connect_args(url: URL) -> dict[str, str | int]:
    if url.drivername not in ("postgresql", "postgresql+psycopg", "postgresql+psycopg2"):
        return {}
    return {"connect_timeout": int(str(url.query.get("connect_timeout", 10))), "application_name": APPLICATION}


def _sqlite_engine(url: URL, feed: str) -> Engine:
    address = _sqlite_address(url, feed)

    def connect() -> sqlite3.Connection:
        # isolation_level None: Python opens no transaction of its own; `snapshot` says BEGIN.
        return sqlite3.connect(address, uri=True, isolation_level=None, timeout=10)

    return sa.create_engine("sqlite://", creator=connect, poolclass=sa.pool.NullPool)


def _sqlite_address(url: URL, feed: str) -> str:
    database = url.database or ""
    if database.startswith("file:"):
        path, _, query = database.partition("?")
        options = [part for part in query.split("&") if part and not part.startswith("mode=")]
        options += [f"{name}={value}" for name, value in url.query.items() if name not in ("uri", "mode")]
        file, address = Path(path.removeprefix("file:").removeprefix("//")), "&".join([f"{path}?mode=ro", *options])
    else:
        file = Path(database)
        address = f"file:{quote(str(file.absolute()))}?mode=ro"
    if not file.is_file():
        raise PermanentSourceError(
            "the SQLite file does not exist", feed=feed, location=str(file), hint="Correct the source's url"
        )
    return address


@contextmanager
def translated(engine: Engine, feed: str, location: str) -> Iterator[None]:
    """Turn driver errors raised inside into TransientSourceError or PermanentSourceError."""
    driver_error: type[Exception] = engine.dialect.dbapi.Error  # type: ignore[union-attr]
    try:
        yield
    except sa.exc.NoSuchTableError as error:
        raise PermanentSourceError(
            f"the source has no table {error}", feed=feed, location=location, hint="Correct transport.table"
        ) from error
    except sa.exc.DBAPIError as error:
        raise _as_ours(error.orig or error, feed, location, engine.url) from error
    except (sa.exc.SQLAlchemyError, driver_error) as error:
        raise _as_ours(error, feed, location, engine.url) from error
    except pa.ArrowInvalid as error:
        raise PermanentSourceError(
            f"a value does not fit the type its table declares: {error}",
            feed=feed,
            location=location,
            hint="Report it: the reader must not guess",
        ) from error


def _as_ours(error: BaseException, feed: str, location: str, url: URL) -> ConcordError:
    text = " ".join(str(error).split())
    if url.password:
        text = text.replace(str(url.password), "***")
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    if _may_pass(error, state, text):
        return TransientSourceError(text, feed=feed, location=location, hint="It will be tried again")
    return PermanentSourceError(text, feed=feed, location=location, hint=_hint(text))


def _may_pass(error: BaseException, state: str | None, text: str) -> bool:
    if state:
        return state.startswith(_TRANSIENT_STATES)
    if _REFUSED.search(text):
        return False
    return any(cls.__name__ in ("OperationalError", "InterfaceError", "TimeoutError") for cls in type(error).__mro__)


def _hint(text: str) -> str:
    if re.search(r"permission denied|not authorized", text, re.IGNORECASE):
        return "Grant the source's user SELECT on the table"
    if re.search(r"authentication|password|access denied|login failed|role", text, re.IGNORECASE):
        return "Correct the user or password in the source's url"
    return "Correct the source's url or the feed's table and columns"


def horizon(connection: Connection, lag: timedelta, stands_at: StandsAt | None = None) -> Horizon:
    """Read the source's clock and open transactions: to be called *before* the snapshot is taken.

    Afterwards would be too late: a transaction that commits between the snapshot and the look at the open ones is
    in neither. PostgreSQL: the start of the oldest open transaction, where the user may see them (pg_monitor);
    everywhere else, and on a standby (which does not show the primary's transactions), now minus `lag`. A copy: the
    moment at which it says that it stands, minus `lag`.
    """
    if stands_at is not None:
        told = _told(connection, stands_at)
        return Horizon(told, told - lag, is_told=True)
    dialect = connection.dialect.name
    if dialect == "postgresql":
        return _postgres_horizon(connection, lag)
    if dialect not in _CLOCKS:
        raise PermanentSourceError(
            f"incremental feeds are not known for {dialect}", hint="Use change.mode snapshot for this source"
        )
    text = str(connection.execute(sa.text(_CLOCKS[dialect])).scalar_one())
    connection.rollback()
    clock = datetime.fromisoformat(text[:26]).replace(tzinfo=UTC)
    return Horizon(clock, clock - lag)


def _told(connection: Connection, stands_at: StandsAt) -> datetime:
    """The moment that a copy says it stands at. Raises PermanentSourceError where it says none."""
    table, column = (sa.quoted_name(name, quote=True) for name in (stands_at.table, stands_at.column))
    newest: sa.ColumnElement[object] = sa.func.max(sa.column(column))
    said = connection.execute(sa.select(newest).select_from(sa.table(table))).scalar_one()
    connection.rollback()
    try:
        moment = datetime.fromisoformat(str(said))
    except ValueError:
        raise PermanentSourceError(
            f"{stands_at.table}.{stands_at.column} says {said!r}, which is no moment that the copy could stand at",
            hint="Have whoever makes the copy write it, or take stands_at out of the network file",
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _postgres_horizon(connection: Connection, lag: timedelta) -> Horizon:
    _settle_session(connection)
    row = connection.execute(sa.text(_POSTGRES_CLOCK), {"application": APPLICATION}).one()
    connection.rollback()
    clock = row.clock.astimezone(UTC)
    if row.standby:
        behind = min(clock, (row.replayed or clock).astimezone(UTC)) - lag
        return Horizon(clock, behind, notice=f"a standby: the watermark stays {lag.total_seconds():.0f} s behind")
    if not row.sees_others:
        notice = f"open transactions of others are hidden (grant pg_monitor): re-reading {lag.total_seconds():.0f} s"
        return Horizon(clock, clock - lag, notice=notice)
    bound = min(clock - SETTLE, (row.oldest_open or clock).astimezone(UTC))
    if row.prepared is None:
        return Horizon(clock, bound)
    notice = f"a prepared transaction is open since {row.prepared.astimezone(UTC).isoformat()}: the watermark waits"
    return Horizon(clock, min(bound, row.prepared.astimezone(UTC) - PREPARED_LOOKBACK), held=True, notice=notice)


@contextmanager
def snapshot(connection: Connection) -> Iterator[Connection]:
    """One read-only transaction in which every statement sees the same state of the source; always rolled back."""
    dialect = connection.dialect.name
    if dialect == "postgresql":
        connection = connection.execution_options(isolation_level=_ISOLATION[dialect], postgresql_readonly=True)
    elif dialect in _ISOLATION:
        connection = connection.execution_options(isolation_level=_ISOLATION[dialect])
    elif dialect != "sqlite":
        raise PermanentSourceError(f"no snapshot isolation is known for {dialect}", hint="Use a supported database")
    with connection.begin() as transaction:
        _settle_session(connection)
        yield connection
        transaction.rollback()


def _settle_session(connection: Connection) -> None:
    """Make text forms independent of the server's and user's settings."""
    dialect = connection.dialect.name
    if dialect == "postgresql":
        for statement in _POSTGRES_SESSION:
            connection.exec_driver_sql(statement)
    elif dialect == "sqlite":
        connection.exec_driver_sql("BEGIN")
    elif dialect in ("mysql", "mariadb"):
        connection.exec_driver_sql("SET time_zone = '+00:00'")
