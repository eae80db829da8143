"""What must hold of any history: order does not matter, incremental is full, nothing is renumbered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mastering.rules import DomainRules
from tests.mastering.world import DOMAINS, World, day, gtin

#: The item rules with limits that small histories reach.
_GIVEN = DOMAINS["item"].model_dump(by_alias=True)
_GIVEN["identifiers"]["gtin"] |= {"max_per_source": 1, "max_fanout": 3}
_GIVEN["identifiers"].pop("supplier_part")
SMALL = {"item": DomainRules.model_validate(_GIVEN)}


@dataclass(frozen=True)
class Event:
    """A source says something of a record from a day on, or deletes it."""

    source: str
    key: str
    on: int
    gone: bool
    text: str | None
    gtin: int | None
    number: str | None


EVENTS = st.lists(
    st.builds(
        Event,
        source=st.sampled_from(["erp", "north", "south", "edi_hub"]),
        key=st.sampled_from(["1", "2"]),
        on=st.integers(1, 5),
        gone=st.sampled_from([False, False, False, True]),
        text=st.sampled_from([None, "a", "b"]),
        gtin=st.sampled_from([None, 1, 2]),
        number=st.sampled_from([None, "N1", "N2"]),
    ),
    min_size=1,
    max_size=10,
    unique_by=lambda event: (event.source, event.key, event.on),
)


def tell(world: World, event: Event) -> None:
    if event.gone:
        world.delete("item", event.source, event.key, day(event.on))
        return
    world.say(
        "item",
        event.source,
        event.key,
        day(event.on),
        description=event.text,
        gtin=None if event.gtin is None else gtin(event.gtin),
        network_item_no=event.number,
    )


def at_once(events: Sequence[Event]) -> World:
    world = World(rules=SMALL)
    for event in events:
        tell(world, event)
    world.run("item")
    return world


def check_any_order(events: list[Event], data: st.DataObject) -> None:
    """Any order, any batches, against all at once; then a rebuild with the same ledger."""
    whole = at_once(events)
    parts = World(rules=SMALL)
    for event in data.draw(st.permutations(events)):
        tell(parts, event)
        if data.draw(st.booleans()):
            parts.run("item")
    parts.run("item")
    assert parts.state("item") == whole.state("item")

    rebuilt = World(rules=SMALL, ledger=parts.ledger)
    rebuilt.history, rebuilt.pending = parts.history, {"item": {day(event.on) for event in events}}
    rebuilt.run("item")
    assert rebuilt.state("item", with_ids=True) == parts.state("item", with_ids=True)


@settings(max_examples=5, deadline=None)
@given(EVENTS, st.data())
def test_in_any_order_and_in_any_batches_the_outcome_is_the_same(events: list[Event], data: st.DataObject) -> None:
    """Late deliveries included: a batch may hold what happened before all that is known."""
    check_any_order(events, data)


@pytest.mark.heavy
@pytest.mark.timeout(1800)
@settings(max_examples=200, deadline=None)
@given(EVENTS, st.data())
def test_in_any_order_and_in_any_batches_at_length(events: list[Event], data: st.DataObject) -> None:
    check_any_order(events, data)


@settings(max_examples=5, deadline=None)
@given(EVENTS, EVENTS)
def test_a_change_taken_back_leaves_no_trace_in_ids(first: list[Event], second: list[Event]) -> None:
    """Whatever merges or parts in between: the same evidence gives the same ids again, and none is minted twice."""
    world = World(rules=SMALL)
    for event in first:
        tell(world, event)
    world.run("item")
    before = world.state("item", with_ids=True)
    kept = {key: dict(versions) for key, versions in world.history["item"].items()}
    for event in second:
        if (event.source, event.key) in kept:
            tell(world, event)
    world.run("item")
    world.history["item"] = kept
    world.run("item", points={"item": [day(event.on) for event in (*first, *second)]})
    assert world.state("item", with_ids=True) == before
    minted = world.ledger.ids.get("item", {})
    assert sorted(minted.values()) == list(range(1, len(minted) + 1))


@settings(max_examples=5, deadline=None)
@given(EVENTS)
def test_a_no_op_run_changes_nothing_and_golden_records_never_mix_gtins(events: list[Event]) -> None:
    world = at_once(events)
    world.run("item", points={"item": [day(event.on) for event in events]})
    assert world.touched() == {}
    mixed = world.rows(
        "SELECT x.item_sk FROM master.evidence AS e INNER JOIN master.xref_item AS x USING (source_system, source_key)"
        " WHERE e.identifier = 'gtin' AND e.fault IS NULL AND NOT e.is_poisoned AND x.item_sk > 0"
        " GROUP BY x.item_sk HAVING count(DISTINCT e.value) > 1"
    )
    assert mixed == []
    everybody = world.rows("SELECT count(*) FROM (SELECT DISTINCT source_system, source_key FROM master.record)")
    assert world.rows("SELECT count(*) FROM master.xref_item") == everybody
