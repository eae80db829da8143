"""Findings: what a person should look at. A table that follows the state and is expected empty.

Here: bringing master.finding and the review queue (master.review) up to date. Not here: who is told (`assets`,
`pipelines`), what their decisions do (`mastering.stewardship`).
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from mastering.replace import replace_rows
from mastering.rules import DomainRules
from mastering.schema import names_of
from mastering.sqlfile import Connection, keep, run

_TABLES = "f_identifier f_unused f_settled f_alone f_vetoed f_moved f_orphaned f_duplicate f_finding f_case"


def update_findings(
    con: Connection, rules: DomainRules, systems: Mapping[str, str], *, change_seq: int
) -> dict[str, int]:
    """Replace the domain's findings and review cases by those of the present state.

    `systems`: source -> system of the network. Returns kind -> how many findings are open.
    """
    con.execute("CREATE OR REPLACE TEMP TABLE f_identifier (identifier VARCHAR)")
    for name in rules.identifiers:
        con.execute("INSERT INTO f_identifier VALUES (?)", [name])
    keep(con, "f_unused", _unused(con, rules, systems))
    duplicates = "duplicates" if "norm_name" in rules.derived else "no_duplicates"
    for step in ("settled", "alone", "vetoed", "moved", "orphaned", duplicates, "current", "cases"):
        run(con, f"findings.{step}", names_of(rules), {"domain": rules.domain})
    replace_rows(
        con,
        "master.finding",
        "f_finding",
        scope="t.domain = $domain",
        values={"domain": rules.domain},
        change_seq=change_seq,
    )
    replace_rows(
        con,
        "master.review",
        "f_case",
        scope="t.domain = $domain",
        values={"domain": rules.domain},
        change_seq=change_seq,
    )
    for name in _TABLES.split():
        con.execute(f"DROP TABLE {name}")
    return count_findings(con, rules.domain)


def _unused(con: Connection, rules: DomainRules, systems: Mapping[str, str]) -> pa.Table:
    """key, detail: entries of the domain file that nothing of this network can ever meet."""
    present = {*systems, *systems.values()}
    lists = {"default": rules.survivorship.default, **rules.survivorship.attributes}
    found = [
        (f"survivorship.{name} {number}", f"the network has none of {', '.join(entry.systems or entry.sources)}")
        for name, entries in lists.items()
        for number, entry in enumerate(entries, start=1)
        if not present & {*entry.systems, *entry.sources}
    ]
    stated = con.execute("SELECT DISTINCT attribute FROM master.statement WHERE domain = ?", [rules.domain]).fetchall()
    known = {str(row[0]) for row in stated}
    found += [
        (f"identifiers.{name}", "no source has ever stated one") for name in rules.identifiers if name not in known
    ]
    columns = [[row[place] for row in found] for place in (0, 1)]
    return pa.table({"key": pa.array(columns[0], pa.string()), "detail": pa.array(columns[1], pa.string())})


def count_findings(con: Connection, domain: str) -> dict[str, int]:
    """kind -> how many are open."""
    found = con.execute(
        "SELECT kind, count(*) FROM master.finding WHERE domain = ? GROUP BY kind ORDER BY kind", [domain]
    ).fetchall()
    return {str(kind): int(count) for kind, count in found}
