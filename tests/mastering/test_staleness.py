"""Values that a source has not confirmed for longer than the rules allow are passed over, from that moment on."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mastering.rules import DomainRules
from mastering.staleness import Heard
from tests.mastering.world import DOMAINS, World, day

SAME = {"network_item_no": "N1"}


def limited(**more: object) -> dict[str, DomainRules]:
    """The item rules with a limit of two days on the status that the ERP says."""
    given = DOMAINS["item"].model_dump(by_alias=True)
    lists = {"status": [{"systems": ["legacy_erp"], "max_age_hours": 48}, {"systems": ["inventory"]}]}
    given["survivorship"] = {"attributes": lists | more}
    return {"item": DomainRules.model_validate(given)}


def told() -> World:
    """The ERP and a hospital say different things on the first day."""
    world = World(rules=limited()).say("item", "erp", "1", day(1), status="active", **SAME)
    return world.say("item", "north", "a", day(1), status="blocked", **SAME)


def test_a_value_counts_for_as_long_as_the_limit_and_no_longer() -> None:
    world = told().wait(day(9))
    world.run("item")
    assert world.golden("item", "status") == [(1, 3, "active"), (3, None, "blocked")]


def test_what_the_source_delivers_daily_does_not_go_stale() -> None:
    world = told().confirm("erp", *map(day, range(1, 20)))
    world.run("item")
    assert world.golden("item", "status") == [(1, None, "active")]


def test_a_value_is_stale_between_two_deliveries_that_are_too_far_apart() -> None:
    world = told().confirm("erp", day(2), day(8), day(9))
    world.run("item")
    assert world.golden("item", "status") == [(1, 4, "active"), (4, 8, "blocked"), (8, None, "active")]


def test_a_row_of_the_record_confirms_all_that_it_says() -> None:
    """Of a source that delivers changes: another value of the row changed, so the row was said again."""
    world = told().say("item", "erp", "1", day(2), status="active", description="edited", **SAME).wait(day(9))
    world.run("item")
    assert world.golden("item", "status") == [(1, 4, "active"), (4, None, "blocked")]


def test_it_goes_stale_at_a_later_sync_although_nothing_changed() -> None:
    world = told()
    world.run("item")
    assert world.golden("item", "status") == [(1, None, "active")]
    world.wait(day(4))
    assert world.run("item")["item"].changed_golden == 1
    assert world.golden("item", "status") == [(1, 3, "active"), (3, None, "blocked")]
    world.run("item")
    assert world.touched() == {}


def test_and_comes_back_with_the_next_delivery_although_nothing_changed() -> None:
    world = told().wait(day(9))
    world.run("item")
    world.confirm("erp", day(8))
    world.run("item")
    assert world.golden("item", "status") == [(1, 3, "active"), (3, 8, "blocked"), (8, None, "active")]


def test_only_records_whose_limit_passed_are_looked_at_again() -> None:
    world = World(rules=limited())
    for number in range(1, 6):
        world.say("item", "erp", str(number), day(number), status="active", network_item_no=f"N{number}")
    world.run("item")
    world.wait(day(6))
    world.run("item")
    stale = world.rows("SELECT winner_key FROM master.survivorship_log WHERE _change_seq = 2 AND attribute = 'status'")
    assert {row[0] for row in stale} == {"4"}


def test_a_delivery_that_confirms_everything_has_nothing_looked_at() -> None:
    world = told().confirm("erp", day(1), day(2))
    world.run("item")
    for number in range(3, 12):
        world.confirm("erp", day(number))
        assert world.run("item")["item"].reached == 0
        assert world.rows("SELECT change_seq FROM master.state") == [(1,)]


def test_what_every_source_has_deleted_does_not_age_any_more() -> None:
    rules = limited(description=[{"systems": ["legacy_erp"], "max_age_hours": 48}])
    world = World(rules=rules).say("item", "erp", "1", day(1), description="Glove", **SAME)
    world.delete("item", "erp", "1", day(2)).wait(day(9))
    world.run("item")
    log = world.rows("SELECT valid_to, rule FROM master.survivorship_log WHERE attribute = 'description'")
    assert log == [(None, "system of record 1: legacy_erp")]


def test_without_limits_nobody_is_asked_and_nothing_is_kept() -> None:
    world = World(rules={"item": DOMAINS["item"]}).say("item", "erp", "1", status="active", **SAME)
    world.hear = _refuse
    world.run("item")
    assert world.rows("SELECT count(*) FROM master.limit_due") == [(0,)]
    assert world.rows("SELECT count(*) FROM master.heard") == [(0,)]


def _refuse() -> Heard:
    raise AssertionError("nobody needs to know what was confirmed")


# -- whatever the order ----------------------------------------------------------------------------------

_GIVEN = DOMAINS["cost_centre"].model_dump(by_alias=True)
_GIVEN["survivorship"] = {
    "attributes": {
        "status": [
            {"systems": ["legacy_finance"], "max_age_hours": 48},
            {"systems": ["cloud_finance"], "max_age_hours": 72},
        ]
    }
}
LEDGERS = {"old": "legacy_finance", "new": "cloud_finance"}


@dataclass(frozen=True)
class Said:
    """A ledger says a status of a cost centre from a day on, or deletes it."""

    source: str
    key: str
    on: int
    status: str | None
    gone: bool


SAID = st.lists(
    st.builds(
        Said,
        source=st.sampled_from(["old", "new"]),
        key=st.sampled_from(["1", "2"]),
        on=st.integers(1, 12),
        status=st.sampled_from([None, "active", "inactive"]),
        gone=st.sampled_from([False, False, False, True]),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda one: (one.source, one.key, one.on),
)
CONFIRMED = st.lists(st.tuples(st.sampled_from(["old", "new"]), st.integers(1, 14)), max_size=6, unique=True)


def ledgers() -> World:
    return World(rules={"cost_centre": DomainRules.model_validate(_GIVEN)}, systems=LEDGERS)


def tell(world: World, step: Said | tuple[str, int]) -> None:
    if isinstance(step, tuple):
        world.confirm(step[0], day(step[1]))
    elif step.gone:
        world.delete("cost_centre", step.source, step.key, day(step.on))
    else:
        number = f"C-{step.key}00"
        world.say("cost_centre", step.source, step.key, day(step.on), status=step.status, network_cost_centre_no=number)


def check_any_order(steps: list[Said | tuple[str, int]], data: st.DataObject) -> None:
    """In any order and any batches, against all at once: a rebuild."""
    whole, parts = ledgers(), ledgers()
    for step in steps:
        tell(whole, step)
    whole.run("cost_centre")
    for step in data.draw(st.permutations(steps)):
        tell(parts, step)
        if data.draw(st.booleans()):
            parts.run("cost_centre")
    parts.run("cost_centre")
    assert parts.state("cost_centre") == whole.state("cost_centre")
    parts.run("cost_centre")
    assert parts.touched() == {}


@settings(max_examples=5, deadline=None)
@given(SAID, CONFIRMED, st.data())
def test_in_any_order_and_in_any_batches_the_outcome_is_the_same(
    said: list[Said], confirmed: list[tuple[str, int]], data: st.DataObject
) -> None:
    check_any_order([*said, *confirmed], data)


@pytest.mark.heavy
@pytest.mark.timeout(1800)
@settings(max_examples=200, deadline=None)
@given(SAID, CONFIRMED, st.data())
def test_in_any_order_and_in_any_batches_at_length(
    said: list[Said], confirmed: list[tuple[str, int]], data: st.DataObject
) -> None:
    check_any_order([*said, *confirmed], data)
