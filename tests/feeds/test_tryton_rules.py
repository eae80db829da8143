"""Rules of the Tryton pack on rows made for the purpose: rounding, returns, drafts, shared symbols, deletes."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from tests.feeds import packs

CONTRACTS = packs.pack_contracts("tryton")
Build = Callable[..., duckdb.DuckDBPyConnection]

BASE: dict[str, list[dict[str, Any]]] = {
    "currency_currency": [
        {"id": 1, "code": "USD", "digits": 2},
        {"id": 2, "code": "JPY", "digits": 0},
        {"id": 3, "code": "KWD", "digits": 3},
    ],
    "company_company": [{"id": 1, "party": 1, "currency": 1}],
    "party_party": [{"id": n, "code": str(n), "name": f"Party {n}", "active": 1} for n in (1, 2, 3)],
    "product_uom": [
        {"id": 1, "category": 1, "symbol": "u", "name": "Unit", "factor": 1.0, "rate": 1.0},
        {"id": 2, "category": 1, "symbol": "BX", "name": "Box of 100", "factor": 100.0, "rate": 0.01},
        {"id": 3, "category": 2, "symbol": "kg", "name": "Kilogram", "factor": 1.0, "rate": 1.0},
        {"id": 4, "category": 2, "symbol": "lb", "name": "Pound", "factor": 0.45359237, "rate": 2.204622621849},
    ],
    "product_uom_category": [{"id": 1, "name": "Units"}, {"id": 2, "name": "Weight"}],
    "product_template": [
        {"id": 1, "name": "Glove", "type": "goods", "default_uom": 1, "purchase_uom": 2, "active": 1},
        {"id": 2, "name": "Gel", "type": "goods", "default_uom": 4, "active": 1},
    ],
    "product_product": [
        {"id": 1, "template": 1, "code": "G1", "active": 1},
        {"id": 2, "template": 2, "code": "G2", "active": 1},
    ],
    "stock_location": [
        {"id": 1, "name": "Hospital", "code": "WH", "type": "warehouse", "active": 1},
        {"id": 2, "name": "Dock", "type": "storage", "parent": 1, "active": 1},
        {"id": 3, "name": "Shelf", "type": "storage", "parent": 2, "active": 1},
        {"id": 4, "name": "Supplier", "type": "supplier", "active": 1},
        {"id": 5, "name": "On the road", "type": "storage", "active": 1},
        {"id": 6, "name": "Lost", "type": "lost_found", "active": 1},
    ],
    "purchase_purchase": [{"id": 7, "number": "PO7", "party": 2, "warehouse": 1, "currency": 1, "state": "processing"}],
}


def _line(**changes: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "purchase": 7,
        "type": "line",
        "product": 1,
        "unit": 2,
        "quantity": 1.0,
        "unit_price": 1,
    } | changes


def _move(**changes: Any) -> dict[str, Any]:
    fixed = {"id": 1, "product": 1, "unit": 2, "quantity": 3.0, "internal_quantity": 300.0, "company": 1}
    return fixed | {"from_location": 4, "to_location": 2, "state": "done", "effective_date": "2026-03-01"} | changes


@pytest.fixture
def build() -> Build:
    """Stages the base rows, with some feeds replaced."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")

    def stage(**feeds: list[dict[str, Any]]) -> duckdb.DuckDBPyConnection:
        for name, feed in CONTRACTS.items():
            packs.stage(con, feed, feeds.get(name, BASE.get(name, [])))
        return con

    return stage


def _rows(con: duckdb.DuckDBPyConnection, shape: str) -> dict[str, dict[str, Any]]:
    return {row["source_key"]: row for row in packs.supply(con, "tryton", shape).to_pylist()}


@pytest.mark.parametrize(
    ("currency", "quantity", "price", "amount"),
    [
        (1, 1.0, "0.125", "0.12"),
        (1, 1.0, "0.135", "0.14"),
        (1, -1.0, "0.125", "-0.12"),
        (1, -1.0, "0.135", "-0.14"),
        (1, 1.0, "0.1251", "0.13"),
        (1, 3.0, "0.3333", "1.00"),
        (2, 1.0, "2.5", "2"),
        (2, 1.0, "3.5", "4"),
        (3, 1.0, "0.0125", "0.012"),
        (1, 999999999.0, "9999.99", "9999989990000.01"),
    ],
)
def test_line_amount_is_rounded_as_the_erp_does(
    build: Build, currency: int, quantity: float, price: str, amount: str
) -> None:
    order = BASE["purchase_purchase"][0] | {"currency": currency}
    con = build(purchase_purchase=[order], purchase_line=[_line(quantity=quantity, unit_price=price)])
    assert _rows(con, "po_line")["1"]["ext_amount"] == Decimal(amount)


def test_draft_order_free_text_and_comment_lines(build: Build) -> None:
    draft = {"id": 8, "party": 2, "currency": 1, "state": "draft"}
    con = build(
        purchase_purchase=[*BASE["purchase_purchase"], draft],
        purchase_line=[
            _line(),
            _line(id=2, purchase=8, product=None, unit=None, description="Hire of a crane"),
            _line(id=3, type="comment", product=None, unit=None, quantity=None, unit_price=None),
        ],
    )
    rows = _rows(con, "po_line")
    assert sorted(rows) == ["1", "2"]
    assert rows["2"]["po_no"] == "purchase.purchase,8"
    assert (rows["2"]["item_key"], rows["2"]["uom_txn"], rows["2"]["uom_factor"]) == (None, None, None)
    assert rows["2"]["description"] == "Hire of a crane"


def test_cancelled_quantities(build: Build) -> None:
    orders = [
        {"id": n, "number": f"PO{n}", "party": 2, "currency": 1, "state": s}
        for n, s in ((1, "processing"), (2, "cancelled"), (3, "draft"))
    ]
    lines = [_line(id=n, purchase=n, quantity=10.0, actual_quantity=4.0) for n in (1, 2, 3)]
    rows = _rows(build(purchase_purchase=orders, purchase_line=lines), "po_line")
    assert {k: int(r["cancelled_qty"]) for k, r in rows.items()} == {"1": 6, "2": 10, "3": 0}
    assert rows["2"]["status"] == "cancelled"


def test_receipts_drafts_returns_and_cancellations(build: Build) -> None:
    con = build(
        purchase_line=[_line(id=12)],
        stock_shipment_in=[{"id": 5, "number": "S5", "reference": "ASN1", "supplier": 3, "state": "done"}],
        stock_lot=[{"id": 9, "number": "L9", "product": 1, "expiration_date": "2027-01-31"}],
        stock_move=[
            _move(id=1, origin="purchase.line,12", shipment="stock.shipment.in,5", lot=9),
            _move(id=2, from_location=2, to_location=3),
            _move(id=3, state="draft", effective_date=None),
            _move(
                id=4, from_location=2, to_location=4, origin="purchase.line,12", shipment="stock.shipment.in.return,2"
            ),
            _move(id=5, state="cancelled"),
            _move(id=6, state="cancelled", effective_date=None),
            _move(id=7),
        ],
    )
    rows = _rows(con, "receipt_line")
    assert sorted(rows) == ["1", "4", "5", "7"]
    first = rows["1"]
    assert (first["receipt_no"], first["po_no"], first["po_line_key"], first["supplier_key"]) == (
        "S5",
        "PO7",
        "12",
        "3",
    )
    assert (first["lot_no"], str(first["expiry_date"]), first["supplier_shipment_no"]) == ("L9", "2027-01-31", "ASN1")
    assert (first["qty_txn"], first["uom_factor"], first["uom_txn"]) == (3, 100, "BX")
    assert (rows["4"]["qty_txn"], rows["4"]["is_reversal"], rows["4"]["location_key"]) == (-3, True, "2")
    assert (rows["4"]["receipt_no"], rows["4"]["supplier_key"]) == ("stock.shipment.in.return,2", "2")
    assert rows["5"]["_is_deleted"]
    assert rows["7"]["receipt_no"] == "stock.move,7"
    moves = _rows(con, "stock_movement")
    assert {k: r["movement_type"] for k, r in moves.items()} == {
        "1": "receipt", "2": "transfer", "3": "receipt", "4": "return", "5": "receipt", "6": "receipt", "7": "receipt",
    }  # fmt: skip
    assert moves["3"]["status"] == "draft"


def test_a_shared_symbol_is_told_apart_everywhere(build: Build) -> None:
    other = {
        "id": 9,
        "category": 1,
        "symbol": "BX",
        "name": "Box of 50",
        "factor": 50.0,
        "rate": 0.02,
        "_change_seq": 8,
    }
    con = build(product_uom=[*BASE["product_uom"], other], purchase_line=[_line(), _line(id=2, unit=9)])
    lines = _rows(con, "po_line")
    assert {k: (r["uom_txn"], int(r["uom_factor"])) for k, r in lines.items()} == {
        "1": ("BX/2", 100),
        "2": ("BX/9", 50),
    }
    assert lines["1"]["_change_seq"] == 8, "a new twin changes the code of the older unit too"
    codes = {r["code"] for r in _rows(con, "uom").values()}
    assert {"BX/2", "BX/9", "u", "kg", "lb"} == codes
    factors = {(r["item_key"], r["from_uom"]): r["factor_to_base"] for r in _rows(con, "item_uom").values()}
    assert factors["1", "BX/9"] == 50
    assert factors["2", "kg"] == Decimal("2.204623")
    assert factors["2", "lb"] == 1
    assert len(factors) == 5


def test_places_facilities_and_types(build: Build) -> None:
    rows = _rows(build(), "location")
    assert {k: (r["type"], r["facility_code"]) for k, r in rows.items()} == {
        "1": ("warehouse", "WH"), "2": ("storeroom", "WH"), "3": ("storeroom", "WH"),
        "4": ("supplier", None), "5": ("transit", None), "6": ("virtual", None),
    }  # fmt: skip
    assert rows["3"]["parent_location_key"] == "2"


def test_a_party_becomes_a_supplier_when_first_named_and_stays_one(build: Build) -> None:
    order = BASE["purchase_purchase"][0]
    con = build(
        purchase_purchase=[order | {"_change_seq": 5, "_is_deleted": True}, order | {"id": 8, "_change_seq": 9}]
    )
    rows = _rows(con, "supplier")
    assert list(rows) == ["2"]
    assert (rows["2"]["_change_seq"], rows["2"]["_is_deleted"]) == (5, False)


def test_item_cost_part_and_tombstones(build: Build) -> None:
    con = build(
        product_cost_price=[
            {"id": 1, "product": 1, "company": 1, "cost_price": "0.25", "_is_deleted": True, "_change_seq": 6},
            {"id": 2, "product": 1, "company": 2, "cost_price": "0.30"},
        ],
        purchase_product_supplier=[
            {"id": 1, "template": 1, "party": 2, "code": "A", "sequence": 5, "active": 1},
            {"id": 2, "template": 1, "party": 3, "code": "B", "active": 1, "lead_time": "7 days"},
            {"id": 3, "template": 1, "party": 3, "code": "C", "active": 0},
        ],
    )
    item = _rows(con, "item")["1"]
    assert (item["std_cost"], item["supplier_part"], item["_change_seq"]) == (Decimal("0.30"), "3|B", 6)
    offers = _rows(con, "item_supplier")
    assert [offers[key]["lead_time_days"] for key in ("1|1", "2|1")] == [None, 7]
    assert {k: (r["supplier_part_no"], r["is_primary"], int(r["pack_qty"])) for k, r in offers.items()} == {
        "1|1": ("A", False, 100), "2|1": ("B", True, 100), "3|1": ("C", False, 100),
    }  # fmt: skip


def test_invoice_lines_of_suppliers_only(build: Build) -> None:
    invoices = [
        {"id": 1, "type": "in", "party": 2, "reference": "INV1", "number": "10", "state": "posted"}
        | {"sequence_type_cache": "credit_note"},
        {"id": 2, "type": "in", "party": 2, "state": "draft"},
        {"id": 3, "type": "out", "party": 3, "state": "posted"},
    ]  # fmt: skip
    line = {"type": "line", "product": 1, "unit": 2, "unit_price": 2, "currency": 1, "origin": "purchase.line,12"}
    con = build(
        purchase_line=[_line(id=12)],
        account_invoice=invoices,
        account_invoice_line=[
            line | {"id": 1, "invoice": 1, "quantity": -1.0},
            line | {"id": 2, "invoice": 2, "quantity": 2.0},
            line | {"id": 3, "invoice": 3, "quantity": 2.0},
            line | {"id": 4, "invoice_type": "in", "party": 3, "quantity": 1.0},
        ],
    )
    rows = _rows(con, "invoice_line")
    shown = {k: (r["invoice_no"], r["status"], r["is_credit"], r["supplier_key"], r["po_no"]) for k, r in rows.items()}
    assert shown == {
        "1": ("INV1", "posted", True, "2", "PO7"),
        "2": ("account.invoice,2", "draft", False, "2", "PO7"),
        "4": ("account.invoice.line,4", "draft", False, "3", "PO7"),
    }
