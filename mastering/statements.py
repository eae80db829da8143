"""From intake to statements: what each source said of each attribute, since when, until when.

Statements are a pure function of the intake's history: whatever instants are given in whatever batches, the rows
are the same. Here: the replay over change points, typing and normalising of values. Not here: what intake is
(`store.intake`), who is who (`mastering.identity`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import pyarrow as pa

from connectors.errors import ConfigurationError
from mastering.identifiers import Verdict, form_days, keyed_hash, normalised
from mastering.replace import replace_rows
from mastering.rules import DomainRules, Identifier
from mastering.sqlfile import Connection, arrow, keep, literal, quoted, run

IntakeSql = Callable[[datetime | None], str]

KEY = ("source_system", "source_key")
_TEMPORARY = ("s_current", "s_wide", "s_key", "s_record", "s_raw", "s_normalised", "s_value", "s_statement")
_NORMALISED = pa.schema(
    [("attribute", pa.string()), ("raw", pa.string()), ("era", pa.date32())]
    + [(name, pa.string()) for name in ("value", "stored_raw", "fault")]
)


@dataclass(frozen=True, slots=True)
class Stated:
    """Rows of master.statement that came and went."""

    opened: int
    removed: int


def update_statements(
    con: Connection,
    rules: DomainRules,
    intake_sql: IntakeSql,
    change_points: Sequence[datetime],
    *,
    change_seq: int,
    secret_key: bytes | None,
    from_scratch: bool,
) -> Stated:
    """Replay the intake from the earliest change point on; keys of changed records go to the table `m_changed`.

    Later instants that were passed in earlier calls are replayed too, so that a late delivery ends in the same
    statements as one in time. `from_scratch`: from the first instant ever known (the rules have changed).
    """
    points = _points(con, rules.domain, change_points, from_scratch)
    if not points:
        return Stated(0, 0)
    values = {
        "domain": rules.domain,
        "since": points[0],
        "change_seq": change_seq,
        "secret_key": _hash_salt(secret_key),
    }
    names = _names(rules)
    _replay(con, intake_sql, points, names, values)
    _build(con, rules, names, values, secret_key)
    stated = _store(con, values)
    for name in _TEMPORARY:
        con.execute(f"DROP TABLE IF EXISTS {name}")
    return stated


def _points(con: Connection, domain: str, given: Sequence[datetime], from_scratch: bool) -> list[datetime]:
    """The instants to replay, ascending; new ones are remembered."""
    known = {
        row[0] for row in con.execute("SELECT instant FROM master.change_point WHERE domain = ?", [domain]).fetchall()
    }
    fresh = sorted(set(given) - known)
    if fresh:
        con.execute(
            "INSERT INTO master.change_point SELECT ?, unnest(?::TIMESTAMPTZ[])",
            [domain, fresh],
        )
    every = known | set(fresh)
    if from_scratch:
        return sorted(every)
    return sorted(at for at in every if at >= min(given)) if given else []


def _hash_salt(secret_key: bytes | None) -> str:
    return "" if secret_key is None else keyed_hash(secret_key, "row hash")


def _names(rules: DomainRules) -> dict[str, str]:
    columns = [quoted(name) for name in rules.columns]
    secrets = {quoted(name) for name, one in rules.identifiers.items() if one.secret}
    texts = {column: f"CAST({column} AS VARCHAR)" for column in columns}
    return {
        "wide_definitions": ", ".join(f"{column} VARCHAR" for column in columns),
        "wide_columns": ", ".join(columns),
        "text_columns": ", ".join(f"{text} AS {column}" for column, text in texts.items()),
        "now_columns": ", ".join(f"now.{column}" for column in columns),
        "hash_inputs": ", ".join(f"{t} || $secret_key" if c in secrets else t for c, t in texts.items()),
        "identifier_names": ", ".join(literal(name) for name in rules.identifiers) or "NULL",
        "era": _era(rules),
        "attribute_value": _by_type(rules, _canonical, "trim(r.raw)"),
        "attribute_fault": _by_type(rules, _fault, "CAST(NULL AS VARCHAR)"),
    }


def _era(rules: DomainRules) -> str:
    """SQL of the day from which on a text means what it meant at `_at`; one day for all where it never changes.

    Few days, and not that of the statement: so that a text is normalised once for each meaning that it had.
    """
    cases = []
    for name, one in rules.identifiers.items():
        for day in reversed(form_days(one.scheme or name)):
            since = f"attribute = {literal(name)} AND _at >= TIMESTAMPTZ '{day} 00:00:00+00'"
            cases.append(f"WHEN {since} THEN DATE '{day}'")
    always = f"DATE '{date.min}'"
    return f"CASE {' '.join(cases)} ELSE {always} END" if cases else always


def _by_type(rules: DomainRules, expression: Callable[[str], str], otherwise: str) -> str:
    """A CASE over the attribute's declared type; text needs none."""
    kinds = sorted({one.type for one in rules.attributes.values()} - {"VARCHAR"})
    cases = []
    for kind in kinds:
        members = ", ".join(literal(name) for name, one in rules.attributes.items() if one.type == kind)
        cases.append(f"WHEN r.attribute IN ({members}) THEN {expression(kind)}")
    return f"CASE {' '.join(cases)} ELSE {otherwise} END" if cases else otherwise


def _canonical(kind: str) -> str:
    """The one text of a typed value; as it came where it is no such value."""
    return f"coalesce(CAST(TRY_CAST(trim(r.raw) AS {kind}) AS VARCHAR), trim(r.raw))"


def _fault(kind: str) -> str:
    """A reason where the text is not *exactly* a value of the type: DuckDB's own cast rounds and truncates."""
    typed = f"TRY_CAST(trim(r.raw) AS {kind})"
    wider = {"DATE": "TIMESTAMP", "BOOLEAN": None, "TIMESTAMPTZ": None}.get(kind, "DECIMAL(38,12)")
    inexact = f" OR TRY_CAST(trim(r.raw) AS {wider}) IS DISTINCT FROM CAST({typed} AS {wider})" if wider else ""
    return f"CASE WHEN {typed} IS NULL{inexact} THEN 'not exactly a {kind}' END"


def typed_text(con: Connection, kind: str, raw: str) -> tuple[str, str | None]:
    """A text as a value of the type would be written in a statement, and why it is none (None: it is one)."""
    if kind == "VARCHAR":
        return raw.strip(), None
    query = f"SELECT {_canonical(kind)}, {_fault(kind)} FROM (SELECT CAST(? AS VARCHAR) AS raw) AS r"
    [(value, fault)] = con.execute(query, [raw]).fetchall()
    return value, fault


def _replay(
    con: Connection,
    intake_sql: IntakeSql,
    points: Sequence[datetime],
    names: dict[str, str],
    values: dict[str, object],
) -> None:
    """Fill s_wide with every change of every record from the first point on."""
    _check_columns(con, intake_sql(None), names["wide_columns"])
    run(con, "statements.before", names, values)
    run(con, "statements.wide", names, values)
    for at in points:
        # The intake as of the last instant is the intake now, which is cheaper to read.
        relation = intake_sql(None if at == points[-1] else at)
        step = values | {"at": at}
        run(con, "statements.changed_at", names | {"relation": relation}, step)
        run(con, "statements.forget_changed", names, step)
        run(con, "statements.remember_changed", names, step)


def _check_columns(con: Connection, relation: str, wanted: str) -> None:
    found = {quoted(str(row[0])) for row in con.execute(f"DESCRIBE SELECT * FROM ({relation}) AS intake").fetchall()}
    missing = [name for name in wanted.split(", ") if name not in found]
    if missing:
        raise ConfigurationError(
            f"the intake relation lacks {', '.join(missing)}",
            hint="Every attribute and identifier of the domain file is a column of its intake",
        )


def _build(
    con: Connection, rules: DomainRules, names: dict[str, str], values: dict[str, object], secret_key: bytes | None
) -> None:
    for step in ("affected", "records", "raw"):
        run(con, f"statements.{step}", names, values)
    texts = arrow(con, "statements.identifier_texts", names, values)
    keep(con, "s_normalised", _normalise(rules, texts, secret_key))
    for step in ("values", "statements"):
        run(con, f"statements.{step}", names, values)


def _normalise(rules: DomainRules, texts: pa.Table, secret_key: bytes | None) -> pa.Table:
    """attribute, raw, era -> value, what is stored as raw, fault."""
    rows = [
        (name, raw, era, *_stored(rules, name, raw, era, secret_key))
        for name, raw, era in zip(*(texts[name].to_pylist() for name in ("attribute", "raw", "era")), strict=True)
    ]
    columns = [[row[place] for row in rows] for place in range(len(_NORMALISED))]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, _NORMALISED, strict=True)]
    return pa.table(arrays, schema=_NORMALISED)


def _stored(
    rules: DomainRules, name: str, raw: str, era: date, secret_key: bytes | None
) -> tuple[str, str, str | None]:
    """value, raw value and fault as they are stored; of a secret only the keyed hash, twice."""
    one: Identifier = rules.identifiers[name]
    verdict: Verdict = normalised(one.scheme or name, raw, era)
    if not one.secret:
        return verdict.value, raw, verdict.fault
    if secret_key is None:
        raise ConfigurationError(
            f"{rules.domain}.{name} is secret, and there is no key to hash it with",
            hint="Set CONCORD_TAX_KEY to a long random text and keep it: another key makes other hashes",
        )
    hashed = keyed_hash(secret_key, verdict.value)
    return hashed, hashed, verdict.fault


def _store(con: Connection, values: dict[str, object]) -> Stated:
    later = (
        "t.domain = $domain AND (t.valid_to IS NULL OR t.valid_to >= $since)"
        " AND (t.source_system, t.source_key) IN (SELECT source_system, source_key FROM s_key)"
    )
    bound = {"domain": values["domain"], "since": values["since"]}
    seq = int(str(values["change_seq"]))
    replace_rows(
        con,
        "master.record",
        "s_record",
        scope=later,
        values=bound,
        change_seq=seq,
        seq_column="change_seq",
        key=KEY,
        changed_keys="m_changed",
    )
    done = replace_rows(
        con, "master.statement", "s_statement", scope=later, values=bound, change_seq=seq, seq_column="change_seq"
    )
    return Stated(done.added, done.removed)
