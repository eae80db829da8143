"""Rules of the GS1 catalogue's pack on rows made for the purpose: items are base units, everything else is a pack."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import duckdb

from tests.feeds import packs

CONTRACTS = packs.pack_contracts("gs1_catalogue")
EACH, BOX, CASE, PALLET = "00614141000418", "10614141000415", "30614141000419", "50614141000413"
#: By source column; levels as the contract's lookup leaves them.
ROW = {"gtin": EACH, "unit_descriptor": "EA", "base_units": "1", "description": "Heparin", "brand_owner": "Acme, Inc."}


def _rows(shape: str, *rows: dict[str, Any]) -> dict[str, dict[str, Any]]:
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    packs.stage(con, CONTRACTS["catalogue"], [ROW | row for row in rows])
    return {row["source_key"]: row for row in packs.supply(con, "gs1_catalogue", shape).to_pylist()}


def _pack(gtin: str, uom: str, units: int, child: str, **more: object) -> dict[str, Any]:
    return {"gtin": gtin, "unit_descriptor": uom, "base_units": str(units), "child_gtin": child} | more


def test_only_base_units_are_items() -> None:
    drug = {"ndc": "50001-1000-10", "unspsc": "51142900", "part_no": "ACM-1"}
    rows = _rows("item", drug, _pack(BOX, "BX", 10, EACH))
    assert list(rows) == [EACH]
    told = [rows[EACH][name] for name in ("gtin", "ndc", "unspsc8", "mfr_part_no", "mfr_name", "base_uom")]
    assert told == [EACH, "50001-1000-10", "51142900", "ACM-1", "Acme, Inc.", "EA"]


def test_every_pack_belongs_to_the_base_unit_at_the_end_of_its_chain() -> None:
    chain = (_pack(BOX, "BX", 10, EACH), _pack(CASE, "CA", 40, BOX), _pack(PALLET, "PL", 800, CASE))
    rows = _rows("item_uom", {}, *chain)
    told = {key: (row["item_key"], row["from_uom_x12"], row["factor_to_base"]) for key, row in rows.items()}
    assert told == {
        EACH: (EACH, "EA", Decimal(1)),
        BOX: (EACH, "BX", Decimal(10)),
        CASE: (EACH, "CA", Decimal(40)),
        PALLET: (EACH, "PL", Decimal(800)),
    }


def test_a_pack_whose_contents_nobody_lists_names_what_it_says_is_in_it() -> None:
    rows = _rows("item_uom", _pack(CASE, "CA", 40, BOX))
    assert rows[CASE]["item_key"] == BOX


def test_packs_have_their_days_and_change_with_what_is_in_them() -> None:
    dated = {"effective_date": "2026-03-04", "end_date": "2026-09-01"}
    rows = _rows("item_uom", {"_change_seq": 9}, _pack(BOX, "BX", 9, EACH, _change_seq=4, **dated))
    told = rows[BOX]
    assert (str(told["valid_from"]), str(told["valid_to"]), told["_change_seq"]) == ("2026-03-04", "2026-09-01", 9)


def test_levels_are_written_as_x12_units() -> None:
    [uom] = [column for column in CONTRACTS["catalogue"].records["main"].columns if column.name == "uom"]
    assert uom.lookup == {"BASE_UNIT_OR_EACH": "EA", "PACK_OR_INNER_PACK": "BX", "CASE": "CA"}
