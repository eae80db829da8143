"""Records that share identifiers become clusters: pure functions over arrays. No SQL, no names, no ids.

The identifiers decide in order, one level after the other. A level joins all clusters that share one of its values,
unless the joined cluster would hold two records that exclude each other. Then no value that is itself held by
such records joins anything, and what the others still join is joined where it is free of exclusions. A record that is
torn (one value is that of somebody it excludes, another one that of somebody who says something else on the level of
the first) is joined by none of its values: one of them is a mistake, and nothing says which. So the result depends
neither on the order of the records nor on what happened before, and a doubtful record stays alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Facts:
    """`record[i]` (0-based) has `value[i]` (0-based, dense)."""

    record: Ints
    value: Ints


@dataclass(frozen=True, slots=True)
class Exclusions:
    """What forbids a cluster. `vetoes`: it holds at most one value of each. `exclusive`: it holds each value at most
    once (value = source, of live records). `apart`: record and value are two records that are not one."""

    vetoes: Sequence[Facts] = ()
    exclusive: Facts | None = None
    apart: Facts | None = None


def link(
    count: int,
    levels: Sequence[Facts],
    vetoes: Sequence[Facts],
    exclusive: Facts | None,
    apart: Facts | None = None,
) -> Ints:
    """The cluster of each of `count` records: the least record in it.

    `levels`: identifying values, the deciding identifier first. The others are described in `Exclusions`.
    """
    excluded = Exclusions(vetoes, exclusive, apart)
    clusters = np.arange(count, dtype=np.int64)
    doubtful = torn(count, levels, vetoes)
    for level in (_without(one, doubtful) for one in levels):
        if level.record.size:
            clusters = _merge_level(clusters, level, excluded)
    return clusters


def torn(count: int, levels: Sequence[Facts], vetoes: Sequence[Facts]) -> Ints:
    """Records that one of their values puts beside somebody whom a veto excludes, and another one beside somebody who
    says something else on the level of the first: the GTIN of a look-alike, written to the item with its own number."""
    found: set[int] = set()
    for place, level in enumerate(levels):
        beside = _beside_excluded(count, level, vetoes)
        if beside.size:
            for other in (*levels[:place], *levels[place + 1 :]):
                found |= _disagreeing(beside, level, other)
    return np.array(sorted(found), dtype=np.int64)


def _beside_excluded(count: int, level: Facts, vetoes: Sequence[Facts]) -> Ints:
    """Records that share a value of the level with one that has another value of a veto."""
    if not level.record.size:
        return level.record
    found = [np.empty(0, dtype=np.int64)]
    values = int(level.value.max()) + 1
    holders = _matrix(level.value, level.record, (values, count))
    for veto in vetoes:
        if veto.record.size:
            several = _row_sizes(holders @ _matrix(veto.record, veto.value, (count, int(veto.value.max()) + 1))) > 1
            beside = level.record[several[level.value]]
            found.append(beside[np.isin(beside, veto.record)])
    return np.unique(np.concatenate(found))


def _disagreeing(records: Ints, level: Facts, other: Facts) -> set[int]:
    """Which of the records share a value of `other` with one who has values of `level`, none of them theirs."""
    mine = np.isin(other.record, records)
    peers = np.isin(other.value, other.value[mine])
    holders = _values_of(other.value[peers], other.record[peers])
    people = np.isin(level.record, other.record[peers])
    says = _values_of(level.record[people], level.value[people])
    return {
        record
        for record, value in zip(other.record[mine].tolist(), other.value[mine].tolist(), strict=True)
        if any(not says.get(peer, says[record]) & says[record] for peer in holders[value])
    }


def _values_of(keys: Ints, values: Ints) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for key, value in zip(keys.tolist(), values.tolist(), strict=True):
        found.setdefault(key, set()).add(value)
    return found


def _without(level: Facts, records: Ints) -> Facts:
    if not records.size:
        return level
    kept = ~np.isin(level.record, records)
    return Facts(level.record[kept], level.value[kept])


def _merge_level(clusters: Ints, level: Facts, excluded: Exclusions) -> Ints:
    groups = _joined(clusters, level)
    bad = _conflicted(groups, excluded)
    merged = _adopt(clusters, groups, ~bad[groups])
    if not bad.any():
        return merged
    doubtful = bad[groups[level.record]]
    rest = Facts(level.record[doubtful], level.value[doubtful])
    contested = _contested(clusters, rest, excluded)
    free = Facts(rest.record[~contested], rest.value[~contested])
    if not free.record.size:
        return merged
    again = _joined(clusters, free)
    still_bad = _conflicted(again, excluded)
    return _adopt(merged, again, bad[groups] & ~still_bad[again])


def _joined(clusters: Ints, level: Facts) -> Ints:
    """A group number per record: clusters connected through the values of the level."""
    count = clusters.size
    values = int(level.value.max()) + 1
    ones = np.ones(level.record.size, dtype=np.int8)
    graph: Any = coo_array((ones, (clusters[level.record], count + level.value)), shape=(count + values,) * 2)
    _, component = connected_components(graph, directed=False)
    groups: Ints = component[clusters].astype(np.int64)
    return groups


def _adopt(clusters: Ints, groups: Ints, where: Mask) -> Ints:
    """`groups` in place of `clusters` for the records of `where`, named by the least record of the group."""
    least = np.full(int(groups.max()) + 1, clusters.size, dtype=np.int64)
    np.minimum.at(least, groups, np.arange(clusters.size))
    return np.where(where, least[groups], clusters)


def _conflicted(groups: Ints, excluded: Exclusions) -> Mask:
    """Per group: does it hold two values of a veto, an exclusive value twice, or two records that are not one."""
    bad = np.zeros(int(groups.max()) + 1, dtype=np.bool_)
    for veto in excluded.vetoes:
        pairs = np.unique(np.stack([groups[veto.record], veto.value]), axis=1)
        held, times = np.unique(pairs[0], return_counts=True)
        bad[held[times > 1]] = True
    exclusive, apart = excluded.exclusive, excluded.apart
    if exclusive is not None and exclusive.record.size:
        pairs, times = np.unique(np.stack([groups[exclusive.record], exclusive.value]), axis=1, return_counts=True)
        bad[pairs[0][times > 1]] = True
    if apart is not None:
        left = groups[apart.record]
        bad[left[left == groups[apart.value]]] = True
    return bad


def _contested(clusters: Ints, level: Facts, excluded: Exclusions) -> Mask:
    """Per fact of the level: do the clusters that hold its value exclude each other."""
    count = int(level.value.max()) + 1
    bad = np.zeros(count, dtype=np.bool_)
    holders = _matrix(level.value, clusters[level.record], (count, clusters.size))
    for veto in excluded.vetoes:
        bad |= _row_sizes(holders @ _matrix(clusters[veto.record], veto.value, _shape(clusters, veto))) > 1
    exclusive, apart = excluded.exclusive, excluded.apart
    if exclusive is not None and exclusive.record.size:
        shape = _shape(clusters, exclusive)
        ones = np.ones(exclusive.record.size, dtype=np.int64)
        held: Any = coo_array((ones, (clusters[exclusive.record], exclusive.value)), shape=shape).tocsr()
        most = (holders @ held).max(axis=1).toarray().ravel()
        bad |= most > 1
    if apart is not None and apart.record.size:
        columns = holders.tocsc()
        both = columns[:, clusters[apart.record]].multiply(columns[:, clusters[apart.value]])
        bad |= _row_sizes(both.tocsr()) > 0
    return bad[level.value]


def _shape(clusters: Ints, facts: Facts) -> tuple[int, int]:
    return clusters.size, int(facts.value.max()) + 1 if facts.value.size else 1


def _matrix(rows: Ints, columns: Ints, shape: tuple[int, int]) -> Any:  # noqa: ANN401 - scipy is untyped
    """A sparse 0/1 matrix."""
    matrix = coo_array((np.ones(rows.size, dtype=np.int64), (rows, columns)), shape=shape).tocsr()
    matrix.data[:] = 1
    return matrix


def _row_sizes(matrix: Any) -> Ints:  # noqa: ANN401 - scipy is untyped
    """How many entries each row has."""
    sizes: Ints = np.diff(matrix.indptr).astype(np.int64)
    return sizes
