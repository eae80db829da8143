"""A real PostgreSQL server for tests: started once per session on loopback, thrown away at the end.

Here: the server and databases in it. Not here: what the tests do with them. As root the server runs as the
system user `postgres` (PostgreSQL refuses root); where no server binaries are found the tests are skipped, saying so.
"""

from __future__ import annotations

import gzip
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "64MB",
    "max_connections": "60",
    "max_prepared_transactions": "4",
    "autovacuum": "off",
    "timezone": "America/Chicago",
    "client_min_messages": "warning",
}


@dataclass(frozen=True)
class PostgresServer:
    """A running server. `binaries`: its folder of programs; `port`: on 127.0.0.1; superuser `postgres`, no password."""

    binaries: Path
    port: int

    def url(self, database: str, user: str = "postgres", password: str | None = None) -> str:
        """SQLAlchemy URL of one of its databases."""
        who = user if password is None else f"{user}:{password}"
        return f"postgresql+psycopg://{who}@127.0.0.1:{self.port}/{database}"

    def psql(self, database: str, sql: str) -> str:
        """Run SQL (may be a whole dump) and return what psql prints; a failing statement raises."""
        command = [self.binaries / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1"]
        done = subprocess.run(
            [*command, "-p", str(self.port), "-U", "postgres", "-d", database],
            input=sql,
            text=True,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"psql on {database}: {done.stderr.strip()}")
        return done.stdout


def find_binaries() -> Path | None:
    """Folder holding initdb, postgres and psql: next to those in PATH, in Debian's folders, or where pg_config says."""
    candidates = [Path(found).resolve().parent for found in (shutil.which("initdb"), shutil.which("postgres")) if found]
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    config = shutil.which("pg_config")
    if config:
        asked = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        candidates.append(Path(asked.stdout.strip()))
    wanted = ("initdb", "postgres", "psql")
    return next((c for c in candidates if all((c / name).exists() for name in wanted)), None)


def _as_server_user() -> list[str]:
    return ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _init(binaries: Path, folder: Path) -> None:
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    command = [binaries / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "--no-sync"]
    subprocess.run(
        [*_as_server_user(), *command, "-E", "UTF8", "--locale=C.UTF-8"], check=True, capture_output=True, cwd="/"
    )


def _pg_ctl(binaries: Path, folder: Path, *words: str) -> None:
    command = [*_as_server_user(), binaries / "pg_ctl", "-D", folder / "data", "-l", folder / "log", "-w", *words]
    done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
    if done.returncode:
        log = folder / "log"
        raise RuntimeError(f"pg_ctl {words[-1]} failed: {log.read_text() if log.exists() else 'no log'}")


@contextmanager
def running_server(binaries: Path) -> Iterator[PostgresServer]:
    """Start a server of its own in a temporary folder; stop it and remove the folder at the end."""
    folder = Path(tempfile.mkdtemp(prefix="concord-pg-"))
    port = _free_port()
    try:
        _init(binaries, folder)
        options = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
        _pg_ctl(binaries, folder, "-o", f"-p {port} -c unix_socket_directories={folder} {options}", "start")
        try:
            yield PostgresServer(binaries, port)
        finally:
            _pg_ctl(binaries, folder, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running server; skipped with the reason where PostgreSQL is not installed."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server found: install postgresql, or put initdb and postgres in PATH")
    with running_server(binaries) as server:
        yield server


_numbers = itertools.count(1)


def new_database(server: PostgresServer, template: str = "template1") -> str:
    """Create a database (a copy of `template`) and return its name."""
    name = f"t{next(_numbers)}"
    server.psql("postgres", f"CREATE DATABASE {name} TEMPLATE {template}")
    return name


_EMPTY = """
SET lock_timeout = '2s';
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();
DO $$
DECLARE name text;
BEGIN
    EXECUTE format('ALTER DATABASE %I RESET ALL', current_database());
    IF EXISTS (SELECT FROM pg_prepared_xacts WHERE database = current_database()) THEN
        RAISE EXCEPTION 'a prepared transaction was left behind';
    END IF;
    FOR name IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)' LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', name);
    END LOOP;
END $$;
CREATE SCHEMA public;
GRANT USAGE ON SCHEMA public TO PUBLIC;
"""
_spare: list[str] = []


@pytest.fixture
def pg_url(postgres: PostgresServer) -> Iterator[str]:
    """URL of an empty database of one test's own (emptied and used again: creating one costs a third of a second)."""
    name = _spare.pop() if _spare else new_database(postgres)
    yield postgres.url(name)
    postgres.psql(name, _EMPTY)
    _spare.append(name)


@pytest.fixture(scope="session")
def tryton_pg(postgres: PostgresServer, real_data: Path) -> str:
    """URL of a database holding the Tryton dump. Shared by the session: read only, copy it before changing it."""
    postgres.psql("postgres", "CREATE DATABASE tryton")
    dump = gzip.decompress((real_data / "tryton_erp" / "erp.sql.gz").read_bytes())
    postgres.psql("tryton", dump.decode())
    return postgres.url("tryton")


@pytest.fixture
def tryton_copy(postgres: PostgresServer, tryton_pg: str) -> Iterator[str]:
    """URL of a copy of the Tryton database that one test may change."""
    name = new_database(postgres, template="tryton")
    yield postgres.url(name)
    postgres.psql("postgres", f"DROP DATABASE {name} WITH (FORCE)")
