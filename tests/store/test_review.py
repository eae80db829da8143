"""`ops.master_finding`: quantities that nobody can say in base units are named, item by item and unit by unit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mastering.sqlfile import statements
from store.review import write_queue
from tests.store.publish_world import SMALL, World, promises

KIND = "unconverted_unit"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path) as world:
        world.con.execute(statements("schema")["finding"])
        world.con.execute(statements("schema")["review"])
        world.item(10, "gauze", "A", "B")
        yield world


def _found(world: World) -> list[tuple[str, str]]:
    chosen = {name: promises()[name] for name in SMALL}
    with world.publisher().prepare("run1") as candidate:
        candidate.build_all()
        write_queue(world.working, chosen)
    query = f"SELECT key, detail FROM ops.master_finding WHERE kind = '{KIND}' ORDER BY ALL"
    return world.con.execute(query).fetchall()


def test_a_unit_that_nobody_explains_is_a_finding_and_gives_no_number(world: World) -> None:
    world.line("P|1", "A", uom_txn="BX")
    world.line("P|2", "A", uom_txn="bx ")
    world.line("P|3", "A", uom_txn="each")
    world.line("P|4", "B", uom_txn="CS")
    assert _found(world) == [
        ("erp|A BX", "fact_po_line: 2 rows have no quantity in base units: nobody says what one BX holds"),
        ("erp|B CS", "fact_po_line: 1 rows have no quantity in base units: nobody says what one CS holds"),
    ]


def test_a_source_that_counts_in_another_base_unit_is_said_to_do_so(world: World) -> None:
    world.add("intake.item", {"source_system": "erp", "source_key": "A", "base_uom": "box"})
    world.line("P|1", "A", uom_txn="each")
    assert _found(world) == [
        ("erp|A EACH", "fact_po_line: 1 rows have no quantity in base units: erp counts the item in another base unit"),
    ]


def test_what_is_converted_deleted_or_of_no_item_is_none(world: World) -> None:
    """A key that is no item is an unmapped_key already."""
    world.add(
        "intake.item_uom",
        {"source_system": "erp", "source_key": "A|BX", "item_key": "A", "from_uom": "BX", "factor_to_base": 100},
    )
    world.line("P|1", "A", uom_txn="BX")
    world.line("P|2", "A", uom_txn="CS", _is_deleted=True)
    world.line("P|3", "X", uom_txn="CS")
    world.line("P|4", None, uom_txn="CS")
    world.line("P|5", "A", qty_txn=None, uom_txn="CS")
    assert _found(world) == []
