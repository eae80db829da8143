"""What the mastering tests stand on: an intake whose history is written down row by row, and a ledger in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from mastering.decisions import Ruling
from mastering.engine import MasterOutcome, master_domain
from mastering.rules import DomainRules, load_domains
from mastering.sqlfile import quoted
from mastering.staleness import Heard

ROOT = Path(__file__).resolve().parent.parent.parent
DOMAINS = load_domains(ROOT / "mastering" / "domains")
DAY_ONE = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
SYSTEMS = {
    "erp": "legacy_erp",
    "cloud": "cloud_erp",
    "north": "inventory",
    "south": "inventory",
    "dc": "warehouse",
    "suite": "procurement",
    "edi_hub": "edi",
}


def day(number: int) -> datetime:
    """00:00 UTC of the numbered day of 2026, from 1."""
    return DAY_ONE + timedelta(days=number - 1)


@dataclass
class MemoryLedger:
    """The ledger's contract, kept in dictionaries. `calls` counts what was asked of it."""

    ids: dict[str, dict[tuple[str, str], int]] = field(default_factory=dict)
    held: dict[str, dict[tuple[str, str], int]] = field(default_factory=dict)
    direct: dict[str, dict[int, int]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def seeds(self, domain: str, after: int = 0) -> pa.Table:
        rows = [(*seed, sk) for seed, sk in self.ids.get(domain, {}).items() if sk > after]
        return _members(rows)

    def mint(self, domain: str, seeds: Sequence[tuple[str, str]]) -> list[int]:
        self.calls.append("mint")
        known = self.ids.setdefault(domain, {})
        return [known.setdefault(seed, len(known) + 1) for seed in seeds]

    def assign(self, domain: str, rows: pa.Table) -> None:
        self.calls.append("assign")
        for row in rows.to_pylist():
            self.held.setdefault(domain, {})[row["source_system"], row["source_key"]] = row["sk"]

    def redirect(self, domain: str, from_sk: int, to_sk: int | None) -> None:
        self.calls.append("redirect")
        known = self.direct.setdefault(domain, {})
        known.pop(from_sk, None)
        if to_sk is not None:
            step: int | None = to_sk
            while step is not None:
                assert step != from_sk, "a redirect that leads back to itself"
                step = known.get(step)
            known[from_sk] = to_sk

    def redirects(self, domain: str) -> Mapping[int, int]:
        direct = self.direct.get(domain, {})
        return {sk: self._end(direct, sk) for sk in direct}

    @staticmethod
    def _end(direct: Mapping[int, int], sk: int) -> int:
        while sk in direct:
            sk = direct[sk]
        return sk


def _members(rows: Iterable[tuple[str, str, int]]) -> pa.Table:
    found = list(rows)
    return pa.table(
        {
            "source_system": pa.array([row[0] for row in found], pa.string()),
            "source_key": pa.array([row[1] for row in found], pa.string()),
            "sk": pa.array([row[2] for row in found], pa.int64()),
        }
    )


#: What a source says of a record from a moment on; None: it deletes it.
Says = Mapping[str, str] | None


@dataclass
class World:
    """Intake histories of all domains, the working database they are mastered in, and a ledger."""

    rules: Mapping[str, DomainRules] = field(default_factory=lambda: DOMAINS)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    systems: Mapping[str, str] = field(default_factory=lambda: SYSTEMS)
    now: datetime = NOW
    secret_key: bytes | None = b"of this home"
    rulings: dict[str, list[Ruling]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.con = duckdb.connect(config={"preserve_insertion_order": False})
        self.con.execute("SET TimeZone = 'UTC'")
        self.con.execute("SET threads = 1")
        self.seq = 0
        self.decisions = 0
        self.history: dict[str, dict[tuple[str, str], dict[datetime, Says]]] = {name: {} for name in self.rules}
        self.pending: dict[str, set[datetime]] = {name: set() for name in self.rules}
        self.whole: dict[str, set[datetime]] = {}
        self.silent_until: datetime | None = None
        self.hear: Callable[[], Heard] = self.heard

    def say(self, domain: str, source: str, key: str, at: datetime = DAY_ONE, /, **values: str | None) -> World:
        """The source has this row from `at` on."""
        said = {name: value for name, value in values.items() if value is not None}
        return self._note(domain, source, key, at, said)

    def delete(self, domain: str, source: str, key: str, at: datetime) -> World:
        """The source deletes the record at `at`."""
        return self._note(domain, source, key, at, None)

    def confirm(self, source: str, *at: datetime) -> World:
        """The source delivers all that it has at these moments, and nothing of it is new."""
        self.whole.setdefault(source, set()).update(at)
        return self

    def wait(self, until: datetime) -> World:
        """Somebody who says nothing of these domains delivers: the data is of that moment by now."""
        self.silent_until = until
        return self

    def heard(self) -> Heard:
        """What the sources confirmed by now."""
        said = [at for keys in self.history.values() for versions in keys.values() for at in versions]
        confirmed = [(source, at, at) for source, moments in sorted(self.whole.items()) for at in sorted(moments)]
        newest = [*said, *(at for _, at, _ in confirmed), *([self.silent_until] if self.silent_until else [])]
        return Heard(max(newest, default=None), confirmed)

    def decide(
        self,
        domain: str,
        kind: str,
        left: str,
        right: str | None = None,
        /,
        on: int = 10,
        **more: Any,
    ) -> Ruling:
        """A person's decision on `source/key`; takes effect at the next run. `on`: day it was made."""
        known = self.rulings.setdefault(domain, [])
        self.decisions += 1
        ends = [(*text.split("/"),) if text else None for text in (left, right)]
        ruling = Ruling(self.decisions, day(on), "kim", kind, "looked at both", *ends, **more)  # type: ignore[arg-type]
        known.append(ruling)
        return ruling

    def undo(self, domain: str, ruling: Ruling) -> None:
        """Take a decision back."""
        self.rulings[domain].remove(ruling)

    def _note(self, domain: str, source: str, key: str, at: datetime, says: Says) -> World:
        self.history[domain].setdefault((source, key), {})[at] = says
        self.pending[domain].add(at)
        return self

    def run(self, *domains: str, points: Mapping[str, Sequence[datetime]] | None = None) -> dict[str, MasterOutcome]:
        """Master the domains (all by default, in their order) in one transaction."""
        self.seq += 1
        self.con.begin()
        outcomes = {}
        for domain in domains or ("location", "supplier", "item"):
            if domain not in self.rules:
                continue
            given = (points or {}).get(domain)
            due = sorted(self.pending[domain]) if given is None else list(given)
            self.pending[domain] -= set(due)
            self._write_intake(domain)
            outcomes[domain] = master_domain(
                self.con,
                self.rules[domain],
                self._relation(domain),
                due,
                self.ledger,
                self.seq,
                self.now,
                source_systems=self.systems,
                secret_key=self.secret_key,
                rulings=self.rulings.get(domain, ()),
                hear=self.hear,
            )
        self.con.commit()
        return outcomes

    def _write_intake(self, domain: str) -> None:
        """The history as a table: each row with the interval in which it is what the source says."""
        columns = self.rules[domain].columns
        rows = [
            {
                "source_system": source,
                "source_key": key,
                "_delivery_id": f"{source}@{at:%j}",
                "_source_row_no": 1,
                "_change_seq": self.seq,
                "_valid_from": at,
                "_until": until,
                "_is_deleted": says is None,
                **{name: (says or {}).get(name) for name in columns},
            }
            for (source, key), versions in self.history[domain].items()
            for at, until, says in _intervals(versions)
        ]
        kinds: list[tuple[str, Any]] = [
            ("source_system", pa.string()),
            ("source_key", pa.string()),
            ("_delivery_id", pa.string()),
            ("_source_row_no", pa.int64()),
            ("_change_seq", pa.int64()),
            ("_valid_from", pa.timestamp("us", "UTC")),
            ("_until", pa.timestamp("us", "UTC")),
            ("_is_deleted", pa.bool_()),
            *((name, pa.string()) for name in columns),
        ]
        self.con.register(f"given_{domain}", pa.Table.from_pylist(rows, pa.schema(kinds)))
        self.con.execute(f"CREATE OR REPLACE TABLE intake_{domain} AS SELECT * FROM given_{domain}")
        self.con.unregister(f"given_{domain}")

    def _relation(self, domain: str) -> Any:
        def intake_sql(at: datetime | None) -> str:
            if at is None:
                return f"SELECT * EXCLUDE (_until) FROM intake_{domain} WHERE _until IS NULL"
            stamp = f"TIMESTAMPTZ '{at.isoformat()}'"
            return (
                f"SELECT * EXCLUDE (_until) FROM intake_{domain}"
                f" WHERE _valid_from <= {stamp} AND (_until IS NULL OR _until > {stamp})"
            )

        return intake_sql

    # -- looking --------------------------------------------------------------------------------------

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self.con.execute(sql, list(values) or None).fetchall()

    def groups(self, domain: str) -> set[frozenset[str]]:
        """Source records that are one, as `source/key`."""
        sk = self.rules[domain].surrogate
        found = self.rows(
            f"SELECT list(source_system || '/' || source_key) FROM master.xref_{domain}"
            f" WHERE valid_to IS NULL AND {sk} > 0 GROUP BY {sk}"
        )
        return {frozenset(row[0]) for row in found}

    def ids(self, domain: str) -> dict[str, int]:
        """`source/key` -> golden id."""
        sk = self.rules[domain].surrogate
        found = self.rows(
            f"SELECT source_system || '/' || source_key, {sk} FROM master.xref_{domain} WHERE valid_to IS NULL"
        )
        return dict(found)

    def golden(self, domain: str, column: str, sk: int | None = None) -> list[tuple[Any, ...]]:
        """(day of valid_from, day of valid_to, value) of one column's golden timeline, equal neighbours together."""
        sk_column = self.rules[domain].surrogate
        wanted = sk if sk is not None else self.rows(f"SELECT min({sk_column}) FROM master.golden_{domain}")[0][0]
        found = self.rows(
            f"SELECT valid_from, valid_to, {quoted(column)} FROM master.golden_{domain}"
            f" WHERE {sk_column} = ? ORDER BY valid_from",
            wanted,
        )
        steps: list[tuple[Any, ...]] = []
        for begins, ends, value in found:
            if steps and steps[-1][2] == value:
                steps[-1] = (steps[-1][0], _number(ends), value)
            else:
                steps.append((_number(begins), _number(ends), value))
        return steps

    def statements(self, domain: str) -> list[tuple[Any, ...]]:
        return self.rows("SELECT * EXCLUDE (change_seq) FROM master.statement WHERE domain = ? ORDER BY ALL", domain)

    def findings(self, kind: str) -> list[tuple[str, str]]:
        return self.rows("SELECT key, detail FROM master.finding WHERE kind = ? ORDER BY key", kind)

    def state(self, domain: str, *, with_ids: bool = False) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that mastering says of a domain. Ids are replaced by labels unless asked for."""
        sk = self.rules[domain].surrogate
        id_columns = [sk, *self.rules[domain].references.values()]
        shown = ", ".join(
            f"(SELECT label FROM master.label AS b WHERE b.domain = '{domain}' AND b.sk = g.{quoted(c)}) AS {quoted(c)}"
            for c in id_columns
        )
        golden = f"SELECT * EXCLUDE (_change_seq) REPLACE ({shown}) FROM master.golden_{domain} AS g"
        xref = (
            f"SELECT * EXCLUDE (_change_seq, {sk}), (SELECT label FROM master.label AS b"
            f" WHERE b.domain = '{domain}' AND b.sk = x.{sk}) AS label FROM master.xref_{domain} AS x"
        )
        log = (
            "SELECT l.* EXCLUDE (_change_seq, sk), b.label FROM master.survivorship_log AS l"
            f" LEFT JOIN master.label AS b ON l.domain = b.domain AND l.sk = b.sk WHERE l.domain = '{domain}'"
        )
        if with_ids:
            golden = f"SELECT * EXCLUDE (_change_seq) FROM master.golden_{domain}"
            xref = f"SELECT * EXCLUDE (_change_seq) FROM master.xref_{domain}"
            log = f"SELECT * EXCLUDE (_change_seq) FROM master.survivorship_log WHERE domain = '{domain}'"
        evidence = "SELECT * EXCLUDE (change_seq, link_value)"
        queries = {
            "statement": f"SELECT * EXCLUDE (change_seq) FROM master.statement WHERE domain = '{domain}'",
            "record": f"SELECT * EXCLUDE (change_seq) FROM master.record WHERE domain = '{domain}'",
            "evidence": f"{evidence} FROM master.evidence WHERE domain = '{domain}'",
            "edge": f"SELECT * EXCLUDE (_change_seq) FROM master.edge WHERE domain = '{domain}'",
            "label": f"SELECT label FROM master.label WHERE domain = '{domain}'",
            "finding": f"SELECT * EXCLUDE (_change_seq) FROM master.finding WHERE domain = '{domain}'",
            "golden": golden,
            "xref": xref,
            "log": log,
        }
        return {name: self.rows(f"{query} ORDER BY ALL") for name, query in queries.items()}

    def touched(self) -> dict[str, int]:
        """Rows of every table of `master` that carry the last change_seq."""
        tables = self.rows(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'master' AND column_name IN ('_change_seq', 'change_seq')"
        )
        counts = {
            table: self.rows(f"SELECT count(*) FROM master.{table} WHERE {column} = {self.seq}")[0][0]
            for table, column in tables
        }
        return {table: count for table, count in counts.items() if count}


def _intervals(versions: Mapping[datetime, Says]) -> list[tuple[datetime, datetime | None, Says]]:
    ordered = sorted(versions.items())
    ends = [at for at, _ in ordered[1:]]
    return [(at, end, says) for (at, says), end in zip(ordered, [*ends, None], strict=True)]


def _number(at: datetime | None) -> int | None:
    return None if at is None else (at.astimezone(UTC) - DAY_ONE).days + 1


def gtin(number: int) -> str:
    """The number-th valid GTIN-14 of a made-up company."""
    digits = f"0861000{number:06d}"
    total = sum(int(d) * (3 if n % 2 == 0 else 1) for n, d in enumerate(reversed(digits)))
    return f"{digits}{-total % 10}"
