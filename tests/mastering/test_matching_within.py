"""Scores as a step of mastering: what they join, who is asked, and that incremental is full, in any order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mastering.rules import DomainRules
from tests.mastering.world import DOMAINS, World, day, gtin

_GIVEN = DOMAINS["item"].model_dump(by_alias=True)
_GIVEN["identifiers"].pop("supplier_part")
#: Few holders make a word too common: small histories pass the step.
_GIVEN["matching"]["max_holders"] = 4
SMALL = {"item": DomainRules.model_validate(_GIVEN)}


def item(world: World, at: str, on: int = 1, /, **values: str | None) -> World:
    source, key = at.split("/")
    return world.say("item", source, key, day(on), **values)


def pair(world: World) -> World:
    text = {"mfr_name": "Alder Surgical, Corp.", "mfr_part_no": "ALD-4002-16"}
    item(world, "erp/1", description="SALINE FLUSH SYRINGE, 30 ML", **text)
    return item(world, "north/a", description="Syringe saline flush 30ml", mfr_part_no="ald400216")


def test_a_score_joins_and_says_so() -> None:
    world = pair(World(rules=SMALL))
    world.run("item")
    assert world.groups("item") == {frozenset({"erp/1", "north/a"})}
    rows = world.rows("SELECT match_rule, match_status, match_score BETWEEN 0.9 AND 1 FROM master.xref_item")
    assert rows == [("score", "auto", True)] * 2
    edges = world.rows("SELECT left_source, right_source, rule, judgement FROM master.edge")
    assert edges == [("erp", "north", "score", "positive")]
    assert world.rows("SELECT verdict, reason FROM master.judgement") == [("same", "score")]


def test_who_is_asked_is_in_the_review_queue() -> None:
    world = World()
    world.say("supplier", "erp", "1", legal_name="Birchwood Health Supply Inc")
    world.say("supplier", "suite", "2", legal_name="BIRCHWOOD HEALTH SUPPLY")
    world.run("supplier")
    assert len(world.groups("supplier")) == 2
    cases = world.rows("SELECT kind, left_key, right_key, reason FROM master.review")
    assert cases == [("ask", "1", "2", "not certain enough")]


def test_what_is_taken_back_parts_again_and_a_deleted_record_stays_what_it_was() -> None:
    world = pair(World(rules=SMALL))
    world.run("item")
    before = world.state("item", with_ids=True)
    item(world, "north/a", 2, description="Stent drug eluting", mfr_part_no="XYZ-777")
    world.run("item")
    assert len(world.groups("item")) == 2
    assert world.rows("SELECT count(*) FROM master.judgement") == [(0,)]
    del world.history["item"]["north", "a"][day(2)]
    world.run("item", points={"item": [day(1), day(2)]})
    assert world.state("item", with_ids=True) == before
    world.delete("item", "north", "a", day(3))
    world.run("item")
    assert world.groups("item") == {frozenset({"erp/1", "north/a"})}


def test_nothing_is_compared_when_nothing_changed() -> None:
    world = pair(World(rules=SMALL))
    world.run("item")
    world.run("item")
    assert world.touched() == {}
    assert world.rows("SELECT count(*) FROM master.match_record") == [(2,)]


def test_rules_without_matching_take_scores_back() -> None:
    world = pair(World(rules=SMALL))
    world.run("item")
    world.rules = {"item": SMALL["item"].model_copy(update={"matching": None})}
    world.run("item")
    assert world.groups("item") == {frozenset({"erp/1"}), frozenset({"north/a"})}
    assert world.rows("SELECT count(*) FROM master.judgement") == [(0,)]


@dataclass(frozen=True)
class Event:
    """A source says something of a record from a day on, or deletes it."""

    source: str
    key: str
    on: int
    gone: bool
    text: str
    part: str | None
    gtin: int | None


EVENTS = st.lists(
    st.builds(
        Event,
        source=st.sampled_from(["erp", "north", "south", "edi_hub"]),
        key=st.sampled_from(["1", "2"]),
        on=st.integers(1, 4),
        gone=st.sampled_from([False, False, False, True]),
        text=st.sampled_from(
            ["SALINE FLUSH SYRINGE", "Saline flush syringe 30 mL", "FLUSH SYRINGE SALINE 20 ML", "DRUG ELUTING STENT"]
        ),
        part=st.sampled_from([None, "ALD-4002-16", "ALD400216", "ALD-4002-17"]),
        gtin=st.sampled_from([None, None, 1, 2]),
    ),
    min_size=2,
    max_size=10,
    unique_by=lambda event: (event.source, event.key, event.on),
)


def tell(world: World, event: Event) -> None:
    if event.gone:
        world.delete("item", event.source, event.key, day(event.on))
        return
    number = None if event.gtin is None else gtin(event.gtin)
    world.say(
        "item",
        event.source,
        event.key,
        day(event.on),
        description=event.text,
        mfr_name="Alder Surgical",
        mfr_part_no=event.part,
        gtin=number,
    )


PAIRS = "SELECT left_rec, right_rec, score, vetoed, bits FROM master.match_pair ORDER BY ALL"
JUDGED = "SELECT * EXCLUDE (_change_seq) FROM master.judgement ORDER BY ALL"


def check_any_order(events: Sequence[Event], data: st.DataObject) -> None:
    """Any order and any batches, against all at once."""
    whole = World(rules=SMALL)
    for event in events:
        tell(whole, event)
    whole.run("item")
    parts = World(rules=SMALL)
    for event in data.draw(st.permutations(events)):
        tell(parts, event)
        if data.draw(st.booleans()):
            parts.run("item")
    parts.run("item")
    assert parts.rows(PAIRS) == whole.rows(PAIRS)
    assert parts.rows(JUDGED) == whole.rows(JUDGED)
    assert parts.state("item") == whole.state("item")


@settings(max_examples=4, deadline=None)
@given(EVENTS, st.data())
def test_in_any_order_and_in_any_batches_the_clusters_are_the_same(events: list[Event], data: st.DataObject) -> None:
    check_any_order(events, data)


@pytest.mark.heavy
@pytest.mark.timeout(1800)
@settings(max_examples=150, deadline=None)
@given(EVENTS, st.data())
def test_in_any_order_and_in_any_batches_the_clusters_are_the_same_at_length(
    events: list[Event], data: st.DataObject
) -> None:
    check_any_order(events, data)


def test_an_identifier_between_records_that_contradict_each_other_joins_neither() -> None:
    """The valid GTIN of the next size: part number and size say that the records are two items."""
    world = World(rules=SMALL)
    item(world, "erp/1", description="CHEST DRAIN, 18 FR", mfr_part_no="JUN-4029-10", gtin=gtin(1))
    item(world, "north/a", description="CHEST DRAIN 16FR", mfr_part_no="JUN402905", gtin=gtin(1))
    world.run("item")
    assert world.groups("item") == {frozenset({"erp/1"}), frozenset({"north/a"})}


def lookalikes(**of_the_other: str | None) -> World:
    """A catheter of 18 G with the GTIN of the one of 20 G, which says of no maker and no number whose it is."""
    world = World()
    text = {"description": "FOLEY CATHETER, 20 G, STERILE", "mfr_part_no": "ALD-4043-15"}
    item(world, "erp/1", gtin=gtin(1), network_item_no="100262", **text)
    item(world, "store/a", description="18 G foley catheter sterile", gtin=gtin(1), **of_the_other)
    world.run("item")
    return world


def test_a_size_alone_contradicts_a_number_alone() -> None:
    world = lookalikes()
    assert world.groups("item") == {frozenset({"erp/1"}), frozenset({"store/a"})}
    assert world.rows("SELECT DISTINCT kind FROM master.finding WHERE domain = 'item' AND kind = 'vetoed_match'") == [
        ("vetoed_match",)
    ]


@pytest.mark.parametrize("second", [{"network_item_no": "100262"}, {"mfr_part_no": "ALD404315"}])
def test_a_second_number_that_agrees_is_believed_before_a_text(second: dict[str, str]) -> None:
    assert lookalikes(**second).groups("item") == {frozenset({"erp/1", "store/a"})}


#: Two things of one maker, of different numbers and in different words.
FORCEPS = {"description": "THUMB FORCEPS SERRATED", "mfr_name": "Alder Surgical", "mfr_part_no": "ALD-1005"}
FILE = {"description": "ENDODONTIC FILE NITI", "mfr_name": "Alder Surgical", "mfr_part_no": "ALD-5700"}


def test_a_number_on_two_things_of_different_numbers_and_texts_joins_nobody_and_is_asked_about() -> None:
    """The valid GTIN of something else: nothing says which of the two records has the wrong one."""
    world = World()
    item(world, "erp/1", gtin=gtin(1), **FORCEPS)
    item(world, "north/a", gtin=gtin(1), **FILE)
    world.run("item")
    assert world.groups("item") == {frozenset({"erp/1"}), frozenset({"north/a"})}
    reasons = world.rows("SELECT DISTINCT reason FROM master.review WHERE kind = 'vetoed_match'")
    assert reasons == [(f"both have {gtin(1)}, but part numbers and descriptions are those of two things",)]


@pytest.mark.parametrize(
    "of_the_other",
    [
        pytest.param({**FILE, "mfr_part_no": "ALD-1005"}, id="the part numbers agree"),
        pytest.param({**FILE, "mfr_part_no": None}, id="one has no part number"),
        pytest.param({**FORCEPS, "mfr_part_no": "ALD-5700"}, id="the texts agree"),
        pytest.param({"description": "FORCEPS SERRATED", "mfr_part_no": "ALD-5700"}, id="one text says less"),
        pytest.param({"mfr_part_no": "ALD-5700"}, id="one has no text"),
        pytest.param({**FILE, "network_item_no": "100262"}, id="a second identifier agrees"),
    ],
)
def test_anything_else_that_agrees_leaves_the_number_its_say(of_the_other: dict[str, str | None]) -> None:
    world = World()
    item(world, "erp/1", gtin=gtin(1), network_item_no="100262", **FORCEPS)
    item(world, "north/a", gtin=gtin(1), **of_the_other)
    world.run("item")
    assert world.groups("item") == {frozenset({"erp/1", "north/a"})}


def test_a_person_joins_what_part_numbers_and_texts_keep_apart() -> None:
    world = World()
    item(world, "erp/1", gtin=gtin(1), **FORCEPS)
    item(world, "north/a", gtin=gtin(1), **FILE)
    world.run("item")
    world.decide("item", "same", "erp/1", "north/a")
    world.run("item")
    assert world.groups("item") == {frozenset({"erp/1", "north/a"})}
    assert world.rows("SELECT count(*) FROM master.review") == [(0,)]


def everywhere(world: World, systems: int, per_system: int = 1) -> World:
    """As many hospitals list the glove, each under its own number and in its own words."""
    for system in range(systems):
        for again in range(per_system):
            item(world, f"h{system:02d}/{again}", gtin=gtin(1), description=f"EXAM GLOVE {COLOURS[system % 5]}")
    world.run("item")
    return world


COLOURS = ["SCARLET", "AZURE", "OCHRE", "VIOLET", "TEAL"]


def test_a_number_that_every_hospital_has_once_links_them_however_many_they_are() -> None:
    world = everywhere(World(), systems=40)
    assert len(world.groups("item")) == 1
    assert world.findings("poisoned_identifier") == []
    # A few hospitals list it twice; a number that most of them have twice is a placeholder.
    for system in range(20):
        item(world, f"h{system:02d}/again", 2, gtin=gtin(1), description="EXAM GLOVE")
    world.run("item")
    assert len(world.groups("item")) == 1
    item(world, "h20/again", 3, gtin=gtin(1), description="EXAM GLOVE")
    world.run("item")
    assert len(world.findings("poisoned_identifier")) == 1
    world.delete("item", "h20", "again", day(4))
    world.run("item")
    assert world.findings("poisoned_identifier") == []


def test_a_number_that_few_sources_have_twice_links_and_one_that_many_have_twice_does_not() -> None:
    assert len(everywhere(World(), systems=12, per_system=2).groups("item")) == 1
    assert len(everywhere(World(), systems=13, per_system=2).groups("item")) > 1


def test_a_poisoned_number_whose_records_are_one_all_the_same_is_no_finding() -> None:
    world = World()
    for number in range(4):
        name = "Birchwood Medical, Corp." + (f" REMIT TO {number}" if number else "")
        world.say("supplier", "erp", f"V1-{number}", legal_name=name, duns="060000074")
    world.run("supplier")
    assert len(world.groups("supplier")) == 1
    assert world.findings("poisoned_identifier") == []
    world.say("supplier", "erp", "V9", legal_name="Granite Peak Surgical", duns="060000074")
    world.run("supplier")
    assert len(world.groups("supplier")) == 2
    assert len(world.findings("poisoned_identifier")) == 1


def test_remit_to_records_are_their_vendor_and_do_not_wear_out_its_number() -> None:
    """The vendor was renamed at the ERP alone: only its D-U-N-S number, which its remit-to records have, too, tells."""
    world = World()
    vendor = {"legal_name": "Harbor Group Holdings", "duns": "060000074"}
    for key, more in (("V1", {}), ("V1-R1", {"remit_of_no": "V1"}), ("V1-R2", {"remit_of_no": "V1"})):
        world.say("supplier", "erp", key, network_supplier_no=key, **vendor, **more)
    world.say("supplier", "suite", "9", legal_name="Birchwood Medical", duns="060000074")
    world.run("supplier")
    one = frozenset({"erp/V1", "erp/V1-R1", "erp/V1-R2", "suite/9"})
    assert world.groups("supplier") == {one}
    assert world.findings("poisoned_identifier") == []
    # Two more vendors of that number: it is nobody's, whatever belongs to whom.
    for number in ("V2", "V3"):
        world.say("supplier", "erp", number, day(2), legal_name=f"Quarry {number}", duns="060000074")
    world.run("supplier")
    assert frozenset({"erp/V1", "erp/V1-R1", "erp/V1-R2"}) in world.groups("supplier")
    assert len(world.groups("supplier")) == 4
    assert len(world.findings("poisoned_identifier")) == 1
