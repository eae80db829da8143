"""The spine beside hand-written DuckDB SQL doing the same job, in the same run: seconds, ratio, peak memory.

Job: a 2-million-row order table (PostgreSQL where a server is installed, else SQLite) and a 2-million-row receipt
file, with 20,000 items, 500 suppliers and 200 locations to resolve against; then one per cent of both changed.

    python bench/spine.py                 # 2,000,000 rows each; several minutes
    python bench/spine.py --rows 200000   # a quick look

Each measured step is a process of its own; its peak memory is the largest resident set of that process.
"""

from __future__ import annotations

import argparse
import importlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

BENCH = Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH.parent))

from bench import inputs  # noqa: E402 - the repository is put on the path above


@dataclass(frozen=True)
class Measure:
    """One measured step. `mb`: peak resident memory in MiB."""

    name: str
    seconds: float
    mb: float


def measured(name: str, work: Callable[..., None], *arguments: object) -> Measure:
    """Run `work` in a fresh process and measure it; loading the program counts for commands only."""
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_timed, args=(there, work, arguments))
    process.start()
    seconds, kilobytes = here.recv()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{name} failed")
    return Measure(name, seconds, kilobytes / 1024)


def _timed(pipe: Connection, work: Callable[..., None], arguments: tuple[object, ...]) -> None:
    if work.__name__ == "work":
        loaded()
    started = time.perf_counter()
    work(*arguments)
    seconds = time.perf_counter() - started
    mine = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    theirs = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    pipe.send((seconds, max(mine, theirs)))


# -- the floor ----------------------------------------------------------------------------------------------


def statements(path: Path, **values: str) -> list[str]:
    """The statements of a SQL file, with the named values put in."""
    lines = path.read_text("utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("--"))
    return [part.strip() for part in (text.format(**values) if values else text).split(";") if part.strip()]


def extract_orders(url: str, target: Path, since: str | None) -> None:
    """COPY the order lines to a CSV file, the fastest way out of PostgreSQL; a plain select for SQLite."""
    where = f"WHERE updated_at >= '{since}'" if since else ""
    if url.startswith("sqlite"):
        import csv
        import sqlite3

        with sqlite3.connect(url.removeprefix("sqlite:///")) as con, target.open("w", newline="") as out:
            csv.writer(out).writerows(con.execute(f"SELECT * FROM po_line {where}"))
        return
    import psycopg

    statement = f"COPY (SELECT * FROM po_line {where}) TO STDOUT (FORMAT csv)"
    with psycopg.connect(url.replace("+psycopg", "")) as postgres, postgres.cursor() as cursor:
        with cursor.copy(statement.encode()) as copy, target.open("wb") as out:
            out.writelines(copy)


def floor(script: str, url: str, files: str, receipts: str, home: str, since: str | None) -> None:
    """The hand-written job: extract, load, resolve, publish, check."""
    import duckdb

    folder = Path(home)
    orders = folder / "orders.csv"
    extract_orders(url, orders, since)
    with duckdb.connect(str(folder / "working.duckdb")) as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute("SET preserve_insertion_order = false")
        values = {
            "masters": files,
            "receipts": receipts,
            "orders": str(orders),
            "published": str(folder / "published.duckdb"),
            "delivery": "by hand",
        }
        for statement in statements(BENCH / "sql" / script, **values):
            con.execute(statement)
        for check in statements(BENCH / "sql" / "floor_checks.sql"):
            if con.execute(check).fetchone() is not None:
                raise SystemExit(f"floor check failed: {check}")


def floor_full(url: str, files: str, receipts: str, home: str) -> None:
    """Everything from nothing."""
    floor("floor_full.sql", url, files, receipts, home, None)


def floor_incremental(url: str, files: str, receipts: str, home: str, since: str) -> None:
    """One per cent changed; the published file is copied first, as Concord does, so that readers keep theirs."""
    folder = Path(home)
    shutil.copyfile(folder / "published.duckdb", folder / "next.duckdb")
    (folder / "next.duckdb").replace(folder / "published.duckdb")
    floor("floor_incremental.sql", url, files, receipts, home, since)


# -- Concord ------------------------------------------------------------------------------------------------


def environment(home: str, url: str, files: str) -> dict[str, str]:
    """What a sync of the benchmark's network needs to know."""
    return {
        "CONCORD_PROJECT": str(BENCH / "spine_project"),
        "CONCORD_HOME": home,
        "CONCORD_NETWORK": "bench",
        "BENCH_URL": url,
        "BENCH_FILES": files,
    }


def concord(home: str, url: str, files: str, cadence: str) -> None:
    """`concord sync` as a command, start of the program included."""
    command = [sys.executable, "-m", "pipelines", "sync", "--cadence", cadence]
    env = {**os.environ, **environment(home, url, files)}
    done = subprocess.run(command, env=env, cwd=BENCH.parent, capture_output=True, text=True, check=False)
    sys.stderr.write(done.stdout)
    if done.returncode:
        raise SystemExit(f"concord ended {done.returncode}\n{done.stdout}\n{done.stderr}")


def loaded() -> None:
    """Load the program: not part of the work, as for the floor."""
    importlib.import_module("assets.session")
    importlib.import_module("expectations.gate").warm_up().join()
    duckdb = importlib.import_module("duckdb")
    duckdb.connect().register("first", importlib.import_module("pyarrow").table({"first": [1]}))


def work(home: str, url: str, files: str, cadence: str) -> None:
    """The same sync in a process that has its program loaded: rejects, history, lineage, gate, hashes, dictionary."""
    os.environ.update(environment(home, url, files))
    from assets.session import DOMAIN_ORDER, SyncSession
    from assets.settings import load_settings

    with SyncSession(load_settings(), cadence) as session:
        session.begin()
        session.pull(session.selected)
        for source, feed in session.selected:
            session.stage(source, feed)
        for domain in DOMAIN_ORDER:
            session.master(domain)
        session.conform()
        session.validate()
        session.publish()
        if session.report.outcome != "published":
            raise SystemExit(f"the sync ended {session.report.outcome}: {session.report.failed_errors}")


# -- the run ------------------------------------------------------------------------------------------------


@contextmanager
def database(scratch: Path, engine: str) -> Iterator[str]:
    """URL of an empty database: PostgreSQL started for this run, or a SQLite file."""
    if engine == "sqlite":
        yield f"sqlite:///{scratch / 'orders.sqlite'}"
        return
    from tests.postgres import find_binaries, running_server

    binaries = find_binaries()
    if binaries is None:
        raise SystemExit("no PostgreSQL server found: install postgresql, or use --engine sqlite")
    with running_server(binaries) as server:
        yield server.url("postgres")


def run(rows: int, engine: str) -> list[list[Measure]]:
    """Floor, Concord, Concord as a command; full and incremental."""
    with tempfile.TemporaryDirectory(prefix="concord-bench-") as folder:
        scratch = Path(folder)
        files, by_hand, home, warm = (scratch / name for name in ("files", "by_hand", "home", "warm"))
        for path in (files, by_hand, home, warm):
            path.mkdir()
        inputs.write_masters(files)
        receipts = inputs.write_receipts(files, rows)
        with database(scratch, engine) as url:
            inputs.load_orders(url, rows, scratch)
            homes = [str(home), str(warm)]
            full = [
                measured("full, by hand", floor_full, url, str(files), str(receipts), str(by_hand)),
                measured("full, concord", work, homes[1], url, str(files), "nightly"),
                measured("full, concord command", concord, homes[0], url, str(files), "nightly"),
            ]
            moment = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
            inputs.change_orders(url, rows, moment)
            changed = inputs.write_changed_receipts(files, rows)
            incremental = [
                measured("1 %, by hand", floor_incremental, url, str(files), str(changed), str(by_hand), moment),
                measured("1 %, concord", work, homes[1], url, str(files), "hourly"),
                measured("1 %, concord command", concord, homes[0], url, str(files), "hourly"),
            ]
            nothing = measured("nothing new, command", concord, homes[0], url, str(files), "hourly")
        print(f"{nothing.name:24} {nothing.seconds:8.2f} s {nothing.mb:8.0f} MiB")
        return [full, incremental]


def main() -> None:
    """Parse arguments, run, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000, help="rows of each of the two inputs")
    parser.add_argument("--engine", choices=("postgresql", "sqlite"), default="postgresql")
    arguments = parser.parse_args()
    for by_hand, *ours in run(arguments.rows, arguments.engine):
        print(f"{by_hand.name:24} {by_hand.seconds:8.2f} s {by_hand.mb:8.0f} MiB")
        for one in ours:
            ratio = one.seconds / by_hand.seconds
            print(f"{one.name:24} {one.seconds:8.2f} s {one.mb:8.0f} MiB   {ratio:6.2f} x")


if __name__ == "__main__":
    main()
