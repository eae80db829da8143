"""What scores decide: same, different or ask, and the clusters that follow. Pure functions over arrays.

Best pairs first. A pair joins two groups where it reaches `same`, no rival of either side comes nearer than the
margin, nothing speaks against any two of the joined records, and at least half of the pairs between the two groups
would be asked about at least: one weak link joins nobody. Everything else that reaches `ask` is asked. So the
outcome depends on the pairs alone, not on when they came. Not here: where scores come from
(`mastering.matching.pairs`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mastering.clusters import Facts
from mastering.rules import Matching

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
#: Above this many cells a one-to-one assignment is found best-first instead of optimally.
_CELLS = 25_000_000


@dataclass(frozen=True, slots=True)
class Pairs:
    """`left[i]` and `right[i]` (0-based records) have `score[i]`; `vetoed[i]`: what speaks against them, or None."""

    left: Ints
    right: Ints
    score: Floats
    vetoed: Sequence[str | None]


@dataclass(frozen=True, slots=True)
class Guards:
    """A cluster holds at most one value of each of `vetoes`, and each value of `exclusive` (its source) once.

    `apart`: pairs of records that are never the same, whatever the score (a person said so).
    """

    vetoes: Sequence[Facts] = ()
    exclusive: Facts | None = None
    apart: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """`clusters`: the cluster of each record, named by its least record. `verdict[i]` (same, different, ask) and
    `reason[i]` of each pair."""

    clusters: Ints
    verdict: list[str]
    reason: list[str]


@dataclass(slots=True)
class _Board:
    """Groups as they grow, and what is known between the clusters that they began as."""

    score: dict[tuple[int, int], float]
    barred: set[tuple[int, int]]
    near: Mapping[int, list[tuple[int, float]]]
    parent: dict[int, int] = field(default_factory=dict)
    members: dict[int, list[int]] = field(default_factory=dict)
    held: dict[int, dict[int, set[int]]] = field(default_factory=dict)
    sources: dict[int, set[int]] = field(default_factory=dict)

    def root(self, cluster: int) -> int:
        while (above := self.parent.get(cluster, cluster)) != cluster:
            cluster = above
        return cluster


def judge(base: Ints, pairs: Pairs, guards: Guards, matching: Matching, source: Ints | None = None) -> Judged:
    """Judge all pairs at once.

    `base`: the cluster (its least record) of each record before matching. `source`: the source of each record, where
    sources have no duplicates (one-to-one): then the best assignment between two sources decides instead of the margin.
    """
    board = _board(base, pairs, guards, matching)
    chosen = _one_to_one(board, pairs, base, source, matching) if source is not None else None
    why = _join_best_first(board, matching, chosen)
    clusters = _name(base, board)
    verdicts = [_verdict(board, base, pairs, at, matching, why, clusters) for at in range(pairs.left.size)]
    return Judged(clusters, [one[0] for one in verdicts], [one[1] for one in verdicts])


def _key(a: int, b: int) -> tuple[int, int]:
    return (a, b) if a < b else (b, a)


def _board(base: Ints, pairs: Pairs, guards: Guards, matching: Matching) -> _Board:
    score: dict[tuple[int, int], float] = {}
    barred = {_key(int(base[a]), int(base[b])) for a, b in guards.apart}
    left, right = base[pairs.left].tolist(), base[pairs.right].tolist()
    for a, b, points, veto in zip(left, right, pairs.score.tolist(), pairs.vetoed, strict=True):
        if a == b:
            continue
        key = _key(a, b)
        if veto is not None:
            barred.add(key)
        elif points > score.get(key, -1e9):
            score[key] = points
    near: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for (a, b), points in score.items():
        near[a].append((b, points))
        near[b].append((a, points))
    board = _Board(score, barred, near)
    _hold(board, base, guards)
    return board


def _hold(board: _Board, base: Ints, guards: Guards) -> None:
    """Note the veto values and sources of the clusters that have pairs."""
    for number, veto in enumerate(guards.vetoes):
        for cluster, value in zip(base[veto.record].tolist(), veto.value.tolist(), strict=True):
            if cluster in board.near:
                board.held.setdefault(cluster, {}).setdefault(number, set()).add(value)
    if guards.exclusive is not None:
        one = guards.exclusive
        for cluster, value in zip(base[one.record].tolist(), one.value.tolist(), strict=True):
            board.sources.setdefault(cluster, set()).add(value)


# -- joining ---------------------------------------------------------------------------------------------


def _join_best_first(
    board: _Board, matching: Matching, chosen: set[tuple[int, int]] | None
) -> dict[tuple[int, int], str]:
    """Join groups in the order of their best pairs; why the others were not joined."""
    least = matching.same if chosen is None else matching.same_one_to_one
    due = sorted(
        ((key, points) for key, points in board.score.items() if points >= least), key=lambda one: (-one[1], one[0])
    )
    while True:
        why: dict[tuple[int, int], str] = {}
        joined = 0
        for key, points in due:
            a, b = board.root(key[0]), board.root(key[1])
            if a == b:
                continue
            reason = _against(board, matching, key, points, chosen)
            if reason:
                why[key] = reason
            else:
                _join(board, a, b)
                joined += 1
        # A rival may have become one with whom it rivalled: those that it held up are looked at again.
        if not joined:
            return why
        due = [one for one in due if one[0] in why]


def _against(
    board: _Board, matching: Matching, key: tuple[int, int], points: float, chosen: set[tuple[int, int]] | None
) -> str | None:
    if key in board.barred:
        return "something speaks against it"
    if chosen is not None and key not in chosen:
        return "another one of the same source fits better"
    if chosen is None and _has_rival(board, matching, key, points):
        return "another one fits as well"
    a, b = board.root(key[0]), board.root(key[1])
    enough = matching.ask if chosen is None else matching.same_one_to_one
    return None if a == b else _group_against(board, enough, a, b)


def _has_rival(board: _Board, matching: Matching, key: tuple[int, int], points: float) -> bool:
    """Whether either side has somebody else nearly as near who is not the other side too."""
    for mine, other in (key, key[::-1]):
        for third, theirs in board.near[mine]:
            if theirs <= points - matching.margin or board.root(third) == board.root(other):
                continue
            link = _key(other, third)
            apart = link in board.barred or board.score.get(link, -1e9) < matching.ask
            if apart and _may_be(board, mine, third):
                return True
    return False


def _may_be(board: _Board, mine: int, third: int) -> bool:
    """Who is excluded anyway is no rival."""
    excluded = _key(mine, third) in board.barred
    return not excluded and not _identifiers_differ(board, board.root(mine), board.root(third))


def _group_against(board: _Board, enough: float, a: int, b: int) -> str | None:
    if board.sources.get(a, set()) & board.sources.get(b, set()):
        return "a source would have it twice"
    if _identifiers_differ(board, a, b):
        return "identifiers differ"
    ours, theirs = board.members.get(a, [a]), board.members.get(b, [b])
    links = [_key(x, y) for x in ours for y in theirs]
    if any(link in board.barred for link in links):
        return "something speaks against another member"
    supported = sum(board.score.get(link, -1e9) >= enough for link in links)
    return "too few of the members are alike" if supported * 2 < len(links) else None


def _identifiers_differ(board: _Board, a: int, b: int) -> bool:
    held, more = board.held.get(a, {}), board.held.get(b, {})
    return any(len(held[number] | more[number]) > 1 for number in held.keys() & more.keys())


def _join(board: _Board, a: int, b: int) -> None:
    kept, gone = (a, b) if a < b else (b, a)
    board.parent[gone] = kept
    board.members[kept] = board.members.get(kept, [kept]) + board.members.pop(gone, [gone])
    for number, values in board.held.pop(gone, {}).items():
        board.held.setdefault(kept, {}).setdefault(number, set()).update(values)
    if gone in board.sources:
        board.sources.setdefault(kept, set()).update(board.sources.pop(gone))


def _name(base: Ints, board: _Board) -> Ints:
    """Clusters named by their least record."""
    named = base.copy()
    moved = {cluster: board.root(cluster) for cluster in board.parent}
    if moved:
        old = np.array(sorted(moved), dtype=np.int64)
        new = np.array([moved[one] for one in sorted(moved)], dtype=np.int64)
        at = np.searchsorted(old, base)
        hit = (at < old.size) & (old[np.minimum(at, old.size - 1)] == base)
        named[hit] = new[at[hit]]
    return named


def _verdict(
    board: _Board,
    base: Ints,
    pairs: Pairs,
    at: int,
    matching: Matching,
    why: Mapping[tuple[int, int], str],
    clusters: Ints,
) -> tuple[str, str]:
    left, right = int(pairs.left[at]), int(pairs.right[at])
    if clusters[left] == clusters[right]:
        return "same", "score" if base[left] != base[right] else "identifiers"
    veto, points = pairs.vetoed[at], float(pairs.score[at])
    if veto is not None:
        asked = points >= matching.same and not veto.startswith("measures:")
        return ("ask" if asked else "different"), f"{veto} differs"
    key = _key(int(base[left]), int(base[right]))
    if key in board.barred or points < matching.ask:
        return "different", why.get(key, "too little in common")
    if points < matching.same and _identifiers_differ(board, int(clusters[left]), int(clusters[right])):
        return "different", "identifiers differ"
    return "ask", why.get(key, "not certain enough")


# -- one to one ------------------------------------------------------------------------------------------


def _one_to_one(board: _Board, pairs: Pairs, base: Ints, source: Ints, matching: Matching) -> set[tuple[int, int]]:
    """The best assignment between each two sources: pairs of clusters of which each has at most one partner there."""
    groups: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for a, b in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True):
        link = (int(base[a]), int(base[b]))
        if source[a] != source[b] and board.score.get(_key(*link), -1e9) >= matching.same_one_to_one:
            ordered = link if source[a] < source[b] else link[::-1]
            groups[_key(int(source[a]), int(source[b]))].append(ordered)
    chosen: set[tuple[int, int]] = set()
    for links in groups.values():
        free = [link for link in sorted(set(links)) if _key(*link) not in board.barred]
        chosen |= _assigned(free, board, matching.same_one_to_one)
    return chosen


def _assigned(links: Sequence[tuple[int, int]], board: _Board, least: float) -> set[tuple[int, int]]:
    """Optimal within each connected part of the graph of links."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not links:
        return set()
    rows, row = np.unique([link[0] for link in links], return_inverse=True)
    columns, column = np.unique([link[1] for link in links], return_inverse=True)
    size = rows.size + columns.size
    graph = coo_array((np.ones(row.size), (row, column + rows.size)), shape=(size, size))
    _, part = connected_components(graph, directed=False)
    order = np.argsort(part[row], kind="stable")
    cuts = np.flatnonzero(np.diff(part[row][order])) + 1
    chosen: set[tuple[int, int]] = set()
    for block in np.split(order, cuts):
        chosen |= _assign_block([links[at] for at in block], board, least)
    return chosen


def _assign_block(links: Sequence[tuple[int, int]], board: _Board, least: float) -> set[tuple[int, int]]:
    from scipy.optimize import linear_sum_assignment

    rows = {one: at for at, one in enumerate(sorted({link[0] for link in links}))}
    columns = {one: at for at, one in enumerate(sorted({link[1] for link in links}))}
    if len(rows) * len(columns) > _CELLS:
        return _assign_greedily(links, board)
    worth = np.zeros((len(rows), len(columns)))
    for a, b in links:
        worth[rows[a], columns[b]] = board.score[_key(a, b)] - least + 1
    taken = set(zip(*(side.tolist() for side in linear_sum_assignment(-worth)), strict=True))
    return {_key(a, b) for a, b in links if (rows[a], columns[b]) in taken}


def _assign_greedily(links: Sequence[tuple[int, int]], board: _Board) -> set[tuple[int, int]]:
    used: set[tuple[str, int]] = set()
    chosen: set[tuple[int, int]] = set()
    for a, b in sorted(links, key=lambda link: (-board.score[_key(*link)], link)):
        if ("l", a) not in used and ("r", b) not in used:
            used |= {("l", a), ("r", b)}
            chosen.add(_key(a, b))
    return chosen
