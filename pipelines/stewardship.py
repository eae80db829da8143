"""What a steward does: look at a case, decide, see first what it would change.

Here: the case or record that is meant, checks before a decision is written, printing. Cases are read from the
published store, so that a steward need not wait for a sync; a dry run masters, so it needs the working database.
Not here: arguments (`pipelines.steward_commands`), CSV (`pipelines.steward_csv`), what decisions do (`mastering`).
"""

from __future__ import annotations

import getpass
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console

from assets.decided import proposal, ruling_of, rulings_of
from assets.settings import load_settings, package_root
from connectors.errors import ConfigurationError
from mastering.decisions import Expected, Key, Ruling
from mastering.rules import DomainRules, load_domains
from mastering.stewardship import checked_value
from pipelines.quarantine import line, opened
from store.control import Control, Decision, Proposal
from store.query import run_query

_CASE = (
    "domain, case_id, kind, left_source, left_key, right_source, right_key, attribute, reason, evidence, score, "
    "spend_amount, open_order_lines, first_seen"
)
_LIST = "`concord steward list` shows the open cases"
_UNDONE = "Decide again: what was taken back comes into force by a new decision only"


@dataclass(frozen=True, slots=True)
class Case:
    """One row of `ops.review`."""

    domain: str
    case_id: str
    kind: str
    left: Key | None
    right: Key | None
    attribute: str | None
    reason: str
    evidence: Any
    score: str | None
    spend: str
    open_orders: int
    first_seen: datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """A decision that is to be made, as far as a person has said it."""

    domain: str
    ruling: Ruling


def home_of(home: Path | None) -> Path:
    """The folder of state that is meant."""
    return load_settings(None, home).home


def login(who: str | None) -> str:
    """Who decides: as given, else the login name."""
    found = (who or getpass.getuser()).strip()
    if not found:
        raise ConfigurationError("nobody decides: --who is empty", hint="Give --who, or set USER")
    return found


def domain_rules(domain: str) -> DomainRules:
    """Rules of a domain. Raises ConfigurationError for one that is not there."""
    rules = load_domains(package_root() / "mastering" / "domains")
    if domain not in rules:
        raise ConfigurationError(f"there is no domain {domain!r}", hint=f"Domains: {', '.join(rules)}")
    return rules[domain]


def parse_key(text: str) -> Key:
    """`source:key` as a pair."""
    source, colon, key = text.strip().partition(":")
    if not colon or not source or not key:
        raise ConfigurationError(f"{text!r} is no record", hint="Write source:key, as legacy_erp:1001")
    return source, key


def key_text(key: Key | None) -> str:
    """A pair as `source:key`."""
    return "" if key is None else f"{key[0]}:{key[1]}"


# -- looking -------------------------------------------------------------------------------------------------


def cases(home: Path, where: str = "TRUE", *parameters: object, limit: int = 1_000_000) -> list[Case]:
    """Open cases of the published store, those with most at stake first."""
    order = "ORDER BY open_order_lines DESC, spend_amount DESC, domain, case_id"
    found = run_query(home, f"SELECT {_CASE} FROM ops.review WHERE {where} {order}", limit, parameters=parameters)
    return [_case(row) for row in found.rows]


def _case(row: Sequence[Any]) -> Case:
    left = None if row[4] is None else (str(row[3]), str(row[4]))
    right = None if row[6] is None else (str(row[5]), str(row[6]))
    score = None if row[10] is None else str(row[10])
    return Case(row[0], row[1], row[2], left, right, row[7], row[8], json.loads(row[9]), score, str(row[11]), *row[12:])


def find_case(home: Path, case_id: str) -> Case:
    """The case of an id. Raises ConfigurationError where none is open."""
    found = cases(home, "case_id = ?", case_id.strip())
    if not found:
        raise ConfigurationError(f"there is no open case {case_id!r}", hint=_LIST)
    return found[0]


def print_list(
    home: Path | None, domain: str | None, kind: str | None, decisions: bool, limit: int, out: Console
) -> None:
    """Open cases, or decisions in force."""
    folder = home_of(home)
    with Control.open_home(folder) as control:
        made = control.decisions(domain)
    if decisions:
        shown = [one for one in made if kind in (None, one.kind)]
        for one in shown[-limit:]:
            line(out, decision_line(one))
        return line(out, f"{len(shown)} decisions in force")
    found = cases(folder, "domain = coalesce(?, domain) AND kind = coalesce(?, kind)", domain, kind)
    for case in found[:limit]:
        line(out, f"\n{case.case_id}  {case.domain}  {case.kind}{_waiting(case, made)}", style="bold")
        line(out, f"  about   {_about(case)}")
        line(out, f"  why     {case.reason}")
        line(out, f"  worth   {case.spend} spent, {case.open_orders} open order lines")
    line(out, f"\n{len(found)} open cases; `concord steward show CASE` shows both sides")


def _about(case: Case) -> str:
    ends = [key_text(key) for key in (case.left, case.right) if key]
    return " and ".join(ends) + (f", {case.attribute}" if case.attribute else "")


def _waiting(case: Case, made: Sequence[Decision]) -> str:
    """Whether a decision on it is made and only waits for the next sync."""
    for one in rulings_of(made):
        ends = {one.left, one.right}
        if one.case == case.case_id or (case.right and ends == {case.left, case.right}):
            return f"  (decision {one.id} by {one.who} waits for the next sync)"
    return ""


def decision_line(one: Decision) -> str:
    """A decision in one line."""
    said = ruling_of(one)
    about = " and ".join(key_text(key) for key in (said.left, said.right) if key)
    value = f" {said.attribute} = {said.value}" if said.kind == "override" else ""
    return f"{one.id}  {one.ts:%Y-%m-%d %H:%M} UTC  {one.who}  {one.domain} {one.kind} {about}{value}: {one.reason}"


def print_one(home: Path | None, an_id: str, out: Console) -> None:
    """One case, or one decision."""
    folder = home_of(home)
    if an_id.isdigit() and len(an_id) < 12:
        return _print_decision(folder, int(an_id), out)
    case = find_case(folder, an_id)
    line(out, f"case     {case.case_id}  {case.domain}  {case.kind}, since {case.first_seen:%Y-%m-%d} UTC")
    line(out, f"about    {_about(case)}")
    line(out, f"why      {case.reason}")
    line(out, f"worth    {case.spend} spent, {case.open_orders} open order lines")
    if case.score is not None:
        line(out, f"score    {case.score}")
    _print_evidence(case, out)
    line(out, f"\nconcord steward accept {case.case_id} --reason '...'")
    if case.right is not None:
        line(out, f"concord steward reject {case.case_id} --reason '...'")


def _print_evidence(case: Case, out: Console) -> None:
    sides = case.evidence["sides"] if isinstance(case.evidence, dict) and "sides" in case.evidence else case.evidence
    if not isinstance(sides, list) or (case.right is None and case.kind != "key_reused"):
        return line(out, f"evidence {json.dumps(case.evidence, ensure_ascii=False)}")
    for row in sides:
        sign = "=" if row["left"] == row["right"] else " "
        line(out, f"  {sign} {row['attribute']:<22} {row['left'] or '-':<40} {row['right'] or '-'}")


def _print_decision(home: Path, number: int, out: Console) -> None:
    with Control.open_home(home) as control:
        every = control.decisions(include_superseded=True)
    found = [one for one in every if one.id == number]
    if not found:
        raise ConfigurationError(f"there is no decision {number}", hint="`concord steward list --decisions` shows them")
    line(out, decision_line(found[0]))
    line(out, f"what     {json.dumps(dict(found[0].payload), ensure_ascii=False, sort_keys=True)}")
    line(out, f"hash     {found[0].hash}")
    for later in (one for one in every if one.supersedes == number):
        line(out, f"no longer in force: {decision_line(later)}")


def run_verify(home: Path | None, out: Console) -> None:
    """Check the chain; raises BrokenChain."""
    with Control.open_home(home_of(home)) as control:
        line(out, f"{control.verify_decisions()} decisions, none edited, removed or put in")


# -- deciding --------------------------------------------------------------------------------------------------


def run_case(
    network: str | None,
    home: Path | None,
    case_id: str,
    accepted: bool,
    reason: str,
    who: str | None,
    dry_run: bool,
    out: Console,
) -> None:
    """Accept or reject a case."""
    case = find_case(home_of(home), case_id)
    decide(network, home, [of_case(case, accepted, reason, login(who))], dry_run, out)


def of_case(case: Case, accepted: bool, reason: str, who: str) -> Wanted:
    """The decision that accepting or rejecting a case is."""
    fresh = blank(who, reason)
    if case.right is not None:
        kind = "same" if accepted else "different"
        return Wanted(case.domain, replace(fresh, kind=kind, left=case.left, right=case.right))
    if not accepted:
        hint = "Accept it, or say what is right: `concord steward override`, `split` or `same`"
        if case.kind == "key_reused":
            hint = (
                "`concord steward split` parts it from other records; the source has to give the new thing its own key"
            )
        raise ConfigurationError(
            f"a {case.kind} has no second record that could be refused", key=case.case_id, hint=hint
        )
    if case.kind != "contested_value":
        known = replace(fresh, kind="acknowledge", left=case.left, case=case.case_id, value=case.reason)
        return Wanted(case.domain, known)
    published = case.evidence["published"]
    stands = replace(
        fresh,
        kind="override",
        left=case.left,
        attribute=_stated(domain_rules(case.domain), str(case.attribute)),
        value=published["value"],
        expect=Expected(published["source"], published["key"], published["value"]),
    )
    return Wanted(case.domain, stands)


def blank(who: str, reason: str) -> Ruling:
    """A decision of which only who and why are known yet."""
    if not reason.strip():
        raise ConfigurationError("a decision needs a reason", hint="Say why, for whoever reads it in a year")
    return Ruling(0, datetime.now(UTC), who, "", reason.strip())


def _stated(rules: DomainRules, column: str) -> str:
    """The attribute or identifier that a golden column shows."""
    return next((name for name, shown in rules.published.items() if shown == column), column)


def run_pair(
    network: str | None,
    home: Path | None,
    kind: str,
    domain: str,
    left: str,
    right: str | None,
    reason: str,
    who: str | None,
    dry_run: bool,
    out: Console,
) -> None:
    """same, different, rekey (two records) or split (one)."""
    wanted = of_records(home_of(home), kind, domain, left, right, blank(login(who), reason))
    decide(network, home, [wanted], dry_run, out)


def of_records(home: Path, kind: str, domain: str, left: str, right: str | None, base: Ruling) -> Wanted:
    """A decision about records that were named. Raises ConfigurationError where one is not there."""
    one, other = parse_key(left), parse_key(right) if right else None
    domain_rules(domain)
    if one == other:
        raise ConfigurationError(f"{left} is named twice", hint="Name two records")
    if kind == "rekey" and other is not None and one[0] != other[0]:
        raise ConfigurationError("a re-key is within one source", hint="Two sources' records that are one: `same`")
    for key in (other,) if kind == "rekey" else (one, other):
        if key is not None:
            golden_id(home, domain, key)
    return Wanted(domain, replace(base, kind=kind, left=one, right=other))


def golden_id(home: Path, domain: str, key: Key) -> int:
    """Golden id of a published record. Raises ConfigurationError where there is no such record."""
    bridge = f"conformed.bridge_{domain}_xref"
    sql = f"SELECT {domain}_sk FROM {bridge} WHERE source_system = ? AND source_key = ? AND _is_current"
    found = run_query(home, sql, 1, parameters=key).rows
    if not found:
        raise ConfigurationError(
            f"there is no {domain} {key_text(key)}",
            hint=f'`concord query "SELECT source_system, source_key FROM conformed.bridge_{domain}_xref"` lists them',
        )
    return int(str(found[0][0]))


def run_override(
    network: str | None,
    home: Path | None,
    domain: str,
    record: str,
    attribute: str,
    value: str,
    expect: str | None,
    reason: str,
    who: str | None,
    dry_run: bool,
    out: Console,
) -> None:
    """Put a value in place of what the sources say."""
    wanted = of_value(home_of(home), domain, record, attribute, value, expect, blank(login(who), reason))
    decide(network, home, [wanted], dry_run, out)


def of_value(
    home: Path, domain: str, record: str, attribute: str, value: str, expect: str | None, base: Ruling
) -> Wanted:
    """An override, checked, with what the source says now as its guard."""
    rules, key = domain_rules(domain), parse_key(record)
    stated = _stated(rules, attribute)
    with duckdb.connect() as con:
        told, fault = checked_value(con, rules, stated, value)
    if fault is not None:
        raise ConfigurationError(
            f"{attribute} cannot be {value!r}: {fault}", hint=f"See mastering/domains/{domain}.yml"
        )
    guard = _said_now(home, domain, key, rules.published.get(stated, stated))
    if expect is not None and expect != (guard.value or ""):
        raise ConfigurationError(
            f"{attribute} of {record} is {guard.value or 'nothing'!r} and not {expect!r}", hint="Look at it again"
        )
    return Wanted(domain, replace(base, kind="override", left=key, attribute=stated, value=told, expect=guard))


def _said_now(home: Path, domain: str, key: Key, column: str) -> Expected:
    """What the winning source says of a golden column now; where that is an override, the best of the sources."""
    sql = (
        "SELECT winner_source, winner_key, value, winner_delivery_id, losers FROM ops.survivorship_log "
        "WHERE domain = ? AND sk = ? AND attribute = ? AND valid_to IS NULL"
    )
    found = run_query(home, sql, 1, parameters=(domain, golden_id(home, domain, key), column)).rows
    if not found:
        return Expected(*key, None)
    source, source_key, value, delivery, losers = found[0]
    if delivery is not None:
        return Expected(str(source), str(source_key), str(value))
    said = json.loads(str(losers))
    return Expected(said[0]["source"], said[0]["key"], said[0]["value"]) if said else Expected(*key, None)


def run_undo(
    network: str | None, home: Path | None, number: int, reason: str, who: str | None, dry_run: bool, out: Console
) -> None:
    """Take a decision back by a new one."""
    base = blank(login(who), reason)
    with Control.open_home(home_of(home)) as control:
        made = {one.id: one for one in control.decisions(include_superseded=True)}
        in_force = {one.id for one in control.decisions()}
        if number not in in_force or made[number].kind == "undo":
            state = "is an undo" if number in in_force else "is not in force" if number in made else "does not exist"
            raise ConfigurationError(f"decision {number} {state}", hint=_UNDONE if number in made else _LIST)
        taken = made[number]
        if not dry_run:
            undo = Proposal(base.who, taken.domain, "undo", {"undoes": number}, base.reason, number)
            [done] = control.decide_all([undo])
            line(out, f"decision {done.id}: decision {number} is taken back; `concord sync` applies it")
            return
    left = [one for one in made.values() if one.id in in_force - {number} and one.domain == taken.domain]
    print_effects(network, home, {taken.domain: rulings_of(left)}, out)


def decide(network: str | None, home: Path | None, wanted: Sequence[Wanted], dry_run: bool, out: Console) -> None:
    """Write the decisions that are not in force already, or show what they would do."""
    with Control.open_home(home_of(home)) as control:
        in_force = control.decisions()
        fresh = [one for one in wanted if not _already(one, in_force, out)]
        if not dry_run:
            for made in control.decide_all([proposal(one.domain, one.ruling) for one in fresh]):
                line(out, f"decision {decision_line(made)}")
    if dry_run:
        print_effects(network, home, _as_if(in_force, fresh), out)
    elif fresh:
        line(out, "`concord sync` applies and publishes it")


def _as_if(in_force: Sequence[Decision], fresh: Sequence[Wanted]) -> dict[str, list[Ruling]]:
    """Domain -> decisions as they would be."""
    last = max([0, *(one.id for one in in_force)])
    told = [(one.domain, replace(one.ruling, id=last + n)) for n, one in enumerate(fresh, start=1)]
    domains = {domain for domain, _ in told}
    return {
        domain: rulings_of(one for one in in_force if one.domain == domain) + [r for d, r in told if d == domain]
        for domain in domains
    }


def _already(wanted: Wanted, in_force: Sequence[Decision], out: Console) -> bool:
    """Whether a decision in force says just this."""
    for one in in_force:
        if (
            one.domain == wanted.domain
            and one.kind == wanted.ruling.kind
            and _essence(ruling_of(one)) == _essence(wanted.ruling)
        ):
            line(out, f"already decided: {decision_line(one)}")
            return True
    return False


def _essence(one: Ruling) -> tuple[object, ...]:
    """What a decision says; of two records that are one, or are not, in either order."""
    ends: object = frozenset({one.left, one.right}) if one.kind in ("same", "different") else (one.left, one.right)
    return one.kind, ends, one.attribute, one.value, one.case


# -- what it would do ------------------------------------------------------------------------------------------


def print_effects(
    network: str | None, home: Path | None, rulings: Mapping[str, Sequence[Ruling]], out: Console
) -> None:
    """Effects of decisions, without making them."""
    from assets.preview import preview

    with opened(network, home) as session:
        effects = preview(session, rulings)
    _print(effects, out)


def print_diff(network: str | None, home: Path | None, folder: Path, out: Console) -> None:
    """Effects of changed domain files."""
    from assets.preview import preview
    from assets.session import DOMAIN_ORDER

    missing = set(DOMAIN_ORDER) - set(load_domains(folder))
    if missing:
        raise ConfigurationError(
            f"{folder} lacks {', '.join(f'{name}.yml' for name in sorted(missing))}",
            hint="Copy mastering/domains there and change the copy",
        )
    with opened(network, home) as session:
        effects = preview(session, domains_folder=folder)
    _print(effects, out)


def _print(effects: Sequence[Any], out: Console) -> None:
    for effect in effects:
        if effect.nothing:
            line(out, f"{effect.domain}: nothing changes")
            continue
        line(
            out,
            f"{effect.domain}: {effect.merged} merged, {effect.split} split, {effect.moved} records with another id, "
            f"{effect.changed_values} values changed, {effect.ids} ids touched",
            style="bold",
        )
        for label, shown in (
            ("merged", effect.examples_merged),
            ("split", effect.examples_split),
            ("value", effect.examples_values),
        ):
            for text in shown:
                line(out, f"  {label:<7} {text}")
    line(out, "nothing was changed: this was a dry run")
