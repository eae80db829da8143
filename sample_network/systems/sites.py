"""Inventory systems of the hospitals (three dialects) and of the warehouse: layouts. Not here: rows (.sql files)."""

from __future__ import annotations

from sample_network.model.world import run, script
from sample_network.systems.drop import HERE, Drop, Feed, Layout, sections

_STOCK_A = "TRAILER,rows={rows},on_hand_qty={total}"
_RECEIPT_A = (
    "receipt_no,line_no,po_no,po_line_no,item_id,location,qty,uom,pack_qty,lot_no,expiry_date,received_date,received_at"
)
_RECEIPT_B = "Receipt;Line;Order;Order line;Item;Store;Quantity;Unit;Pack;Lot;Expires;Received on;Received at"
_RECEIPT_C = "Receipt#\tLine#\tPO#\tPO Line#\tItem\tPar\tQty\tUOM\tPack Qty\tLot\tExp Date\tRec Date\tRec Time"

_STOCK_HEAD = "snapshot_date,location,item_id,lot_no,expiry_date,on_hand_qty"
_ITEM_A = "item_id,description,base_uom,gtin,network_item_no,manufacturer,mfr_part_no,lot_tracked,status"
_MOVE_A = "movement_no,moved_at,item_id,from_location,to_location,movement_type,qty,uom,lot_no,note"
_ITEM_C = "Item\tName\tUnit\tGTIN\tERP#\tMfr\tMfr Part#\tLot Ctl\tStatus"
_MOVE_C = "Move#\tMove Time\tItem\tFrom\tTo\tType\tQty\tUOM\tLot\tNote"


def _stockroom(feed: str, file: str, header: str, trailer: str | None = None, qty_field: int | None = None) -> Layout:
    return Layout(feed, file, header, ";", "cp1252", "\r\n", trailer, qty_field)


def _parlevel(
    feed: str, file: str, header: str, qty_field: int | None = None, drifted: tuple[int, str] | None = None
) -> Layout:
    return Layout(feed, file, header, "\t", "utf-8-sig", qty_field=qty_field, drifted=drifted)


LAYOUTS: dict[str, tuple[Layout, ...]] = {
    "inventory": (
        Layout("item", "items_{day}.csv", _ITEM_A),
        Layout("location", "locations_{day}.csv", "location,name,type,parent,network_location_code,gln"),
        Layout("receipt", "receipts_{day}.csv", _RECEIPT_A, qty_field=6),
        Layout("stock", "stock_{day}.csv", _STOCK_HEAD, trailer=_STOCK_A),
        Layout("movement", "usage_{day}.csv", _MOVE_A),
    ),
    "stockroom": (
        _stockroom("item", "ITM_{day}.txt", "Item;Text;Unit;GTIN;ERP number;Maker;Maker part;Lots;State"),
        _stockroom("location", "LOC_{day}.txt", "Store;Name;Kind;Within;ERP code;GLN"),
        _stockroom("receipt", "RCV_{day}.txt", _RECEIPT_B, qty_field=6),
        _stockroom("stock", "STK_{day}.txt", "Day;Store;Item;Lot;Expires;On hand", "#END;{rows} rows;{total}"),
        _stockroom("movement", "MOV_{day}.txt", "Movement;Time;Item;From;To;Kind;Quantity;Unit;Lot;Remark"),
    ),
    "parlevel": (
        _parlevel("item", "parlevel-items-{day}.tsv", _ITEM_C),
        _parlevel("location", "parlevel-places-{day}.tsv", "Par\tName\tType\tIn\tERP Loc\tGLN"),
        _parlevel("receipt", "parlevel-received-{day}.tsv", _RECEIPT_C, qty_field=6),
        _parlevel(
            "stock",
            "parlevel-onhand-{day}.tsv",
            "Count Date\tPar\tItem\tLot\tExp Date\tOn Hand",
            drifted=(18, "Shelf"),
        ),
        _parlevel("movement", "parlevel-moved-{day}.tsv", _MOVE_C),
    ),
    "warehouse": (
        Layout("item", "items_{day}.csv", "sku,description,uom,gtin,network_item_no"),
        Layout("location", "locations_{day}.csv", "zone,name,type,network_location_code,gln"),
        Layout("receipt", "receipts_{day}.csv", _RECEIPT_A, qty_field=6),
        Layout("stock", "stock_{day}.csv", _STOCK_HEAD, trailer=_STOCK_A),
        Layout("move", "moves_{day}.csv", "move_no,moved_at,sku,from_zone,to_zone,move_type,qty,uom,lot_no,reference"),
    ),
}


def write_sites(drop: Drop) -> None:
    """The inventory files of the sites the world is at, and the truth about their rows."""
    con = drop.con
    dialects = [dialect for (dialect,) in con.sql("SELECT DISTINCT dialect FROM here ORDER BY dialect").fetchall()]
    run(con, script("inventory_rows.sql", HERE))
    if "warehouse" in dialects:
        run(con, script("warehouse_rows.sql", HERE))
    drop.emit([(layout, text) for dialect in dialects for layout, text in _feeds(dialect)])


def _feeds(dialect: str) -> list[Feed]:
    texts = sections(f"{dialect}.sql")
    return [(layout, texts[layout.feed]) for layout in LAYOUTS[dialect]]
