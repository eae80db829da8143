"""What people decided, as mastering takes it: which records are one, which are not, which value stands.

Here: the decisions of a domain resolved to groups of records that are one, groups that are not, and records that stand
alone; a pure function of the list. The newest decision goes first, and one that contradicts newer ones is overruled
as a whole. Not here: where decisions are kept (`store.control`), what they do to clusters (`mastering.judged`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

Key = tuple[str, str]

#: Decisions that mastering takes. `acknowledge` closes a case of the review queue and does nothing else.
KINDS = ("same", "different", "split", "override", "rekey", "acknowledge")
PAIRS = frozenset({"same", "different", "rekey"})


@dataclass(frozen=True, slots=True)
class Expected:
    """What a source said when a value was overridden; once it says something else the override may be obsolete."""

    source_system: str
    source_key: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Ruling:
    """One decision in force. `left`, `right`: (source, key); of a re-key the old and the new key.

    `attribute`, `value`: of an override, the attribute as the domain file names it. `case`: of an acknowledgement.
    """

    id: int
    at: datetime
    who: str
    kind: str
    reason: str
    left: Key | None = None
    right: Key | None = None
    attribute: str | None = None
    value: str | None = None
    expect: Expected | None = None
    case: str | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the decisions come to.

    `group`: every record that a decision names -> least record of its group; all of a group are one.
    `apart`: pairs of groups that are not one. `alone`: records whose identifiers link nothing. `overruled`: id of a
    decision -> id of the newer one that contradicts it. `decided`: record -> newest decision on who it is.
    `now`: re-keyed record -> the key it has now.
    """

    group: Mapping[Key, Key] = field(default_factory=dict)
    apart: frozenset[tuple[Key, Key]] = frozenset()
    alone: frozenset[Key] = frozenset()
    overruled: Mapping[int, int] = field(default_factory=dict)
    decided: Mapping[Key, Ruling] = field(default_factory=dict)
    now: Mapping[Key, Key] = field(default_factory=dict)


class _Groups:
    """Groups that grow, and which of them must never become one. Each exclusion knows the decision behind it."""

    def __init__(self) -> None:
        self._parent: dict[Key, Key] = {}
        self._foes: dict[Key, dict[Key, int]] = {}

    def root(self, key: Key) -> Key:
        step = self._parent.setdefault(key, key)
        while step != self._parent[step]:
            self._parent[step] = self._parent[self._parent[step]]
            step = self._parent[step]
        return step

    def join(self, one: Key, other: Key) -> int | None:
        """Make two groups one; where they must not be, the decision that says so."""
        keep, drop = sorted((self.root(one), self.root(other)))
        if keep == drop:
            return None
        against = self._foes.get(keep, {}).get(drop)
        if against is not None:
            return against
        self._parent[drop] = keep
        for foe, by in self._foes.pop(drop, {}).items():
            self._foes[foe].pop(drop)
            self._exclude(keep, foe, by)
        return None

    def part(self, one: Key, other: Key, by: int) -> bool:
        """Keep two groups apart; False where they are one."""
        left, right = self.root(one), self.root(other)
        if left == right:
            return False
        self._exclude(left, right, by)
        return True

    def _exclude(self, one: Key, other: Key, by: int) -> None:
        newest = max(by, self._foes.get(one, {}).get(other, by))
        self._foes.setdefault(one, {})[other] = newest
        self._foes.setdefault(other, {})[one] = newest

    def members(self) -> dict[Key, Key]:
        return {key: self.root(key) for key in sorted(self._parent)}

    def apart(self) -> frozenset[tuple[Key, Key]]:
        return frozenset((one, other) for one, foes in self._foes.items() for other in foes if one < other)


def resolve(rulings: Sequence[Ruling]) -> Judgement:
    """The decisions in force of one domain, in any order, as a judgement."""
    newest_first = sorted(rulings, key=lambda ruling: -ruling.id)
    overruled: dict[int, int] = {}
    now = _rekeyed(newest_first, overruled)
    split = _splits(newest_first, now)
    groups = _Groups()
    decided: dict[Key, Ruling] = {}
    for ruling in newest_first:
        if ruling.id in overruled or ruling.kind not in ("same", "different", "split", "rekey"):
            continue
        against = _apply(groups, ruling, now, split)
        if against is not None:
            overruled[ruling.id] = against
            continue
        for key in _named(ruling, now):
            decided.setdefault(key, ruling)
    return Judgement(groups.members(), groups.apart(), frozenset(split), overruled, decided, now)


def _rekeyed(newest_first: Iterable[Ruling], overruled: dict[int, int]) -> dict[Key, Key]:
    """Old key -> the key it has in the end. One old key has one new one, and no chain leads back."""
    direct: dict[Key, tuple[Key, int]] = {}
    for ruling in newest_first:
        if ruling.kind != "rekey" or ruling.left is None or ruling.right is None:
            continue
        path = [ruling.right]
        while path[-1] in direct:
            path.append(direct[path[-1]][0])
        if ruling.left in direct:
            overruled[ruling.id] = direct[ruling.left][1]
        elif ruling.left in path:
            overruled[ruling.id] = direct[ruling.right][1] if ruling.right in direct else ruling.id
        else:
            direct[ruling.left] = (ruling.right, ruling.id)
    return {old: _end(direct, old) for old in direct}


def _end(direct: Mapping[Key, tuple[Key, int]], key: Key) -> Key:
    while key in direct:
        key = direct[key][0]
    return key


def _splits(newest_first: Iterable[Ruling], now: Mapping[Key, Key]) -> dict[Key, int]:
    """Record that stands alone -> newest decision that says so; under every key that it has had."""
    found: dict[Key, int] = {}
    for ruling in newest_first:
        if ruling.kind == "split" and ruling.left is not None:
            for key in _aliases(ruling.left, now):
                found.setdefault(key, ruling.id)
    return found


def _aliases(key: Key, now: Mapping[Key, Key]) -> list[Key]:
    meant = now.get(key, key)
    return [meant, *(old for old, new in now.items() if new == meant)]


def _apply(groups: _Groups, ruling: Ruling, now: Mapping[Key, Key], split: Mapping[Key, int]) -> int | None:
    """Take one decision in; the newer one that contradicts it, if there is one.

    A chain of newer decisions that makes two records one contradicts a `different` as a whole: it then names itself.
    """
    if ruling.left is None or ruling.right is None:
        return None
    if ruling.kind == "rekey":
        return groups.join(ruling.left, ruling.right)
    left, right = (now.get(key, key) for key in (ruling.left, ruling.right))
    if ruling.kind == "different":
        return None if groups.part(left, right, ruling.id) else ruling.id
    newer = max(split.get(left, 0), split.get(right, 0))
    return newer if newer > ruling.id else groups.join(left, right)


def _named(ruling: Ruling, now: Mapping[Key, Key]) -> list[Key]:
    """The records that a decision on identity is about, under every key that they have had."""
    return [alias for key in (ruling.left, ruling.right) if key is not None for alias in _aliases(key, now)]
