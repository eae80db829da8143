"""Pack strings of catalogues (`100/BX 10BX/CA`) read into units and how many base units each holds.

Here: the grammar, `read_pack`, and the SQL functions over packs and their GTINs. Not here: which conversion an order
uses (`assets/conformed/lookups`), what units mean in other code lists (`dim_uom`).

Grammar (letters of any case; n a number above zero, u and v units of letters and digits that begin with a letter):

    pack  := level ((blank | "," | ";") level)*
    level := n "/" u             n in one u                        100/BX
           | n v ("/" | PER) u   n v in one u                      10BX/CA, 10 BX PER CA
           | u "/" n [v]         one u holds n (v)                 CS/4, CS/4BX
           | u OF n [v]          one u holds n (v)                 BX OF 100, CASE OF 4 BX
           | 1 u "=" n v         one u is n v                      1 CA = 10 BX
           | u                   (alone) the base unit itself      EA

A level that does not say of what counts the unit of the level before it; the first one, and one whose unit an earlier
level is made of (`10BX/CA 100/BX`), counts base units. Factors multiply along the chain. What does not fit, says two
things of a unit, goes in a circle or names a unit that nothing explains is not read at all: a guess would turn into
quantities.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from mastering.identifiers import Verdict, gtin
from mastering.sqlfile import Connection

#: Greatest factor of DECIMAL(18,6).
_MOST = Decimal(10) ** 12
_PLACES = Decimal("0.000001")
_N = r"(?P<n>[0-9]{1,9}(?:\.[0-9]{1,6})?)"
_U = r"(?P<u>(?!OF\b|PER\b)[A-Z][A-Z0-9]*)"
_V = r"(?P<v>(?!OF\b|PER\b)[A-Z][A-Z0-9]*)"
_END = r"(?=[\s,;]|$)"
#: Whole levels only: what is left over belongs to neither neighbour.
_LEVELS = tuple(
    re.compile(pattern + _END)
    for pattern in (
        rf"1\s*{_U}\s*=\s*{_N}\s*{_V}",
        rf"{_N}\s*{_V}\s*(?:/|\bPER\b)\s*{_U}",
        rf"{_N}\s*(?:/|\bPER\b)\s*{_U}",
        rf"{_U}\s*/\s*{_N}{_V}(?!\s*/)",
        rf"{_U}\s*/\s*{_N}(?!\s*/)",
        rf"{_U}\s+OF\s+{_N}\s*{_V}(?!\s*/)",
        rf"{_U}\s+OF\s+{_N}(?!\s*/)",
    )
)
_BETWEEN = re.compile(r"[\s,;]*")
_ALONE = re.compile(r"[A-Z][A-Z0-9]*")


@dataclass(frozen=True, slots=True)
class Level:
    """A unit and how many base units one of it holds (at most six decimals)."""

    uom: str
    factor: Decimal


@dataclass(frozen=True, slots=True)
class Pack:
    """Levels in the order of the text; none, and a `fault`, where it cannot be read."""

    levels: tuple[Level, ...]
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class _Said:
    unit: str
    count: Decimal
    of: str | None


class _Unreadable(ValueError):
    pass


@lru_cache(maxsize=65_536)
def read_pack(text: str, base_uom: str | None = None) -> Pack:
    """The units of a pack string in base units. `base_uom`: the item's base unit, where it is known (any case).

    Without it the unit that the first level counts is taken for the base unit.
    """
    pack, base = text.strip().upper(), (base_uom or "").strip().upper() or None
    if _ALONE.fullmatch(pack):
        same = base is None or pack == base
        return Pack((Level(pack, Decimal(1)),)) if same else Pack((), f"{pack} says nothing of {base}")
    try:
        return Pack(_resolve(_levels(pack), base))
    except _Unreadable as error:
        return Pack((), str(error))


def _levels(pack: str) -> list[_Said]:
    found: list[_Said] = []
    place = 0
    while place < len(pack):
        match = next((m for m in (one.match(pack, place) for one in _LEVELS) if m), None)
        if match is None:
            raise _Unreadable(f"not a pack level: {pack[place:]}")
        part = match.groupdict()
        found.append(_Said(part["u"], Decimal(part["n"]), part.get("v")))
        between = _BETWEEN.match(pack, match.end())
        place = between.end() if between else match.end()
    if not found:
        raise _Unreadable("there is nothing to read")
    return found


def _resolve(said: Sequence[_Said], base: str | None) -> tuple[Level, ...]:
    """Factors to the base unit; raises _Unreadable for circles, contradictions and unexplained units."""
    contents = _contents(said)
    if base is None:
        base = next((of for of in contents.values() if of and of not in contents), None)
    counts = {one.unit: one.count for one in said}
    levels = [Level(unit, _factor(unit, counts, contents, base)) for unit in contents]
    if any(level.uom == base and level.factor != 1 for level in levels):
        raise _Unreadable(f"{base} is the base unit and cannot hold several of itself")
    return tuple(levels)


def _contents(said: Sequence[_Said]) -> dict[str, str | None]:
    """Unit -> the unit that it is made of (None: base units)."""
    contents: dict[str, str | None] = {}
    counts: dict[str, Decimal] = {}
    for place, one in enumerate(said):
        inner = any(one.unit == before.of for before in said[:place])
        of = one.of if one.of or not place or inner else said[place - 1].unit
        if one.unit in contents and (contents[one.unit], counts[one.unit]) != (of, one.count):
            raise _Unreadable(f"two things are said of {one.unit}")
        contents[one.unit], counts[one.unit] = of, one.count
    return contents


def _factor(unit: str, counts: dict[str, Decimal], contents: dict[str, str | None], base: str | None) -> Decimal:
    factor, at, seen = Decimal(1), unit, {unit}
    while True:
        factor *= counts[at]
        below = contents[at]
        if below is None or below == base:
            return _fitting(unit, factor)
        if below in seen or below not in contents:
            raise _Unreadable(f"{unit} goes in a circle" if below in seen else f"nothing says what {below} is")
        seen.add(below)
        at = below


def _fitting(unit: str, factor: Decimal) -> Decimal:
    if not 0 < factor < _MOST or factor != factor.quantize(_PLACES):
        raise _Unreadable(f"{factor} base units in one {unit} is no factor")
    return factor.quantize(_PLACES)


def register_functions(con: Connection) -> None:
    """Make `pack_levels(pack, base_uom)` known to a connection.

    It gives a list of {uom, factor}: empty where the pack is NULL or cannot be read. `pack_fault(pack, base_uom)`
    says why it cannot, NULL where it can or there is none. `gtin14(text)` is a valid GTIN of any length in 14 digits,
    else NULL; `gtin_fault(text)` says what is wrong with one, NULL where nothing is or there is none.
    """
    levels = "STRUCT(uom VARCHAR, factor DECIMAL(18,6))[]"
    con.create_function("pack_levels", _sql_levels, ["VARCHAR", "VARCHAR"], levels, null_handling="special")  # type: ignore[call-overload]
    con.create_function("pack_fault", _sql_fault, ["VARCHAR", "VARCHAR"], "VARCHAR", null_handling="special")  # type: ignore[call-overload]
    con.create_function("gtin14", _sql_gtin, ["VARCHAR"], "VARCHAR", null_handling="special")  # type: ignore[call-overload]
    con.create_function("gtin_fault", _sql_gtin_fault, ["VARCHAR"], "VARCHAR", null_handling="special")  # type: ignore[call-overload]


def _sql_levels(pack: str | None, base_uom: str | None) -> list[dict[str, object]]:
    levels = () if pack is None else read_pack(pack, base_uom).levels
    return [{"uom": one.uom, "factor": one.factor} for one in levels]


def _sql_fault(pack: str | None, base_uom: str | None) -> str | None:
    return None if pack is None else read_pack(pack, base_uom).fault


def _sql_gtin(text: str | None) -> str | None:
    verdict = _gtin(text or "")
    return verdict.value if verdict.fault is None else None


def _sql_gtin_fault(text: str | None) -> str | None:
    return _gtin(text).fault if text and text.strip() else None


@lru_cache(maxsize=65_536)
def _gtin(text: str) -> Verdict:
    return gtin(text)
