"""Clusters under the decisions of people: what they made one is one record to the identifiers.

Who says that two records are one says it of what they are: so their group takes along what each of them would be one
with, had nobody said anything, unless a person keeps some of these apart. A group that holds several values of a veto,
because a person says that it is one thing all the same, makes these values mean the same. A torn record
(`mastering.clusters`) that a person placed is where he placed it; what it says of itself joins and parts nobody.
Here: the contraction of records before `mastering.clusters` joins them, and its undoing. Pure functions over arrays.
Not here: which decisions stand (`mastering.decisions`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mastering.clusters import Facts, Ints, Mask, torn


@dataclass(frozen=True, slots=True)
class Judged:
    """`whole[i]`: least record of the group of record i. `apart`: records (left, right) that are not one.
    `alone`: records whose identifiers link nothing. `unlike`: pairs that contradict each other, as nobody said."""

    whole: Ints
    apart: Facts
    alone: Mask
    unlike: Facts


@dataclass(frozen=True, slots=True)
class Linked:
    """`clusters[i]`: the least record of the cluster of record i. `vetoes`, `exclusive`: what clusters hold, with the
    values that decisions made equal. `apart`: records that are not one. `torn`: records of which one value is a
    mistake; `placed`: those of them that a person placed."""

    clusters: Ints
    vetoes: Sequence[Facts]
    exclusive: Facts | None
    apart: Facts
    torn: Ints
    placed: Ints


Link = Callable[[Sequence[Facts], Sequence[Facts], Facts | None, Facts], Ints]


def link_judged(
    link: Link,
    judged: Judged,
    levels: Sequence[Facts],
    vetoes: Sequence[Facts],
    silent: Sequence[bool],
    exclusive: Facts | None,
) -> Linked:
    """The clusters after `link(levels, vetoes, exclusive, apart)`.

    `silent`: per veto, whether its identifier links nothing. Two of its values in one group silence the group, where
    those of a linking one become equal: whoever else has them is linked to the group, so this stays within it.
    """
    count = judged.whole.size
    levels = [_without(level, judged.alone) for level in levels]
    doubtful = torn(count, levels, vetoes)
    apart = _both(judged.apart, judged.unlike)
    base = link(levels, vetoes, exclusive, apart)
    grouped = _grouped(judged.whole)
    if not grouped.any():
        return Linked(base, vetoes, exclusive, apart, doubtful, doubtful[:0])
    whole = _widened(judged.whole, base, grouped, judged.apart)
    mute = np.zeros(count, dtype=np.bool_)
    mute[doubtful[grouped[doubtful]]] = True
    heard = [_unique(_of_groups(_without(level, mute), whole)) for level in levels]
    spoken = [_without(veto, mute) for veto in vetoes]
    held = [
        _silenced(veto, whole) if is_silent else _equated(veto, whole)
        for veto, is_silent in zip(spoken, silent, strict=True)
    ]
    once = None if exclusive is None else _unique(_of_groups(exclusive, whole))
    kept = _both(judged.apart, _unanswered(judged.unlike, whole))
    apart = Facts(whole[kept.record], whole[kept.value])
    clusters: Ints = link(heard, held, once, apart)[whole]
    return Linked(clusters, held, once, apart, doubtful, np.flatnonzero(mute))


def _grouped(whole: Ints) -> Mask:
    """Records of groups of more than one."""
    times: Ints = np.bincount(whole, minlength=whole.size)
    grouped: Mask = times[whole] > 1
    return grouped


def _widened(whole: Ints, base: Ints, grouped: Mask, apart: Facts) -> Ints:
    """Groups with what their members would be one with. Where a person keeps two of these apart, the groups as said."""
    taken = grouped | np.isin(base, base[grouped])
    records = np.arange(whole.size)
    ends = np.concatenate([whole, np.where(taken, base, records)])
    ones = np.ones(ends.size, dtype=np.int8)
    graph: Any = coo_array((ones, (np.concatenate([records, records]), ends)), shape=(whole.size,) * 2)
    _, component = connected_components(graph, directed=False)
    least = np.full(whole.size, whole.size, dtype=np.int64)
    np.minimum.at(least, component, records)
    wide = least[component]
    torn_apart = wide[apart.record[wide[apart.record] == wide[apart.value]]]
    return np.where(np.isin(wide, torn_apart), whole, wide)


def _unanswered(pairs: Facts, whole: Ints) -> Facts:
    """Pairs that contradict each other, without those that a person answered: of one group, and of a record that
    contradicts its own group those whom the member that it contradicts does not contradict."""
    within = whole[pairs.record] == whole[pairs.value]
    free = ~within
    if within.any():
        free &= ~_answered(pairs, within)
    return Facts(pairs.record[free], pairs.value[free])


def _answered(pairs: Facts, within: Mask) -> Mask:
    """Per pair: whether one of its records contradicts a member of its group (`within`) whom the other does not."""
    ends = list(zip(pairs.record.tolist(), pairs.value.tolist(), strict=True))
    told = {*ends, *((other, one) for one, other in ends)}
    odd: dict[int, set[int]] = {}
    for (one, other), is_within in zip(ends, within.tolist(), strict=True):
        if is_within:
            odd.setdefault(one, set()).add(other)
            odd.setdefault(other, set()).add(one)
    return np.array(
        [
            any((peer, other) not in told for peer in odd.get(one, ()))
            or any((peer, one) not in told for peer in odd.get(other, ()))
            for one, other in ends
        ],
        dtype=np.bool_,
    )


def _without(facts: Facts, records: Mask) -> Facts:
    """Facts but those of the records."""
    kept = ~records[facts.record]
    return Facts(facts.record[kept], facts.value[kept])


def _of_groups(facts: Facts, whole: Ints) -> Facts:
    """Facts of records as facts of their groups."""
    return Facts(whole[facts.record], facts.value)


def _both(one: Facts, other: Facts) -> Facts:
    return Facts(np.concatenate([one.record, other.record]), np.concatenate([one.value, other.value]))


def _unique(facts: Facts) -> Facts:
    pairs = np.unique(np.stack([facts.record, facts.value]), axis=1)
    return Facts(pairs[0], pairs[1])


def _equated(veto: Facts, whole: Ints) -> Facts:
    """Values that one group holds together count as one."""
    if not veto.record.size:
        return veto
    holders, held = whole[veto.record], veto.value
    grouped = np.isin(holders, _several(holders, held))
    count = int(held.max()) + 1
    ones = np.ones(int(grouped.sum()), dtype=np.int8)
    graph: Any = coo_array((ones, (held[grouped], count + holders[grouped])), shape=(count + whole.size,) * 2)
    _, component = connected_components(graph, directed=False)
    # Dense again, and free of groups that hold no value.
    _, meant = np.unique(component[:count], return_inverse=True)
    return _unique(Facts(holders, meant.astype(np.int64)[held]))


def _silenced(veto: Facts, whole: Ints) -> Facts:
    """A group that holds several values holds none."""
    holders = whole[veto.record]
    stays = ~np.isin(holders, _several(holders, veto.value))
    return _unique(Facts(holders[stays], veto.value[stays]))


def _several(holders: Ints, held: Ints) -> Ints:
    """Holders of more than one value."""
    pairs = np.unique(np.stack([holders, held]), axis=1)
    found, times = np.unique(pairs[0], return_counts=True)
    several: Ints = found[times > 1]
    return several
