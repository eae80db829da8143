"""The central ERP of the sample network, as a SQLite database. Not here: what happened (`world`)."""

from __future__ import annotations

import sqlite3
from datetime import date, timedelta
from pathlib import Path

from tests.small_network.world import EDI_SUPPLIERS, X12_UNITS, World

SCHEMA = """
CREATE TABLE item_master (
    item_no VARCHAR(15) PRIMARY KEY, description VARCHAR(60), base_uom CHAR(2), gtin VARCHAR(14), mfr_name VARCHAR(60),
    mfr_part_no VARCHAR(30), lot_flag CHAR(1), status CHAR(1), std_cost NUMERIC(18, 4), updated_at TIMESTAMP NOT NULL);
CREATE TABLE item_uom (
    item_no VARCHAR(15), uom CHAR(2), valid_from DATE, multiplier NUMERIC(18, 6), gtin VARCHAR(14), order_flag CHAR(1),
    updated_at TIMESTAMP NOT NULL, PRIMARY KEY (item_no, uom, valid_from));
CREATE TABLE uom (
    uom CHAR(2) PRIMARY KEY, description VARCHAR(30), x12_code CHAR(2), updated_at TIMESTAMP NOT NULL);
CREATE TABLE vendor (
    vendor_no VARCHAR(9) PRIMARY KEY, name VARCHAR(60), duns CHAR(9), gln CHAR(13), edi_id VARCHAR(15), status CHAR(1),
    since DATE, updated_at TIMESTAMP NOT NULL);
CREATE TABLE vendor_journal (
    journal_no INTEGER PRIMARY KEY, op CHAR(1) NOT NULL, changed_at TIMESTAMP NOT NULL, vendor_no VARCHAR(9),
    name VARCHAR(60), duns CHAR(9), gln CHAR(13), edi_id VARCHAR(15), status CHAR(1), since DATE);
CREATE TABLE contract (
    contract_no VARCHAR(15) PRIMARY KEY, vendor_no VARCHAR(9), kind VARCHAR(6), from_date INTEGER, to_date INTEGER,
    updated_at TIMESTAMP NOT NULL);
CREATE TABLE location (
    location_code VARCHAR(15) PRIMARY KEY, name VARCHAR(60), type VARCHAR(10), parent VARCHAR(15), facility VARCHAR(15),
    gln CHAR(13), updated_at TIMESTAMP NOT NULL);
CREATE TABLE po_line (
    po_no VARCHAR(14), line_no INTEGER, item_no VARCHAR(15), vendor_no VARCHAR(9), ship_to VARCHAR(15),
    description VARCHAR(60), qty NUMERIC(18, 6), uom CHAR(2), multiplier NUMERIC(18, 6), unit_price NUMERIC(18, 6),
    ext_amount NUMERIC(18, 4), order_date DATE, need_by DATE, status CHAR(1), channel VARCHAR(6), buyer VARCHAR(30),
    created_at TIMESTAMP NOT NULL, updated_at TIMESTAMP, PRIMARY KEY (po_no, line_no));
CREATE TABLE invoice_line (
    vendor_no VARCHAR(9), invoice_no VARCHAR(22), line_no INTEGER, po_no VARCHAR(14), po_line_no INTEGER,
    item_no VARCHAR(15), qty NUMERIC(18, 6), uom CHAR(2), unit_price NUMERIC(18, 6), ext_amount NUMERIC(18, 4),
    invoice_date DATE, due_date DATE, status CHAR(1), created_at TIMESTAMP NOT NULL, updated_at TIMESTAMP,
    PRIMARY KEY (vendor_no, invoice_no, line_no));
"""
SINCE = "2019-07-01"
UNITS = (("EA", "Each"), ("BX", "Box"), ("CS", "Case"))


def write_erp(path: Path, world: World) -> None:
    """Writes the database. Stamps are UTC without a zone; an order line that never changed has no `updated_at`."""
    start = _stamp(world.days[0], 0)
    con = sqlite3.connect(path)
    try:
        con.executescript(SCHEMA)
        _masters(con, world, start)
        _fill(con, "po_line", _po_lines(world))
        _fill(con, "invoice_line", _invoice_lines(world))
        con.commit()
    finally:
        con.close()


def _fill(con: sqlite3.Connection, table: str, rows: list[tuple[str | int | None, ...]]) -> None:
    if rows:
        con.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)


def _stamp(day: date, minute: int) -> str:
    return f"{day.isoformat()} {12 + minute // 60:02d}:{minute % 60:02d}:00.{minute:06d}"


def _masters(con: sqlite3.Connection, world: World, start: str) -> None:
    items = world.items
    _fill(con, "item_master", [
        (i.item_no, i.description, "EA", i.gtin, i.supplier.name, i.part_no, "Y" if i.lot_tracked else "N",
         "I" if i.number % 50 == 49 else "A", f"{i.price:.4f}", start)
        for i in items
    ])  # fmt: skip
    _fill(
        con,
        "item_uom",
        [(i.item_no, "EA", SINCE, "1", i.gtin, "Y" if i.pack_uom == "EA" else "N", start) for i in items],
    )
    packed = [i for i in items if i.pack_uom != "EA"]
    _fill(con, "item_uom", [(i.item_no, i.pack_uom, SINCE, str(i.pack_qty), i.pack_gtin, "Y", start) for i in packed])
    _fill(con, "uom", [(code, name, X12_UNITS[code], start) for code, name in UNITS])
    vendors = [
        (s.erp_no, s.name, s.duns, s.gln, s.duns if s.number < EDI_SUPPLIERS else None, "A", SINCE)
        for s in world.suppliers
    ]
    _fill(con, "vendor", [(*vendor, start) for vendor in vendors])
    _fill(con, "vendor_journal", [(number, "I", start, *vendor) for number, vendor in enumerate(vendors, 1)])
    contracts = [(f"C{s.number:03d}", s.erp_no, "LOCAL", 20250101, 0, start) for s in world.suppliers[::2]]
    _fill(con, "contract", contracts)
    _fill(con, "location", [(p.code, p.name, p.type, p.parent, p.facility, p.gln, start) for p in world.places])


def _po_lines(world: World) -> list[tuple[str | int | None, ...]]:
    arrived = {receipt.order for receipt in world.receipts}
    rows: list[tuple[str | int | None, ...]] = []
    for n, o in enumerate(world.orders):
        channel = "edi" if o.item.supplier.number < EDI_SUPPLIERS else "portal"
        changed = _stamp(o.day + timedelta(days=1), n % 600) if o in arrived else None
        rows.append(
            (o.po_no, o.line_no, o.item.item_no, o.item.supplier.erp_no, o.place.code, o.item.description, str(o.qty),
             o.item.pack_uom, str(o.item.pack_qty), f"{o.price:.6f}", f"{o.price * o.qty:.4f}", o.day.isoformat(),
             o.need_by.isoformat() if o.need_by else None, "R" if o in arrived else "O", channel, f"BUYER{n % 3}",
             _stamp(o.day, n % 600), changed)
        )  # fmt: skip
    return rows


def _invoice_lines(world: World) -> list[tuple[str | int | None, ...]]:
    rows: list[tuple[str | int | None, ...]] = []
    for n, line in enumerate(world.invoices):
        order = line.receipt.order
        # Defect: every ninetieth line bills an item that no item master knows.
        item_no = "999999" if n % 90 == 89 else order.item.item_no
        rows.append(
            (order.item.supplier.erp_no, line.invoice_no, line.line_no, order.po_no, order.line_no, item_no,
             str(line.receipt.qty), order.item.pack_uom, f"{line.price:.6f}", f"{line.price * line.receipt.qty:.4f}",
             line.day.isoformat(), (line.day + timedelta(days=30)).isoformat(), "P" if n % 3 else "E",
             _stamp(line.day, n % 600), None)
        )  # fmt: skip
    return rows
