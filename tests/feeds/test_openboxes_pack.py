"""The OpenBoxes pack against real OpenBoxes files: every column is known, every row reaches an intake shape."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connectors.contract import FeedContract
from tests.feeds import packs

pytestmark = pytest.mark.real_data
CONTRACTS = packs.pack_contracts("openboxes")


def _files(folder: Path, feed: FeedContract) -> list[Path]:
    assert feed.transport.kind == "file"
    return sorted(folder.glob(feed.transport.path))


def _rows(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [{k: v or None for k, v in row.items()} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def folder(real_data: Path) -> Path:
    return real_data / "openboxes"


@pytest.fixture(scope="module")
def loaded(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    for feed in CONTRACTS.values():
        packs.stage(con, feed, [row for path in _files(folder, feed) for row in _rows(path)])
    for shape in packs.pack_shapes("openboxes"):
        packs.supply(con, "openboxes", shape)
    yield con
    con.close()


def _column(con: duckdb.DuckDBPyConnection, sql: str) -> set[Any]:
    return {row[0] for row in con.execute(sql).fetchall()}


def test_every_file_belongs_to_one_feed_and_every_column_is_known(folder: Path) -> None:
    owners = {path: [f.feed for f in CONTRACTS.values() if path in _files(folder, f)] for path in folder.glob("*.csv")}
    assert {path.name: len(feeds) for path, feeds in owners.items()} == {path.name: 1 for path in owners}
    for path, (feed,) in owners.items():
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = next(csv.reader(file))
        record = CONTRACTS[feed].records["main"]
        assert {c.source for c in record.columns} | set(record.ignore) == set(header), path.name


def test_keys_are_unique_in_every_file(folder: Path) -> None:
    for feed in CONTRACTS.values():
        record = feed.records["main"]
        sources = [record.column(name).source for name in record.key]
        for path in _files(folder, feed):
            keys = [tuple(row[s] for s in sources) for row in _rows(path)]
            assert keys
            assert len(keys) == len(set(keys)), path.name


def test_every_product_code_is_an_item_once(loaded: duckdb.DuckDBPyConnection, folder: Path) -> None:
    headers = {"product": "ProductCode", "product_supplier": "Product Code"}
    codes = {
        row[headers.get(feed, "Product code")]
        for feed in ("product", "product_supplier", "inventory_level", "inventory")
        for path in _files(folder, CONTRACTS[feed])
        for row in _rows(path)
    }
    assert len(codes) > 50
    keys = [row[0] for row in loaded.execute("SELECT source_key FROM intake.item").fetchall()]
    assert sorted(keys) == sorted(codes)


@pytest.mark.parametrize(
    ("feed", "shape"),
    [("inventory", "stock_snapshot"), ("inventory_level", "item_location"), ("location", "location")],
)
def test_every_row_of_a_feed_owns_a_row_of_its_shape(
    feed: str, shape: str, loaded: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    rows = sum(len(_rows(path)) for path in _files(folder, CONTRACTS[feed]))
    owned = _column(loaded, f"SELECT _source_row_no FROM intake.{shape} WHERE _delivery_id = 'delivery-{feed}'")
    assert owned == set(range(1, rows + 1))


def test_product_sources_groups_and_organizations_are_published(
    loaded: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    sources = [row for path in _files(folder, CONTRACTS["product_supplier"]) for row in _rows(path)]
    keys = {f"{r['Product Code']}|{r['Supplier Name']}|{r['Supplier Item No']}" for r in sources}
    assert keys <= _column(loaded, "SELECT source_key FROM intake.item_supplier")
    groups = {f"group/{r['Name']}" for path in _files(folder, CONTRACTS["location_group"]) for r in _rows(path)}
    buyers = {
        f"organization/{r['Organization']}" for path in _files(folder, CONTRACTS["organization"]) for r in _rows(path)
    }
    assert groups | buyers <= _column(loaded, "SELECT source_key FROM intake.location")


def test_suppliers_are_those_named_anywhere(loaded: duckdb.DuckDBPyConnection, folder: Path) -> None:
    places = [r for path in _files(folder, CONTRACTS["location"]) for r in _rows(path)]
    names = {r["name"] for r in places if r["locationType"] == "Supplier"}
    names |= {r["Supplier Name"] for path in _files(folder, CONTRACTS["product_supplier"]) for r in _rows(path)}
    names |= {r["Vendor"] for path in _files(folder, CONTRACTS["product"]) for r in _rows(path)} - {None}
    assert _column(loaded, "SELECT source_key FROM intake.supplier") == names
    assert "INDEX ENTERPRISES" in names


def test_quantities_add_up(loaded: duckdb.DuckDBPyConnection, folder: Path) -> None:
    counted = sum(Decimal(r["Physical QOH"]) for path in _files(folder, CONTRACTS["inventory"]) for r in _rows(path))
    levels = [r for path in _files(folder, CONTRACTS["inventory_level"]) for r in _rows(path)]
    assert loaded.execute("SELECT sum(on_hand_qty) FROM intake.stock_snapshot").fetchall() == [(counted,)]
    assert loaded.execute("SELECT sum(min_qty), sum(max_qty) FROM intake.item_location").fetchall() == [
        (sum(Decimal(r["Min quantity"]) for r in levels), sum(Decimal(r["Max quantity"]) for r in levels))
    ]
    sources = [r for path in _files(folder, CONTRACTS["product_supplier"]) for r in _rows(path)]
    prices = sum(Decimal(r["Package Price"]) for r in sources)
    assert loaded.execute("SELECT sum(list_price) FROM intake.item_supplier").fetchall() == [(prices,)]


def test_lots_and_us_dates(loaded: duckdb.DuckDBPyConnection) -> None:
    found = loaded.execute("""
        SELECT lot_no, CAST(expiry_date AS VARCHAR), on_hand_qty, location_key, CAST(snapshot_date AS VARCHAR)
        FROM intake.stock_snapshot WHERE item_key = 'TS894'""").fetchall()
    assert found == [("00392/174", "2025-06-30", 500, "RACK1-SHELF1", packs.AS_OF.date().isoformat())]


def test_references_lead_to_intake_rows(loaded: duckdb.DuckDBPyConnection) -> None:
    for shape, column, target in (
        ("stock_snapshot", "item_key", "item"),
        ("stock_snapshot", "location_key", "location"),
        ("item_location", "location_key", "location"),
        ("item_supplier", "supplier_key", "supplier"),
        ("item_supplier", "uom", "uom"),
        ("location", "parent_location_key", "location"),
    ):
        lost = loaded.execute(f"""
            SELECT s.source_key FROM intake.{shape} AS s LEFT JOIN intake.{target} AS t ON t.source_key = s.{column}
            WHERE s.{column} IS NOT NULL AND t.source_key IS NULL""").fetchall()
        assert lost == [], (shape, column)


@pytest.mark.parametrize("shape", packs.pack_shapes("openboxes"))
def test_source_keys_are_unique(shape: str, loaded: duckdb.DuckDBPyConnection) -> None:
    found = loaded.execute(f"SELECT count(*), count(DISTINCT source_key) FROM intake.{shape}").fetchall()
    assert found[0][0] == found[0][1] > 0
