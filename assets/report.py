"""What a sync did, as plain values: per feed, per domain, per table, and how it ended.

Here: the values that the CLI prints and Dagster shows. Not here: doing or printing anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from assets.freshness import Stale

Outcome = Literal["published", "nothing_to_do", "gate_refused", "failed", "dry_run"]

#: Exit codes of `concord sync`, by outcome.
EXIT_CODES: dict[Outcome, int] = {"published": 0, "nothing_to_do": 0, "dry_run": 0, "gate_refused": 2, "failed": 1}


@dataclass(slots=True)
class FeedReport:
    """One feed in one sync. Row counts are of the deliveries applied or quarantined in this sync.

    `error`: why the source could not be read (the other feeds went on); None when it could.
    """

    feed: str
    offered: int = 0
    new_deliveries: int = 0
    duplicates: int = 0
    quarantined: int = 0
    rows_read: int = 0
    rows_accepted: int = 0
    rows_rejected: int = 0
    rows_changed: int = 0
    rows_deleted: int = 0
    reasons: list[str] = field(default_factory=list)
    error: str | None = None

    @property
    def is_quiet(self) -> bool:
        """Nothing new, nothing wrong."""
        return not (self.new_deliveries or self.rows_changed or self.rows_deleted or self.quarantined or self.error)


@dataclass(frozen=True, slots=True)
class DomainReport:
    """One master domain in one sync."""

    domain: str
    records: int
    changed_records: int
    golden: int
    minted: int
    merged: int
    findings: int
    decided: int = 0


@dataclass(frozen=True, slots=True)
class TableReport:
    """One conformed table in one sync. `mode`: full, delta or unchanged."""

    table: str
    mode: str
    rows: int
    inserted: int
    deleted: int


@dataclass(slots=True)
class SyncReport:
    """One sync as a whole. `version` is the published version after it.

    `pulled`: feeds that it tried to read. `stale`: feeds that are late. `concluded`: it came as far as deciding on a
    publish, and no error stopped it. `unsent`: alerts that did not go out, and why.
    """

    run_id: str
    network: str
    cadence: str
    outcome: Outcome = "nothing_to_do"
    feeds: dict[str, FeedReport] = field(default_factory=dict)
    domains: list[DomainReport] = field(default_factory=list)
    tables: list[TableReport] = field(default_factory=list)
    checks: int = 0
    failed_errors: list[str] = field(default_factory=list)
    failed_warnings: list[str] = field(default_factory=list)
    pulled: list[str] = field(default_factory=list)
    stale: list[Stale] = field(default_factory=list)
    unsent: list[str] = field(default_factory=list)
    version: int | None = None
    content_hash: str | None = None
    seconds: float = 0.0
    error: str | None = None

    @property
    def feed_errors(self) -> Sequence[str]:
        """Feeds whose source could not be read, with the reason."""
        return [f"{report.feed}: {report.error}" for report in self.feeds.values() if report.error]

    @property
    def concluded(self) -> bool:
        """Published, or sure that there is nothing to publish."""
        return self.outcome in ("published", "nothing_to_do") and self.version is not None

    @property
    def exit_code(self) -> int:
        """0 published or nothing to do, 2 gate refused, 1 error (also when only some feeds failed)."""
        return EXIT_CODES[self.outcome] or (1 if self.feed_errors else 0)
