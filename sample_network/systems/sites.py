"""Inventory systems of the hospitals (three dialects) and of the warehouse: layouts. Not here: rows (.sql files)."""

from __future__ import annotations

from sample_network.model.world import WAREHOUSE, script
from sample_network.systems.drop import HERE, Drop, Layout, sections

TAB = "\t"
_STOCK_A = "TRAILER,rows={rows},on_hand_qty={total}"
_RECEIPT_A = (
    "receipt_no,line_no,po_no,po_line_no,item_id,location,qty,uom,pack_qty,lot_no,expiry_date,received_date,received_at"
)
_RECEIPT_B = "Receipt;Line;Order;Order line;Item;Store;Quantity;Unit;Pack;Lot;Expires;Received on;Received at"
_RECEIPT_C = "Receipt#\tLine#\tPO#\tPO Line#\tItem\tPar\tQty\tUOM\tPack Qty\tLot\tExp Date\tRec Date\tRec Time"

LAYOUTS: dict[str, tuple[Layout, ...]] = {
    "inventory": (
        Layout("item", "item_id,description,base_uom,gtin,network_item_no,manufacturer,mfr_part_no,lot_tracked,status"),
        Layout("location", "location,name,type,parent,network_location_code,gln"),
        Layout("receipt", _RECEIPT_A, qty_field=6),
        Layout("stock", "snapshot_date,location,item_id,lot_no,expiry_date,on_hand_qty", trailer=_STOCK_A),
        Layout("movement", "movement_no,moved_at,item_id,from_location,to_location,movement_type,qty,uom,lot_no,note"),
    ),
    "stockroom": (
        Layout("item", "Item;Text;Unit;GTIN;ERP number;Maker;Maker part;Lots;State", ";", "cp1252", "\r\n"),
        Layout("location", "Store;Name;Kind;Within;ERP code;GLN", ";", "cp1252", "\r\n"),
        Layout("receipt", _RECEIPT_B, ";", "cp1252", "\r\n", qty_field=6),
        Layout(
            "stock", "Day;Store;Item;Lot;Expires;On hand", ";", "cp1252", "\r\n", trailer="#END;{rows} rows;{total}"
        ),
        Layout("movement", "Movement;Time;Item;From;To;Kind;Quantity;Unit;Lot;Remark", ";", "cp1252", "\r\n"),
    ),
    "parlevel": (
        Layout("item", "Item\tName\tUnit\tGTIN\tERP#\tMfr\tMfr Part#\tLot Ctl\tStatus", TAB, "utf-8-sig"),
        Layout("location", "Par\tName\tType\tIn\tERP Loc\tGLN", TAB, "utf-8-sig"),
        Layout("receipt", _RECEIPT_C, TAB, "utf-8-sig", qty_field=6),
        Layout(
            "stock", "Count Date\tPar\tItem\tLot\tExp Date\tOn Hand", TAB, "utf-8-sig", drifted=(18, "Shelf")
        ),
        Layout("movement", "Move#\tMove Time\tItem\tFrom\tTo\tType\tQty\tUOM\tLot\tNote", TAB, "utf-8-sig"),
    ),
    "warehouse": (
        Layout("item", "sku,description,uom,gtin,network_item_no"),
        Layout("location", "zone,name,type,network_location_code,gln"),
        Layout("receipt", _RECEIPT_A, qty_field=6),
        Layout("stock", "snapshot_date,location,item_id,lot_no,expiry_date,on_hand_qty", trailer=_STOCK_A),
        Layout("move", "move_no,moved_at,sku,from_zone,to_zone,move_type,qty,uom,lot_no,reference"),
    ),
}  # fmt: skip


def write_site(drop: Drop, facility_no: int, dialect: str) -> None:
    """One site's inventory files, and the truth about each of their rows. The world is at that site."""
    drop.con.execute(script("inventory_rows.sql", HERE))
    if facility_no == WAREHOUSE:
        drop.con.execute(script("warehouse_rows.sql", HERE))
    texts = sections(f"{dialect}.sql")
    facts = sections("site_truth.sql")
    for layout in LAYOUTS[dialect]:
        drop.emit(layout, texts[layout.feed])
        drop.con.execute(facts[layout.feed])
