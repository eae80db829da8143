"""Rows that say of the devices of the US device register what hospitals' systems might say of them, and whose they are.

Here: the noise model, its settings, the two parts of the devices. Not here: matching or judging anything
(`bench.reference`, `bench.matching`), so that rates can be set before a matcher has seen the rows.

Each of the drawn devices becomes 1 to 5 rows (weights 30, 32, 20, 12, 6 %) in eight made-up sources. Of a row,
independently (`CALIBRATED`; in brackets `HARD` where it differs): the manufacturer is missing 3 %, without its legal
form 4.2 (35) %, with it abbreviated 3 (25) %, in capitals 50 %, without punctuation 40 %, cut to its first two words
1.2 (10) %, with a typing error 0.5 (4) %; the part number (catalogue number, else model) is missing 6 (15) %, without
separators 25 %, with other separators 15 %, with a typing error 1 %, a general word (NA, COLOR, SEE NOTES) 1 (2) %;
the primary DI is missing 60 %, wrong in its check digit 0.5 %, the one of another device of the company 0.3 %; the text
is brand and description (or GMDN name), missing 4 %, without the brand 30 %, in capitals 50 %, cut to 30 or 40
characters 25 %, with words abbreviated 25 %, a word dropped 20 %, two words swapped 10 %, a typing error 10 %, followed
by the part number 10 %. Unit-of-use and direct-marking DIs are as in the register, so that they are shared between
devices.

`CALIBRATED` alone, of a device, in all of its rows: one company calls the number of 1,183 of 336,430 devices COLOR,
another one that of 227 NA; in one of ten families (brands of 2 to 100 devices of a company) all devices have the
number of the first. docs/mastering.md says where the rates come from. `POOR` takes the shares of the order lines of
`x12/`: 61 of 68 have no GTIN, 26 of 68 no part number.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa

DATA = Path(os.environ.get("CONCORD_REAL_DATA", str(Path(__file__).resolve().parents[2] / "shared" / "data")))
PARTS = ("tuning", "held_out")
#: Of 100 things so many are in the tuning part.
_TUNING = 43


def part_of(key: str) -> str:
    """The part that a thing belongs to, by its key in the truth."""
    return PARTS[int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) % 100 >= _TUNING]


class Noise(NamedTuple):
    """Shares of rows without a primary DI, without a part number, with a general word for one, with a text cut short.

    `company`: factor on the rates at which a company's name is written otherwise than by case and punctuation.
    `words`: whether two companies use a general word for many devices. `families`: share of them with one number.
    """

    gtin: float = 0.60
    part: float = 0.06
    general: float = 0.01
    cut: float = 0.25
    company: float = 0.12
    words: bool = True
    families: float = 0.10


CALIBRATED = Noise()
HARD = Noise(part=0.15, general=0.02, company=1, words=False, families=0)
POOR = HARD._replace(gtin=61 / 68, part=26 / 68)
_CUT_AT = (30, 40)
#: Devices of the register that the reference rows were drawn from, and how many of them were called so.
_REFERENCE = 336_430
_CALLED = (("COLOR", 1_183), ("NA", 227))
_FAMILY = range(2, 101)
_SHORT = {
    "CORPORATION": "CORP", "INCORPORATED": "INC", "COMPANY": "CO", "LIMITED": "LTD", "INTERNATIONAL": "INTL",
    "MANUFACTURING": "MFG", "TECHNOLOGY": "TECH", "TECHNOLOGIES": "TECH", "PRODUCTS": "PROD", "LABORATORIES": "LABS",
    "ORTHODONTICS": "ORTHO", "SYSTEMS": "SYS", "MEDICAL": "MED",
}  # fmt: skip
_TEXT_SHORT = {
    "STAINLESS": "SS", "STEEL": "STL", "IMPLANT": "IMPL", "ABUTMENT": "ABUT", "BRACKET": "BRKT", "STERILE": "STER",
    "MEDIUM": "MED", "UPPER": "UPR", "LOWER": "LWR", "LEFT": "LT", "RIGHT": "RT", "DENTAL": "DENT", "STANDARD": "STD",
}  # fmt: skip
_LEGAL = re.compile(
    r"[\s,]+(INC|INCORPORATED|CORP|CORPORATION|CO|COMPANY|LLC|L\.P\.|LP|LTD|LIMITED|GMBH|AG|S\.?A|SRL|S\.R\.L|B\.?V)\.?\s*$",
    re.I,
)


class Device(NamedTuple):
    """A device of the register; `unit` and `direct`: its unit-of-use and direct-marking DI."""

    key: str
    di: str | None
    brand: str
    part: str
    company: str
    told: str
    unit: str | None
    direct: str | None


# -- rows ------------------------------------------------------------------------------------------------


def _typo(dice: random.Random, text: str) -> str:
    if len(text) < 4:
        return text
    at = dice.randrange(1, len(text) - 1)
    kind = dice.randrange(3)
    if kind == 0:
        return text[:at] + text[at + 1 :]
    if kind == 1:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text[:at] + dice.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") + text[at + 1 :]


def _company(dice: random.Random, name: str, factor: float) -> str | None:
    if dice.random() < 0.03:
        return None
    if dice.random() < 0.35 * factor:
        name = _LEGAL.sub("", name)
    if dice.random() < 0.25 * factor:
        name = " ".join(_SHORT.get(word.strip(",.").upper(), word) for word in name.split())
    if dice.random() < 0.4:
        name = re.sub(r"[.,]", "", name)
    if dice.random() < 0.1 * factor:
        name = " ".join(name.split()[:2])
    if dice.random() < 0.04 * factor:
        name = _typo(dice, name)
    return name.upper() if dice.random() < 0.5 else name


def _part(dice: random.Random, number: str, noise: Noise) -> str | None:
    if dice.random() < noise.part:
        return None
    if dice.random() < noise.general:
        return dice.choice(["NA", "N/A", "COLOR", "SEE NOTES", "0"])
    if dice.random() < 0.25:
        number = re.sub(r"[^0-9A-Za-z]", "", number)
    elif dice.random() < 0.2:
        number = re.sub(r"[^0-9A-Za-z]", dice.choice([" ", "-", "/"]), number)
    return _typo(dice, number) if dice.random() < 0.01 else number


def _text(dice: random.Random, device: Device, number: str, cut: float) -> str | None:
    if dice.random() < 0.04:
        return None
    words = (device.told if dice.random() < 0.3 else f"{device.brand} {device.told}").split()
    if dice.random() < 0.25:
        words = [_TEXT_SHORT.get(word.strip(",.").upper(), word) for word in words]
    if dice.random() < 0.2 and len(words) > 2:
        words.pop(dice.randrange(len(words)))
    if dice.random() < 0.1 and len(words) > 2:
        at = dice.randrange(len(words) - 1)
        words[at], words[at + 1] = words[at + 1], words[at]
    text = " ".join(words)
    if dice.random() < 0.1:
        text = _typo(dice, text)
    if dice.random() < cut:
        text = text[: dice.choice(_CUT_AT)]
    if dice.random() < 0.1:
        text = f"{text} {number}"
    return text.upper() if dice.random() < 0.5 else text


def noisy(rows: int, part: str | None = None, noise: Noise = CALIBRATED, seed: int = 11) -> pa.Table:
    """`rows` rows with the columns `entity` (the device they are) and `company` (its own name), from the register in
    the order of a seeded shuffle.

    `part`: only its devices. Where there are too few devices for `rows`, they are gone through again with other part
    numbers and without DIs, as devices of companies of a second, third ... market.
    """
    devices = [one for one in _numbered(register(), noise) if part is None or part_of(one.key) == part]
    dice = random.Random(seed)
    dice.shuffle(devices)
    of_company: dict[str, list[str]] = {}
    for device in devices:
        of_company.setdefault(device.company, []).append(str(device.di))
    names = "source_system source_key entity company gtin mfr_name mfr_part_no description unit_of_use_di"
    columns: dict[str, list[str | None]] = {name: [] for name in (*names.split(), "direct_marking_di")}
    market = 0
    while len(columns["entity"]) < rows:
        for device in devices:
            _add_rows(dice, columns, device, of_company, market, noise)
            if len(columns["entity"]) >= rows:
                break
        market += 1
    return pa.table({name: pa.array(values[:rows], pa.string()) for name, values in columns.items()})


def _add_rows(
    dice: random.Random,
    columns: dict[str, list[str | None]],
    device: Device,
    of_company: dict[str, list[str]],
    market: int,
    noise: Noise,
) -> None:
    part, company, unit, direct = device.part, device.company, device.unit, device.direct
    if market:
        part, company, unit, direct = f"{'QZKVJ'[market % 5]}{market}{part}", f"{company} {market}", None, None
    sources = dice.sample(range(8), k=dice.choices([1, 2, 3, 4, 5], weights=[30, 32, 20, 12, 6])[0])
    for source in sources:
        chance = dice.random()
        number = device.di if chance >= noise.gtin and not market else None
        if chance < noise.gtin + 0.005 and number:
            number = number[:-1] + str((int(number[-1]) + 1) % 10)
        elif chance < noise.gtin + 0.008 and number:
            number = dice.choice(of_company[company])
        key = f"{market}:{device.key}"
        values = (
            f"s{source}", key, key, company, number, _company(dice, company, noise.company), _part(dice, part, noise),
            _text(dice, device, part, noise.cut), unit, direct,
        )  # fmt: skip
        for name, value in zip(columns, values, strict=True):
            columns[name].append(value)


# -- devices ---------------------------------------------------------------------------------------------


def register() -> list[Device]:
    """The devices of the register, by key."""
    folder = DATA / "gudid"
    found = (
        duckdb.connect()
        .execute(
            "WITH more AS (SELECT key, min(deviceId) FILTER (deviceIdType = 'Unit of Use') AS unit,"
            " min(deviceId) FILTER (deviceIdType = 'Direct Marking') AS direct"
            f" FROM '{folder}/r2022-10_identifiers.parquet' GROUP BY key)"
            " SELECT d.key, d.primary_di, coalesce(d.brandName, ''),"
            " coalesce(d.catalogNumber, d.versionModelNumber, '') AS part, coalesce(d.companyName, ''),"
            " coalesce(d.deviceDescription, d.gmdnName, '') AS told, m.unit, m.direct"
            f" FROM '{folder}/r2022-10_devices.parquet' AS d LEFT JOIN more AS m USING (key) ORDER BY d.key"
        )
        .fetchall()
    )
    return [Device(*one) for one in found]


def _numbered(devices: Sequence[Device], noise: Noise) -> list[Device]:
    """The devices with the part numbers that several of them share under this noise."""
    size = Counter((one.company, one.brand) for one in devices)
    first: dict[tuple[str, str], str] = {}
    for one in devices:
        first.setdefault((one.company, one.brand), one.part)
    one_number = {
        family for family, count in size.items() if count in _FAMILY and _chance("family", *family) < noise.families
    }
    words = _called(devices) if noise.words else {}
    return [
        one._replace(part=words.get(one.key) or first[family] if family in one_number else words.get(one.key, one.part))
        for one in devices
        for family in [(one.company, one.brand)]
    ]


def _called(devices: Sequence[Device]) -> dict[str, str]:
    """The devices of the two largest companies that have a general word for a number."""
    largest = Counter(one.company for one in devices).most_common(len(_CALLED))
    found: dict[str, str] = {}
    for (company, count), (word, called) in zip(largest, _CALLED, strict=True):
        share = called / _REFERENCE * len(devices) / count
        keys = (one.key for one in devices if one.company == company)
        found |= {key: word for key in keys if _chance("general", key) < share}
    return found


def _chance(*text: str) -> float:
    """A number from 0 to 1 that is the same in every run."""
    return int(hashlib.sha256("|".join(text).encode()).hexdigest()[:12], 16) / 16**12
