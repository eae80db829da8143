"""`uom_conflict` and `pack_conflict`: sources that state different factors of one unit for the same days."""

from __future__ import annotations

import duckdb
import pytest

from store.lookups import findings_sql
from tests.conformed.world import CONFORMED, add, empty_world


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    con = empty_world()
    add(con, "master.golden_item", [{"item_sk": 10, "base_uom": "EA"}])
    keys = [("erp", "100"), ("clinic", "G-1")]
    add(con, "master.xref_item", [{"source_system": s, "source_key": k, "item_sk": 10} for s, k in keys])
    return con


def _state(con: duckdb.DuckDBPyConnection, source: str, uom: str, factor: int, **more: object) -> None:
    item = {"erp": "100", "clinic": "G-1"}[source]
    row = {"source_system": source, "source_key": f"{item}|{uom}|{factor}", "item_key": item, "from_uom": uom}
    add(con, "intake.item_uom", [row | {"factor_to_base": factor} | more])


def _found(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str]]:
    queries = " UNION ALL ".join(f"({query})" for query in findings_sql(CONFORMED))
    return con.sql(f"SELECT kind, key, detail FROM ({queries}) ORDER BY ALL").fetchall()


def test_two_sources_that_differ_on_the_same_days_are_a_finding(con: duckdb.DuckDBPyConnection) -> None:
    _state(con, "erp", "BX", 100)
    _state(con, "clinic", "bx ", 50, valid_from="2026-03-01")
    assert _found(con) == [
        (
            "uom_conflict",
            "clinic|G-1 / erp|100 BX",
            "one BX is 50.000000 base units at clinic and 100.000000 at erp from 2026-03-01",
        )
    ]


def test_a_unit_goes_by_its_x12_code(con: duckdb.DuckDBPyConnection) -> None:
    _state(con, "erp", "CS", 100, from_uom_x12="CA")
    _state(con, "clinic", "CS", 50, from_uom_x12="CS")
    assert _found(con) == []
    _state(con, "clinic", "CA", 40)
    assert [row[1] for row in _found(con)] == ["clinic|G-1 / erp|100 CA"]


def test_a_pack_that_changed_at_all_sources_on_the_day_is_none(con: duckdb.DuckDBPyConnection) -> None:
    for source in ("erp", "clinic"):
        _state(con, source, "BX", 100)  # nobody wrote when it ended: the next one ends it
        _state(con, source, "BX", 90, valid_from="2026-03-01")
    assert _found(con) == []


def test_deleted_statements_and_other_items_are_none(con: duckdb.DuckDBPyConnection) -> None:
    _state(con, "erp", "BX", 100)
    _state(con, "clinic", "BX", 50, _is_deleted=True)
    _state(con, "clinic", "CT", 7)
    assert _found(con) == []


def _offer(con: duckdb.DuckDBPyConnection, uom: str, pack: int, **more: object) -> None:
    row = {"source_system": "clinic", "source_key": f"G-1|{uom}|{pack}", "item_key": "G-1", "supplier_key": "S-1"}
    add(con, "intake.item_supplier", [row | {"uom": uom, "pack_qty": pack} | more])


def test_an_offer_that_sells_another_pack_is_a_finding(con: duckdb.DuckDBPyConnection) -> None:
    _state(con, "erp", "CS", 40, from_uom_x12="CA")
    _offer(con, "cs ", 400)
    assert _found(con) == [
        (
            "pack_conflict",
            "clinic|G-1 / erp|100 CS",
            "one CS is sold as 400.000000 base units at clinic and is 40.000000 at erp",
        )
    ]


def test_an_offer_is_compared_with_what_holds_now(con: duckdb.DuckDBPyConnection) -> None:
    _state(con, "erp", "BX", 100)
    _state(con, "erp", "BX", 90, valid_from="2026-03-01")
    _offer(con, "BX", 90, _valid_from="2026-03-02 12:00:00+00")
    _offer(con, "BX", 100, valid_to="2026-03-01")
    assert _found(con) == []
    _offer(con, "BX", 100)
    assert [row[1] for row in _found(con)] == ["clinic|G-1 / erp|100 BX"]


def test_deleted_offers_and_units_nobody_converts_are_none(con: duckdb.DuckDBPyConnection) -> None:
    _state(con, "erp", "BX", 100)
    _offer(con, "BX", 50, _is_deleted=True)
    _offer(con, "CT", 7)
    assert _found(con) == []


def test_a_pack_that_is_only_announced_is_none_yet(con: duckdb.DuckDBPyConnection) -> None:
    """A pool publishes a new pack with its first day, and the last day of the one before, ahead of the day."""
    _state(con, "erp", "BX", 100, valid_to="2999-01-01")
    _state(con, "erp", "BX", 90, valid_from="2999-01-01")
    _offer(con, "BX", 100)
    assert [row for row in _found(con) if row[0] == "pack_conflict"] == []
    _offer(con, "BX", 90)
    assert [row[2] for row in _found(con) if row[0] == "pack_conflict"] == [
        "one BX is sold as 90.000000 base units at clinic and is 100.000000 at erp"
    ]
