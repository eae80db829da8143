"""What a person decides goes before what the rules find, is taken back without a trace, and costs what it touches."""

from __future__ import annotations

import pytest

from mastering.decisions import Judgement, Ruling, resolve
from tests.mastering.world import World, day, gtin


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
