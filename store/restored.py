"""A control database that was restored from an older backup: it knows less than what was published from it.

Here: noticing it, before an id is given to another thing and decisions are lost without a word; completing it from the
newest published version. Not here: the chain and the ledger themselves (`store.control`).
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from connectors.errors import ConcordError
from store.control import Control
from store.query import open_published
from store.versions import versions
from store.working import quote

_DECISIONS = (
    "SELECT decision_id, decided_ts, who, domain, kind, what, reason, supersedes, hash FROM ops.decision"
    " ORDER BY decision_id"
)
_REDIRECTS = "SELECT domain, sk, means_sk, seed_source, seed_key FROM ops.golden_redirect"
_DOMAINS = (
    "SELECT regexp_extract(table_name, '^bridge_(.*)_xref$', 1) AS domain FROM duckdb_tables()"
    " WHERE schema_name = 'conformed' AND regexp_matches(table_name, '^bridge_.*_xref$') ORDER BY domain"
)


class ControlBehind(ConcordError):
    """The control database lacks decisions or golden ids that were published."""


@dataclass(frozen=True, slots=True)
class Completed:
    """What was taken from which version; `version` is 0 where nothing was published yet."""

    version: int
    decisions: int
    ids: int


def check_not_behind(home: Path, control: Control) -> None:
    """Raises ControlBehind where the newest published version knows decisions or golden ids that `control` does not."""
    newest = _newest(home)
    if newest is None:
        return
    with closing(open_published(home, newest, check=False)) as con:
        lacking = _lacking(con, control)
    if lacking is not None:
        raise ControlBehind(
            f"the control database is older than version {newest}, which was published from it: {lacking}",
            location=str(home),
            hint="Restore a later backup, or take what it lacks from that version: `concord steward recover`",
        )


def complete(home: Path, control: Control) -> Completed:
    """Take the decisions and golden ids that `control` lacks from the newest published version.

    Raises BrokenChain or ConcordError where the control database has gone another way since it was restored.
    """
    newest = _newest(home)
    if newest is None:
        return Completed(0, 0, 0)
    with closing(open_published(home, newest)) as con:
        decisions = _rows(con, _DECISIONS)
        crosswalks = {domain: _crosswalk(con, domain) for domain in _domains(con)}
        redirects = con.execute(_REDIRECTS).fetchall()
    appended, taken = control.append_published(newest, decisions), 0
    for domain, members in crosswalks.items():
        mine = [(sk, means, source, key) for of, sk, means, source, key in redirects if of == domain]
        taken += control.ledger.take_published(domain, members, mine)
        control.ledger.assign(domain, _assigned(members))
    return Completed(newest, appended, taken)


def _newest(home: Path) -> int | None:
    """The newest complete version, whether readers see it or an earlier one."""
    return next((manifest.version for manifest in versions(home)), None)


def _lacking(con: duckdb.DuckDBPyConnection, control: Control) -> str | None:
    """What the version has and the control database has not, in words."""
    last = con.execute("SELECT decision_id, hash FROM ops.decision ORDER BY decision_id DESC LIMIT 1").fetchall()
    if last and not control.knows_decision(last[0][1]):
        return f"decision {last[0][0]} was published and is not in its chain"
    for domain in _domains(con):
        table, sk = quote("conformed", f"bridge_{domain}_xref"), quote(f"{domain}_sk")
        [(greatest,)] = con.execute(f"SELECT coalesce(max({sk}), 0) FROM {table}").fetchall()
        if greatest > control.ledger.last(domain):
            return f"{domain} {greatest} was published and is not in its ledger of ids"
    return None


def _domains(con: duckdb.DuckDBPyConnection) -> list[str]:
    return [str(row[0]) for row in con.execute(_DOMAINS).fetchall()]


def _crosswalk(con: duckdb.DuckDBPyConnection, domain: str) -> list[tuple[int, str, str]]:
    """Id and record of every row of a domain's crosswalk that has one."""
    table, sk = quote("conformed", f"bridge_{domain}_xref"), quote(f"{domain}_sk")
    found = con.execute(
        f"SELECT {sk}, source_system, source_key FROM {table} WHERE _is_current AND {sk} > 0 ORDER BY ALL"
    ).fetchall()
    return [(int(row[0]), str(row[1]), str(row[2])) for row in found]


def _assigned(members: list[tuple[int, str, str]]) -> pa.Table:
    return pa.table(
        {
            "source_system": pa.array([source for _, source, _ in members], pa.string()),
            "source_key": pa.array([key for _, _, key in members], pa.string()),
            "sk": pa.array([sk for sk, _, _ in members], pa.int64()),
        }
    )


def _rows(con: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    answer = con.execute(sql)
    names = [column[0] for column in answer.description or []]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
