"""Recalled lots are where the truth says, par levels and formularies are as it says, documents are acknowledged."""

from __future__ import annotations

import csv
import re
import sqlite3
from collections import Counter, defaultdict
from contextlib import closing
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from sample_network.build import build
from sample_network.model.plan import Plan
from sample_network.systems.business import HEADERS
from tests.feeds import packs


def rows_of(folder: Path, pattern: str, delimiter: str = ",", encoding: str = "utf-8") -> list[dict[str, str]]:
    """Rows of the files, each with the file it is from."""
    return [
        {**row, "file": path.name}
        for path in sorted(folder.glob(pattern))
        for row in csv.DictReader(path.read_text(encoding).splitlines(), delimiter=delimiter)
    ]


# -- recalls -----------------------------------------------------------------------------------------------


def test_notices_list_the_recalled_lots(months: Path, months_truth: duckdb.DuckDBPyConnection) -> None:
    notices = rows_of(months / "procurement", "recalls_*.csv")
    said = months_truth.sql("""
        SELECT recall_no, lot_no_said, CAST(notice_date AS VARCHAR), class, g.value FROM recall
        JOIN attribute AS g ON g.entity_id = recall.item_id AND g.attribute = 'gtin14'""").fetchall()
    assert len({row["recall_no"] for row in notices}) > 5
    told = sorted((r["recall_no"], r["lot_no"], r["notice_date"], r["recall_class"], r["gtin"]) for r in notices)
    assert told == sorted(said)
    assert all(row["file"] == f"recalls_{row['notice_date'].replace('-', '')}.csv" for row in notices)


def test_a_respelled_lot_is_where_the_truth_says(months: Path, months_truth: duckdb.DuckDBPyConnection) -> None:
    struck = months_truth.sql("SELECT file, line FROM defect WHERE kind = 'recall_lot_spelled'").fetchall()
    odd = [
        (path.name, n)
        for path in (months / "procurement").glob("recalls_*.csv")
        for n, line in enumerate(path.read_text().splitlines(), start=1)
        if re.search(r",[a-z]-[a-z0-9]+,", line)
    ]
    assert sorted(odd) == sorted(struck) != []


def test_every_recalled_lot_is_in_the_receipts_and_stock_of_the_named_sites(
    months: Path, months_truth: duckdb.DuckDBPyConnection
) -> None:
    """North: receipt lines by their numbers, stock of the last list; and no line with a recalled lot is left out."""
    keys = dict(
        months_truth.sql("""
        SELECT source_key, entity_id FROM crosswalk
        WHERE source_system = 'north_inventory' AND domain = 'item'""").fetchall()
    )
    recalled = {
        (lot, item): (received, on_hand, set(receipts))
        for lot, item, received, on_hand, receipts in months_truth.sql("""
            SELECT lot_no, item_id, received_qty + opening_qty, on_hand_qty, receipts FROM recall_exposure
            WHERE facility = 'NORTH'""").fetchall()
    }
    listed = {(lot, item) for lot, item in months_truth.sql("SELECT lot_no, item_id FROM recall").fetchall()}
    found = defaultdict[tuple[str, str], set[str]](set)
    for row in rows_of(months / "north_inventory", "receipts_????????.csv", encoding="latin-1"):
        place = (row["lot_no"], keys.get(row["item_id"], ""))
        if place in listed:
            found[place].add(f"{row['receipt_no']}|{row['line_no']}")
    assert len(recalled) >= 5
    assert sum(bool(receipts) for *_, receipts in recalled.values()) >= 3
    unknown = months_truth.sql(
        "SELECT source_key FROM defect WHERE kind = 'item_unknown' AND feed = 'receipt'"
    ).fetchall()
    named = {place: receipts - {key for (key,) in unknown} for place, (*_, receipts) in recalled.items()}
    assert dict(found) == {place: receipts for place, receipts in named.items() if receipts}
    last = max(path.name for path in (months / "north_inventory").glob("stock_????????.csv"))
    stock = Counter[tuple[str, str]]()
    for row in rows_of(months / "north_inventory", last):
        place = (row["lot_no"] or "", keys.get(row["item_id"] or "", ""))
        stock[place] += int(row["on_hand_qty"]) if place in listed else 0
    assert {p: n for p, n in stock.items() if n} == {p: on_hand for p, (_, on_hand, _) in recalled.items() if on_hand}
    assert all(0 <= on_hand <= had for had, on_hand, _ in recalled.values())


# -- par levels, formulary, requests -----------------------------------------------------------------------

STATUS = {"F": "formulary", "R": "restricted", "N": "non_formulary"}


def test_lists_say_par_and_formulary_of_their_week(months: Path, months_truth: duckdb.DuckDBPyConnection) -> None:
    north = [
        (r["file"][11:19], r["item_id"], Decimal(r["par_qty"]), Decimal(r["max_qty"]), r["review_days"], r["formulary"])
        for r in rows_of(months / "north_inventory", "par_levels_*.csv")
    ]
    south = [
        (
            r["file"][4:12], r["Item"], Decimal(r["Par"].replace(",", ".")), Decimal(r["Maximum"].replace(",", ".")),
            r["Review days"], STATUS[r["Formulary"]],
        )
        for r in rows_of(months / "south_inventory", "PAR_*.txt", ";", "cp1252")
    ]  # fmt: skip
    for facility, told in (("NORTH", north), ("SOUTH", south)):
        said = months_truth.execute(
            """
            SELECT strftime(w.day, '%Y%m%d'), c.source_key, s.par_qty, s.max_qty, CAST(s.review_days AS VARCHAR),
                s.formulary_status
            FROM stocking AS s
            JOIN crosswalk AS c ON c.domain = 'item' AND c.entity_id = s.item_id AND c.source_system = ?
            JOIN range(DATE '2026-02-23', DATE '2026-04-04', INTERVAL 7 DAY) AS w (day)
                ON w.day >= s.from_date AND (s.to_date IS NULL OR w.day < s.to_date)
            WHERE s.facility = ?""",
            [f"{facility.lower()}_inventory", facility],
        ).fetchall()
        assert sorted(told) == sorted(said)
        assert len({row[5] for row in told}) == 3
    both = months_truth.sql("""
        SELECT count(*), count(*) FILTER (WHERE n.formulary_status <> s.formulary_status) FROM stocking AS n
        JOIN stocking AS s USING (item_id) WHERE n.facility = 'NORTH' AND s.facility = 'SOUTH'""").fetchall()[0]
    assert 0 < both[1] < both[0]


@pytest.mark.parametrize(
    ("system", "feed", "header"),
    [
        ("inventory", "stocking", "csv"), ("stockroom", "stocking", "txt"), ("parlevel", "stocking", "tsv"),
        ("procurement", "recall", "recall"), ("ap_automation", "supplier", "supplier"),
        ("ap_automation", "invoice", "invoice"), ("ap_automation", "payment", "payment"),
        ("cloud_finance", "journal", "journal"), ("cloud_finance", "commitment", "commitment"),
        ("cloud_finance", "budget", "budget"),
    ],
)  # fmt: skip
def test_contracts_name_the_columns_of_the_files(months: Path, system: str, feed: str, header: str) -> None:
    contract = packs.pack_contracts(system)[feed]
    record = contract.records["main"]
    assert contract.format.kind == "delimited"
    assert contract.transport.kind == "file"
    columns = {c.source for c in record.columns} | set(record.ignore)
    assert columns == set(HEADERS[header].split(contract.format.delimiter))
    folder = months / {"inventory": "north_inventory", "stockroom": "south_inventory"}.get(system, system)
    assert system == "parlevel" or sorted(folder.glob(contract.transport.path))


def test_contracts_name_the_columns_of_the_finance_tables(months: Path) -> None:
    contracts = packs.pack_contracts("legacy_finance")
    assert len(contracts) == 5
    with closing(sqlite3.connect(months / "legacy_erp.sqlite")) as con:
        for name, contract in contracts.items():
            columns = {row[1] for row in con.execute(f"PRAGMA table_info({name})")}
            assert {c.source for c in contract.records["main"].columns} == columns


def test_requests_lead_to_the_orders_of_the_erp(months: Path, months_truth: duckdb.DuckDBPyConnection) -> None:
    requests = [r for r in rows_of(months / "replenishment_unread", "requests_NORTH_*.csv") if r["from"] == "PURCHASE"]
    items = dict(
        months_truth.sql("""
        SELECT n.source_key, e.source_key FROM crosswalk AS n JOIN crosswalk AS e USING (domain, entity_id)
        WHERE n.source_system = 'north_inventory' AND e.source_system = 'legacy_erp' AND domain = 'item'""").fetchall()
    )
    gone = {k for (k,) in months_truth.sql("SELECT source_key FROM defect WHERE kind = 'hard_delete'").fetchall()}
    with closing(sqlite3.connect(months / "legacy_erp.sqlite")) as con:
        lines = {
            f"{po}|{line}": (str(item), float(qty) * float(factor))
            for po, line, item, qty, factor in con.execute(
                "SELECT po_no, line_no, item_no, qty, multiplier FROM po_line"
            )
            if po.startswith("P001")
        }
    asked = {f"{r['po_no']}|{r['po_line_no']}": r for r in requests}
    assert len(asked) == len(requests) > 500
    assert asked.keys() - gone == lines.keys()
    assert all(items[asked[k]["item_id"]] == item for k, (item, _) in lines.items())
    assert all(0 < int(asked[k]["qty"]) <= ordered for k, (_, ordered) in lines.items())


# -- EDI ---------------------------------------------------------------------------------------------------


def _interchanges(path: Path) -> list[list[list[str]]]:
    return [
        [segment.strip().split(part[3]) for segment in part.split(part[105]) if segment.strip()]
        for part in re.split(r"(?=ISA[*|^]00)", path.read_text("ascii"))[1:]
    ]


def test_every_set_that_came_is_answered_and_the_miscounted_are_refused(
    months: Path, months_truth: duckdb.DuckDBPyConnection
) -> None:
    came, answered = Counter[tuple[str, str, str]](), dict[tuple[str, str, str], str]()
    for path in (months / "edi").glob("8*.edi"):
        if path.name.startswith(("855", "856", "810")) and "_resent" not in path.name:
            for segments in _interchanges(path):
                group = next(s for s in segments if s[0] == "GS")
                came.update((group[6], s[1], s[2]) for s in segments if s[0] == "ST")
    for path in (months / "edi").glob("997_*_out.edi"):
        for segments in _interchanges(path):
            control = next(s[2] for s in segments if s[0] == "AK1")
            assert segments[-2][0] == "GE"
            count = next(int(s[1]) for s in segments if s[0] == "SE")
            assert count == len(segments) - 4
            sets = [s for s in segments if s[0] in {"AK2", "AK5"}]
            for head, verdict in zip(sets[::2], sets[1::2], strict=True):
                answered[control, head[1], head[2]] = verdict[1]
    assert len(came) > 500
    assert set(came.values()) == {1}
    unanswered = came.keys() - answered.keys()
    assert len(unanswered) < 20, "of the last day only"
    assert answered.keys() <= came.keys()
    refused = months_truth.sql("SELECT count(*) FROM defect WHERE kind = 'edi_count_wrong'").fetchall()[0][0]
    assert Counter(answered.values())["R"] == refused > 0
    said = months_truth.sql("""
        SELECT direction, ack_code, count(*) FROM functional_ack GROUP BY ALL ORDER BY ALL""").fetchall()
    assert said[1:] == [("sent", "A", len(answered) - refused), ("sent", "R", refused)]
    orders = months_truth.sql("SELECT count(*) FROM functional_ack WHERE set_id = '850'").fetchall()[0][0]
    assert said[0] == ("received", "A", orders)


def test_the_catalogue_has_the_prices_of_the_contracts(months: Path, months_truth: duckdb.DuckDBPyConnection) -> None:
    found = []
    for segments in _interchanges(months / "edi" / "832_catalogues.edi"):
        contract = gtin = ""
        for s in segments:
            contract = s[2] if s[0] == "BCT" else contract
            gtin = s[5] if s[0] == "LIN" else gtin
            if s[0] == "CTP":
                found.append((contract, gtin, int(s[4]), Decimal(s[3])))
    said = months_truth.sql("""
        SELECT p.contract_no, p.item_id, CAST(p.min_qty AS INTEGER), p.price FROM contract_price AS p
        WHERE p.edi_file = '832_catalogues.edi'""").fetchall()
    assert len(found) > 100
    assert sorted((c, n, p) for c, _, n, p in found) == sorted((c, n, p) for c, _, n, p in said)
    with closing(sqlite3.connect(months / "legacy_erp.sqlite")) as con:
        erp = con.execute("SELECT contract_no, min_qty, price FROM contract_price").fetchall()
    rest = months_truth.sql("SELECT contract_no, min_qty, price FROM contract_price WHERE edi_file IS NULL").fetchall()
    assert sorted((c, int(n), Decimal(str(p))) for c, n, p in erp) == sorted(rest)


# -- companies and makers ----------------------------------------------------------------------------------


def test_events_of_companies_are_those_of_the_vendor_records(
    months: Path, months_truth: duckdb.DuckDBPyConnection
) -> None:
    said = months_truth.sql("""
        SELECT e.kind, v.value, e.new_name, b.name, e.event_date FROM supplier_event AS e
        JOIN attribute AS v ON v.entity_id = e.supplier_id AND v.attribute = 'supplier_no'
        LEFT JOIN entity AS b ON b.entity_id = e.other_supplier_id""").fetchall()
    with closing(sqlite3.connect(months / "legacy_erp.sqlite")) as con:
        names = dict(con.execute("SELECT vendor_no, name FROM vendor"))
        stamps = dict(con.execute("SELECT vendor_no, updated_at FROM vendor"))
    assert {kind for kind, *_ in said} == {"renamed", "bought"}
    for kind, vendor, new_name, buyer, day in said:
        assert (new_name if kind == "renamed" else f"(now {buyer}")[:20] in names[vendor]
        assert date.fromisoformat(stamps[vendor][:10]) >= day


def test_aliases_are_the_other_names_of_the_lists(months: Path, months_truth: duckdb.DuckDBPyConnection) -> None:
    real = {name for (name,) in months_truth.sql("SELECT upper(name) FROM entity WHERE domain = 'supplier'").fetchall()}
    for source, pattern, delimiter, encoding, column in (
        ("north_inventory", "items_????????.csv", ",", "utf-8", "manufacturer"),
        ("south_inventory", "ITM_????????.txt", ";", "cp1252", "Maker"),
    ):
        told = {row[column] for row in rows_of(months / source, pattern, delimiter, encoding)} - real
        said = months_truth.execute("SELECT alias FROM manufacturer_alias WHERE source_system = ?", [source]).fetchall()
        assert len(told) > 10
        assert told == {alias for (alias,) in said}


def test_ndcs_of_the_supplier_catalogue(months: Path, months_truth: duckdb.DuckDBPyConnection) -> None:
    """Base units of drugs: no NDC, or that of another strength, for the listed rows alone."""
    rows = rows_of(months / "gs1_catalogue", "trade_items_????????.csv")
    listed = Counter(
        dict(
            months_truth.sql(
                "SELECT kind, count(DISTINCT source_key) FROM defect WHERE kind LIKE 'ndc%' GROUP BY 1"
            ).fetchall()
        )
    )
    base = {r["gtin"]: r for r in rows if r["unit_descriptor"] == "BASE_UNIT_OR_EACH"}
    drugs = [r for r in base.values() if re.search("injection|powder", r["description"])]
    ndcs = Counter(r["ndc"] for r in base.values() if r["ndc"])
    assert len(drugs) > 100
    assert {r["unspsc"][:2] for r in drugs} == {"51"}
    assert sum(not r["ndc"] for r in drugs) == listed["ndc_missing"] > 0
    assert 0 < sum(n - 1 for n in ndcs.values()) <= listed["ndc_wrong"]


def test_a_wrong_ndc_is_one_that_another_row_contradicts(tmp_path: Path) -> None:
    """Nobody can find that an NDC is that of the next strength where the catalogue states none there, or another."""
    build(tmp_path / "made", Plan(seed=57, facilities=1, days=1))
    rows = rows_of(tmp_path / "made" / "gs1_catalogue", "trade_items_????????.csv")
    stated = {r["gtin"]: r["ndc"] for r in rows if r["unit_descriptor"] == "BASE_UNIT_OR_EACH" and r["ndc"]}
    times = Counter(stated.values())
    with duckdb.connect(str(tmp_path / "made" / "truth.duckdb"), read_only=True) as con:
        wrong = {key for (key,) in con.sql("SELECT source_key FROM defect WHERE kind = 'ndc_wrong'").fetchall()}
    assert wrong
    assert {gtin: stated[gtin] for gtin in wrong if times[stated[gtin]] < 2} == {}


def test_packs_are_in_the_catalogue_before_they_come(months: Path) -> None:
    rows = rows_of(months / "gs1_catalogue", "trade_items_????????.csv")
    known = {r["gtin"] for r in rows}
    dated = [r for r in rows if r["effective_date"]]
    assert dated
    for row in rows:
        day = date.fromisoformat(f"{row['file'][12:16]}-{row['file'][16:18]}-{row['file'][18:20]}")
        assert not row["child_gtin"] or row["child_gtin"] in known
        assert not row["effective_date"] or date.fromisoformat(row["effective_date"]) <= day + timedelta(days=14)
