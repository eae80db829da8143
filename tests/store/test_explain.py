"""Every cell can explain itself: value, rule, losing values, delivery, source row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from store.explain import NotFound, explain
from tests.store.publish_world import World, promises

ALL = tuple(promises())
LANDED = {
    ("d1", 7): {"code": "A", "text": "Glove, nitrile", "ssn": "***"},
    ("d1", 1): {"code": "A"},
    ("d2", 4): {"po": "p1"},
}


def read_row(delivery_id: str, row_no: int) -> Mapping[str, str] | None:
    return LANDED.get((delivery_id, row_no))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("explain")
    with World(place) as world:
        world.delivery("d1", feed="erp.item")
        world.delivery("d2", feed="erp.po_line")
        world.item(
            1, "Glove, nitrile", "A", gtin14="00012345600012", superseded_by_item_key="C", superseded_by_item_sk=2
        )
        world.xref(1, "77", source="wms")
        world.xref(1, "OLD")
        world.item(2, "Mask", "C")
        lost = json.dumps([{"source": "wms", "key": "77", "value": "GLOVE NITR"}])
        world.log(1, "description", "Glove, nitrile", winner_row_no=7, losers=lost)
        world.log(1, "gtin14", "00012345600012", rule="only one")
        world.log(1, "superseded_by_item_key", "C")
        world.log(1, "base_uom", "each")
        world.add("intake.item_uom", unit("A", "box", "10"), unit("A", "case", "100"))
        world.line("p1", qty="3", uom_txn="box", _delivery_id="d2", _source_row_no=4)
        world.line("p2", item=None)
        world.line("p3", item="nowhere", uom_txn="pallet")
        world.publish(tables=ALL)
    return place


def unit(item: str, uom: str, factor: str) -> dict[str, object]:
    return {
        "source_system": "erp",
        "source_key": f"{item}|{uom}",
        "item_key": item,
        "from_uom": uom,
        "factor_to_base": factor,
    }


def test_a_value_names_rule_losers_delivery_and_source_row(home: Path) -> None:
    [cell] = explain(home, promises(), "dim_item", "1", "description", read_row).cells
    assert (cell.value, cell.how, cell.rule) == ("Glove, nitrile", "survivorship", "system of record: erp")
    assert [(one.source_system, one.source_key, one.value) for one in cell.losers] == [("wms", "77", "GLOVE NITR")]
    assert cell.source is not None
    assert (cell.source.source_system, cell.source.source_key, cell.source.row_no) == ("erp", "A", 7)
    assert cell.source.delivery is not None
    assert (cell.source.delivery.feed, cell.source.delivery.name, cell.source.delivery.sha256) == (
        "erp.item",
        "d1.csv",
        "d1" * 4,
    )
    assert cell.source.values == {"code": "A", "text": "Glove, nitrile", "ssn": "***"}


@pytest.mark.parametrize("column", [column.name for column in promises()["dim_item"].columns])
def test_every_cell_of_dim_item_has_an_answer(home: Path, column: str) -> None:
    for key in ("1", "2", "-1", "-2"):
        [cell] = explain(home, promises(), "dim_item", key, column, read_row).cells
        assert cell.column == column
        assert cell.description
        assert len(cell.rule) > 5
        if key.startswith("-"):
            assert cell.how == "member"
        elif column == "item_sk":
            assert {f"{row.source_system}:{row.source_key}" for row in cell.crosswalk} >= {
                "erp:A" if key == "1" else "erp:C"
            }
        else:
            assert cell.source is not None
            assert cell.source.source_key


def test_a_whole_row_agrees_with_its_cells(home: Path) -> None:
    whole = explain(home, promises(), "dim_item", "1", None, read_row)
    assert [cell.column for cell in whole.cells] == list(promises()["dim_item"].column_names)
    assert whole.cells[1] == explain(home, promises(), "dim_item", "1", "item_no", read_row).cells[0]
    text = "\n".join(whole.lines())
    for part in ("Glove, nitrile", "lost      GLOVE NITR", "erp.item d1.csv", "text=Glove, nitrile", "ssn=***"):
        assert part in text


def test_ids_identifiers_references_and_versions_say_how_they_came_about(home: Path) -> None:
    cells = {cell.column: cell for cell in explain(home, promises(), "dim_item", "1").cells}
    keys = [(row.source_system, row.source_key, row.sk) for row in cells["item_sk"].crosswalk]
    assert keys == [("erp", "A", 1), ("erp", "OLD", 1), ("wms", "77", 1)]
    assert cells["gtin14"].rule == "only one"
    assert cells["superseded_by_item_sk"].value == "2"
    assert "superseded_by_item_key 'C' of erp" in cells["superseded_by_item_sk"].rule
    assert [row.sk for row in cells["superseded_by_item_sk"].crosswalk] == [2]
    assert "description" in cells["_valid_from"].rule
    assert cells["hcpcs"].value is None
    assert "no source gives a value (erp:A, erp:OLD, wms:77)" in cells["hcpcs"].rule
    assert cells["description"].source is not None
    assert "landing is not at hand" in str(cells["description"].source.note)


def test_a_source_key_finds_its_golden_record(home: Path) -> None:
    assert explain(home, promises(), "conformed.dim_item", "wms:77", "item_sk").cells[0].value == "1"


def test_a_row_that_landing_lost_is_said_to_be_lost(home: Path) -> None:
    [cell] = explain(home, promises(), "dim_item", "1", "description", lambda *_: None).cells
    assert cell.source is not None
    assert (cell.source.values, cell.source.note) == (None, "landing does not have this row any more")


def test_a_fact_cell_shows_source_row_conversion_and_crosswalk(home: Path) -> None:
    cells = {cell.column: cell for cell in explain(home, promises(), "fact_po_line", "erp:p1", None, read_row).cells}
    assert cells["qty_base"].value == "30.000000"
    assert "factor 10.000000 base units per box (item:" in cells["qty_base"].rule
    assert [(used.from_uom, used.factor) for used in cells["qty_base"].conversions] == [("box", "10.000000")]
    assert cells["item_sk"].rule == "the key 'A' (source_item_key) in the item crosswalk"
    assert [(row.source_key, row.sk) for row in cells["item_sk"].crosswalk] == [("A", 1)]
    assert cells["qty_txn"].how == "source"
    for cell in cells.values():
        assert cell.rule
        assert cell.source is not None
        assert cell.source.values == {"po": "p1"}


def test_unknown_and_unresolved_say_why(home: Path) -> None:
    unknown = explain(home, promises(), "fact_po_line", "erp:p2", "item_sk").cells[0]
    assert (unknown.value, unknown.rule) == ("-1", "-1: the source row gives no item key")
    unresolved = explain(home, promises(), "fact_po_line", "erp:p3", "item_sk").cells[0]
    assert (unresolved.value, unresolved.rule) == ("-2", "-2: the key 'nowhere' (source_item_key) matches no item yet")
    assert "nobody states a conversion" in explain(home, promises(), "fact_po_line", "erp:p3", "qty_base").cells[0].rule


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("dim_supplier", "-1"),
        ("dim_location", "-2"),
        ("dim_date", "2026-02-28"),
        ("dim_uom", "x12_355|EA"),
        ("bridge_item_xref", "wms:77"),
        ("item_uom", "erp:A|box"),
    ],
)
def test_other_tables_answer_for_every_cell(home: Path, table: str, key: str) -> None:
    if table == "dim_uom":
        key = "|".join(
            {"code": "EA", "code_list": "x12_355"}.get(name, "concord") for name in promises()["dim_uom"].key
        )
    found = explain(home, promises(), table, key, None, read_row)
    assert [cell.column for cell in found.cells] == list(promises()[table].column_names)
    assert all(cell.rule and cell.how for cell in found.cells)


def test_what_is_not_there_says_what_is(home: Path) -> None:
    with pytest.raises(NotFound, match=r"no conformed table 'dim_itm'.*dim_item"):
        explain(home, promises(), "dim_itm", "1")
    with pytest.raises(NotFound, match=r"no column 'colour'.*item_no"):
        explain(home, promises(), "dim_item", "1", "colour")
    with pytest.raises(NotFound, match=r"no row '99'.*item_sk"):
        explain(home, promises(), "dim_item", "99")
    with pytest.raises(NotFound, match=r"no row 'erp:p9'.*source_system:source_key"):
        explain(home, promises(), "fact_po_line", "erp:p9")


def test_a_merged_record_says_what_its_keys_mean_now(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.item(1, "Glove", "A")
        world.add(
            "master.xref_item",
            {
                "source_system": "wms",
                "source_key": "7",
                "item_sk": 5,
                "valid_from": "2026-01-01",
                "valid_to": "2026-02-01",
            },
        )
        world.xref(1, "7", source="wms", valid_from="2026-02-01 00:00:00+00")
        world.publish()
    with pytest.raises(NotFound, match="wms:7 means item 1 now"):
        explain(tmp_path, promises(), "dim_item", "5")


def test_whoever_says_the_same_agrees_and_a_source_row_is_shown_once(home: Path) -> None:
    whole = explain(home, promises(), "dim_item", "1", None, read_row)
    text = list(whole.lines())
    rows = [line for line in text if line.startswith("  row       ")]
    assert len(rows) == len(set(rows)) == len([line for line in text if line.startswith("[")])
    for cell in whole.cells:
        for loser in cell.losers:
            label = "agrees" if loser.value == cell.decided else "lost"
            said = f"{loser.value}  ({loser.source_system}:{loser.source_key})"
            assert any(line.split(maxsplit=1) == [label, said] for line in text)


def test_every_table_with_conversions_names_the_unit_they_are_from() -> None:
    converted = [one for one in promises().values() if "uom_conv_factor" in one.column_names]
    assert len(converted) >= 7
    assert all({"uom_txn", "ack_uom"} & set(one.column_names) for one in converted)
