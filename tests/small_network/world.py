"""What really exists and happens in the small made-up network: items, suppliers, places, orders, receipts, invoices.

Here: plain values, the same for the same seed. Not here: how each system writes them down (`erp`, `flat_files`, `edi`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from tests.small_network.identifiers import duns, gln, gtin14

FIRST_DAY = date(2026, 1, 5)
ITEMS, SUPPLIERS = 200, 20
ORDERS_A_DAY = 20
EDI_SUPPLIERS = 8
NETWORK_COMPANY, FIRST_COMPANY = 861000, 861100
#: Unit of the ERP -> X12 element 355; in X12 a CS is a cassette.
X12_UNITS = {"EA": "EA", "BX": "BX", "CS": "CA"}
ROOMS = (("MAIN", "Main store"), ("OR", "Operating rooms"), ("ED", "Emergency"), ("ICU", "Intensive care"))
ZONES = (("RECV", "Receiving"), ("BULK", "Bulk"), ("PICK", "Picking"))
KINDS = (
    "Exam glove nitrile", "IV catheter", "Saline flush", "Suture absorbable", "Surgical drape",
    "Gauze sponge", "Syringe luer lock", "Needle hypodermic", "Foley catheter", "Endotracheal tube",
    "Face mask level 3", "Isolation gown", "Infusion set", "Extension set", "Wound dressing foam",
    "Trocar bladeless", "Skin stapler", "Suction canister", "Specimen cup", "Oxygen cannula",
)  # fmt: skip
VARIANTS = ("XS", "S", "M", "L", "XL", "10", "14", "18", "20", "24")
NAMES = (
    "Alder Medical", "Birchwood Surgical", "Cascade Health Supply", "Dunmore Devices", "Eastgate Distribution",
    "Fairmont Sterile", "Granite Peak Medical", "Harbor Surgical", "Ironbridge Care", "Juniper Products",
    "Kestrel Infusion", "Lakeshore Medical", "Meridian Wound Care", "Northfield Plastics", "Orchard Diagnostics",
    "Pinecrest Respiratory", "Quarry Orthopaedic", "Riverbend Textiles", "Stonegate Pharma", "Thornhill Imaging",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Supplier:
    """A company that sells to the network."""

    number: int
    name: str

    @property
    def erp_no(self) -> str:
        """Vendor number of the ERP."""
        return f"V{1001 + self.number}"

    @property
    def suite_id(self) -> str:
        """Supplier id of the procurement suite."""
        return f"SUP-{7 * self.number + 100}"

    @property
    def company(self) -> int:
        """GS1 company prefix."""
        return FIRST_COMPANY + self.number

    @property
    def duns(self) -> str:
        """D-U-N-S number."""
        return duns(60_000_000 + 37 * self.number)

    @property
    def gln(self) -> str:
        """Global location number."""
        return gln(self.company, 0)


@dataclass(frozen=True, slots=True)
class Item:
    """A thing that is bought and used. Prices in dollars per each."""

    number: int
    description: str
    supplier: Supplier
    pack_uom: str
    pack_qty: int
    price: Decimal
    lot_tracked: bool

    @property
    def item_no(self) -> str:
        """Item number of the ERP, shared by most systems."""
        return f"{100_001 + self.number}"

    @property
    def gtin(self) -> str:
        """GTIN of one each."""
        return gtin14(0, self.supplier.company, self.number)

    @property
    def pack_gtin(self) -> str:
        """GTIN of the pack."""
        return gtin14(1, self.supplier.company, self.number)

    @property
    def part_no(self) -> str:
        """Part number of the supplier."""
        return f"{self.supplier.name[:3].upper()}-{4000 + self.number}"


@dataclass(frozen=True, slots=True)
class Place:
    """A location of the network. `facility`: code of the hospital or warehouse it belongs to."""

    code: str
    name: str
    type: str
    parent: str | None
    facility: str | None
    number: int

    @property
    def gln(self) -> str:
        """Global location number."""
        return gln(NETWORK_COMPANY, self.number)


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One line of a purchase order. `qty` in the item's pack unit, `price` per pack."""

    po_no: str
    line_no: int
    item: Item
    place: Place
    qty: int
    price: Decimal
    day: date
    need_by: date | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """Goods that arrived for an order line: one lot. `qty` in packs."""

    receipt_no: str
    line_no: int
    order: OrderLine
    qty: int
    lot: str | None
    expiry: date | None
    day: date


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """What the supplier bills. `price` per pack."""

    invoice_no: str
    line_no: int
    receipt: Receipt
    price: Decimal
    day: date


@dataclass(frozen=True, slots=True)
class World:
    """Everything that exists and happened."""

    facilities: tuple[str, ...]
    days: tuple[date, ...]
    suppliers: tuple[Supplier, ...]
    items: tuple[Item, ...]
    places: tuple[Place, ...]
    orders: tuple[OrderLine, ...]
    receipts: tuple[Receipt, ...]
    invoices: tuple[InvoiceLine, ...]

    def carried(self, facility: str) -> tuple[Item, ...]:
        """Items a facility keeps: each lacks another eighth of the catalogue."""
        skipped = ("DC1", *self.facilities).index(facility)
        return tuple(item for item in self.items if item.number % 8 != skipped)

    def rooms(self, facility: str) -> tuple[Place, ...]:
        """Places of a facility below the facility itself."""
        return tuple(place for place in self.places if place.facility == facility and place.code != facility)


def facility_codes(count: int) -> tuple[str, ...]:
    """Codes of the hospitals: NORTH, SOUTH, then H03, H04 ..."""
    return ("NORTH", "SOUTH", *(f"H{n:02d}" for n in range(3, count + 1)))[:count]


def build_world(seed: int, facilities: int, days: int) -> World:
    """The network of that seed: `facilities` hospitals and one warehouse over `days` days from 5 January 2026."""
    rng = Random(seed)
    suppliers = tuple(Supplier(n, name) for n, name in enumerate(NAMES[:SUPPLIERS]))
    codes = facility_codes(facilities)
    calendar = tuple(FIRST_DAY + timedelta(days=n) for n in range(days))
    empty = World(codes, calendar, suppliers, _items(rng, suppliers), _places(codes), (), (), ())
    orders = _orders(rng, empty)
    receipts = _receipts(rng, orders, calendar[-1])
    invoices = _invoices(rng, receipts)
    return World(codes, calendar, suppliers, empty.items, empty.places, orders, receipts, invoices)


def _items(rng: Random, suppliers: tuple[Supplier, ...]) -> tuple[Item, ...]:
    names = [f"{kind} {variant}" for kind in KINDS for variant in VARIANTS][:ITEMS]
    return tuple(
        Item(
            number=n,
            description=name,
            supplier=rng.choice(suppliers),
            pack_uom=("BX", "CS", "EA")[n % 3],
            pack_qty=(100, 24, 1)[n % 3],
            price=Decimal(rng.randint(5, 9_000)) / 100,
            lot_tracked=n % 4 != 0,
        )
        for n, name in enumerate(names)
    )


def _places(codes: tuple[str, ...]) -> tuple[Place, ...]:
    rows: list[tuple[str, str, str, str | None, str | None]] = [("NET", "Valley Health Network", "network", None, None)]
    for code in codes:
        rows.append((code, f"{code.title()} Valley Hospital", "hospital", "NET", code))
        rows += [(f"{code}-{room}", f"{name}, {code.title()}", "storeroom", code, code) for room, name in ROOMS]
    rows.append(("DC1", "Valley Distribution Center", "warehouse", "NET", "DC1"))
    rows += [(f"DC1-{zone}", f"{name}, DC1", "storeroom", "DC1", "DC1") for zone, name in ZONES]
    return tuple(Place(*row, number=n) for n, row in enumerate(rows))


def _orders(rng: Random, world: World) -> tuple[OrderLine, ...]:
    lines = []
    for count, (day, _) in enumerate((day, n) for day in world.days for n in range(ORDERS_A_DAY)):
        facility = rng.choice((*world.facilities, *world.facilities, "DC1"))
        supplier = rng.choice(world.suppliers)
        offered = [item for item in world.carried(facility) if item.supplier == supplier]
        place = world.rooms(facility)[0]
        need_by = None if rng.random() < 0.1 else day + timedelta(days=rng.randint(2, 6))
        for line_no, item in enumerate(rng.sample(offered, min(len(offered), rng.randint(1, 4))), start=1):
            price = item.price * item.pack_qty
            lines.append(
                OrderLine(f"P{260_001 + count}", line_no, item, place, rng.randint(1, 20), price, day, need_by)
            )
    return tuple(lines)


def _receipts(rng: Random, orders: tuple[OrderLine, ...], last: date) -> tuple[Receipt, ...]:
    lines: list[Receipt] = []
    arrivals: dict[tuple[str, date], int] = {}
    for order in orders:
        day = order.day + timedelta(days=rng.randint(1, 2))
        if day > last or rng.random() < 0.08:
            continue
        receipt_no = f"R{order.po_no[1:]}-{(day - order.day).days}"
        for qty in _lots(rng, order.qty):
            arrivals[receipt_no, day] = arrivals.get((receipt_no, day), 0) + 1
            lot = f"L{rng.randint(10_000, 99_999)}" if order.item.lot_tracked else None
            expiry = day + timedelta(days=rng.randint(90, 900)) if lot else None
            lines.append(Receipt(receipt_no, arrivals[receipt_no, day], order, qty, lot, expiry, day))
    return tuple(lines)


def _lots(rng: Random, qty: int) -> list[int]:
    """How an ordered quantity arrives: mostly whole, sometimes short, sometimes in two lots."""
    chance = rng.random()
    if qty > 1 and chance < 0.15:
        return [qty // 2, qty - qty // 2]
    return [qty - 1] if qty > 1 and chance < 0.22 else [qty]


def _invoices(rng: Random, receipts: tuple[Receipt, ...]) -> tuple[InvoiceLine, ...]:
    lines: list[InvoiceLine] = []
    counts: dict[str, int] = {}
    for receipt in receipts:
        if rng.random() < 0.2:
            continue
        invoice_no = f"INV{receipt.receipt_no[1:]}"
        counts[invoice_no] = counts.get(invoice_no, 0) + 1
        dearer = Decimal("1.03") if rng.random() < 0.05 else Decimal(1)
        price = (receipt.order.price * dearer).quantize(Decimal("0.0001"))
        lines.append(InvoiceLine(invoice_no, counts[invoice_no], receipt, price, receipt.day))
    return tuple(lines)
