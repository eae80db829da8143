"""Which decisions have an effect beside each other: what is decided already, what newer decisions set aside.

Here: comparisons of decisions in force with those that are to be made. Not here: what decisions come to
(`mastering.decisions`), writing and printing them (`pipelines.stewardship`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from assets.decided import rulings_of
from mastering.decisions import KINDS, Key, Ruling, resolve
from store.control import Decision

#: Golden id of a record of a domain; None where readers see no such record.
IdOf = Callable[[str, Key], int | None]
#: Domain and what a decision says.
Gist = tuple[str, tuple[object, ...]]


def gist(domain: str, one: Ruling) -> Gist:
    """What a decision says; of two records that are one, or are not, in either order."""
    ends: object = frozenset({one.left, one.right}) if one.kind in ("same", "different") else (one.left, one.right)
    return domain, (one.kind, ends, one.attribute, one.value, one.case)


def in_force(every: Sequence[Decision]) -> list[Decision]:
    """Of all decisions those that nothing took back, without the taking back."""
    taken_back = {one.supersedes for one in every}
    return [one for one in every if one.id not in taken_back and one.kind in KINDS]


def overruled(made: Sequence[Decision]) -> dict[tuple[str, int], int]:
    """(domain, decision) -> the newer one that contradicts it; itself where several do so together."""
    return {
        (domain, number): by
        for domain in {one.domain for one in made}
        for number, by in resolve(rulings_of(one for one in made if one.domain == domain)).overruled.items()
    }


def contradicted(number: int, by: int) -> str:
    """`overruled` in words."""
    return "newer decisions together contradict it" if by == number else f"decision {by} contradicts it"


def set_aside(again: Sequence[tuple[str, Ruling]], standing: Sequence[Decision], id_of: IdOf) -> set[Gist]:
    """Of decisions in force what would have another effect if it were said again, as newer ones say otherwise."""
    found: set[Gist] = set()
    for domain in {domain for domain, _ in again}:
        before = rulings_of(one for one in standing if one.domain == domain)
        mine = [one for of, one in again if of == domain]
        identity = [one for one in mine if one.kind != "override"]
        if _effect(before, identity) != _effect(before, []):
            found |= {gist(domain, one) for one in identity if _effect(before, [one]) != _effect(before, [])}
        found |= {gist(domain, one) for one in _overridden_since(domain, mine, before, id_of)}
    return found


def _effect(before: Sequence[Ruling], again: Sequence[Ruling]) -> object:
    """What decisions on identity come to when some of them are made again."""
    last = max([0, *(one.id for one in before)])
    judged = resolve([*before, *(replace(one, id=last + n) for n, one in enumerate(again, start=1))])
    without = {number for number in judged.overruled if number <= last}
    return judged.group, judged.apart, judged.alone, judged.now, without


def _overridden_since(domain: str, mine: Sequence[Ruling], before: Sequence[Ruling], id_of: IdOf) -> Iterator[Ruling]:
    """Overrides after which another value was put in the same attribute of the same golden record."""
    newest: dict[object, Ruling] = {}
    ids: dict[Key | None, object] = {}
    for one in sorted(before, key=lambda one: one.id):
        if one.kind == "override" and one.left is not None:
            ids.setdefault(one.left, id_of(domain, one.left) or one.left)
            newest[ids[one.left], one.attribute] = one
    for one in mine:
        last = newest.get((ids.get(one.left), one.attribute))
        if one.kind == "override" and last is not None and gist(domain, last) != gist(domain, one):
            yield one
