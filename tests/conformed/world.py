"""Typed, empty intake, master and ops tables to run the conformed SQL on; rows are added as dicts.

The columns come from the same YAML as the real relations, so a shape that changes is noticed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
from ruamel.yaml import YAML

from expectations.promise import load_promises
from mastering.packs import register_functions
from store.plan import load_sql

ROOT = Path(__file__).resolve().parents[2]
CONFORMED = ROOT / "assets" / "conformed"
TABLES = ROOT / "expectations" / "tables"

_INTAKE_META = {
    "source_system": "VARCHAR",
    "source_key": "VARCHAR",
    "_delivery_id": "VARCHAR",
    "_source_row_no": "BIGINT",
    "_change_seq": "BIGINT",
    "_valid_from": "TIMESTAMPTZ",
    "_is_deleted": "BOOLEAN",
}
_XREF = {
    "match_rule": "VARCHAR",
    "match_score": "DECIMAL(5,4)",
    "match_status": "VARCHAR",
    "decided_by": "VARCHAR",
    "decided_at": "TIMESTAMPTZ",
    "valid_from": "TIMESTAMPTZ",
    "valid_to": "TIMESTAMPTZ",
    "_change_seq": "BIGINT",
}
_GOLDEN = {
    "valid_from": "TIMESTAMPTZ",
    "valid_to": "TIMESTAMPTZ",
    "is_current": "BOOLEAN",
    "_source_system": "VARCHAR",
    "_source_key": "VARCHAR",
    "_delivery_id": "VARCHAR",
    "_source_row_no": "BIGINT",
    "_change_seq": "BIGINT",
}
DEFAULTS: dict[str, object] = {
    "_delivery_id": "d1",
    "_source_row_no": 1,
    "_change_seq": 1,
    "_valid_from": "2026-01-01 00:00:00+00",
    "_is_deleted": False,
    "valid_from": None,
    "is_current": True,
    "match_rule": "exact",
    "match_score": "1.0",
    "match_status": "auto",
}


def _yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text("utf-8"))


@cache
def relations() -> dict[str, dict[str, str]]:
    """Every relation the conformed SQL may read: `schema.name` -> column -> type."""
    found = {"ops.meta": {"key": "VARCHAR", "value": "VARCHAR"}}
    for path in sorted((ROOT / "assets" / "intake").glob("*.yml")):
        shape = _yaml(path)
        found[f"intake.{shape['intake']}"] = {n: c["type"] for n, c in shape["columns"].items()} | _INTAKE_META
    for path in sorted((ROOT / "mastering" / "domains").glob("*.yml")):
        rules = _yaml(path)
        name, sk = rules["domain"], {rules["surrogate"]: "BIGINT"}
        attributes = {n: c["type"] for n, c in rules["attributes"].items()}
        named = [n.removesuffix("_key") + "_sk" for n, c in rules["attributes"].items() if "references" in c]
        resolved = dict.fromkeys(named, "BIGINT")
        published = dict.fromkeys([*rules.get("published", {}).values(), *rules.get("derived", ())], "VARCHAR")
        found[f"intake.{name}"] = attributes | dict.fromkeys(rules["identifiers"], "VARCHAR") | _INTAKE_META
        found[f"master.xref_{name}"] = {"source_system": "VARCHAR", "source_key": "VARCHAR"} | sk | _XREF
        found[f"master.golden_{name}"] = sk | attributes | resolved | published | _GOLDEN
    return found


def empty_world() -> duckdb.DuckDBPyConnection:
    """An in-memory database with every relation, empty, in UTC."""
    con = duckdb.connect(config={"threads": 2})
    con.execute("SET TimeZone = 'UTC'")
    register_functions(con)
    for schema in ("intake", "master", "ops", "conformed"):
        con.execute(f"CREATE SCHEMA {schema}")
    for name, columns in relations().items():
        body = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
        con.execute(f"CREATE TABLE {name} ({body})")
    return con


def add(con: duckdb.DuckDBPyConnection, relation: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert rows given as dicts; meta columns have defaults, other absent columns are NULL.

    A column that the relation does not have fails, so a golden case cannot be about nothing.
    """
    known = relations()[relation]
    for row in rows:
        full = {k: v for k, v in DEFAULTS.items() if k in known} | dict(row)
        names = ", ".join(f'"{name}"' for name in full)
        marks = ", ".join("?" for _ in full)
        con.execute(f"INSERT INTO {relation} ({names}) VALUES ({marks})", list(full.values()))


@cache
def sql_of(table: str) -> str:
    """The SQL of a conformed table, its lookups put in."""
    return load_sql(CONFORMED, load_promises(TABLES)[table])
