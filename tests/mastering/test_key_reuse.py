"""A key that its source uses for another thing is asked about; a correction, a return or a new wording is not."""

from __future__ import annotations

import json

import pytest

from mastering.rules import DomainRules
from tests.mastering.world import DOMAINS, World, day, gtin

GAUZE = {"description": "GAUZE SPONGE 4X4", "mfr_name": "Acme Medical", "mfr_part_no": "AC-100", "gtin": gtin(1)}
CATHETER = {"description": "Foley catheter 16 FR", "mfr_name": "Quill", "mfr_part_no": "77021", "gtin": gtin(2)}


def _queue(world: World) -> list[tuple[object, ...]]:
    query = "SELECT kind, left_source, left_key, left_sk, reason, evidence FROM master.review WHERE kind = 'key_reused'"
    return world.rows(query)


def test_a_key_that_means_another_thing_is_a_case_with_both_sides() -> None:
    world = World().say("item", "erp", "1", **GAUZE).say("item", "erp", "1", day(5), **CATHETER)
    world.run("item")
    [(kind, source, key, sk, reason, evidence)] = _queue(world)
    assert (kind, source, key, sk) == ("key_reused", "erp", "1", 1)
    assert reason == (
        "description, gtin, mfr_name, mfr_part_no became others at once on 2026-01-05:"
        " another thing under the same key?"
    )
    sides = {row["attribute"]: (row["left"], row["right"]) for row in json.loads(str(evidence))["sides"]}
    assert sides == {name: (GAUZE[name], CATHETER[name]) for name in GAUZE}
    assert [found[0] for found in world.findings("key_reused")] == ["erp|1"]


@pytest.mark.parametrize(
    "now",
    [
        GAUZE | {"gtin": gtin(2)},
        GAUZE | {"gtin": gtin(2), "mfr_part_no": "77021"},
        # Worded and numbered anew by another system.
        GAUZE | {"description": "Gauze sponge, 4 x 4 in", "mfr_name": "ACME MEDICAL INC", "mfr_part_no": "AC100"},
        {"description": "Foley catheter 16 FR", "mfr_name": "Quill", "network_item_no": "N7"},
    ],
)
def test_corrections_are_not_asked_about(now: dict[str, str]) -> None:
    world = World().say("item", "erp", "1", **GAUZE).say("item", "erp", "1", day(5), **now)
    world.run("item")
    assert _queue(world) == []


def test_changes_one_after_the_other_are_not_asked_about() -> None:
    world = World().say("item", "erp", "1", **GAUZE)
    said = dict(GAUZE)
    for number, name in enumerate(CATHETER, start=2):
        said[name] = CATHETER[name]
        world.say("item", "erp", "1", day(number), **said)
    world.run("item")
    assert _queue(world) == []


def test_a_mistake_that_was_taken_back_is_not_asked_about() -> None:
    world = World().say("item", "erp", "1", **GAUZE).say("item", "erp", "1", day(5), **CATHETER)
    world.run("item")
    assert len(_queue(world)) == 1
    world.say("item", "erp", "1", day(6), **GAUZE).run("item")
    assert _queue(world) == []


def test_a_key_that_was_deleted_and_came_back_as_another_thing_is_asked_about() -> None:
    world = World().say("item", "erp", "1", **GAUZE).delete("item", "erp", "1", day(4))
    world.say("item", "erp", "1", day(9), **CATHETER).run("item")
    assert [str(row[4]).split(": ")[0] for row in _queue(world)] == [
        "description, gtin, mfr_name, mfr_part_no became others at once on 2026-01-09"
    ]


def test_days_in_any_batches_give_the_same_cases() -> None:
    at_once = World().say("item", "erp", "1", **GAUZE).say("item", "erp", "1", day(5), **CATHETER)
    at_once.run("item")
    late = World().say("item", "erp", "1", day(5), **CATHETER)
    late.run("item")
    late.say("item", "erp", "1", day(1), **GAUZE).run("item")
    assert _queue(late) == _queue(at_once)


def test_an_accepted_renaming_is_closed_and_the_next_one_is_asked_about_again() -> None:
    world = World().say("item", "erp", "1", **GAUZE).say("item", "erp", "1", day(5), **CATHETER)
    world.run("item")
    [(case, reason)] = world.rows("SELECT case_id, reason FROM master.review WHERE kind = 'key_reused'")
    decision = world.decide("item", "acknowledge", "erp/1", case=case, value=reason)
    world.run("item")
    assert (_queue(world), world.findings("key_reused")) == ([], [])
    other = {"description": "Suture absorbable", "mfr_name": "Zenith", "mfr_part_no": "Q/9", "gtin": gtin(3)}
    world.say("item", "erp", "1", day(20), **other).run("item")
    assert len(_queue(world)) == 1
    world.undo("item", decision)
    world.run("item")
    assert len(_queue(world)) == 2


def test_a_vendor_that_is_another_company_and_a_hospital_that_only_moved() -> None:
    world = World().say("supplier", "erp", "V1", legal_name="Acme Inc", duns="804735132")
    world.say("supplier", "erp", "V1", day(5), legal_name="Quarry Surgical Corp", duns="150483782")
    world.say("location", "erp", "L1", name="St Mary", address_line="1 Elm Street", phone="2125550100")
    world.say("location", "erp", "L1", day(5), name="St Mary", address_line="77 Oak Rd", phone="7185550199")
    world.run("supplier", "location")
    assert [row[:3] for row in _queue(world)] == [("key_reused", "erp", "V1")]


def test_a_rule_that_nothing_can_meet_is_refused() -> None:
    given = DOMAINS["item"].model_dump(by_alias=True)
    given["identity"] |= {"key_reuse": {"attributes": ["description", "gtin"], "at_least": 3}}
    with pytest.raises(ValueError, match="at_least is more than there are attributes"):
        DomainRules.model_validate(given)
    given["identity"] |= {"key_reuse": {"attributes": ["description", "colour"], "at_least": 2}}
    with pytest.raises(ValueError, match="colour is not known"):
        DomainRules.model_validate(given)
