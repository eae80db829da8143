"""Every transaction set of the real files: loaded, ignored by name, or quarantined under a named rule."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.connectors.x12_files import Result, read, read_file

pytestmark = pytest.mark.real_data

# File -> per set: (set, outcome or rule in strict mode, the same in lenient mode, data lines).
LOADED, IGNORED, UNLISTED = "loaded", "ignored", "x12.unlisted_set"
NODE, NET, ENGINE = (
    "ahuggins-nhs+node-x12/test__test-data__",
    "indice-co+EDI.Net/test__indice.Edi.Tests__Samples__x12.",
    ("olmelabs+EdiEngine/EdiEngine.Tests__TestData__"),
)
SETS: dict[str, list[tuple[str, str, str, int]]] = {
    f"{NODE}271": [("271", UNLISTED, UNLISTED, 0)],
    f"{NODE}850": [("850", LOADED, LOADED, 6)],
    f"{NODE}850_2": [("850", LOADED, LOADED, 6)],
    f"{NODE}850_3": [("850", LOADED, LOADED, 1)],
    f"{NODE}850_fat": [("850", LOADED, LOADED, 6)] * 2,
    f"{NODE}856": [("856", LOADED, LOADED, 2)],
    f"{NET}214": [("214", IGNORED, IGNORED, 0)],
    # An 850 of two lines of BAL only, with a wrong SE01: no order in any mode.
    f"{NET}810.mandatory-conditions": [("850", "x12.se_count", "x12.missing_segment", 0)],
    f"{NET}810a": [("810", LOADED, LOADED, 2)],
    f"{NET}810b": [("810", LOADED, LOADED, 2)],
    f"{NET}810c": [("810", LOADED, LOADED, 1)],
    f"{NET}810d": [("810", LOADED, LOADED, 2)],
    f"{NET}820.issue140": [("820", IGNORED, IGNORED, 0)],
    f"{NET}832": [("832", IGNORED, IGNORED, 0)],
    f"{NET}850": [("850", "x12.iea_control", LOADED, 1)],
    f"{NET}850.issue135": [("850", LOADED, LOADED, 10), ("850", "x12.st_duplicate", LOADED, 11)],
    f"{NET}850a": [("850", "x12.iea_control", LOADED, 3)],
    f"{NET}Issue101": [("850", "x12.se_count", "x12.missing_segment", 0)],
    f"{NET}Issue172": [("850", "x12.se_count", "x12.missing_segment", 0)],
    f"{NET}Issue88": [("271", UNLISTED, UNLISTED, 0)],
    f"{NET}Issue91": [("850", "x12.se_count", "x12.missing_segment", 0)],
    f"{ENGINE}850.Composite.SLN.OK": [("850", LOADED, LOADED, 2)],
    f"{ENGINE}850.OK": [("850", LOADED, LOADED, 6)],
    f"{ENGINE}850.SyntaxNotes.ERR": [("850", LOADED, LOADED, 6)],
    f"{ENGINE}856.Crossdock.OK": [("856", LOADED, LOADED, 5)],
    f"{ENGINE}940.2.OK": [("940", IGNORED, IGNORED, 0)],
    f"{ENGINE}940.OK": [("940", IGNORED, IGNORED, 0)],
    f"{ENGINE}940.W05.Only": [("940", IGNORED, IGNORED, 0)],
    f"{ENGINE}940_Failed_SE01": [("940", IGNORED, IGNORED, 0)],
    f"{ENGINE}AckTest": [("940", IGNORED, IGNORED, 0)] * 3,
    f"{ENGINE}ControlNumbersMismatch": [("940", IGNORED, IGNORED, 0)],
    f"{ENGINE}MultipleInterchangesAndGroups": [("940", IGNORED, IGNORED, 0)] * 6,
    f"{ENGINE}NonEdi": [],
    f"{ENGINE}WrongGroupsAndTranCount": [("940", IGNORED, IGNORED, 0)],
}
# What is warned of, in either mode.
WARNINGS: dict[str, list[str]] = {
    f"{NODE}271": ["x12.ge_missing", "x12.iea_missing"],
    f"{NET}810.mandatory-conditions": ["x12.iea_control"],
    # Their summaries repeat the charges of their lines wrongly, or state the total before allowances.
    f"{NET}810b": ["x12.invoice_total"],
    f"{NET}810c": ["x12.invoice_total"],
    f"{NET}810d": ["x12.invoice_total"],
    f"{NET}850": ["x12.iea_control"],
    f"{NET}850.issue135": ["x12.terminator_missing"],
    f"{NET}850a": ["x12.iea_control"],
    f"{NET}Issue101": ["x12.iea_control"],
    f"{NET}Issue172": ["x12.iea_control"],
    f"{NET}Issue91": ["x12.iea_control"],
    f"{ENGINE}ControlNumbersMismatch": ["x12.ge_control", "x12.iea_control"],
    f"{ENGINE}WrongGroupsAndTranCount": ["x12.ge_count", "x12.iea_count"],
}


def _files(real_data: Path) -> dict[str, Path]:
    folder = real_data / "x12"
    return {str(path.relative_to(folder)).removesuffix(".edi"): path for path in folder.glob("*/*.edi")}


def _told(found: Result) -> list[tuple[str, str, int]]:
    rows = found.of("transaction_set")
    return [(r["set_id"], r["rule_id"] or r["outcome"], r["line_count"]) for r in rows]


def test_the_table_names_every_file(real_data: Path) -> None:
    assert set(_files(real_data)) == set(SETS)


@pytest.mark.parametrize("name", SETS)
def test_every_set_is_accounted_for(real_data: Path, name: str) -> None:
    found = read_file(_files(real_data)[name])
    assert _told(found) == [(set_id, strict, lines) for set_id, strict, _, lines in SETS[name]]
    assert sorted(r.rule_id for r in found.warnings) == WARNINGS.get(name, [])
    loaded = sum(lines for _, strict, _, lines in SETS[name] if strict == LOADED)
    items = [r for record in ("po_line", "asn_line") for r in found.of(record)]
    items += [r for r in found.of("invoice_line") if r["row_kind"] == "item"]
    assert len(items) == loaded
    refused = {r["_source_row_no"] for r in found.of("transaction_set") if r["outcome"] == "quarantined"}
    assert refused == {r.row_no for r in found.errors} - {0}
    lines = sum(lines for _, strict, _, lines in SETS[name] if strict not in (LOADED, IGNORED))
    assert sum(r.rows for r in found.errors) == lines


@pytest.mark.parametrize("name", [n for n, sets in SETS.items() if any(s != lenient for _, s, lenient, _ in sets)])
def test_lenient_loads_what_is_whole_in_itself(real_data: Path, name: str) -> None:
    found = read_file(_files(real_data)[name], strict=False)
    assert _told(found) == [(set_id, lenient, lines) for set_id, _, lenient, lines in SETS[name]]


def test_a_file_that_is_no_edi_is_one_reject(real_data: Path) -> None:
    found = read_file(_files(real_data)[f"{ENGINE}NonEdi"])
    assert [(r.rule_id, r.raw, r.row_no) for r in found.rejects] == [("x12.not_x12", None, 0)]


def test_no_patient_is_in_rows_or_rejects(real_data: Path) -> None:
    for name in (f"{NODE}271", f"{NET}Issue88"):
        found = read_file(_files(real_data)[name])
        said = repr(found.rejects) + repr(found.rows)
        for word in ("BELMAR", "9UY4R33KV83", "19500722", "Patient", "XX99999X", "10010101"):
            assert word not in said


def test_what_the_files_say(real_data: Path) -> None:
    files = _files(real_data)
    orders = read_file(files[f"{NODE}850"]).of("po_line")
    assert [(r["line_no"], int(r["qty"]), str(r["unit_price"].normalize()), r["vendor_part"]) for r in orders[:3]] == [
        ("1", 120, "9.25", "AB3542"),
        ("2", 220, "13.79", "RD5322"),
        ("3", 126, "10.99", "XY5266"),
    ]
    # AMT*1 of the document: the sum of its lines.
    assert sum(r["qty"] * r["unit_price"] for r in orders) == Decimal("13045.94")
    assert {r["location_key"] for r in orders} == {"9:0003947268292"}
    repaired = read_file(files[f"{NET}850.issue135"], strict=False).of("po_line")
    twice = [(r["line_occurrence"], r["other_item_id"]) for r in repaired if r["line_no"] == "100"]
    assert len(repaired) == 21
    assert len(twice) == len(set(twice)) >= 2
    docked = read_file(files[f"{ENGINE}856.Crossdock.OK"]).of("asn_line")
    assert [(r["po_no"], r["sscc"][-4:], r["gtin"]) for r in docked] == [
        ("POREF00", "2360", "00000000000642"),
        ("POREF00", "2377", "00000000000831"),
        ("POREF00", "2384", "00000000000283"),
        ("POREF00", "2391", "00000000000203"),
        ("POREF01", "2111", "00000000000642"),
    ]
    billed = read_file(files[f"{NET}810a"]).of("invoice_line")
    amounts = [(r["qty"] or 0) * (r["unit_price"] or 0) + (r["charge_amount"] or 0) for r in billed]
    assert sum(amounts) == billed[0]["invoice_total"] == Decimal("365.96")


def test_real_files_cut_anywhere_never_crash(real_data: Path, tmp_path: Path) -> None:
    for name in (f"{NET}810b", f"{ENGINE}856.Crossdock.OK", f"{NODE}850_fat"):
        content = _files(real_data)[name].read_bytes()
        for cut in range(1, len(content), 211):
            found = read(tmp_path, content[:cut], strict=False)
            assert found.rejects, (name, cut)
