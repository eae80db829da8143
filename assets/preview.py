"""What a decision or a changed rule would do: mastered in a transaction that is taken back.

Here: the ledger that mints nothing, the comparison of golden data before and after. Not here: printing
(`pipelines.steward_commands`), mastering.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from assets.session import DOMAIN_ORDER, SyncSession
from mastering.decisions import Ruling
from mastering.ledger import Ledger
from mastering.sqlfile import Connection, quoted
from store.control import Ledger as ControlLedger

#: Examples that are kept of each kind of effect.
EXAMPLES = 10
_ORIGIN = frozenset({"valid_from", "valid_to", "is_current", "_change_seq"})


@dataclass(frozen=True, slots=True)
class Effect:
    """What would be another in one domain. Lists hold the first `EXAMPLES`; counts are of all.

    `merged`, `split`: golden ids before and after. `moved`: keys with another golden id. `values`: golden id, column,
    value before, value after, of golden records that stay. `ids`: golden ids touched in any way.
    """

    domain: str
    merged: int
    split: int
    moved: int
    changed_values: int
    ids: int
    examples_merged: Sequence[str] = ()
    examples_split: Sequence[str] = ()
    examples_values: Sequence[str] = ()

    @property
    def nothing(self) -> bool:
        """Whether golden data stays as it is."""
        return not (self.moved or self.changed_values or self.ids)


class ScratchLedger:
    """A ledger that reads the real one and keeps what it is told to itself."""

    def __init__(self, real: Ledger) -> None:
        self._real = real
        self._minted: dict[str, dict[tuple[str, str], int]] = {}
        self._known: dict[str, dict[tuple[str, str], int]] = {}
        self._redirects: dict[str, dict[int, int | None]] = {}

    def seeds(self, domain: str, after: int = 0) -> pa.Table:
        """The real seeds and those that would be minted."""
        real = self._real.seeds(domain, after)
        rows = [(*seed, sk) for seed, sk in self._minted.get(domain, {}).items() if sk > after]
        columns = [pa.array([row[place] for row in rows], one.type) for place, one in enumerate(real.schema)]
        return pa.concat_tables([real, pa.table(columns, schema=real.schema)])

    def mint(self, domain: str, seeds: Sequence[tuple[str, str]]) -> list[int]:
        """The ids that the real ledger would give now."""
        known = self._real_ids(domain)
        minted = self._minted.setdefault(domain, {})
        last = max([0, *known.values(), *minted.values()])
        for seed in dict.fromkeys(seeds):
            if seed not in known and seed not in minted:
                last += 1
                minted[seed] = last
        return [known.get(seed) or minted[seed] for seed in seeds]

    def _real_ids(self, domain: str) -> dict[tuple[str, str], int]:
        if domain not in self._known:
            table = self._real.seeds(domain)
            columns = (table.column(name).to_pylist() for name in ("source_system", "source_key", "sk"))
            self._known[domain] = {(source, key): sk for source, key, sk in zip(*columns, strict=True)}
        return self._known[domain]

    def assign(self, domain: str, rows: pa.Table) -> None:
        """Nothing is written down."""

    def redirect(self, domain: str, from_sk: int, to_sk: int | None) -> None:
        """Known to this ledger only."""
        self._redirects.setdefault(domain, {})[from_sk] = to_sk

    def redirects(self, domain: str) -> Mapping[int, int]:
        """The real redirects, and those made here."""
        meant = {**self._real.redirects(domain), **self._redirects.get(domain, {})}
        return {sk: to for sk, to in meant.items() if to is not None}


def preview(
    session: SyncSession,
    rulings: Mapping[str, Sequence[Ruling]] | None = None,
    domains_folder: Path | None = None,
) -> list[Effect]:
    """Effects per domain of having these decisions in force (all of a domain), or these domain files, in place of
    what is now. Nothing is changed; what was staged or decided since the last sync counts as done before."""
    with _taken_back(session) as seq:
        ledger = ScratchLedger(ControlLedger(session.control))
        _master(session, seq, ledger, {})
        for domain in DOMAIN_ORDER:
            _remember(session.working.con, domain, session.domains[domain].surrogate)
        if domains_folder is not None:
            session.use_domains(domains_folder)
        _master(session, seq + 1, ledger, rulings or {})
        return [_effect(session.working.con, domain, session.domains[domain].surrogate) for domain in DOMAIN_ORDER]


@contextmanager
def _taken_back(session: SyncSession) -> Iterator[int]:
    """A transaction of the working database that is rolled back; its change_seq."""
    session.prepare_intake()
    con = session.working.con
    con.begin()
    try:
        yield session.working.change_seq + 1
    finally:
        con.rollback()


def _master(session: SyncSession, seq: int, ledger: Ledger, rulings: Mapping[str, Sequence[Ruling]]) -> None:
    for domain in DOMAIN_ORDER:
        given = rulings.get(domain)
        session.master_with(domain, seq, ledger, session.rulings(domain) if given is None else given)


def _remember(con: Connection, domain: str, sk: str) -> None:
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {quoted(f'p_xref_{domain}')} AS"
        f" SELECT source_system, source_key, {quoted(sk)} AS sk FROM {quoted('master', f'xref_{domain}')}"
        " WHERE valid_to IS NULL"
    )
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {quoted(f'p_golden_{domain}')} AS"
        f" SELECT * FROM {quoted('master', f'golden_{domain}')} WHERE is_current"
    )


def _effect(con: Connection, domain: str, sk: str) -> Effect:
    con.execute(
        "CREATE OR REPLACE TEMP TABLE p_key AS SELECT coalesce(o.source_system, n.source_system) AS source_system,"
        f" coalesce(o.source_key, n.source_key) AS source_key, o.sk AS old_sk, n.{quoted(sk)} AS new_sk"
        f" FROM {quoted(f'p_xref_{domain}')} AS o FULL OUTER JOIN"
        f" (SELECT * FROM {quoted('master', f'xref_{domain}')} WHERE valid_to IS NULL) AS n"
        " ON o.source_system = n.source_system AND o.source_key = n.source_key"
    )
    con.execute("CREATE OR REPLACE TEMP TABLE p_value (sk BIGINT, col VARCHAR, before VARCHAR, after VARCHAR)")
    for column in _common_columns(con, domain, sk):
        name = quoted(column)
        con.execute(
            f"INSERT INTO p_value SELECT o.{quoted(sk)}, ?, CAST(o.{name} AS VARCHAR), CAST(n.{name} AS VARCHAR)"
            f" FROM {quoted(f'p_golden_{domain}')} AS o INNER JOIN {quoted('master', f'golden_{domain}')} AS n"
            f" ON o.{quoted(sk)} = n.{quoted(sk)} AND n.is_current WHERE o.{name} IS DISTINCT FROM n.{name}",
            [column],
        )
    merged = _moves(con, "new_sk", "old_sk")
    split = _moves(con, "old_sk", "new_sk")
    values = con.execute("SELECT sk, col, before, after FROM p_value ORDER BY sk, col").fetchall()
    moved = "FROM p_key WHERE old_sk IS DISTINCT FROM new_sk"
    [(keys,)] = con.execute(f"SELECT count(*) {moved}").fetchall()
    [(ids,)] = con.execute(
        f"SELECT count(*) FROM (SELECT old_sk AS sk {moved} UNION SELECT new_sk {moved} UNION SELECT sk FROM p_value)"
        " AS touched WHERE sk > 0"
    ).fetchall()
    return Effect(
        *(domain, len(merged), len(split), int(keys), len(values), int(ids)),
        [f"{_listed(old)} become {new}: {names}" for new, old, names in merged[:EXAMPLES]],
        [f"{old} becomes {_listed(new)}: {names}" for old, new, names in split[:EXAMPLES]],
        [f"{one} {column}: {_shown(old)} -> {_shown(new)}" for one, column, old, new in values[:EXAMPLES]],
    )


def _moves(con: Connection, one: str, many: str) -> list[tuple[int, list[int], str]]:
    """Golden ids of one side whose keys have several ids on the other, with these ids and keys."""
    return con.execute(
        f"SELECT {one}, list(DISTINCT {many} ORDER BY {many}),"
        " string_agg(source_system || ':' || source_key, ', ' ORDER BY source_system, source_key)"
        f" FROM p_key WHERE {one} > 0 AND {many} > 0 GROUP BY {one} HAVING count(DISTINCT {many}) > 1 ORDER BY {one}"
    ).fetchall()


def _common_columns(con: Connection, domain: str, sk: str) -> list[str]:
    """Columns of the golden table before and after, but for ids, times and origin."""
    names = [
        {str(row[0]) for row in con.execute(f"DESCRIBE {table}").fetchall()}
        for table in (quoted(f"p_golden_{domain}"), quoted("master", f"golden_{domain}"))
    ]
    return sorted(name for name in names[0] & names[1] if name not in _ORIGIN and name != sk and name[0] != "_")


def _listed(ids: Sequence[int]) -> str:
    return ", ".join(str(one) for one in ids)


def _shown(value: str | None) -> str:
    return "nothing" if value is None else repr(value)
