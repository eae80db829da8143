"""Makes a whole simulated hospital network: extracts, network file and truth.

Here: which part comes after which, and the folder layout. Not here: the world (`model`), how systems write it down
(`systems`), defects (`mess`), what is true (`truth`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import duckdb
import yaml

from sample_network.model.plan import Plan
from sample_network.model.world import WAREHOUSE, live_through, open_world, world_of_sites
from sample_network.systems.business import (
    prepare_business,
    write_business_network,
    write_business_site,
    write_site_books,
)
from sample_network.systems.drop import Drop, Writers
from sample_network.systems.edi import note_keys, write_edi
from sample_network.systems.erp import DATABASE, SqliteSink, UrlSink, note_site_orders, write_masters, write_site_orders
from sample_network.systems.sites import write_sites
from sample_network.systems.suites import CLOUD_INVOICES, CLOUD_MASTERS, DATA_POOL, PROCUREMENT, write_suite
from sample_network.systems.unread import write_unread_network, write_unread_sites
from sample_network.truth import store

NETWORK_FILE = "simulated.yml"
Settings = dict[str, str | dict[str, str]]
HEAD_ZONE = "America/New_York"
#: Days of hospitals that are made together: a quarter of a million facts, some hundred megabytes.
SITE_DAYS = 240


@dataclass(frozen=True, slots=True)
class Built:
    """What was made. `facts`: fact rows of the truth, `files`: drop files by then, `defects`: defects listed."""

    facts: int
    files: int
    defects: int


def build(out: Path, plan: Plan, erp_url: str | None = None, memory_limit: str = "2GB", threads: int = 2) -> Built:
    """Writes the network of `plan` to folder `out`.

    A folder that is there already is brought forward: drop files stay as they are, newer ones are added, the ERP's
    database and the truth are written anew. So a month emitted day by day leaves the bytes of a month written at once.
    `erp_url`: SQLAlchemy URL of an empty database that takes the ERP's tables instead of a SQLite file.
    """
    out.mkdir(parents=True, exist_ok=True)
    con = open_world(plan, memory_limit, threads)
    try:
        prepare_business(con)
        store.begin(con, out / store.FILE, plan)
        with _sink(out, erp_url) as sink, Writers() as writers:
            write_masters(con, sink)
            works = Works(con, out, plan, writers)
            _write_shared(works)
            write_business_network(con, out, sink, writers)
            con.execute("SET threads = 1")  # as many batches at a time instead, each on one thread
            for batches in (_batches(plan), [range(WAREHOUSE, WAREHOUSE + 1)]):
                for at in works.worlds(batches, threads):
                    _note_in_order(at, sink)
        con.execute(f"SET threads = {threads}")
        write_network_file(con, out / NETWORK_FILE, erp_url)
        rows = store.finish(con, out)
    finally:
        con.close()
    return Built(rows["fact"], rows["file"], rows["defect"])


def _sink(out: Path, erp_url: str | None) -> AbstractContextManager[SqliteSink | UrlSink]:
    return UrlSink(erp_url) if erp_url else SqliteSink(out / DATABASE)


def _batches(plan: Plan) -> list[range]:
    """The hospitals in their order, so many together that statements have work and memory stays bounded."""
    size = max(1, min((plan.facilities + 1) // 2, SITE_DAYS // plan.days))
    return [range(first, min(first + size, plan.facilities + 1)) for first in range(1, plan.facilities + 1, size)]


@dataclass(frozen=True, slots=True)
class Works:
    """What the making of all sites shares."""

    con: duckdb.DuckDBPyConnection
    root: Path
    plan: Plan
    writers: Writers

    def worlds(self, batches: Sequence[range], threads: int) -> Iterator[duckdb.DuckDBPyConnection]:
        """Makes the sites of batches, `threads` batches at a time, and gives the connection of each in their order.

        A batch's tables lie in its connection and are dropped when the next is asked for; no more than one batch more
        than `threads` is under way, so that memory stays bounded. Raises what went wrong at a batch.
        """
        under_way: deque[Future[duckdb.DuckDBPyConnection]] = deque()
        to_come = iter(batches)
        with ThreadPoolExecutor(threads) as pool:
            under_way.extend(pool.submit(self.make, batch) for batch in islice(to_come, threads + 1))
            while under_way:
                with under_way.popleft().result() as at:
                    yield at
                under_way.extend(pool.submit(self.make, batch) for batch in islice(to_come, 1))

    def make(self, sites: range) -> duckdb.DuckDBPyConnection:
        """Makes some sites beside the others: their files, and the truth that asks nothing of other sites."""
        at = world_of_sites(self.con, self.plan)
        live_through(at, sites[0], sites[-1])
        at.begin()  # one transaction, so that the truth file waits for the disk once per batch
        write_sites(self.drop(at, None))
        write_edi(at, self.root, self.writers)
        note_site_orders(at)
        write_suite(self.drop(at, "cloud_erp"), CLOUD_INVOICES)
        write_unread_sites(at, self.root, self.writers)
        write_business_site(at, self.root, self.writers)
        store.note_sites(at)
        at.commit()
        return at

    def drop(self, con: duckdb.DuckDBPyConnection, source: str | None) -> Drop:
        """The drop folder of a source, or of each site its own."""
        return Drop(con, self.root, source, self.plan.end.replace(tzinfo=None), self.writers)


def _note_in_order(at: duckdb.DuckDBPyConnection, sink: SqliteSink | UrlSink) -> None:
    """What must come batch after batch: keys that an earlier one may have used, rows of a database that keeps order."""
    note_keys(at)
    write_site_orders(at, sink)
    write_site_books(at, sink)


def _write_shared(works: Works) -> None:
    write_suite(works.drop(works.con, "procurement"), PROCUREMENT)
    write_suite(works.drop(works.con, "gs1_catalogue"), DATA_POOL)
    write_suite(works.drop(works.con, "cloud_erp"), CLOUD_MASTERS)
    write_unread_network(works.con, works.root, works.writers)


def write_network_file(con: duckdb.DuckDBPyConnection, path: Path, erp_url: str | None) -> None:
    """The network file of these extracts; folders are relative to it. A database URL is read from CONCORD_ERP_URL."""
    zone = {"timezone": HEAD_ZONE}
    erp = "env:CONCORD_ERP_URL" if erp_url else f"sqlite:///{DATABASE}"
    database: Settings = {"url": erp, "stands_at": {"table": "system_status", "column": "stands_at"}}
    sources: dict[str, Settings] = {
        "legacy_erp": {"system": "legacy_erp", **database, **zone},
        "cloud_erp": {"system": "cloud_erp", "location": "cloud_erp", **zone},
        "procurement": {"system": "procurement", "location": "procurement", **zone},
        "gs1_catalogue": {"system": "gs1_catalogue", "location": "gs1_catalogue", **zone},
        "edi_hub": {"system": "edi", "location": "edi", **zone},
        "ap_automation": {"system": "ap_automation", "location": "ap_automation", **zone},
        "legacy_finance": {"system": "legacy_finance", **database, **zone},
        "cloud_finance": {"system": "cloud_finance", "location": "cloud_finance", **zone},
    }
    for code, source, site_zone, dialect in con.sql(
        "SELECT code, source, zone, dialect FROM facility ORDER BY facility_no"
    ).fetchall():
        sources[source] = {"system": dialect, "location": source, "timezone": site_zone, "facility": code}
    network = {
        "network": Path(NETWORK_FILE).stem,
        "description": f"A simulated network of {len(sources) - 9} hospitals and a warehouse (concord sample)",
        "timezone": HEAD_ZONE,
        "fiscal_year_start_month": 7,
        "sources": sources,
    }
    path.write_text(yaml.safe_dump(network, sort_keys=False, allow_unicode=True), encoding="utf-8")
    for source in sources.values():  # also of a system that has nothing to say yet, or a sync would call it unread
        if "location" in source:
            (path.parent / str(source["location"])).mkdir(exist_ok=True)
