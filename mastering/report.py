"""How mastering did: clusters, who is asked, and against a truth file precision and recall. Reads, never writes.

Here: the figures of a working database. Not here: printing (`pipelines.master_report`), judging the published store
(`sample_network.score`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mastering.sqlfile import Connection, quoted, scalar


@dataclass(frozen=True, slots=True)
class Agreement:
    """Found clusters against true ones, over all records of the truth: by pairs, and B-cubed (mean over records)."""

    records: int
    precision: float
    recall: float
    bcubed_precision: float
    bcubed_recall: float

    @property
    def f1(self) -> float:
        """Harmonic mean of pairwise precision and recall."""
        return _f1(self.precision, self.recall)

    @property
    def bcubed_f1(self) -> float:
        """Harmonic mean of B-cubed precision and recall."""
        return _f1(self.bcubed_precision, self.bcubed_recall)


@dataclass(frozen=True, slots=True)
class DomainReport:
    """`by_score`: records that a score joined. `cases`: open review cases by kind. `largest`: label and records of
    the largest golden records. `agreement`: None without a truth."""

    domain: str
    records: int
    golden: int
    by_score: int
    cases: dict[str, int]
    largest: list[tuple[str, int]]
    agreement: Agreement | None

    @property
    def asked_per_thousand(self) -> float:
        """Matches that a person is asked about (ask, vetoed_match) per 1,000 records."""
        asked = self.cases.get("ask", 0) + self.cases.get("vetoed_match", 0)
        return 1000 * asked / self.records if self.records else 0.0

    @property
    def queue_share(self) -> float:
        """Open review cases of every kind, over records."""
        return sum(self.cases.values()) / self.records if self.records else 0.0


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def agreement(found: Sequence[object], truth: Sequence[object]) -> Agreement:
    """`found[i]` and `truth[i]`: the cluster of record i, found and true. Nothing found counts as right."""
    both = Counter(zip(found, truth, strict=True))
    clusters, things = Counter(found), Counter(truth)
    right, told, true = (sum(n * (n - 1) // 2 for n in counts.values()) for counts in (both, clusters, things))
    size = max(1, len(found))
    return Agreement(
        records=len(found),
        precision=right / told if told else 1.0,
        recall=right / true if true else 1.0,
        bcubed_precision=sum(n * n / clusters[cluster] for (cluster, _), n in both.items()) / size,
        bcubed_recall=sum(n * n / things[thing] for (_, thing), n in both.items()) / size,
    )


def report(con: Connection, truth: Path | None = None, largest: int = 5) -> list[DomainReport]:
    """One report per domain that was mastered, by name.

    `truth`: a DuckDB file with `crosswalk` (domain, entity_id, source_system, source_key). A true key without a golden
    record is a record of its own.
    """
    domains = [str(row[0]) for row in con.execute("SELECT domain FROM master.state ORDER BY domain").fetchall()]
    if truth is not None:
        con.execute(f"ATTACH '{str(truth).replace(chr(39), chr(39) * 2)}' AS truth (READ_ONLY)")
    try:
        return [_domain(con, domain, truth is not None, largest) for domain in domains]
    finally:
        if truth is not None:
            con.execute("DETACH truth")


def _domain(con: Connection, domain: str, has_truth: bool, largest: int) -> DomainReport:
    xref, sk = quoted("master", f"xref_{domain}"), quoted(f"{domain}_sk")
    given = {"domain": domain}
    cases = con.execute(
        "SELECT kind, count(*) FROM master.review WHERE domain = $domain GROUP BY kind ORDER BY kind", given
    ).fetchall()
    biggest = con.execute(
        f"SELECT b.label, count(*) AS records FROM {xref} AS x INNER JOIN master.label AS b ON b.sk = x.{sk}"
        f" WHERE b.domain = $domain AND x.valid_to IS NULL AND x.{sk} > 0"
        f" GROUP BY b.label HAVING count(*) > 1 ORDER BY records DESC, b.label LIMIT {int(largest)}",
        given,
    ).fetchall()
    return DomainReport(
        domain=domain,
        records=int(scalar(con, f"SELECT count(*) FROM {xref} WHERE valid_to IS NULL")),
        golden=int(scalar(con, f"SELECT count(DISTINCT {sk}) FROM {xref} WHERE valid_to IS NULL AND {sk} > 0")),
        by_score=int(scalar(con, f"SELECT count(*) FROM {xref} WHERE valid_to IS NULL AND match_rule LIKE '%score'")),
        cases={str(kind): int(count) for kind, count in cases},
        largest=[(str(label), int(count)) for label, count in biggest],
        agreement=_agreement(con, domain, xref, sk) if has_truth else None,
    )


def _agreement(con: Connection, domain: str, xref: str, sk: str) -> Agreement:
    rows = con.execute(
        f"SELECT CASE WHEN x.{sk} > 0 THEN CAST(x.{sk} AS VARCHAR)"
        " ELSE concat('?', t.source_system, '|', t.source_key) END, t.entity_id FROM truth.crosswalk AS t"
        f" LEFT JOIN {xref} AS x ON t.source_system = x.source_system AND t.source_key = x.source_key"
        " AND x.valid_to IS NULL WHERE t.domain = $domain",
        {"domain": domain},
    ).fetchall()
    return agreement([row[0] for row in rows], [row[1] for row in rows])
