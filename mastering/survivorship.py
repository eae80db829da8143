"""Whose value wins: per attribute, per moment, for the golden records that a change can concern.

Order of the decision: a person's override, the attribute's system-of-record list as of that moment, then the precedence
of systems, then (of what names a record) the first record of its source, then recency (the value said last), agreement
(the value said by most), the value's text. NULL never wins over a value.
Here: the rules as rows, the order of the steps. The set work is in `sql/survivorship.sql`. Not here: who is who.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from mastering.derive import DERIVATIONS
from mastering.replace import replace_rows
from mastering.rules import DomainRules, SystemOfRecord
from mastering.schema import names_of
from mastering.sources import seniority
from mastering.sqlfile import Connection, keep, literal, quoted, run, scalar
from mastering.staleness import Heard, find_fresh

_STAMP = pa.timestamp("us", "UTC")
_RULE = pa.schema(
    [
        ("attribute_no", pa.int64()),
        ("source_no", pa.int64()),
        ("begins", _STAMP),
        ("ends", _STAMP),
        ("place", pa.int64()),
        ("rule_no", pa.int64()),
        ("scope_attribute", pa.string()),
        ("scope_value", pa.string()),
        ("max_age_hours", pa.int64()),
        ("is_conditional", pa.bool_()),
    ]
)
_TABLES = (
    "v_golden v_member v_version v_dead v_attribute v_statement v_rule v_rule_text v_cut v_pass v_span v_candidate"
    " v_fresh v_ballot v_won v_log v_reference v_point v_cell v_golden_new"
)

_NOTHING_FRESH = (
    "CREATE OR REPLACE TEMP TABLE v_fresh"
    " (said BIGINT, max_age_hours BIGINT, fresh_from TIMESTAMPTZ, fresh_to TIMESTAMPTZ)"
)


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One place of one source for one attribute, while it applies."""

    attribute: str
    source_system: str
    begins: datetime | None
    ends: datetime | None
    place: int
    rule: str
    scope_attribute: str | None = None
    scope_value: str | None = None
    max_age_hours: int | None = None
    is_conditional: bool = False


def midnight(day: date) -> datetime:
    """The moment at which a rule of that day begins: 00:00 UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def rule_dates(rules: DomainRules, attribute: str, horizon: datetime) -> list[datetime]:
    """Moments up to `horizon` at which the attribute's list changes."""
    days = {day for entry in rules.entries(attribute) for day in (entry.from_, entry.to) if day is not None}
    return sorted(at for at in map(midnight, days) if at <= horizon)


def rule_rows(rules: DomainRules, attribute: str, systems: Mapping[str, str]) -> list[RuleRow]:
    """Every place that the rules give the sources for an attribute, best first.

    Where nothing depends on the golden record itself (scope, age), only the best place of each source per
    period is returned, so that a value meets exactly one row.
    """
    entries = rules.entries(attribute)
    conditional = any(entry.scope or entry.max_age_hours for entry in entries)
    places = seniority(rules, systems)
    rows: list[RuleRow] = []
    for begins, ends in _periods(entries):
        found = [*_listed(attribute, entries, systems, begins), *_by_precedence(attribute, systems, places)]
        kept = found if conditional else _first_of_each_source(found)
        rows += [_within(row, begins, ends, conditional) for row in kept]
    return rows


def _within(row: RuleRow, begins: datetime | None, ends: datetime | None, conditional: bool) -> RuleRow:
    return RuleRow(
        row.attribute,
        row.source_system,
        begins,
        ends,
        row.place,
        row.rule,
        row.scope_attribute,
        row.scope_value,
        row.max_age_hours,
        conditional,
    )


def _periods(entries: Sequence[SystemOfRecord]) -> Iterator[tuple[datetime | None, datetime | None]]:
    """The periods between the days on which entries begin or end."""
    days = sorted({midnight(day) for entry in entries for day in (entry.from_, entry.to) if day is not None})
    edges: list[datetime | None] = [None, *days]
    return zip(edges, [*edges[1:], None], strict=True)


def _listed(
    attribute: str, entries: Sequence[SystemOfRecord], systems: Mapping[str, str], begins: datetime | None
) -> Iterator[RuleRow]:
    for number, entry in enumerate(entries, start=1):
        if not _applies(entry, begins):
            continue
        for position, name in enumerate(entry.systems or entry.sources):
            for source, system in sorted(systems.items()):
                if name == (system if entry.systems else source):
                    scope = next(iter(entry.scope.items()), (None, None))
                    yield RuleRow(
                        attribute,
                        source,
                        None,
                        None,
                        number * 1000 + position,
                        f"system of record {number}: {name}" + (f" where {scope[0]} is {scope[1]}" if scope[0] else ""),
                        scope[0],
                        scope[1],
                        entry.max_age_hours,
                    )


def _applies(entry: SystemOfRecord, begins: datetime | None) -> bool:
    """Whether the entry is in force in the period that begins then (None: before every date)."""
    started = entry.from_ is None or (begins is not None and midnight(entry.from_) <= begins)
    ended = entry.to is not None and begins is not None and midnight(entry.to) <= begins
    return started and not ended


def _by_precedence(attribute: str, systems: Mapping[str, str], places: Mapping[str, int]) -> Iterator[RuleRow]:
    for source, system in sorted(systems.items()):
        yield RuleRow(
            attribute, source, None, None, 1_000_000 + places[source], f"precedence {places[source] + 1}: {system}"
        )


def _first_of_each_source(rows: Sequence[RuleRow]) -> list[RuleRow]:
    best: dict[str, RuleRow] = {}
    for row in sorted(rows, key=lambda row: row.place):
        best.setdefault(row.source_system, row)
    return list(best.values())


# -- the steps -------------------------------------------------------------------------------------------


def update_golden(
    con: Connection,
    rules: DomainRules,
    systems: Mapping[str, str],
    *,
    change_seq: int,
    horizon: datetime,
    heard: Heard | None,
) -> int:
    """Recompute survivorship and golden versions of the ids in the table `v_golden` (sk). Returns how many changed.

    Rule dates after `horizon` do not count yet. `heard`: None where no value has a limit.
    """
    if not scalar(con, "SELECT count(*) FROM v_golden"):
        return 0
    names = names_of(rules) | _golden_names(rules)
    values: dict[str, Any] = {"domain": rules.domain, "change_seq": change_seq}
    _rule_tables(con, rules, systems, horizon)
    for step in ("members", "versions", "dead", "statements"):
        run(con, f"survivorship.{step}", names, values)
    if rules.when_deleted:
        deleted = {"deleted_attribute": rules.when_deleted.attribute, "deleted_value": rules.when_deleted.value}
        run(con, "survivorship.obituaries", names, values | deleted)
    for step in ("overrides", "override_rules"):
        run(con, f"survivorship.{step}", names, values)
    con.execute(_NOTHING_FRESH)
    if heard is not None:
        find_fresh(con, rules, heard.as_of)
    _decide(con, rules, names, values)
    _assemble(con, rules, names, values)
    changed = _store(con, rules, names, values)
    for name in _TABLES.split():
        con.execute(f"DROP TABLE IF EXISTS {name}")
    return changed


def _rule_tables(con: Connection, rules: DomainRules, systems: Mapping[str, str], horizon: datetime) -> None:
    con.execute(
        "CREATE OR REPLACE TEMP TABLE v_attribute"
        " (stated VARCHAR, attribute VARCHAR, attribute_no BIGINT, is_of_record BOOLEAN)"
    )
    con.execute("CREATE OR REPLACE TEMP TABLE v_cut (attribute_no BIGINT, instant TIMESTAMPTZ)")
    rows: list[tuple[int, RuleRow]] = []
    for number, stated in enumerate(rules.survivable):
        of_record = stated in rules.attributes and rules.attributes[stated].of_record
        named = [stated, rules.published.get(stated, stated), number, of_record]
        con.execute("INSERT INTO v_attribute VALUES (?, ?, ?, ?)", named)
        for instant in rule_dates(rules, stated, horizon):
            con.execute("INSERT INTO v_cut VALUES (?, ?)", [number, instant])
        rows += [(number, row) for row in rule_rows(rules, stated, systems)]
    texts = {text: number for number, text in enumerate(dict.fromkeys(row.rule for _, row in rows))}
    keep(con, "v_rule", _rule_table(con, rows, texts))
    keep(con, "v_rule_text", pa.table({"rule_no": list(texts.values()), "rule": pa.array(list(texts), pa.string())}))
    log = "SELECT * EXCLUDE (_change_seq) FROM master.survivorship_log LIMIT 0"
    con.execute(f"CREATE OR REPLACE TEMP TABLE v_log AS {log}")


def _rule_table(con: Connection, rows: Sequence[tuple[int, RuleRow]], texts: Mapping[str, int]) -> pa.Table:
    """The rule rows with numbers in place of names."""
    sources = dict(con.execute("SELECT source_system, source_no FROM i_source").fetchall())
    columns = {
        "attribute_no": [number for number, _ in rows],
        "source_no": [sources[row.source_system] for _, row in rows],
        "rule_no": [texts[row.rule] for _, row in rows],
    }
    same = [field.name for field in _RULE if field.name not in columns]
    columns |= {name: [getattr(row, name) for _, row in rows] for name in same}
    return pa.table([pa.array(columns[field.name], field.type) for field in _RULE], schema=_RULE)


def _decide(con: Connection, rules: DomainRules, names: Mapping[str, str], values: Mapping[str, Any]) -> None:
    """Winners into v_log: first of the attributes that scope others, then of the others."""
    scopes = [name for name in rules.survivable if name in rules.scope_attributes]
    others = [name for name in rules.survivable if name not in rules.scope_attributes]
    for attributes in (scopes, others):
        if not attributes:
            continue
        con.execute("CREATE OR REPLACE TEMP TABLE v_pass (attribute_no BIGINT, has_scope BOOLEAN)")
        for name in attributes:
            has_scope = any(entry.scope for entry in rules.entries(name))
            con.execute("INSERT INTO v_pass VALUES (?, ?)", [rules.survivable.index(name), has_scope])
        candidates = ("candidates", "candidates_on_condition", "candidates_of_decisions")
        for step in ("spans", *candidates, "ballots", "won", "log"):
            run(con, f"survivorship.{step}", names, values)


def _golden_names(rules: DomainRules) -> dict[str, str]:
    """The parts of the golden statements that follow from the domain's columns."""
    cells = []
    for column, kind in rules.golden_columns.items():
        if column in rules.derived:
            continue
        stated = next((name for name, sk in rules.references.items() if sk == column), None)
        if stated is None:
            cells.append(f"CAST(max(l.value) FILTER (l.attribute = {literal(column)}) AS {kind}) AS {quoted(column)}")
        else:
            found = f"max(coalesce(r.sk, -2)) FILTER (l.attribute = {literal(stated)})"
            cells.append(f"{found} AS {quoted(column)}")
    columns = [quoted(name) for name in rules.golden_columns]
    return {
        "cells": ",\n    ".join(cells),
        "version_columns": ", ".join(f"v.{column}" for column in columns),
        "derived_values": "".join(f", {quoted('v_' + name)}.value AS {quoted(name)}" for name in rules.derived),
        "derived_joins": " ".join(
            f"LEFT JOIN {quoted('v_' + name)} ON c.{quoted(one.from_)} = {quoted('v_' + name)}.text"
            for name, one in rules.derived.items()
        ),
    }


def _assemble(con: Connection, rules: DomainRules, names: Mapping[str, str], values: Mapping[str, Any]) -> None:
    con.execute(
        "CREATE OR REPLACE TEMP TABLE v_reference"
        " (attribute VARCHAR, source_system VARCHAR, source_key VARCHAR, sk BIGINT)"
    )
    for name, one in rules.attributes.items():
        if one.references is not None:
            con.execute(
                f"INSERT INTO v_reference SELECT ?, source_system, source_key, {quoted(f'{one.references}_sk')}"
                f" FROM {quoted('master', f'xref_{one.references}')} WHERE valid_to IS NULL",
                [name],
            )
    for step in ("points", "cells"):
        run(con, f"survivorship.{step}", names, values)
    for name, derived in rules.derived.items():
        _derive(con, name, derived.from_, derived.function)
    run(con, "survivorship.golden", names, values)
    for name in rules.derived:
        con.execute(f"DROP TABLE {quoted('v_' + name)}")


def _derive(con: Connection, name: str, source: str, function: str) -> None:
    """A table of text and value for each distinct text of the source column."""
    found = con.execute(f"SELECT DISTINCT {quoted(source)} FROM v_cell WHERE {quoted(source)} IS NOT NULL").fetchall()
    texts = [str(row[0]) for row in found]
    table = pa.table(
        {
            "text": pa.array(texts, pa.string()),
            "value": pa.array([DERIVATIONS[function](t) for t in texts], pa.string()),
        }
    )
    keep(con, f"v_{name}", table)


def _store(con: Connection, rules: DomainRules, names: Mapping[str, str], values: Mapping[str, Any]) -> int:
    replace_rows(
        con,
        "master.survivorship_log",
        "v_log",
        scope="t.domain = $domain AND t.sk IN (SELECT sk FROM v_golden)",
        values={"domain": rules.domain},
        change_seq=values["change_seq"],
    )
    con.execute("CREATE OR REPLACE TEMP TABLE v_changed (sk BIGINT)")
    replace_rows(
        con,
        names["golden"],
        "v_golden_new",
        scope=f"t.{names['sk']} IN (SELECT sk FROM v_golden)",
        values={},
        change_seq=values["change_seq"],
        key=[rules.surrogate],
        changed_keys="v_changed",
    )
    found = int(scalar(con, "SELECT count(DISTINCT sk) FROM v_changed"))
    con.execute("DROP TABLE v_changed")
    return found
