"""Whose value wins, since when, and what is told about it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from mastering.rules import DomainRules
from tests.mastering.world import DOMAINS, World, day, gtin

SAME = {"network_item_no": "N1"}


def with_rules(domain: str, **survivorship: object) -> dict[str, DomainRules]:
    """The product's rules of one domain with another `survivorship` block, all domains kept."""
    given = DOMAINS[domain].model_dump(by_alias=True) | {"survivorship": survivorship}
    return dict(DOMAINS) | {domain: DomainRules.model_validate(given)}


def log(world: World, attribute: str) -> list[tuple[Any, ...]]:
    """value, winner and rule of each interval of the log, with the losers' values."""
    found = world.rows(
        "SELECT value, winner_source, rule, losers FROM master.survivorship_log"
        " WHERE attribute = ? ORDER BY valid_from",
        attribute,
    )
    return [
        (value, source, rule, [one["value"] for one in json.loads(losers)]) for value, source, rule, losers in found
    ]


# -- precedence, dates, scope, age -----------------------------------------------------------------------


def test_the_system_of_record_goes_before_everybody() -> None:
    world = World().say("item", "erp", "1", description="ERP text", **SAME)
    world.say("item", "north", "a", day(5), description="Newer text", **SAME)
    world.run("item")
    assert world.golden("item", "description") == [(1, None, "ERP text")]
    assert log(world, "description") == [
        ("ERP text", "erp", "system of record 1: legacy_erp", []),
        ("ERP text", "erp", "system of record 1: legacy_erp, before the others", ["Newer text"]),
    ]


def test_an_attribute_may_have_a_list_of_its_own() -> None:
    world = World().say("item", "erp", "1", is_lot_tracked="false", **SAME)
    world.say("item", "dc", "x", is_lot_tracked="true", **SAME)
    world.run("item")
    assert world.golden("item", "is_lot_tracked") == [(1, None, True)]


def test_empty_never_wins_over_a_value() -> None:
    world = World().say("item", "erp", "1", day(1), description="ERP text", **SAME)
    world.say("item", "north", "a", day(1), description="North text", **SAME).say("item", "erp", "1", day(3), **SAME)
    world.run("item")
    assert world.golden("item", "description") == [(1, 3, "ERP text"), (3, None, "North text")]


def test_from_the_day_of_the_move_another_system_answers() -> None:
    rules = with_rules(
        "item",
        default=[{"systems": ["legacy_erp"], "to": "2026-01-10"}, {"systems": ["cloud_erp"], "from": "2026-01-10"}],
    )
    world = World(rules=rules).say("item", "erp", "1", day(1), description="Legacy", **SAME)
    world.say("item", "cloud", "c", day(1), description="Cloud", **SAME)
    world.say("item", "erp", "1", day(12), description="Legacy, edited after the move", **SAME)
    world.run("item")
    assert world.golden("item", "description") == [(1, 10, "Legacy"), (10, None, "Cloud")]


def test_a_rule_takes_effect_on_its_day_without_any_delivery() -> None:
    rules = with_rules(
        "item",
        default=[{"systems": ["legacy_erp"], "to": "2026-01-10"}, {"systems": ["cloud_erp"], "from": "2026-01-10"}],
    )
    world = World(rules=rules, now=day(9)).say("item", "erp", "1", day(1), description="Legacy", **SAME)
    world.say("item", "cloud", "c", day(1), description="Cloud", **SAME)
    world.run("item")
    assert world.golden("item", "description") == [(1, None, "Legacy")]
    world.now = day(11)
    assert world.run("item")["item"].changed_golden == 1
    assert world.golden("item", "description") == [(1, 10, "Legacy"), (10, None, "Cloud")]
    world.run("item")
    assert world.touched() == {}


def test_a_scope_is_read_from_the_golden_record() -> None:
    """Bins belong to the inventory system, rooms to the ERP."""
    world = World()
    for number, kind in (("1", "bin"), ("2", "storeroom")):
        world.say("location", "erp", f"E{number}", name="ERP name", type=kind, network_location_code=number)
        world.say("location", "north", f"N{number}", name="Local name", network_location_code=number)
    world.run("location")
    found = world.rows("SELECT type, name FROM master.golden_location ORDER BY type")
    assert found == [("bin", "Local name"), ("storeroom", "ERP name")]
    assert log(world, "name")[0][2] == "system of record 1: inventory where type is bin, before the others"


def test_a_scope_changes_with_the_golden_record() -> None:
    world = World().say("location", "erp", "E", day(1), name="ERP name", type="storeroom", network_location_code="1")
    world.say("location", "north", "N", day(1), name="Local name", network_location_code="1")
    world.say("location", "erp", "E", day(4), name="ERP name", type="cabinet", network_location_code="1")
    world.run("location")
    assert world.golden("location", "name") == [(1, 4, "ERP name"), (4, None, "Local name")]


def test_a_scope_by_facility_and_day() -> None:
    """One hospital has moved to the cloud ERP, the other has not."""
    moved = [
        {"systems": ["cloud_erp"], "from": "2026-01-10", "scope": {"facility_code": "NORTH"}},
        {"systems": ["legacy_erp"]},
    ]
    world = World(
        rules=with_rules("location", default=moved, attributes={"facility_code": [{"systems": ["legacy_erp"]}]})
    )
    for code, facility in (("1", "NORTH"), ("2", "SOUTH")):
        world.say("location", "erp", code, name="Legacy", facility_code=facility, network_location_code=code)
        world.say("location", "cloud", code, name="Cloud", network_location_code=code)
    world.run("location")
    assert world.golden("location", "name", 1) == [(1, 10, "Legacy"), (10, None, "Cloud")]
    assert world.golden("location", "name", 2) == [(1, None, "Legacy")]


def test_a_source_may_be_named_instead_of_its_system() -> None:
    rules = with_rules("item", default=[{"sources": ["south"]}])
    world = (
        World(rules=rules)
        .say("item", "north", "a", description="North", **SAME)
        .say("item", "south", "b", description="South", **SAME)
    )
    world.run("item")
    assert world.golden("item", "description") == [(1, None, "South")]


# -- ties ------------------------------------------------------------------------------------------------


def test_between_equals_the_most_recent_wins() -> None:
    world = (
        World()
        .say("item", "north", "a", day(1), description="Old", **SAME)
        .say("item", "south", "b", day(3), description="New", **SAME)
    )
    world.run("item")
    assert world.golden("item", "description") == [(1, 3, "Old"), (3, None, "New")]
    assert log(world, "description")[-1] == ("New", "south", "precedence 6: inventory, most recent", ["Old"])
    assert world.findings("contested_value") == [
        (
            "south|b|description",
            "description New (precedence 6: inventory, most recent)"
            ' against [{"source":"north","key":"a","value":"Old"}]',
        )
    ]


def test_then_the_value_that_most_agree_on() -> None:
    world = World(systems={f"s{n}": "inventory" for n in range(3)})
    for source, text in (("s0", "Alone"), ("s1", "Both"), ("s2", "Both")):
        world.say("item", source, "1", description=text, **SAME)
    world.run("item")
    assert world.golden("item", "description") == [(1, None, "Both")]
    assert log(world, "description") == [("Both", "s1", "precedence 6: inventory, first by key", ["Both", "Alone"])]


def test_then_the_text_decides_so_that_somebody_does() -> None:
    world = (
        World()
        .say("item", "north", "a", description="Zebra", **SAME)
        .say("item", "south", "b", description="Ant", **SAME)
    )
    world.run("item")
    assert log(world, "description") == [("Ant", "south", "precedence 6: inventory, first by value", ["Zebra"])]


def test_agreement_counts_among_many_but_recency_comes_first() -> None:
    world = World(systems={f"s{n}": "inventory" for n in range(4)})
    for number, text in enumerate(("Both", "Both", "Other", "Later")):
        world.say("item", f"s{number}", "1", day(2 if text == "Later" else 1), description=text, **SAME)
    world.run("item")
    assert world.golden("item", "description") == [(1, 2, "Both"), (2, None, "Later")]


# -- identifiers, references, deletion -------------------------------------------------------------------


def test_only_valid_identifiers_are_published() -> None:
    world = World().say("item", "erp", "1", gtin="123", **SAME).say("item", "north", "a", gtin=gtin(5), **SAME)
    world.run("item")
    assert world.golden("item", "gtin14") == [(1, None, gtin(5))]
    assert log(world, "gtin14")[0][:2] == (gtin(5), "north")


def test_types_are_those_of_the_domain_file() -> None:
    world = World().say("item", "erp", "1", std_cost="1.5", shelf_life_days="30", is_stock="true")
    world.run("item")
    assert world.rows("SELECT std_cost, shelf_life_days, is_stock FROM master.golden_item") == [
        (Decimal("1.5000"), 30, True)
    ]


def test_a_reference_is_the_golden_id_of_the_key_in_the_winning_source() -> None:
    world = World().say("item", "erp", "1", superseded_by_item_key="2").say("item", "erp", "2", gtin=gtin(2))
    world.say("item", "north", "2", gtin=gtin(3)).say("item", "erp", "3", superseded_by_item_key="9").say(
        "item", "erp", "4"
    )
    world.run("item")
    ids = world.ids("item")
    found = dict(
        world.rows("SELECT _source_key, superseded_by_item_sk FROM master.golden_item WHERE _source_system = 'erp'")
    )
    assert found == {"1": ids["erp/2"], "2": None, "3": -2, "4": None}


def test_a_reference_follows_when_the_record_it_names_appears_or_merges() -> None:
    world = World().say("item", "erp", "1", superseded_by_item_key="2").say("item", "north", "a", gtin=gtin(1))
    world.run("item")
    assert world.golden("item", "superseded_by_item_sk", 1) == [(1, None, -2)]
    world.say("item", "erp", "2", day(2))
    world.run("item")
    assert world.golden("item", "superseded_by_item_sk", 1) == [(1, None, world.ids("item")["erp/2"])]
    world.say("item", "erp", "2", day(3), gtin=gtin(1))
    world.run("item")
    assert world.ids("item")["erp/2"] == world.ids("item")["north/a"] == 2
    assert world.golden("item", "superseded_by_item_sk", 1) == [(1, None, 2)]


def test_what_every_source_has_deleted_keeps_its_values_and_says_so() -> None:
    world = World().say("item", "erp", "1", day(1), description="ERP", status="active", **SAME)
    world.say("item", "north", "a", day(1), description="North", status="blocked", **SAME)
    world.delete("item", "erp", "1", day(3)).delete("item", "north", "a", day(5))
    world.say("item", "north", "a", day(8), description="North again", status="active", **SAME)
    world.run("item")
    assert world.golden("item", "description") == [(1, 3, "ERP"), (3, 8, "North"), (8, None, "North again")]
    assert world.golden("item", "status") == [
        (1, 3, "active"),
        (3, 5, "blocked"),
        (5, 8, "deleted"),
        (8, None, "active"),
    ]
    assert [row[:3] for row in log(world, "status")][2] == (
        "deleted",
        "north",
        "deleted by every source, before the others",
    )


def test_a_golden_row_names_its_senior_member_and_delivery() -> None:
    world = World().say("item", "north", "a", day(1), description="North", **SAME)
    world.say("item", "erp", "1", day(2), description="ERP", **SAME).say(
        "item", "erp", "1", day(4), description="ERP 2", **SAME
    )
    world.run("item")
    found = world.rows(
        "SELECT _source_system, _source_key, _delivery_id, _source_row_no FROM master.golden_item ORDER BY valid_from"
    )
    assert found == [("erp", "1", "erp@002", 1), ("erp", "1", "erp@002", 1), ("erp", "1", "erp@004", 1)]


# -- the log and the versions ----------------------------------------------------------------------------


def test_every_cell_of_every_version_is_in_the_log() -> None:
    world = World().say("item", "erp", "1", day(1), description="A", status="active", gtin=gtin(1), std_cost="1")
    world.say("item", "north", "a", day(2), description="B", gtin=gtin(1), is_lot_tracked="true")
    world.say("item", "erp", "1", day(3), status="blocked", gtin=gtin(1)).delete("item", "north", "a", day(5))
    world.run("item")
    rules = DOMAINS["item"]
    for column in (*rules.attributes, *rules.published.values()):
        missing = world.rows(
            f'SELECT g.valid_from, g."{column}", l.value FROM master.golden_item AS g'
            " LEFT JOIN master.survivorship_log AS l ON l.sk = g.item_sk AND l.attribute = ?"
            " AND l.valid_from <= g.valid_from"
            " AND (l.valid_to IS NULL OR l.valid_to > g.valid_from)"
            f' WHERE CAST(g."{column}" AS VARCHAR) IS DISTINCT FROM l.value',
            column,
        )
        assert missing == []


def test_versions_follow_one_another_and_one_is_current() -> None:
    world = World().say("item", "erp", "1", day(1), description="A").say("item", "erp", "1", day(3), description="B")
    world.delete("item", "erp", "1", day(4)).say("item", "erp", "1", day(7), description="B", status="active")
    world.run("item")
    found = world.rows("SELECT valid_from, valid_to, is_current FROM master.golden_item ORDER BY valid_from")
    assert [(a, b) for a, b, _ in found] == [(day(1), day(3)), (day(3), day(4)), (day(4), day(7)), (day(7), None)]
    assert [current for *_, current in found] == [False, False, False, True]


def test_a_change_of_one_record_touches_its_golden_record_only() -> None:
    world = World().say("item", "erp", "1", description="A").say("item", "erp", "2", description="B")
    world.run("item")
    world.say("item", "erp", "2", day(2), description="B2")
    outcome = world.run("item")["item"]
    assert (outcome.changed_records, outcome.changed_golden, outcome.reached) == (1, 1, 1)
    touched = world.rows("SELECT DISTINCT item_sk FROM master.golden_item WHERE _change_seq = 2")
    assert touched == [(2,)]
    assert world.rows("SELECT count(*) FROM master.xref_item WHERE _change_seq = 2") == [(0,)]


def test_a_new_attribute_in_the_rules_remakes_the_golden_table() -> None:
    world = World().say("item", "erp", "1", description="A")
    world.run("item")
    rules = DOMAINS["item"].model_dump(by_alias=True)
    rules["attributes"]["colour"] = {"type": "VARCHAR", "description": "colour"}
    world.rules = {"item": DomainRules.model_validate(rules)}
    world.say("item", "erp", "1", day(2), description="A", colour="blue")
    world.run("item")
    assert world.golden("item", "colour") == [(1, 2, None), (2, None, "blue")]


@pytest.mark.parametrize("moment", [datetime(2026, 1, 1, 5, 30, 0, 123456, tzinfo=UTC)])
def test_moments_keep_their_microseconds(moment: datetime) -> None:
    world = World().say("item", "erp", "1", moment, description="A")
    world.run("item")
    assert world.rows("SELECT valid_from FROM master.golden_item") == [(moment,)]


# -- what names the record, not the thing ----------------------------------------------------------------


def vendor(world: World, key: str, at: datetime, name: str) -> World:
    return world.say("supplier", "erp", key, at, duns="804735132", supplier_no=key, legal_name=name, status="active")


def test_a_vendors_later_remit_to_record_neither_names_it_nor_is_asked_about() -> None:
    world = vendor(World(), "V2", day(1), "Acme Inc")
    vendor(world, "V1-R1", day(5), "Acme Inc REMIT TO 1").run("supplier")
    assert world.golden("supplier", "supplier_no") == [(1, None, "V2")]
    assert world.golden("supplier", "legal_name") == [(1, None, "Acme Inc")]
    assert log(world, "legal_name")[-1] == (
        "Acme Inc",
        "erp",
        "system of record 1: legacy_erp, first record of its source",
        ["Acme Inc REMIT TO 1"],
    )
    assert world.findings("contested_value") == []


def test_the_next_record_names_it_once_the_first_one_is_deleted() -> None:
    world = vendor(World(), "V2", day(1), "Acme Inc")
    vendor(world, "V1-R1", day(5), "Acme Inc REMIT TO 1").delete("supplier", "erp", "V2", day(9)).run("supplier")
    assert world.golden("supplier", "supplier_no") == [(1, 9, "V2"), (9, None, "V1-R1")]


def test_what_is_of_the_thing_and_what_two_sources_of_one_rank_say_is_still_asked_about() -> None:
    world = World()
    for key, tier in (("V1", "high"), ("V2", "low")):
        world.say("supplier", "erp", key, duns="804735132", legal_name=key, risk_tier=tier)
    world.say("supplier", "north", "n", gln="0614141000012", supplier_no="N")
    world.say("supplier", "south", "s", gln="0614141000012", supplier_no="S").run("supplier")
    contested = sorted(key for key, _ in world.findings("contested_value"))
    assert contested == ["erp|V1|risk_tier", "north|n|supplier_no"]
