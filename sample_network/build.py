"""Makes a whole simulated hospital network: extracts, network file and truth.

Here: which part comes after which, and the folder layout. Not here: the world (`model`), how systems write it down
(`systems`), defects (`mess`), what is true (`truth`).
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import yaml

from sample_network.model.plan import Plan
from sample_network.model.world import WAREHOUSE, live_through, open_world
from sample_network.systems.business import prepare_business, write_business_network, write_business_site
from sample_network.systems.drop import Drop, Writers
from sample_network.systems.edi import write_edi
from sample_network.systems.erp import DATABASE, SqliteSink, UrlSink, write_masters, write_site_orders
from sample_network.systems.sites import write_site
from sample_network.systems.suites import CLOUD_INVOICES, CLOUD_MASTERS, PROCUREMENT, write_suite
from sample_network.systems.unread import write_unread_network, write_unread_site
from sample_network.truth import store

NETWORK_FILE = "simulated.yml"
HEAD_ZONE = "America/New_York"


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
            _write_shared(con, out, plan, writers)
            write_business_network(con, out, sink, writers)
            for facility_no, zone, source, dialect in _sites(con):
                live_through(con, facility_no)
                # One transaction a site: each statement on its own would write the truth file once more.
                con.execute("BEGIN TRANSACTION")
                write_site(_drop(con, out, plan, source, zone, writers), facility_no, dialect)
                write_edi(con, out, writers)
                write_site_orders(con, sink)
                write_suite(_drop(con, out, plan, "cloud_erp", zone, writers), CLOUD_INVOICES)
                write_unread_site(con, out)
                write_business_site(con, out, sink, writers)
                store.note_site(con)
                con.execute("COMMIT")
        facts, files, defects = (_count(con, table) for table in ("fact", "file", "defect"))
        write_network_file(con, out / NETWORK_FILE, erp_url)
        store.finish(con, out)
    finally:
        con.close()
    return Built(facts, files, defects)


def _sink(out: Path, erp_url: str | None) -> AbstractContextManager[SqliteSink | UrlSink]:
    return UrlSink(erp_url) if erp_url else SqliteSink(out / DATABASE)


def _drop(con: duckdb.DuckDBPyConnection, out: Path, plan: Plan, source: str, zone: str, writers: Writers) -> Drop:
    return Drop(con, out, source, zone, plan.hourly, plan.end.replace(tzinfo=None), writers)


def _write_shared(con: duckdb.DuckDBPyConnection, out: Path, plan: Plan, writers: Writers) -> None:
    write_suite(_drop(con, out, plan, "procurement", HEAD_ZONE, writers), PROCUREMENT)
    write_suite(_drop(con, out, plan, "cloud_erp", HEAD_ZONE, writers), CLOUD_MASTERS)
    write_unread_network(con, out)


def _sites(con: duckdb.DuckDBPyConnection) -> list[tuple[int, str, str, str]]:
    """Hospitals in their order; the warehouse last, because it delivers what they took."""
    return con.sql(
        f"SELECT facility_no, zone, source, dialect FROM facility ORDER BY facility_no = {WAREHOUSE}, facility_no"
    ).fetchall()


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(con.sql(f"SELECT count(*) FROM truth.{table}").fetchall()[0][0])


def write_network_file(con: duckdb.DuckDBPyConnection, path: Path, erp_url: str | None) -> None:
    """The network file of these extracts; folders are relative to it. A database URL is read from CONCORD_ERP_URL."""
    zone = {"timezone": HEAD_ZONE}
    erp = "env:CONCORD_ERP_URL" if erp_url else f"sqlite:///{DATABASE}"
    sources: dict[str, dict[str, str]] = {
        "legacy_erp": {"system": "legacy_erp", "url": erp, **zone},
        "cloud_erp": {"system": "cloud_erp", "location": "cloud_erp", **zone},
        "procurement": {"system": "procurement", "location": "procurement", **zone},
        "edi_hub": {"system": "edi", "location": "edi", **zone},
        "ap_automation": {"system": "ap_automation", "location": "ap_automation", **zone},
        "legacy_finance": {"system": "legacy_finance", "url": erp, **zone},
        "cloud_finance": {"system": "cloud_finance", "location": "cloud_finance", **zone},
    }
    for code, source, site_zone, dialect in con.sql(
        "SELECT code, source, zone, dialect FROM facility ORDER BY facility_no"
    ).fetchall():
        sources[source] = {"system": dialect, "location": source, "timezone": site_zone, "facility": code}
    network = {
        "network": Path(NETWORK_FILE).stem,
        "description": f"A simulated network of {len(sources) - 8} hospitals and a warehouse (concord sample)",
        "timezone": HEAD_ZONE,
        "fiscal_year_start_month": 7,
        "sources": sources,
    }
    path.write_text(yaml.safe_dump(network, sort_keys=False, allow_unicode=True), encoding="utf-8")
