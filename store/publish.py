"""Publishing: from the working database to the next version that readers see.

Here: deciding whether there is anything to publish, and from which version to carry on. Not here: building
(`store.candidate`), files and pointer (`store.versions`), hashes (`store.content_hash`), the gate.

    candidate = publisher.prepare(run_id)
    for table in candidate.order: candidate.build(table)
    if candidate.worth_publishing:
        candidate.seal(), the gate on candidate.path, candidate.add_ops(...), candidate.publish()
    else: candidate.discard()
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb

from connectors.errors import ConfigurationError
from expectations.promise import TablePromise
from store import versions as v
from store.candidate import Candidate, Publication, Setting, TableBuilt
from store.candidate_file import PublishFailed, StoreFull
from store.content_hash import ContentHash, content_hash
from store.outline import build_order
from store.plan import Base, TablePlan, attention, intake_views, load_sql, plan_table
from store.versions import Manifest, current, read_current, rollback, verify, versions

__all__ = [
    "Candidate",
    "ContentHash",
    "Manifest",
    "Publication",
    "PublishFailed",
    "Publisher",
    "StoreFull",
    "TableBuilt",
    "content_hash",
    "current",
    "read_current",
    "rollback",
    "verify",
    "versions",
]

#: Below this size a file is never rewritten for having grown.
COMPACT_MIN_BYTES = 64 * 1024 * 1024


class Publisher:
    """Publishes one home's working database. `con` is the writer's connection; `sql_dir` holds `<table>.sql`.

    `keep`: versions that stay (the one readers see always does). `compact_growth`: a file that takes this many times
    the bytes per row of the last freshly written one is written afresh.
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        home: Path,
        promises: Mapping[str, TablePromise],
        sql_dir: Path,
        *,
        keep: int = 5,
        compact_growth: float = 1.5,
        compact_min_bytes: int = COMPACT_MIN_BYTES,
    ) -> None:
        self.home = home
        self.promises = dict(promises)
        self.keep = keep
        self._con = con
        self._growth = compact_growth
        self._compact_min_bytes = compact_min_bytes
        self._sql = {name: load_sql(sql_dir, p) for name, p in promises.items() if p.build.mode != "copied"}

    @property
    def order(self) -> tuple[str, ...]:
        """Names of the conformed tables in the order to build them."""
        return build_order(self.promises)

    def prepare(self, run_id: str) -> Candidate:
        """Take the publish lock, clear what a killed publish left, and plan the next version.

        The candidate's file is made only where something may have changed (`has_work`). A last version whose bytes
        are damaged is withdrawn, and the one before it carried on. Raises PublishBusy, StoreFull, PublishFailed.
        """
        lock = v.PublishLock(self.home)
        try:
            v.recover(self.home)
            while True:
                candidate = self._plan(run_id, lock)
                if not candidate.has_work or candidate.open():
                    return candidate
                damaged = candidate.base_version
                if damaged is None:
                    raise PublishFailed("a candidate without a version before it cannot be damaged")
                v.withdraw(self.home, damaged, "damaged: its SHA-256 is another than in the manifest")
                v.recover(self.home)
        except BaseException:
            lock.close()
            raise

    def _plan(self, run_id: str, lock: v.PublishLock) -> Candidate:
        con = self._con.cursor()
        con.execute("SET TimeZone = 'UTC'")
        manifest = v.current(self.home)
        base = self._base(manifest)
        working_id, change_seq = self._meta(con)
        plans = self._plans(con, base, working_id, change_seq)
        setting = Setting(
            con=con,
            home=self.home,
            run_id=run_id,
            promises=self.promises,
            plans=plans,
            base=base,
            working_id=working_id,
            change_seq=change_seq,
            attention=attention(con),
            keep=self.keep,
            fresh=base is not None and self._has_grown(base.manifest),
        )
        return Candidate(setting, lock)

    def _base(self, manifest: Manifest | None) -> Base | None:
        """The version to carry on: none where another DuckDB wrote it (file format and hashes may differ)."""
        if manifest is None or manifest.duckdb_version != duckdb.__version__:
            return None
        return Base(manifest, v.load_basis(self.home, manifest))

    def _plans(
        self, con: duckdb.DuckDBPyConnection, base: Base | None, working_id: str, change_seq: int
    ) -> dict[str, TablePlan]:
        views = intake_views(con)
        return {
            name: plan_table(con, self.promises[name], sql, change_seq, working_id, base, views)
            for name, sql in sorted(self._sql.items())
        }

    def _meta(self, con: duckdb.DuckDBPyConnection) -> tuple[str, int]:
        found = dict(con.execute("SELECT key, value FROM ops.meta").fetchall())
        try:
            return str(found["working_id"]), int(found["change_seq"])
        except KeyError as error:
            raise ConfigurationError(
                f"ops.meta of the working database lacks {error}", hint="Open it with store.working.Working"
            ) from error

    def _has_grown(self, manifest: Manifest) -> bool:
        rows = manifest.rows + sum(manifest.ops_rows.values())
        limit = max(manifest.bytes_per_row * max(rows, 1) * self._growth, self._compact_min_bytes)
        return manifest.bytes > limit
