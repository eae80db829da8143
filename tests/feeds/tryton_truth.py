"""What SQL on a Tryton SQLite database says the store must hold. Here: the source side only, as constants.

Sums are integers: micro-units for quantities (10^-6) and ten-thousandths for amounts (10^-4), so that both sides
compare exactly. Not here: the store's side; see `STORE_COLUMNS` for what each figure is compared with.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

_QTY = "COALESCE(sum(CAST(round({} * 1000000) AS INTEGER)), 0)"
_FROM_SUPPLIER = """stock_move AS m
    JOIN stock_location AS f ON f.id = m.from_location
    JOIN stock_location AS t ON t.id = m.to_location
    WHERE m.state = 'done' AND f.type = 'supplier' AND t.type <> 'supplier'"""
_TO_BASE = """JOIN product_product AS p ON p.id = l.product
    JOIN product_template AS t ON t.id = p.template
    JOIN product_uom AS u ON u.id = l.unit
    JOIN product_uom AS d ON d.id = t.default_uom"""
_AMOUNT = "COALESCE(sum(CAST(round(round(l.quantity * l.unit_price, 2) * 10000) AS INTEGER)), 0)"
_SELLERS = """SELECT party FROM purchase_purchase
    UNION SELECT party FROM purchase_product_supplier
    UNION SELECT supplier FROM purchase_requisition_line
    UNION SELECT party FROM purchase_request
    UNION SELECT supplier FROM purchase_blanket_agreement
    UNION SELECT supplier FROM stock_shipment_in
    UNION SELECT party FROM account_invoice WHERE type = 'in'"""

#: shape -> measure -> SQL on the source that yields one integer.
TRUTH: dict[str, dict[str, str]] = {
    "item": {"rows": "SELECT count(*) FROM product_product"},
    "supplier": {"rows": f"SELECT count(*) FROM party_party WHERE id IN ({_SELLERS})"},
    "location": {"rows": "SELECT count(*) FROM stock_location"},
    "uom": {"rows": "SELECT count(*) FROM product_uom"},
    "gl_account": {"rows": "SELECT count(*) FROM account_account"},
    "contract": {"rows": "SELECT count(*) FROM purchase_blanket_agreement"},
    "item_uom": {
        "rows": """SELECT count(*) FROM product_product AS p JOIN product_template AS t ON t.id = p.template
            JOIN product_uom AS d ON d.id = t.default_uom JOIN product_uom AS u ON u.category = d.category"""
    },
    "item_supplier": {
        "rows": """SELECT count(*) FROM purchase_product_supplier AS s JOIN product_product AS p
            ON p.template = s.template AND (s.product IS NULL OR s.product = p.id)"""
    },
    "po_line": {
        "rows": "SELECT count(*) FROM purchase_line WHERE type = 'line'",
        "qty_txn": f"SELECT {_QTY.format('quantity')} FROM purchase_line WHERE type = 'line'",
        "qty_base": f"SELECT {_QTY.format('l.quantity * u.factor / d.factor')} FROM purchase_line AS l {_TO_BASE}",
        "ext_amount": f"SELECT {_AMOUNT} FROM purchase_line AS l WHERE l.type = 'line'",
    },
    "receipt_line": {
        "rows": f"SELECT count(*) FROM {_FROM_SUPPLIER}",
        "qty_txn": f"SELECT {_QTY.format('m.quantity')} FROM {_FROM_SUPPLIER}",
        "qty_base": f"SELECT {_QTY.format('m.internal_quantity')} FROM {_FROM_SUPPLIER}",
        "lots": f"SELECT count(DISTINCT m.lot) FROM {_FROM_SUPPLIER}",
    },
    "stock_movement": {
        "rows": "SELECT count(*) FROM stock_move",
        "qty_txn": f"SELECT {_QTY.format('quantity')} FROM stock_move",
        "qty_base": f"SELECT {_QTY.format('internal_quantity')} FROM stock_move",
        "lots": "SELECT count(*) FROM stock_lot WHERE id IN (SELECT lot FROM stock_move)",
    },
    "invoice_line": {
        "rows": """SELECT count(*) FROM account_invoice_line AS l JOIN account_invoice AS h ON h.id = l.invoice
            WHERE l.type = 'line' AND h.type = 'in'""",
        "qty_txn": f"SELECT {_QTY.format('quantity')} FROM account_invoice_line WHERE type = 'line'",
        "qty_base": f"""SELECT {_QTY.format("l.quantity * u.factor / d.factor")}
            FROM account_invoice_line AS l {_TO_BASE}""",
        "ext_amount": f"SELECT {_AMOUNT} FROM account_invoice_line AS l WHERE l.type = 'line'",
    },
}

#: measure -> SQL over the intake shape (or over the fact made from it) that yields the same integer. `{item_key}` is
#: the column that holds the source's key of the item: `item_key` in intake, `source_item_key` in a fact.
STORE_COLUMNS: dict[str, str] = {
    "rows": "count(*)",
    "qty_txn": "CAST(sum(qty_txn) * 1000000 AS BIGINT)",
    "qty_base": "CAST(sum(CAST(qty_txn AS DECIMAL(19,6)) * uom_factor) * 1000000 AS BIGINT)",
    "ext_amount": "CAST(sum(ext_amount) * 10000 AS BIGINT)",
    "lots": "count(DISTINCT {item_key} || '|' || lot_no)",
}

#: Names of every lot, and header totals the ERP computed itself: a second opinion on amounts.
LOTS = "SELECT l.number, l.expiration_date FROM stock_lot AS l ORDER BY 1"
ORDER_TOTALS = """SELECT number, CAST(round(untaxed_amount_cache * 10000) AS INTEGER)
    FROM purchase_purchase ORDER BY number"""
INVOICE_TOTALS = """SELECT id, CAST(round(untaxed_amount_cache * 10000) AS INTEGER)
    FROM account_invoice WHERE untaxed_amount_cache IS NOT NULL AND type = 'in' ORDER BY id"""


def open_source(data: Path) -> sqlite3.Connection:
    """The Tryton SQLite database below the folder of real inputs, read-only."""
    return sqlite3.connect(f"file:{data / 'tryton_erp' / 'erp.sqlite'}?mode=ro", uri=True)


def source_figures(data: Path) -> dict[str, dict[str, int]]:
    """Every figure of `TRUTH`, from the source."""
    with open_source(data) as con:
        return {
            shape: {name: int(con.execute(sql).fetchone()[0]) for name, sql in measures.items()}
            for shape, measures in TRUTH.items()
        }
