"""Findings on the units of items: pack strings nobody can read, GTINs of packs that cannot be right."""

from __future__ import annotations

import duckdb
import pytest

from store.lookups import findings_sql
from tests.conformed.world import CONFORMED, add, empty_world

EACH, CASE, OTHER = "00614141000418", "10614141000415", "20614141000412"
KEYS = {"100": 10, "200": 20}


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    con = empty_world()
    add(con, "master.golden_item", [{"item_sk": 10, "base_uom": "EA", "gtin14": EACH, "_source_system": "erp"}])
    add(con, "master.golden_item", [{"item_sk": 20, "base_uom": "EA", "_source_system": "erp"}])
    rows = [{"source_system": s, "source_key": k, "item_sk": sk} for s in ("erp", "clinic") for k, sk in KEYS.items()]
    add(con, "master.xref_item", rows)
    con.execute("UPDATE master.golden_item SET _source_key = CASE item_sk WHEN 10 THEN '100' ELSE '200' END")
    return con


def _unit(con: duckdb.DuckDBPyConnection, uom: str, factor: int | None, **more: object) -> None:
    row = {"source_system": "erp", "item_key": "100", "from_uom": uom, "factor_to_base": factor} | more
    key = "|".join(str(row[name]) for name in ("item_key", "from_uom", "factor_to_base"))
    add(con, "intake.item_uom", [{"source_key": key} | row])


def _found(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str]]:
    queries = " UNION ALL ".join(f"({query})" for query in findings_sql(CONFORMED))
    return con.sql(f"SELECT kind, key, detail FROM ({queries}) ORDER BY ALL").fetchall()


# -- pack strings ------------------------------------------------------------------------------------------


def test_a_pack_string_that_cannot_be_read_is_a_finding_with_its_fault(con: duckdb.DuckDBPyConnection) -> None:
    add(con, "intake.item", [{"source_system": "erp", "source_key": "100", "base_uom": "EA"}])
    _unit(con, "BX", 100, pack="100/BX 10BX/CA")
    _unit(con, "CA", None, pack="ten boxes")
    _unit(con, "PK", None, pack="10 BX/CA", _is_deleted=True)
    assert _found(con) == [("uom_unreadable", "erp|100", "ten boxes: not a pack level: TEN BOXES")]


def test_a_pack_that_counts_another_unit_than_the_base_unit_is_one(con: duckdb.DuckDBPyConnection) -> None:
    add(con, "intake.item", [{"source_system": "erp", "source_key": "100", "base_uom": "EA"}])
    _unit(con, "CA", None, pack="4BX/CA")
    assert _found(con) == [("uom_unreadable", "erp|100", "4BX/CA: nothing says what BX is")]


# -- GTINs -------------------------------------------------------------------------------------------------


def test_numbers_of_the_same_levels_at_two_sources_are_none(con: duckdb.DuckDBPyConnection) -> None:
    for source, case in (("erp", "CS"), ("clinic", "CA")):
        _unit(con, "EA", 1, gtin=EACH[1:], source_system=source)  # as GTIN-13
        _unit(con, case, 40, gtin=CASE, source_system=source)
    assert _found(con) == []


def test_a_number_that_is_no_gtin_is_a_finding(con: duckdb.DuckDBPyConnection) -> None:
    _unit(con, "cs", 40, gtin="10614141000416")
    _unit(con, "BX", 10, gtin="10614141000416", _is_deleted=True)
    assert _found(con) == [("pack_gtin_invalid", "erp|100 CS", "10614141000416: wrong check digit")]


def test_one_number_on_two_units_is_a_finding(con: duckdb.DuckDBPyConnection) -> None:
    _unit(con, "BX", 10, gtin=CASE)
    _unit(con, "CS", 40, gtin=CASE)
    assert [row[:2] for row in _found(con)] == [("pack_gtin_conflict", "erp|100 / erp|100")]


def test_the_base_units_number_on_a_pack_is_a_finding(con: duckdb.DuckDBPyConnection) -> None:
    _unit(con, "BX", 10, gtin=EACH, source_system="clinic")
    assert _found(con) == [
        (
            "pack_gtin_conflict",
            "clinic|100 / erp|100",
            f"{EACH} is one BX (10.000000) at clinic|100 and one EA (1.000000) at erp|100",
        )
    ]


def test_one_number_on_packs_of_two_items_is_a_finding(con: duckdb.DuckDBPyConnection) -> None:
    _unit(con, "CS", 40, gtin=CASE)
    _unit(con, "CS", 40, gtin=CASE, item_key="200")
    [(kind, key, detail)] = _found(con)
    assert (kind, key) == ("pack_gtin_conflict", "erp|100 / erp|200")
    assert detail.endswith(", another item")


def test_only_what_holds_now_is_compared(con: duckdb.DuckDBPyConnection) -> None:
    _unit(con, "CS", 40, gtin=CASE)
    _unit(con, "CS", 36, gtin=CASE, valid_from="2026-03-01")  # the pack shrank, its number stayed
    _unit(con, "BX", 10, gtin=CASE, valid_to="2026-01-01")
    assert _found(con) == []


def test_levels_the_wrong_way_round_are_a_finding(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("UPDATE master.golden_item SET gtin14 = NULL")
    _unit(con, "BX", 10, gtin=CASE)
    _unit(con, "CS", 40, gtin=OTHER)
    assert _found(con) == []
    _unit(con, "PL", 400, gtin=EACH)
    assert [row[0] for row in _found(con)] == ["pack_gtin_level", "pack_gtin_level"]
