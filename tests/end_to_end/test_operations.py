"""What an operator meets: a refused gate, a source that is down, a dry run, a late file, a backfill, a bad contract."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from expectations.promise import load_promises
from pipelines.views import LandedRows
from store.explain import Cell, explain
from tests.end_to_end.harness import ROOT, Home, copy_of


@pytest.fixture
def synced(small_synced: Home) -> Home:
    """One hospital and the ERP, synced once. Tests work on copies."""
    return small_synced


@pytest.fixture
def home(synced: Home, tmp_path: Path) -> Home:
    """A copy of one's own."""
    return copy_of(synced, tmp_path / "home")


def test_a_dry_run_shows_what_would_be_pulled_and_changes_nothing(home: Home) -> None:
    arrived = home.path / "sample" / "north_inventory" / "receipts_20260110.csv"
    shutil.copyfile(arrived.with_name("receipts_20260108.csv"), arrived)
    landed = sorted((home.path / "landing").rglob("*"))
    before = home.manifest()
    done = home.sync("--dry-run")
    assert "receipts_20260110.csv" in done.stdout
    assert "2026-01-10" in done.stdout
    assert sorted((home.path / "landing").rglob("*")) == landed
    assert home.manifest() == before


def test_a_source_that_is_down_is_named_and_the_others_go_on(home: Home) -> None:
    erp = home.path / "sample" / "legacy_erp.sqlite"
    erp.rename(erp.with_suffix(".gone"))
    arrived = home.path / "sample" / "north_inventory" / "receipts_20260112.csv"
    text = arrived.with_name("receipts_20260108.csv").read_text("utf-8")
    arrived.write_text(text.replace("R2600", "R9900"), "utf-8")
    undated = arrived.with_name("receipts_20261399.csv")  # there is no such day
    undated.write_text(text, "utf-8")
    before = home.one("SELECT count(*) FROM conformed.fact_receipt_line")
    done = home.sync(check=1)
    undated.unlink()
    assert "not read: legacy_erp.item" in done.stdout
    assert "not read: north_inventory.receipt" in done.stdout
    assert "receipts_20261399.csv" in done.stdout
    assert "published version 2" in done.stdout
    assert home.one("SELECT count(*) FROM conformed.fact_receipt_line") > before
    assert home.one("SELECT count(*) FROM conformed.fact_po_line WHERE is_deleted_at_source") == 0


def test_the_gate_refuses_what_would_break_a_promise_and_readers_keep_the_last_version(home: Home) -> None:
    """A golden id is given twice in the working database: a defect of ours, so an error that blocks."""
    before = home.manifest()
    with duckdb.connect(str(home.path / "working.duckdb")) as con:
        con.execute("SET preserve_insertion_order = false")
        con.execute("UPDATE ops.meta SET value = CAST(CAST(value AS BIGINT) + 1 AS VARCHAR) WHERE key = 'change_seq'")
        con.execute(
            "INSERT INTO master.golden_item SELECT * REPLACE ((SELECT CAST(value AS BIGINT) FROM ops.meta "
            "WHERE key = 'change_seq') AS _change_seq) FROM master.golden_item WHERE item_sk = 1 AND is_current"
        )
    done = home.sync(check=2)
    assert "gate: dim_item" in done.stdout
    assert "readers keep version 1" in done.stdout
    assert home.manifest() == before
    assert not list((home.path / "published").glob(".candidate*"))
    home.run("rebuild")
    assert home.content_hash == before["content_hash"]


def test_a_hard_delete_and_an_update_in_the_erp_are_published(home: Home) -> None:
    with sqlite3.connect(home.path / "sample" / "legacy_erp.sqlite") as con:
        first, second = (row[0] for row in con.execute("SELECT rowid FROM po_line ORDER BY rowid LIMIT 2").fetchall())
        con.execute("DELETE FROM po_line WHERE rowid = ?", [first])
        con.execute("UPDATE po_line SET qty = qty + 7 WHERE rowid = ?", [second])  # silent: no stamp is touched
    total = home.one("SELECT sum(qty_txn) FROM conformed.fact_po_line WHERE _source_system = 'legacy_erp'")
    home.sync()
    assert home.one("SELECT count(*) FROM conformed.fact_po_line WHERE is_deleted_at_source") == 1
    after = home.one("SELECT sum(qty_txn) FROM conformed.fact_po_line WHERE _source_system = 'legacy_erp'")
    assert after - total == 7


def test_a_run_that_cannot_begin_is_a_failure_in_its_own_words(home: Home) -> None:
    """Not `nothing to do`: the control database is away, or the feed that is asked for does not exist."""
    url = "postgresql+psycopg://u:secret@127.0.0.1:9/x"
    done = home.sync(check=1, CONCORD_CONTROL_URL=url)
    assert "error: the control database cannot be used" in done.stdout
    assert "readers keep version 1" in done.stdout
    assert "secret" not in done.stdout + done.stderr
    done = home.sync("--feeds", "north_inventory.nothing", check=1)
    assert "error: no such feed in this network: north_inventory.nothing" in done.stdout


def test_quarantine_says_where_why_and_what_to_do_and_a_waiver_holds(home: Home) -> None:
    listed = home.run("quarantine", "list").stdout
    assert "file    receipts_20260107.csv" in listed
    assert "place   line 2, column 'expiry_date'" in listed
    assert "value   2027-13-40" in listed
    reject = next(text.split()[0] for text in listed.splitlines() if "north_inventory.receipt  type.date" in text)
    shown = home.run("quarantine", "show", reject).stdout
    assert "correct" in shown.split("what to do")[1]
    assert f"concord quarantine waive {reject} --reason" in shown
    replay = next(text.strip() for text in shown.splitlines() if "concord quarantine replay" in text)
    again = home.run(*replay.split()[1:]).stdout
    assert "deliveries read again" in again
    assert "1 rejected" in again
    home.run("quarantine", "waive", reject, "--reason", "typed wrongly", "--who", "J. Diaz")
    assert reject not in home.run("quarantine", "list").stdout
    assert "waived  by J. Diaz: typed wrongly" in home.run("quarantine", "list", "--all").stdout
    home.run("rebuild")
    assert reject not in home.run("quarantine", "list").stdout
    assert "nothing of it is open" in home.run("quarantine", "show", reject).stdout
    gone = home.run("quarantine", "waive", reject, "--reason", "again", "--who", "J. Diaz", check=1)
    assert f"nothing of {reject} is open" in gone.stderr


def test_late_feeds_are_said_recorded_and_alerted_but_nothing_is_published_for_them(home: Home) -> None:
    before = home.manifest()
    again = home.sync()
    assert "late: north_inventory.stock: last delivery as of 2026-01-09 05:00 UTC" in again.stdout
    assert "(promised: at most 30 h old (cadence nightly))" in again.stdout
    assert "nothing to do" in again.stdout
    assert home.manifest() == before
    rows = home.query(
        "SELECT scope, severity, success, observed FROM ops.dq_result WHERE suite = 'freshness' ORDER BY scope"
    )
    assert [row[:3] for row in rows if row[0] == "north_inventory.stock"] == [("north_inventory.stock", "warn", False)]
    assert not any(str(row[0]).startswith("legacy_erp") for row in rows), "tables are read when they change"
    listed = home.run("alerts", "list").stdout
    assert "warn  north_inventory." in listed
    assert "met 2 times" in listed
    assert "open, not sent" in listed


def test_a_table_that_readers_see_with_nothing_new_is_put_on_record(home: Home) -> None:
    # What comes in dated files is of January; what was read from the ERP's tables is of now.
    assert stale_on_record(home) == {"conformed.fact_receipt_line", "conformed.fact_stock_snapshot"}


def stale_on_record(home: Home) -> set[str]:
    """Tables that the control database calls stale."""
    with closing(sqlite3.connect(home.path / "control.sqlite")) as control:
        return {row[0] for row in control.execute("SELECT table_name FROM dq_result WHERE expectation = 'fresh'")}


def test_a_webhook_that_is_away_shows_in_the_summary_and_fails_nothing(home: Home) -> None:
    done = home.sync(CONCORD_ALERT_URL="http://127.0.0.1:9/token-canary")
    assert "alerts: 1 alerts wait for the next sync: the webhook cannot be reached" in done.stdout
    assert "token-canary" not in done.stdout + done.stderr


def test_every_cell_of_items_suppliers_and_locations_is_traced_to_what_the_source_says(synced: Home) -> None:
    """Value -> rule -> losing values -> delivery -> source row, against the ERP's own database."""
    with sqlite3.connect(synced.path / "sample" / "legacy_erp.sqlite") as con:
        said = dict(con.execute("SELECT item_no, description FROM item_master").fetchall())
    promises = load_promises(ROOT / "expectations" / "tables")
    reader = LandedRows(synced.network, synced.path)
    shared = synced.query(
        "SELECT item_sk, count(DISTINCT source_system) FROM conformed.bridge_item_xref WHERE item_sk > 0 "
        "GROUP BY item_sk ORDER BY count(DISTINCT source_system) DESC, item_sk LIMIT 4"
    )
    alone = synced.query(
        "SELECT item_sk, count(*) FROM conformed.bridge_item_xref WHERE item_sk > 0 "
        "GROUP BY item_sk HAVING count(*) = 1 ORDER BY item_sk LIMIT 2"
    )
    assert [count for _, count in shared] == [2, 2, 2, 2]
    wanted = [("dim_item", str(sk)) for sk, _ in (*shared, *alone)]
    for table, key in [*wanted, ("dim_supplier", "1"), ("dim_location", "3"), ("dim_item", "-1")]:
        found = explain(synced.path, promises, table, key, None, reader)
        assert [cell.column for cell in found.cells] == list(promises[table].column_names)
        assert all(is_complete(cell) for cell in found.cells), [c for c in found.cells if not is_complete(c)]
        cells = {cell.column: cell for cell in found.cells}
        if table == "dim_item" and key != "-1" and cells["item_no"].value in said:
            assert cells["description"].value == said[str(cells["item_no"].value)]
            assert cells["description"].source.values["description"] == cells["description"].value  # type: ignore
    merged = {cell.column: cell for cell in explain(synced.path, promises, *wanted[0], None, reader).cells}
    assert {loser.source_system for loser in merged["description"].losers} == {"north_inventory"}
    assert len(merged["item_sk"].crosswalk) == 2


def is_complete(cell: Cell) -> bool:
    """A rule, and a source row that was read again from landing; or a member or id that no row says."""
    if cell.how in ("member", "identity"):
        return bool(cell.rule and (cell.crosswalk or cell.how == "member"))
    source = cell.source
    return bool(cell.rule and source and source.delivery and source.values and source.note is None)


@pytest.mark.parametrize(
    ("table", "column"), [("fact_po_line", "qty_base"), ("fact_receipt_line", "item_sk"), ("fact_invoice_line", None)]
)
def test_a_fact_row_is_explained_as_a_steward_reads_it(synced: Home, table: str, column: str | None) -> None:
    [(key,)] = synced.query(f"SELECT _source_system || ':' || _source_key FROM conformed.{table} ORDER BY 1 LIMIT 1")
    text = synced.run("explain", table, str(key), *([column] if column else [])).stdout
    assert text.count("  delivery  ") == 1, "one source row, shown once"
    assert "source    [1]" in text
    assert "  row       " in text
    if column == "qty_base":
        assert "base units per" in text


def test_secrets_stay_out_of_everything_written(home: Home, tmp_path: Path) -> None:
    """A wrong password in a URL by environment reference shows up nowhere: not in messages, logs, events or tables."""
    canary = "hunter2-canary"
    network = tmp_path / "leaky.yml"
    network.write_text(
        "network: leaky\ndescription: x\ntimezone: UTC\nsources:\n"
        "  legacy_erp: {system: legacy_erp, url: env:LEAKY_URL}\n",
        "utf-8",
    )
    leaky = Home(tmp_path / "leaky", str(network), {"LEAKY_URL": f"postgresql+psycopg://u:{canary}@127.0.0.1:9/x"})
    done = leaky.sync(check=1)
    assert "not read" in done.stdout
    assert canary not in done.stdout + done.stderr
    leaked = [path for path in leaky.path.rglob("*") if path.is_file() and canary.encode() in path.read_bytes()]
    assert leaked == []


def test_a_wrong_contract_is_reported_at_its_line(tmp_path: Path) -> None:
    for name in ("feeds", "networks"):
        shutil.copytree(ROOT / name, tmp_path / name)
    contract = tmp_path / "feeds" / "inventory" / "stock.yml"
    text = contract.read_text("utf-8").replace("reject_threshold", "reject_treshold")
    if "reject_treshold" not in text:
        text += "reject_treshold: 0.1\n"
    contract.write_text(text, "utf-8")
    line = next(n for n, content in enumerate(text.splitlines(), 1) if content.startswith("reject_treshold"))
    done = Home(tmp_path / "var", env={"CONCORD_PROJECT": str(tmp_path)}).run("feeds", "check", check=1)
    assert f"stock.yml:{line}:1" in done.stderr
    assert "did you mean 'reject_threshold'?" in done.stderr
