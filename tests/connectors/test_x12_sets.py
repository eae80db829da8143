"""What each transaction set says, column by column: 855 answers, 856 trees and lots, 810 charges and totals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.x12_files import Marks, Segment, group, interchange, one, order, read, transaction, without

PARTIES: tuple[Segment, ...] = (
    ("N1", "ST", "MERCY", "92", "H1"),
    ("N4", "BOSTON", "MA", "02118", "US"),
    ("N1", "SE", "ACME", "9", "1234567890001"),
)


def picked(rows: Sequence[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


# -- 850 --------------------------------------------------------------------------------------------------


def test_850_every_column(tmp_path: Path) -> None:
    lines = (
        (
            "PO1",
            "1",
            "5",
            "CS",
            "",
            "HP",
            "UP",
            "012345678905",
            "VP",
            "A-1",
            "IN",
            "77",
            "N4",
            "00071015523",
            "MG",
            "M9",
        ),
        ("CTP", "", "CON", "12.3456"),
        ("PID", "F", "", "", "", "Glove, nitrile"),
        ("PO4", "10", "100", "EA"),
        ("REF", "CT", "LINE-CONTRACT"),
        ("DTM", "002", "20261120"),
        ("DTM", "067", "20261121"),
        ("N1", "ST", "LOADING DOCK", "UL", "0614141000012"),
        ("N4", "SALEM", "MA", "01970"),
        ("PO1", "2", "1.5", "EA", "3"),
    )
    header = (*PARTIES, ("REF", "CT", "MASTER"), ("CUR", "BY", "USD"), ("DTM", "010", "20261115"))
    first, second = read(tmp_path, one("850", order("P1", *lines, header=header, release="R7"))).of("po_line")
    assert without(first, "interchange_ts", "_source_row_no") == {
        **{"sender": "ZZ|BUYER", "app_sender": "BUYERAPP", "receiver": "ZZ|SELLER", "usage_indicator": "P"},
        **{"purpose_code": "00", "order_type": "SA", "po_no": "P1", "release_no": "R7"},
        **{"order_date": date(2026, 10, 31), "contract_no": "LINE-CONTRACT", "line_no": "1", "line_occurrence": 1},
        **{"qty": Decimal(5), "uom": "CS", "unit_price": Decimal("12.3456"), "price_basis": "HP"},
        **{"description": "Glove, nitrile", "pack_count": 10, "pack_size": Decimal(100), "pack_uom": "EA"},
        **{"currency_code": "USD", "need_by_date": date(2026, 11, 20), "promised_date": date(2026, 11, 21)},
        **{"supplier_key": "9:1234567890001", "supplier_qualifier": "9", "supplier_id": "1234567890001"},
        **{"supplier_name": "ACME", "supplier_edi_party": None, "location_key": "UL:0614141000012"},
        **{"location_qualifier": "UL", "location_id": "0614141000012", "location_name": "LOADING DOCK"},
        **{"location_city": "SALEM", "location_state": "MA", "location_postal_code": "01970"},
        **{"location_country": None, "gtin": "00012345678905", "ndc": "00071015523", "vendor_part": "A-1"},
        **{"buyer_item_no": "77", "mfr_part_no": "M9", "other_item_id": None},
        "item_key": "9:1234567890001|GTIN:00012345678905|NDC:00071015523|VN:A-1|IN:77|MG:M9",
    }
    names = ("contract_no", "need_by_date", "location_key", "location_city", "item_key", "unit_price", "qty")
    assert tuple(second[n] for n in names) == (
        *("MASTER", date(2026, 11, 15), "92:H1", "BOSTON", None),
        *(Decimal(3), Decimal("1.5")),
    )


def test_the_supplier_is_the_interchange_party_where_no_n1_names_one(tmp_path: Path) -> None:
    (row, _) = read(tmp_path, one("850", order("P1"))).of("po_line")
    assert (row["supplier_key"], row["supplier_edi_party"]) == ("isa:ZZ|SELLER", "ZZ|SELLER")
    assert row["item_key"] == "isa:ZZ|SELLER|VN:A1"
    named = read(tmp_path, one("850", order("P1", header=[("N1", "VN", "Acme Inc.")]))).of("po_line")[0]
    assert (named["supplier_key"], named["supplier_edi_party"]) == ("name:Acme Inc.", "ZZ|SELLER")
    ack = read(tmp_path, one("855", [("BAK", "00", "AD", "P1"), ("PO1", "1", "1", "EA"), ("CTT", "1")])).of("po_ack")[0]
    assert ack["supplier_key"] == "isa:ZZ|BUYER"


def test_an_identifier_is_the_preferred_one_wherever_it_stands(tmp_path: Path) -> None:
    line = ("PO1", "1", "1", "EA", "1", "", "VC", "CAT", "EN", "4006381333931", "VN", "PART", "UK", "04006381333931")
    (row,) = read(tmp_path, one("850", order("P1", line))).of("po_line")
    assert (row["vendor_part"], row["gtin"]) == ("PART", "04006381333931")


# -- 855 --------------------------------------------------------------------------------------------------

ACK_BODY: list[Segment] = [
    ("BAK", "00", "AC", "P1", "20261031", "", "", "", "SO-9", "20261102"),
    *PARTIES,
    ("PO1", "1", "10", "EA", "2.5", "", "VN", "A1"),
    ("ACK", "IA", "6", "EA", "067", "20261110"),
    ("ACK", "IB", "4", "EA", "068", "20261210"),
    ("PO1", "2", "3", "CS", "7", "", "VN", "B2"),
    ("PID", "F", "", "", "", "Gauze"),
    ("DTM", "017", "20261118"),
    ("PO1", "3", "1", "EA", "9", "", "VN", "C3"),
    ("ACK", "IS", "1", "EA", "067", "20261111", "", "VN", "C3-NEW"),
    ("PO1", "1", "2", "EA", "2.5", "", "VN", "A1"),
    ("ACK", "IR", "2", "EA"),
    ("CTT", "4"),
]


def test_855_one_row_per_ack_or_per_line_without(tmp_path: Path) -> None:
    found = read(tmp_path, one("855", ACK_BODY))
    assert found.rejects == []
    names = ("line_no", "ack_seq", "ack_code", "ack_qty", "ack_uom", "promise_date", "vendor_part", "ack_price")
    assert picked(found.of("po_ack"), *names) == [
        ("1", 1, "IA", Decimal(6), "EA", date(2026, 11, 10), "A1", Decimal("2.5")),
        ("1", 2, "IB", Decimal(4), "EA", date(2026, 12, 10), "A1", Decimal("2.5")),
        ("2", 1, None, Decimal(3), "CS", date(2026, 11, 18), "B2", Decimal(7)),
        ("3", 1, "IS", Decimal(1), "EA", date(2026, 11, 11), "C3-NEW", Decimal(9)),
        ("1", 3, "IR", Decimal(2), "EA", None, "A1", Decimal("2.5")),
    ]
    row = found.of("po_ack")[2]
    assert (row["po_no"], row["ack_type"], row["supplier_order_no"], row["ack_date"], row["description"]) == (
        *("P1", "AC", "SO-9"),
        date(2026, 11, 2),
        "Gauze",
    )
    assert row["item_key"] == "9:1234567890001|VN:B2"
    assert len({r["_source_row_no"] for r in found.of("po_ack")}) == 5


def test_855_sent_again_has_one_identity_and_another_answer_another(tmp_path: Path) -> None:
    def keys(content: str) -> list[tuple[Any, ...]]:
        names = ("sender", "supplier_key", "po_no", "release_no", "line_no", "ack_seq", "document_id")
        return picked(read(tmp_path, content).of("po_ack"), *names)

    first = keys(one("855", ACK_BODY))
    assert len(set(first)) == 5
    again = one("855", ACK_BODY, control="000000777", set_control="9999", marks=Marks("|", ":", "\n"))
    assert keys(again) == first
    other = [s if s[:2] != ("ACK", "IR") else ("ACK", "IA", "2", "EA") for s in ACK_BODY]
    assert not set(keys(one("855", other))) & set(first)


# -- 856 --------------------------------------------------------------------------------------------------


def shipment(*levels: Segment, header: Sequence[Segment] = ()) -> list[Segment]:
    count = sum(1 for s in levels if s[0] == "HL")
    return [("BSN", "00", "SH1", "20261103", "1200", "0001"), *header, *levels, ("CTT", str(count))]


def test_856_takes_what_the_levels_above_say_in_any_order(tmp_path: Path) -> None:
    body = shipment(
        *(("HL", "1", "", "S"), ("TD5", "", "2", "UPSN", "", "UPS GROUND"), ("REF", "BM", "BL1"), ("REF", "CN", "1Z9")),
        *(("DTM", "011", "20261103"), ("DTM", "017", "20261105"), *PARTIES),
        *(("HL", "2", "1", "O"), ("PRF", "PO-A"), ("HL", "3", "1", "O"), ("PRF", "PO-B", "R2")),
        # The item of order 2 comes after order 3 and its pack: parents count, not places.
        *(("HL", "4", "3", "P"), ("MAN", "GM", "00000715670002152360")),
        *(("HL", "5", "2", "T"), ("MAN", "AA", "00000715670002152377")),
        *(("HL", "6", "5", "I"), ("LIN", "7", "VN", "A1", "LT", "L-1"), ("SN1", "", "12", "EA", "", "20")),
        *(("DTM", "036", "20280131"), ("PID", "F", "", "", "", "Gauze")),
        *(("HL", "7", "4", "I"), ("LIN", "", "UK", "10614141000019", "PL", "3"), ("SN1", "", "2", "CA")),
    )
    found = read(tmp_path, one("856", body))
    assert found.rejects == []
    names = ("line_no", "po_no", "po_line_no", "sscc", "qty", "uom", "lot_no", "expiry_date", "vendor_part", "gtin")
    assert picked(found.of("asn_line"), *names) == [
        ("6", "PO-A", "7", "00000715670002152377", Decimal(12), "EA", "L-1", date(2028, 1, 31), "A1", None),
        ("7", "PO-B", "3", "00000715670002152360", Decimal(2), "CA", None, None, None, "10614141000019"),
    ]
    for row in found.of("asn_line"):
        above = ("shipment_no", "carrier", "bill_of_lading", "tracking_no", "ship_date", "eta_date", "location_key")
        assert tuple(row[n] for n in above) == (
            *("SH1", "UPS GROUND", "BL1", "1Z9"),
            *(date(2026, 11, 3), date(2026, 11, 5), "92:H1"),
        )
        assert (row["supplier_key"], row["location_city"]) == ("9:1234567890001", "BOSTON")


def test_856_levels_without_parent_numbers_nest_by_kind(tmp_path: Path) -> None:
    body = shipment(
        *(("HL", "1", "", "S"), ("HL", "2", "", "O"), ("PRF", "PO-A"), ("HL", "3", "", "I"), ("SN1", "", "1", "EA")),
        *(("HL", "4", "", "O"), ("PRF", "PO-B"), ("HL", "5", "", "I"), ("SN1", "", "2", "EA")),
    )
    found = read(tmp_path, one("856", body))
    assert picked(found.of("asn_line"), "line_no", "po_no") == [("3", "PO-A"), ("5", "PO-B")]


def test_856_lots_and_serials_become_rows_and_quantity_counts_once(tmp_path: Path) -> None:
    body = shipment(
        *(("HL", "1", "", "S"), ("HL", "2", "1", "I"), ("LIN", "1", "VN", "A1"), ("SN1", "", "10", "EA")),
        *(("REF", "LT", "L1"), ("REF", "LT", "L2"), ("DTM", "036", "20280101"), ("DTM", "036", "20290101")),
        *(("HL", "3", "1", "I"), ("LIN", "2", "VN", "B2", "LT", "L3"), ("SN1", "", "2", "EA"), ("REF", "LT", "L3")),
        *(("REF", "SE", "S1"), ("REF", "SE", "S2"), ("DTM", "208", "20300101")),
        *(("HL", "4", "1", "I"), ("LIN", "3", "VN", "C3", "LT", "L4"), ("SN1", "", "5", "EA"), ("REF", "LT", "L5")),
    )
    found = read(tmp_path, one("856", body))
    names = ("line_no", "lot_ordinal", "lot_no", "expiry_date", "serial_no", "qty", "vendor_part")
    assert picked(found.of("asn_line"), *names) == [
        ("2", 1, "L1", date(2028, 1, 1), None, Decimal(10), "A1"),
        ("2", 2, "L2", date(2029, 1, 1), None, None, "A1"),
        ("3", 1, "L3", date(2030, 1, 1), "S1", Decimal(2), "B2"),
        ("3", 2, "L3", date(2030, 1, 1), "S2", None, "B2"),
        ("4", 1, "L4", None, None, Decimal(5), "C3"),
        ("4", 2, "L5", None, None, None, "C3"),
    ]
    assert len({r["_source_row_no"] for r in found.of("asn_line")}) == 6


@pytest.mark.parametrize("parent", ["9", "3"], ids=["missing", "itself"])
@pytest.mark.parametrize("strict", [True, False])
def test_856_a_level_whose_parent_is_unknown_quarantines_the_set(tmp_path: Path, parent: str, strict: bool) -> None:
    def body(level: str) -> list[Segment]:
        item = (("HL", "3", level, "I"), ("LIN", "1", "VN", "A1"), ("SN1", "", "1", "EA"))
        return shipment(("HL", "1", "", "S"), ("HL", "2", "1", "O"), ("PRF", "P"), *item)

    sets = [transaction("856", "0001", body(parent)), transaction("856", "0002", body("2"))]
    found = read(tmp_path, interchange(group(sets)), strict=strict)
    (reject,) = found.errors
    assert (reject.rule_id, reject.rows, reject.row_no) == ("x12.hl_parent", 1, 3)
    assert reject.location == "interchange 000000001, group 1, set 0001, segment 8 (HL), element 2, line 1"
    assert [o[2] for o in found.outcomes()] == ["quarantined", "loaded"]
    assert len(found.of("asn_line")) == 1


# -- 810 --------------------------------------------------------------------------------------------------


def bill(*segments: Segment, total: str, kind: str = "DI", summary: Sequence[Segment] = ()) -> list[Segment]:
    count = sum(1 for s in segments if s[0] == "IT1")
    begin = ("BIG", "20261101", "INV1", "20261015", "P1", "", "", kind, "00")
    return [begin, *segments, ("TDS", total), *summary, ("CTT", str(count))]


ITEMS: tuple[Segment, ...] = (
    ("IT1", "1", "2", "EA", "99.99", "", "VN", "A1"),
    ("SAC", "C", "D240", "", "", "300"),
    ("TXI", "ST", "16.00"),
    ("IT1", "2", "1", "EA", "50", "", "VN", "B2", "PO", "P9", "PL", "7"),
    ("SAC", "A", "C310", "", "", "500"),
)


def test_810_lines_charges_and_taxes_add_up_to_the_total(tmp_path: Path) -> None:
    summary = (("TXI", "ST", "4.00"), ("SAC", "C", "G830", "", "", "1000", *[""] * 9, "Shipping"))
    header = (*PARTIES, ("CUR", "SE", "USD"), ("ITD", "01", "3", "2", "", "10", "", "30"))
    found = read(tmp_path, one("810", bill(*header, *ITEMS, total="27798", summary=summary)))
    assert found.rejects == []
    names = ("line_no", "row_kind", "charged_line_no", "qty", "unit_price", "charge_amount", "description", "po_no")
    assert picked(found.of("invoice_line"), *names) == [
        ("1", "item", "1", Decimal(2), Decimal("99.99"), None, None, "P1"),
        ("1.SAC1", "freight", "1", None, None, Decimal(3), "D240", "P1"),
        ("1.TXI1", "tax", "1", None, None, Decimal(16), "TXI ST", "P1"),
        ("2", "item", "2", Decimal(1), Decimal(50), None, None, "P9"),
        ("2.SAC1", "allowance", "2", None, None, Decimal(-5), "C310", "P9"),
        ("TXI1", "tax", None, None, None, Decimal(4), "TXI ST", "P1"),
        ("SAC1", "freight", None, None, None, Decimal(10), "Shipping", "P1"),
    ]
    rows = found.of("invoice_line")
    amounts = [(r["qty"] or 0) * (r["unit_price"] or 0) + (r["charge_amount"] or 0) for r in rows]
    assert sum(amounts) == rows[0]["invoice_total"] == Decimal("277.98")
    assert {r["due_date"] for r in rows} == {date(2026, 12, 1)}
    assert {r["supplier_key"] for r in rows} == {"9:1234567890001"}
    assert {r["location_key"] for r in rows} == {"92:H1"}
    assert {r["currency_code"] for r in rows} == {"USD"}
    assert [r["po_line_no"] for r in rows if r["row_kind"] == "item"] == ["1", "7"]
    assert [r["item_key"] for r in rows if r["row_kind"] != "item"] == [None] * 5


@pytest.mark.parametrize("total", ["27798", "26398"])
def test_810_a_wrong_total_warns_and_loads(tmp_path: Path, total: str) -> None:
    found = read(tmp_path, one("810", bill(*ITEMS, total=total)))
    right = total == "26398"
    assert [(r.rule_id, r.severity, r.rows) for r in found.rejects] == (
        [] if right else [("x12.invoice_total", "warn", 0)]
    )
    if not right:
        assert found.rejects[0].reason == "TDS01 states 277.98, lines and charges sum up to 263.98"
    assert len(found.of("invoice_line")) == 5


def test_810_a_summary_that_repeats_the_lines_charges_is_counted_once(tmp_path: Path) -> None:
    repeated = (("SAC", "C", "D240", "", "", "300"), ("SAC", "A", "C310", "", "", "500"))
    found = read(tmp_path, one("810", bill(*ITEMS, total="26398", summary=repeated)))
    assert found.rejects == []
    assert len(found.of("invoice_line")) == 5
    both = read(tmp_path, one("810", bill(*ITEMS, total="26698", summary=repeated[:1])))
    assert both.rejects == []
    assert [r["line_no"] for r in both.of("invoice_line")][-1] == "SAC1"


def test_810_a_tax_loop_that_splits_up_its_sac_is_counted_once(tmp_path: Path) -> None:
    tax = (("SAC", "C", "H850", "", "", "1998"), ("TXI", "ST", "15.99"), ("TXI", "FD", "3.99"))
    found = read(tmp_path, one("810", bill(("IT1", "1", "2", "EA", "10"), *tax, total="3998")))
    assert found.rejects == []
    assert picked(found.of("invoice_line"), "line_no", "row_kind") == [("1", "item"), ("1.SAC1", "tax")]


def test_810_an_informational_sac_is_no_charge(tmp_path: Path) -> None:
    found = read(
        tmp_path, one("810", bill(("IT1", "1", "2", "EA", "10"), ("SAC", "N", "B840", "", "", "1"), total="2000"))
    )
    assert (found.rejects, len(found.of("invoice_line"))) == ([], 1)


def test_810_prices_per_hundred_count_for_the_total(tmp_path: Path) -> None:
    lines = (
        ("IT1", "1", "250", "EA", "4.00", "HP"),
        ("IT1", "2", "500", "EA", "8", "TP"),
        ("IT1", "3", "1", "EA", "1"),
    )
    assert read(tmp_path, one("810", bill(*lines, total="1500"))).rejects == []


@pytest.mark.parametrize(
    ("written", "meant"),
    [("1", "0.01"), ("12", "0.12"), ("-123", "-1.23"), ("36596", "365.96"), ("12.5", "12.5"), ("0", "0")],
)
def test_810_amounts_have_two_implied_decimals(tmp_path: Path, written: str, meant: str) -> None:
    found = read(tmp_path, one("810", bill(("IT1", "1", "1", "EA", meant), total=written)))
    assert found.rejects == []
    assert found.of("invoice_line")[0]["invoice_total"] == Decimal(meant)


def test_810_charges_of_an_invoice_without_lines(tmp_path: Path) -> None:
    found = read(tmp_path, one("810", bill(*PARTIES, ("SAC", "C", "D240", "", "", "300"), total="300", kind="CR")))
    assert found.rejects == []
    (row,) = found.of("invoice_line")
    assert (row["line_no"], row["charge_amount"], row["supplier_key"], row["invoice_type"]) == (
        *("SAC1", Decimal(3)),
        *("9:1234567890001", "CR"),
    )


def test_sets_of_all_kinds_in_one_group_do_not_mix(tmp_path: Path) -> None:
    bodies = {
        "850": order("P1"),
        "855": ACK_BODY,
        "856": shipment(("HL", "1", "", "S"), ("HL", "2", "1", "I"), ("SN1", "", "1", "EA")),
        "810": bill(*ITEMS, total="26398"),
    }
    sets = [transaction(k, f"{n:04d}", body) for n, (k, body) in enumerate([*bodies.items(), *bodies.items()])]
    mixed = read(tmp_path, interchange(group(sets)))
    assert mixed.rejects == []
    for set_id, record in (("850", "po_line"), ("855", "po_ack"), ("856", "asn_line"), ("810", "invoice_line")):
        alone = read(tmp_path, one(set_id, bodies[set_id])).of(record)
        expected = [without(r, "_source_row_no") for r in alone]
        assert [without(r, "_source_row_no") for r in mixed.of(record)] == expected + expected
