"""Inputs of the spine benchmark: order lines in a database, receipt lines and master data as CSV files.

Here: making them, deterministically, and changing one per cent. Not here: timing (`bench.spine`).
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import duckdb

ITEMS, SUPPLIERS, LOCATIONS = 20_000, 500, 200

_ORDER = """
    SELECT
        i AS id,
        'PO' || lpad(CAST(i // 4 AS VARCHAR), 9, '0') AS po_no,
        CAST(i % 4 + 1 AS INTEGER) AS line_no,
        'I' || lpad(CAST(i * 7919 % {items} AS VARCHAR), 6, '0') AS item_no,
        'S' || lpad(CAST(i // 4 * 31 % {suppliers} AS VARCHAR), 4, '0') AS supplier_no,
        'L' || lpad(CAST(i // 4 * 17 % {locations} AS VARCHAR), 4, '0') AS location_code,
        CAST(i * 13 % 500 + 1 + {bump} AS DECIMAL(18,6)) AS qty,
        CASE WHEN i % 3 = 0 THEN 'BX' ELSE 'EA' END AS uom,
        CAST((i * 37 % 100000) / 1000.0 AS DECIMAL(18,6)) AS unit_price,
        DATE '2026-01-01' + CAST(i % 300 AS INTEGER) AS order_date,
        CASE WHEN i % 5 = 0 THEN 'open' ELSE 'closed' END AS status,
        TIMESTAMP '2026-01-01 00:00:00' + to_seconds(i % 20000000) AS updated_at
    FROM range({low}, {high}) AS t(i)
"""

_RECEIPT = """
    SELECT
        'R' || lpad(CAST(i // 3 AS VARCHAR), 9, '0') AS receipt_no,
        CAST(i % 3 + 1 AS INTEGER) AS line_no,
        'PO' || lpad(CAST(i // 4 AS VARCHAR), 9, '0') AS po_no,
        CAST(i % 4 + 1 AS INTEGER) AS po_line_no,
        'I' || lpad(CAST(i * 7919 % {items} AS VARCHAR), 6, '0') AS item_no,
        'S' || lpad(CAST(i // 4 * 31 % {suppliers} AS VARCHAR), 4, '0') AS supplier_no,
        'L' || lpad(CAST(i // 4 * 17 % {locations} AS VARCHAR), 4, '0') AS location_code,
        CAST(i * 13 % 500 + 1 + {bump} AS DECIMAL(18,6)) AS qty,
        CASE WHEN i % 3 = 0 THEN 'BX' ELSE 'EA' END AS uom,
        CAST((i * 37 % 100000) / 1000.0 AS DECIMAL(18,6)) AS unit_price,
        'LOT' || CAST(i * 101 % 900000 AS VARCHAR) AS lot_no,
        DATE '2027-06-01' + CAST(i % 900 AS INTEGER) AS expiry_date,
        strftime(TIMESTAMP '2026-01-05 06:00:00' + to_seconds(i % 20000000), '%Y-%m-%dT%H:%M:%SZ') AS received_at
    FROM range({low}, {high}) AS t(i)
"""


def _sql(template: str, low: int, high: int, bump: int = 0) -> str:
    return template.format(items=ITEMS, suppliers=SUPPLIERS, locations=LOCATIONS, low=low, high=high, bump=bump)


def write_masters(folder: Path) -> None:
    """item, supplier and location files."""
    queries = {
        "item": f"SELECT 'I' || lpad(CAST(i AS VARCHAR), 6, '0') AS item_no, 'Item ' || i AS description, "
        f"'EA' AS base_uom FROM range({ITEMS}) AS t(i)",
        "supplier": f"SELECT 'S' || lpad(CAST(i AS VARCHAR), 4, '0') AS supplier_no, 'Supplier ' || i AS legal_name "
        f"FROM range({SUPPLIERS}) AS t(i)",
        "location": f"SELECT 'L' || lpad(CAST(i AS VARCHAR), 4, '0') AS location_code, 'Location ' || i AS name "
        f"FROM range({LOCATIONS}) AS t(i)",
    }
    for name, query in queries.items():
        _copy(query, folder / f"{name}_20260901.csv")


def write_receipts(folder: Path, rows: int) -> Path:
    """The receipt file of the first day."""
    return _copy(_sql(_RECEIPT, 0, rows), folder / "receipt_20260901.csv")


def write_changed_receipts(folder: Path, rows: int) -> Path:
    """The next day: one per cent of the lines corrected."""
    return _copy(_sql(_RECEIPT, 0, rows // 100, bump=1), folder / "receipt_20260902.csv")


def _copy(query: str, path: Path) -> Path:
    with duckdb.connect() as con:
        con.execute(f"COPY ({query}) TO '{path}' (HEADER, DELIMITER ',')")
    return path


def load_orders(url: str, rows: int, scratch: Path) -> None:
    """Create and fill the table po_line (PostgreSQL URL, or a SQLite URL)."""
    path = _copy(_sql(_ORDER, 0, rows), scratch / "orders.csv")
    if url.startswith("sqlite"):
        _load_sqlite(url, path)
    else:
        _load_postgres(url, path)
    path.unlink()


_DDL = """CREATE TABLE po_line (id BIGINT PRIMARY KEY, po_no VARCHAR(20) NOT NULL, line_no INTEGER NOT NULL,
    item_no VARCHAR(20), supplier_no VARCHAR(20), location_code VARCHAR(20), qty NUMERIC(18,6), uom VARCHAR(3),
    unit_price NUMERIC(18,6), order_date DATE, status VARCHAR(10), updated_at TIMESTAMP)"""


def _load_postgres(url: str, path: Path) -> None:
    import psycopg

    with psycopg.connect(url.replace("+psycopg", "")) as con, con.cursor() as cursor:
        cursor.execute(_DDL)
        with cursor.copy("COPY po_line FROM STDIN (FORMAT csv, HEADER)") as copy, path.open("rb") as source:
            while chunk := source.read(1 << 20):
                copy.write(chunk)
        cursor.execute("CREATE INDEX po_line_updated ON po_line (updated_at)")
        cursor.execute("ANALYZE po_line")  # a live database has statistics


def _load_sqlite(url: str, path: Path) -> None:
    import csv

    with sqlite3.connect(url.removeprefix("sqlite:///")) as con, path.open(newline="") as source:
        con.execute(_DDL)
        rows = csv.reader(source)
        next(rows)
        con.executemany(f"INSERT INTO po_line VALUES ({', '.join('?' * 12)})", rows)
        con.execute("CREATE INDEX po_line_updated ON po_line (updated_at)")


def change_orders(url: str, rows: int, moment: str) -> None:
    """Update one per cent of the order lines, stamped with a moment later than all others.

    `moment`: 'YYYY-MM-DD HH:MM:SS', UTC. An ERP stamps with its clock; a stamp before the last extract would be a late
    one, which only the nightly search finds.
    """
    statement = f"UPDATE po_line SET qty = qty + 1, updated_at = '{moment}' WHERE id < {rows // 100}"
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as con:
            con.execute(statement)
        return
    import psycopg

    with psycopg.connect(url.replace("+psycopg", "")) as con:
        con.execute(statement)
