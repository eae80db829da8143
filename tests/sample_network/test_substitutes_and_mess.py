"""Substitutes that are really sent, suppliers that were bought, lots that sites share, and the newer defects."""

from __future__ import annotations

import csv
import re
import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from sample_network.build import build
from sample_network.mess.kinds import kinds
from sample_network.model.plan import FIRST_DAY, Plan
from sample_network.model.world import live_through, open_world, script
from sample_network.systems.drop import COLUMNS, Layout, layout_table
from sample_network.systems.drop import HERE as SYSTEMS
from sample_network.truth.store import HERE as TRUTH


@pytest.fixture(scope="module")
def world() -> duckdb.DuckDBPyConnection:
    """The world of North, 40 days."""
    con = open_world(Plan(seed=13, facilities=2, days=40))
    live_through(con, 1, 1)
    return con


def test_a_substitute_is_another_makers_item_that_the_site_carries(world: duckdb.DuckDBPyConnection) -> None:
    sent = world.sql("""
        SELECT o.kind = s.kind AND o.size = s.size AND o.sterility = s.sterility AND o.mfr_no <> s.mfr_no,
            s.item_no IN (SELECT item_no FROM carried), h.uom, h.qty = l.qty * l.factor, h.qty_base = l.qty * l.factor
        FROM po_line AS l JOIN shipment AS h USING (po_no, line_no) JOIN item AS o ON o.item_no = l.item_no
        JOIN item AS s ON s.item_no = h.item_no
        WHERE l.fate = 'substituted'""").fetchall()
    assert len(sent) >= 5
    assert set(sent) == {(True, True, "EA", True, True)}
    offered = (
        "SELECT count(*) FROM po_line JOIN shipment USING (po_no, line_no) WHERE fate IN ('substitute', 'rejected')"
    )
    assert world.sql(offered).fetchall() == [(0,)]


def _receipts(folder: Path) -> dict[str, str]:
    """Order line -> item id, from North's receipt files."""
    return {
        f"{row['po_no']}|{row['po_line_no']}": row["item_id"]
        for path in sorted(folder.glob("receipts_????????.csv"))
        for row in csv.DictReader(path.read_text("latin-1").splitlines())
    }


def test_a_substitute_is_received_and_billed_as_what_it_is(
    months: Path, months_truth: duckdb.DuckDBPyConnection, world: duckdb.DuckDBPyConnection
) -> None:
    received = _receipts(months / "north_inventory")
    sent = world.sql("""
        SELECT concat(po_no, '|', line_no), c.local_id FROM po_line JOIN shipment AS h USING (po_no, line_no)
        JOIN carried AS c ON c.item_no = h.item_no WHERE fate = 'substituted'""").fetchall()
    assert len(sent) >= 5
    assert [received[line] for line, _ in sent] == [local_id for _, local_id in sent]
    billed = months_truth.sql("""
        SELECT f.item_id = i.item_id, o.item_id <> i.item_id FROM invoice_match AS i
        JOIN fact AS f ON f.table_name = 'fact_invoice_line' AND f.source_system <> 'edi_hub'
            AND split_part(f.source_key, '|', 2) = i.invoice_no
            AND split_part(f.source_key, '|', 3) = CAST(i.invoice_line AS VARCHAR)
        JOIN fact AS o ON o.table_name = 'fact_po_line' AND o.source_system = 'legacy_erp'
            AND o.source_key = concat(i.po_no, '|', i.po_line)
        WHERE i.result = 'item'""").fetchall()
    assert len(billed) >= 5
    assert set(billed) == {(True, True)}


def _segments(path: Path) -> list[list[str]]:
    found = []
    for part in re.split(r"(?=ISA[*|^]00)", path.read_text("ascii"))[1:]:
        found += [segment.strip().split(part[3]) for segment in part.split(part[105]) if segment.strip()]
    return found


def _part_numbers(folder: Path, pattern: str, order: str, line: str, part: str) -> dict[str, str]:
    """Order line -> the part number (VN) that the segments `part` name after the segment `line`."""
    found, po_no, line_no = {}, "", ""
    for path in sorted(folder.glob(pattern)):
        for segment in _segments(path):
            if segment[0] == order:
                po_no = segment[3 if order == "BAK" else 1]
            if segment[0] == line:
                line_no = segment[1]
            if segment[0] == part and "VN" in segment and (part != "ACK" or segment[1] == "IS"):
                found[f"{po_no}|{line_no}"] = segment[segment.index("VN") + 1]
    return found


def test_edi_documents_name_what_was_sent(months: Path, world: duckdb.DuckDBPyConnection) -> None:
    """The acknowledgment offers a part (IS), the ship notice of that line has its number, and the order another one."""
    offered = _part_numbers(months / "edi", "855_NORTH_*.edi", "BAK", "PO1", "ACK")
    shipped = _part_numbers(months / "edi", "856_NORTH_*.edi", "PRF", "LIN", "LIN")
    ordered = _part_numbers(months / "edi", "855_NORTH_*.edi", "BAK", "PO1", "PO1")
    sent = world.sql("""
        SELECT DISTINCT concat(po_no, '|', line_no) FROM po_line JOIN shipment USING (po_no, line_no)
        JOIN supplier AS s ON s.supplier_no = po_line.vendor_no
        WHERE fate = 'substituted' AND s.is_edi AND s.edi_style <> 3 AND shipment.day < 39""").fetchall()
    assert len(sent) >= 3
    for (line,) in sent:
        assert shipped[line] == offered[line] != ordered[line]


def test_orders_follow_a_supplier_that_was_bought(world: duckdb.DuckDBPyConnection, months: Path) -> None:
    """Before the day to the supplier of the item, from that day on to the buyer, and to nobody else."""
    ordered = world.sql("""
        SELECT l.day >= s.merged_day, l.vendor_no = s.bought_by, l.vendor_no = i.vendor_no, count(*)
        FROM po_line AS l JOIN item AS i USING (item_no) JOIN supplier AS s ON s.supplier_no = i.vendor_no
        WHERE s.bought_by IS NOT NULL GROUP BY ALL ORDER BY ALL""").fetchall()
    assert [row[:3] for row in ordered] == [(False, False, True), (True, True, False)]
    assert all(row[3] > 5 for row in ordered)
    bought = world.sql("SELECT erp_no, bought_by FROM supplier WHERE bought_by IS NOT NULL ORDER BY 1").fetchall()
    with sqlite3.connect(months / "legacy_erp.sqlite") as erp:
        names = dict(erp.execute("SELECT vendor_no, name FROM vendor"))
    assert all(" (now " in names[vendor] for vendor, _ in bought)


def test_before_the_day_a_vendor_record_says_nothing_of_its_buyer(tmp_path: Path) -> None:
    until = datetime.combine(FIRST_DAY + timedelta(days=2), datetime.min.time(), UTC)
    build(tmp_path / "early", Plan(seed=11, facilities=1, days=2, until=until))
    with sqlite3.connect(tmp_path / "early" / "legacy_erp.sqlite") as erp:
        assert erp.execute("SELECT count(*) FROM vendor WHERE name LIKE '% (now %'").fetchone() == (0,)
    with duckdb.connect(str(tmp_path / "early" / "truth.duckdb"), read_only=True) as con:
        assert con.sql("SELECT count(*) FROM defect WHERE kind = 'supplier_merged'").fetchall() == [(0,)]


def test_a_makers_lot_is_at_several_sites_and_has_one_expiry_date() -> None:
    con = open_world(Plan(seed=11, facilities=8, days=20))
    con.execute("CREATE TABLE lots (facility_no INTEGER, item_no INTEGER, lot VARCHAR, expiry_day BIGINT)")
    for site in range(1, 9):
        live_through(con, site, site)
        con.execute(f"INSERT INTO lots SELECT {site}, item_no, lot, expiry_day FROM shipment WHERE lot IS NOT NULL")
    found = con.sql("""
        SELECT count(*), count(*) FILTER (WHERE sites > 1), max(expiries) FROM
            (SELECT count(DISTINCT facility_no) AS sites, count(DISTINCT expiry_day) AS expiries
            FROM lots GROUP BY item_no, lot)
    """).fetchall()[0]
    assert found[0] > 1000
    assert found[1] > 200
    assert found[2] == 1


# -- kinds of defects --------------------------------------------------------------------------------------


def _place(months: Path, con: duckdb.DuckDBPyConnection, kind: str, like: str) -> list[dict[str, str]]:
    """Rows of North's lists at which the truth says a defect is."""
    places = con.execute(
        "SELECT file, line FROM defect WHERE kind = ? AND source_system = 'north_inventory' AND file LIKE ? "
        "ORDER BY ALL",
        [kind, like],
    ).fetchall()
    found = []
    for file, line in places:
        rows = list(csv.DictReader((months / "north_inventory" / file).read_text("utf-8").splitlines()))
        found.append(rows[line - 2])
    return found


def test_spoiled_texts_and_numbers_are_where_the_truth_says(
    months: Path, months_truth: duckdb.DuckDBPyConnection
) -> None:
    first = "items_20260223.csv"
    aliases = _place(months, months_truth, "mfr_alias", first)
    suppliers = months_truth.sql("SELECT upper(name) FROM entity WHERE domain = 'supplier'").fetchall()
    names = {name for (name,) in suppliers}
    assert len(aliases) > 20
    assert not {row["manufacturer"] for row in aliases} & names
    assert {row["mfr_part_no"] for row in _place(months, months_truth, "code_sentinel", "items_%")} == {"N/A"}
    vague = _place(months, months_truth, "text_of_lookalike", first)
    assert vague
    assert all(row["description"].count(" ") <= 4 and row["description"].endswith("sterile") for row in vague)
    assert all("â€“" in row["description"] for row in _place(months, months_truth, "text_mojibake", "items_%"))


TOLD = {"facility_no", "day", "minute"}


def test_a_file_out_of_order_comes_after_the_next_of_its_kind() -> None:
    """Of the files of a feed, exactly the struck ones are dropped later than their successor."""
    con = open_world(Plan(seed=3, facilities=1, days=400, without=frozenset({"file_late", "file_duplicate"})))
    con.execute("CREATE SCHEMA truth")
    for statement in script("schema.sql", TRUTH).split(";"):
        con.execute(statement)
    con.execute(layout_table([(Layout("y", "f_{day}", ""), "")], "x"))
    nothing = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in COLUMNS.items() if name not in TOLD)
    con.execute(f"""CREATE TEMP TABLE raw_line AS SELECT 0 AS layout_no, -1 AS facility_no, CAST(day AS INTEGER) AS day,
        -1 AS minute, {nothing} FROM range(400) AS t (day)""")
    con.execute(script("drop.sql", SYSTEMS))
    found = con.sql("""
        SELECT list_contains(kinds, 'file_out_of_order') AS struck, available > next, count(*)
        FROM (SELECT *, lead(available) OVER (ORDER BY file) AS next,
            list_contains(lead(kinds) OVER (ORDER BY file), 'file_out_of_order') AS next_struck FROM out_file)
        WHERE next IS NOT NULL AND NOT next_struck GROUP BY ALL ORDER BY ALL""").fetchall()
    assert [row[:2] for row in found] == [(False, False), (True, True)]
    assert found[1][2] >= 1


def test_an_hour_that_comes_twice(tmp_path: Path) -> None:
    """A network that begins in autumn: local times of the doubled hour are written for the struck rows alone."""
    plan = Plan(seed=5, facilities=3, days=8, first_day=date(2026, 10, 26))
    build(tmp_path / "autumn", plan)
    con = duckdb.connect(str(tmp_path / "autumn" / "truth.duckdb"), read_only=True)
    struck = {k for (k,) in con.sql("SELECT source_key FROM defect WHERE kind = 'dst_fold'").fetchall()}
    assert con.sql("SELECT count(*) FROM defect WHERE kind = 'dst_gap'").fetchall() == [(0,)]
    south = (tmp_path / "autumn" / "south_inventory").glob("*20261101.txt")
    rows = [
        line.split(";") for path in south for line in path.read_text("cp1252").splitlines() if line.startswith("M2-")
    ]
    doubled = {row[0] for row in rows if row[1].startswith("01.11.2026 01:")}
    assert len(rows) > 20
    assert doubled == {key for key in struck if key.startswith("M2-")} != set()
    published = con.sql("SELECT DISTINCT expected FROM fact JOIN defect USING (source_key) WHERE kind = 'dst_fold'")
    assert published.fetchall() == [("published",)]


def test_a_network_begins_on_a_monday() -> None:
    assert FIRST_DAY.weekday() == 0
    with pytest.raises(ValueError, match="Monday"):
        Plan(first_day=date(2026, 10, 27))


def test_every_word_of_the_mess_has_a_kind() -> None:
    """The section of that name in the issue, phrase by phrase."""
    wanted = {
        "part_no_variant", "mfr_alias", "supplier_renamed", "supplier_merged", "supplier_remit_to", "gtin_missing",
        "gtin_bad_check", "gtin_of_lookalike", "text_of_lookalike", "pack_changed", "pack_disagrees", "expiry_sentinel",
        "code_sentinel", "text_undecodable", "text_mojibake", "file_late", "file_duplicate", "file_corrected",
        "file_out_of_order", "file_truncated", "file_total_wrong", "late_commit", "hard_delete", "dst_gap", "dst_fold",
        "schema_drift", "text_formula", "text_sql", "text_html", "patient_canary",
    }  # fmt: skip
    assert wanted <= {kind.name for kind in kinds()}
    assert all(kind.ppm > 0 for kind in kinds())
