"""What a steward does: look at a case, decide, see first what it would change.

Here: the case or record that is meant, checks before a decision is written, printing. Cases are read from the
published store, so that a steward need not wait for a sync; a dry run masters, so it needs the working database.
Not here: arguments (`pipelines.steward_commands`), CSV (`pipelines.steward_csv`), what decisions do (`mastering`).
"""

from __future__ import annotations

import getpass
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console

from assets.decided import proposal, ruling_of, rulings_of
from assets.settings import load_settings, package_root
from connectors.errors import ConfigurationError
from mastering.decisions import KINDS, Expected, Key, Ruling
from mastering.rules import DomainRules, load_domains
from mastering.stewardship import checked_value
from pipelines.quarantine import line, opened
from pipelines.standing import contradicted, gist, in_force, overruled, set_aside
from store.control import Control, Decision, Proposal
from store.query import run_query
from store.restored import check_not_behind, complete

_CASE = (
    "domain, case_id, kind, left_source, left_key, right_source, right_key, attribute, reason, evidence, score, "
    "spend_amount, open_order_lines, first_seen"
)
_LIST = "`concord steward list` shows the open cases"
_DECISIONS = "`concord steward list --decisions` shows those in force"
CASE_KINDS = ("vetoed_match", "ask", "poisoned_identifier", "key_reused", "contested_value")
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
    """A decision that is to be made, as far as a person has said it. `is_made`: it was made before, elsewhere."""

    domain: str
    ruling: Ruling
    is_made: bool = False


def home_of(home: Path | None) -> Path:
    """The folder of state that is meant."""
    return load_settings(None, home).home


@contextmanager
def control_of(home: Path) -> Iterator[Control]:
    """The control database of a home that has one. Raises ConfigurationError elsewhere: mistyped is not empty."""
    if "CONCORD_CONTROL_URL" not in os.environ and not (home / "control.sqlite").exists():
        raise ConfigurationError(
            "nothing was synced or decided here yet", location=str(home), hint="Run `concord sync`, or give --home"
        )
    with Control.open_home(home) as control:
        yield control


def login(who: str | None) -> str:
    """Who decides: as given, else the login name."""
    found = (who or getpass.getuser()).strip()
    if not found:
        raise ConfigurationError("nobody decides: --who is empty", hint="Give --who, or set USER")
    return found


def domain_rules(domain: str) -> DomainRules:
    """Rules of a domain. Raises ConfigurationError for one that is not there."""
    rules = _domains(package_root() / "mastering" / "domains")
    if domain not in rules:
        raise ConfigurationError(f"there is no domain {domain!r}", hint=f"Domains: {', '.join(rules)}")
    return rules[domain]


@cache
def _domains(folder: Path) -> dict[str, DomainRules]:
    """Read once: a file of decisions asks for them at every line."""
    return load_domains(folder)


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
    return the_case(case_id, {case.case_id: case for case in cases(home, "case_id = ?", case_id.strip())})


def the_case(case_id: str, found: Mapping[str, Case]) -> Case:
    """The case of an id among open ones. Raises ConfigurationError where it is none of them."""
    case = found.get(case_id.strip())
    if case is None:
        raise ConfigurationError(f"there is no open case {case_id!r}", hint=_LIST)
    return case


def print_list(
    home: Path | None, domain: str | None, kind: str | None, decisions: bool, limit: int, out: Console
) -> None:
    """Open cases, or decisions in force."""
    folder = home_of(home)
    if domain is not None:
        domain_rules(domain)
    _known_kind(kind, KINDS if decisions else CASE_KINDS)
    with control_of(folder) as control:
        made = [one for one in control.decisions(domain) if one.kind in KINDS]
    if decisions:
        return _print_decisions(made, kind, limit, out)
    found = cases(folder, "domain = coalesce(?, domain) AND kind = coalesce(?, kind)", domain, kind)
    waiting = _waiting(folder, made)
    for case in found[:limit]:
        line(out, f"\n{case.case_id}  {case.domain}  {case.kind}{_waits(case, waiting)}", style="bold")
        line(out, f"  about   {_about(case)}")
        line(out, f"  why     {case.reason}")
        line(out, f"  worth   {case.spend} spent, {case.open_orders} open order lines")
    line(out, f"\n{len(found)} open cases; `concord steward show CASE` shows both sides")


def _about(case: Case) -> str:
    ends = [key_text(key) for key in (case.left, case.right) if key]
    return " and ".join(ends) + (f", {case.attribute}" if case.attribute else "")


def _known_kind(kind: str | None, known: Sequence[str]) -> None:
    if kind is not None and kind not in known:
        raise ConfigurationError(f"there is no kind {kind!r}", hint=f"Kinds: {', '.join(known)}")


def _print_decisions(made: Sequence[Decision], kind: str | None, limit: int, out: Console) -> None:
    """Decisions in force, the newest last; of one that newer ones contradict, by which."""
    without = overruled(made)
    shown = [one for one in made if kind in (None, one.kind)]
    for one in shown[max(0, len(shown) - max(0, limit)) :]:
        by = without.get((one.domain, one.id))
        line(out, decision_line(one) + ("" if by is None else f"  ({contradicted(one.id, by)})"))
    line(out, f"{len(shown)} decisions in force")


def _waiting(home: Path, made: Sequence[Decision]) -> list[Decision]:
    """Decisions that readers do not see the effect of yet, the newest first."""
    last = run_query(home, "SELECT coalesce(max(decision_id), 0) FROM ops.decision", 1).rows[0][0]
    return [one for one in reversed(made) if one.id > int(str(last))]


def _waits(case: Case, waiting: Sequence[Decision]) -> str:
    """The decision on a case that only waits for the next sync."""
    for one in waiting:
        said = ruling_of(one)
        if one.domain == case.domain and (said.case == case.case_id or _about_case(said, case)):
            return f"  (decision {one.id} by {one.who}, {one.kind}, waits for the next sync)"
    return ""


def _about_case(said: Ruling, case: Case) -> bool:
    """Whether a decision is about the two records, or the one record and attribute, of a case."""
    if case.right is not None:
        return {said.left, said.right} == {case.left, case.right}
    stated = _stated(domain_rules(case.domain), case.attribute) if case.attribute else None
    return stated is not None and (said.left, said.attribute) == (case.left, stated)


def decision_line(one: Decision) -> str:
    """A decision in one line."""
    said = ruling_of(one)
    about = " and ".join(key_text(key) for key in (said.left, said.right) if key)
    about = f"of decision {one.supersedes}" if one.kind == "undo" else about
    value = f" {said.attribute} = {said.value}" if said.kind == "override" else ""
    return f"{one.id}  {one.ts:%Y-%m-%d %H:%M} UTC  {one.who}  {one.domain} {one.kind} {about}{value}: {one.reason}"


def print_one(home: Path | None, an_id: str, out: Console) -> None:
    """One case, or one decision."""
    folder = home_of(home)
    if an_id.isdecimal() and an_id.isascii() and len(an_id) < 12:
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
    told = case.evidence if isinstance(case.evidence, dict) else {"sides": case.evidence}
    for name, points in (told.get("matcher") or {}).items():
        line(out, f"bits     {points:+.1f} {name}")
    if case.kind == "contested_value":
        line(out, f"stands   {_said(told['published'])}")
        for other in told["others"]:
            line(out, f"against  {_said(other)}")
        return
    for row in told["sides"]:
        if case.kind == "poisoned_identifier":
            line(out, f"  {_said(row)}")
            continue
        sign = "=" if row["left"] == row["right"] else " "
        line(out, f"  {sign} {row['attribute']:<22} {row['left'] or '-':<40} {row['right'] or '-'}")


def _said(one: Mapping[str, Any]) -> str:
    """A record and what it says."""
    return f"{one['source']}:{one['key']}  {one['value']}"


def _print_decision(home: Path, number: int, out: Console) -> None:
    with control_of(home) as control:
        every = control.decisions(include_superseded=True)
    found = [one for one in every if one.id == number]
    if not found:
        raise ConfigurationError(f"there is no decision {number}", hint=_DECISIONS)
    line(out, decision_line(found[0]))
    line(out, f"what     {json.dumps(dict(found[0].payload), ensure_ascii=False, sort_keys=True)}")
    line(out, f"hash     {found[0].hash}")
    later = [one for one in every if one.supersedes == number]
    for one in later:
        line(out, f"no longer in force: {decision_line(one)}")
    by = overruled(in_force(every)).get((found[0].domain, number))
    if by is not None and not later:
        line(out, f"without effect: {contradicted(number, by)}")


def run_verify(home: Path | None, out: Console) -> None:
    """Check the chain; raises BrokenChain."""
    with control_of(home_of(home)) as control:
        line(out, f"{control.verify_decisions()} decisions, none edited, removed or put in")


def run_recover(home: Path | None, out: Console) -> None:
    """Complete a control database that was restored from an older backup."""
    folder = home_of(home)
    with Control.open_home(folder) as control:
        done = complete(folder, control)
    line(out, f"{done.decisions} decisions and {done.ids} golden ids taken from version {done.version}")
    if done.decisions or done.ids:
        line(out, "`concord rebuild` makes the working database anew from them")


def _check_whole(home: Path, control: Control) -> None:
    """Raises BrokenChain or ControlBehind: on such decisions nothing more is decided."""
    control.verify_decisions()
    check_not_behind(home, control)


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
    if case.kind != "contested_value" or _is_secret(case):
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


def _is_secret(case: Case) -> bool:
    """Whether the value of a case is kept as a hash only: nobody can write it down, so it is known or not."""
    rules = domain_rules(case.domain)
    one = rules.identifiers.get(_stated(rules, str(case.attribute)))
    return one is not None and one.secret


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
    if kind == "rekey":
        _was_there(home, domain, one)
    return Wanted(domain, replace(base, kind=kind, left=one, right=other))


def _was_there(home: Path, domain: str, key: Key) -> None:
    """Raises ConfigurationError unless there ever was such a record: a mistyped old key would follow nothing."""
    with control_of(home) as control:
        known = control.ledger.knows(domain, *key)
    if not known and _published_id(home, domain, key) is None:
        raise ConfigurationError(
            f"there never was a {domain} {key_text(key)}", hint="Write the old key first, then the one it has now"
        )


def golden_id(home: Path, domain: str, key: Key) -> int:
    """Golden id of a published record. Raises ConfigurationError where there is no such record."""
    found = _published_id(home, domain, key)
    if found is None:
        raise ConfigurationError(
            f"there is no {domain} {key_text(key)}",
            hint=f'`concord query "SELECT source_system, source_key FROM conformed.bridge_{domain}_xref"` lists them',
        )
    return found


def _published_id(home: Path, domain: str, key: Key) -> int | None:
    sql = (
        f"SELECT {domain}_sk FROM conformed.bridge_{domain}_xref"
        " WHERE source_system = ? AND source_key = ? AND _is_current"
    )
    found = run_query(home, sql, 1, parameters=key).rows
    return int(str(found[0][0])) if found else None


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
    stated, told = told_value(domain, attribute, value)
    refers = rules.attributes[stated].references if stated in rules.attributes else None
    if refers is not None:
        golden_id(home, refers, (key[0], told))
    now, guard = _said_now(home, domain, key, rules.published.get(stated, stated))
    if expect is not None and expect != (now or ""):
        raise ConfigurationError(
            f"{attribute} of {record} is {now or 'nothing'!r} and not {expect!r}", hint="Look at it again"
        )
    return Wanted(domain, replace(base, kind="override", left=key, attribute=stated, value=told, expect=guard))


def told_value(domain: str, attribute: str, value: str) -> tuple[str, str]:
    """An attribute as the domain file names it, and a value as it is written down. Raises ConfigurationError where
    there is no such attribute, or it cannot have the value."""
    rules = domain_rules(domain)
    stated = _stated(rules, attribute)
    told, fault = checked_value(_scratch(), rules, stated, value)
    if fault is not None:
        known = stated in rules.survivable
        hint = f"See mastering/domains/{domain}.yml" if known else f"What can be: {', '.join(rules.survivable)}"
        raise ConfigurationError(f"{attribute} cannot be {value!r}: {fault}", hint=hint)
    return stated, told


@cache
def _scratch() -> duckdb.DuckDBPyConnection:
    """A database of nothing, to type values in."""
    return duckdb.connect()


def _said_now(home: Path, domain: str, key: Key, column: str) -> tuple[str | None, Expected]:
    """The value of a golden column now, and what its winning source says; where that is an override, the best of the
    sources."""
    sk = golden_id(home, domain, key)
    sql = (
        "SELECT winner_source, winner_key, value, winner_delivery_id, losers FROM ops.survivorship_log "
        "WHERE domain = ? AND sk = ? AND attribute = ? AND valid_to IS NULL"
    )
    found = run_query(home, sql, 1, parameters=(domain, sk, column)).rows
    if not found:
        return None, Expected(*key, None)
    source, source_key, value, delivery, losers = (None if cell is None else str(cell) for cell in found[0])
    if delivery is not None:
        return value, Expected(str(source), str(source_key), value)
    told = said_by_sources(json.loads(str(losers)), _overridden(home, domain, sk, column))
    return value, Expected(told[0]["source"], told[0]["key"], told[0]["value"]) if told else Expected(*key, None)


def _overridden(home: Path, domain: str, sk: int, column: str) -> list[tuple[str, str]]:
    """Source and value of every override in force on a column of a golden record, in the published store."""
    sql = (
        "SELECT d.what->>'$.left[0]', d.what->>'$.value' FROM ops.decision AS d"
        f" INNER JOIN conformed.bridge_{domain}_xref AS x ON x._is_current AND x.{domain}_sk = ?"
        " AND x.source_system = (d.what->>'$.left[0]') AND x.source_key = (d.what->>'$.left[1]')"
        " WHERE d.domain = ? AND d.kind = 'override' AND d.superseded_by IS NULL AND (d.what->>'$.attribute') = ?"
    )
    stated = _stated(domain_rules(domain), column)
    found = run_query(home, sql, parameters=(sk, domain, stated)).rows
    return [(str(source), str(value)) for source, value in found]


def said_by_sources(
    losers: Sequence[Mapping[str, str]], overrides: Sequence[tuple[str, str]]
) -> list[Mapping[str, str]]:
    """Of the values that lost against an override, in their order, those that no older override put there.

    Overrides go before all sources, so the older ones are the first: one fewer than there are.
    """
    older = Counter(overrides)
    kept = list(losers)
    for _ in range(len(overrides) - 1):
        if kept and older[kept[0]["source"], kept[0]["value"]] > 0:
            older[kept[0]["source"], kept[0]["value"]] -= 1
            kept.pop(0)
    return kept


def run_undo(
    network: str | None, home: Path | None, number: int, reason: str, who: str | None, dry_run: bool, out: Console
) -> None:
    """Take a decision back by a new one."""
    base = blank(login(who), reason)
    with control_of(home_of(home)) as control:
        _check_whole(home_of(home), control)
        made = {one.id: one for one in control.decisions(include_superseded=True)}
        standing = {one.id for one in control.decisions()}
        if number not in standing or made[number].kind == "undo":
            state = "is an undo" if number in standing else "is not in force" if number in made else "does not exist"
            raise ConfigurationError(f"decision {number} {state}", hint=_UNDONE if number in made else _DECISIONS)
        taken = made[number]
        if not dry_run:
            undo = Proposal(base.who, taken.domain, "undo", {"undoes": number}, base.reason, number)
            [done] = control.decide_all([undo])
            line(out, f"decision {done.id}: decision {number} is taken back; `concord sync` applies it")
            return
    left = [one for one in made.values() if one.id in standing - {number} and one.domain == taken.domain]
    print_effects(network, home, {taken.domain: rulings_of(left)}, out)


def decide(network: str | None, home: Path | None, wanted: Sequence[Wanted], dry_run: bool, out: Console) -> None:
    """Write the decisions that are not in force already, or show what they would do."""
    with control_of(home_of(home)) as control:
        _check_whole(home_of(home), control)
        standing = control.decisions()
        fresh = _not_yet(home_of(home), wanted, standing, out)
        if not dry_run:
            made = control.decide_all([proposal(one.domain, one.ruling) for one in fresh])
            for one in made:
                line(out, f"decision {decision_line(one)}")
            _say_overruled(standing, made, out)
    if dry_run:
        print_effects(network, home, _as_if(standing, fresh), out)
    elif fresh:
        line(out, "`concord sync` applies and publishes it")


def _not_yet(home: Path, wanted: Sequence[Wanted], standing: Sequence[Decision], out: Console) -> list[Wanted]:
    """Of the decisions those that none in force says already, each once.

    What newer decisions have set aside is said anew: who rejects a pair and then accepts it again means it. Decisions
    that were made elsewhere keep their order, whatever they say twice.
    """
    known = {gist(one.domain, ruling_of(one)): one for one in standing}
    repeated = [(one.domain, one.ruling) for one in wanted if not one.is_made and gist(one.domain, one.ruling) in known]
    anew = set_aside(repeated, standing, lambda domain, key: _published_id(home, domain, key))
    fresh: list[Wanted] = []
    taken: set[object] = set()
    for one in wanted:
        what = gist(one.domain, one.ruling)
        if what in known and what not in anew:
            line(out, f"already decided: {decision_line(known[what])}")
        elif one.is_made or what not in taken:
            fresh.append(one)
        taken.add(what)
    return fresh


def _say_overruled(standing: Sequence[Decision], made: Sequence[Decision], out: Console) -> None:
    """Which earlier decisions are without effect from now on, so that nobody is surprised by a finding."""
    before, after = overruled(standing), overruled([*standing, *made])
    for one in (*standing, *made):
        by = after.get((one.domain, one.id))
        if by is not None and by != before.get((one.domain, one.id)):
            line(out, f"without effect now: {decision_line(one)}: {contradicted(one.id, by)}; `undo` one of them")


def _as_if(standing: Sequence[Decision], fresh: Sequence[Wanted]) -> dict[str, list[Ruling]]:
    """Domain -> decisions as they would be."""
    last = max([0, *(one.id for one in standing)])
    told = [(one.domain, replace(one.ruling, id=last + n)) for n, one in enumerate(fresh, start=1)]
    domains = {domain for domain, _ in told}
    return {
        domain: rulings_of(one for one in standing if one.domain == domain) + [r for d, r in told if d == domain]
        for domain in domains
    }


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

    if not folder.is_dir():
        raise ConfigurationError(f"there is no folder {folder}", hint="Copy mastering/domains there and change it")
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
