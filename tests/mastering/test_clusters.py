"""Joining records by shared values: never against an exclusion, whatever the order."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mastering.clusters import Facts, link

COUNT = 9


def facts(pairs: list[tuple[int, int]]) -> Facts:
    found = sorted(set(pairs))
    record = np.array([r for r, _ in found], dtype=np.int64)
    value = np.array([v for _, v in found], dtype=np.int64)
    return Facts(record, value)


def groups(clusters: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(clusters == c).tolist()) for c in set(clusters.tolist())}


def test_records_that_share_a_value_are_one_and_chains_hold() -> None:
    level = facts([(0, 0), (1, 0), (1, 1), (2, 1), (3, 2)])
    assert groups(link(4, [level], [], None)) == {frozenset({0, 1, 2}), frozenset({3})}


def test_a_value_shared_by_records_that_exclude_each_other_joins_nobody() -> None:
    """Record 2 has nothing that speaks for one side: it stays alone."""
    number = facts([(0, 0), (1, 0), (2, 0)])
    gtin = facts([(0, 0), (1, 1)])
    assert groups(link(3, [number], [gtin], None)) == {frozenset({0}), frozenset({1}), frozenset({2})}


def test_an_earlier_level_decides_before_a_contested_one() -> None:
    gtin = facts([(0, 0), (2, 0), (1, 1)])
    number = facts([(0, 0), (1, 0), (2, 0)])
    assert groups(link(3, [gtin, number], [gtin], None)) == {frozenset({0, 2}), frozenset({1})}


def test_a_contested_value_does_not_stop_the_others_of_its_level() -> None:
    number = facts([(0, 0), (1, 0), (1, 1), (2, 1)])
    gtin = facts([(0, 0), (1, 1)])
    assert groups(link(3, [number], [gtin], None)) == {frozenset({0}), frozenset({1, 2})}


def test_a_chain_that_ends_in_an_exclusion_joins_nobody() -> None:
    """0 - 1 by one value, 1 - 2 by another; 0 and 2 exclude each other, and nothing says where 1 belongs."""
    number = facts([(0, 0), (1, 0), (1, 1), (2, 1)])
    gtin = facts([(0, 0), (2, 1)])
    assert groups(link(3, [number], [gtin], None)) == {frozenset({0}), frozenset({1}), frozenset({2})}


def test_one_live_record_per_source() -> None:
    number = facts([(0, 0), (1, 0), (2, 1), (3, 1)])
    source = facts([(0, 0), (1, 0), (2, 0), (3, 1)])
    assert groups(link(4, [number], [], source)) == {frozenset({0}), frozenset({1}), frozenset({2, 3})}


PAIRS = st.lists(st.tuples(st.integers(0, COUNT - 1), st.integers(0, 4)), max_size=12)


def one_value_each(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    return list(dict(pairs).items())


@settings(max_examples=200, deadline=None)
@given(PAIRS, PAIRS, PAIRS, PAIRS, st.permutations(range(COUNT)))
def test_clusters_are_free_of_exclusions_and_of_order(
    first: list[tuple[int, int]],
    second: list[tuple[int, int]],
    veto: list[tuple[int, int]],
    source: list[tuple[int, int]],
    order: list[int],
) -> None:
    vetoes, sources = one_value_each(veto), one_value_each(source)
    made = groups(link(COUNT, [facts(first), facts(second)], [facts(vetoes)], facts(sources)))

    for members in made:
        assert len({value for record, value in vetoes if record in members}) <= 1
        held = [value for record, value in sources if record in members]
        assert len(held) == len(set(held))

    def moved(pairs: list[tuple[int, int]]) -> Facts:
        return facts([(order[record], value) for record, value in pairs])

    shuffled = groups(link(COUNT, [moved(first), moved(second)], [moved(vetoes)], moved(sources)))
    assert shuffled == {frozenset(order[record] for record in members) for members in made}


@settings(max_examples=100, deadline=None)
@given(PAIRS, PAIRS)
def test_without_exclusions_clusters_are_the_connected_components(
    first: list[tuple[int, int]], second: list[tuple[int, int]]
) -> None:
    made = groups(link(COUNT, [facts(first), facts(second)], [], None))
    everything = facts(first + [(record, value + 5) for record, value in second])
    assert made == groups(link(COUNT, [everything], [], None))
