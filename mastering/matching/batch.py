"""All records at once: `match(records, rules)`. A pure function; the incremental way (`mastering.identity`) goes
through the same steps and ends in the same clusters. Not here: statements, ids, stores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mastering.clusters import Facts, link
from mastering.identifiers import SCHEMES
from mastering.matching.contradictions import as_facts, find_contradictions
from mastering.matching.features import read_columns
from mastering.matching.judge import Guards, Judged, Pairs, judge
from mastering.matching.pairs import prepare_pairs, update_pairs
from mastering.rules import DomainRules
from mastering.sqlfile import Connection, arrow_of, keep, quoted

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Matched:
    """`clusters`: source_system, source_key, cluster (int64, by least record in the order of source and key).

    `judgements`: domain, left_source, left_key, right_source, right_key, verdict (same, different, ask), score
    DECIMAL(6,2) in bits, reason, evidence (JSON: bits per comparison).
    """

    clusters: pa.Table
    judgements: pa.Table


def match(records: pa.Table, rules: DomainRules, *, one_to_one: bool | None = None, memory: str = "6GB") -> Matched:
    """Who is who among `records` (source_system, source_key, and any of the domain's columns as text).

    Identifiers decide first, as in mastering (those scoped by another domain are left out); what they do not settle is
    scored. `one_to_one`: no source has a record twice (default: what the domain file says). `memory`: DuckDB's limit.
    Raises ValueError where the rules have no `matching`.
    """
    if rules.matching is None:
        raise ValueError(f"{rules.domain} has no matching block")
    unique = rules.identity.one_per_source if one_to_one is None else one_to_one
    con = duckdb.connect(config={"preserve_insertion_order": False, "memory_limit": memory})
    try:
        _load(con, records, rules)
        prepare_pairs(con)
        floor = min(rules.matching.ask, rules.matching.same_one_to_one) if unique else None
        update_pairs(con, rules.domain, rules.matching, floor=floor)
        return _judged(con, rules, records, unique)
    finally:
        con.close()


def _load(con: Connection, records: pa.Table, rules: DomainRules) -> None:
    """n_rec (record number) and n_new (what matching reads)."""
    assert rules.matching is not None
    con.execute("CREATE SCHEMA master")
    con.register("given_records", records)
    wanted = read_columns(rules.matching)
    have = set(records.column_names)
    columns = ", ".join(quoted(name) if name in have else f"CAST(NULL AS VARCHAR) AS {quoted(name)}" for name in wanted)
    con.execute(
        "CREATE TEMP TABLE n_rec AS SELECT row_number() OVER (ORDER BY source_system, source_key) - 1 AS number,"
        " hash(source_system, source_key) AS rec, source_system, source_key FROM given_records"
    )
    con.execute(
        "CREATE TEMP TABLE n_new AS SELECT hash(source_system, source_key) AS rec, source_system, source_key"
        f"{', ' + columns if columns else ''} FROM given_records"
    )
    con.execute("CREATE TEMP TABLE n_gone (rec UBIGINT)")


def _judged(con: Connection, rules: DomainRules, records: pa.Table, unique: bool) -> Matched:
    assert rules.matching is not None
    named = arrow_of(con, "SELECT number, source_system, source_key FROM n_rec ORDER BY number")
    sources, source = np.unique(named["source_system"].to_numpy(zero_copy_only=False), return_inverse=True)
    del sources
    held = _held(con, records, rules)
    count = named.num_rows
    exclusive = Facts(np.arange(count, dtype=np.int64), source.astype(np.int64)) if unique else None
    vetoes = [held[name] for name, one in rules.identifiers.items() if one.veto and name in held]
    levels = _levels(con, rules)
    base = link(count, levels, vetoes, exclusive, _contradictions(con, rules, levels))
    found = arrow_of(
        con,
        "SELECT least(l.number, r.number) AS l, greatest(l.number, r.number) AS r, p.score, p.vetoed, p.bits"
        " FROM master.match_pair AS p"
        " INNER JOIN n_rec AS l ON p.left_rec = l.rec INNER JOIN n_rec AS r ON p.right_rec = r.rec"
        " ORDER BY 1, 2",
    )
    pairs = Pairs(
        found["l"].to_numpy(),
        found["r"].to_numpy(),
        found["score"].cast(pa.float64()).to_numpy(),
        found["vetoed"].to_pylist(),
    )
    judged = judge(base, pairs, Guards(vetoes, exclusive), rules.matching, source if unique else None)
    return Matched(_clusters(named, judged), _judgements(rules.domain, named, found, pairs, judged))


def _held(con: Connection, records: pa.Table, rules: DomainRules) -> Mapping[str, Facts]:
    """Valid identifiers of the records; fills n_identifier (number, identifier, namespace, value)."""
    parts: list[pa.Table] = []
    for name, one in rules.identifiers.items():
        if name in records.column_names and one.scope is None:
            parts.append(_normalised(con, name, one.scheme or name, rules.namespace(name), one.strength))
    schema = pa.schema(
        [("number", pa.int64()), *((n, pa.string()) for n in ("identifier", "namespace", "value", "strength"))]
    )
    table = pa.concat_tables(parts) if parts else schema.empty_table()
    con.register("given_identifiers", table)
    con.execute("CREATE TEMP TABLE n_identifier AS SELECT * FROM given_identifiers")
    con.unregister("given_identifiers")
    found = {}
    for name in rules.identifiers:
        rows = con.execute(
            "SELECT number, dense_rank() OVER (ORDER BY value) - 1 AS value FROM n_identifier WHERE identifier = ?",
            [name],
        ).fetchnumpy()
        found[name] = _facts(rows["number"], rows["value"])
    return found


def _contradictions(con: Connection, rules: DomainRules, levels: Sequence[Facts]) -> Facts:
    """As in mastering, over all identifiers that link."""
    parts = [
        pa.table({"rec": one.record, "level": np.full(one.record.size, at), "value_no": one.value})
        for at, one in enumerate(levels)
    ]
    keep(con, "n_node", pa.concat_tables(parts))
    names = {"node": "n_node", "numbered": "(SELECT number AS rec, source_system, source_key FROM n_rec)"}
    return as_facts(find_contradictions(con, rules.matching, names, {"domain": rules.domain}))


def _facts(record: npt.NDArray[np.int64], value: npt.NDArray[np.int64]) -> Facts:
    return Facts(np.ascontiguousarray(record, dtype=np.int64), np.ascontiguousarray(value, dtype=np.int64))


def _normalised(con: Connection, name: str, scheme: str, namespace: str, strength: str) -> pa.Table:
    rows = arrow_of(
        con,
        f"SELECT n.number, g.{quoted(name)} AS raw FROM given_records AS g"
        f" INNER JOIN n_rec AS n USING (source_system, source_key) WHERE g.{quoted(name)} IS NOT NULL",
    )
    unique = rows["raw"].unique().to_pylist()
    verdicts = {raw: SCHEMES[scheme](raw) for raw in unique}
    told = [
        (n, v.value)
        for n, raw in zip(rows["number"].to_pylist(), rows["raw"].to_pylist(), strict=True)
        if (v := verdicts[raw]).fault is None
    ]
    size = len(told)
    return pa.table(
        {
            "number": pa.array([one[0] for one in told], pa.int64()),
            "identifier": pa.array([name] * size, pa.string()),
            "namespace": pa.array([namespace] * size, pa.string()),
            "value": pa.array([one[1] for one in told], pa.string()),
            "strength": pa.array([strength] * size, pa.string()),
        }
    )


def _levels(con: Connection, rules: DomainRules) -> list[Facts]:
    """Linking values by namespace, in the order in which they decide, without the poisoned ones."""
    levels = []
    for namespace in dict.fromkeys(rules.namespace(name) for name in rules.identifiers):
        limits = [one for name, one in rules.identifiers.items() if rules.namespace(name) == namespace]
        rows = con.execute(
            "WITH per_source AS (SELECT i.value, n.source_system, count(DISTINCT i.number) AS records"
            " FROM n_identifier AS i INNER JOIN n_rec AS n USING (number)"
            " WHERE i.namespace = $namespace AND i.strength <> 'never' GROUP BY ALL),"
            " clean AS (SELECT value FROM per_source GROUP BY value"
            " HAVING max(records) <= $per_source AND (sum(records) <= $fanout OR sum(records) * 2 <= count(*) * 3))"
            " SELECT DISTINCT i.number, dense_rank() OVER (ORDER BY i.value) - 1 AS value FROM n_identifier AS i"
            " SEMI JOIN clean AS c ON i.value = c.value WHERE i.namespace = $namespace AND i.strength <> 'never'",
            {
                "namespace": namespace,
                "per_source": min(one.max_per_source for one in limits),
                "fanout": min(one.max_fanout for one in limits),
            },
        ).fetchnumpy()
        levels.append(_facts(rows["number"], rows["value"]))
    return levels


def _clusters(named: pa.Table, judged: Judged) -> pa.Table:
    return named.select(["source_system", "source_key"]).append_column("cluster", pa.array(judged.clusters, pa.int64()))


def _judgements(domain: str, named: pa.Table, found: pa.Table, pairs: Pairs, judged: Judged) -> pa.Table:
    columns = {"domain": pa.array([domain] * found.num_rows, pa.string())}
    for side, rows in (("left", pairs.left), ("right", pairs.right)):
        for what in ("source", "key"):
            name = "source_system" if what == "source" else "source_key"
            columns[f"{side}_{what}"] = named[name].take(pa.array(rows))
    columns["verdict"] = pa.array(judged.verdict, pa.string())
    columns["score"] = found["score"]
    columns["reason"] = pa.array(judged.reason, pa.string())
    columns["evidence"] = found["bits"]
    return pa.table(columns)
