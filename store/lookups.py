"""Relations that several conformed tables look things up in, written once (`lookups/<name>.sql` beside the tables).

Here: putting them into the SQL of a table that names them, as `lookup.<name>`. Not here: what they say, and when a
table is computed again (`store.plan`), which follows from the relations that the whole text reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import sqlglot
from sqlglot.tokenizer_core import TokenType

from connectors.errors import ConfigurationError

_SCHEMA = "lookup"


def with_lookups(sql: str, folder: Path) -> str:
    """`sql` with every lookup that it names, directly or through another one, as a CTE `lookup_<name>` before its own.

    Raises ConfigurationError for a lookup that has no file, or that leads back to itself.
    """
    bodies: dict[str, str] = {}
    text = _renamed(sql)
    for name in _named(sql):
        _collect(name, folder, bodies, ())
    if not bodies:
        return sql
    ctes = ",\n\n".join(f"{_SCHEMA}_{name} AS (\n{body}\n)" for name, body in bodies.items())
    first = sqlglot.tokenize(text, read="duckdb")[0]
    if first.token_type == TokenType.WITH:
        return f"{text[: first.start]}WITH {ctes},\n\n{text[first.end + 1 :].lstrip()}"
    return f"WITH {ctes}\n\n{text}"


def findings_sql(conformed: Path) -> list[str]:
    """The queries of `<conformed>/findings/`, in the order of their names, lookups put in.

    Each yields domain, kind, key, detail, first_seen of what is wrong with what the network states, beside mastering's.
    """
    texts = (path.read_text("utf-8") for path in sorted((conformed / "findings").glob("*.sql")))
    return [with_lookups(text, conformed / "lookups") for text in texts]


def _collect(name: str, folder: Path, bodies: dict[str, str], through: tuple[str, ...]) -> None:
    """Add a lookup behind those that it names itself: `bodies` is in the order in which CTEs must stand."""
    if name in bodies:
        return
    path = folder / f"{name}.sql"
    if name in through:
        raise ConfigurationError(f"lookup.{name} leads back to itself", location=str(path), key=" > ".join(through))
    if not path.is_file():
        raise ConfigurationError(f"there is no lookup.{name}", location=str(path), hint=f"Write {path.name}")
    sql = path.read_text("utf-8").strip().removesuffix(";")
    for needed in _named(sql):
        _collect(needed, folder, bodies, (*through, name))
    bodies[name] = _renamed(sql)


def _named(sql: str) -> list[str]:
    """Lookups that a text names, in order."""
    return [name for name, *_ in _references(sql)]


def _renamed(sql: str) -> str:
    """A text that reads `lookup.<name>` as the CTE `lookup_<name>`; nothing else of it is touched."""
    for name, start, end in reversed(_references(sql)):
        sql = f"{sql[:start]}{_SCHEMA}_{name}{sql[end:]}"
    return sql


@lru_cache(maxsize=256)
def _references(sql: str) -> Sequence[tuple[str, int, int]]:
    """(name, start, end) of each `lookup.<name>` of a text, by its tokens: comments and literals are none."""
    if _SCHEMA not in sql:
        return ()
    tokens = sqlglot.tokenize(sql, read="duckdb")
    return tuple(
        (name.text, schema.start, name.end + 1)
        for schema, dot, name in zip(tokens, tokens[1:], tokens[2:], strict=False)
        if schema.text == _SCHEMA and schema.token_type != TokenType.STRING and dot.token_type == TokenType.DOT
    )
