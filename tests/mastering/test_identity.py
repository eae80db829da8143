"""Who is who: what links, what forbids it, and ids that stay."""

from __future__ import annotations

import pytest

from mastering.ledger import LedgerBehind
from mastering.rules import DomainRules
from tests.mastering.world import DOMAINS, World, day, gtin


def group(*members: str) -> frozenset[str]:
    return frozenset(members)


def with_identity(domain: str, **changes: object) -> dict[str, DomainRules]:
    """The product's rules of one domain with another `identity` block."""
    rules = DOMAINS[domain]
    return {domain: rules.model_copy(update={"identity": rules.identity.model_copy(update=changes)})}


# -- what links ------------------------------------------------------------------------------------------


def test_records_of_one_gtin_are_one_item_however_it_is_written() -> None:
    world = World().say("item", "erp", "1", gtin="00036000291452").say("item", "north", "a", gtin="0-36000-29145-2")
    world.say("item", "dc", "x", gtin="36000291452")
    world.run("item")
    assert world.groups("item") == {group("erp/1", "north/a"), group("dc/x")}
    xref = world.rows("SELECT source_system, match_rule, match_score, match_status FROM master.xref_item ORDER BY 1")
    assert [(s, r, str(n), t) for s, r, n, t in xref] == [
        ("dc", "own_record", "1.0000", "auto"),
        ("erp", "gtin", "1.0000", "auto"),
        ("north", "gtin", "1.0000", "auto"),
    ]
    assert world.findings("invalid_identifier") == [
        ("dc|x|gtin", "gtin 36000291452: a GTIN has 8 or 12 or 13 or 14 digits")
    ]


def test_a_record_whose_numbers_point_to_two_items_that_exclude_each_other_joins_neither() -> None:
    # The GTIN of item 2, beside the item number of item 1: one of them is a mistake.
    world = World().say("item", "erp", "1", gtin=gtin(1), network_item_no="100616")
    world.say("item", "erp", "2", gtin=gtin(2), network_item_no="100617")
    world.say("item", "dc", "2", gtin=gtin(2), network_item_no="100617")
    world.say("item", "suite", "1", network_item_no="100616").say(
        "item", "north", "a", gtin=gtin(2), network_item_no="100616"
    )
    world.run("item")
    assert world.groups("item") == {group("erp/1", "suite/1"), group("erp/2", "dc/2"), group("north/a")}
    assert world.findings("vetoed_match") != []
    # Corrected, it is the item of its number again.
    world.say("item", "north", "a", gtin=gtin(1), network_item_no="100616").run("item")
    assert world.groups("item") == {group("erp/1", "suite/1", "north/a"), group("erp/2", "dc/2")}


def test_a_gs1_device_identifier_is_a_gtin() -> None:
    world = World().say("item", "erp", "1", gtin=gtin(7)).say("item", "north", "a", udi_di=f"(01){gtin(7)}(10)LOT1")
    world.run("item")
    assert world.groups("item") == {group("erp/1", "north/a")}
    assert world.golden("item", "udi_di") == [(1, None, gtin(7))]


def test_an_edge_says_what_joined_two_records_and_since_when() -> None:
    world = (
        World()
        .say("item", "erp", "1", day(1), network_item_no="n-1")
        .say("item", "north", "a", day(2), network_item_no="N-1")
    )
    world.run("item")
    assert world.rows("SELECT * EXCLUDE (_change_seq, score) FROM master.edge") == [
        ("item", "erp", "1", "north", "a", "network_item_no", "positive", "rule", day(2), "network_item_no N-1")
    ]


def test_a_name_alone_joins_nobody() -> None:
    world = (
        World()
        .say("supplier", "erp", "1", legal_name="Acme Medical Inc")
        .say("supplier", "suite", "2", legal_name="ACME MEDICAL")
    )
    world.run("supplier")
    assert world.groups("supplier") == {group("erp/1"), group("suite/2")}
    assert world.rows("SELECT DISTINCT norm_name FROM master.golden_supplier") == [("ACME MEDICAL",)]


def test_a_part_number_is_compared_within_the_golden_supplier() -> None:
    world = World().say("supplier", "erp", "V1", duns="150483782").say("supplier", "suite", "S9", duns="15-048-3782")
    world.say("supplier", "suite", "S8", duns="150483790")
    world.say("item", "erp", "1", supplier_part="V1|AB-12").say("item", "suite", "8", supplier_part="S9|ab 12")
    world.say("item", "suite", "9", supplier_part="S8|AB12").say("item", "north", "7", supplier_part="V1|AB-12")
    world.run()
    assert world.groups("item") == {group("erp/1", "suite/8"), group("suite/9"), group("north/7")}


def test_items_follow_when_their_suppliers_become_one_later_and_part_again() -> None:
    world = World().say("supplier", "erp", "V1").say("supplier", "suite", "S9")
    world.say("item", "erp", "1", supplier_part="V1|AB-12").say("item", "suite", "8", supplier_part="S9|AB-12")
    world.run()
    assert world.groups("item") == {group("erp/1"), group("suite/8")}
    before = world.state("item", with_ids=True)
    world.say("supplier", "erp", "V1", day(2), duns="150483782").say(
        "supplier", "suite", "S9", day(2), duns="150483782"
    )
    world.run()
    assert world.groups("item") == {group("erp/1", "suite/8")}
    world.say("supplier", "suite", "S9", day(3))
    world.run()
    assert world.state("item", with_ids=True) == before


def test_a_deleted_record_stays_what_it_was_and_still_tells_who_others_are() -> None:
    world = World().say("item", "erp", "1", day(1), gtin=gtin(1)).say("item", "north", "a", day(1), gtin=gtin(1))
    world.run("item")
    world.delete("item", "erp", "1", day(2))
    world.run("item")
    assert world.groups("item") == {group("erp/1", "north/a")}
    world.say("item", "dc", "x", day(3), gtin=gtin(1))
    world.run("item")
    assert world.groups("item") == {group("erp/1", "north/a", "dc/x")}


# -- what forbids it -------------------------------------------------------------------------------------


def test_two_valid_gtins_are_never_one_item() -> None:
    world = World().say("item", "erp", "1", gtin=gtin(1), network_item_no="N1")
    world.say("item", "north", "a", gtin=gtin(2), network_item_no="N1").say("item", "dc", "x", network_item_no="N1")
    world.run("item")
    assert world.groups("item") == {group("erp/1"), group("north/a"), group("dc/x")}
    assert world.findings("vetoed_match") == [
        ("erp|1 / dc|x", "both have N1, but their gtin differs"),
        ("erp|1 / north|a", "both have N1, but their gtin differs"),
    ]
    assert {row[0] for row in world.rows("SELECT judgement FROM master.edge")} == {"negative"}


def test_an_invalid_gtin_has_no_say() -> None:
    world = World().say("item", "erp", "1", gtin=gtin(1), network_item_no="N1")
    world.say("item", "north", "a", gtin=gtin(2)[:-1] + "x", network_item_no="N1")
    world.run("item")
    assert world.groups("item") == {group("erp/1", "north/a")}
    assert world.golden("item", "gtin14") == [(1, None, gtin(1))]


def test_different_ndcs_veto_an_equal_gtin() -> None:
    world = World().say("item", "erp", "1", gtin=gtin(1), ndc="0002-7597-01")
    world.say("item", "north", "a", gtin=gtin(1), ndc="0002-7597-02")
    world.run("item")
    assert world.groups("item") == {group("erp/1"), group("north/a")}
    assert world.findings("vetoed_match") == [("erp|1 / north|a", f"both have {gtin(1)}, but their ndc differs")]


def test_one_identifier_in_two_ndc_layouts_is_no_conflict() -> None:
    world = World().say("item", "erp", "1", ndc="0002-7597-01").say("item", "north", "a", ndc="00002759701")
    world.run("item")
    assert world.groups("item") == {group("erp/1", "north/a")}
    assert world.golden("item", "ndc11") == [(1, None, "00002759701")]


def test_a_poisoned_identifier_joins_nobody_until_it_is_clean_again() -> None:
    world = World()
    for key in ("1", "2", "3"):
        world.say("item", "erp", key, gtin=gtin(1))
    world.say("item", "north", "a", gtin=gtin(1))
    world.run("item")
    assert len(world.groups("item")) == 4
    assert world.findings("poisoned_identifier") == [(f"gtin {gtin(1)}", "on 4 records, links none of them")]
    world.say("item", "erp", "3", day(2), gtin=gtin(3))
    world.run("item")
    assert world.groups("item") == {group("erp/1", "erp/2", "north/a"), group("erp/3")}
    assert world.findings("poisoned_identifier") == []
    world.say("item", "erp", "4", day(3), gtin=gtin(1))
    world.run("item")
    assert world.groups("item") == {group("erp/1"), group("erp/2"), group("erp/3"), group("erp/4"), group("north/a")}


def test_an_identifier_on_too_many_records_of_all_sources_is_poisoned() -> None:
    systems = {f"s{n:02d}": "inventory" for n in range(13)}
    world = World(systems=systems)
    for source in systems:
        for key in "12":
            world.say("item", source, key, gtin=gtin(1))
    world.run("item")
    assert len(world.groups("item")) == 26
    world.delete("item", "s00", "1", day(2))
    world.run("item")
    assert len(world.groups("item")) == 1


def test_one_per_source_keeps_live_duplicates_apart() -> None:
    world = World(rules=with_identity("item", one_per_source=True))
    world.say("item", "erp", "1", gtin=gtin(1)).say("item", "erp", "2", gtin=gtin(1)).say(
        "item", "north", "a", gtin=gtin(1)
    )
    world.run("item")
    assert len(world.groups("item")) == 3
    assert world.findings("vetoed_match")[0][1] == f"both have {gtin(1)}, but two records of one source would be one"
    world.delete("item", "erp", "2", day(2))
    world.run("item")
    assert world.groups("item") == {group("erp/1", "erp/2", "north/a")}


# -- records that only refer -----------------------------------------------------------------------------


def test_a_reference_record_finds_its_item_and_makes_none() -> None:
    world = World().say("item", "erp", "1", network_item_no="N1", description="Glove")
    world.say("item", "edi_hub", "a", network_item_no="n1", description="GLOVE EDI").say(
        "item", "edi_hub", "b", gtin=gtin(9)
    )
    world.run("item")
    assert world.ids("item") == {"erp/1": 1, "edi_hub/a": 1, "edi_hub/b": -2}
    found = world.rows("SELECT match_rule, match_status FROM master.xref_item WHERE source_key = 'b'")
    assert found == [("no_match", "unresolved")]
    assert world.golden("item", "description") == [(1, None, "Glove")]
    assert world.rows("SELECT count(*) FROM master.golden_item") == [(1,)]
    world.say("item", "erp", "2", day(2), gtin=gtin(9))
    world.run("item")
    assert world.ids("item")["edi_hub/b"] == 2


def test_a_reference_record_joins_no_two_items() -> None:
    world = World().say("item", "erp", "1", network_item_no="N1").say("item", "north", "a", gtin=gtin(1))
    world.say("item", "edi_hub", "r", network_item_no="N1", gtin=gtin(1))
    world.run("item")
    assert world.ids("item") == {"erp/1": 1, "north/a": 2, "edi_hub/r": -2}
    assert world.findings("unresolved_reference") == [("edi_hub|r", "it points to several records")]


def test_a_suppliers_own_part_number_does_not_point_to_an_entry_that_waits_to_be_joined() -> None:
    """Its catalogue entry, which nobody has joined with the item yet, makes no document of that item unknown."""
    world = World().say("supplier", "suite", "S9", duns="150483782").say("supplier", "edi_hub", "S9", duns="150483782")
    world.say("item", "erp", "1", network_item_no="N1").say("item", "suite", "c", supplier_part="S9|D700428")
    world.say("item", "edi_hub", "r", network_item_no="N1", supplier_part="S9|D700428")
    world.say("item", "edi_hub", "s", supplier_part="S9|D700428")
    world.run()
    assert world.ids("item") == {"erp/1": 1, "suite/c": 2, "edi_hub/r": 1, "edi_hub/s": 2}
    assert world.findings("unresolved_reference") == []
    # Once that entry is another item with a number of its own, the document names two items.
    world.say("item", "suite", "c", day(2), supplier_part="S9|D700428", gtin=gtin(7))
    world.run()
    assert world.ids("item") == {"erp/1": 1, "suite/c": 2, "edi_hub/r": -2, "edi_hub/s": 2}
    assert world.findings("unresolved_reference") == [("edi_hub|r", "it points to several records")]


def test_a_reference_record_with_another_gtin_is_not_that_item() -> None:
    world = World().say("item", "erp", "1", network_item_no="N1", gtin=gtin(1))
    world.say("item", "edi_hub", "r", network_item_no="N1", gtin=gtin(2))
    world.run("item")
    assert world.ids("item")["edi_hub/r"] == -2
    assert [key for key, _ in world.findings("unresolved_reference")] == ["edi_hub|r"]


# -- ids -------------------------------------------------------------------------------------------------


def merged_world() -> World:
    world = World().say("item", "erp", "1", description="A", status="active").say("item", "north", "a", description="B")
    world.run("item")
    return world


def look_alike(**of_the_document: str) -> World:
    """A catheter that two systems know, one of another size with its GTIN, and a document about one of them."""
    world = World()
    made = {"gtin": gtin(1), "description": "FOLEY CATHETER, 20 FR", "mfr_part_no": "ALD-4043-15"}
    world.say("item", "erp", "1", network_item_no="N1", **made).say("item", "suite", "c", network_item_no="N1", **made)
    world.say("item", "north", "a", gtin=gtin(1), description="FOLEY CATHETER, 18 FR", mfr_part_no="ALD-4043-10")
    world.say("item", "edi_hub", "r", **of_the_document)
    world.run("item")
    return world


def test_a_document_points_to_the_record_that_has_all_of_its_numbers_and_not_to_who_has_one_of_them() -> None:
    ids = look_alike(gtin=gtin(1), network_item_no="N1").ids("item")
    assert ids["north/a"] != ids["erp/1"] == ids["suite/c"] == ids["edi_hub/r"]


def test_a_number_alone_that_two_records_have_points_to_neither() -> None:
    assert look_alike(gtin=gtin(1)).ids("item")["edi_hub/r"] == -2
    # A second number that is nobody's says nothing of who has the first.
    assert look_alike(gtin=gtin(1), network_item_no="N7").ids("item")["edi_hub/r"] == -2


def test_a_merge_keeps_the_senior_id_and_redirects_the_other() -> None:
    world = merged_world()
    assert world.ids("item") == {"erp/1": 1, "north/a": 2}
    world.say("item", "erp", "1", day(2), description="A", status="active", gtin=gtin(1))
    world.say("item", "north", "a", day(2), description="B", gtin=gtin(1))
    outcome = world.run("item")["item"]
    assert world.ids("item") == {"erp/1": 1, "north/a": 1}
    assert (outcome.merged, outcome.minted, outcome.split) == (1, 0, 0)
    assert world.ledger.redirects("item") == {2: 1}
    assert world.ledger.held["item"] == {("erp", "1"): 1, ("north", "a"): 1}
    assert world.rows("SELECT DISTINCT item_sk FROM master.golden_item") == [(1,)]


def test_an_unmerge_restores_ids_values_and_history() -> None:
    world = merged_world()
    before = world.state("item", with_ids=True)
    world.say("item", "erp", "1", day(2), description="A", status="active", gtin=gtin(1))
    world.say("item", "north", "a", day(2), description="B", gtin=gtin(1))
    world.run("item")
    world.say("item", "erp", "1", day(3), description="A", status="active").say(
        "item", "north", "a", day(3), description="B"
    )
    outcome = world.run("item")["item"]
    after = world.state("item", with_ids=True)
    assert (outcome.split, outcome.minted) == (1, 0)
    assert world.ledger.redirects("item") == {}
    for table in ("xref", "edge", "label"):
        assert after[table] == before[table], table
    # In the meantime both have stated a GTIN: the rule for it is no longer unused.
    assert {row[1] for row in after["finding"]} == {"unused_rule", "unlisted_record"}
    assert world.golden("item", "description", 1) == [(1, None, "A")]
    assert world.golden("item", "description", 2) == [(1, None, "B")]


def test_the_part_with_the_seed_keeps_the_id_and_the_other_gets_a_new_one() -> None:
    world = World().say("item", "erp", "1", gtin=gtin(1)).say("item", "north", "a", gtin=gtin(1))
    world.run("item")
    world.say("item", "erp", "1", day(2), gtin=gtin(2))
    world.run("item")
    assert world.ids("item") == {"erp/1": 1, "north/a": 2}


def test_a_record_that_arrives_later_joins_the_id_that_is_there() -> None:
    """Although its system is senior: ids are not renumbered."""
    world = World().say("item", "north", "a", day(1), gtin=gtin(1))
    world.run("item")
    world.say("item", "erp", "1", day(2), gtin=gtin(1))
    assert world.run("item")["item"].minted == 0
    assert world.ids("item") == {"erp/1": 1, "north/a": 1}
    assert world.ledger.ids["item"] == {("north", "a"): 1}


def test_a_rebuild_finds_the_same_ids() -> None:
    world = merged_world()
    world.say("item", "erp", "1", day(2), description="A", gtin=gtin(1)).say("item", "north", "a", day(2), gtin=gtin(1))
    world.say("item", "dc", "x", day(2), gtin=gtin(1), ndc="0002-7597-01")
    world.run("item")
    world.say("item", "dc", "x", day(3), ndc="0002-7597-01").say("item", "erp", "0", day(3), gtin=gtin(1))
    world.run("item")
    rebuilt = World(ledger=world.ledger)
    rebuilt.history = world.history
    rebuilt.run("item", points={"item": [day(1), day(2), day(3)]})
    assert rebuilt.state("item", with_ids=True) == world.state("item", with_ids=True)


def test_ids_minted_in_a_run_that_did_not_commit_are_used_by_the_next() -> None:
    world = World().say("item", "erp", "1", gtin=gtin(1))
    world.ledger.mint("item", [("erp", "1")])
    world.say("item", "cloud", "0", gtin=gtin(1))
    assert world.run("item")["item"].minted == 0
    assert world.ids("item") == {"cloud/0": 1, "erp/1": 1}


def test_no_op_runs_change_nothing_and_ask_the_ledger_for_nothing() -> None:
    world = merged_world()
    world.say("supplier", "erp", "V1", legal_name="Acme").say("location", "erp", "L1", name="Store", type="bin")
    mastered = list(world.run())
    before = {domain: world.state(domain, with_ids=True) for domain in mastered}
    world.ledger.calls.clear()
    for points in (None, {"item": [day(1)], "supplier": [day(1)], "location": [day(1)]}):
        outcomes = world.run(points=points)
        assert not any(outcome.changed for outcome in outcomes.values())
        assert world.touched() == {}
    assert {domain: world.state(domain, with_ids=True) for domain in mastered} == before
    assert world.ledger.calls == []


def test_labels_are_the_least_members() -> None:
    world = World().say("item", "north", "a", gtin=gtin(1)).say("item", "erp", "1", gtin=gtin(1))
    world.run("item")
    found = world.rows("SELECT sk, label FROM master.label WHERE domain = 'item' ORDER BY sk")
    assert found == [(-2, "UNRESOLVED"), (-1, "UNKNOWN"), (1, "erp|1")]


def test_changed_rules_are_applied_to_what_is_there() -> None:
    world = (
        World()
        .say("item", "erp", "1", gtin=gtin(1), ndc="0002-7597-01")
        .say("item", "north", "a", gtin=gtin(1), ndc="0002-7597-02")
    )
    world.run("item")
    assert len(world.groups("item")) == 2
    rules = DOMAINS["item"]
    lax = rules.identifiers | {"ndc": rules.identifiers["ndc"].model_copy(update={"veto": False})}
    world.rules = {"item": rules.model_copy(update={"identifiers": lax})}
    world.run("item")
    assert world.groups("item") == {group("erp/1", "north/a")}
    fresh = World(rules=world.rules)
    fresh.history = world.history
    fresh.run("item", points={"item": [day(1)]})
    assert fresh.state("item") == world.state("item")


@pytest.mark.parametrize("domain", ["location", "supplier"])
def test_the_other_domains_link_by_their_own_numbers(domain: str) -> None:
    shared = {"location": {"network_location_code": "NORTH"}, "supplier": {"network_supplier_no": "S-1"}}[domain]
    world = World().say(domain, "erp", "1", **shared).say(domain, "north", "2", **shared)
    world.run(domain)
    assert world.groups(domain) == {group("erp/1", "north/2")}


# -- what is gone without a trace -------------------------------------------------------------------------


@pytest.mark.parametrize("from_scratch", [False, True])
def test_a_record_that_vanishes_without_a_tombstone_leaves_nothing_behind(from_scratch: bool) -> None:
    """Its delivery is refused now, or its source supplies it no more: all is as though it had never been."""
    world = World()
    world.say("item", "north", "a", gtin="00036000291452", description="from north")
    world.say("item", "erp", "1", gtin="00036000291452").say("item", "south", "alone", day(5), description="alone")
    world.run("item")
    for key in (("north", "a"), ("south", "alone")):
        del world.history["item"][key]
    if from_scratch:
        world.systems = {**world.systems, "another": "inventory"}
    outcome = world.run("item", points={"item": [day(1)]})["item"]
    assert (outcome.vanished, outcome.changed) == (2, True)
    fresh = World(ledger=world.ledger, systems=world.systems).say("item", "erp", "1", gtin="00036000291452")
    fresh.run("item")
    assert world.state("item", with_ids=True) == fresh.state("item", with_ids=True)


def test_a_ledger_that_has_forgotten_ids_gives_none_away_twice() -> None:
    # The control database was restored from a backup that is older than the working database.
    world = World().say("item", "erp", "1", gtin=gtin(1)).say("item", "erp", "2", gtin=gtin(2))
    world.run("item")
    forgotten = world.ledger.ids["item"].pop(("erp", "2"))
    world.say("item", "dc", "3", day(2), gtin=gtin(3))
    with pytest.raises(LedgerBehind, match=f"has item {forgotten} for erp:2, and the ledger of ids has not"):
        world.run("item")
    world.con.rollback()
    world.ledger.ids["item"]["dc", "3"] = forgotten
    world.say("item", "dc", "4", day(3), gtin=gtin(4))
    with pytest.raises(LedgerBehind):
        world.run("item")
