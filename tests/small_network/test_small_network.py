"""The sample network is reproducible, agrees with its contracts, and holds the defects it says it holds."""

from __future__ import annotations

import csv
import re
import sqlite3
from collections import Counter
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import yaml
from stdnum import ean

from connectors.network import Network
from tests.feeds import packs
from tests.small_network.generate import generate
from tests.small_network.identifiers import gln, gtin14, sscc, with_gs1_check_digit
from tests.small_network.world import EDI_SUPPLIERS, build_world, facility_codes


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("home") / "sample"
    generate(out)
    return out


def _rows(path: Path) -> list[dict[str, str]]:
    lines = [line for line in path.read_text().splitlines() if not line.startswith("TRAILER")]
    return list(csv.DictReader(lines))


def _all_rows(folder: Path, glob: str) -> list[dict[str, str]]:
    return [row for path in sorted(folder.glob(glob)) for row in _rows(path)]


def _erp(sample: Path, sql: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(sample / "legacy_erp.sqlite") as con:
        return con.execute(sql).fetchall()


def _segments(path: Path) -> list[list[str]]:
    return [segment.strip().split("*") for segment in path.read_text().split("~") if segment.strip()]


def test_same_arguments_same_network(sample: Path, tmp_path: Path) -> None:
    generate(tmp_path / "again")
    files = {p.relative_to(sample): p for p in sample.rglob("*") if p.is_file()}
    again = {p.relative_to(tmp_path / "again"): p for p in (tmp_path / "again").rglob("*") if p.is_file()}
    assert files.keys() == again.keys()
    for name, path in files.items():
        if path.suffix != ".sqlite":
            assert path.read_bytes() == again[name].read_bytes(), name
    for (table,) in _erp(sample, "SELECT name FROM sqlite_master WHERE type = 'table'"):
        assert _erp(sample, f"SELECT * FROM {table}") == _erp(tmp_path / "again", f"SELECT * FROM {table}")


def test_another_seed_is_another_network(tmp_path: Path) -> None:
    generate(tmp_path / "other", seed=8, facilities=3, days=2)
    assert (tmp_path / "other" / "h03_inventory").is_dir()
    assert build_world(7, 2, 5).orders != build_world(8, 2, 5).orders


def test_nothing_is_overwritten_and_a_stopped_run_leaves_nothing_half(tmp_path: Path) -> None:
    (tmp_path / "sample.building" / "edi").mkdir(parents=True)
    generate(tmp_path / "sample", days=1)
    assert not (tmp_path / "sample.building").exists()
    with pytest.raises(FileExistsError, match="delete it"):
        generate(tmp_path / "sample")
    with pytest.raises(ValueError, match="facilities"):
        generate(tmp_path / "none", facilities=0)


def test_the_network_file_names_what_is_generated(sample: Path) -> None:
    network = Network.model_validate(yaml.safe_load((packs.ROOT / "tests" / "small_network" / "small.yml").read_text()))
    assert network.sample
    places = {s.location or s.url for s in network.sources.values()}
    assert places == {f"home:sample/{p.name}" for p in sample.iterdir()}
    inventories = {n for n, s in network.sources.items() if s.system == "inventory"}
    assert inventories == {f"{code.lower()}_inventory" for code in facility_codes(2)}


@pytest.mark.parametrize("source", ["north_inventory", "south_inventory", "procurement", "warehouse"])
def test_files_have_the_columns_of_their_contracts(source: str, sample: Path) -> None:
    owned: Counter[Path] = Counter()
    for feed in packs.pack_contracts(source.split("_")[-1]).values():
        assert feed.transport.kind == "file"
        assert feed.as_of
        assert feed.as_of.pattern
        if feed.feed in {"movement", "stocking", "recall"}:  # only the larger network has them (sample_network.build)
            continue
        record = feed.records["main"]
        paths = sorted((sample / source).glob(feed.transport.path))
        assert paths, feed.feed
        for path in paths:
            owned[path] += 1
            header = path.read_text().splitlines()[0].split(",")
            assert {c.source for c in record.columns} | set(record.ignore) == set(header), path.name
            assert re.search(feed.as_of.pattern, path.name), path.name
    assert owned == Counter((sample / source).glob("*"))


def test_erp_tables_have_the_columns_of_their_contracts(sample: Path) -> None:
    for feed in packs.pack_contracts("legacy_erp").values():
        assert feed.transport.kind == "database"
        record = feed.records["main"]
        names = {row[1] for row in _erp(sample, f"PRAGMA table_info({feed.transport.table})")}
        assert {c.source for c in record.columns} | set(record.ignore) == names, feed.feed


def test_size(sample: Path) -> None:
    items, vendors, places = (
        int(str(_erp(sample, f"SELECT count(*) FROM {t}")[0][0])) for t in ("item_master", "vendor", "location")
    )
    assert (items, vendors, places) == (200, 20, 15)
    facts = sum(int(str(_erp(sample, f"SELECT count(*) FROM {t}")[0][0])) for t in ("po_line", "invoice_line"))
    for folder in ("north_inventory", "south_inventory", "warehouse"):
        facts += sum(len(_all_rows(sample / folder, glob)) for glob in ("receipts_*", "stock_*", "moves_*"))
    assert 1_500 < facts < 3_000


def test_identifiers_have_valid_check_digits(sample: Path) -> None:
    assert gtin14(0, 614141, 12345) == "00614141123452", "the example of the GS1 specifications"
    assert with_gs1_check_digit("10614141123456789") == "106141411234567897", "likewise, an SSCC"
    assert len(sscc(614141, 1)) == 18
    keys = [str(r[0]) for r in _erp(sample, "SELECT gtin FROM item_uom UNION ALL SELECT gln FROM location")]
    keys += [str(r[0]) for r in _erp(sample, "SELECT gln FROM vendor")]
    assert len(keys) > 300
    assert [k for k in keys if not ean.is_valid(k)] == []
    assert ean.is_valid(gln(861000, 3))


def test_items_agree_by_number_or_gtin_only_or_not_at_all(sample: Path) -> None:
    rows = _rows(sample / "north_inventory" / "items_20260105.csv")
    gtins = {str(r[0]) for r in _erp(sample, "SELECT gtin FROM item_master")}
    numbered = [r for r in rows if r["network_item_no"]]
    gtin_only = [r for r in rows if not r["network_item_no"] and r["gtin"] in gtins]
    unknown = [r for r in rows if not r["network_item_no"] and not r["gtin"]]
    assert len(numbered) > 100
    assert len(gtin_only) > 10
    assert len(unknown) > 5
    assert len(numbered) + len(gtin_only) + len(unknown) == len(rows)


def test_receipts_and_documents_speak_of_orders_of_the_erp(sample: Path) -> None:
    orders = {
        (po, str(line)): Decimal(str(qty)) for po, line, qty in _erp(sample, "SELECT po_no, line_no, qty FROM po_line")
    }
    received: Counter[tuple[str, str]] = Counter()
    for folder in ("north_inventory", "south_inventory", "warehouse"):
        for path in sorted((sample / folder).glob("receipts_????????.csv")):
            for row in _rows(path):
                received[row["po_no"], row["po_line_no"]] += int(row["qty"])
    assert len(received) > 100
    assert all(qty <= orders[key] for key, qty in received.items())
    billed = _erp(sample, "SELECT count(*) FROM invoice_line AS i LEFT JOIN po_line AS p "
                  "ON p.po_no = i.po_no AND p.line_no = i.po_line_no WHERE p.po_no IS NULL")  # fmt: skip
    assert billed == [(0,)]


def test_orders_by_edi_are_the_orders_of_the_erp(sample: Path) -> None:
    sent: Counter[tuple[str, str, Decimal]] = Counter()
    for path in sorted((sample / "edi").glob("850_*.edi")):
        number = ""
        for segment in _segments(path):
            number = segment[3] if segment[0] == "BEG" else number
            if segment[0] == "PO1":
                sent[number, segment[1], Decimal(segment[2]) * Decimal(segment[4])] += 1
    vendors = ", ".join(f"'V{1001 + n}'" for n in range(EDI_SUPPLIERS))
    rows = _erp(sample, f"SELECT po_no, line_no, ext_amount FROM po_line WHERE vendor_no IN ({vendors})")
    assert sent == Counter((str(po), str(line), Decimal(str(amount))) for po, line, amount in rows)


def test_interchanges_are_well_formed_but_for_one_count(sample: Path) -> None:
    wrong = []
    controls = []
    for path in sorted((sample / "edi").glob("*.edi")):
        assert all(len(line) == 106 for line in path.read_text().splitlines() if line.startswith("ISA*"))
        start = 0
        segments = _segments(path)
        controls += [s[13] for s in segments if s[0] == "ISA"]
        assert [s[13] for s in segments if s[0] == "ISA"] == [s[2] for s in segments if s[0] == "IEA"]
        for n, segment in enumerate(segments):
            start = n if segment[0] == "ST" else start
            if segment[0] == "SE" and int(segment[1]) != n - start + 1:
                wrong.append(path.name)
    assert wrong == ["856_20260109.edi"]
    assert len(controls) == len(set(controls))


def test_ship_notice_trees_hang_together(sample: Path) -> None:
    for path in sorted((sample / "edi").glob("856_*.edi")):
        seen: set[str] = set()
        for segment in _segments(path):
            if segment[0] == "ST":
                seen = set()
            if segment[0] == "HL":
                assert segment[2] == "" or segment[2] in seen
                seen.add(segment[1])


def test_the_defects_are_there(sample: Path) -> None:
    north, south = sample / "north_inventory", sample / "south_inventory"
    spoiled = _rows(north / "receipts_20260107.csv")
    assert (spoiled[0]["expiry_date"], spoiled[1]["item_id"]) == ("2027-13-40", "N99999")
    resent = (north / "receipts_20260106_resent.csv").read_bytes()
    assert resent == (north / "receipts_20260106.csv").read_bytes()
    listed = Counter(r["item_id"] for r in _rows(south / "items_20260109.csv"))
    assert sorted(listed.values())[-2:] == [1, 2]
    gtins = [r["gtin"] for r in _rows(south / "items_20260105.csv") if r["gtin"]]
    assert len([g for g in gtins if not ean.is_valid(g)]) == 1
    assert any(r["expiry_date"] == "9999-12-31" for r in _all_rows(south, "receipts_*.csv"))
    unknown, lines = _erp(sample, "SELECT sum(item_no = '999999'), count(*) FROM invoice_line")[0]
    assert 0 < int(str(unknown)) == int(str(lines)) // 90
    cut = []
    for path in sorted(sample.glob("*/stock_*.csv")):
        trailer = re.search(r"rows=(\d+)", path.read_text())
        assert trailer
        if int(trailer[1]) != len(_rows(path)):
            cut.append(f"{path.parent.name}/{path.name}")
    assert cut == ["south_inventory/stock_20260108.csv"]


def test_invoice_lines_take_factor_and_place_from_the_order(sample: Path) -> None:
    con = duckdb.connect()
    with sqlite3.connect(sample / "legacy_erp.sqlite") as erp:
        for name in ("po_line", "invoice_line"):
            cursor = erp.execute(f"SELECT * FROM {name}")
            names = [d[0] for d in cursor.description]
            packs.stage(
                con, packs.pack_contracts("legacy_erp")[name], [dict(zip(names, r, strict=True)) for r in cursor]
            )
    lines = packs.supply(con, "legacy_erp", "invoice_line").to_pylist()
    expected = _erp(sample, "SELECT count(*), sum(CAST(round(ext_amount * 10000) AS INTEGER)) FROM invoice_line")
    assert [(len(lines), int(sum(line["ext_amount"] for line in lines) * 10000))] == expected
    assert all(line["uom_factor"] and line["location_key"] and line["po_line_key"] for line in lines)
