"""Clusters under the decisions of people: what they made one is one record to the identifiers.

Here: the contraction of records before `mastering.clusters` joins them, and its undoing. A group that holds several
values of a veto, because a person says that it is one thing all the same, makes these values mean the same. Pure
functions over arrays. Not here: which decisions stand (`mastering.decisions`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mastering.clusters import Facts, Ints, Mask


@dataclass(frozen=True, slots=True)
class Judged:
    """`whole[i]`: least record of the group of record i. `apart`: records (left, right) that are not one.
    `alone`: records whose identifiers link nothing."""

    whole: Ints
    apart: Facts
    alone: Mask

    def also_apart(self, pairs: Facts) -> Judged:
        """With further pairs that are not one, except those that a person says are.

        Nor are those that follow from what the person answered: of a record that contradicts its own group, whoever
        does not contradict the member that it contradicts. The group would else be torn from what its members are.
        """
        free = self.whole[pairs.record] != self.whole[pairs.value]
        if not free.all():
            free &= ~_answered(pairs, ~free)
        record = np.concatenate([self.apart.record, pairs.record[free]])
        return replace(self, apart=Facts(record, np.concatenate([self.apart.value, pairs.value[free]])))


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


Link = Callable[[Sequence[Facts], Sequence[Facts], Facts | None, Facts], Ints]


def link_judged(
    link: Link,
    judged: Judged,
    levels: Sequence[Facts],
    vetoes: Sequence[Facts],
    silent: Sequence[bool],
    exclusive: Facts | None,
) -> Ints:
    """The cluster of each record (the least record in it), after `link(levels, vetoes, exclusive, apart)`.

    `silent`: per veto, whether its identifier links nothing. Two of its values in one group silence the group, where
    those of a linking one become equal: whoever else has them is linked to the group, so this stays within it.
    """
    whole = judged.whole
    heard = [_heard(level, whole, judged.alone) for level in levels]
    held = [
        _silenced(veto, whole) if is_silent else _equated(veto, whole)
        for veto, is_silent in zip(vetoes, silent, strict=True)
    ]
    once = None if exclusive is None else _unique(Facts(whole[exclusive.record], exclusive.value))
    apart = Facts(whole[judged.apart.record], whole[judged.apart.value])
    clusters: Ints = link(heard, held, once, apart)[whole]
    return clusters


def _heard(level: Facts, whole: Ints, alone: Mask) -> Facts:
    speaks = ~alone[level.record]
    return _unique(Facts(whole[level.record[speaks]], level.value[speaks]))


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
