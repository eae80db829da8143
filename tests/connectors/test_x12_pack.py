"""From EDI files to intake shapes by landing, staging and the pack's SQL: what documents mean after each other."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.interface import FeedState
from connectors.network import Source
from connectors.x12 import X12Connector
from store.intake import Intake, load_shapes
from store.landing import Landing
from store.staging import stage_feed
from store.working import Working
from tests.connectors.x12_files import CONTRACT, Segment, contract, one, order

ROOT = CONTRACT.parents[2]
SHAPES = ("po_line", "po_ack", "asn_line", "invoice_line", "item", "supplier", "location")


def supplied(home: Path, folder: Path, *, strict: bool = True, one_by_one: Sequence[str] = ()) -> dict[str, Any]:
    """Rows of every shape after landing and staging the files of a folder (or the named ones, in that order)."""
    feed = contract(strict)
    mailbox = X12Connector(feed, "hub", Source(system="edi"), folder)
    landing = Landing(home / "landing")
    offers = {offer.name: offer for offer in mailbox.discover(FeedState(), sweep=False)}
    with Working.open(home / "working.duckdb") as working:
        for name in one_by_one or sorted(offers):
            landing.pull(mailbox, offers[name], FeedState())
            if one_by_one:
                stage_feed(working, feed, "hub", landing.deliveries("hub", "x12"), mailbox.read)
        stage_feed(working, feed, "hub", landing.deliveries("hub", "x12"), mailbox.read)
        shapes = load_shapes(ROOT / "assets" / "intake", ROOT / "mastering" / "domains")
        intake = Intake(shapes, {"hub": ("edi", {"x12": feed})}, ROOT / "feeds")
        intake.create_views(working.con)
        return {s: working.con.sql(f"SELECT * FROM intake.{s} ORDER BY source_key").to_arrow_table() for s in SHAPES}


def after(tmp_path: Path, *contents: str) -> dict[str, list[dict[str, Any]]]:
    """Intake rows after these files, an hour apart."""
    folder = tmp_path / "in"
    folder.mkdir()
    for n, content in enumerate(contents):
        (folder / f"{n}.edi").write_text(content.replace("*261101*0930*", f"*261101*{n + 10}30*"))
    found = supplied(tmp_path / "home", folder)
    return {shape: table.to_pylist() for shape, table in found.items()}


def told(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    """These columns, in the order of the line numbers where the rows have some."""
    ordered = sorted(rows, key=lambda r: (r.get("po_no") or "", r.get("shipment_no") or "", r.get("line_no") or ""))
    return [tuple(r[n] for n in names) for r in ordered]


STATE = ("line_no", "qty_txn", "status", "cancelled_qty", "_is_deleted")
LINES = (("PO1", "1", "5", "EA", "2.50", "", "VN", "A1"), ("PO1", "2", "7", "CS", "10", "", "VN", "B2"))


def test_an_order_sent_again_under_another_number_supersedes_itself(tmp_path: Path) -> None:
    changed = one("850", order("P1", LINES[0], ("PO1", "2", "9", "CS", "10")), control="000000099", set_control="77")
    rows = after(tmp_path, one("850", order("P1", *LINES)), changed)["po_line"]
    assert told(rows, *STATE) == [
        ("1", Decimal(5), "sent", Decimal(0), False),
        ("2", Decimal(9), "sent", Decimal(0), False),
    ]
    assert told(rows, "po_no", "ext_amount", "channel", "price_uom") == [
        ("P1", Decimal("12.5"), "edi", "EA"),
        ("P1", Decimal(90), "edi", "CS"),
    ]


def test_a_cancellation_without_lines_cancels_them_all(tmp_path: Path) -> None:
    cancelled = one("850", [("BEG", "01", "SA", "P1", "", "20261031")])
    other = one("850", order("P2", LINES[0]))
    rows = after(tmp_path, one("850", order("P1", *LINES)), other, cancelled)["po_line"]
    assert told(rows, "po_no", *STATE) == [
        ("P1", "1", Decimal(5), "cancelled", Decimal(5), False),
        ("P1", "2", Decimal(7), "cancelled", Decimal(7), False),
        ("P2", "1", Decimal(5), "sent", Decimal(0), False),
    ]


def test_an_order_placed_again_after_its_cancellation_stands(tmp_path: Path) -> None:
    first, cancelled = one("850", order("P1", *LINES)), one("850", [("BEG", "01", "SA", "P1", "", "20261031")])
    rows = after(tmp_path, first, cancelled, first)["po_line"]
    assert [r["status"] for r in rows] == ["sent", "sent"]


def test_a_replacement_takes_away_the_lines_it_does_not_repeat(tmp_path: Path) -> None:
    replaced = one("850", order("P1", ("PO1", "2", "8", "CS", "10"), purpose="05"))
    rows = after(tmp_path, one("850", order("P1", *LINES)), replaced)["po_line"]
    assert told(rows, *STATE) == [
        ("1", Decimal(5), "sent", Decimal(0), True),
        ("2", Decimal(8), "sent", Decimal(0), False),
    ]


def test_lines_of_one_number_have_line_numbers_of_their_own(tmp_path: Path) -> None:
    rows = after(tmp_path, one("850", order("P1", *(("PO1", "10", q, "EA", "1") for q in "123"))))["po_line"]
    assert told(rows, "line_no", "qty_txn") == [("10", Decimal(1)), ("10/2", Decimal(2)), ("10/3", Decimal(3))]


def bill(*segments: Segment, total: str, purpose: str = "00", kind: str = "DI") -> list[Segment]:
    count = sum(1 for s in segments if s[0] == "IT1")
    begin = ("BIG", "20261101", "INV1", "20261015", "P1", "", "", kind, purpose)
    return [begin, *segments, ("TDS", total), ("CTT", str(count))]


CHARGED: tuple[Segment, ...] = (
    ("SAC", "C", "D240", "", "", "1000"),
    ("IT1", "1", "2", "EA", "99.99", "", "VN", "A1"),
    ("SAC", "C", "D240", "", "", "300"),
    ("TXI", "ST", "16.00"),
    ("SAC", "A", "C310", "", "", "500"),
    ("IT1", "2", "250", "EA", "4", "HP", "VN", "B2"),
)


def total(rows: list[dict[str, Any]]) -> Decimal:
    money = ("ext_amount", "tax_amount", "freight_amount")
    return sum(((r[n] or Decimal(0)) for r in rows if not r["_is_deleted"] for n in money), Decimal(0))


def test_invoice_rows_add_up_to_the_document(tmp_path: Path) -> None:
    found = after(tmp_path, one("850", order("P1", *LINES)), one("810", bill(*CHARGED, total="23398")))
    rows = found["invoice_line"]
    assert total(rows) == Decimal("233.98")
    assert told(rows, "line_no", "ext_amount", "tax_amount", "freight_amount", "unit_price") == [
        ("1", Decimal("199.98"), Decimal(16), Decimal(3), Decimal("99.99")),
        ("1.SAC2", Decimal(-5), None, None, None),
        ("2", Decimal(10), None, None, Decimal("0.04")),
        ("SAC1", None, None, Decimal(10), None),
    ]
    assert {r["is_credit"] for r in rows} == {False}


def test_an_invoice_line_finds_its_order_line(tmp_path: Path) -> None:
    # The interchange of the invoice goes the other way round.
    invoice = one("810", bill(*CHARGED, total="23398"))
    back = (
        invoice.replace("BUYER          ", "X")
        .replace("SELLER         ", "BUYER          ")
        .replace("ZZ*X", "ZZ*SELLER")
    )
    found = after(tmp_path, one("850", order("P1", *LINES)), back)
    keys = {r["line_no"]: r["source_key"] for r in found["po_line"]}
    assert told(found["invoice_line"], "line_no", "po_line_key") == [
        ("1", keys["1"]),
        ("1.SAC2", None),
        ("2", keys["2"]),
        ("SAC1", None),
    ]
    # Buyer and seller are the same parties in both documents.
    assert {r["supplier_key"] for r in found["invoice_line"] + found["po_line"]} == {"isa:ZZ|SELLER"}
    assert len(found["supplier"]) == 1


def test_the_tax_of_a_refused_line_is_not_lost(tmp_path: Path) -> None:
    broken = one("810", bill(*CHARGED, total="23398")).replace("IT1*1*2*", "IT1*1*2x*")
    rows = after(tmp_path, broken)["invoice_line"]
    assert told(rows, "line_no", "tax_amount", "freight_amount") == [
        ("1.SAC1", None, Decimal(3)),
        ("1.SAC2", None, None),
        ("1.TXI1", Decimal(16), None),
        ("2", None, None),
        ("SAC1", None, Decimal(10)),
    ]


def test_an_invoice_sent_again_with_fewer_charges_withdraws_the_others(tmp_path: Path) -> None:
    fewer = one("810", bill(*CHARGED[1:2], *CHARGED[5:], total="20998"), control="000000005")
    rows = after(tmp_path, one("810", bill(*CHARGED, total="23398")), fewer)["invoice_line"]
    assert total(rows) == Decimal("209.98")
    assert told(rows, "line_no", "_is_deleted", "tax_amount") == [
        ("1", False, None),
        ("1.SAC2", True, None),
        ("2", False, None),
        ("SAC1", True, None),
    ]


def notice(purpose: str, *items: str, number: str = "SH1") -> str:
    levels: list[Segment] = [("HL", "1", "", "S"), ("N1", "SF", "ACME", "1", "123456789")] if items else []
    for n, item in enumerate(items, start=2):
        levels += [("HL", str(n), "1", "I"), ("LIN", "", "VN", item), ("SN1", "", "1", "EA")]
    return one("856", [("BSN", purpose, number, "20261103", "1200"), *levels])


def test_a_cancelled_notice_takes_its_lines_away(tmp_path: Path) -> None:
    rows = after(tmp_path, notice("00", "A", "B"), notice("00", "A", number="SH2"), notice("01"))["asn_line"]
    assert told(rows, "shipment_no", "line_no", "_is_deleted") == [
        ("SH1", "2", True),
        ("SH1", "3", True),
        ("SH2", "2", False),
    ]


def test_a_replaced_notice_keeps_what_it_repeats(tmp_path: Path) -> None:
    rows = after(tmp_path, notice("00", "A", "B"), notice("05", "C"))["asn_line"]
    assert told(rows, "line_no", "item_as_shipped", "_is_deleted") == [("2", "C", False), ("3", "B", True)]


def test_a_later_answer_to_an_order_is_another_answer(tmp_path: Path) -> None:
    def answer(code: str, control: str) -> str:
        lines = [("PO1", "1", "5", "EA", "2"), ("ACK", code, "5", "EA"), ("CTT", "1")]
        return one(
            "855", [("BAK", "00", "AC", "P1", "20261031", "", "", "", "SO1", "20261102"), *lines], control=control
        )

    rows = after(tmp_path, answer("IB", "1"), answer("IA", "2"), answer("IB", "3"))["po_ack"]
    assert sorted(told(rows, "po_line_no", "ack_seq", "ack_code")) == [("1", 1, "IA"), ("1", 1, "IB")]


def test_suppliers_and_locations_have_their_identifiers(tmp_path: Path) -> None:
    ids = (("1", "123456789"), ("9", "9876543210001"), ("UL", "0614141000012"), ("92", "V77"), ("", ""))
    headers = [[("N1", "SE", f"S{n}", *i), ("N1", "ST", f"L{n}", *i)] for n, i in enumerate(ids)]
    found = after(tmp_path, *(one("850", order(f"P{n}", header=h)) for n, h in enumerate(headers)))
    names = ("source_key", "legal_name", "duns", "gln", "network_supplier_no", "edi_party", "edi_id_qual", "edi_id")
    assert told(found["supplier"], *names) == [
        ("1:123456789", "S0", "123456789", None, None, None, None, None),
        ("92:V77", "S3", None, None, "V77", None, None, None),
        ("9:9876543210001", "S1", "987654321", None, None, None, None, None),
        ("UL:0614141000012", "S2", None, "0614141000012", None, None, None, None),
        ("name:S4", "S4", None, None, None, "ZZ|SELLER", "ZZ", "SELLER"),
    ]
    assert told(found["location"], "source_key", "name", "gln", "network_location_code") == [
        ("1:123456789", "L0", None, None),
        ("92:V77", "L3", None, "V77"),
        ("9:9876543210001", "L1", None, None),
        ("UL:0614141000012", "L2", "0614141000012", None),
        ("name:L4", "L4", None, None),
    ]


def check_references(found: dict[str, list[dict[str, Any]]]) -> None:
    for shape in ("po_line", "po_ack", "asn_line", "invoice_line"):
        for column, domain in (("item_key", "item"), ("supplier_key", "supplier"), ("location_key", "location")):
            known = {r["source_key"] for r in found[domain]}
            assert {r[column] for r in found[shape]} - {None} <= known, (shape, column)
    for shape, rows in found.items():
        keys = [r["source_key"] for r in rows]
        assert len(keys) == len(set(keys)), shape


def test_an_item_reference_joins_the_documents(tmp_path: Path) -> None:
    line = ("PO1", "1", "5", "EA", "2", "", "VN", "A1", "UP", "012345678905")
    item = (("HL", "2", "1", "I"), ("LIN", "", "UK", "00012345678905", "VP", "A1"), ("SN1", "", "5", "EA"))
    found = after(
        tmp_path,
        one(
            "850", order("P1", line, ("PID", "F", "", "", "", "Glove"), header=[("N1", "SE", "ACME", "1", "123456789")])
        ),
        one(
            "856",
            [("BSN", "00", "SH1", "20261103"), ("HL", "1", "", "S"), ("N1", "SF", "Acme", "1", "123456789"), *item],
        ),
    )
    check_references(found)
    names = ("source_key", "pack_gtin", "supplier_part", "description")
    assert told(found["item"], *names) == [
        ("1:123456789|GTIN:00012345678905|VN:A1", "00012345678905", "1:123456789|A1", "Glove")
    ]
    (shipped,) = found["asn_line"]
    assert shipped["item_key"] == found["po_line"][0]["item_key"]


@pytest.mark.real_data
def test_the_real_mailbox_in_any_order_and_twice_supplies_the_same(real_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    shutil.copytree(real_data / "x12", folder)
    names = sorted(str(p.relative_to(folder)) for p in folder.glob("*/*.edi"))
    for name in names[::4]:
        shutil.copy(folder / name, folder / name.replace(".edi", ".again.edi"))
    plain = supplied(tmp_path / "a", real_data / "x12")
    every = sorted(str(p.relative_to(folder)) for p in folder.glob("*/*.edi"))
    shuffled = supplied(tmp_path / "b", folder, one_by_one=every[1::2][::-1] + every[::2])
    for shape in SHAPES:
        assert shuffled[shape].drop(["_change_seq"]).equals(plain[shape].drop(["_change_seq"])), shape
    check_references({shape: table.to_pylist() for shape, table in plain.items()})
    assert {s: plain[s].num_rows for s in ("po_line", "asn_line")} == {"po_line": 23, "asn_line": 7}
