"""Identifiers: one form, check digits, and what proves nothing. Public examples of the standards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import ean

from mastering.identifiers import (
    SCHEMES,
    Verdict,
    duns,
    gln,
    gtin,
    keyed_hash,
    ndc,
    party,
    scoped_part,
    tax_id,
    udi_di,
)
from mastering.identifiers import code as network_code
from tests.mastering.world import gtin as made_gtin


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("4006381333931", "04006381333931"),
        (" 0 36000 29145 2 ", "00036000291452"),
        ("96385074", "00000096385074"),
        ("10614141000415", "10614141000415"),
        ("4-006381-333931", "04006381333931"),
    ],
)
def test_a_gtin_of_any_length_becomes_14_digits(raw: str, value: str) -> None:
    assert gtin(raw).value == value
    assert gtin(raw).fault is None


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        ("4006381333932", "wrong check digit"),
        ("36000291452", "a GTIN has 8 or 12 or 13 or 14 digits"),
        ("4006381A33931", "a GTIN has digits only"),
        ("٤٠٠٦٣٨١٣٣٣٩٣١", "a GTIN has digits only"),
        ("00000000000000", "all zeros"),
        ("2000000000008", "a number restricted to one company, not a GTIN"),
        ("0200000000004", "a number restricted to one company, not a GTIN"),
    ],
)
def test_what_is_no_gtin_is_kept_with_the_reason(raw: str, fault: str) -> None:
    assert gtin(raw).fault == fault
    assert gtin(raw).value == raw


@given(st.integers(min_value=0, max_value=999_999), st.integers(min_value=0, max_value=13), st.integers(1, 9))
def test_any_single_wrong_digit_of_a_gtin_is_found(number: int, place: int, shift: int) -> None:
    good = made_gtin(number)
    bad = good[:place] + str((int(good[place]) + shift) % 10) + good[place + 1 :]
    assert gtin(good).fault is None
    assert gtin(bad).fault is not None


def test_gln_has_thirteen_digits_and_a_check_digit() -> None:
    assert gln("1234567890128").fault is None
    assert gln("1234567890127").fault == "wrong check digit"
    assert gln("123456789012").fault == "a GLN has 13 digits"


@pytest.mark.parametrize(
    ("raw", "value", "fault"),
    [
        ("(01)00844588003288(17)141231(10)7654321D", "00844588003288", None),
        ("0100844588003288171412311076543", "00844588003288", None),
        ("00844588003288", "00844588003288", None),
        ("(01)00844588003289", "(01)00844588003289", "wrong check digit"),
        ("+A123BJC5D6E71G", "+A123BJC5D6E71G", None),
        ("+a123bjc5d6e71g", "+A123BJC5D6E71G", None),
        ("+A123BJC5D6E71H", "+A123BJC5D6E71H", "wrong check character"),
        ("+12", "+12", "not a HIBCC identifier"),
        ("=/A9999XYZ100T0944", "=/A9999XYZ100T0944", None),
        ("=/!", "=/!", "not an ICCBBA identifier"),
    ],
)
def test_udi_device_identifiers_of_three_agencies(raw: str, value: str, fault: str | None) -> None:
    assert (udi_di(raw).value, udi_di(raw).fault) == (value, fault)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("0002-7597-01", "00002759701"),
        ("50242-040-62", "50242004062"),
        ("60575-4112-1", "60575411201"),
        ("00002-7597-01", "00002759701"),
        ("00002759701", "00002759701"),
    ],
)
def test_an_ndc_of_any_layout_becomes_5_4_2(raw: str, value: str) -> None:
    assert (ndc(raw).value, ndc(raw).fault) == (value, None)


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        ("0002759701", "ten digits without hyphens are ambiguous"),
        (
            "0002-7597-1",
            "not an NDC layout (4-4-2, 5-3-2, 5-4-1 or 5-4-2; 6-3-2, 6-4-1 or 6-4-2 with a labeler of six)",
        ),
        ("12345", "an NDC has 10 or 11 digits"),
        ("N0002-7597-01", "an NDC has digits and hyphens only"),
        ("00000-0000-00", "all zeros"),
    ],
)
def test_an_ndc_that_cannot_be_read_is_not_guessed(raw: str, fault: str) -> None:
    assert (ndc(raw).value, ndc(raw).fault) == (raw, fault)


def test_a_duns_number_has_nine_digits() -> None:
    assert duns("15-048-3782").value == "150483782"
    assert duns("15048378").fault == "a D-U-N-S number has nine digits"
    assert duns("999999999").fault == "all digits the same"


def test_a_us_tax_id_needs_a_prefix_that_exists() -> None:
    assert tax_id("91-1144442").value == tax_id("911144442").value == "911144442"
    assert tax_id("91-1144442").fault is None
    assert tax_id("07-1144442").fault == "not an employer id prefix"
    assert tax_id("DE 136695976").value == "DE136695976"
    assert tax_id("n/a").fault == "not a tax id"


def test_a_keyed_hash_depends_on_the_key() -> None:
    one = keyed_hash(b"one", "911144442")
    assert one == keyed_hash(b"one", "911144442")
    assert one != keyed_hash(b"two", "911144442")
    assert len(one) == 64


@pytest.mark.parametrize("raw", ["N/A", "none", "000", "TBD", "-", "unknown"])
def test_a_placeholder_identifies_nothing(raw: str) -> None:
    assert network_code(raw).fault == "a placeholder"


def test_a_number_of_the_network_keeps_its_punctuation() -> None:
    assert network_code(" ab-12 ").value == "AB-12"
    assert network_code("007").fault is None


@pytest.mark.parametrize(
    ("raw", "value", "fault"),
    [
        ("V1|ab-12/3", "V1|AB123", None),
        ("a|b|ab-12", "a|b|AB12", None),
        ("Acme, Inc.| 44 810 ", "Acme, Inc.|44810", None),
        ("V1|COLOR", "V1|COLOR", "too general for a part number"),
        ("V1|12", "V1|12", "too general for a part number"),
        ("V1|N/A", "V1|NA", "too general for a part number"),
        ("|AB12", "|AB12", "the key is missing"),
    ],
)
def test_a_part_number_is_read_within_its_supplier(raw: str, value: str, fault: str | None) -> None:
    assert (scoped_part(raw).value, scoped_part(raw).fault) == (value, fault)


def test_an_edi_party_needs_both_parts() -> None:
    assert party("zz|acme01").value == "ZZ|ACME01"
    assert party("|ACME01").fault == "qualifier or id is missing"
    assert party("ZZ|").fault == "qualifier or id is missing"


@pytest.mark.parametrize(
    ("scheme", "text", "value"),
    [
        ("gtin", "861134005831.0", "00861134005831"),
        ("gln", "0861134005831.00", "0861134005831"),
        ("duns", "123456789.0", "123456789"),
        ("tax_id", "123456789.0", "123456789"),
        ("npi", "1234567893.0", "1234567893"),
    ],
)
def test_a_number_that_went_through_a_floating_point_column_is_that_number(scheme: str, text: str, value: str) -> None:
    assert SCHEMES[scheme](text) == Verdict(value)


def test_its_decimal_places_are_no_digits_of_it() -> None:
    # The zero would stand for a digit that was lost, and one in ten check digits fits.
    assert duns("12345678.0").fault == "a D-U-N-S number has nine digits"
    assert tax_id("12345678.0") == Verdict("12345678")
    numbers = [f"8611340{n:04d}" for n in range(500)]
    read = {gtin(f"{number}{ean.calc_check_digit(number)}.0").value for number in numbers}
    assert read == {f"008611340{n:04d}{ean.calc_check_digit(numbers[n])}" for n in range(500)}


def test_a_plus_in_a_part_number_is_part_of_it() -> None:
    plus, minus, joined = (scoped_part(f"V1|SA60{sign}05").value for sign in ("+", "-", ""))
    assert plus != minus == joined
    assert scoped_part("V1|sa60 +05").value == plus
    assert scoped_part("V1|04.503.226.01") == scoped_part("V1|0450322601")


def test_a_plus_or_an_asterisk_at_the_end_is_part_of_a_part_number() -> None:
    found = {scoped_part(f"V1|{number}").value for number in ("KPU504", "KPU504+", "KPU504*", "KPU-504", "KPU 504 +")}
    assert found == {"V1|KPU504", "V1|KPU504+", "V1|KPU504*"}


def test_a_hibcc_label_whose_check_character_is_a_blank_is_read_as_a_file_has_it() -> None:
    label = next(text for n in range(1000) if (text := udi_di(f"A123BJC{n:03d}1").value).endswith(" "))
    assert {udi_di(text) for text in (label, label.rstrip(), f" {label} ", label.rstrip() + "_")} == {Verdict(label)}
