"""Findings and cases say what is so, whatever came first, and go away when what they ask for is done."""

from __future__ import annotations

import json

from mastering.decisions import Expected
from tests.mastering.world import World, day, gtin


def duplicates(world: World) -> list[str]:
    return [key for key, _ in world.findings("duplicate_supplier")]


def test_duplicate_suppliers_are_named_alike_whoever_came_first() -> None:
    """The pair of a finding does not hang on which golden id was minted first."""
    early = World().say("supplier", "dc", "S1", legal_name="Acme")
    early.run("supplier")
    early.say("supplier", "cloud", "S2", day(2), legal_name="ACME, Inc.")
    early.run("supplier")
    at_once = World().say("supplier", "dc", "S1", legal_name="Acme")
    at_once.say("supplier", "cloud", "S2", day(2), legal_name="ACME, Inc.")
    at_once.run("supplier")
    assert duplicates(early) == duplicates(at_once) == ["cloud|S2 / dc|S1"]


def test_suppliers_that_are_not_the_first_of_their_name_are_still_asked_about() -> None:
    world = World()
    for source in ("erp", "suite", "cloud"):
        world.say("supplier", source, "V", legal_name="Acme")
    world.run("supplier")
    assert duplicates(world) == ["cloud|V / erp|V", "cloud|V / suite|V"]
    for source in ("erp", "suite"):
        world.decide("supplier", "different", "cloud/V", f"{source}/V")
    world.run("supplier")
    assert duplicates(world) == ["erp|V / suite|V"]


def test_a_duplicate_supplier_that_every_source_deleted_is_done_with() -> None:
    world = World().say("supplier", "erp", "V1", legal_name="Acme").say("supplier", "suite", "S9", legal_name="Acme")
    world.run("supplier")
    assert duplicates(world) == ["erp|V1 / suite|S9"]
    world.delete("supplier", "suite", "S9", day(3))
    world.run("supplier")
    assert duplicates(world) == []


def test_an_override_of_what_was_no_value_is_not_obsolete_from_the_start() -> None:
    """The source said 12x, which has no say: nobody had said anything, and nobody says anything now."""
    world = World().say("item", "erp", "1", description="A", std_cost="12x")
    world.run("item")
    world.decide("item", "override", "erp/1", attribute="std_cost", value="2", expect=Expected("erp", "1", None))
    world.run("item")
    assert world.findings("correction_obsolete") == []
    world.say("item", "erp", "1", day(12), description="A", std_cost="12")
    world.run("item")
    [(_, detail)] = world.findings("correction_obsolete")
    assert "said nothing when it was made and says 12.0000 now" in detail


def test_a_poisoned_identifier_that_is_known_is_no_finding_until_it_is_on_other_records() -> None:
    world = World()
    for key in ("1", "2", "3"):
        world.say("item", "erp", key, gtin=gtin(1))
    world.run("item")
    [(case, reason)] = world.rows("SELECT case_id, reason FROM master.review WHERE kind = 'poisoned_identifier'")
    known = world.decide("item", "acknowledge", "erp/1", case=case, value=reason)
    world.run("item")
    assert world.findings("poisoned_identifier") == []
    world.say("item", "erp", "4", day(2), gtin=gtin(1))
    world.run("item")
    assert [key for key, _ in world.findings("poisoned_identifier")] == [f"gtin {gtin(1)}"]
    world.delete("item", "erp", "4", day(3))
    world.undo("item", known)
    world.run("item")
    assert [key for key, _ in world.findings("poisoned_identifier")] == [f"gtin {gtin(1)}"]


def test_a_case_shows_what_a_deleted_record_said_last() -> None:
    world = World().say("item", "erp", "1", gtin=gtin(1), network_item_no="N1", description="A")
    world.say("item", "north", "a", gtin=gtin(2), network_item_no="N1", description="B")
    world.delete("item", "north", "a", day(5))
    world.run("item")
    [(evidence,)] = world.rows("SELECT evidence FROM master.review WHERE kind = 'vetoed_match'")
    sides = {row["attribute"]: (row["left"], row["right"]) for row in json.loads(evidence)}
    assert sides["description"] == ("A", "B")
    assert sides["is deleted"] == (None, "since 2026-01-05")


def test_why_two_records_are_asked_about_is_said_in_words() -> None:
    world = World().say("item", "erp", "1", gtin=gtin(1), network_item_no="N1")
    world.say("item", "north", "a", gtin=gtin(2), network_item_no="N1")
    world.run("item")
    assert world.rows("SELECT reason FROM master.review") == [("both have N1, but their gtin differs",)]
    assert world.findings("vetoed_match")[0][1] == "both have N1, but their gtin differs"


def test_a_gtin_that_was_typed_from_the_next_size_is_said_to_be_that() -> None:
    world = World().say(
        "item", "erp", "1", gtin=gtin(1), description="CEFTRIAXONE POWDER, 20 MG", mfr_part_no="NOR-4097-05"
    )
    world.say("item", "north", "a", gtin=gtin(1), description="10 mg ceftriaxone powder", mfr_part_no="NOR409700")
    world.run("item")
    assert [detail for _, detail in world.findings("vetoed_match")] == [
        f"both have {gtin(1)}, but size, side or sterility contradict each other"
    ]


def test_a_contested_hash_is_known_as_nobody_can_write_it_down() -> None:
    world = World().say("supplier", "north", "a", tax_id="12-3456789", duns="150483782")
    world.say("supplier", "south", "s", tax_id="98-7654321", duns="150483782")
    world.run("supplier")
    [(case, attribute, reason)] = world.rows(
        "SELECT case_id, attribute, reason FROM master.review WHERE kind = 'contested_value'"
    )
    assert attribute == "tax_id_hash"
    world.decide("supplier", "acknowledge", "north/a", case=case, value=reason)
    world.run("supplier")
    assert world.rows("SELECT kind FROM master.review") == []
    assert world.findings("contested_value") == []


def unlisted(world: World) -> list[str]:
    return [key for key, _ in world.findings("unlisted_record")]


def test_what_only_a_store_knows_is_a_finding_until_somebody_says_which_item_it_is() -> None:
    world = World()
    world.say("item", "erp", "1", description="INFUSION SET, XL, STERILE", mfr_part_no="EAS-4012-20")
    world.say("item", "wms", "7", description="Giving set")
    world.run("item")
    assert unlisted(world) == ["wms|7"]
    world.decide("item", "same", "erp/1", "wms/7")
    world.run("item")
    assert unlisted(world) == []


def test_nobody_misses_in_a_list_what_a_case_is_about_or_what_is_gone() -> None:
    world = World()
    world.say("item", "erp", "1", description="Foley catheter 20 G", gtin=gtin(1))
    world.say("item", "wms", "7", description="Foley catheter 18 G", gtin=gtin(1))
    world.say("item", "wms", "8", description="Bone screw")
    world.run("item")
    assert unlisted(world) == ["wms|8"]
    assert [key for key, _ in world.findings("vetoed_match")] == ["erp|1 / wms|7"]
    world.delete("item", "wms", "8", day(4))
    world.run("item")
    assert unlisted(world) == []


def test_where_no_system_lists_everything_nothing_is_missing() -> None:
    world = World().say("item", "wms", "8", description="Bone screw")
    world.systems = {"wms": "warehouse"}
    world.run("item")
    assert unlisted(world) == []
