"""Who is who: from identifiers to clusters, golden ids and the crosswalk, for the records that a change can reach.

Identifiers decide first, then scores (`mastering.matching`). The result is a pure function of what all sources say
now (a deleted record: said last), of people's decisions and of the ledger's seeds: recomputing only what is reached by
shared identifiers and pairs gives what a full recompute gives. Here: the order of the steps and the ids. Not here: the
joining itself (`mastering.clusters`, `mastering.matching.judge`), whose value wins (`mastering.survivorship`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from mastering.clusters import Facts, link
from mastering.judged import Judged, link_judged
from mastering.ledger import Ledger, LedgerBehind
from mastering.matching.within import contradictions, forget_matching, join_by_score, update_matching
from mastering.replace import replace_rows
from mastering.rules import DomainRules
from mastering.schema import names_of
from mastering.sqlfile import Connection, arrow, arrow_of, keep, quoted, run, scalar
from mastering.statements import KEY

UNKNOWN, UNRESOLVED = -1, -2
#: Above this share of changed records, and so many, recomputing all is cheaper than finding out which are reached.
_FULL_SHARE, _FULL_RECORDS = 0.3, 1000
_TABLES = (
    "i_identifier i_namespace i_scope i_key i_evidence i_evidence_new i_touched i_reach i_front i_more i_rec i_node"
    " i_veto i_cluster i_pointed i_pointed_veto i_cluster_veto"
    " i_contradiction i_torn i_pointer i_attached i_placed i_golden i_xref i_xref_before i_edge i_label i_told"
)


_NOTHING_MOVED = (
    "CREATE OR REPLACE TEMP TABLE m_moved (source_system VARCHAR, source_key VARCHAR, old_sk BIGINT, new_sk BIGINT)"
)


@dataclass(frozen=True, slots=True)
class Identified:
    """`reached`: records looked at. `minted`: new ids. `merged`: ids that now mean another. `split`: golden
    records whose former members are now more than one. `vanished`: records that are gone and left no tombstone."""

    reached: int
    minted: int
    merged: int
    split: int
    vanished: int = 0


def update_identity(
    con: Connection, rules: DomainRules, ledger: Ledger, *, change_seq: int, everything: bool
) -> Identified:
    """Bring evidence, edges, crosswalk, labels and ids up to the statements; moved records go to `m_moved`.

    Reads `m_changed` (keys of changed records), `i_source` and what `mastering.stewardship`
    keeps of decisions. Writes ids through `ledger` before they are used.
    """
    names = names_of(rules)
    values: dict[str, Any] = {"domain": rules.domain, "change_seq": change_seq}
    values["other_reason"] = "one_per_source" if rules.identity.one_per_source else "chain"
    _rule_tables(con, rules)
    everything = _changed_records(con, names, values, everything)
    if not scalar(con, "SELECT count(*) FROM i_key"):
        con.execute(_NOTHING_MOVED)
        return Identified(0, 0, 0, 0)
    _update_evidence(con, names, values)
    update_matching(con, rules, values, everything=everything)
    _reach(con, names, values, everything)
    _cluster(con, rules, names, values)
    identified = _ids(con, rules, ledger, names, values)
    _store(con, names, values)
    con.execute("DROP VIEW IF EXISTS i_seed")
    forget_matching(con)
    for name in _TABLES.split():
        con.execute(f"DROP TABLE IF EXISTS {name}")
    return identified


# -- what the rules say, as tables -----------------------------------------------------------------------


def _rule_tables(con: Connection, rules: DomainRules) -> None:
    rows = [
        (name, rules.namespace(name), one.strength, one.veto, one.scope, one.of_owner)
        for name, one in rules.identifiers.items()
    ]
    con.execute(
        "CREATE OR REPLACE TEMP TABLE i_identifier"
        " (identifier VARCHAR, namespace VARCHAR, strength VARCHAR, veto BOOLEAN, scope VARCHAR, of_owner BOOLEAN)"
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE i_namespace"
        " (namespace VARCHAR, level INTEGER, max_per_source INTEGER, max_fanout INTEGER)"
    )
    for row in rows:
        con.execute("INSERT INTO i_identifier VALUES (?, ?, ?, ?, ?, ?)", list(row))
    for level, (namespace, limits) in enumerate(_namespaces(rules).items()):
        con.execute("INSERT INTO i_namespace VALUES (?, ?, ?, ?)", [namespace, level, *limits])
    _scopes(con, rules)


def _namespaces(rules: DomainRules) -> dict[str, tuple[int, int]]:
    """Namespace -> the least limits of its identifiers, in the order in which they decide."""
    limits: dict[str, tuple[int, int]] = {}
    for name, one in rules.identifiers.items():
        known = limits.get(rules.namespace(name), (one.max_per_source, one.max_fanout))
        limits[rules.namespace(name)] = (min(known[0], one.max_per_source), min(known[1], one.max_fanout))
    return limits


def _scopes(con: Connection, rules: DomainRules) -> None:
    """Source keys of the domains that scope an identifier, with their golden ids."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE i_scope (domain VARCHAR, source_system VARCHAR, source_key VARCHAR, sk BIGINT)"
    )
    for domain in sorted({one.scope for one in rules.identifiers.values() if one.scope}):
        table = quoted("master", f"xref_{domain}")
        if scalar(
            con,
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'master' AND table_name = $name",
            {"name": f"xref_{domain}"},
        ):
            con.execute(
                f"INSERT INTO i_scope SELECT ?, source_system, source_key, {quoted(f'{domain}_sk')}"
                f" FROM {table} WHERE valid_to IS NULL AND {quoted(f'{domain}_sk')} > 0",
                [domain],
            )


# -- evidence and what it reaches ------------------------------------------------------------------------


def _changed_records(con: Connection, names: Mapping[str, str], values: Mapping[str, Any], everything: bool) -> bool:
    """Fill i_key; whether all records are to be looked at."""
    total = scalar(
        con,
        "SELECT count(DISTINCT (source_system, source_key)) FROM master.record WHERE domain = $domain",
        {"domain": values["domain"]},
    )
    con.execute("CREATE OR REPLACE TEMP TABLE i_key AS SELECT DISTINCT source_system, source_key FROM m_changed")
    changed = scalar(con, "SELECT count(*) FROM i_key")
    if everything or changed > max(_FULL_RECORDS, total * _FULL_SHARE):
        run(con, "identity.all_keys", names, values)
        return True
    run(con, "identity.rescoped", names, values)
    return False


def _update_evidence(con: Connection, names: Mapping[str, str], values: Mapping[str, Any]) -> None:
    for step in ("evidence_of_changed", "touched", "evidence_new"):
        run(con, f"identity.{step}", names, values)
    replace_rows(
        con,
        "master.evidence",
        "i_evidence_new",
        scope="t.domain = $domain AND (t.source_system, t.source_key) IN (SELECT source_system, source_key FROM i_key)",
        values={"domain": values["domain"]},
        change_seq=values["change_seq"],
        seq_column="change_seq",
    )
    run(con, "identity.poison", names, values)


def _reach(con: Connection, names: Mapping[str, str], values: Mapping[str, Any], everything: bool) -> None:
    """Fill i_reach: everybody whose identity the changed evidence can touch, however far it spreads."""
    if everything:
        run(con, "identity.reach_all", names, values)
        return
    run(con, "identity.reach_first", names, values)
    run(con, "identity.reach_paired", names, values)
    con.execute("CREATE OR REPLACE TEMP TABLE i_front AS SELECT * FROM i_reach")
    while scalar(con, "SELECT count(*) FROM i_front"):
        run(con, "identity.reach_more", names, values)
        con.execute("INSERT INTO i_reach SELECT * FROM i_more")
        con.execute("CREATE OR REPLACE TEMP TABLE i_front AS SELECT * FROM i_more")


# -- clusters --------------------------------------------------------------------------------------------


def _cluster(con: Connection, rules: DomainRules, names: Mapping[str, str], values: Mapping[str, Any]) -> None:
    for step in ("members", "nodes", "vetoes"):
        run(con, f"identity.{step}", names, values)
    count = int(scalar(con, "SELECT count(*) FROM i_rec WHERE NOT is_reference"))
    levels = [
        _facts(con, "SELECT rec, value_no FROM i_node WHERE NOT is_reference AND level = ?", level)
        for level in range(len(_namespaces(rules)))
    ]
    vetoes = [
        _facts(con, "SELECT rec, value_no FROM i_veto WHERE NOT is_reference AND identifier = ?", name)
        for name, one in rules.identifiers.items()
        if one.veto
    ]
    exclusive = None
    if rules.identity.one_per_source:
        exclusive = _facts(con, "SELECT rec, source_no FROM i_rec WHERE NOT is_reference AND is_live = ?", True)
    silent = [one.strength == "never" for one in rules.identifiers.values() if one.veto]
    judged = _judged(con, count, contradictions(con, rules, values))
    linked = link_judged(partial(link, count), judged, levels, vetoes, silent, exclusive)
    placed = np.isin(linked.torn, linked.placed)
    keep(con, "i_torn", pa.table({"rec": linked.torn, "is_placed": placed}))
    clusters = join_by_score(
        con, rules, linked.clusters, linked.vetoes, linked.exclusive, linked.apart, judged.alone, values
    )
    keep(con, "i_cluster", pa.table({"rec": np.arange(count, dtype=np.int64), "cluster": clusters}))
    for step in (
        *("pointed", "judged_pointers", "refused_pointers", "pointed_vetoes", "cluster_vetoes", "attached"),
        *("said_pointers", "placed"),
    ):
        run(con, f"identity.{step}", names, values)


def _judged(con: Connection, count: int, unlike: Facts) -> Judged:
    """What people decided of the reached records (see `mastering.stewardship`), beside what contradicts each other."""
    by_key = "INNER JOIN i_rec AS r ON g.source_system = r.source_system AND g.source_key = r.source_key"
    grouped = f"(SELECT r.rec, g.grp FROM i_group AS g {by_key} WHERE NOT r.is_reference)"
    whole = np.arange(count, dtype=np.int64)
    least = f"SELECT rec, min(rec) OVER (PARTITION BY grp) AS least FROM {grouped} AS m WHERE rec >= ?"
    groups = _facts(con, least, 0)
    whole[groups.record] = groups.value
    apart = _facts(
        con,
        f"SELECT l.rec, r.rec AS other FROM i_apart AS a INNER JOIN {grouped} AS l ON a.grp = l.grp"
        f" INNER JOIN {grouped} AS r ON a.other_grp = r.grp WHERE l.rec < r.rec AND l.rec >= ?",
        0,
    )
    alone = np.zeros(count, dtype=np.bool_)
    lonely = f"SELECT r.rec, r.rec AS again FROM i_alone AS g {by_key} WHERE r.is_reference = ?"
    alone[_facts(con, lonely, False).record] = True
    return Judged(whole, apart, alone, unlike)


def _facts(con: Connection, query: str, value: object) -> Facts:
    found = con.execute(query, [value]).fetchnumpy()
    record, held = (np.ascontiguousarray(column, dtype=np.int64) for column in found.values())
    return Facts(record, held)


# -- ids -------------------------------------------------------------------------------------------------


def _ids(
    con: Connection, rules: DomainRules, ledger: Ledger, names: Mapping[str, str], values: Mapping[str, Any]
) -> Identified:
    """Fill i_golden, i_xref and m_moved; the ledger knows every id before the crosswalk does."""
    _know_seeds(con, rules.domain, ledger)
    run(con, "identity.seeds", names, values)
    run(con, "identity.clusters_with_ids", names, values)
    minted = _mint(con, rules.domain, ledger, names, values)
    if minted:
        run(con, "identity.clusters_with_ids", names, values)
    run(con, "identity.xref_new", names, values)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE i_xref_before AS SELECT x.source_system, x.source_key, x.{names['sk']} AS sk"
        f" FROM {names['xref']} AS x SEMI JOIN i_reach AS r USING (source_system, source_key) WHERE x.valid_to IS NULL"
    )
    run(con, "identity.changed_xref", names, values)
    merged = _redirect(con, rules.domain, ledger, names, values)
    moved = arrow_of(con, "SELECT source_system, source_key, new_sk AS sk FROM m_moved WHERE new_sk > 0 ORDER BY ALL")
    if moved.num_rows:
        ledger.assign(rules.domain, moved)
    split = scalar(
        con,
        "SELECT count(*) FROM (SELECT b.sk FROM i_xref_before AS b"
        " INNER JOIN i_xref AS n USING (source_system, source_key)"
        f" WHERE b.sk > 0 GROUP BY b.sk HAVING count(DISTINCT n.{names['sk']}) > 1) AS parted",
    )
    reached = scalar(con, "SELECT count(*) FROM i_reach")
    vanished = scalar(con, "SELECT count(*) FROM m_moved WHERE new_sk IS NULL")
    return Identified(int(reached), minted, merged, int(split), int(vanished))


def _know_seeds(con: Connection, domain: str, ledger: Ledger) -> None:
    """Copy what the ledger has minted and this working database does not know (all of it after a rebuild).

    Raises LedgerBehind where the ledger does not know the last id that it is known to have minted.
    """
    columns = "source_system, source_key, sk"
    query = f"SELECT {columns} FROM master.golden_seed WHERE domain = $domain ORDER BY sk DESC LIMIT 1"
    last = con.execute(query, {"domain": domain}).fetchall()
    fresh = ledger.seeds(domain, last[0][2] - 1 if last else 0)
    if last:
        _check_known(domain, last[0], fresh.slice(0, 1).to_pylist())
        fresh = fresh.slice(1)
    if not fresh.num_rows:
        return
    redirects = ledger.redirects(domain)
    meant = pa.array([redirects.get(sk) for sk in fresh["sk"].to_pylist()], pa.int64())
    _insert_seeds(con, domain, fresh.append_column("redirect_to", meant))


def _check_known(domain: str, last: tuple[str, str, int], found: Sequence[Mapping[str, Any]]) -> None:
    source, key, sk = last
    if [tuple(row.values()) for row in found] != [last]:
        raise LedgerBehind(
            f"the working database has {domain} {sk} for {source}:{key}, and the ledger of ids has not:"
            " the control database was restored from an older backup",
            hint="Run `concord steward recover`, then `concord rebuild`",
        )


def _insert_seeds(con: Connection, domain: str, seeds: pa.Table) -> None:
    con.register("i_seeds_arrow", seeds)
    con.execute(
        "INSERT INTO master.golden_seed (domain, sk, source_system, source_key, redirect_to)"
        " SELECT $domain, sk, source_system, source_key, redirect_to FROM i_seeds_arrow",
        {"domain": domain},
    )
    con.unregister("i_seeds_arrow")


def _mint(con: Connection, domain: str, ledger: Ledger, names: Mapping[str, str], values: Mapping[str, Any]) -> int:
    """An id for every cluster none of whose records is a seed; its most senior record becomes one."""
    wanted = arrow(con, "identity.to_mint", names, values)
    if not wanted.num_rows:
        return 0
    pairs = list(zip(wanted["source_system"].to_pylist(), wanted["source_key"].to_pylist(), strict=True))
    ids = pa.array(ledger.mint(domain, pairs), pa.int64())
    nothing = pa.nulls(len(pairs), pa.int64())
    _insert_seeds(con, domain, wanted.append_column("sk", ids).append_column("redirect_to", nothing))
    return len(pairs)


def _redirect(con: Connection, domain: str, ledger: Ledger, names: Mapping[str, str], values: Mapping[str, Any]) -> int:
    """Tell the ledger which ids now mean another one, and which stand for themselves again."""
    changes = run(con, "identity.redirects", names, values).fetchall()
    for sk, target in changes:
        ledger.redirect(domain, sk, target)
        con.execute(
            "UPDATE master.golden_seed SET redirect_to = $target WHERE domain = $domain AND sk = $sk",
            {"target": target, "domain": domain, "sk": sk},
        )
    return sum(target is not None for _, target in changes)


# -- storing ---------------------------------------------------------------------------------------------


def _store(con: Connection, names: Mapping[str, str], values: Mapping[str, Any]) -> None:
    for step in ("edges", "score_edges", "steward_edges", "labels"):
        run(con, f"identity.{step}", names, values)
    bound = {"domain": values["domain"]}
    seq = values["change_seq"]
    reached = "(SELECT source_system, source_key FROM i_reach)"
    replace_rows(
        con,
        names["xref"],
        "i_xref",
        scope=f"(t.source_system, t.source_key) IN {reached}",
        values={},
        change_seq=seq,
        key=KEY,
    )
    replace_rows(
        con,
        "master.edge",
        "i_edge",
        scope=f"t.domain = $domain AND"
        f" ((t.left_source, t.left_key) IN {reached} OR (t.right_source, t.right_key) IN {reached})",
        values=bound,
        change_seq=seq,
    )
    run(con, "identity.judgements", names, values)
    replace_rows(
        con,
        "master.judgement",
        "i_told",
        scope=f"t.domain = $domain AND (t.left_source, t.left_key) IN {reached}"
        f" AND (t.right_source, t.right_key) IN {reached}",
        values=bound,
        change_seq=seq,
    )
    replace_rows(
        con,
        "master.label",
        "i_label",
        scope="t.domain = $domain AND t.sk > 0 AND"
        " t.sk IN (SELECT sk FROM i_golden UNION SELECT sk FROM i_xref_before)",
        values=bound,
        change_seq=seq,
    )
