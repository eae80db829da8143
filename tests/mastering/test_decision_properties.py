"""Golden data is a function of what sources said and what people decided, whatever came first."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mastering.test_properties import EVENTS, SMALL, Event, tell
from tests.mastering.world import World, day

KEYS = ["erp/1", "erp/2", "north/1", "south/1", "south/2", "edi_hub/1"]


@dataclass(frozen=True)
class Decided:
    """What somebody decides; `undoes`: the so-manieth decision in force is taken back in its stead."""

    kind: str
    left: str
    right: str
    undoes: int | None


DECISIONS = st.builds(
    Decided,
    kind=st.sampled_from(["same", "same", "different", "split", "override", "rekey"]),
    left=st.sampled_from(KEYS),
    right=st.sampled_from(KEYS),
    undoes=st.sampled_from([None, None, None, 0, 1]),
)


def decide(world: World, one: Decided) -> None:
    known = world.rulings.get("item", [])
    if one.undoes is not None and one.undoes < len(known):
        known.pop(one.undoes)
    elif one.kind == "override":
        world.decide("item", "override", one.left, on=3, attribute="description", value=f"says {one.right}")
    elif one.kind == "split":
        world.decide("item", "split", one.left)
    elif one.left != one.right and (one.kind != "rekey" or one.left[0] == one.right[0]):
        world.decide("item", one.kind, one.left, one.right)


def rebuilt(world: World) -> World:
    """The working database made anew from the same sources, decisions and ledger."""
    fresh = World(rules=SMALL, ledger=world.ledger, rulings=world.rulings)
    fresh.history = world.history
    points = sorted({at for versions in world.history["item"].values() for at in versions})
    fresh.run("item", points={"item": points})
    return fresh


@settings(max_examples=8, deadline=None)
@given(events=EVENTS, decisions=st.lists(DECISIONS, min_size=1, max_size=5), data=st.data())
def test_any_interleaving_gives_the_state_of_a_rebuild(
    events: list[Event], decisions: list[Decided], data: st.DataObject
) -> None:
    steps: list[Event | Decided] = data.draw(st.permutations([*events, *decisions]))
    world = World(rules=SMALL)
    for number, step in enumerate(steps):
        tell(world, step) if isinstance(step, Event) else decide(world, step)
        if number % 3 == 0:
            world.run("item")
    world.run("item")
    fresh = rebuilt(world)
    assert world.state("item", with_ids=True) == fresh.state("item", with_ids=True)
    query = "SELECT * EXCLUDE (_change_seq) FROM master.review ORDER BY ALL"
    assert world.rows(query) == fresh.rows(query)
    assert not world.run("item")["item"].changed
    assert world.touched() == {}


@settings(max_examples=5, deadline=None)
@given(events=EVENTS, decisions=st.lists(DECISIONS, min_size=1, max_size=4))
def test_taking_every_decision_back_leaves_no_trace(events: list[Event], decisions: list[Decided]) -> None:
    world = World(rules=SMALL)
    for event in events:
        tell(world, event)
    world.run("item")
    before = world.state("item", with_ids=True)
    for one in decisions:
        decide(world, one)
        world.run("item")
    world.rulings.clear()
    world.run("item")
    assert world.state("item", with_ids=True) == before


def test_decisions_on_nothing_at_all_are_kept_until_there_is_something() -> None:
    world = World(rules=SMALL)
    world.decide("item", "same", "erp/1", "north/a")
    world.run("item")
    assert [key for key, _ in world.findings("orphaned_decision")] == ["decision 1"]
    world.say("item", "erp", "1", day(1)).say("item", "north", "a", day(1))
    world.run("item")
    assert world.findings("orphaned_decision") == []
    assert len(world.groups("item")) == 1
