"""Decisions in the working database: what is new of them, whom it concerns, and tables for the steps that follow.

Here: comparing the decisions in force with those of the last call, so that a decision costs what it touches; temporary
tables for identity (`i_group`, `i_apart`, `i_alone`, `i_decided`, `i_ruling`, `i_rekeyed`) and survivorship
(`i_override`). Not here: what decisions come to (`mastering.decisions`), who keeps them (`store.control`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from mastering.decisions import Judgement, Key, Ruling, resolve
from mastering.identifiers import SCHEMES
from mastering.replace import replace_rows
from mastering.rules import DomainRules
from mastering.sqlfile import Connection, keep, scalar
from mastering.statements import KEY, typed_text

_STAMP = pa.timestamp("us", "UTC")
_PLACE = [("source_system", pa.string()), ("source_key", pa.string())]
_RULING = pa.schema(
    [
        ("domain", pa.string()),
        ("decision_id", pa.int64()),
        ("decided_at", _STAMP),
        ("who", pa.string()),
        ("kind", pa.string()),
        ("left_source", pa.string()),
        ("left_key", pa.string()),
        ("right_source", pa.string()),
        ("right_key", pa.string()),
        ("attribute", pa.string()),
        ("value", pa.string()),
        ("expect_source", pa.string()),
        ("expect_key", pa.string()),
        ("expect_value", pa.string()),
        ("case_id", pa.string()),
        ("reason", pa.string()),
        ("overruled_by", pa.int64()),
        ("fault", pa.string()),
    ]
)
_STEWARD = pa.schema([("domain", pa.string()), *_PLACE, ("kind", pa.string()), ("detail", pa.string())])
_GROUP = pa.schema([*_PLACE, ("grp", pa.int64())])
_APART = pa.schema([("grp", pa.int64()), ("other_grp", pa.int64())])
_DECIDED = pa.schema([*_PLACE, ("kind", pa.string()), ("who", pa.string()), ("decided_at", _STAMP)])
_REKEYED = pa.schema([*_PLACE, ("new_key", pa.string())])
_OVERRIDE = pa.schema(
    [
        *_PLACE,
        ("attribute", pa.string()),
        ("value", pa.string()),
        ("decision_id", pa.int64()),
        ("decided_at", _STAMP),
        ("rule", pa.string()),
    ]
)
_NOTHING = """
CREATE OR REPLACE TEMP TABLE i_group (source_system VARCHAR, source_key VARCHAR, grp BIGINT);
CREATE OR REPLACE TEMP TABLE i_apart (grp BIGINT, other_grp BIGINT);
CREATE OR REPLACE TEMP TABLE i_alone (source_system VARCHAR, source_key VARCHAR);
CREATE OR REPLACE TEMP TABLE i_decided
    (source_system VARCHAR, source_key VARCHAR, kind VARCHAR, who VARCHAR, decided_at TIMESTAMPTZ);
CREATE OR REPLACE TEMP TABLE i_rekeyed (source_system VARCHAR, source_key VARCHAR, new_key VARCHAR);
CREATE OR REPLACE TEMP TABLE i_override (
    source_system VARCHAR, source_key VARCHAR, attribute VARCHAR, value VARCHAR,
    decision_id BIGINT, decided_at TIMESTAMPTZ, rule VARCHAR);
CREATE OR REPLACE TEMP TABLE i_ruling AS
    SELECT * EXCLUDE (_change_seq), 'positive' AS judgement FROM master.ruling LIMIT 0;
"""
_TABLES = "m_decided i_group i_apart i_alone i_decided i_ruling i_rekeyed i_override"


def note_decisions(con: Connection, rules: DomainRules, rulings: Sequence[Ruling], *, change_seq: int) -> int:
    """Keep the decisions in force in master.ruling and make the temporary tables. Returns how many rows differ.

    Records that a new, changed or taken back decision concerns are in `m_decided` (source_system, source_key).
    """
    con.execute("CREATE OR REPLACE TEMP TABLE m_decided (source_system VARCHAR, source_key VARCHAR)")
    judgement = resolve(rulings)
    checked = {one.id: _checked(con, rules, one) for one in rulings if one.kind == "override"}
    _write(con, rules, rulings, judgement, checked)
    if not rulings and not scalar(con, "SELECT count(*) FROM master.ruling WHERE domain = $d", {"d": rules.domain}):
        return 0
    keep(con, "i_noted", _rows(_RULING, (_ruling_row(rules, one, judgement, checked) for one in rulings)))
    scope = {"scope": "t.domain = $domain", "values": {"domain": rules.domain}, "change_seq": change_seq}
    noted = replace_rows(con, "master.ruling", "i_noted", **scope)  # type: ignore[arg-type]
    keep(con, "i_noted", _rows(_STEWARD, _touches(rules, rulings, judgement, checked)))
    touched = replace_rows(con, "master.steward", "i_noted", key=KEY, changed_keys="m_decided", **scope)  # type: ignore[arg-type]
    con.execute("DROP TABLE i_noted")
    return noted.removed + noted.added + touched.removed + touched.added


def spread_decisions(con: Connection, rules: DomainRules) -> None:
    """Records that new decisions concern count as changed; re-keyed keys that still have a record keep their id."""
    con.execute(
        "INSERT INTO m_changed SELECT DISTINCT d.source_system, d.source_key FROM m_decided AS d"
        " SEMI JOIN master.record AS r ON r.domain = $domain AND d.source_system = r.source_system"
        " AND d.source_key = r.source_key"
        " ANTI JOIN m_changed AS c ON d.source_system = c.source_system AND d.source_key = c.source_key",
        {"domain": rules.domain},
    )
    con.execute(
        "DELETE FROM i_rekeyed WHERE (source_system, source_key) IN"
        " (SELECT source_system, source_key FROM master.record WHERE domain = $domain)",
        {"domain": rules.domain},
    )


def forget_decisions(con: Connection) -> None:
    """Drop the temporary tables."""
    for name in _TABLES.split():
        con.execute(f"DROP TABLE IF EXISTS {name}")


def checked_value(con: Connection, rules: DomainRules, attribute: str, value: str) -> tuple[str, str | None]:
    """The one text of a value for an attribute or published identifier, and what is wrong with it (None: nothing)."""
    if attribute in rules.published:
        one = rules.identifiers[attribute]
        if one.secret:
            return "", f"{attribute} is secret and cannot be written down"
        verdict = SCHEMES[one.scheme or attribute](value)
        return verdict.value, verdict.fault
    if attribute not in rules.attributes:
        return value, f"the domain {rules.domain} has no attribute {attribute}"
    if not value.strip():
        return "", "an override needs a value"
    return typed_text(con, rules.attributes[attribute].type, value)


# -- as rows -----------------------------------------------------------------------------------------------


def _checked(con: Connection, rules: DomainRules, ruling: Ruling) -> tuple[str, str | None]:
    return checked_value(con, rules, ruling.attribute or "", ruling.value or "")


def _write(
    con: Connection,
    rules: DomainRules,
    rulings: Sequence[Ruling],
    judgement: Judgement,
    checked: Mapping[int, tuple[str, str | None]],
) -> None:
    """The temporary tables of identity and survivorship."""
    if not rulings:
        con.execute(_NOTHING)
        return
    number = {label: place for place, label in enumerate(sorted(set(judgement.group.values())))}
    apart = [pair for one, other in judgement.apart for pair in ((one, other), (other, one))]
    standing = [one for one in rulings if one.id not in judgement.overruled]
    tables: dict[str, pa.Table] = {
        "i_group": _rows(_GROUP, ((*key, number[label]) for key, label in judgement.group.items())),
        "i_apart": _rows(_APART, ((number[one], number[other]) for one, other in apart)),
        "i_alone": _rows(pa.schema(_PLACE), sorted(judgement.alone)),
        "i_decided": _rows(_DECIDED, ((*key, r.kind, r.who, r.at) for key, r in judgement.decided.items())),
        "i_rekeyed": _rows(_REKEYED, ((*old, new[1]) for old, new in judgement.now.items() if old[0] == new[0])),
        "i_override": _rows(_OVERRIDE, _override_rows(standing, judgement, checked)),
    }
    for name, table in tables.items():
        keep(con, name, table)
    shown = [one for one in standing if one.kind in ("same", "different", "rekey", "split") and one.left]
    keep(con, "i_ruling", _rows(_RULING, (_ruling_row(rules, one, judgement, checked) for one in shown)))
    con.execute("ALTER TABLE i_ruling ADD COLUMN judgement VARCHAR")
    con.execute(
        "UPDATE i_ruling SET judgement = CASE WHEN kind IN ('same', 'rekey') THEN 'positive' ELSE 'negative' END"
    )
    # A record that stands alone is apart from whatever it is not: the edge names it twice.
    con.execute("UPDATE i_ruling SET right_source = left_source, right_key = left_key WHERE kind = 'split'")


def _override_rows(
    rulings: Sequence[Ruling], judgement: Judgement, checked: Mapping[int, tuple[str, str | None]]
) -> Iterator[tuple[Any, ...]]:
    for one in rulings:
        value, fault = checked.get(one.id, ("", "no override"))
        if fault is None and one.left is not None:
            key = judgement.now.get(one.left, one.left)
            rule = f"override by {one.who} (decision {one.id}): {one.reason}"
            yield (*key, one.attribute, value, one.id, one.at, rule)


def _ruling_row(
    rules: DomainRules, one: Ruling, judgement: Judgement, checked: Mapping[int, tuple[str, str | None]]
) -> tuple[Any, ...]:
    left, right = one.left or (None, None), one.right or (None, None)
    expect = one.expect
    expected = (expect.source_system, expect.source_key, expect.value) if expect else (None, None, None)
    return (
        *(rules.domain, one.id, one.at, one.who, one.kind),
        *(*left, *right, one.attribute, one.value, *expected),
        *(one.case, one.reason, judgement.overruled.get(one.id), checked.get(one.id, ("", None))[1]),
    )


def _touches(
    rules: DomainRules,
    rulings: Sequence[Ruling],
    judgement: Judgement,
    checked: Mapping[int, tuple[str, str | None]],
) -> Iterator[tuple[Any, ...]]:
    """What each record has from the decisions: where a row differs from last time, the record is looked at again."""
    said: set[tuple[Key, str, str]] = set()
    foes: dict[Key, set[Key]] = {}
    for one, other in judgement.apart:
        foes.setdefault(one, set()).add(other)
        foes.setdefault(other, set()).add(one)
    for key, label in judgement.group.items():
        said.add((key, "group", "|".join(label)))
        said |= {(key, "apart", "|".join(foe)) for foe in foes.get(label, ())}
    said |= {(key, "alone", "") for key in judgement.alone}
    said |= {(key, "decided", str(ruling.id)) for key, ruling in judgement.decided.items()}
    said |= {(old, "rekeyed", "|".join(new)) for old, new in judgement.now.items()}
    for row in _override_rows([one for one in rulings if one.id not in judgement.overruled], judgement, checked):
        said.add(((row[0], row[1]), "override", f"{row[4]}|{row[2]}|{row[3]}"))
    for ruling in rulings:
        for end in (ruling.left, ruling.right):
            if end is not None:
                said.add((end, "named", str(ruling.id)))
    return ((rules.domain, *key, kind, detail) for key, kind, detail in sorted(said))


def _rows(schema: pa.Schema, rows: Any) -> pa.Table:  # noqa: ANN401 - any iterable of tuples
    """Tuples in the order of the schema as Arrow."""
    found = list(rows)
    columns = [pa.array([row[place] for row in found], one.type) for place, one in enumerate(schema)]
    return pa.table(columns, schema=schema)
