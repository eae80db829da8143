"""The tables of schema `master`. Here: making them, and remaking a golden table whose columns the rules changed.

Not here: filling them. Everything is created inside the caller's transaction.
"""

from __future__ import annotations

from mastering.rules import DomainRules
from mastering.sqlfile import Connection, quoted, run, statements

_PER_DOMAIN = frozenset({"xref", "golden"})
#: Columns of a golden table beside those of the rules: surrogate, validity, origin, _change_seq.
_FRAME = 9


def names_of(rules: DomainRules) -> dict[str, str]:
    """What the `<...>` of the SQL files stand for in this domain."""
    columns = rules.golden_columns
    return {
        "sk": quoted(rules.surrogate),
        "xref": quoted("master", f"xref_{rules.domain}"),
        "golden": quoted("master", f"golden_{rules.domain}"),
        "golden_definitions": ", ".join(f"{quoted(name)} {kind}" for name, kind in columns.items()),
        "golden_columns": ", ".join(quoted(name) for name in columns),
    }


def prepare(con: Connection, rules: DomainRules) -> None:
    """Create what is missing. A golden table with other columns than the rules say is dropped and made anew."""
    con.execute("CREATE SCHEMA IF NOT EXISTS master")
    names = names_of(rules)
    for name in statements("schema"):
        if name not in _PER_DOMAIN:
            run(con, f"schema.{name}", names, {})
    if _golden_is_other(con, rules):
        con.execute(f"DROP TABLE {names['golden']}")
    run(con, "schema.xref", names, {})
    run(con, "schema.golden", names, {})


def _golden_is_other(con: Connection, rules: DomainRules) -> bool:
    found = con.execute(
        "SELECT column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = 'master' AND table_name = ? ORDER BY ordinal_position",
        [f"golden_{rules.domain}"],
    ).fetchall()
    wanted = [(name, _spelled(kind)) for name, kind in rules.golden_columns.items()]
    if not found:
        return False
    return found[1 : 1 + len(wanted)] != wanted or len(found) != len(wanted) + _FRAME


def _spelled(kind: str) -> str:
    return "TIMESTAMP WITH TIME ZONE" if kind == "TIMESTAMPTZ" else kind
