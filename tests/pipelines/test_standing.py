"""What is decided already, and what newer decisions have set aside."""

from __future__ import annotations

from assets.decided import proposal, ruling_of
from mastering.decisions import Ruling
from pipelines.standing import Gist, gist, set_aside
from store.control import Decision
from tests.mastering.world import day


def made(number: int, kind: str, left: str, right: str | None = None, **more: str) -> Decision:
    ends = [(*text.split("/"),) if text else None for text in (left, right)]
    ruling = Ruling(number, day(number), "kim", kind, "why", *ends, **more)  # type: ignore[arg-type]
    written = proposal("item", ruling)
    return Decision(number, day(number), "kim", "item", kind, written.payload, "why", None, "", "")


def aside(standing: list[Decision], number: int, ids: dict[tuple[str, str], int] | None = None) -> bool:
    """Whether decision `number` would have another effect if it were said again."""
    again = next(ruling_of(one) for one in standing if one.id == number)
    found: set[Gist] = set_aside([("item", again)], standing, lambda _, key: (ids or {}).get(key))
    return gist("item", again) in found


def test_a_decision_that_stands_is_decided_already() -> None:
    standing = [made(1, "same", "a/1", "b/1"), made(2, "same", "b/1", "c/1"), made(3, "different", "a/1", "d/1")]
    assert [aside(standing, number) for number in (1, 2, 3)] == [False, False, False]


def test_a_pair_that_was_rejected_since_is_not() -> None:
    assert aside([made(1, "same", "a/1", "b/1"), made(2, "different", "b/1", "a/1")], 1)


def test_a_record_that_was_given_a_place_since_may_be_split_again() -> None:
    assert aside([made(1, "split", "a/1"), made(2, "same", "a/1", "b/1")], 1)


def test_of_two_overrides_the_older_one_is_said_anew_also_under_another_key_of_the_golden_record() -> None:
    first = made(1, "override", "a/1", attribute="description", value="X")
    standing = [first, made(2, "override", "b/1", attribute="description", value="Y")]
    assert aside(standing, 1, {("a", "1"): 7, ("b", "1"): 7})
    assert not aside(standing, 1, {("a", "1"): 7, ("b", "1"): 8})
    assert not aside([first, made(2, "override", "a/1", attribute="status", value="Y")], 1)
