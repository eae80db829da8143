"""Identifiers brought to one form and checked. Here: pure functions from a raw text to a verdict, and their
names (`SCHEMES`). Not here: what an identifier proves (`mastering.identity`).

Sources: GS1 General Specifications (GTIN, GLN, restricted circulation numbers), ANSI/HIBC 2.6 (UDI-DI of HIBCC),
21 CFR 207.33, 45 CFR 162.1002 and 91 FR 10749 (NDC; its forms are in
`mastering/codes`), 45 CFR 162.406 (NPI). Check digits by python-stdnum.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from stdnum import ean, luhn
from stdnum.us import ein

from mastering.codes import ndc_forms


@dataclass(frozen=True, slots=True)
class Verdict:
    """`value`: the normalised text (of an invalid identifier: as it came, trimmed). `fault`: why it proves nothing."""

    value: str
    fault: str | None = None


_SEPARATORS = re.compile(r"[\s\-.]+")
_NOT_PART = re.compile(r"[^0-9A-Z+*]+")
_NOT_CODE = re.compile(r"[^0-9A-Z]+")
#: What a floating point column makes of a number: decimal places are no digits of it.
_PLACES = re.compile(r"\.0+$")
_GTIN_LENGTHS = frozenset({8, 12, 13, 14})
#: First digits of a 13-digit number that means something inside one company only (GS1 Gen. Spec. 1.4.4).
_RESTRICTED = re.compile(r"^(02|04|2)")
_HIBC_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%"
_HIBC_DI = re.compile(r"^[A-Z][0-9A-Z]{3}[0-9A-Z]{1,18}[0-9]$")
#: Texts that people type where there is no number.
_PLACEHOLDERS = frozenset({"", "NA", "NONE", "NULL", "NIL", "UNKNOWN", "UNK", "TBD", "TBA", "MISC", "VARIOUS", "XXX"})


def _bare(raw: str) -> str:
    """A number without separators, and without the decimal places of one that went through a floating point column."""
    return _SEPARATORS.sub("", _PLACES.sub("", raw.strip()))


def gtin(raw: str) -> Verdict:
    """GTIN-8, -12, -13 or -14 to 14 digits. Numbers restricted to one company prove nothing."""
    digits = _bare(raw)
    fault = _gs1_fault(digits, _GTIN_LENGTHS, "GTIN")
    if fault is None and _restricted(digits):
        fault = "a number restricted to one company, not a GTIN"
    return Verdict(digits.zfill(14) if fault is None else raw.strip(), fault)


def _restricted(digits: str) -> bool:
    full = digits.zfill(14)
    if full.startswith("000000"):  # a GTIN-8: its own prefixes, 0 and 2 are restricted
        return full[6] in "02"
    return full[0] == "0" and bool(_RESTRICTED.match(full[1:]))


def _gs1_fault(digits: str, lengths: frozenset[int], what: str) -> str | None:
    if not digits.isascii() or not digits.isdigit():
        return f"a {what} has digits only"
    if len(digits) not in lengths:
        return f"a {what} has {' or '.join(str(n) for n in sorted(lengths))} digits"
    if not digits.strip("0"):
        return "all zeros"
    return None if ean.calc_check_digit(digits[:-1]) == digits[-1] else "wrong check digit"


def gln(raw: str) -> Verdict:
    """GLN: 13 digits with a check digit."""
    digits = _bare(raw)
    fault = _gs1_fault(digits, frozenset({13}), "GLN")
    return Verdict(digits if fault is None else raw.strip(), fault)


def udi_di(raw: str) -> Verdict:
    """Device identifier: GS1 (a GTIN, bare or in an element string, AI 01), HIBCC (`+`, mod 43) or ICCBBA (`=/`)."""
    text = raw.strip().upper()
    if text.startswith("+"):
        return _hibcc(text)
    if text.startswith("=/"):
        return Verdict(text) if re.fullmatch(r"=/[0-9A-Z]{6,16}", text) else Verdict(text, "not an ICCBBA identifier")
    if text.startswith("(01)") or (text.startswith("01") and len(text) > 14):
        return _element_string(text)
    if _HIBC_DI.match(text):  # as the US device register has it: nothing left to check but the form
        return Verdict(_hibcc_label(text))
    return gtin(text)


def _element_string(text: str) -> Verdict:
    """The GTIN of a GS1 element string, with or without parentheses."""
    found = re.match(r"^(?:\(01\)|01)([0-9]{14})", text)
    if found is None:
        return Verdict(text, "no GTIN after application identifier 01")
    verdict = gtin(found[1])
    return verdict if verdict.fault is None else Verdict(text, verdict.fault)


def _hibcc(text: str) -> Verdict:
    """`+` labeler (letter + 3), 1 to 18 characters, unit digit, and the mod-43 check character over all before it.

    Production data may follow after `/`; the check character is then at the end of that and covers it, too.
    """
    # A check character that is a blank is cut off by whatever trims cells, or printed as an underscore.
    if text.endswith("_") or _mod43_fits(text):
        text = text.removesuffix("_") + " "
    body, check = text[:-1], text[-1:]
    di = body[1:].partition("/")[0]
    if not _HIBC_DI.match(di) or any(c not in _HIBC_ALPHABET for c in text):
        return Verdict(text, "not a HIBCC identifier")
    return Verdict(_hibcc_label(di)) if check == _mod43(body) else Verdict(text, "wrong check character")


def _mod43_fits(text: str) -> bool:
    """Whether a blank is the check character of a text."""
    return all(c in _HIBC_ALPHABET for c in text) and _mod43(text) == " "


def _hibcc_label(di: str) -> str:
    """A device identifier as registers print it, without `+` and check character, in the form of a label."""
    return f"+{di}{_mod43('+' + di)}"


def _mod43(body: str) -> str:
    return _HIBC_ALPHABET[sum(_HIBC_ALPHABET.index(c) for c in body) % 43]


def ndc(raw: str, on: date | None = None) -> Verdict:
    """NDC to 11 digits (5-4-2), or to 12 (6-4-2) where the labeler has six digits that do not begin with 0.

    The leading 0 of the uniform 12-digit form is left out: the same package keeps its value when the form changes.
    `on`: the day it was written; without one a form that is not in force from the first day is read only with hyphens.
    Digits that fit several forms are kept and prove nothing: the layout is not known.
    """
    text = raw.strip()
    if not text.isascii() or not text.replace("-", "").isdecimal():
        return Verdict(text, "an NDC has digits and hyphens only")
    parts = text.split("-")
    digits, fault = _bare_ndc(text, on) if len(parts) == 1 else _hyphened_ndc(parts, on)
    if fault is None and not digits.strip("0"):
        fault = "all zeros"
    return Verdict(digits if fault is None else text, fault)


def _hyphened_ndc(parts: list[str], on: date | None) -> tuple[str, str | None]:
    sizes = tuple(map(len, parts))
    forms = [one for one in ndc_forms() if one.layout == sizes]
    if not forms:
        return "", "not an NDC layout (4-4-2, 5-3-2, 5-4-1 or 5-4-2; 6-3-2, 6-4-1 or 6-4-2 with a labeler of six)"
    if on is not None and not any(one.in_force(on) for one in forms):
        return "", f"the layout {'-'.join(map(str, sizes))} was not in force when it was written"
    return _same_package("".join(part.zfill(size) for part, size in zip(parts, (6, 4, 2), strict=True))), None


def _bare_ndc(digits: str, on: date | None) -> tuple[str, str | None]:
    forms = [one for one in ndc_forms() if sum(one.layout) == len(digits)]
    if any(one.bare and (one.first is None if on is None else one.in_force(on)) for one in forms):
        return _same_package(digits.zfill(12)), None
    return "", _BARE_FAULTS.get(len(digits), "an NDC has 10 or 11 digits")


def _same_package(twelve: str) -> str:
    return twelve[1:] if twelve.startswith("0") else twelve


_BARE_FAULTS = {
    10: "ten digits without hyphens are ambiguous",
    12: "twelve digits without hyphens are an NDC only from 2033 on (a UPC has as many)",
}


def npi(raw: str) -> Verdict:
    """NPI: ten digits, the first 1 or 2, Luhn over 80840 and the number (45 CFR 162.406)."""
    digits = _bare(raw)
    if len(digits) != 10 or not digits.isascii() or not digits.isdigit():
        return Verdict(raw.strip(), "an NPI has ten digits")
    if digits[0] not in "12":
        return Verdict(raw.strip(), "an NPI begins with 1 or 2")
    return Verdict(digits) if luhn.is_valid("80840" + digits) else Verdict(raw.strip(), "wrong check digit")


def hin(raw: str) -> Verdict:
    """HIN (HIBCC): nine letters and digits, seven of the facility and two of the place in it; no public check."""
    text = _bare(raw.upper())
    if not re.fullmatch(r"[0-9A-Z]{9}", text) or not any(c.isdigit() for c in text):
        return Verdict(raw.strip(), "a HIN has nine letters and digits")
    return Verdict(text, "all characters the same" if len(set(text)) == 1 else None)


def duns(raw: str) -> Verdict:
    """D-U-N-S: nine digits; there is no check digit since 2006."""
    digits = _bare(raw)
    if len(digits) != 9 or not digits.isascii() or not digits.isdigit():
        return Verdict(raw.strip(), "a D-U-N-S number has nine digits")
    return Verdict(digits, "all digits the same" if len(set(digits)) == 1 else None)


def tax_id(raw: str) -> Verdict:
    """Tax id without separators. Nine digits are checked as a US employer id (prefix); others by form only."""
    code = _NOT_CODE.sub("", _bare(raw.upper()))
    if len(code) == 9 and code.isdigit():
        return Verdict(code, None if ein.is_valid(code) else "not an employer id prefix")
    ok = 5 <= len(code) <= 15 and any(c.isdigit() for c in code) and len(set(code)) > 1
    return Verdict(code or raw.strip(), None if ok else "not a tax id")


def code(raw: str) -> Verdict:
    """A number of the network's own: capitals, inner blanks closed up. Placeholders prove nothing."""
    text = re.sub(r"\s+", " ", raw.strip().upper())
    return Verdict(text, "a placeholder" if _is_placeholder(text) else None)


def party(raw: str) -> Verdict:
    """EDI party `qualifier|id` (X12 I05 and I06): both parts are needed."""
    qualifier, _, party_id = (part.strip().upper() for part in raw.partition("|"))
    value = f"{qualifier}|{party_id}"
    if not qualifier or _is_placeholder(party_id):
        return Verdict(value, "qualifier or id is missing")
    return Verdict(value)


def scoped_part(raw: str) -> Verdict:
    """`key|part number`: the key as it is, the part in capitals without punctuation. The last `|` divides.

    A plus or an asterisk is no punctuation: in the US device register nine numbers of a company differ in a plus alone
    (KPU504 and KPU504+), some in an asterisk (8000-113 and 8000-113*), none in a point. So lenses of +5 and -5 dioptres
    differ, too; a hyphen is as often none.
    """
    key, _, part = raw.strip().rpartition("|")
    number = _NOT_PART.sub("", part.upper())
    value = f"{key.strip()}|{number}"
    if not key.strip():
        return Verdict(value, "the key is missing")
    if len(number) < 3 or _is_placeholder(number) or not any(c.isdigit() for c in number):
        return Verdict(value, "too general for a part number")
    return Verdict(value)


def _is_placeholder(text: str) -> bool:
    bare = _NOT_CODE.sub("", text)
    return bare in _PLACEHOLDERS or not bare.strip("0")


def keyed_hash(key: bytes, value: str) -> str:
    """HMAC-SHA256 of a secret identifier, hex: equal values stay comparable, the value cannot be looked up."""
    return hmac.new(key, value.encode("utf-8"), hashlib.sha256).hexdigest()


Normaliser = Callable[[str], Verdict]

#: Scheme -> normaliser; `scheme:` of an identifier in the domain files, the identifier's name by default.
SCHEMES: dict[str, Normaliser] = {
    "gtin": gtin,
    "gln": gln,
    "udi_di": udi_di,
    "ndc": ndc,
    "npi": npi,
    "hin": hin,
    "duns": duns,
    "tax_id": tax_id,
    "code": code,
    "party": party,
    "scoped_part": scoped_part,
}

#: Schemes whose forms depend on the day on which a value was written.
_DATED: dict[str, Callable[[str, date | None], Verdict]] = {"ndc": ndc}


def form_days(scheme: str) -> list[date]:
    """Days on which a form of the scheme begins or ends, ascending; between two of them a text means the same."""
    if scheme not in _DATED:
        return []
    return sorted({day for one in ndc_forms() for day in (one.first, one.end) if day is not None})


def normalised(scheme: str, raw: str, on: date | None) -> Verdict:
    """The verdict on a text that was written on a day, where the scheme's forms depend on that."""
    return _DATED[scheme](raw, on) if scheme in _DATED else SCHEMES[scheme](raw)
