"""The EDI mailbox of the sample network: X12 004010 orders, acknowledgments, ship notices and invoices.

Here: one file per day and set, one interchange per supplier. Not here: what happened (`world`).

One ship notice on the last day states a wrong segment count, on purpose.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby
from pathlib import Path

from tests.small_network.identifiers import sscc
from tests.small_network.world import EDI_SUPPLIERS, X12_UNITS, InvoiceLine, OrderLine, Place, Receipt, Supplier, World

NETWORK_ID = ("ZZ", "VALLEYHEALTH")
GROUPS = {"850": "PO", "855": "PR", "856": "SH", "810": "IN"}
Segments = list[str]


@dataclass(slots=True)
class Mailbox:
    """The files, and the control numbers given out so far."""

    folder: Path
    control: int = 0
    shipments: int = 0
    texts: dict[str, list[str]] = field(default_factory=dict)

    def post(self, kind: str, day: date, supplier: Supplier, bodies: list[Segments]) -> None:
        """Adds one interchange with a transaction set per body to the day's file of that set."""
        if not bodies:
            return
        self.control += 1
        inbound = kind != "850"
        ends = (("01", supplier.duns), NETWORK_ID) if inbound else (NETWORK_ID, ("01", supplier.duns))
        text = interchange(kind, day, ends, self.control, bodies)
        self.texts.setdefault(f"{kind}_{day:%Y%m%d}.edi", []).append(text)

    def write(self) -> None:
        """Writes the files."""
        self.folder.mkdir(parents=True)
        for name, texts in self.texts.items():
            (self.folder / name).write_text("".join(texts), encoding="ascii")


def write_edi(folder: Path, world: World) -> None:
    """All documents between the network and its EDI suppliers."""
    box = Mailbox(folder)
    for day in world.days:
        for supplier in world.suppliers[:EDI_SUPPLIERS]:
            orders = [o for o in world.orders if o.day == day and o.item.supplier == supplier]
            receipts = [r for r in world.receipts if r.day == day and r.order.item.supplier == supplier]
            billed = [i for i in world.invoices if i.day == day and i.receipt.order.item.supplier == supplier]
            box.post("850", day, supplier, [_order(list(lines)) for _, lines in groupby(orders, lambda o: o.po_no)])
            box.post("855", day, supplier, [_ack(list(lines)) for _, lines in groupby(orders, lambda o: o.po_no)])
            box.post("856", day, supplier, list(_shipments(box, receipts)))
            box.post("810", day, supplier, [_invoice(list(ls)) for _, ls in groupby(billed, lambda i: i.invoice_no)])
    _break_a_count(box, world.days[-1])
    box.write()


def interchange(
    kind: str, day: date, ends: tuple[tuple[str, str], tuple[str, str]], control: int, bodies: list[Segments]
) -> str:
    """ISA to IEA as text, a segment a line. `bodies`: segments between ST and SE."""
    (from_qual, sender), (to_qual, receiver) = ends
    blank = f"00*{'':10}"
    parties = f"{from_qual}*{sender:15}*{to_qual}*{receiver:15}"
    isa = f"ISA*{blank}*{blank}*{parties}*{day:%y%m%d}*0700*U*00401*{control:09d}*0*P*>"
    lines = [isa, f"GS*{GROUPS[kind]}*{sender}*{receiver}*{day:%Y%m%d}*0700*{control}*X*004010"]
    for n, body in enumerate(bodies, start=1):
        lines += [f"ST*{kind}*{n:04d}", *body, f"SE*{len(body) + 2}*{n:04d}"]
    lines += [f"GE*{len(bodies)}*{control}", f"IEA*1*{control:09d}"]
    return "".join(f"{line}~\n" for line in lines)


def _parties(supplier: Supplier, place: Place) -> Segments:
    return [f"N1*SE*{supplier.name}*1*{supplier.duns}", f"N1*ST*{place.name.replace(',', '')}*UL*{place.gln}"]


def _product(order: OrderLine) -> str:
    return f"IN*{order.item.item_no}*VN*{order.item.part_no}*UK*{order.item.pack_gtin}"


def _unit(order: OrderLine) -> str:
    return X12_UNITS[order.item.pack_uom]


def _money(amount: Decimal) -> str:
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _order(lines: list[OrderLine]) -> Segments:
    head = lines[0]
    body = [f"BEG*00*NE*{head.po_no}**{head.day:%Y%m%d}", "CUR*BY*USD"]
    if head.need_by:
        body.append(f"DTM*002*{head.need_by:%Y%m%d}")
    body += _parties(head.item.supplier, head.place)
    for o in lines:
        body += [
            f"PO1*{o.line_no}*{o.qty}*{_unit(o)}*{_money(o.price)}**{_product(o)}",
            f"PID*F****{o.item.description}",
        ]
    return [*body, f"CTT*{len(lines)}*{sum(o.qty for o in lines)}"]


def _ack(lines: list[OrderLine]) -> Segments:
    head = lines[0]
    body = [f"BAK*00*AC*{head.po_no}*{head.day:%Y%m%d}****SO{head.po_no[1:]}*{head.day:%Y%m%d}"]
    body += _parties(head.item.supplier, head.place)
    for o in lines:
        body.append(f"PO1*{o.line_no}*{o.qty}*{_unit(o)}*{_money(o.price)}**{_product(o)}")
        body += _promises(o)
    return [*body, f"CTT*{len(lines)}"]


def _promises(order: OrderLine) -> Iterator[str]:
    """Mostly accepted whole; every seventh item partly on back order, a week later."""
    uom, soon = _unit(order), order.day + timedelta(days=2)
    held = order.qty // 2 if order.item.number % 7 == 0 else 0
    yield f"ACK*IA*{order.qty - held}*{uom}*068*{soon:%Y%m%d}"
    if held:
        yield f"ACK*IB*{held}*{uom}*068*{soon + timedelta(days=7):%Y%m%d}"


def _shipments(box: Mailbox, receipts: Iterable[Receipt]) -> Iterator[Segments]:
    for number, lines in groupby(receipts, lambda r: r.receipt_no):
        box.shipments += 1
        yield _shipment(f"SHP{number[1:]}", box.shipments, list(lines))


def _shipment(number: str, serial: int, lines: list[Receipt]) -> Segments:
    order, day = lines[0].order, lines[0].day
    shipped = day - timedelta(days=1)
    body = [
        f"BSN*00*{number}*{shipped:%Y%m%d}*1630*0001",
        "HL*1**S",
        "TD5*O*2*UPSN",
        f"DTM*011*{shipped:%Y%m%d}",
        f"DTM*017*{day:%Y%m%d}",
        *_parties(order.item.supplier, order.place),
        "HL*2*1*O",
        f"PRF*{order.po_no}***{order.day:%Y%m%d}",
        "HL*3*2*P",
        f"MAN*GM*{sscc(order.item.supplier.company, serial)}",
    ]
    for hl, line in enumerate(lines, start=4):
        lot = f"*LT*{line.lot}" if line.lot else ""
        body += [f"HL*{hl}*3*I", f"LIN*{line.order.line_no}*{_product(line.order)}{lot}"]
        body.append(f"SN1**{line.qty}*{_unit(line.order)}")
        if line.expiry:
            body.append(f"DTM*036*{line.expiry:%Y%m%d}")
    return [*body, f"CTT*{len(lines) + 3}"]


def _invoice(lines: list[InvoiceLine]) -> Segments:
    order = lines[0].receipt.order
    body = [f"BIG*{lines[0].day:%Y%m%d}*{lines[0].invoice_no}*{order.day:%Y%m%d}*{order.po_no}***DI", "CUR*SE*USD"]
    body += _parties(order.item.supplier, order.place)
    for line in lines:
        of = line.receipt.order
        body.append(f"IT1*{line.line_no}*{line.receipt.qty}*{_unit(of)}*{_money(line.price)}**{_product(of)}")
    total = sum((line.price * line.receipt.qty for line in lines), Decimal(0))
    cents = (total * 100).quantize(Decimal(1), ROUND_HALF_UP)
    return [*body, f"TDS*{cents}", f"CTT*{len(lines)}"]


def _break_a_count(box: Mailbox, day: date) -> None:
    texts = box.texts.get(f"856_{day:%Y%m%d}.edi")
    if texts:
        before, count_and_rest = texts[0].split("\nSE*", 1)
        count, rest = count_and_rest.split("*", 1)
        texts[0] = f"{before}\nSE*{int(count) + 1}*{rest}"
