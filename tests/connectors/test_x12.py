"""X12 files as partners really write them: every tolerance, every check, every place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import ConfigurationError
from connectors.interface import FeedState
from connectors.network import Source
from connectors.x12 import X12Connector, envelope
from tests.connectors.x12_files import (
    Marks,
    connector,
    contract,
    delivery,
    group,
    interchange,
    isa,
    one,
    order,
    read,
    text,
    transaction,
    without,
    x12_format,
)

PARTIES = (
    ("N1", "ST", "ISA HOSPITAL OF ISABELLA", "92", "H1"),
    ("N3", "1 Main St"),
    ("N4", "BOSTON", "MA", "02118", "US"),
    ("N1", "SE", "ACME ISA", "1", "123456789"),
)
BODY = order("PO77", header=PARTIES)
PLAIN = one("850", BODY)
LINES = Marks(after="\n")


def _wrapped(content: str, width: int) -> str:
    return "\n".join(content[n : n + width] for n in range(0, len(content), width)) + "\n"


def _unpadded(content: str) -> str:
    return content.replace(" " * 10, "").replace("BUYER     *", "BUYER*").replace("SELLER    *", "SELLER*")


WAYS: dict[str, Callable[[], str | bytes]] = {
    "plain": lambda: PLAIN,
    "byte order mark": lambda: b"\xef\xbb\xbf" + PLAIN.encode(),
    "newline ends segments": lambda: one("850", BODY, marks=Marks(terminator="\n")),
    "CRLF ends segments": lambda: one("850", BODY, marks=Marks(terminator="\r\n")),
    "CR ends segments": lambda: one("850", BODY, marks=Marks(terminator="\r")),
    "mixed line ends": lambda: one("850", BODY, marks=Marks(terminator="\n")).replace("\nN1", "\r\nN1"),
    "newline after terminator": lambda: one("850", BODY, marks=LINES),
    "CRLF and tabs after terminator": lambda: one("850", BODY, marks=Marks(after="\r\n\t\t")),
    "blanks after terminator": lambda: one("850", BODY, marks=Marks(after="   \n     ")),
    "wrapped at 80": lambda: _wrapped(PLAIN, 80),
    "wrapped at 120": lambda: _wrapped(PLAIN, 120),
    "wrapped at 50 with CRLF": lambda: _wrapped(PLAIN, 50).replace("\n", "\r\n"),
    "ISA not padded": lambda: _unpadded(PLAIN),
    "ISA cut by a newline": lambda: PLAIN.replace("*261101*0930", "\n*261101*0930"),
    "ellipsis as terminator": lambda: one("850", BODY, marks=Marks(terminator="…")),
    "other delimiters": lambda: one("850", BODY, marks=Marks("|", "^", "\x1c")),
    "no last terminator": lambda: PLAIN[:-1],
    "no last terminator, newline": lambda: one("850", BODY, marks=LINES)[:-2] + "\n",
    "ISA16 missing, one line": lambda: PLAIN.replace("*P*>~", "*P*~"),
    "ISA16 missing, lines": lambda: one("850", BODY, marks=LINES).replace("*P*>~", "*P*~"),
    "ISA16 missing, newline ends segments": lambda: one("850", BODY, marks=Marks("*", "", "\n")),
    "TA1 before GS": lambda: PLAIN.replace("~GS", "~TA1*000000001*261101*0930*A*000~GS"),
    "5010 with repetition separator": lambda: one("850", BODY, version="00501", repetition="^"),
    "leading blank lines": lambda: "\n\n  " + PLAIN,
    "a lost terminator that SE01 disproves": lambda: one("850", BODY, marks=LINES).replace("~\nN4", "\nN4"),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_writing_reads_the_same(tmp_path: Path, way: str) -> None:
    plain = read(tmp_path, PLAIN)
    assert [(r["po_no"], r["line_no"], r["qty"], r["unit_price"]) for r in plain.of("po_line")] == [
        ("PO77", "1", Decimal(5), Decimal("2.5")),
        ("PO77", "2", Decimal(7), Decimal(10)),
    ]
    found = read(tmp_path, WAYS[way]())
    assert found.errors == []
    drop = ("_source_row_no",)
    assert [without(r, *drop) for r in found.of("po_line")] == [without(r, *drop) for r in plain.of("po_line")]
    assert found.outcomes() == [("850", "0001", "loaded", None)]
    shift = 1 if "TA1" in way else 0
    assert [r["_source_row_no"] - shift for r in found.of("po_line")] == [9, 10]


def test_interchanges_with_other_delimiters_follow_each_other_without_a_newline(tmp_path: Path) -> None:
    parts = [
        one("850", order("P1"), control="000000001"),
        one("850", order("P2"), control="000000002", marks=Marks("|", ":", "\n")),
        one("850", order("P3"), control="000000003", marks=Marks("+", "<", "'")),
        one("850", order("P4"), control="000000004"),
    ]
    found = read(tmp_path, "".join(parts))
    assert found.rejects == []
    assert [r["po_no"] for r in found.of("po_line")] == ["P1", "P1", "P2", "P2", "P3", "P3", "P4", "P4"]
    assert [r["interchange_control_no"] for r in found.of("transaction_set")] == [f"{n:09d}" for n in (1, 2, 3, 4)]
    assert [r["position"] for r in found.of("transaction_set")] == [1, 2, 3, 4]


def test_a_lost_terminator_before_the_next_interchange_is_found(tmp_path: Path) -> None:
    content = PLAIN[:-1] + "\n" + one("850", order("P2"), control="000000002", marks=Marks("|", ":", "~"))
    found = read(tmp_path, content)
    assert found.errors == []
    assert [r["po_no"] for r in found.of("po_line")] == ["PO77", "PO77", "P2", "P2"]


def test_several_groups_and_sets(tmp_path: Path) -> None:
    sets = [transaction("850", f"{n:04d}", order(f"P{n}")) for n in range(4)]
    found = read(tmp_path, interchange(group(sets[:3], "1"), group(sets[3:], "2")))
    assert found.rejects == []
    assert [(r["group_control_no"], r["set_control_no"], r["document_no"]) for r in found.of("transaction_set")] == [
        ("1", "0000", "P0"),
        ("1", "0001", "P1"),
        ("1", "0002", "P2"),
        ("2", "0003", "P3"),
    ]
    assert len(found.of("po_line")) == 8


def test_windows_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sets = [transaction("850", f"{n:04d}", order(f"P{n}", header=PARTIES)) for n in range(9)]
    content = interchange(group(sets[:5], "1"), group(sets[5:], "2"), marks=LINES)
    whole = read(tmp_path, content)
    assert len(whole.of("po_line")) == 18
    for window in (1, 7, 64, 300):
        monkeypatch.setattr(envelope, "WINDOW", window)
        parts = read(tmp_path, content)
        assert parts.rows["po_line"] == whole.rows["po_line"]
        assert parts.outcomes() == whole.outcomes()
        assert parts.rejects == whole.rejects


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("961231", date(1996, 12, 31)),
        ("690101", date(2069, 1, 1)),
        ("700101", date(1970, 1, 1)),
        ("20261031", date(2026, 10, 31)),
    ],
)
def test_six_digit_dates_of_old_versions_get_their_century(tmp_path: Path, written: str, meant: date) -> None:
    body = [("BEG", "00", "SA", "P1", "", written), ("PO1", "1", "1", "EA", "1"), ("CTT", "1")]
    found = read(tmp_path, one("850", body, version="00305"))
    assert found.of("po_line")[0]["order_date"] == meant


def test_latin_1_text_is_kept(tmp_path: Path) -> None:
    content = PLAIN.replace("BOSTON", "LIÈGE").encode("latin-1")
    assert read(tmp_path, content).of("po_line")[0]["location_city"] == "LIÈGE"
    assert read(tmp_path, PLAIN.replace("BOSTON", "LIÈGE")).of("po_line")[0]["location_city"] == "LIÈGE"


def test_a_nul_in_a_text_refuses_the_line(tmp_path: Path) -> None:
    found = read(tmp_path, PLAIN.replace("VN*A1", "VN*A\x001"))
    assert [(r.rule_id, r.column) for r in found.errors if r.rows] == [("text.nul", "item_key")]
    assert [r["line_no"] for r in found.of("po_line")] == ["2"]


# -- counts and control numbers ---------------------------------------------------------------------------


TWO = interchange(group([transaction("850", "0001", order("P1")), transaction("850", "0002", order("P2"))]))
FAULTS: dict[str, tuple[Callable[[str], str], str, list[str]]] = {
    # what is done to the file -> rule, orders that are loaded in strict mode
    "SE01": (lambda c: c.replace("SE*6*0001", "SE*9*0001"), "x12.se_count", ["P2"]),
    "SE01 no number": (lambda c: c.replace("SE*6*0001", "SE*x*0001"), "x12.se_count", ["P2"]),
    "SE02": (lambda c: c.replace("SE*6*0001", "SE*6*0009"), "x12.se_control", ["P2"]),
    "ST02 twice": (lambda c: c.replace("*0002", "*0001"), "x12.st_duplicate", ["P1"]),
    "GE01": (lambda c: c.replace("GE*2*1", "GE*3*1"), "x12.ge_count", []),
    "GE02": (lambda c: c.replace("GE*2*1", "GE*2*7"), "x12.ge_control", []),
    "no GE": (lambda c: c.replace("GE*2*1~", ""), "x12.ge_missing", []),
    "no GS": (lambda c: c.replace(c[c.index("GS*") : c.index("ST*")], ""), "x12.gs_missing", []),
    "IEA01": (lambda c: c.replace("IEA*1*", "IEA*2*"), "x12.iea_count", []),
    "IEA02": (lambda c: c.replace("IEA*1*000000001", "IEA*1*000000002"), "x12.iea_control", []),
    "no IEA": (lambda c: c.replace("IEA*1*000000001~", ""), "x12.iea_missing", []),
}


@pytest.mark.parametrize("case", FAULTS)
def test_strict_quarantines_what_a_receiver_would_refuse(tmp_path: Path, case: str) -> None:
    change, rule, loaded = FAULTS[case]
    found = read(tmp_path, change(TWO))
    assert sorted({r["po_no"] for r in found.of("po_line")}) == loaded
    refused = [r for r in found.errors if r.rule_id == rule]
    assert [r.rows for r in refused] == [2] * (2 - len(loaded))
    assert len(found.of("po_line")) + sum(r.rows for r in found.errors) == 4
    states = {(outcome, why) for _, _, outcome, why in found.outcomes()}
    assert ("quarantined", rule) in states
    assert len(found.of("transaction_set")) == 2


@pytest.mark.parametrize("case", FAULTS)
def test_lenient_loads_it_with_a_warning(tmp_path: Path, case: str) -> None:
    change, rule, _ = FAULTS[case]
    found = read(tmp_path, change(TWO), strict=False)
    assert found.errors == []
    assert [r["po_no"] for r in found.of("po_line")] == ["P1", "P1", "P2", "P2"]
    assert rule in {r.rule_id for r in found.warnings}
    assert all(r.rows == 0 for r in found.warnings)


def test_leading_zeros_of_control_numbers_say_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, TWO.replace("IEA*1*000000001", "IEA*1*1")).rejects == []
    assert read(tmp_path, TWO.replace("GE*2*1", "GE*2*01")).rejects == []


@pytest.mark.parametrize("strict", [True, False])
def test_a_set_cut_short_is_never_loaded(tmp_path: Path, strict: bool) -> None:
    found = read(tmp_path, TWO.replace("SE*6*0001~", ""), strict=strict)
    assert [(r.rule_id, r.rows) for r in found.errors] == [("x12.se_missing", 2)]
    assert {r["po_no"] for r in found.of("po_line")} == {"P2"}


def test_a_lost_terminator_is_quarantined_where_the_count_does_not_confirm_the_segments(tmp_path: Path) -> None:
    content = one("850", BODY, marks=LINES).replace("~\nN4", "\nN4").replace("SE*10*", "SE*9*")
    (reject,) = read(tmp_path, content).errors
    assert reject.rule_id == "x12.terminator_missing"
    assert "SE01 states 9 segments, the set has 10" in reject.reason
    assert reject.location.endswith("segment 6 (N3), line 6")


def test_the_place_of_a_reject_is_exact(tmp_path: Path) -> None:
    content = interchange(
        group([transaction("850", "0007", order("P1"))], "33"), control="000000042", marks=Marks(after="\r\n")
    )
    content = content.replace("SE*6*0007", "SE*9*0007")
    (reject,) = read(tmp_path, content).errors
    assert reject.location == "interchange 000000042, group 33, set 0007, segment 8 (SE), element 1, line 8"
    assert reject.byte_offset == content.index("SE*9")
    assert reject.row_no == 3
    assert reject.raw == "9"
    assert reject.record == "po_line"


@pytest.mark.parametrize(
    ("after", "line"), [("\n", 11), ("\r\n", 11), ("", 1), ("\r", 11)], ids=["LF", "CRLF", "none", "CR"]
)
def test_a_bad_value_refuses_its_line_at_its_element(tmp_path: Path, after: str, line: int) -> None:
    lines = (("PO1", "1", "5", "EA", "2.5", "", "VN", "A1"), ("PO1", "2", "7x", "EA", "3", "", "VN", "B2"))
    content = one("850", order("P1", *lines, header=(*PARTIES, ("DTM", "002", "20261110"))), marks=Marks(after=after))
    found = read(tmp_path, content)
    assert [r["line_no"] for r in found.of("po_line")] == ["1"]
    (reject,) = found.errors
    assert (reject.rule_id, reject.raw, reject.column, reject.rows) == ("type.decimal", "7x", "qty", 1)
    assert reject.location == f"interchange 000000001, group 1, set 0001, segment 11 (PO1), element 2, line {line}"
    assert reject.byte_offset == content.index("7x")
    assert found.outcomes() == [("850", "0001", "loaded", None)]


def test_a_bad_header_value_is_placed_in_the_header(tmp_path: Path) -> None:
    content = one("810", [("BIG", "20261131", "I1"), ("IT1", "1", "1", "EA", "1"), ("TDS", "100"), ("CTT", "1")])
    (reject,) = read(tmp_path, content).errors
    assert (reject.rule_id, reject.raw, reject.column) == ("type.date", "20261131", "invoice_date")
    assert reject.location == "interchange 000000001, group 1, set 0001, segment 4 (BIG), element 1, line 1"
    assert reject.byte_offset == content.index("20261131")


def test_missing_mandatory_segments(tmp_path: Path) -> None:
    cases: dict[str, list[tuple[str, ...]]] = {
        "850": [("PO1", "1", "1", "EA", "1"), ("CTT", "1")],
        "855": [("PO1", "1", "1", "EA", "1"), ("CTT", "1")],
        "856": [("HL", "1", "", "S"), ("HL", "2", "1", "I"), ("SN1", "", "1", "EA"), ("CTT", "2")],
        "810": [("IT1", "1", "1", "EA", "1"), ("CTT", "1")],
    }
    for set_id, body in cases.items():
        found = read(tmp_path, one(set_id, body))
        assert [(r.rule_id, r.rows) for r in found.errors] == [("x12.missing_segment", 1)]
        assert found.loaded_lines == 0
    empty = read(tmp_path, one("850", [("BEG", "00", "SA", "P1", "", "20261031")]))
    assert [(r.rule_id, r.rows) for r in empty.errors] == [("x12.missing_segment", 0)]
    cancelled = read(tmp_path, one("850", [("BEG", "01", "SA", "P1", "", "20261031")]))
    assert cancelled.errors == []
    assert [(r["document_no"], r["purpose_code"]) for r in cancelled.of("transaction_set")] == [("P1", "01")]


def test_line_totals_warn(tmp_path: Path) -> None:
    found = read(tmp_path, PLAIN.replace("CTT*2", "CTT*3"))
    assert [(r.rule_id, r.severity, r.raw) for r in found.rejects] == [("x12.ctt_count", "warn", "3")]
    assert len(found.of("po_line")) == 2


def test_lines_with_one_number_are_both_kept(tmp_path: Path) -> None:
    lines = tuple(("PO1", n, q, "EA", "1") for n, q in (("10", "1"), ("20", "2"), ("10", "3"), ("", "4")))
    found = read(tmp_path, one("850", order("P1", *lines)))
    assert [(r["line_no"], r["line_occurrence"], int(r["qty"])) for r in found.of("po_line")] == [
        ("10", 1, 1),
        ("20", 1, 2),
        ("10", 2, 3),
        ("#4", 1, 4),
    ]
    assert [r.rule_id for r in found.rejects] == ["x12.duplicate_line"]


def test_an_unread_segment_is_a_signal_once(tmp_path: Path) -> None:
    lines = (("PO1", "1", "1", "EA", "1"), ("ZZ9", "x"), ("PO1", "2", "1", "EA", "1"), ("ZZ9", "y"), ("PKG", "F"))
    found = read(tmp_path, one("850", order("P1", *lines)))
    assert [(r.rule_id, r.severity) for r in found.rejects] == [("x12.unread_segment", "warn")]
    assert "ZZ9" in found.rejects[0].reason
    assert "PKG" in contract().records["po_line"].ignore


# -- what is no order at all ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "x12.empty"),
        (b"\xef\xbb\xbf \r\n", "x12.empty"),
        (b"Tk9OIEVESSBGSUxF", "x12.not_x12"),
        (b"\x00\xff\xfe\x80" * 50, "x12.not_x12"),
        (b"order_no,item\nISABELLA,5\n", "x12.not_x12"),
        (b"ISA*00*   *00", "x12.isa_invalid"),
        (text([isa()])[:-2].encode(), "x12.isa_invalid"),
    ],
)
def test_a_file_that_is_no_x12_is_one_reject(tmp_path: Path, content: bytes, rule: str) -> None:
    found = read(tmp_path, content)
    assert [(r.rule_id, r.severity) for r in found.rejects] == [(rule, "error")]
    assert found.loaded_lines == 0
    assert found.of("transaction_set") == []


def test_text_before_and_segments_between_are_not_silently_dropped(tmp_path: Path) -> None:
    found = read(tmp_path, "From: partner\n" + PLAIN)
    assert [r.rule_id for r in found.errors] == ["x12.outside_interchange"]
    assert len(found.of("po_line")) == 2
    stray = PLAIN.replace("GE*1*1~", "PO1*9*1*EA*1~PO1*10*1*EA*1~GE*1*1~")
    found = read(tmp_path, stray)
    assert [(r.rule_id, r.rows, r.raw) for r in found.errors] == [("x12.stray_segment", 2, None)]
    late = read(tmp_path, PLAIN + text(transaction("850", "0002", order("P2"))))
    assert [(r.rule_id, r.rows) for r in late.errors] == [("x12.isa_missing", 2)]


PATIENT = [
    ("BHT", "0022", "11", "1"),
    ("NM1", "IL", "1", "BELMAR", "ALBERT", "R", "", "", "MI", "9UY4R33KV83"),
    ("DMG", "D8", "19500722", "M"),
]


@pytest.mark.parametrize("strict", [True, False])
def test_a_health_care_set_is_refused_unseen(tmp_path: Path, strict: bool) -> None:
    sets = [transaction("271", "0001", PATIENT), transaction("850", "0002", order("P1"))]
    whole = interchange(group(sets))
    broken = whole.replace("SE*5*0001", "NM1*QC*1*BELMAR*ALBERT")
    for content in (whole, broken, whole.replace("ST*271*0001~", "")):
        found = read(tmp_path, content, strict=strict)
        assert found.errors
        for word in ("BELMAR", "9UY4R33KV83"):
            assert word not in repr(found.rejects)
            assert word not in repr(found.rows)
    found = read(tmp_path, whole, strict=strict)
    assert [(r.rule_id, r.raw) for r in found.errors] == [("x12.unlisted_set", None)]
    assert found.outcomes()[0] == ("271", "0001", "quarantined", "x12.unlisted_set")
    assert {r["po_no"] for r in found.of("po_line")} == {"P1"}


def test_a_set_ignored_by_name_is_counted(tmp_path: Path) -> None:
    found = read(tmp_path, one("940", [("W05", "N", "35131"), ("LX", "1")]))
    assert found.rejects == []
    assert found.outcomes() == [("940", "0001", "ignored", None)]
    assert found.of("transaction_set")[0]["segment_count"] == 4


@pytest.mark.parametrize("sets", [("850", "271"), ("837",)])
def test_a_set_that_nobody_reads_cannot_be_configured(sets: tuple[str, ...]) -> None:
    found = contract()
    wrong = found.model_copy(update={"format": x12_format(found).model_copy(update={"sets": sets})})
    with pytest.raises(ConfigurationError, match=f"{sets[-1]} cannot be loaded"):
        X12Connector(wrong, "hub", Source(system="edi"), Path("x"))


def test_a_column_that_the_set_does_not_have_cannot_be_configured() -> None:
    found = contract()
    record = found.records["po_line"]
    wrong = record.columns[0].model_copy(update={"source": "PO199"})
    changed = record.model_copy(update={"columns": (wrong, *record.columns[1:])})
    records = {**found.records, "po_line": changed}
    with pytest.raises(ConfigurationError, match="PO199"):
        X12Connector(found.model_copy(update={"records": records}), "hub", Source(system="edi"), Path("x"))


# -- discovery and pull -----------------------------------------------------------------------------------


def _pulled(folder: Path, content: str, timezone: str = "UTC") -> Any:
    (folder / "in" / "sub").mkdir(parents=True)
    (folder / "in" / "sub" / "a.edi").write_text(content)
    (folder / "in" / "b.txt").write_text(content)
    mailbox = X12Connector(contract(), "hub", Source(system="edi", timezone=timezone), folder / "in")
    (offer,) = list(mailbox.discover(FeedState(), sweep=False))
    assert offer.name == "sub/a.edi"
    return mailbox.pull(offer, FeedState(), folder / "landed")


def test_as_of_is_the_interchange_time_in_the_source_zone(tmp_path: Path) -> None:
    pulled = _pulled(tmp_path, PLAIN, "America/New_York")
    assert pulled.kind == "edi"
    assert pulled.as_of == datetime(2026, 11, 1, 14, 30, tzinfo=UTC)
    assert (tmp_path / "landed").read_text() == PLAIN


def test_a_file_without_a_date_says_so(tmp_path: Path) -> None:
    pulled = _pulled(tmp_path, "nothing")
    assert pulled.as_of is None
    assert pulled.notices == ("no readable interchange date: ordered by landing time",)


def test_rows_have_the_contracts_columns_and_types(tmp_path: Path) -> None:
    path = tmp_path / "f.edi"
    path.write_text(PLAIN)
    batches = list(connector().read(delivery(path)))
    for batch in batches:
        names = [c.name for c in contract().records[batch.record].columns]
        assert batch.rows.schema.names == [*names, "_source_row_no"]
    (lines,) = [b.rows for b in batches if b.record == "po_line"]
    assert str(lines.schema.field("qty").type) == "decimal128(18, 6)"
    assert str(lines.schema.field("order_date").type) == "date32[day]"
