"""Findings: what a person should look at. A table that follows the state and is expected empty.

Here: bringing master.finding up to date. Not here: who is told (`assets`, `pipelines`).
"""

from __future__ import annotations

from mastering.replace import replace_rows
from mastering.rules import DomainRules
from mastering.schema import names_of
from mastering.sqlfile import Connection, run


def update_findings(con: Connection, rules: DomainRules, *, change_seq: int) -> dict[str, int]:
    """Replace the domain's findings by those of the present state. Returns kind -> how many are open."""
    con.execute("CREATE OR REPLACE TEMP TABLE f_identifier (identifier VARCHAR)")
    for name in rules.identifiers:
        con.execute("INSERT INTO f_identifier VALUES (?)", [name])
    for step in ("settled", "alone", "vetoed", "current"):
        run(con, f"findings.{step}", names_of(rules), {"domain": rules.domain})
    replace_rows(
        con,
        "master.finding",
        "f_finding",
        scope="t.domain = $domain",
        values={"domain": rules.domain},
        change_seq=change_seq,
    )
    for name in ("f_identifier", "f_settled", "f_alone", "f_vetoed", "f_finding"):
        con.execute(f"DROP TABLE {name}")
    return count_findings(con, rules.domain)


def count_findings(con: Connection, domain: str) -> dict[str, int]:
    """kind -> how many are open."""
    found = con.execute(
        "SELECT kind, count(*) FROM master.finding WHERE domain = ? GROUP BY kind ORDER BY kind", [domain]
    ).fetchall()
    return {str(kind): int(count) for kind, count in found}
