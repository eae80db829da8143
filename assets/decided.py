"""Decisions between the control database and mastering: the payload of a decision and what mastering reads in it.

Here: the one form in which a steward's decision is written down. Not here: keeping it (`store.control`), what it does
(`mastering.decisions`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mastering.decisions import KINDS, Expected, Key, Ruling
from store.control import Decision, Proposal


def proposal(domain: str, ruling: Ruling) -> Proposal:
    """A ruling as it is written down. Its id and time are given when it is."""
    payload: dict[str, Any] = {
        "left": None if ruling.left is None else list(ruling.left),
        "right": None if ruling.right is None else list(ruling.right),
        "attribute": ruling.attribute,
        "value": ruling.value,
        "case": ruling.case,
    }
    if ruling.expect is not None:
        expect = ruling.expect
        payload["expect"] = {"source": expect.source_system, "key": expect.source_key, "value": expect.value}
    given = {name: value for name, value in payload.items() if value is not None}
    return Proposal(ruling.who, domain, ruling.kind, given, ruling.reason)


def rulings_of(decisions: Iterable[Decision]) -> list[Ruling]:
    """The decisions that mastering takes; others (an undo, say) only take something out of force."""
    return [ruling_of(one) for one in decisions if one.kind in KINDS]


def ruling_of(decision: Decision) -> Ruling:
    """One decision as mastering takes it."""
    said = decision.payload
    expect = said.get("expect")
    return Ruling(
        decision.id,
        decision.ts,
        decision.who,
        decision.kind,
        decision.reason,
        _key(said, "left"),
        _key(said, "right"),
        said.get("attribute"),
        said.get("value"),
        None if expect is None else Expected(expect["source"], expect["key"], expect["value"]),
        said.get("case"),
    )


def _key(said: Mapping[str, Any], name: str) -> Key | None:
    found = said.get(name)
    return None if found is None else (str(found[0]), str(found[1]))
