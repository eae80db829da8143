"""Kinds of defects as `kinds.yml` lists them, and the SQL that draws them. Not here: what a spoiled row looks like."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of defect. `ppm`: how many of a million; `outcome`: what Concord is expected to do about it."""

    name: str
    ppm: int
    outcome: str
    unit: str
    note: str


@cache
def kinds() -> tuple[Kind, ...]:
    """All kinds, in the order of the file."""
    listed = yaml.safe_load(Path(__file__).with_name("kinds.yml").read_text("utf-8"))
    return tuple(Kind(name, **fields) for name, fields in listed.items())


def macros(without: Collection[str] = ()) -> str:
    """A DuckDB macro per kind: `<kind>(key)` is TRUE where the defect befalls the key, a whole number (macros.sql).

    Raises ValueError when `without` names a kind that is not there.
    """
    unknown = sorted(set(without) - {kind.name for kind in kinds()})
    if unknown:
        raise ValueError(f"no such defect: {', '.join(unknown)}; docs/sample-network.md lists them")
    return "\n".join(_macro(kind, 0 if kind.name in without else kind.ppm) for kind in kinds())


def _macro(kind: Kind, ppm: int) -> str:
    if ppm in {0, 1_000_000}:
        return f"CREATE OR REPLACE MACRO {kind.name}(k) AS {'TRUE' if ppm else 'FALSE'};"
    return f"CREATE OR REPLACE MACRO {kind.name}(k) AS dice('mess:{kind.name}', k) % CAST(1000000 AS UBIGINT) < {ppm};"
