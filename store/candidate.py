"""A candidate: the next version while it is being built, beside the last one and unseen by readers.

Here: carrying the last version on, writing what changed, ops tables, views and comments, sealing, verifying, moving it
into place. Not here: what must change (`store.plan`), when to make one (`store.publish`), the gate.

The candidate is attached to the working connection as catalog `candidate` (one transaction may write only one
attached database, and only this one is written). Sealed means detached: then others may open `path` read-only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import duckdb
import pyarrow as pa

from expectations.ddl import create_table, literal, quoted
from expectations.promise import TablePromise, driver_substituted
from store import versions as v
from store.candidate_file import PublishFailed, copy_file, told
from store.content_hash import (
    ContentHash,
    Sums,
    combined,
    conformed,
    domains,
    golden_columns,
    hash_tables,
    labels_sql,
    make_labels,
    row_hash,
    sums_of,
)
from store.crash import crash_point, register
from store.difference import typed_columns, write_difference
from store.outline import build_order, dictionary_statements
from store.plan import Base, TablePlan, dictionary_hash, rows_of

CATALOG = "candidate"
_SCHEMAS = ("conformed", "ops", "v1")

register("publish.candidate_built", "publish.manifest_written", "publish.renamed", "publish.pointer_moved")


@dataclass(frozen=True, slots=True)
class TableBuilt:
    """One table in one candidate. `mode`: unchanged, delta, recomputed (all rows computed, the difference written)
    or full (made anew). `inserted` and `deleted` count rows really written."""

    table: str
    mode: Literal["unchanged", "delta", "recomputed", "full"]
    rows_before: int
    rows_after: int
    inserted: int
    deleted: int
    reason: str

    @property
    def changed(self) -> bool:
        """Whether any row was written or taken out."""
        return bool(self.inserted or self.deleted)


@dataclass(frozen=True, slots=True)
class Publication:
    """A version that readers now see."""

    version: int
    published_ts: datetime
    content_hash: str
    lineage_hash: str
    rows: int
    path: Path
    removed: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """What a candidate is made from and for. `fresh`: write the file anew instead of copying the last one."""

    con: duckdb.DuckDBPyConnection
    home: Path
    run_id: str
    promises: Mapping[str, TablePromise]
    plans: Mapping[str, TablePlan]
    base: Base | None
    working_id: str
    change_seq: int
    attention: str
    keep: int
    fresh: bool


class Candidate:
    """The next version. Made by `Publisher.prepare`; a context manager that discards what was not published.

    Order of calls: `build` per table, `seal`, the gate on `path`, `add_ops`, `publish` - or `discard` at any point.
    """

    def __init__(self, setting: Setting, lock: v.PublishLock) -> None:
        self._s = setting
        self._lock = lock
        self._con = setting.con
        self._attached = False
        self._path: Path | None = None
        self._sums: dict[str, int] = {}
        self._rows: dict[str, int] = {}
        self._said: dict[str, Sums] = {}
        self._labels: set[str] = set()
        self._ops_rows: dict[str, int] = {}
        self._added: list[dict[str, str]] = []
        self._delivery_state: tuple[int, str] = (0, "")
        self._hash: ContentHash | None = None
        self._created: set[str] = set()
        self._lessened: set[str] = set()
        self._labelled: set[str] = set()
        self.built: dict[str, TableBuilt] = {}
        self.version = v.next_version(setting.home)
        self.published_ts = datetime.now(UTC)
        self._dictionary = dictionary_hash(dictionary_statements(self._s.promises))

    # -- what it is ------------------------------------------------------------------------------------

    @property
    def base_version(self) -> int | None:
        """The version that is carried on, None for the first one."""
        return self._s.base.manifest.version if self._s.base else None

    @property
    def order(self) -> tuple[str, ...]:
        """Names of the conformed tables in the order to build them: dimensions, bridges, facts."""
        return build_order(self._s.promises)

    @property
    def has_work(self) -> bool:
        """Whether anything may have changed; where not, there is nothing to build and nothing to publish."""
        return self._definitions_changed or any(plan.action != "keep" for plan in self._content_plans)

    @property
    def worth_publishing(self) -> bool:
        """Whether readers would see something new: conformed rows, a definition, a reject, a quarantined delivery."""
        return self._definitions_changed or any(built.changed for built in self.built.values())

    @property
    def path(self) -> Path:
        """The candidate's file, which others may open read-only once it is sealed."""
        if self._path is None or self._attached:
            raise PublishFailed("the candidate is not sealed", hint="Call seal() before reading its file")
        return self._path

    @property
    def changed_tables(self) -> list[str]:
        """Conformed tables of which rows were written or taken out, or that are new: what the gate has to look at."""
        return sorted(name for name, built in self.built.items() if built.changed or name in self._created)

    @property
    def content_hash(self) -> str:
        """Content hash of the sealed candidate."""
        return self._sealed.content

    @property
    def _sealed(self) -> ContentHash:
        if self._hash is None:
            raise PublishFailed("the candidate is not sealed", hint="Call seal() first")
        return self._hash

    @property
    def _content_plans(self) -> list[TablePlan]:
        return [plan for plan in self._s.plans.values() if plan.promise.schema_name == "conformed"]

    @property
    def _definitions_changed(self) -> bool:
        base = self._s.base
        if base is None or self._s.attention != base.basis.attention or self._dictionary != base.basis.dictionary:
            return True
        return set(base.manifest.tables) != set(conformed(self._s.promises))

    # -- opening ---------------------------------------------------------------------------------------

    def open(self) -> bool:
        """Copy the last version and attach it. False where its bytes turn out to be damaged: nothing is open then.

        Raises StoreFull where it cannot be written.
        """
        self._path = v.folder(self._s.home) / f".candidate-{os.getpid()}-{self.version}.duckdb"
        with told(self._path):
            carried = self._s.base is not None and not self._s.fresh
            if self._s.base is not None and carried:
                if v.damage(self._s.home, self._s.base.manifest) is not None:
                    self._path = None
                    return False
                copy_file(v.database_path(self._s.home, self._s.base.manifest.version), self._path)
            self._attach()
            if not carried:
                self._start_afresh()
            self._remember_labels()
        return True

    def _attach(self) -> None:
        self._con.execute(f"ATTACH {literal(str(self._path))} AS {CATALOG}")
        self._attached = True

    def _detach(self) -> None:
        self._con.execute(f"CHECKPOINT {CATALOG}")
        self._con.execute(f"DETACH {CATALOG}")
        self._attached = False

    def _start_afresh(self) -> None:
        """Make the schemas; rows of the last version that are still right are copied, not computed again."""
        for schema in _SCHEMAS:
            self._con.execute(f"CREATE SCHEMA {quoted(CATALOG, schema)}")
        if self._s.base is None:
            return
        previous = v.database_path(self._s.home, self._s.base.manifest.version)
        self._con.execute(f"ATTACH {literal(str(previous))} AS previous (READ_ONLY)")
        try:
            for promise in self._s.promises.values():
                if self._may_carry(promise):
                    self._create(promise)
                    columns = _names(promise)
                    source = quoted("previous", promise.schema_name, promise.table)
                    self._con.execute(f"INSERT INTO {_target(promise)} ({columns}) SELECT {columns} FROM {source}")
        finally:
            self._con.execute("DETACH previous")

    def _may_carry(self, promise: TablePromise) -> bool:
        """Whether the last version's table has the promised columns and is not to be made anew."""
        plan = self._s.plans.get(promise.table)
        return self._fits(promise, "previous") and (plan is None or plan.action != "create")

    def _fits(self, promise: TablePromise, catalog: str = CATALOG) -> bool:
        wanted = [(column.name, column.type, column.nullable) for column in promise.columns]
        return self._columns(promise, catalog) == wanted

    def _has(self, promise: TablePromise) -> bool:
        return self._columns(promise, CATALOG) != []

    def _columns(self, promise: TablePromise, catalog: str) -> list[tuple[str, str, bool]]:
        """Name, type and nullability of the columns that the file has."""
        return self._con.execute(
            "SELECT column_name, data_type, is_nullable FROM duckdb_columns() "
            "WHERE database_name = ? AND schema_name = ? AND table_name = ? ORDER BY column_index",
            [catalog, promise.schema_name, promise.table],
        ).fetchall()

    def _remember_labels(self) -> None:
        """Labels of golden ids before anything changes; see `_relabelled`."""
        for domain in domains(self._s.promises):
            bridge = self._s.promises[f"bridge_{domain}_xref"]
            if self._has(bridge):
                self._con.execute(
                    f"CREATE OR REPLACE TEMP TABLE {quoted(f'before_{domain}')} AS {labels_sql(domain, CATALOG)}"
                )
                self._labelled.add(domain)

    # -- building --------------------------------------------------------------------------------------

    def build(self, table: str) -> TableBuilt:
        """Bring one conformed table up to the working database. Building it again returns the same report.

        Raises PublishFailed where its SQL fails or its rows break a NOT NULL, StoreFull where the disk refuses.
        """
        if table not in self.built:
            plan = self._s.plans[table]
            with told(self._path, table):
                self.built[table] = self._carry_out(plan)
        return self.built[table]

    def build_all(self) -> list[TableBuilt]:
        """Build every conformed table, in order."""
        return [self.build(table) for table in self.order]

    def _carry_out(self, plan: TablePlan) -> TableBuilt:
        before = self._rows_before(plan.promise)
        plan = self._widened(plan)
        if plan.action == "keep":
            return TableBuilt(plan.promise.table, "unchanged", before, before, 0, 0, plan.reason)
        if not self._attached:
            raise PublishFailed("the candidate is not open", key=plan.promise.table)
        if plan.action == "create":
            return self._make(plan, before)
        built = self._update(plan, before)
        is_followed = plan.action == "delta" and plan.promise.schema_name == "conformed"
        return self._without_vanished(plan, built) if is_followed else built

    def _widened(self, plan: TablePlan) -> TablePlan:
        """All rows are computed where a relation that they look things up in has lost rows."""
        lost = sorted({also.relation for also in plan.promise.build.also} & self._lessened)
        if not lost or plan.action not in ("keep", "delta"):
            return plan
        return replace(plan, action="recompute", reason=f"rows are gone from {', '.join(lost)}")

    def _without_vanished(self, plan: TablePlan, built: TableBuilt) -> TableBuilt:
        """Also take out rows whose driver row is gone: a join or condition that let it in no longer does.

        What is gone has no change counter. Changed and new rows are written already, so as long as there is one row
        per row of the driver, equal counts mean equal keys.
        """
        driver = str(plan.promise.build.driver)
        if built.rows_after == rows_of(self._con, driver):
            return built
        if plan.promise.build.siblings:  # the rows of a group depend on each other
            plan = replace(plan, action="recompute")
        else:
            self._find_unequal_keys(plan)
        again = self._update(plan, built.rows_after)
        if again.deleted > again.inserted:
            self._lessened.add(driver)
        return replace(
            again,
            rows_before=built.rows_before,
            inserted=built.inserted + again.inserted,
            deleted=built.deleted + again.deleted,
        )

    def _find_unequal_keys(self, plan: TablePlan) -> None:
        """The plan's changed keys are now those that only the table has, or only its driver."""
        build = plan.promise.build
        pairs = list(zip(build.driver_key, build.key, strict=True))
        same = " AND ".join(f"{quoted('d', of)} IS NOT DISTINCT FROM {quoted('t', key)}" for of, key in pairs)
        held = ", ".join(quoted("t", key) for _, key in pairs)
        driven = ", ".join(f"{quoted('d', of)} AS {quoted(key)}" for of, key in pairs)
        table, driver = f"{_target(plan.promise)} AS t", f"{build.driver} AS d"
        self._con.execute(
            f"CREATE OR REPLACE TEMP TABLE {quoted(plan.changed_table)} AS "
            f"SELECT {held} FROM {table} WHERE NOT EXISTS (SELECT 1 FROM {driver} WHERE {same})"
            f" UNION SELECT {driven} FROM {driver} WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE {same})"
        )

    def _rows_before(self, promise: TablePromise) -> int:
        state = self._base_state(promise.table)
        if state is not None:
            return state.rows
        return self._s.base.manifest.ops_rows.get(promise.table, 0) if self._s.base else 0

    def _base_state(self, table: str) -> v.TableState | None:
        return self._s.base.manifest.tables.get(table) if self._s.base else None

    def _make(self, plan: TablePlan, before: int) -> TableBuilt:
        """The table anew, all its rows computed."""
        promise = plan.promise
        self._con.execute(f"DROP TABLE IF EXISTS {_target(promise)} CASCADE")
        self._create(promise)
        self._created.add(promise.table)
        columns = _names(promise)
        [(inserted,)] = self._con.execute(
            f"INSERT INTO {_target(promise)} ({columns}) SELECT {columns} FROM ({plan.sql}\n) AS computed"
        ).fetchall()
        if self._can_label(promise):
            said = self._said[promise.table] = sums_of(self._con, promise, self._s.promises, _target(promise))
            self._rows[promise.table], self._sums[promise.table] = said.rows, said.row
        else:
            self._rows[promise.table], self._sums[promise.table] = self._measure(promise)
        return TableBuilt(promise.table, "full", before, int(inserted), int(inserted), before, plan.reason)

    def _update(self, plan: TablePlan, before: int) -> TableBuilt:
        """The rows that may have changed computed, the ones that have written."""
        promise, is_delta = plan.promise, plan.action == "delta"
        sql = self._delta_sql(plan) if is_delta else plan.sql
        self._con.execute(
            f"CREATE OR REPLACE TEMP TABLE incoming AS SELECT {typed_columns(promise)} FROM ({sql}\n) AS computed"
        )
        key = promise.build.key if is_delta else promise.key
        scope = quoted(plan.changed_table) if is_delta else None
        promises = self._s.promises if self._can_label(promise) else None
        written = write_difference(self._con, promise, _target(promise), "incoming", key, scope, promises)
        self._con.execute("DROP TABLE incoming")
        self._con.execute("DROP TABLE IF EXISTS delta")
        rows = before + written.inserted - written.deleted
        state = self._base_state(promise.table)
        if state is not None:
            total = self._sums.get(promise.table, int(state.row_sum)) + written.sum_change
            self._rows[promise.table], self._sums[promise.table] = rows, total
            if written.change is not None:
                self._said[promise.table] = self._said.get(promise.table, Sums.of(state)) + written.change
        mode: Literal["delta", "recomputed"] = "delta" if is_delta else "recomputed"
        return TableBuilt(promise.table, mode, before, rows, written.inserted, written.deleted, plan.reason)

    def _delta_sql(self, plan: TablePlan) -> str:
        """The table's SQL over the driver's changed rows only."""
        build = plan.promise.build
        same = " AND ".join(
            f"{quoted('d', of)} IS NOT DISTINCT FROM {quoted('k', key)}"
            for of, key in zip(build.driver_key, build.key, strict=True)
        )
        self._con.execute(
            f"CREATE OR REPLACE TEMP TABLE delta AS SELECT d.* FROM {build.driver} AS d "
            f"WHERE EXISTS (SELECT 1 FROM {quoted(plan.changed_table)} AS k WHERE {same})"
        )
        return driver_substituted(plan.sql, str(build.driver), "delta")

    def _can_label(self, promise: TablePromise) -> bool:
        """Whether the golden ids of a conformed table have their labels already: the crosswalks are built before it."""
        if promise.schema_name != "conformed":
            return False
        wanted = set(golden_columns(promise, self._s.promises).values())
        if not all(f"bridge_{domain}_xref" in self.built for domain in wanted):
            return False
        for domain in wanted - self._labels:
            make_labels(self._con, domain, CATALOG)
            self._labels.add(domain)
        return True

    def _create(self, promise: TablePromise) -> None:
        with self._inside():
            self._con.execute(create_table(promise))

    def _measure(self, promise: TablePromise) -> tuple[int, int]:
        """Rows and sum of row hashes, as stored."""
        [(rows, total)] = self._con.execute(
            f"SELECT count(*), coalesce(sum({row_hash(promise, 't')}), 0) FROM {_target(promise)} AS t"
        ).fetchall()
        return int(rows), int(total)

    @contextmanager
    def _inside(self) -> Iterator[None]:
        """Unqualified names mean the candidate: for DDL, comments and views, which must not name the catalog."""
        [(home,)] = self._con.execute("SELECT current_database()").fetchall()
        self._con.execute(f"USE {quoted(CATALOG, 'main')}")
        try:
            yield
        finally:
            self._con.execute(f"USE {quoted(home, 'main')}")

    # -- sealing ---------------------------------------------------------------------------------------

    def seal(self) -> Path:
        """Write the ops tables of the working database, comments and views; detach, verify and hash the file.

        Others may open the returned path read-only afterwards. Raises PublishFailed where a table was not built, or
        where the file does not hold what was computed.
        """
        missing = [name for name in self.order if name not in self.built]
        if missing:
            raise PublishFailed(f"not built yet: {', '.join(missing)}", hint="Call build() for every table")
        if not self._attached:
            return self.path
        self.published_ts = datetime.now(UTC)
        with told(self._path):
            self._drop_strangers()
            self._write_working_ops()
            self._describe()
            stale = self._to_hash()
            self._detach()
            crash_point("publish.candidate_built")
            self._hash = self._verified_hash(stale)
        return self.path

    def _drop_strangers(self) -> None:
        """Tables that no promise names any more."""
        known = {(promise.schema_name, promise.table) for promise in self._s.promises.values()}
        found = self._con.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = ? AND NOT internal", [CATALOG]
        ).fetchall()
        for schema, table in found:
            if (schema, table) not in known:
                self._con.execute(f"DROP TABLE {quoted(CATALOG, schema, table)} CASCADE")

    def _to_hash(self) -> set[str]:
        """Tables whose sums must be taken from all their rows: those that did not keep them while they were built, and
        those whose golden ids have other labels.
        """
        relabelled = {domain for domain in domains(self._s.promises) if self._relabelled(domain)}
        promises, changed = self._s.promises, set(self.changed_tables)
        return {
            name
            for name in conformed(promises)
            if (name in changed and name not in self._said)
            or (self._base_state(name) is None and name not in self._said)
            or relabelled & set(golden_columns(promises[name], promises).values())
        }

    def _relabelled(self, domain: str) -> bool:
        """Whether a golden id that was there before has another label now, or none."""
        before = quoted(f"before_{domain}")
        if domain not in self._labelled or not self.built[f"bridge_{domain}_xref"].changed:
            return False
        [(moved,)] = self._con.execute(
            f"SELECT count(*) FROM {before} AS b LEFT JOIN ({labels_sql(domain, CATALOG)}) AS n ON b.sk = n.sk "
            "WHERE b.label IS DISTINCT FROM n.label"
        ).fetchall()
        return bool(moved)

    def _verified_hash(self, stale: set[str]) -> ContentHash:
        """The sums of every table: read back from the file, kept up while it was built, or as they were.

        `_verify_again` reads every table that was written once more before readers see it.
        """
        con = duckdb.connect(str(self._path), read_only=True)
        try:
            fresh = hash_tables(con, self._s.promises, stale)
        finally:
            con.close()
        for name, state in fresh.items():
            self._compare(name, state.rows, int(state.row_sum))
        kept = {name: held for name in conformed(self._s.promises) if (held := self._base_state(name))}
        built = {name: said.state for name, said in self._said.items()}
        return combined(kept | built | fresh)

    def _compare(self, table: str, rows: int, row_sum: int) -> None:
        state = self._base_state(table)
        before = (state.rows, int(state.row_sum)) if state else (rows, row_sum)
        expected = (self._rows.get(table, before[0]), self._sums.get(table, before[1]))
        if (rows, row_sum) != expected:
            raise PublishFailed(
                f"the candidate's file holds {rows} rows of {table} (sum {row_sum}) instead of {expected[0]} "
                f"(sum {expected[1]})",
                location=str(self._path),
                hint="Run the sync again; if it stays so, check the disk and run `concord rebuild`",
            )

    # -- ops tables, comments, views -------------------------------------------------------------------

    def _write_working_ops(self) -> None:
        """Copies of what the working database says about deliveries; every ops table exists from the first version."""
        self._added = self._new_deliveries()
        for promise in self._ops_promises():
            self._ensure(promise)
            plan = self._s.plans.get(promise.table)
            if plan is not None:
                self._copy_planned(plan)
            elif promise.build.source == "working":
                self._replace_ops(promise, f"ops.{promise.table}")
            else:
                self._ops_rows[promise.table], _ = self._measure(promise)
        self._delivery_state = self._delivery_summary()

    def _ops_promises(self) -> list[TablePromise]:
        return [promise for promise in self._s.promises.values() if promise.schema_name == "ops"]

    def _ensure(self, promise: TablePromise) -> None:
        """The ops table is there with the promised columns; one of other columns is made anew."""
        if not self._fits(promise):
            self._con.execute(f"DROP TABLE IF EXISTS {_target(promise)} CASCADE")
            self._create(promise)
            self._created.add(promise.table)

    def _copy_planned(self, plan: TablePlan) -> None:
        """An incremental ops table. It copies its driver; rows that have vanished there leave no change to follow."""
        promise = plan.promise
        if promise.table in self._created and plan.action != "create":
            plan = replace(plan, action="recompute")
        self._carry_out(plan)
        copied = self._measure(promise)
        [(rows, total)] = self._con.execute(
            f"SELECT count(*), coalesce(sum({row_hash(promise, 't')}), 0) FROM "
            f"(SELECT {typed_columns(promise)} FROM {promise.build.driver} AS d) AS t"
        ).fetchall()
        if copied != (rows, total):
            self._update(replace(plan, action="recompute"), copied[0])
        self._ops_rows[promise.table], _ = self._measure(promise)

    def _replace_ops(self, promise: TablePromise, relation: str) -> None:
        self._con.execute(
            f"CREATE OR REPLACE TEMP TABLE incoming AS SELECT {typed_columns(promise)} FROM {relation} AS computed"
        )
        write_difference(self._con, promise, _target(promise), "incoming", promise.key)
        self._con.execute("DROP TABLE incoming")
        self._ops_rows[promise.table], _ = self._measure(promise)

    def _new_deliveries(self) -> list[dict[str, str]]:
        """Deliveries applied since the version before."""
        promise = self._s.promises.get("delivery")
        known = ""
        if promise is not None and self._has(promise):
            known = f" AND delivery_id NOT IN (SELECT delivery_id FROM {_target(promise)} WHERE state = 'applied')"
        rows = self._con.execute(
            f"SELECT delivery_id, feed, sha256 FROM ops.delivery WHERE state = 'applied'{known} ORDER BY ALL"
        ).fetchall()
        return [{"delivery_id": row[0], "feed": row[1], "sha256": row[2]} for row in rows]

    def _delivery_summary(self) -> tuple[int, str]:
        [(count, digest)] = self._con.execute(
            "SELECT count(*), sha256(coalesce(string_agg(delivery_id || sha256, '|' ORDER BY delivery_id), '')) "
            "FROM ops.delivery WHERE state = 'applied'"
        ).fetchall()
        return int(count), str(digest)

    def _describe(self) -> None:
        """Write comments and views where they are new or other than in the last version."""
        base = self._s.base
        if base and not self._s.fresh and not self._created and base.basis.dictionary == self._dictionary:
            return
        with self._inside():
            self._con.begin()  # one commit for a thousand statements
            self._con.execute("DROP SCHEMA IF EXISTS v1 CASCADE; CREATE SCHEMA v1")
            self._con.execute(";\n".join(dictionary_statements(self._s.promises)))
            self._con.commit()

    def add_ops(self, tables: Mapping[str, pa.Table], decision_head: str | None = None) -> None:
        """Write the ops tables that come from the control database into the sealed candidate, and seal it again.

        `tables`: table name -> rows, columns by name. With `decision_head`, ops.publication gets this version's own
        row. Raises PublishFailed for a table that no promise names.
        """
        for name in tables:
            if name not in self._s.promises or self._s.promises[name].build.source != "control":
                raise PublishFailed(f"{name} is no ops table of the control database", key=name)
        con = self._con
        with told(self.path):
            self._attach()
            for name, rows in tables.items():
                con.register("handed_over", rows)
                try:
                    self._replace_ops(self._s.promises[name], "handed_over")
                finally:
                    con.unregister("handed_over")
            if decision_head is not None:
                self._add_own_row(decision_head)
            self._detach()

    def _add_own_row(self, decision_head: str) -> None:
        self._con.execute(f"DELETE FROM {CATALOG}.ops.publication WHERE version = ?", [self.version])
        self._con.execute(
            f"INSERT INTO {CATALOG}.ops.publication (version, published_ts, content_hash, run_id, decision_head) "
            "VALUES (?, ?, ?, ?, ?)",
            [self.version, self.published_ts, self.content_hash, self._s.run_id, decision_head],
        )
        self._ops_rows["publication"], _ = self._measure(self._s.promises["publication"])

    # -- publishing ------------------------------------------------------------------------------------

    def publish(self) -> Publication:
        """Verify the file once more, write its manifest, move it into place, move the pointer, drop old versions.

        Readers see the version before until the pointer moves. Raises PublishFailed where the file is not as computed.
        """
        path, home = self.path, self._s.home
        with told(path), ThreadPoolExecutor(1, "SHA-256") as beside:
            path.chmod(0o444)
            sha256 = beside.submit(v.sha256_of, path)
            self._verify_again(path)
            v.sync(path)
            manifest = self._manifest(path, sha256.result())
            v.save_manifest(home, manifest)
            crash_point("publish.manifest_written")
            path.replace(v.database_path(home, self.version))
            v.sync(v.folder(home))
            crash_point("publish.renamed")
            v.point_to(home, self.version)
            crash_point("publish.pointer_moved")
            removed = v.prune(home, self._s.keep)
        self._path = None
        self._release()
        return Publication(
            manifest.version,
            manifest.published_ts,
            manifest.content_hash,
            manifest.lineage_hash,
            manifest.rows,
            v.database_path(home, self.version),
            tuple(removed),
        )

    def _verify_again(self, path: Path) -> None:
        """Rows of every table, and the sums of those that were written, as they are in the closed file."""
        con = duckdb.connect(str(path), read_only=True)
        try:
            for name, state in self._sealed.tables.items():
                promise = self._s.promises[name]
                total = f"sum({row_hash(promise, 't')})" if name in self._sums else state.row_sum
                [(rows, row_sum)] = con.execute(
                    f"SELECT count(*), coalesce({total}, 0) FROM {quoted('conformed', name)} AS t"
                ).fetchall()
                self._compare(name, int(rows), int(row_sum))
                if int(rows) != state.rows:
                    raise PublishFailed(f"{name} has {rows} rows instead of {state.rows}", location=str(path))
            for name, expected in self._ops_rows.items():
                [(rows,)] = con.execute(f"SELECT count(*) FROM {quoted('ops', name)}").fetchall()
                if rows != expected:
                    raise PublishFailed(f"ops.{name} has {rows} rows instead of {expected}", location=str(path))
        finally:
            con.close()

    def _manifest(self, path: Path, sha256: str) -> v.Manifest:
        size = path.stat().st_size
        base = self._s.base
        rows = sum(state.rows for state in self._sealed.tables.values()) + sum(self._ops_rows.values())
        afresh = base is None or self._s.fresh
        return v.Manifest(
            version=self.version,
            published_ts=self.published_ts,
            run_id=self._s.run_id,
            content_hash=self._sealed.content,
            lineage_hash=self._sealed.lineage,
            duckdb_version=duckdb.__version__,
            previous=self.base_version,
            tables=self._sealed.tables,
            ops_rows=self._ops_rows,
            basis=self._basis(),
            delivery_count=self._delivery_state[0],
            deliveries_hash=self._delivery_state[1],
            added=tuple(self._added),
            sha256=sha256,
            bytes=size,
            bytes_per_row=size / max(rows, 1) if base is None or afresh else base.manifest.bytes_per_row,
        )

    def _basis(self) -> v.Basis:
        tables = {name: plan.basis for name, plan in self._s.plans.items()}
        return v.Basis(self._s.working_id, self._s.change_seq, tables, self._s.attention, self._dictionary)

    # -- giving up -------------------------------------------------------------------------------------

    def discard(self) -> None:
        """Drop the candidate. Readers keep their version; twice is harmless.

        Where every table was built and nothing had changed, the last version is noted to be equal to the working
        database as it stands, so that the next sync does not compute the same again.
        """
        if self._attached:
            self._attached = False
            # A failed statement may have left its transaction open; a full disk leaves nothing that could be detached.
            for statement in ("ROLLBACK", f"DETACH {CATALOG}"):
                with suppress(duckdb.Error):
                    self._con.execute(statement)
        if self._path is not None:
            for leftover in (self._path, self._path.with_name(self._path.name + ".wal")):
                leftover.unlink(missing_ok=True)
            self._path = None
        self._confirm_base()
        self._release()

    def _release(self) -> None:
        """Give back the lock, and the cursor with its temporary tables."""
        self._con.close()
        self._lock.close()

    def _confirm_base(self) -> None:
        base = self._s.base
        nothing = all(name in self.built for name in self.order) and not self.worth_publishing
        if base is None or not nothing or self._stands_at(base.basis):
            return
        # Ops tables were not written: they stand where they stood, and know nothing of another working database.
        same = base.basis.working_id == self._s.working_id
        ops = {name: b for name, b in base.basis.tables.items() if same and name not in self.order}
        now = self._basis()
        tables = {name: b for name, b in now.tables.items() if name in self.order} | ops
        v.confirm(self._s.home, base.manifest.version, replace(now, tables=tables))

    def _stands_at(self, basis: v.Basis) -> bool:
        return (basis.working_id, basis.change_seq) == (self._s.working_id, self._s.change_seq)

    def close(self) -> None:
        """Discard, unless it was published."""
        self.discard()

    def __enter__(self) -> Candidate:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _target(promise: TablePromise) -> str:
    return quoted(CATALOG, promise.schema_name, promise.table)


def _names(promise: TablePromise | Sequence[str]) -> str:
    names = promise.column_names if isinstance(promise, TablePromise) else promise
    return ", ".join(quoted(name) for name in names)
