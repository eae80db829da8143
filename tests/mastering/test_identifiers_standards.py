"""Identifiers against independent readers of the standards and against the US device register."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path

import duckdb
import pytest
from biip import ParseError
from biip.gtin import Gtin
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn

from mastering.identifiers import gtin, hin, ndc, npi, udi_di

DIGITS = st.text("0123456789", min_size=7, max_size=15)


@given(DIGITS)
def test_a_gtin_is_what_biip_says_it_is(digits: str) -> None:
    verdict = gtin(digits)
    if verdict.fault == "a number restricted to one company, not a GTIN" or not digits.strip("0"):
        return  # biip reads them; they identify nothing outside one company
    try:
        value = Gtin.parse(digits).as_gtin_14()
    except ParseError:
        value = None
    # Leading zeros: biip reads 14 digits as the shortest form they hold, the value is the same.
    assert (verdict.value if verdict.fault is None else None) == value


@given(st.integers(min_value=0, max_value=999_999_999), st.sampled_from("12"))
def test_one_check_digit_makes_an_npi(body: int, first: str) -> None:
    start = first + f"{body:09d}"[:8]
    right = [digit for digit in "0123456789" if npi(start + digit).fault is None]
    assert right == [luhn.calc_check_digit("80840" + start)]


def test_npi_of_the_standard_and_what_is_none() -> None:
    assert npi("1234567893").value == "1234567893"
    assert npi("1234567893").fault is None
    assert npi("1234567890").fault == "wrong check digit"
    assert npi("3234567891").fault == "an NPI begins with 1 or 2"
    assert npi("123456789").fault == "an NPI has ten digits"


def test_a_hin_has_a_form_only() -> None:
    assert (hin(" 2r84hl7-00 ").value, hin("2R84HL700").fault) == ("2R84HL700", None)
    assert hin("2R84HL7").fault == "a HIN has nine letters and digits"
    assert hin("HOSPITALS").fault == "a HIN has nine letters and digits"
    assert hin("000000000").fault == "all characters the same"


@pytest.mark.parametrize("raw", ["0002-7597-01", "00002-7597-01", "00002759701", "000002-7597-01"])
def test_the_same_package_has_one_ndc_before_and_after_2033(raw: str) -> None:
    assert ndc(raw).value == "00002759701"
    assert ndc(raw).fault is None


def test_twelve_digits_are_an_ndc_only_when_the_form_is_in_force() -> None:
    assert ndc("000002759701").fault is not None
    assert ndc("000002759701", date(2033, 3, 6)).fault is not None
    assert ndc("000002759701", date(2033, 3, 7)).value == "00002759701"
    assert ndc("000002-7597-01", date(2030, 1, 1)).fault == "the layout 6-4-2 was not in force when it was written"


def test_a_labeler_of_six_digits_keeps_them() -> None:
    assert ndc("123456-789-01").value == "123456078901"
    assert ndc("123456-7890-1").value == "123456789001"
    assert ndc("123456-0789-01").value == "123456078901"


def _real(real_data: Path, agency: str) -> list[str]:
    found = duckdb.sql(
        f"SELECT DISTINCT deviceId FROM '{real_data}/gudid/r2022-10_identifiers.parquet'"
        " WHERE deviceIdIssuingAgency = $agency ORDER BY ALL",
        params={"agency": agency},
    ).fetchall()
    return [row[0] for row in found]


def test_a_hibcc_identifier_of_a_register_and_of_a_label_are_one() -> None:
    label = "+A123BJC5D6E71G"
    assert udi_di("A123BJC5D6E71").value == udi_di(label).value == label
    # with production data: one check character over both parts
    whole = "+A99912345/$$52001510X33"  # ANSI/HIBC 2.6, 2.2.1.1
    assert udi_di(whole) == udi_di("A99912345")
    assert udi_di("+A123BJC5D6E71/$$52001510X3C").value == label  # 4.3.3
    assert udi_di(whole[:-1] + "D").fault == "wrong check character"


@pytest.mark.real_data
@pytest.mark.parametrize("agency", ["GS1", "HIBCC"])
def test_registered_identifiers_are_valid_and_read_in_seconds(real_data: Path, agency: str) -> None:
    texts = _real(real_data, agency)
    assert texts
    start = time.process_time()
    bad = [(text, udi_di(text).fault) for text in texts if udi_di(text).fault]
    assert time.process_time() - start < 10 + len(texts) / 50_000
    assert len(bad) <= len(texts) / 1000, bad[:20]
