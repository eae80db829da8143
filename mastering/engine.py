"""Mastering one domain: statements, then identity, then survivorship, then findings, each for what changed.

Here: the order of the steps and what each hands to the next. Not here: the steps. The caller holds the
transaction; everything is written in schema `master`. Domains go in the order of their references: location,
supplier, item (an item's supplier part is compared within the golden supplier).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from mastering.decisions import Ruling
from mastering.findings import count_findings, update_findings
from mastering.identifiers import keyed_hash
from mastering.identity import UNKNOWN, UNRESOLVED, Identified, update_identity
from mastering.ledger import Ledger
from mastering.rules import DomainRules
from mastering.schema import names_of, prepare
from mastering.sources import known_sources, write_sources
from mastering.sqlfile import Connection, quoted, scalar
from mastering.staleness import (
    Hear,
    Heard,
    age_limits,
    forget_temporary,
    limits_turn,
    look_again,
    never_heard,
    remember,
)
from mastering.statements import IntakeSql, Stated, update_statements
from mastering.stewardship import forget_decisions, note_decisions, spread_decisions
from mastering.survivorship import rule_dates, update_golden

#: Grows when the same rules give other rows than before: everything is then recomputed once.
LOGIC_VERSION = "11"
TAX_KEY = "CONCORD_TAX_KEY"


@dataclass(frozen=True, slots=True)
class MasterOutcome:
    """What one call did.

    `records`: source records of the domain. `changed_records`: those whose row differs. `statements_opened`,
    `statements_removed`: rows of master.statement that came and went.
    `golden`: golden records. `changed_golden`: those with another row.
    `reached`: records whose identity was looked at. `minted`, `merged`, `split`: golden ids new, redirected, parted.
    `vanished`: records that are gone without a tombstone (their source left, or supplies them no more): no change
    counter tells that what refers to them must be computed again. `decided`: rows that new decisions changed.
    `findings`: kind -> how many are open.
    """

    domain: str
    records: int
    changed_records: int
    statements_opened: int
    statements_removed: int
    golden: int
    changed_golden: int
    reached: int
    minted: int
    merged: int
    split: int
    vanished: int = 0
    decided: int = 0
    findings: Mapping[str, int] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether anything differs from before."""
        return bool(
            self.changed_records or self.changed_golden or self.minted or self.merged or self.vanished or self.decided
        )


def master_domain(
    con: Connection,
    rules: DomainRules,
    intake_sql: IntakeSql,
    change_points: Sequence[datetime],
    ledger: Ledger,
    change_seq: int,
    now: datetime,
    *,
    source_systems: Mapping[str, str] | None = None,
    secret_key: bytes | None = None,
    anew: bool = False,
    rulings: Sequence[Ruling] = (),
    hear: Hear | None = None,
) -> MasterOutcome:
    """Bring one domain up to its intake.

    `intake_sql(at)`: the intake relation as SQL text, as of a moment or now (None). `change_points`: moments (aware)
    at which it changed since the last call; earlier ones too where a late delivery changed the past. `now`: rule
    dates up to now are in force. `source_systems`: source -> system (feed pack); a source that is not named is
    its own system. `secret_key`: key of this home for hashing secret identifiers, unless the
    environment has CONCORD_TAX_KEY. `anew`: rows that the domain was made from may have vanished without a trace, or
    others be supplied now; `change_points` are then all there are. `rulings`: the decisions in force on this domain,
    all of them at each call; only what differs from last time costs anything. `hear`: what the sources confirmed, asked
    only where the rules have a `max_age_hours`; without it no such limit passes. Raises ConfigurationError where the
    intake lacks a column or the key is needed.
    """
    prepare(con, rules)
    _fixed_labels(con, rules, change_seq)
    key = _secret(secret_key)
    rules_hash = _rules_hash(rules, source_systems or {}, key, intake_sql(None))
    before = _state(con, rules)
    decided = note_decisions(con, rules, rulings, change_seq=change_seq)
    heard = (hear() if hear else Heard(None)) if age_limits(rules) else None
    aged = heard is not None and limits_turn(con, rules, heard)
    idle = before is not None and not (anew or change_points or decided or aged)
    if before is not None and idle and _stands(con, rules, before, rules_hash, now):
        return _unchanged(con, rules)
    from_scratch = before is not None and (anew or before[0] != rules_hash)
    con.execute("CREATE OR REPLACE TEMP TABLE m_changed (source_system VARCHAR, source_key VARCHAR)")
    stated = update_statements(
        con,
        rules,
        intake_sql,
        change_points,
        change_seq=change_seq,
        secret_key=key,
        from_scratch=from_scratch,
    )
    spread_decisions(con, rules)
    systems = known_sources(con, rules, source_systems or {})
    write_sources(con, rules, systems)
    everything = before is None or from_scratch
    identified = update_identity(con, rules, ledger, change_seq=change_seq, everything=everything)
    horizon = now if before is None else max(now, before[1])
    turned = before is not None and _rules_turn(rules, before[1], horizon)
    due = everything or turned or (heard is not None and never_heard(con, rules))
    changed_golden = _golden(con, rules, systems, heard, due=due, aged=aged, change_seq=change_seq, horizon=horizon)
    outcome = _outcome(con, rules, stated, identified, changed_golden)
    if outcome.reached or outcome.changed_golden or due or decided or aged:
        outcome = _finish(con, rules, outcome, systems, rules_hash, horizon, change_seq)
    elif _others_moved(con, rules):
        # That has been looked at: it is not news the next time.
        con.execute("UPDATE master.state SET change_seq = ? WHERE domain = ?", [change_seq, rules.domain])
    for name in ("m_changed", "m_moved", "i_source"):
        con.execute(f"DROP TABLE IF EXISTS {name}")
    forget_temporary(con)
    forget_decisions(con)
    return replace(outcome, decided=decided)


def _golden(
    con: Connection,
    rules: DomainRules,
    systems: Mapping[str, str],
    heard: Heard | None,
    *,
    due: bool,
    aged: bool,
    change_seq: int,
    horizon: datetime,
) -> int:
    """Recompute the golden records that the change reaches, all of them where `due`; returns how many changed."""
    _golden_to_recompute(con, rules, everything=due)
    if aged:
        look_again(con, rules)
    changed = update_golden(con, rules, systems, change_seq=change_seq, horizon=horizon, heard=heard)
    if heard is not None:
        remember(con, rules, heard)
    return changed


def _state(con: Connection, rules: DomainRules) -> tuple[str, datetime] | None:
    """Rules hash and horizon of the last call that did something; None before the first."""
    query = "SELECT rules_hash, horizon FROM master.state WHERE domain = ?"
    rows = con.execute(query, [rules.domain]).fetchall()
    return (rows[0][0], rows[0][1]) if rows else None


def _stands(con: Connection, rules: DomainRules, before: tuple[str, datetime], rules_hash: str, now: datetime) -> bool:
    """Whether nothing that the domain follows from is new: rules, dates of rules, records that it refers to."""
    if before[0] != rules_hash or _rules_turn(rules, before[1], max(now, before[1])):
        return False
    return not _others_moved(con, rules)


def _others_moved(con: Connection, rules: DomainRules) -> bool:
    """Whether records of domains that this one refers to have other golden ids since it was last mastered."""
    named = {one.references for one in rules.attributes.values()} | {one.scope for one in rules.identifiers.values()}
    mastered = {row[0] for row in con.execute("SELECT domain FROM master.state").fetchall()}
    others = sorted(mastered & {str(name) for name in named} - {rules.domain})
    return any(scalar(con, _moved_sql(other), {"domain": rules.domain}) for other in others)


def _moved_sql(domain: str) -> str:
    """Number of records of another domain whose golden id changed since this one was last mastered."""
    table = quoted("master", f"xref_{domain}")
    since = "SELECT change_seq FROM master.state WHERE domain = $domain"
    return f"SELECT count(*) FROM {table} WHERE _change_seq > ({since})"


def _secret(given: bytes | None) -> bytes | None:
    named = os.environ.get(TAX_KEY)
    return named.encode("utf-8") if named else given


def _rules_hash(rules: DomainRules, source_systems: Mapping[str, str], key: bytes | None, intake: str) -> str:
    """Changes when the rules, the code, the sources' systems, what they supply or the key of secrets do."""
    parts = [
        LOGIC_VERSION,
        intake,
        rules.model_dump_json(by_alias=True),
        repr(sorted(source_systems.items())),
        keyed_hash(key, "rules") if key and any(one.secret for one in rules.identifiers.values()) else "",
    ]
    return hashlib.sha256("\n".join(parts).encode("utf-8")).hexdigest()


def _fixed_labels(con: Connection, rules: DomainRules, change_seq: int) -> None:
    for sk, label in ((UNKNOWN, "UNKNOWN"), (UNRESOLVED, "UNRESOLVED")):
        con.execute(
            "INSERT INTO master.label SELECT $domain, $sk, $label, $seq"
            " WHERE NOT EXISTS (SELECT 1 FROM master.label WHERE domain = $domain AND sk = $sk)",
            {"domain": rules.domain, "sk": sk, "label": label, "seq": change_seq},
        )


def _rules_turn(rules: DomainRules, last: datetime, horizon: datetime) -> bool:
    """Whether a system-of-record entry began or ended since the last call."""
    return any(last < at for name in rules.survivable for at in rule_dates(rules, name, horizon))


def _golden_to_recompute(con: Connection, rules: DomainRules, *, everything: bool) -> None:
    """Fill v_golden: golden records of changed or moved records, and those that refer to moved ones."""
    names = names_of(rules)
    con.execute("CREATE OR REPLACE TEMP TABLE v_golden (sk BIGINT)")
    if everything:
        con.execute(
            f"INSERT INTO v_golden SELECT DISTINCT {names['sk']} FROM {names['xref']} WHERE {names['sk']} > 0"
            f" UNION SELECT {names['sk']} FROM {names['golden']}"
        )
        return
    con.execute(
        f"INSERT INTO v_golden SELECT x.{names['sk']} FROM {names['xref']} AS x"
        f" SEMI JOIN m_changed AS c USING (source_system, source_key) WHERE x.valid_to IS NULL AND x.{names['sk']} > 0"
        " UNION SELECT old_sk FROM m_moved WHERE old_sk > 0 UNION SELECT new_sk FROM m_moved WHERE new_sk > 0"
    )
    for name, sql, values in _referrers(rules):
        con.execute(
            "INSERT INTO v_golden SELECT DISTINCT l.sk FROM master.survivorship_log AS l"
            f" INNER JOIN ({sql}) AS moved ON l.winner_source = moved.source_system AND l.value = moved.source_key"
            " WHERE l.domain = $domain AND l.attribute = $attribute"
            " AND l.sk NOT IN (SELECT sk FROM v_golden)",
            {"domain": rules.domain, "attribute": name} | values,
        )


def _referrers(rules: DomainRules) -> list[tuple[str, str, dict[str, Any]]]:
    """Reference attribute -> query of the source keys whose golden id changed since this domain was last mastered."""
    found: list[tuple[str, str, dict[str, Any]]] = []
    for name, one in rules.attributes.items():
        if one.references == rules.domain:
            found.append((name, "SELECT source_system, source_key FROM m_moved", {}))
        elif one.references is not None:
            since = "SELECT change_seq FROM master.state WHERE domain = $domain"
            table = quoted("master", f"xref_{one.references}")
            found.append((name, f"SELECT source_system, source_key FROM {table} WHERE _change_seq > ({since})", {}))
    return found


def _outcome(
    con: Connection, rules: DomainRules, stated: Stated, identified: Identified, changed_golden: int
) -> MasterOutcome:
    names = names_of(rules)
    return MasterOutcome(
        domain=rules.domain,
        records=int(scalar(con, f"SELECT count(*) FROM {names['xref']} WHERE valid_to IS NULL")),
        changed_records=int(scalar(con, "SELECT count(DISTINCT (source_system, source_key)) FROM m_changed")),
        statements_opened=stated.opened,
        statements_removed=stated.removed,
        golden=int(scalar(con, f"SELECT count(*) FROM {names['golden']} WHERE is_current")),
        changed_golden=changed_golden,
        reached=identified.reached,
        minted=identified.minted,
        merged=identified.merged,
        split=identified.split,
        vanished=identified.vanished,
        findings=count_findings(con, rules.domain),
    )


def _unchanged(con: Connection, rules: DomainRules) -> MasterOutcome:
    """What is there, after a call that found nothing to do."""
    con.execute("CREATE OR REPLACE TEMP TABLE m_changed (source_system VARCHAR, source_key VARCHAR)")
    outcome = _outcome(con, rules, Stated(0, 0), Identified(0, 0, 0, 0), 0)
    con.execute("DROP TABLE m_changed")
    forget_temporary(con)
    forget_decisions(con)
    return outcome


def _finish(
    con: Connection,
    rules: DomainRules,
    outcome: MasterOutcome,
    systems: Mapping[str, str],
    rules_hash: str,
    horizon: datetime,
    change_seq: int,
) -> MasterOutcome:
    """Findings and the domain's state, after a call that did something."""
    findings = update_findings(con, rules, systems, change_seq=change_seq)
    con.execute("DELETE FROM master.state WHERE domain = ?", [rules.domain])
    con.execute("INSERT INTO master.state VALUES (?, ?, ?, ?)", [rules.domain, rules_hash, horizon, change_seq])
    return replace(outcome, findings=findings)
