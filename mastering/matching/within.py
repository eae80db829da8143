"""Matching as a step of mastering: for the changed records, within what they can reach.

Here: from statements to pairs, from pairs to clusters and judgements, as temporary tables for `mastering.identity`.
Not here: candidates and scores (`mastering.matching.pairs`), what a score decides (`mastering.matching.judge`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from mastering.clusters import Facts, Ints, Mask
from mastering.matching.contradictions import as_facts, find_contradictions
from mastering.matching.features import read_columns
from mastering.matching.judge import Guards, Judged, Pairs, judge
from mastering.matching.pairs import prepare_pairs, update_pairs
from mastering.rules import DomainRules, Matching
from mastering.sqlfile import Connection, arrow, keep, literal, quoted, run

_TABLES = "n_new n_gone n_touched i_scored i_judgement i_by_score"


def update_matching(con: Connection, rules: DomainRules, values: Mapping[str, Any], *, everything: bool) -> None:
    """Bring the pairs up to the records of `i_key`; whom that concerns is in `i_paired` (source_system, source_key).

    `everything`: the pairs of all records are made anew.
    """
    prepare_pairs(con)
    con.execute("CREATE OR REPLACE TEMP TABLE i_paired (source_system VARCHAR, source_key VARCHAR)")
    if rules.matching is None:
        run(con, "matching.forget_domain", {}, values)
        return
    columns = "".join(
        f",\n    max(s.value) FILTER (s.attribute = {literal(name)}) AS {quoted(name)}"
        for name in read_columns(rules.matching)
    )
    read = ", ".join(literal(name) for name in read_columns(rules.matching))
    run(con, "matching.gone_all" if everything else "matching.gone", {}, values)
    run(con, "matching.new", {"columns": columns, "read": read}, values)
    update_pairs(con, rules.domain, rules.matching)
    run(con, "matching.paired", {}, values)


def join_by_score(
    con: Connection,
    rules: DomainRules,
    base: Ints,
    vetoes: Sequence[Facts],
    exclusive: Facts | None,
    apart: Facts,
    alone: Mask,
    values: Mapping[str, Any],
) -> Ints:
    """The clusters of the records of `i_rec` after scores have joined what nothing forbids.

    `base`: the clusters that identifiers and people made. `apart`: records that a person keeps apart. `alone`: records
    that nothing joins. Fills `i_judgement` (left_rec, right_rec, verdict, score, reason, evidence).
    """
    if rules.matching is None:
        keep(con, "i_judgement", _told(np.empty(0, dtype=np.int64), None, None, None))
        return base
    found = arrow(con, "matching.reached_pairs", {}, values)
    left, right = (found[name].to_numpy() for name in ("l", "r"))
    free = ~(alone[left] | alone[right])
    found = found.filter(pa.array(free))
    pairs = Pairs(left[free], right[free], found["score"].cast(pa.float64()).to_numpy(), found["vetoed"].to_pylist())
    kept_apart = list(zip(apart.record.tolist(), apart.value.tolist(), strict=True))
    judged = judge(base, pairs, Guards(vetoes, exclusive, kept_apart), rules.matching, _sources(exclusive, base.size))
    keep(con, "i_judgement", _told(_worth_telling(base, pairs, judged), found, judged, rules.matching))
    return judged.clusters


def contradictions(con: Connection, rules: DomainRules, values: Mapping[str, Any]) -> Facts:
    """Records of i_rec that share an identifier and yet contradict each other; fills i_contradiction."""
    names = {
        "node": "(SELECT rec, level, value_no FROM i_node WHERE NOT is_reference)",
        "numbered": "(SELECT rec, source_system, source_key FROM i_rec)",
    }
    found = find_contradictions(con, rules.matching, names, values)
    keep(con, "i_contradiction", found)
    return as_facts(found)


def _sources(exclusive: Facts | None, count: int) -> Ints | None:
    """The source of each record where sources have no duplicates; of a deleted record none that another has."""
    if exclusive is None:
        return None
    source = -1 - np.arange(count, dtype=np.int64)
    source[exclusive.record] = exclusive.value
    return source


def _worth_telling(base: Ints, pairs: Pairs, judged: Judged) -> Ints:
    """Pairs that scores joined, and of each cluster the best that there is to ask about."""
    joined = [at for at, verdict in enumerate(judged.verdict) if verdict == "same" and judged.reason[at] == "score"]
    # Best first: a case is told where it is the best of one of its two sides.
    asked = sorted(
        (at for at, verdict in enumerate(judged.verdict) if verdict == "ask"), key=lambda at: -pairs.score[at]
    )
    settled: set[int] = set()
    best: list[int] = []
    for at in asked:
        ends = {int(judged.clusters[pairs.left[at]]), int(judged.clusters[pairs.right[at]])}
        if not ends <= settled:
            best.append(at)
            settled |= ends
    return np.array(sorted([*joined, *best]), dtype=np.int64)


def _told(rows: Ints, found: pa.Table | None, judged: Judged | None, matching: Matching | None) -> pa.Table:
    schema = [("left_rec", pa.int64()), ("right_rec", pa.int64()), ("verdict", pa.string()), ("score", pa.float64())]
    schema += [("reason", pa.string()), ("evidence", pa.string())]
    if found is None or judged is None or matching is None:
        return pa.schema(schema).empty_table()
    picked = found.take(pa.array(rows))
    points = picked["score"].cast(pa.float64()).to_numpy()
    columns = {
        "left_rec": picked["l"],
        "right_rec": picked["r"],
        "verdict": pa.array([judged.verdict[row] for row in rows], pa.string()),
        "score": pa.array(certainty(points, matching)),
        "reason": pa.array([judged.reason[row] for row in rows], pa.string()),
        "evidence": picked["bits"],
    }
    return pa.table(columns, schema=pa.schema(schema))


def certainty(points: Any, matching: Matching) -> Any:  # noqa: ANN401 - arrays of floats
    """Points as a number from 0 to 1: one half where a person begins to be asked, each point doubles the odds."""
    return np.round(1 / (1 + np.exp2(matching.ask - points)), 4)


def forget_matching(con: Connection) -> None:
    """Drop the temporary tables."""
    for name in (*_TABLES.split(), "i_paired"):
        con.execute(f"DROP TABLE IF EXISTS {name}")
