"""The CSV extracts of the sample network: hospital inventory systems, procurement suite, warehouse.

Here: their layouts, local ids and the defects they are known for. Not here: what happened (`world`).

Defects, on purpose: an impossible expiry date, a date that means "none", one receipt file sent twice, an item listed
twice, a GTIN with a wrong check digit, a receipt of an item no master knows, a stock file cut short of its trailer.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from random import Random

from tests.small_network.world import Item, Place, Receipt, World

NO_EXPIRY = "9999-12-31"
COUNTED = 60
MOVES_A_DAY = 50
Cell = str | int | None


def write_inventory(folder: Path, world: World, facility: str, rng: Random) -> None:
    """One hospital's inventory system: item master, locations, daily stock and receipts."""
    folder.mkdir(parents=True)
    first, last = world.days[0], world.days[-1]
    for day in sorted({first, last}):
        _item_master(folder / f"items_{day:%Y%m%d}.csv", world, facility, relisted=facility == "SOUTH" and day == last)
    _locations(folder / f"locations_{first:%Y%m%d}.csv", world, facility)
    for n, day in enumerate(world.days):
        cut = facility == "SOUTH" and n == 3
        _stock(folder / f"stock_{day:%Y%m%d}.csv", _counts(world, facility, day, rng), cut_short=cut)
        rows = [_receipt(world, facility, r) for r in world.receipts if r.day == day and _facility(r) == facility]
        if facility == "NORTH" and n == 2:
            rows = _spoiled(rows)
        path = folder / f"receipts_{day:%Y%m%d}.csv"
        _csv(path, RECEIPT_HEADER, rows)
        if facility == "NORTH" and n == 1:
            path.with_stem(f"{path.stem}_resent").write_bytes(path.read_bytes())


def write_procurement(folder: Path, world: World) -> None:
    """The procurement suite: suppliers and the catalogue of what they sell."""
    folder.mkdir(parents=True)
    day = world.days[0]
    suppliers = [(s.suite_id, s.name.upper(), s.duns, "ACTIVE") for s in world.suppliers]
    _csv(folder / f"suppliers_{day:%Y%m%d}.csv", ("supplier_id", "supplier_name", "duns", "status"), suppliers)
    header = ("catalogue_id", "description", "gtin", "network_item_no", "supplier_id", "supplier_part_no", "uom")
    rows = [
        (f"C{30_000 + i.number}", i.description, i.gtin, i.item_no if i.number % 5 else None, i.supplier.suite_id,
         i.part_no, i.pack_uom, i.pack_qty, f"{i.price * i.pack_qty:.4f}", "USD", 2 + i.number % 5)
        for i in world.items
    ]  # fmt: skip
    _csv(
        folder / f"catalogue_{day:%Y%m%d}.csv", (*header, "pack_qty", "list_price", "currency", "lead_time_days"), rows
    )


def write_warehouse(folder: Path, world: World, rng: Random) -> None:
    """The distribution center: items, zones, daily receipts, moves and stock. Its SKU is the network item number."""
    folder.mkdir(parents=True)
    day = world.days[0]
    items = [(i.item_no, i.description, "EA", i.gtin, i.item_no) for i in world.carried("DC1")]
    _csv(folder / f"items_{day:%Y%m%d}.csv", ("sku", "description", "uom", "gtin", "network_item_no"), items)
    places = [p for p in world.places if p.facility == "DC1" or p.type == "hospital"]
    zones = [(_zone(p), p.name, _zone_type(p), p.code, p.gln) for p in places]
    _csv(folder / f"locations_{day:%Y%m%d}.csv", ("zone", "name", "type", "network_location_code", "gln"), zones)
    for day in world.days:
        receipts = [_receipt(world, "DC1", r) for r in world.receipts if r.day == day and _facility(r) == "DC1"]
        _csv(folder / f"receipts_{day:%Y%m%d}.csv", RECEIPT_HEADER, receipts)
        _csv(folder / f"moves_{day:%Y%m%d}.csv", MOVE_HEADER, _moves(world, day, rng))
        _stock(folder / f"stock_{day:%Y%m%d}.csv", _counts(world, "DC1", day, rng), cut_short=False)


ITEM_HEADER = (
    "item_id", "description", "base_uom", "gtin", "network_item_no", "manufacturer", "mfr_part_no", "lot_tracked",
    "status",
)  # fmt: skip
RECEIPT_HEADER = (
    "receipt_no", "line_no", "po_no", "po_line_no", "item_id", "location", "qty", "uom", "pack_qty", "lot_no",
    "expiry_date", "received_date", "received_at",
)  # fmt: skip
STOCK_HEADER = ("snapshot_date", "location", "item_id", "lot_no", "expiry_date", "on_hand_qty")
MOVE_HEADER = ("move_no", "moved_at", "sku", "from_zone", "to_zone", "move_type", "qty", "uom", "lot_no", "reference")


def local_item_id(world: World, facility: str, item: Item) -> str:
    """The id an inventory system gives an item: its own at each hospital, the SKU at the warehouse."""
    if facility == "DC1":
        return item.item_no
    nth = world.facilities.index(facility)
    return f"{facility[0]}{10_000 + 7 * item.number + nth}"


def _csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Cell]], trailer: str | None = None) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
        if trailer:
            file.write(f"{trailer}\n")


def _facility(receipt: Receipt) -> str:
    return receipt.order.place.facility or ""


def _room(world: World, place: Place) -> str:
    """Local location id: rooms are numbered at hospitals, zones keep their name at the warehouse."""
    if place.facility == "DC1":
        return _zone(place)
    rooms = [p.code for p in world.places if p.facility == place.facility]
    return f"L{rooms.index(place.code):02d}"


def _zone(place: Place) -> str:
    return place.code.removeprefix("DC1-")


def _zone_type(place: Place) -> str:
    return "CUSTOMER" if place.type == "hospital" else "SITE" if place.code == "DC1" else "ZONE"


def _item_master(path: Path, world: World, facility: str, *, relisted: bool) -> None:
    rows = [_item_row(world, facility, item) for item in world.carried(facility)]
    if facility == "SOUTH":
        rows[5][3] = f"{str(rows[5][3] or '0' * 14)[:-1]}{(int(str(rows[5][3] or '0')[-1]) + 1) % 10}"
    if relisted:
        rows.append([*rows[7][:1], f"{rows[7][1]} (RELISTED)", *rows[7][2:]])
    _csv(path, ITEM_HEADER, rows)


def _item_row(world: World, facility: str, item: Item) -> list[Cell]:
    """Eight of ten items carry the network's number, one only a GTIN, one neither."""
    kind = item.number % 10
    text = item.description if facility == "NORTH" else item.description.upper().replace(" ", ", ", 1)
    return [
        local_item_id(world, facility, item),
        text,
        "EA",
        item.gtin if kind == 8 or kind % 2 == 0 or item.number % 40 == 5 else None,
        item.item_no if kind < 8 else None,
        item.supplier.name,
        item.part_no,
        "Y" if item.lot_tracked else "N",
        "A",
    ]


def _locations(path: Path, world: World, facility: str) -> None:
    """All but the last room carry the network's code; that one is known by its GLN."""
    places = [p for p in world.places if p.facility == facility]
    rows = [
        (_room(world, p), p.name, "HOSP" if p.type == "hospital" else "ROOM", None if p.code == facility else "L00",
         None if p is places[-1] else p.code, p.gln)
        for p in places
    ]  # fmt: skip
    _csv(path, ("location", "name", "type", "parent", "network_location_code", "gln"), rows)


def _counts(world: World, facility: str, day: date, rng: Random) -> list[tuple[Cell, ...]]:
    place = _room(world, world.rooms(facility)[0])
    rows: list[tuple[Cell, ...]] = []
    for item in world.carried(facility)[:COUNTED]:
        lot = f"S{item.number:05d}" if item.lot_tracked else None
        expiry = f"{2027 + item.number % 2}-0{1 + item.number % 9}-28" if lot else None
        qty = rng.randint(0, 400)
        rows.append((day.isoformat(), place, local_item_id(world, facility, item), lot, expiry, qty))
    return rows


def _stock(path: Path, rows: list[tuple[Cell, ...]], *, cut_short: bool) -> None:
    total = sum(int(row[5] or 0) for row in rows)
    trailer = f"TRAILER,rows={len(rows)},on_hand_qty={total}"
    _csv(path, STOCK_HEADER, rows[: len(rows) // 2] if cut_short else rows, trailer)


def _receipt(world: World, facility: str, receipt: Receipt) -> list[Cell]:
    order = receipt.order
    return [
        receipt.receipt_no,
        receipt.line_no,
        order.po_no,
        order.line_no,
        local_item_id(world, facility, order.item),
        _room(world, order.place),
        receipt.qty,
        order.item.pack_uom,
        order.item.pack_qty,
        receipt.lot,
        receipt.expiry.isoformat() if receipt.expiry else NO_EXPIRY,
        receipt.day.isoformat(),
        f"{receipt.day.isoformat()}T{8 + receipt.line_no % 9:02d}:15:00-05:00",
    ]


def _spoiled(rows: list[list[Cell]]) -> list[list[Cell]]:
    """A month 13 in the first row, an item that is in no master in the second."""
    spoiled = [list(row) for row in rows]
    for row, column, wrong in zip(spoiled[:2], (10, 4), ("2027-13-40", "N99999"), strict=False):
        row[column] = wrong
    return spoiled


def _moves(world: World, day: date, rng: Random) -> list[tuple[Cell, ...]]:
    routes = (("T", "RECV", "BULK"), ("T", "BULK", "PICK"), *(("I", "PICK", code) for code in world.facilities))
    rows: list[tuple[Cell, ...]] = []
    for n in range(MOVES_A_DAY):
        kind, source, target = rng.choice((*routes, ("A", "BULK", "BULK"), ("W", "PICK", "PICK")))
        item = rng.choice(world.carried("DC1"))
        lot = f"S{item.number:05d}" if item.lot_tracked else None
        qty = -rng.randint(1, 5) if kind == "A" else rng.randint(1, 40)
        stamp = f"{day.isoformat()}T{6 + n // 6:02d}:{n % 6}0:00-05:00"
        number = f"M{day:%y%m%d}{n:03d}"
        rows.append((number, stamp, item.item_no, source, target, kind, qty, "EA", lot, f"W{day:%j}"))
    return rows
