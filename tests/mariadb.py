"""A real MariaDB server for tests: started on loopback, thrown away at the end.

Here: the server. Not here: what the tests do with it. Where no server binaries or no driver (pymysql) are found the
tests are skipped, saying so.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

_SEARCH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
_SETTINGS = (
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-buffer-pool-size=64M",
    "--skip-log-bin",
    "--skip-name-resolve",
)


def _program(*names: str) -> str | None:
    return next((found for name in names if (found := shutil.which(name, path=_SEARCH))), None)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(server: subprocess.Popen[bytes], url: str, seconds: float = 60) -> None:
    """Until it answers; raises with the reason when it ends or does not within `seconds`."""
    engine, end = sa.create_engine(url), time.monotonic() + seconds
    while True:
        try:
            engine.connect().close()
            break
        except sa.exc.OperationalError as error:
            if server.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"MariaDB did not start (exit {server.poll()})") from error
            time.sleep(0.1)
    engine.dispose()


@contextmanager
def running_server(daemon: str, installer: str) -> Iterator[str]:
    """Start a server of its own; yields the SQLAlchemy URL of it without a database, ending in a slash."""
    folder, port = Path(tempfile.mkdtemp(prefix="concord-my-")), _free_port()
    me = f"--user={pwd.getpwuid(os.geteuid()).pw_name}"
    data = f"--datadir={folder / 'data'}"
    try:
        install = [installer, "--no-defaults", data, me, "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(install, check=True, capture_output=True)
        command = [daemon, "--no-defaults", data, me, f"--port={port}", "--bind-address=127.0.0.1", *_SETTINGS]
        command += [f"--socket={folder / 'socket'}", f"--pid-file={folder / 'pid'}"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            try:
                url = f"mysql+pymysql://root@127.0.0.1:{port}/"
                _wait(server, url)
                yield url
            finally:
                server.terminate()
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[str]:
    """URL of a running server, ending in a slash; skipped with the reason where MariaDB or its driver is missing."""
    pytest.importorskip("pymysql", reason="no MariaDB driver: install pymysql")
    daemon, installer = _program("mariadbd", "mysqld"), _program("mariadb-install-db", "mysql_install_db")
    if daemon is None or installer is None:
        pytest.skip("no MariaDB server found: install mariadb-server-core and mariadb-client-core")
    with running_server(daemon, installer) as url:
        yield url
