"""What a person decides goes before what the rules find, is taken back without a trace, and costs what it touches."""

from __future__ import annotations

import pytest

from mastering.decisions import Expected, Judgement, Ruling, resolve
from mastering.rules import DomainRules
from tests.mastering.world import DOMAINS, World, day, gtin


def group(*members: str) -> frozenset[str]:
    return frozenset(members)


def ruling(number: int, kind: str, left: str, right: str | None = None) -> Ruling:
    return Ruling(number, day(number), "kim", kind, "why", ("s", left), None if right is None else ("s", right))


def grouped(judgement: Judgement) -> set[frozenset[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    for key, label in judgement.group.items():
        found.setdefault(label, set()).add(key[1])
    return {frozenset(one) for one in found.values() if len(one) > 1}


# -- what decisions come to --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rulings", "groups", "overruled"),
    [
        ([("same", "a", "b"), ("same", "b", "c")], {group("a", "b", "c")}, {}),
        ([("same", "a", "b"), ("different", "a", "b")], set(), {1: 2}),
        ([("different", "a", "b"), ("same", "a", "b")], {group("a", "b")}, {1: 1}),
        ([("same", "a", "b"), ("different", "a", "c"), ("same", "b", "c")], {group("b", "c")}, {1: 2}),
        ([("different", "a", "c"), ("same", "a", "b"), ("same", "b", "c")], {group("a", "b", "c")}, {1: 1}),
        ([("same", "a", "b"), ("split", "a", None)], set(), {1: 2}),
        ([("split", "a", None), ("same", "a", "b")], {group("a", "b")}, {}),
        ([("rekey", "a", "b"), ("same", "a", "c")], {group("a", "b", "c")}, {}),
        ([("same", "a", "c"), ("rekey", "a", "b"), ("split", "a", None)], {group("a", "b")}, {1: 3}),
        ([("rekey", "a", "b"), ("rekey", "b", "a")], {group("a", "b")}, {1: 2}),
        ([("rekey", "a", "b"), ("rekey", "a", "c")], {group("a", "c")}, {1: 2}),
    ],
)
def test_the_newest_decision_stands(
    rulings: list[tuple[str, str, str | None]], groups: set[frozenset[str]], overruled: dict[int, int]
) -> None:
    given = [ruling(number, *one) for number, one in enumerate(rulings, start=1)]
    judgement = resolve(given)
    assert grouped(judgement) == groups
    assert judgement.overruled == overruled
    assert resolve(list(reversed(given))) == judgement


# -- who is who --------------------------------------------------------------------------------------------


def xref(world: World, key: str) -> tuple[object, ...]:
    query = "SELECT match_rule, match_status, decided_by FROM master.xref_item WHERE source_key = ?"
    return world.rows(query, key)[0]


def test_same_joins_what_nothing_else_joins_and_undo_restores_every_byte() -> None:
    world = World().say("item", "erp", "1", description="A").say("item", "north", "a", description="B")
    world.say("item", "dc", "x", gtin=gtin(5))
    world.run("item")
    before = world.state("item", with_ids=True)
    decision = world.decide("item", "same", "erp/1", "north/a")
    outcome = world.run("item")["item"]
    assert world.groups("item") == {group("erp/1", "north/a"), group("dc/x")}
    assert (outcome.merged, outcome.reached) == (1, 2)
    assert xref(world, "a") == ("steward_same", "steward", "kim")
    [edge] = world.rows("SELECT rule, judgement, decided_by, evidence FROM master.edge")
    assert edge == ("steward_same", "positive", "kim", "decision 1: looked at both")
    assert not world.run("item")["item"].changed
    assert world.touched() == {}
    world.undo("item", decision)
    world.run("item")
    assert world.state("item", with_ids=True) == before


def test_a_same_in_spite_of_a_veto_is_applied_and_says_so() -> None:
    world = World().say("item", "erp", "1", gtin=gtin(1)).say("item", "north", "a", gtin=gtin(2))
    world.say("item", "dc", "x", gtin=gtin(2))
    world.decide("item", "same", "erp/1", "north/a")
    world.run("item")
    assert world.groups("item") == {group("erp/1", "north/a", "dc/x")}
    [(evidence,)] = world.rows("SELECT evidence FROM master.edge WHERE decided_by = 'kim'")
    assert evidence == "decision 1 in spite of veto:gtin: looked at both"


def test_different_parts_what_an_identifier_joins() -> None:
    world = World().say("item", "erp", "1", gtin=gtin(1)).say("item", "north", "a", gtin=gtin(1))
    world.run("item")
    assert len(world.groups("item")) == 1
    decision = world.decide("item", "different", "north/a", "erp/1")
    assert world.run("item")["item"].split == 1
    assert world.groups("item") == {group("erp/1"), group("north/a")}
    assert world.findings("vetoed_match") == []
    world.undo("item", decision)
    world.run("item")
    assert world.ids("item") == {"erp/1": 1, "north/a": 1}


def test_split_takes_one_record_out_and_leaves_the_others_together() -> None:
    world = World()
    for source, key in (("erp", "1"), ("north", "a"), ("dc", "x")):
        world.say("item", source, key, gtin=gtin(1))
    world.decide("item", "split", "north/a")
    world.run("item")
    assert world.groups("item") == {group("erp/1", "dc/x"), group("north/a")}
    assert xref(world, "a") == ("steward_split", "steward", "kim")
    world.say("item", "south", "s", day(2))
    world.decide("item", "same", "north/a", "south/s")
    world.run("item")
    assert world.groups("item") == {group("erp/1", "dc/x"), group("north/a", "south/s")}


def test_decisions_reach_reference_records() -> None:
    world = World().say("item", "erp", "1", network_item_no="N1").say("item", "erp", "2")
    world.say("item", "edi_hub", "r", network_item_no="N1")
    world.run("item")
    refused = world.decide("item", "different", "edi_hub/r", "erp/1")
    world.run("item")
    assert world.ids("item")["edi_hub/r"] == -2
    assert xref(world, "r") == ("steward_different", "rejected", "kim")
    world.decide("item", "same", "edi_hub/r", "erp/2")
    world.run("item")
    assert world.ids("item")["edi_hub/r"] == world.ids("item")["erp/2"]
    world.undo("item", refused)
    world.run("item")
    assert xref(world, "r") == ("steward_same", "steward", "kim")


def test_a_rekey_takes_the_id_and_the_decisions_along() -> None:
    world = World().say("item", "erp", "1", description="A").say("item", "north", "a").say("item", "dc", "x")
    world.decide("item", "same", "erp/1", "dc/x")
    world.run("item")
    old = world.ids("item")["erp/1"]
    world.delete("item", "erp", "1", day(2)).say("item", "erp", "0001", day(2), description="A")
    world.run("item")
    assert world.ids("item")["erp/0001"] != old
    world.decide("item", "rekey", "erp/1", "erp/0001")
    world.run("item")
    assert world.ids("item")["erp/0001"] == world.ids("item")["dc/x"] == old


def test_a_rekeyed_id_follows_even_where_the_old_key_is_gone_without_a_trace() -> None:
    world = World().say("item", "dc", "x").say("item", "erp", "1", description="A")
    world.run("item")
    old = world.ids("item")["erp/1"]
    del world.history["item"]["erp", "1"]
    world.say("item", "erp", "0001", day(1), description="A")
    world.decide("item", "rekey", "erp/1", "erp/0001")
    world.run("item", points={"item": [day(1)]})
    assert world.ids("item") == {"dc/x": 2, "erp/0001": old}


# -- which value stands ------------------------------------------------------------------------------------


def test_an_override_wins_from_its_day_on_and_the_losers_stay() -> None:
    world = World().say("item", "erp", "1", description="A", gtin=gtin(1))
    world.say("item", "north", "a", description="B", gtin=gtin(1))
    world.run("item")
    before = world.state("item", with_ids=True)
    decision = world.decide("item", "override", "north/a", attribute="description", value=" Glove ")
    outcome = world.run("item")["item"]
    assert outcome.changed_golden == 1
    assert world.golden("item", "description") == [(1, 10, "A"), (10, None, "Glove")]
    query = "SELECT rule, losers, winner_source, winner_delivery_id FROM master.survivorship_log WHERE value = 'Glove'"
    [(rule, losers, source, delivery)] = world.rows(query)
    assert rule == "override by kim (decision 1): looked at both, before the others"
    assert '"A"' in losers
    assert '"B"' in losers
    assert (source, delivery) == ("north", None)
    world.say("item", "erp", "1", day(12), description="C", gtin=gtin(1))
    world.run("item")
    assert world.golden("item", "description") == [(1, 10, "A"), (10, None, "Glove")]
    later = world.decide("item", "override", "erp/1", on=13, attribute="description", value="Mitten")
    world.run("item")
    assert world.golden("item", "description")[-1] == (13, None, "Mitten")
    for one in (later, decision):
        world.undo("item", one)
    world.run("item")
    assert world.golden("item", "description") == [(1, 12, "A"), (12, None, "C")]
    del world.history["item"]["erp", "1"][day(12)]
    world.run("item", points={"item": [day(12)]})
    assert world.state("item", with_ids=True) == before


def test_an_override_of_a_record_that_comes_later_counts_from_its_beginning() -> None:
    world = World().say("item", "erp", "1", day(20), description="A")
    world.decide("item", "override", "erp/1", attribute="std_cost", value="1.50")
    world.run("item")
    assert [str(row[2]) for row in world.golden("item", "std_cost")] == ["1.5000"]
    assert world.rows("SELECT min(valid_from) FROM master.golden_item") == [(day(20),)]


@pytest.mark.parametrize(
    ("attribute", "value", "why"),
    [
        ("std_cost", "cheap", "std_cost cheap: not exactly a DECIMAL(18,4)"),
        ("colour", "red", "colour red: the domain item has no attribute colour"),
        ("gtin", gtin(1)[:-1] + "x", "gtin"),
    ],
)
def test_an_override_that_is_no_such_value_does_nothing_and_is_a_finding(attribute: str, value: str, why: str) -> None:
    world = World().say("item", "erp", "1", description="A", std_cost="2.0000")
    world.run("item")
    before = world.rows("SELECT * EXCLUDE (_change_seq) FROM master.golden_item")
    world.decide("item", "override", "erp/1", attribute=attribute, value=value)
    world.run("item")
    assert world.rows("SELECT * EXCLUDE (_change_seq) FROM master.golden_item") == before
    [(key, detail)] = world.findings("orphaned_decision")
    assert key == "decision 1"
    assert why in detail


def test_an_override_of_a_published_identifier_is_normalised() -> None:
    world = World().say("item", "erp", "1", description="A")
    world.decide("item", "override", "erp/1", attribute="gtin", value=gtin(1)[1:] if gtin(1)[0] == "0" else gtin(1))
    world.run("item")
    assert world.golden("item", "gtin14") == [(1, 10, None), (10, None, gtin(1))]


def test_an_override_is_obsolete_once_the_source_says_something_else() -> None:
    world = World().say("item", "erp", "1", description="A")
    world.run("item")
    world.decide("item", "override", "erp/1", attribute="description", value="Glove", expect=Expected("erp", "1", "A"))
    world.run("item")
    assert world.findings("correction_obsolete") == []
    world.say("item", "erp", "1", day(12), description="Glove, latex")
    world.run("item")
    [(key, detail)] = world.findings("correction_obsolete")
    assert key == "decision 1"
    assert "said A when it was made and says Glove, latex now" in detail
    assert world.golden("item", "description")[-1] == (10, None, "Glove")


# -- what is left to look at -------------------------------------------------------------------------------


def cases(world: World, kind: str) -> list[tuple[object, ...]]:
    query = "SELECT left_source || '/' || left_key, right_source || '/' || right_key, attribute, evidence"
    return world.rows(f"{query} FROM master.review WHERE kind = ? ORDER BY ALL", kind)


def test_a_vetoed_match_is_a_case_until_somebody_says_what_it_is() -> None:
    world = World().say("item", "erp", "1", gtin=gtin(1), network_item_no="N1", description="A")
    world.say("item", "north", "a", gtin=gtin(2), network_item_no="N1", description="B")
    world.run("item")
    [(left, right, attribute, evidence)] = cases(world, "vetoed_match")
    assert (left, right, attribute) == ("erp/1", "north/a", None)
    assert '{"attribute":"description","left":"A","right":"B"}' in str(evidence)
    first = world.rows("SELECT case_id FROM master.review")
    decision = world.decide("item", "different", "erp/1", "north/a")
    world.run("item")
    assert cases(world, "vetoed_match") == []
    world.undo("item", decision)
    world.decide("item", "same", "erp/1", "north/a")
    world.run("item")
    assert cases(world, "vetoed_match") == []
    assert world.groups("item") == {group("erp/1", "north/a")}
    world.rulings.clear()
    world.run("item")
    assert world.rows("SELECT case_id FROM master.review") == first


def test_a_contested_value_is_a_case_until_it_is_overridden() -> None:
    world = World().say("item", "north", "a", category_l1="X", gtin=gtin(1))
    world.say("item", "south", "s", category_l1="Y", gtin=gtin(1))
    world.run("item")
    [(_, _, attribute, evidence)] = cases(world, "contested_value")
    assert attribute == "category_l1"
    assert '"X"' in str(evidence)
    assert '"Y"' in str(evidence)
    world.decide("item", "override", "north/a", attribute="category_l1", value="Y")
    world.run("item")
    assert cases(world, "contested_value") == []


def test_an_acknowledged_case_is_closed_until_it_is_another_one() -> None:
    world = World()
    for key in ("1", "2", "3"):
        world.say("item", "erp", key, gtin=gtin(1))
    world.run("item")
    [(case, reason)] = world.rows("SELECT case_id, reason FROM master.review WHERE kind = 'poisoned_identifier'")
    world.decide("item", "acknowledge", "erp/1", case=case, value=reason)
    world.run("item")
    assert cases(world, "poisoned_identifier") == []
    world.say("item", "erp", "4", day(2), gtin=gtin(1))
    world.run("item")
    assert len(cases(world, "poisoned_identifier")) == 1


def test_decisions_that_do_nothing_are_findings() -> None:
    world = World().say("item", "erp", "1")
    world.decide("item", "same", "erp/1", "north/nobody")
    world.decide("item", "split", "erp/1")
    world.run("item")
    assert world.findings("orphaned_decision") == [("decision 1", "same: there is no record north|nobody")]
    assert world.findings("overruled_decision") == [("decision 1", "same: contradicted by decision 2")]


def test_suppliers_of_one_name_are_duplicates_until_somebody_says_not() -> None:
    world = (
        World().say("supplier", "erp", "V1", legal_name="Acme, Inc.").say("supplier", "suite", "S9", legal_name="ACME")
    )
    world.run("supplier")
    assert world.findings("duplicate_supplier") == [("erp|V1 / suite|S9", "both are ACME")]
    world.decide("supplier", "different", "erp/V1", "suite/S9")
    world.run("supplier")
    assert world.findings("duplicate_supplier") == []


def test_rules_that_nobody_uses_are_findings() -> None:
    world = World(systems={"erp": "legacy_erp"}).say("item", "erp", "1", gtin=gtin(1))
    world.run("item")
    found = dict(world.findings("unused_rule"))
    assert "survivorship.is_lot_tracked 1" in found
    assert "identifiers.ndc" in found
    assert "identifiers.gtin" not in found
    assert "survivorship.default 1" not in found


def test_an_alias_of_a_maker_that_nobody_is_called_by_is_a_finding() -> None:
    given = DOMAINS["item"].model_dump(by_alias=True)
    given["matching"]["compare"]["mfr_name"]["aliases"] = {"BECTON DICKINSON": ["BD", "C.R. Bard"]}
    world = World(rules={**DOMAINS, "item": DomainRules.model_validate(given)})
    world.say("item", "erp", "1", gtin=gtin(1), mfr_name="b-d inc.")
    world.run("item")
    aliases = [one for one in world.findings("unused_rule") if one[0].startswith("matching.")]
    assert aliases == [("matching.mfr_name C.R. Bard", "nobody is called so")]


# -- a same in spite of sizes --------------------------------------------------------------------------------

TWENTY = {"description": "CEFTRIAXONE POWDER, 20 MG", "mfr_part_no": "NOR-4097-05"}
TEN = {"description": "10 mg ceftriaxone powder", "mfr_part_no": "NOR409700"}


def test_a_same_in_spite_of_sizes_joins_the_record_to_all_of_the_golden_record() -> None:
    """Who says that one of three is the odd one, too, does not mean that the three are no longer one."""
    world = World().say("item", "erp", "1", gtin=gtin(1), **TWENTY).say("item", "north", "a", gtin=gtin(1), **TWENTY)
    world.say("item", "south", "s", gtin=gtin(1), **TWENTY).say("item", "dc", "x", gtin=gtin(1), **TEN)
    world.run("item")
    assert world.groups("item") == {group("erp/1", "north/a", "south/s"), group("dc/x")}
    world.decide("item", "same", "erp/1", "dc/x")
    world.run("item")
    assert world.groups("item") == {group("erp/1", "north/a", "south/s", "dc/x")}


def test_what_is_of_a_third_size_is_still_another_thing() -> None:
    world = World().say("item", "erp", "1", gtin=gtin(1), **TWENTY).say("item", "dc", "x", gtin=gtin(1), **TEN)
    world.decide("item", "same", "erp/1", "dc/x")
    world.say("item", "south", "s", gtin=gtin(1), description="ceftriaxone powder 15 mg", mfr_part_no="NOR-4097-03")
    world.run("item")
    assert world.groups("item") == {group("erp/1", "dc/x"), group("south/s")}


def test_a_same_in_spite_of_sizes_joins_what_a_score_joined() -> None:
    more = {"mfr_name": "Northfield Surgical, Co.", "base_uom": "EA"}
    world = World().say("item", "erp", "1", **TWENTY, **more).say("item", "north", "a", **TWENTY, **more)
    world.say("item", "dc", "x", **TEN, **more)
    world.run("item")
    assert world.groups("item") == {group("erp/1", "north/a"), group("dc/x")}
    world.decide("item", "same", "erp/1", "dc/x")
    world.run("item")
    assert world.groups("item") == {group("erp/1", "north/a", "dc/x")}


# -- a same of records that others are one with ---------------------------------------------------------------


def torn() -> World:
    """Two items, each of three records, and a record with the number of the one and the GTIN of the other."""
    world = World()
    for number, of in (("N1", 1), ("N2", 2)):
        world.say("item", "erp", number, gtin=gtin(of), network_item_no=number)
        world.say("item", "north", number, gtin=gtin(of), network_item_no=number)
        # The most senior record of the item says only its number.
        world.say("item", "cloud", number, network_item_no=number)
    return world.say("item", "south", "torn", gtin=gtin(2), network_item_no="N1")


ONE = ("cloud/N1", "erp/N1", "north/N1")
OTHER = ("cloud/N2", "erp/N2", "north/N2")


@pytest.mark.parametrize(
    ("left", "right", "groups"),
    [
        ("cloud/N1", "south/torn", [(*ONE, "south/torn"), OTHER]),
        ("erp/N1", "south/torn", [(*ONE, "south/torn"), OTHER]),
        ("south/torn", "north/N2", [ONE, (*OTHER, "south/torn")]),
        ("south/torn", "cloud/N2", [ONE, (*OTHER, "south/torn")]),
        ("cloud/N1", "erp/N2", [(*ONE, *OTHER, "south/torn")]),
    ],
)
def test_a_torn_record_goes_where_a_person_places_it_and_tears_nobody(
    left: str, right: str, groups: list[tuple[str, ...]]
) -> None:
    world = torn()
    world.run("item")
    before = world.state("item", with_ids=True)
    assert world.groups("item") == {group(*ONE), group(*OTHER), group("south/torn")}
    decision = world.decide("item", "same", left, right)
    world.run("item")
    assert world.groups("item") == {group(*one) for one in groups}
    # What it says of itself is no longer asked about.
    assert world.findings("vetoed_match") == []
    world.undo("item", decision)
    world.run("item")
    assert world.state("item", with_ids=True) == before


def test_a_same_takes_along_what_each_of_the_two_is_one_with() -> None:
    world = World().say("item", "erp", "1", gtin=gtin(1), network_item_no="N1")
    world.say("item", "cloud", "c", network_item_no="N1").say("item", "suite", "s", network_item_no="N1")
    world.say("item", "north", "a", gtin=gtin(2)).say("item", "south", "b", gtin=gtin(2))
    world.decide("item", "same", "cloud/c", "north/a")
    world.run("item")
    assert world.groups("item") == {group("erp/1", "cloud/c", "suite/s", "north/a", "south/b")}


def test_a_same_takes_nobody_along_of_whom_a_person_says_that_he_is_another() -> None:
    world = World().say("item", "erp", "1", gtin=gtin(1)).say("item", "cloud", "c", gtin=gtin(1))
    world.say("item", "north", "a", gtin=gtin(2))
    world.decide("item", "different", "erp/1", "north/a")
    world.decide("item", "same", "cloud/c", "north/a")
    world.run("item")
    assert world.groups("item") == {group("cloud/c", "north/a"), group("erp/1")}


def test_what_a_score_joined_stays_where_a_same_makes_two_gtins_one() -> None:
    more = {"mfr_name": "Northfield Surgical, Co.", "base_uom": "EA"}
    world = World().say("item", "erp", "1", gtin=gtin(1), **TWENTY, **more).say("item", "north", "a", **TWENTY, **more)
    world.say("item", "dc", "x", gtin=gtin(2), description="something else altogether")
    world.run("item")
    assert world.groups("item") == {group("erp/1", "north/a"), group("dc/x")}
    world.decide("item", "same", "erp/1", "dc/x")
    world.run("item")
    assert world.groups("item") == {group("erp/1", "north/a", "dc/x")}


def test_documents_point_to_an_item_of_which_a_person_says_that_it_has_two_gtins() -> None:
    world = World().say("item", "erp", "1", gtin=gtin(1)).say("item", "north", "a", gtin=gtin(2))
    world.decide("item", "same", "erp/1", "north/a")
    world.say("item", "edi_hub", "d1", gtin=gtin(1)).say("item", "edi_hub", "d2", gtin=gtin(2))
    world.run("item")
    assert world.groups("item") == {group("erp/1", "north/a", "edi_hub/d1", "edi_hub/d2")}


def test_documents_point_past_a_torn_record_to_the_item_whose_number_it_has() -> None:
    world = torn().say("item", "edi_hub", "both", gtin=gtin(2), network_item_no="N2")
    world.say("item", "edi_hub", "gtin", gtin=gtin(2)).say("item", "edi_hub", "number", network_item_no="N1")
    world.say("item", "south", "torn", gtin=gtin(2), network_item_no="N1", ndc="0002-7597-01")
    world.say("item", "edi_hub", "its own", ndc="00002759701")
    world.run("item")
    assert world.groups("item") == {
        group(*ONE, "edi_hub/number"),
        group(*OTHER, "edi_hub/both", "edi_hub/gtin"),
        group("south/torn", "edi_hub/its own"),
    }
