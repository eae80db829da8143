"""Findings: what a person should look at. A table that follows the state and is expected empty.

Here: bringing master.finding and the review queue (master.review) up to date. Not here: who is told (`assets`,
`pipelines`), what their decisions do (`mastering.stewardship`).
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from mastering.matching.features import letters_sql
from mastering.replace import replace_rows
from mastering.rules import Compare, DomainRules
from mastering.schema import names_of
from mastering.sqlfile import Connection, keep, run

_TABLES = (
    "f_identifier f_unused f_complete f_unlisted f_settled f_alone f_vetoed f_moved"
    " f_orphaned f_duplicate f_identifying f_reused f_poisoned f_contested f_finding f_case"
)


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
    keep(con, "f_complete", _complete(rules, systems))
    keep(con, "f_identifying", _identifying(rules))
    duplicates = "duplicates" if "norm_name" in rules.derived else "no_duplicates"
    reuse = rules.identity.key_reuse
    values = {"domain": rules.domain, "at_least": reuse.at_least if reuse else 0}
    for step in (
        *("settled", "alone", "vetoed", "unlisted", "moved", "orphaned", duplicates),
        *("wholly_other", "reused", "poisoned", "contested", "current", "cases"),
    ):
        run(con, f"findings.{step}", names_of(rules), values)
    con.execute("DROP MACRO wholly_other")
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
    compared = rules.matching.compare if rules.matching else {}
    for name, one in compared.items():
        found += [
            (f"matching.{name} {alias}", "nobody is called so") for alias in _unused_aliases(con, rules, name, one)
        ]
    columns = [[row[place] for row in found] for place in (0, 1)]
    return pa.table({"key": pa.array(columns[0], pa.string()), "detail": pa.array(columns[1], pa.string())})


def _unused_aliases(con: Connection, rules: DomainRules, name: str, one: Compare) -> list[str]:
    """Aliases of a comparison that no statement, old or new, is."""
    aliases = [alias for others in one.aliases.values() for alias in others]
    if not aliases:
        return []
    found = con.execute(
        "WITH told AS (SELECT DISTINCT value FROM master.statement"
        " WHERE domain = $domain AND attribute = $read AND value IS NOT NULL)"
        " SELECT alias FROM (SELECT unnest($aliases) AS alias) AS a WHERE"
        f" {letters_sql(one, 'alias')} NOT IN (SELECT {letters_sql(one, 'value')} FROM told) ORDER BY alias",
        {"domain": rules.domain, "read": (one.of or (name,))[0], "aliases": aliases},
    ).fetchall()
    return [str(row[0]) for row in found]


def _complete(rules: DomainRules, systems: Mapping[str, str]) -> pa.Table:
    """source_system: sources of this network that list everything there is."""
    complete = {*rules.identity.complete}
    listed = sorted(source for source, system in systems.items() if complete & {source, system})
    return pa.table({"source_system": pa.array(listed, pa.string())})


def _identifying(rules: DomainRules) -> pa.Table:
    """attribute, is_code: what says what a record is, as the domain file names it; codes are equal or not."""
    named = rules.identity.key_reuse.attributes if rules.identity.key_reuse else ()
    is_code = pa.array([name in rules.identifiers for name in named], pa.bool_())
    return pa.table({"attribute": pa.array(named, pa.string()), "is_code": is_code})


def count_findings(con: Connection, domain: str) -> dict[str, int]:
    """kind -> how many are open."""
    found = con.execute(
        "SELECT kind, count(*) FROM master.finding WHERE domain = ? GROUP BY kind ORDER BY kind", [domain]
    ).fetchall()
    return {str(kind): int(count) for kind, count in found}
