"""The Tryton pack against a real Tryton database: contracts cover every column, SQL yields every row once."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.feeds import packs, tryton_truth

pytestmark = pytest.mark.real_data
CONTRACTS = packs.pack_contracts("tryton")


def _source_rows(con: Any, table: str) -> list[dict[str, Any]]:
    cursor = con.execute(f'SELECT * FROM "{table}"')
    names = [d[0] for d in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


@pytest.fixture(scope="module")
def loaded(real_data: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    source = tryton_truth.open_source(real_data)
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    for feed in CONTRACTS.values():
        assert feed.transport.kind == "database"
        packs.stage(con, feed, _source_rows(source, feed.transport.table))
    for shape in packs.pack_shapes("tryton"):
        packs.supply(con, "tryton", shape)
    yield con
    con.close()
    source.close()


def test_every_source_column_is_mapped_or_ignored_by_name(real_data: Path) -> None:
    with gzip.open(real_data / "tryton_erp" / "erp.sql.gz", "rt") as dumped:
        dump = dumped.read()
    for feed in CONTRACTS.values():
        assert feed.transport.kind == "database"
        table = feed.transport.table
        body = re.search(rf'CREATE TABLE public\."?{re.escape(table)}"? \(\n(.*?)\n\);', dump, re.S)
        assert body, table
        lines = [line.strip() for line in body[1].split("\n") if not line.strip().startswith("CONSTRAINT")]
        actual = {line.split(" ")[0].strip('"') for line in lines}
        record = feed.records["main"]
        assert {c.source for c in record.columns} | set(record.ignore) == actual, table


@pytest.mark.parametrize("shape", sorted(tryton_truth.TRUTH))
def test_figures_equal_sql_on_the_source(shape: str, loaded: duckdb.DuckDBPyConnection, real_data: Path) -> None:
    expected = tryton_truth.source_figures(real_data)[shape]
    select = ", ".join(tryton_truth.STORE_COLUMNS[name].format(item_key="item_key") for name in expected)
    found = loaded.execute(f'SELECT {select} FROM intake."{shape}" WHERE NOT _is_deleted').fetchone()
    assert found is not None
    assert dict(zip(expected, found, strict=True)) == expected


@pytest.mark.parametrize("shape", packs.pack_shapes("tryton"))
def test_source_keys_are_unique_and_columns_canonical(shape: str, loaded: duckdb.DuckDBPyConnection) -> None:
    table = packs.rows(loaded, shape)
    assert set(packs.META) <= set(table.column_names)
    assert set(table.column_names) - set(packs.META) <= set(packs.shape_columns(shape))
    keys = table["source_key"].to_pylist()
    assert [key for key, count in Counter(keys).items() if count > 1] == []
    assert None not in keys
    for name in packs.META:
        assert table[name].null_count == 0, name


def test_every_lot_is_seen_with_its_expiry(loaded: duckdb.DuckDBPyConnection, real_data: Path) -> None:
    with tryton_truth.open_source(real_data) as source:
        expected = source.execute(tryton_truth.LOTS).fetchall()
    found = loaded.execute("""
        SELECT DISTINCT lot_no, CAST(expiry_date AS VARCHAR) FROM intake.receipt_line
        WHERE lot_no IS NOT NULL ORDER BY 1""").fetchall()
    assert found == expected


def test_lines_add_up_to_the_order_totals_of_the_erp(loaded: duckdb.DuckDBPyConnection, real_data: Path) -> None:
    with tryton_truth.open_source(real_data) as source:
        expected = source.execute(tryton_truth.ORDER_TOTALS).fetchall()
    found = loaded.execute(
        "SELECT po_no, CAST(sum(ext_amount) * 10000 AS BIGINT) FROM intake.po_line GROUP BY po_no ORDER BY po_no"
    ).fetchall()
    assert found == expected


def test_lines_add_up_to_the_invoice_totals_of_the_erp(loaded: duckdb.DuckDBPyConnection, real_data: Path) -> None:
    with tryton_truth.open_source(real_data) as source:
        expected = source.execute(tryton_truth.INVOICE_TOTALS).fetchall()
    found = loaded.execute("""
        SELECT s.invoice, CAST(sum(i.ext_amount) * 10000 AS BIGINT)
        FROM intake.invoice_line AS i JOIN staged.account_invoice_line AS s ON CAST(s.id AS VARCHAR) = i.source_key
        JOIN staged.account_invoice AS h ON h.id = s.invoice WHERE h.untaxed_amount_cache IS NOT NULL
        GROUP BY s.invoice ORDER BY s.invoice""").fetchall()
    assert found == expected


def test_base_quantity_of_each_move_is_the_internal_quantity(loaded: duckdb.DuckDBPyConnection) -> None:
    found = loaded.execute("""
        SELECT count(*) FILTER (WHERE CAST(i.qty_txn AS DECIMAL(19,6)) * i.uom_factor = m.internal_quantity), count(*)
        FROM intake.stock_movement AS i
        JOIN staged.stock_move AS m ON CAST(m.id AS VARCHAR) = i.source_key""").fetchone()
    assert found is not None
    assert found[0] == found[1] > 0


def test_references_lead_to_intake_rows(loaded: duckdb.DuckDBPyConnection) -> None:
    links = [
        ("po_line", "item_key", "item"),
        ("po_line", "supplier_key", "supplier"),
        ("po_line", "location_key", "location"),
        ("receipt_line", "po_line_key", "po_line"),
        ("receipt_line", "item_key", "item"),
        ("receipt_line", "location_key", "location"),
        ("receipt_line", "supplier_key", "supplier"),
        ("invoice_line", "po_line_key", "po_line"),
        ("invoice_line", "supplier_key", "supplier"),
        ("stock_movement", "from_location_key", "location"),
        ("stock_movement", "to_location_key", "location"),
        ("item_supplier", "supplier_key", "supplier"),
        ("item_uom", "item_key", "item"),
    ]
    for shape, column, target in links:
        lost = loaded.execute(f"""
            SELECT count(*) FROM intake."{shape}" AS s
            LEFT JOIN intake."{target}" AS t ON t.source_key = s."{column}" WHERE t.source_key IS NULL""").fetchone()
        assert lost == (0,), (shape, column)


def test_movement_types_and_drafts(loaded: duckdb.DuckDBPyConnection, real_data: Path) -> None:
    with tryton_truth.open_source(real_data) as source:
        expected = source.execute("""
            SELECT CASE WHEN f.type = 'supplier' THEN 'receipt' ELSE 'transfer' END, m.state, count(*)
            FROM stock_move AS m JOIN stock_location AS f ON f.id = m.from_location
            GROUP BY 1, 2 ORDER BY 1, 2""").fetchall()
    found = loaded.execute(
        "SELECT movement_type, status, count(*) FROM intake.stock_movement GROUP BY 1, 2 ORDER BY 1, 2"
    ).fetchall()
    assert found == expected
    assert loaded.execute("SELECT count(*) FROM intake.receipt_line WHERE status <> 'done'").fetchone() == (0,)


def test_company_and_employee_are_no_suppliers(loaded: duckdb.DuckDBPyConnection, real_data: Path) -> None:
    with tryton_truth.open_source(real_data) as source:
        others = source.execute("SELECT party FROM company_company UNION SELECT party FROM company_employee").fetchall()
    keys = {row[0] for row in loaded.execute("SELECT source_key FROM intake.supplier").fetchall()}
    assert keys
    assert keys.isdisjoint({str(row[0]) for row in others})


def test_item_attributes(loaded: duckdb.DuckDBPyConnection) -> None:
    glove = loaded.execute("""
        SELECT item_no, description, base_uom, is_lot_tracked, is_expiry_tracked, std_cost, currency_code, status
        FROM intake.item WHERE source_key = '1'""").fetchone()
    assert glove == ("MVH10000", "Exam glove nitrile M", "u", True, True, Decimal("0.0600"), "USD", "active")
    factors = loaded.execute("""
        SELECT from_uom, factor_to_base, is_order_uom FROM intake.item_uom
        WHERE item_key = '1' ORDER BY factor_to_base""").fetchall()
    assert factors == [("u", 1, False), ("BX", 100, True), ("CS", 500, False)]
