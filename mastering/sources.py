"""The sources of a network as mastering sees them: system, seniority, and who only refers to things.

Here: one temporary table, `i_source`. Not here: networks (`connectors.network`).
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from mastering.rules import DomainRules
from mastering.sqlfile import Connection, keep


def seniority(rules: DomainRules, systems: Mapping[str, str]) -> dict[str, int]:
    """source -> place of its system: first those of `identity.precedence`, then the others by name."""
    listed = list(rules.identity.precedence)
    others = sorted(set(systems.values()) - set(listed))
    places = {system: place for place, system in enumerate([*listed, *others])}
    return {source: places[system] for source, system in systems.items()}


def known_sources(con: Connection, rules: DomainRules, given: Mapping[str, str]) -> dict[str, str]:
    """source -> system. A source that has records and is not given (no longer in the network) is its own system."""
    found = con.execute("SELECT DISTINCT source_system FROM master.record WHERE domain = ?", [rules.domain]).fetchall()
    return {str(row[0]): str(row[0]) for row in found} | dict(given)


def write_sources(con: Connection, rules: DomainRules, systems: Mapping[str, str]) -> None:
    """Fill `i_source` (source_system, source_no, seniority, is_reference)."""
    places = seniority(rules, systems)
    names = sorted(systems)
    table = pa.table(
        {
            "source_system": pa.array(names, pa.string()),
            "source_no": pa.array(range(len(names)), pa.int64()),
            "seniority": pa.array([places[name] for name in names], pa.int64()),
            "is_reference": pa.array([systems[name] in rules.identity.reference_systems for name in names], pa.bool_()),
        }
    )
    keep(con, "i_source", table)
