"""The control database: what people and many processes write, and what cannot be derived from landing.

Here: runs, publications, the ledger of golden ids, decisions (a hash chain), quarantine actions, gate results,
the alert outbox. SQLite by default, PostgreSQL by URL. Not here: rows of sources, anything that can be rebuilt.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from connectors.errors import ConcordError, ConfigurationError

#: Version of the tables below. A database of a later version is refused; earlier ones are migrated by `_MIGRATIONS`.
SCHEMA_VERSION = 1

GENESIS = "0" * 64
_LOOKUP_ALL_ABOVE = 1000
_BATCH = 20_000

_metadata = sa.MetaData()


class UtcTime(sa.TypeDecorator[datetime]):
    """An aware UTC time; SQLite, which knows no zones, holds it naive."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """To UTC; naive for SQLite."""
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Aware UTC, whatever the database returned."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


_schema_version = sa.Table("schema_version", _metadata, sa.Column("version", sa.Integer, primary_key=True))

_run = sa.Table(
    "run",
    _metadata,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("started_ts", UtcTime, nullable=False),
    sa.Column("ended_ts", UtcTime),
    sa.Column("cadence", sa.String(16), nullable=False),
    sa.Column("network", sa.String(64), nullable=False),
    sa.Column("status", sa.String(32), nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),
    sa.Column("code_version", sa.String(64), nullable=False),
)

_publication = sa.Table(
    "publication",
    _metadata,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("published_ts", UtcTime, nullable=False),
    sa.Column("content_hash", sa.String(64), nullable=False),
    sa.Column("run_id", sa.String(64)),
    sa.Column("decision_head", sa.String(64), nullable=False),
)

_golden_id = sa.Table(
    "golden_id",
    _metadata,
    sa.Column("domain", sa.String(32), primary_key=True),
    sa.Column("sk", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("seed_source", sa.Text, nullable=False),
    sa.Column("seed_key", sa.Text, nullable=False),
    sa.Column("minted_ts", UtcTime, nullable=False),
    sa.Column("redirect_to", sa.BigInteger),
    sa.UniqueConstraint("domain", "seed_source", "seed_key"),
)

_golden_member = sa.Table(
    "golden_member",
    _metadata,
    sa.Column("domain", sa.String(32), primary_key=True),
    sa.Column("source_system", sa.Text, primary_key=True),
    sa.Column("source_key", sa.Text, primary_key=True),
    sa.Column("sk", sa.BigInteger, nullable=False),
    sa.Column("assigned_ts", UtcTime, nullable=False),
)

_decision = sa.Table(
    "decision",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("ts", UtcTime, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("domain", sa.String(32), nullable=False),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("supersedes", sa.Integer),
    sa.Column("prev_hash", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False, unique=True),
)

_quarantine_action = sa.Table(
    "quarantine_action",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("delivery_id", sa.String(16), nullable=False, index=True),
    sa.Column("reject_id", sa.String(16)),
    sa.Column("rule_id", sa.Text),
    sa.Column("action", sa.String(16), nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("ts", UtcTime, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)

_dq_result = sa.Table(
    "dq_result",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("run_id", sa.String(64), nullable=False, index=True),
    sa.Column("ts", UtcTime, nullable=False),
    sa.Column("suite", sa.Text, nullable=False),
    sa.Column("expectation", sa.Text, nullable=False),
    sa.Column("table_name", sa.Text, nullable=False),
    sa.Column("column_name", sa.Text),
    sa.Column("scope", sa.Text),
    sa.Column("observed", sa.Text),
    sa.Column("threshold", sa.Text),
    sa.Column("success", sa.Boolean, nullable=False),
    sa.Column("severity", sa.String(16), nullable=False),
    sa.Column("unexpected_count", sa.BigInteger),
    sa.Column("sample_keys", sa.JSON),
)

_alert_outbox = sa.Table(
    "alert_outbox",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("fingerprint", sa.Text, nullable=False, index=True),
    sa.Column("severity", sa.String(16), nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("opened_ts", UtcTime, nullable=False),
    sa.Column("last_ts", UtcTime, nullable=False),
    sa.Column("occurrences", sa.Integer, nullable=False),
    sa.Column("sent_ts", UtcTime),
    sa.Column("resolved_ts", UtcTime),
)

_NEVER_EDITED = "a decision is superseded, never edited"


def _guard(text: str, dialect: str) -> None:
    """DDL that belongs to the decision table in one dialect."""
    sa.event.listen(_decision, "after_create", sa.DDL(text).execute_if(dialect=dialect))  # type: ignore[no-untyped-call]


for _verb in ("UPDATE", "DELETE"):
    _guard(
        f"CREATE TRIGGER decision_no_{_verb.lower()} BEFORE {_verb} ON decision "
        f"BEGIN SELECT RAISE(ABORT, '{_NEVER_EDITED}'); END",
        "sqlite",
    )
_guard(
    "CREATE OR REPLACE FUNCTION decision_never_edited() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN RAISE EXCEPTION '{_NEVER_EDITED}'; END $$",
    "postgresql",
)
_guard(
    "CREATE TRIGGER decision_never_edited BEFORE UPDATE OR DELETE ON decision "
    "FOR EACH ROW EXECUTE FUNCTION decision_never_edited()",
    "postgresql",
)


class ControlUnavailable(ConcordError):
    """The control database cannot be reached or is locked: a retry may help."""

    retryable = True


class BrokenChain(ConcordError):
    """A decision was edited, removed or inserted behind the program's back."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision of a person. `payload`: what was decided. `supersedes`: id of the decision it replaces."""

    id: int
    ts: datetime
    who: str
    domain: str
    kind: str
    payload: Mapping[str, Any]
    reason: str
    supersedes: int | None
    prev_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A decision that is yet to be written; see `Decision`."""

    who: str
    domain: str
    kind: str
    payload: Mapping[str, Any]
    reason: str
    supersedes: int | None = None


@dataclass(frozen=True, slots=True)
class Waiver:
    """One waiver: `reject_id` of a single reject, or `rule_id` of a guard that refused a whole delivery."""

    delivery_id: str
    reject_id: str | None
    rule_id: str | None
    who: str
    ts: datetime
    reason: str


class Control:
    """The open control database. Every method is one transaction; any number of processes may use it."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self.ledger = Ledger(self)

    @classmethod
    def open_home(cls, home: Path) -> Control:
        """CONCORD_CONTROL_URL, else `<home>/control.sqlite`."""
        url = os.environ.get("CONCORD_CONTROL_URL")
        if url is None:
            home.mkdir(parents=True, exist_ok=True)
            url = f"sqlite:///{home / 'control.sqlite'}"
        return cls.open(url)

    @classmethod
    def open(cls, url: str) -> Control:
        """Open a control database by SQLAlchemy URL, creating its tables where it is new.

        Raises ConfigurationError for a URL that is none, a database of a later version of this program or a
        dialect other than SQLite and PostgreSQL; ControlUnavailable where it cannot be reached.
        """
        engine = _engine(url)
        control = cls(engine)
        try:
            with control.write() as con:
                _migrate(con)
        except BaseException:
            engine.dispose()
            raise
        return control

    def close(self) -> None:
        """Release the connections."""
        self._engine.dispose()

    def __enter__(self) -> Control:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One writing transaction; others that write wait for it."""
        writer = self._engine.execution_options(concord_write=True)
        with _reachable(self._engine), writer.begin() as con:
            yield con

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """One reading transaction: a consistent view, which waits for nobody on SQLite (WAL) and PostgreSQL."""
        with _reachable(self._engine), self._engine.begin() as con:
            yield con

    # -- runs and publications ----------------------------------------------------------------------

    def start_run(self, run_id: str, *, network: str, cadence: str, code_version: str) -> None:
        """Record that a run began (status `running`)."""
        with self.write() as con:
            con.execute(
                _run.insert().values(
                    run_id=run_id,
                    started_ts=_now(),
                    cadence=cadence,
                    network=network,
                    status="running",
                    detail={},
                    code_version=code_version,
                )
            )

    def end_run(self, run_id: str, status: str, detail: Mapping[str, Any]) -> None:
        """Record how a run ended. Raises KeyError for a run that never began."""
        with self.write() as con:
            done = con.execute(
                _run.update().where(_run.c.run_id == run_id).values(ended_ts=_now(), status=status, detail=dict(detail))
            )
            if done.rowcount == 0:
                raise KeyError(run_id)

    def runs(self) -> pa.Table:
        """Every run, oldest first: run_id, started_ts, ended_ts, cadence, network, status, detail, code_version."""
        return self._table(sa.select(_run).order_by(_run.c.started_ts, _run.c.run_id), _RUNS)

    def record_publication(self, version: int, content_hash: str, run_id: str | None = None) -> None:
        """Record that a version was published; again for the same version and hash is harmless.

        Also notes the head of the decision chain, so that cutting off its tail is found out later.
        """
        with self.write() as con:
            known = con.execute(
                sa.select(_publication.c.content_hash).where(_publication.c.version == version)
            ).scalar_one_or_none()
            if known == content_hash:
                return
            if known is not None:
                raise ConcordError(f"version {version} was published before with the content hash {known}")
            con.execute(
                _publication.insert().values(
                    version=version,
                    published_ts=_now(),
                    content_hash=content_hash,
                    run_id=run_id,
                    decision_head=_head(con)[1],
                )
            )

    def publications(self) -> pa.Table:
        """Every publication, oldest first: version, published_ts, content_hash, run_id, decision_head."""
        return self._table(sa.select(_publication).order_by(_publication.c.version), _PUBLICATIONS)

    # -- decisions ----------------------------------------------------------------------------------

    def decide(
        self,
        *,
        who: str,
        domain: str,
        kind: str,
        payload: Mapping[str, Any],
        reason: str,
        supersedes: int | None = None,
    ) -> Decision:
        """Append a decision to the chain. Raises ConcordError when `supersedes` is no open decision."""
        return self.decide_all([Proposal(who, domain, kind, payload, reason, supersedes)])[0]

    def decide_all(self, proposals: Sequence[Proposal]) -> list[Decision]:
        """Append decisions to the chain, in this order: all of them or, where one is refused, none.

        Raises ConcordError when a `supersedes` is no open decision.
        """
        made: list[dict[str, Any]] = []
        with self.write() as con:
            last, prev_hash = _head(con)
            for number, proposal in enumerate(proposals, start=last + 1):
                if proposal.supersedes is not None:
                    _check_open(con, proposal.supersedes)
                fields = _decision_fields(number, proposal, prev_hash)
                con.execute(_decision.insert().values(**fields))
                made.append(fields)
                prev_hash = fields["hash"]
        return [_as_decision(fields) for fields in made]

    def decisions(self, domain: str | None = None, *, include_superseded: bool = False) -> list[Decision]:
        """Decisions in the order they were made; only those in force, unless `include_superseded`."""
        query = sa.select(_decision).order_by(_decision.c.id)
        if domain is not None:
            query = query.where(_decision.c.domain == domain)
        if not include_superseded:
            later = _decision.alias()
            query = query.where(~sa.exists().where(later.c.supersedes == _decision.c.id))
        with self.read() as con:
            return [_as_decision(dict(row)) for row in con.execute(query).mappings()]

    def decision_table(self, until: int | None = None) -> pa.Table:
        """Decisions as `ops.decision` publishes them: who, what, why, and what took its place; every one ever made, or
        those up to number `until`, as they stood then."""
        later = _decision.alias()
        last = sa.literal(until) if until is not None else sa.select(sa.func.max(_decision.c.id)).scalar_subquery()
        query = (
            sa.select(_decision, later.c.id.label("superseded_by"))
            .outerjoin(later, sa.and_(later.c.supersedes == _decision.c.id, later.c.id <= last))
            .where(_decision.c.id <= last)
            .order_by(_decision.c.id)
        )
        with self.read() as con:
            rows = [dict(row) for row in con.execute(query).mappings()]
        shown = [row | {"decision_id": row["id"], "decided_ts": row["ts"], "what": row["payload"]} for row in rows]
        return pa.Table.from_pylist(shown, _DECISIONS)

    def verify_decisions(self) -> int:
        """Check the whole chain and return its length.

        Raises BrokenChain naming the first decision that was edited, is missing, or was put in; also when the
        chain ends before a head that a publication has recorded.
        """
        with self.read() as con:
            rows = [dict(row) for row in con.execute(sa.select(_decision).order_by(_decision.c.id)).mappings()]
            heads = con.execute(sa.select(_publication.c.version, _publication.c.decision_head)).all()
        _verify_links(rows)
        known = {GENESIS, *(row["hash"] for row in rows)}
        for version, head in heads:
            if head not in known:
                raise BrokenChain(
                    f"decisions that were in force when version {version} was published are gone",
                    hint="Restore the control database from backup; do not publish from this one",
                )
        return len(rows)

    def knows_decision(self, digest: str) -> bool:
        """Whether the chain has the decision of this hash."""
        with self.read() as con:
            return con.execute(sa.select(_decision.c.id).where(_decision.c.hash == digest)).first() is not None

    def append_published(self, version: int, rows: Sequence[Mapping[str, Any]]) -> int:
        """Append to the chain the decisions of `ops.decision` of a version that it lacks; how many these were.

        `rows`: its columns by name, in the order of the chain. Raises BrokenChain, and appends nothing, where the
        chain has another decision in the place of one of them.
        """
        with self.write() as con:
            last, prev_hash = _head(con)
            mine = {row.id: row.hash for row in con.execute(sa.select(_decision.c.id, _decision.c.hash))}
            for row in rows:
                if mine.get(row["decision_id"], row["hash"]) != row["hash"]:
                    raise BrokenChain(
                        f"decision {row['decision_id']} is another one than the decision {row['decision_id']} of"
                        f" version {version}",
                        hint="Write down what was decided since the backup (`concord steward export --decisions`),"
                        " restore the backup again, run `concord steward recover`, decide it again",
                    )
            fresh = [row for row in rows if row["decision_id"] > last]
            for row in fresh:
                con.execute(_decision.insert().values(**_published_fields(row, prev_hash)))
                prev_hash = row["hash"]
            _verify_links([dict(row) for row in con.execute(sa.select(_decision).order_by(_decision.c.id)).mappings()])
        return len(fresh)

    # -- quarantine ---------------------------------------------------------------------------------

    def record_quarantine_action(
        self,
        *,
        delivery_id: str,
        action: Literal["replay", "waive"],
        who: str,
        reason: str,
        reject_id: str | None = None,
        rule_id: str | None = None,
    ) -> None:
        """Record a replay or a waiver; outlives the working database."""
        with self.write() as con:
            con.execute(
                _quarantine_action.insert().values(
                    delivery_id=delivery_id,
                    reject_id=reject_id,
                    rule_id=rule_id,
                    action=action,
                    who=who,
                    ts=_now(),
                    reason=reason,
                )
            )

    def waivers(self) -> list[Waiver]:
        """Every waiver, in the order they were given; `store.staging.stage_feed` applies them."""
        query = sa.select(_quarantine_action).where(_quarantine_action.c.action == "waive")
        with self.read() as con:
            rows = con.execute(query.order_by(_quarantine_action.c.id)).mappings()
            return [
                Waiver(row["delivery_id"], row["reject_id"], row["rule_id"], row["who"], row["ts"], row["reason"])
                for row in rows
            ]

    # -- gate results and alerts --------------------------------------------------------------------

    def record_dq(self, run_id: str, results: Sequence[Mapping[str, Any]]) -> None:
        """Record gate results. Keys: suite, expectation, table_name, success, severity; optional: column_name, scope,
        observed, threshold, unexpected_count, sample_keys (JSON)."""
        names = [c.name for c in _dq_result.c if c.name not in ("id", "run_id", "ts")]
        now = _now()
        rows = [{name: result.get(name) for name in names} | {"run_id": run_id, "ts": now} for result in results]
        if rows:
            with self.write() as con:
                con.execute(_dq_result.insert(), rows)

    def dq_results(self, run_id: str | None = None) -> pa.Table:
        """Gate results of one run, or of all, in the order they were recorded."""
        query = sa.select(_dq_result).order_by(_dq_result.c.id)
        return self._table(query if run_id is None else query.where(_dq_result.c.run_id == run_id), _DQ_RESULTS)

    def raise_alert(self, *, fingerprint: str, severity: str, owner: str, subject: str, body: Mapping[str, Any]) -> int:
        """Open an alert, or count one more occurrence of the open one with this fingerprint. Returns its id."""
        open_one = sa.and_(_alert_outbox.c.fingerprint == fingerprint, _alert_outbox.c.resolved_ts.is_(None))
        content = {"severity": severity, "owner": owner, "subject": subject, "body": dict(body), "last_ts": _now()}
        with self.write() as con:
            found = con.execute(sa.select(_alert_outbox.c.id).where(open_one)).scalar_one_or_none()
            if found is not None:
                con.execute(
                    _alert_outbox.update()
                    .where(_alert_outbox.c.id == found)
                    .values(**content, occurrences=_alert_outbox.c.occurrences + 1)
                )
                return int(found)
            added = _alert_outbox.insert().values(
                **content, fingerprint=fingerprint, opened_ts=content["last_ts"], occurrences=1
            )
            return int(con.execute(added.returning(_alert_outbox.c.id)).scalar_one())

    def resolve_alert(self, fingerprint: str) -> bool:
        """Close the open alert with this fingerprint; False where none is open."""
        return self._close_alert(_alert_outbox.c.fingerprint == fingerprint, "resolved_ts")

    def mark_alert_sent(self, alert_id: int) -> bool:
        """Note that an alert went out; False where it was closed in the meantime."""
        return self._close_alert(_alert_outbox.c.id == alert_id, "sent_ts")

    def _close_alert(self, which: sa.ColumnElement[bool], stamp: str) -> bool:
        with self.write() as con:
            done = con.execute(
                _alert_outbox.update().where(which, _alert_outbox.c.resolved_ts.is_(None)).values({stamp: _now()})
            )
            return done.rowcount > 0

    def open_alerts(self) -> list[Mapping[str, Any]]:
        """Alerts that are not resolved, oldest first; `sent_ts` is None until one went out."""
        query = sa.select(_alert_outbox).where(_alert_outbox.c.resolved_ts.is_(None)).order_by(_alert_outbox.c.id)
        with self.read() as con:
            return [dict(row) for row in con.execute(query).mappings()]

    def alerts(self) -> list[Mapping[str, Any]]:
        """Every alert there ever was, oldest first."""
        with self.read() as con:
            return [dict(row) for row in con.execute(sa.select(_alert_outbox).order_by(_alert_outbox.c.id)).mappings()]

    def _table(self, query: sa.Select[Any], schema: pa.Schema) -> pa.Table:
        with self.read() as con:
            rows = [_jsonable(dict(row), schema) for row in con.execute(query).mappings()]
        return pa.Table.from_pylist(rows, schema)


class Ledger:
    """The ledger of golden ids: minted once, never renumbered; a merge redirects, an unmerge restores."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def members(self, domain: str) -> pa.Table:
        """source_system, source_key, sk of every assigned source record."""
        columns = _golden_member.c
        query = sa.select(columns.source_system, columns.source_key, columns.sk).where(columns.domain == domain)
        with self._control.read() as con:
            return _members_table(con.execute(query.order_by(columns.source_system, columns.source_key)).all())

    def knows(self, domain: str, source_system: str, source_key: str) -> bool:
        """Whether this source record ever had an id."""
        columns = _golden_member.c
        query = sa.select(columns.sk).where(
            columns.domain == domain, columns.source_system == source_system, columns.source_key == source_key
        )
        with self._control.read() as con:
            return con.execute(query).first() is not None

    def seeds(self, domain: str, after: int = 0) -> pa.Table:
        """source_system, source_key, sk of the seed of every id greater than `after`, in the order of the ids."""
        columns = _golden_id.c
        query = sa.select(columns.seed_source, columns.seed_key, columns.sk)
        query = query.where(columns.domain == domain, columns.sk > after).order_by(columns.sk)
        with self._control.read() as con:
            return _members_table(con.execute(query).all())

    def redirect_table(self) -> pa.Table:
        """The ids that mean another one, as `ops.golden_redirect` publishes them."""
        columns = _golden_id.c
        query = sa.select(_golden_id).where(columns.redirect_to.is_not(None)).order_by(columns.domain, columns.sk)
        with self._control.read() as con:
            rows = [dict(row) for row in con.execute(query).mappings()]
        direct: dict[str, dict[int, int]] = {}
        for row in rows:
            direct.setdefault(row["domain"], {})[row["sk"]] = row["redirect_to"]
        shown = [row | {"means_sk": _follow(direct[row["domain"]], row["sk"])[-1]} for row in rows]
        return pa.Table.from_pylist(shown, _REDIRECTS)

    def mint(self, domain: str, seeds: Sequence[tuple[str, str]]) -> list[int]:
        """One id per seed (source_system, source_key), in the order given.

        The same seed always gets the same id, whichever run asks; new ids count up from 1 per domain.
        """
        with self._control.write() as con:
            _lock(con, _golden_id)
            known = _minted(con, domain, seeds)
            fresh = [seed for seed in dict.fromkeys(seeds) if seed not in known]
            last = con.execute(sa.select(sa.func.max(_golden_id.c.sk)).where(_golden_id.c.domain == domain)).scalar()
            new = dict(zip(fresh, range((last or 0) + 1, (last or 0) + 1 + len(fresh)), strict=True))
            now = _now()
            _insert_many(
                con,
                _golden_id.insert(),
                [
                    {"domain": domain, "sk": sk, "seed_source": source, "seed_key": key, "minted_ts": now}
                    for (source, key), sk in new.items()
                ],
            )
        ids = known | new
        return [ids[seed] for seed in seeds]

    def assign(self, domain: str, rows: pa.Table) -> None:
        """Say which id each source record has: source_system, source_key, sk. Replaces what was said before."""
        now = _now()
        columns = (rows.column(name).to_pylist() for name in ("source_system", "source_key", "sk"))
        values = [
            {"domain": domain, "source_system": source, "source_key": key, "sk": sk, "assigned_ts": now}
            for source, key, sk in zip(*columns, strict=True)
        ]
        with self._control.write() as con:
            _insert_many(con, _upsert_member(con.dialect.name), values)

    def redirect(self, domain: str, from_sk: int, to_sk: int | None) -> None:
        """A merge: `from_sk` now means `to_sk`. None undoes it (unmerge).

        Raises ConcordError for an id that was never minted, or a redirect that would lead back to itself.
        """
        with self._control.write() as con:
            _lock(con, _golden_id)
            direct = _redirects(con, domain)
            if to_sk is not None and from_sk in (to_sk, *_follow(direct, to_sk)):
                raise ConcordError(f"a redirect of {domain} {from_sk} to {to_sk} would lead back to itself")
            for sk in (from_sk, to_sk):
                if sk is not None and not _is_minted(con, domain, sk):
                    raise ConcordError(f"{domain} {sk} was never minted", hint="Mint ids before redirecting them")
            con.execute(
                _golden_id.update()
                .where(_golden_id.c.domain == domain, _golden_id.c.sk == from_sk)
                .values(redirect_to=to_sk)
            )

    def last(self, domain: str) -> int:
        """The greatest id that was minted; 0 where there is none."""
        query = sa.select(sa.func.max(_golden_id.c.sk)).where(_golden_id.c.domain == domain)
        with self._control.read() as con:
            return int(con.execute(query).scalar() or 0)

    def take_published(
        self, domain: str, members: Sequence[tuple[int, str, str]], redirects: Sequence[tuple[int, int, str, str]]
    ) -> int:
        """Take the ids of a version that the ledger lacks; how many these were.

        `members`: id and record of the crosswalk. `redirects`: id, what it means, its seed. The seed of an id that
        stands for itself is not published: one of its records that is no other id's takes its place, since the id of a
        cluster is the least that any of its members is the seed of. Raises ConcordError, and takes nothing, where the
        ledger has given an id to a record of another one.
        """
        with self._control.write() as con:
            _lock(con, _golden_id)
            columns = _golden_id.c
            query = sa.select(columns.seed_source, columns.seed_key, columns.sk).where(columns.domain == domain)
            seeds = {(source, key): sk for source, key, sk in con.execute(query)}
            _check_given_once(domain, seeds, members)
            known, fresh = {*seeds.values()}, dict[int, dict[str, Any]]()
            for sk, means, source, key in redirects:
                if sk not in known:
                    fresh[sk] = {"seed_source": source, "seed_key": key, "redirect_to": means}
                    seeds[source, key] = sk
            for sk, source, key in members:
                if sk not in known and sk not in fresh and (source, key) not in seeds:
                    fresh[sk] = {"seed_source": source, "seed_key": key, "redirect_to": None}
                    seeds[source, key] = sk
            now = _now()
            rows = [{"domain": domain, "sk": sk, "minted_ts": now} | fields for sk, fields in sorted(fresh.items())]
            _insert_many(con, _golden_id.insert(), rows)
        return len(fresh)

    def redirects(self, domain: str) -> dict[int, int]:
        """Every redirected id -> the id it means in the end (chains are followed)."""
        with self._control.read() as con:
            direct = _redirects(con, domain)
        return {sk: _follow(direct, sk)[-1] for sk in direct}


_TIME = pa.timestamp("us", "UTC")
_MEMBERS = pa.schema([("source_system", pa.string()), ("source_key", pa.string()), ("sk", pa.int64())])
_REDIRECTS = pa.schema(
    [
        ("domain", pa.string()),
        ("sk", pa.int64()),
        ("means_sk", pa.int64()),
        ("seed_source", pa.string()),
        ("seed_key", pa.string()),
        ("minted_ts", _TIME),
    ]
)
_RUNS = pa.schema(
    [
        ("run_id", pa.string()),
        ("started_ts", _TIME),
        ("ended_ts", _TIME),
        ("cadence", pa.string()),
        ("network", pa.string()),
        ("status", pa.string()),
        ("detail", pa.string()),
        ("code_version", pa.string()),
    ]
)
_PUBLICATIONS = pa.schema(
    [
        ("version", pa.int64()),
        ("published_ts", _TIME),
        ("content_hash", pa.string()),
        ("run_id", pa.string()),
        ("decision_head", pa.string()),
    ]
)
_DECISIONS = pa.schema(
    [
        ("decision_id", pa.int64()),
        ("decided_ts", _TIME),
        ("who", pa.string()),
        ("domain", pa.string()),
        ("kind", pa.string()),
        ("what", pa.string()),
        ("reason", pa.string()),
        ("supersedes", pa.int64()),
        ("superseded_by", pa.int64()),
        ("hash", pa.string()),
    ]
)
_DQ_RESULTS = pa.schema(
    [
        ("run_id", pa.string()),
        ("ts", _TIME),
        ("suite", pa.string()),
        ("expectation", pa.string()),
        ("table_name", pa.string()),
        ("column_name", pa.string()),
        ("scope", pa.string()),
        ("observed", pa.string()),
        ("threshold", pa.string()),
        ("success", pa.bool_()),
        ("severity", pa.string()),
        ("unexpected_count", pa.int64()),
        ("sample_keys", pa.string()),
    ]
)


def _members_table(rows: Sequence[Any]) -> pa.Table:
    """Rows of (source_system, source_key, sk) as Arrow."""
    return pa.table([[row[i] for row in rows] for i in range(len(_MEMBERS.names))], schema=_MEMBERS)


def _now() -> datetime:
    return datetime.now(UTC)


def _jsonable(row: Mapping[str, Any], schema: pa.Schema) -> dict[str, Any]:
    """A row for Arrow: JSON columns become text."""
    return {
        name: json.dumps(row[name], sort_keys=True) if isinstance(row[name], dict | list) else row[name]
        for name in schema.names
    }


# -- opening ----------------------------------------------------------------------------------------


def _engine(url: str) -> sa.Engine:
    try:
        engine = sa.create_engine(url)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigurationError(
            "CONCORD_CONTROL_URL is not the URL of a database this program can open",
            hint="Use sqlite:///path or postgresql+psycopg://user:password@host/database (needs the extra `postgres`)",
        ) from error
    if engine.dialect.name not in ("sqlite", "postgresql"):
        raise ConfigurationError(
            f"the control database cannot be {engine.dialect.name}", hint="Use SQLite or PostgreSQL"
        )
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    """WAL, a patient lock, full durability; and transactions that we begin ourselves."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("busy_timeout = 30000", "journal_mode = WAL", "synchronous = FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(con: sa.Connection) -> None:
    """A writer takes the write lock at once: upgrading a read lock later could only fail."""
    con.exec_driver_sql("BEGIN IMMEDIATE" if con.get_execution_options().get("concord_write") else "BEGIN")


@contextmanager
def _reachable(engine: sa.Engine) -> Iterator[None]:
    try:
        yield
    except sa.exc.OperationalError as error:
        raise ControlUnavailable(
            f"the control database cannot be used: {error.orig}",
            location=engine.url.render_as_string(hide_password=True),
            hint="Check that it is reachable and that its disk is not full",
        ) from error


def _migrate(con: sa.Connection) -> None:
    """Create the tables of a new database; refuse one of a later version."""
    if con.dialect.name == "postgresql":
        con.execute(sa.text("SELECT pg_advisory_xact_lock(20260701)"))
    if not sa.inspect(con).has_table(_schema_version.name):
        _metadata.create_all(con)
        con.execute(_schema_version.insert().values(version=SCHEMA_VERSION))
        return
    version = con.execute(sa.select(sa.func.max(_schema_version.c.version))).scalar_one()
    if version != SCHEMA_VERSION:
        raise ConfigurationError(
            f"the control database has version {version}, this program knows {SCHEMA_VERSION}",
            location=con.engine.url.render_as_string(hide_password=True),
            hint="Run the version of Concord that wrote it, or a later one",
        )


def _lock(con: sa.Connection, table: sa.Table) -> None:
    """Writers of this table wait for each other (a SQLite writer has the whole database already)."""
    if con.dialect.name == "postgresql":
        con.execute(sa.text(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE"))


def _insert_many(con: sa.Connection, statement: sa.Executable, rows: Sequence[dict[str, Any]]) -> None:
    for start in range(0, len(rows), _BATCH):
        con.execute(statement, rows[start : start + _BATCH])


# -- ledger -----------------------------------------------------------------------------------------


def _minted(con: sa.Connection, domain: str, seeds: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """seed -> sk of the seeds that have one."""
    columns = _golden_id.c
    query = sa.select(columns.seed_source, columns.seed_key, columns.sk).where(columns.domain == domain)
    if len(seeds) > _LOOKUP_ALL_ABOVE:
        wanted = set(seeds)
        return {(source, key): sk for source, key, sk in con.execute(query) if (source, key) in wanted}
    found: dict[tuple[str, str], int] = {}
    for source, key in dict.fromkeys(seeds):
        sk = con.execute(
            sa.select(columns.sk).where(
                columns.domain == domain, columns.seed_source == source, columns.seed_key == key
            )
        ).scalar_one_or_none()
        if sk is not None:
            found[(source, key)] = sk
    return found


def _upsert_member(dialect: str) -> sa.Executable:
    insert = (sqlite.insert if dialect == "sqlite" else postgresql.insert)(_golden_member)
    return insert.on_conflict_do_update(
        index_elements=["domain", "source_system", "source_key"],
        set_={"sk": insert.excluded.sk, "assigned_ts": insert.excluded.assigned_ts},
        where=_golden_member.c.sk != insert.excluded.sk,
    )


def _redirects(con: sa.Connection, domain: str) -> dict[int, int]:
    columns = _golden_id.c
    query = sa.select(columns.sk, columns.redirect_to).where(columns.domain == domain, columns.redirect_to.is_not(None))
    return {row.sk: row.redirect_to for row in con.execute(query)}


def _follow(direct: Mapping[int, int], sk: int) -> list[int]:
    """The ids a redirect leads through, the last one is what it means. `redirect` keeps this free of cycles."""
    path = [sk]
    while path[-1] in direct:
        path.append(direct[path[-1]])
    return path


def _check_given_once(
    domain: str, seeds: Mapping[tuple[str, str], int], members: Sequence[tuple[int, str, str]]
) -> None:
    """Raises ConcordError where the seed of a published id is a record of another published id."""
    published = {sk for sk, _, _ in members}
    for sk, source, key in members:
        own = seeds.get((source, key), sk)
        if own != sk and own in published:
            raise ConcordError(
                f"{domain} {own} was given to {source}:{key}, which was published as {domain} {sk}",
                hint="Restore the backup again and run `concord steward recover` before anything is synced",
            )


def _is_minted(con: sa.Connection, domain: str, sk: int) -> bool:
    query = sa.select(_golden_id.c.sk).where(_golden_id.c.domain == domain, _golden_id.c.sk == sk)
    return con.execute(query).scalar_one_or_none() is not None


# -- decisions --------------------------------------------------------------------------------------


def _head(con: sa.Connection) -> tuple[int, str]:
    """(id, hash) of the last decision; nobody appends until this transaction ends."""
    _lock(con, _decision)
    row = con.execute(sa.select(_decision.c.id, _decision.c.hash).order_by(_decision.c.id.desc()).limit(1)).first()
    return (0, GENESIS) if row is None else (row[0], row[1])


def _check_open(con: sa.Connection, decision_id: int) -> None:
    there = con.execute(sa.select(_decision.c.id).where(_decision.c.id == decision_id)).first()
    later = con.execute(sa.select(_decision.c.id).where(_decision.c.supersedes == decision_id)).first()
    if there is None or later is not None:
        state = "does not exist" if there is None or later is None else f"was superseded by decision {later[0]}"
        raise ConcordError(f"decision {decision_id} {state}", hint="List the decisions in force and choose one of them")


def _decision_fields(number: int, proposal: Proposal, prev_hash: str) -> dict[str, Any]:
    """The row of a decision, its hash included."""
    fields: dict[str, Any] = {
        "id": number,
        "ts": _now(),
        "who": proposal.who,
        "domain": proposal.domain,
        "kind": proposal.kind,
        "payload": json.dumps(dict(proposal.payload), sort_keys=True, ensure_ascii=True),
        "reason": proposal.reason,
        "supersedes": proposal.supersedes,
        "prev_hash": prev_hash,
    }
    return fields | {"hash": _chain_hash(fields)}


def _published_fields(row: Mapping[str, Any], prev_hash: str) -> dict[str, Any]:
    """The row of a decision from a row of `ops.decision`."""
    same = {name: row[name] for name in ("who", "domain", "kind", "reason", "supersedes", "hash")}
    return same | {
        "id": row["decision_id"],
        "ts": row["decided_ts"],
        "payload": row["what"],
        "prev_hash": prev_hash,
    }


def _chain_hash(fields: Mapping[str, Any]) -> str:
    """Hash of one decision, over everything in it and the hash of the one before."""
    content = [
        fields["id"],
        fields["ts"].astimezone(UTC).isoformat(timespec="microseconds"),
        *(fields[name] for name in ("who", "domain", "kind", "payload", "reason", "supersedes", "prev_hash")),
    ]
    return hashlib.sha256(json.dumps(content, ensure_ascii=True).encode()).hexdigest()


def _verify_links(rows: Sequence[Mapping[str, Any]]) -> None:
    previous = GENESIS
    for number, row in enumerate(rows, start=1):
        if row["id"] != number or row["prev_hash"] != previous or row["hash"] != _chain_hash(row):
            raise BrokenChain(
                f"decision {number} was edited, removed or put in behind the program's back",
                key=str(row["id"]),
                hint="Restore the control database from backup; do not publish from this one",
            )
        previous = row["hash"]


def _as_decision(fields: Mapping[str, Any]) -> Decision:
    return Decision(**{**fields, "payload": json.loads(fields["payload"])})
