"""One sync: the rooms called in order. Used by the Dagster assets and, for dry runs, by the CLI.

Here: the order of work, what is handed from room to room, and what is reported. Not here: Dagster,
SQL, parsing. Everything is idempotent: a killed sync is repeated by simply running it again.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import duckdb
from tenacity import retry, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from assets.alerts import notify
from assets.decided import rulings_of
from assets.freshness import dq_rows, late_feeds, stale_tables
from assets.report import DomainReport, FeedReport, SyncReport, TableReport
from assets.settings import Settings, package_root
from connectors.catalogue import check_network, load_feeds, load_network
from connectors.contract import Column, FeedContract
from connectors.errors import ConcordError, ConfigurationError
from connectors.interface import Batch, Connector, Delivery, FeedState, Offer
from connectors.network import Network
from connectors.registry import connector_for, reader_for
from expectations.gate import DqResult, rows_of, validate, warm_up
from expectations.promise import TablePromise, load_promises
from mastering.decisions import Ruling
from mastering.engine import MasterOutcome, master_domain
from mastering.ledger import Ledger as IdLedger
from mastering.packs import register_functions
from mastering.rules import DomainRules, load_domains
from mastering.staleness import Heard
from store.candidate import Candidate, Publication
from store.control import GENESIS, Control, Decision, Ledger
from store.intake import Intake, Site, load_shapes, newest_as_of
from store.landing import Landing
from store.lookups import findings_sql
from store.mappings import mapping_findings
from store.publish import Publisher, current, read_current, versions
from store.restored import ControlBehind, check_not_behind
from store.review import write_queue
from store.staging import FeedStaged, feed_state, stage_feed
from store.versions import database_path
from store.working import Working, quote

T = TypeVar("T")
Progress = Callable[[str], None]
FeedId = tuple[str, str]

#: Suppliers are referred to by items and contracts, locations by suppliers and items.
DOMAIN_ORDER = ("location", "supplier", "item", "gl_account", "cost_centre", "contract")
#: Tables of schema ops that the gate looks at in every version: what is expected empty, and only warns.
CHECKED_OPS = ("master_finding",)
PULL_THREADS = 4
PULL_ATTEMPTS = 3


def _silent(_: str) -> None:
    """Progress nobody watches."""


def is_retryable(error: BaseException) -> bool:
    """Whether a retry may help, as the error itself says."""
    return isinstance(error, ConcordError) and error.retryable


class SyncSession:
    """The state of one sync in one process. A context manager: leaving it releases the working database.

    `cadence`: nightly also sweeps databases for hard deletes. `feeds`: only these feed ids
    (`source.feed` or `source`), None for all that are due at the cadence.
    """

    def __init__(
        self,
        settings: Settings,
        cadence: str = "nightly",
        feeds: Sequence[str] | None = None,
        progress: Progress = _silent,
        run_id: str | None = None,
        *,
        pulls: bool = True,
    ) -> None:
        self.settings = settings
        self.cadence = cadence
        self.progress = progress
        self.started = time.monotonic()
        self.network: Network = load_network(settings.network_path)
        catalogue = load_feeds(settings.feeds)
        problems = check_network(settings.network_path, catalogue)
        if problems:
            raise problems[0]
        self.enabled = _enabled(self.network, catalogue)
        self.selected = _selected(self.enabled, feeds, cadence) if pulls else []
        self.report = SyncReport(run_id or uuid.uuid4().hex[:12], self.network.network, cadence)
        self._domains_folder = package_root() / "mastering" / "domains"
        self._intake_ready = False
        self._checks_expected = False
        self._again: dict[FeedId, list[str]] = {}
        self._moment: datetime | None = None
        self._started = False

    # -- rooms, opened when first needed ------------------------------------------------------------

    @cached_property
    def landing(self) -> Landing:
        """The landing folder."""
        return Landing(self.settings.home / "landing")

    @cached_property
    def control(self) -> Control:
        """The control database."""
        return Control.open_home(self.settings.home)

    @cached_property
    def working(self) -> Working:
        """The working database; this process is its one writer from here on."""
        working = Working.open(self.settings.home / "working.duckdb")
        register_functions(working.con)
        return working

    @cached_property
    def domains(self) -> dict[str, DomainRules]:
        """The domain rules by name."""
        return load_domains(self._domains_folder)

    @cached_property
    def promises(self) -> dict[str, TablePromise]:
        """The table promises by name."""
        return load_promises(package_root() / "expectations" / "tables")

    @cached_property
    def intake(self) -> Intake:
        """Everything that supplies the intake shapes in this network."""
        shapes = load_shapes(package_root() / "assets" / "intake", self._domains_folder)
        sites = {name: Site(source.timezone, source.facility) for name, source in self.network.sources.items()}
        return Intake(shapes, self.enabled, self.settings.feeds, sites)

    def connector(self, source: str, feed: str) -> Connector:
        """The connector of one feed."""
        return connector_for(
            self.contract(source, feed),
            source,
            self.network.sources[source],
            network_dir=self.settings.network_path.parent,
            home=self.settings.home,
        )

    def reader(self, source: str, feed: str) -> Callable[[Delivery], Iterator[Batch]]:
        """Reads landed deliveries of one feed; the source itself need not be there."""
        return reader_for(self.contract(source, feed), source, self.network.sources[source])

    def contract(self, source: str, feed: str) -> FeedContract:
        """The contract of one feed."""
        return self.enabled[source][1][feed]

    def __enter__(self) -> SyncSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self) -> None:
        """Record that this sync runs, once. Raises ControlBehind, and an alert: the control database lacks what
        was published."""
        if not self._started:
            try:
                check_not_behind(self.settings.home, self.control)
            except ControlBehind as error:
                self._refuse(error)
                raise
            # A publish that was killed behind the rename is complete, but the control database has not heard of it.
            for manifest in versions(self.settings.home):
                self.control.record_publication(manifest.version, manifest.content_hash, manifest.run_id)
            self.control.start_run(
                self.report.run_id, network=self.report.network, cadence=self.cadence, code_version=code_version()
            )
            self._started = True

    def _refuse(self, error: ControlBehind) -> None:
        """Nothing begins, but somebody must hear of it. An alert takes no part in ids and decisions: what is lacking
        can be completed as before, and the next sync that succeeds closes it."""
        self.failed(error)
        self.report.unsent = notify(self.control, None, self.report, {})

    def failed(self, error: BaseException) -> None:
        """Note what stopped the sync; readers keep the version they have."""
        self.report.outcome = "failed"
        self.report.error = str(error) or type(error).__name__
        if self.report.version is None:
            served = current(self.settings.home)
            self.report.version = served.version if served else None

    def close(self) -> None:
        """Record how the sync ended and release what was opened; an unpublished candidate is dropped."""
        if self._started:
            self._started = False
            owners = {f"{s}.{feed}": c.owner for s, (_, feeds) in self.enabled.items() for feed, c in feeds.items()}
            working = None if self.report.outcome == "failed" else self.__dict__.get("working")
            self.report.unsent = notify(self.control, working, self.report, owners)
            detail = {"version": self.report.version, "error": self.report.error, "feeds": self.report.feed_errors}
            self.control.end_run(self.report.run_id, self.report.outcome, detail)
        try:
            self._close("candidate")
            if self.sweeps and self.report.outcome != "failed" and "working" in self.__dict__:
                self.working.tidy()
        finally:
            for name in ("working", "control"):
                self._close(name)

    def _close(self, room: str) -> None:
        opened = self.__dict__.pop(room, None)
        if opened is not None:
            opened.close()

    # -- pull ---------------------------------------------------------------------------------------

    def offers(self, source: str, feed: str) -> list[Offer]:
        """What the source holds that landing does not: what a dry run shows."""
        state = feed_state(self.working, self.landing, source, feed)
        return list(self.connector(source, feed).discover(state, sweep=self.sweeps))

    @property
    def sweeps(self) -> bool:
        """Whether databases are searched for hard deletes and silent updates in this sync."""
        return self.cadence == "nightly"

    def pull(self, feeds: Iterable[FeedId], days: tuple[date, date] | None = None) -> dict[FeedId, FeedReport]:
        """Land what is new of these feeds, in parallel; a feed that fails does not stop the others.

        `days`: a backfill's first and last day (network-local): files of those days are taken again even
        when they were seen, and quarantined deliveries of those days are tried again.
        """
        wanted = list(feeds)
        states = {feed: self._state_for_pull(feed, days) for feed in wanted}
        if days is not None:
            self._again = {feed: ids for feed in wanted if (ids := self._quarantined(feed, days))}
        self._moment = self._moment or datetime.now(UTC)
        with ThreadPoolExecutor(PULL_THREADS) as pool:
            reports = list(pool.map(lambda feed: self._pull_feed(feed, states[feed], days), wanted))
        for report in reports:
            self.report.feeds[report.feed] = report
            self.report.pulled.append(report.feed)
        return dict(zip(wanted, reports, strict=True))

    def _quarantined(self, feed: FeedId, days: tuple[date, date]) -> list[str]:
        """Deliveries of a backfill's days that are quarantined."""
        rows = self.working.con.execute(
            "SELECT delivery_id, as_of_ts FROM ops.delivery WHERE feed = ? AND state = 'quarantined'", [".".join(feed)]
        ).fetchall()
        return [delivery_id for delivery_id, as_of in rows if self._within(as_of, days)]

    def stage_again(self) -> None:
        """Read the quarantined deliveries of a backfill's days again, under the contract as it is now.

        A backfill in the Dagster UI takes days and what is downstream of them in runs of their own; which deliveries
        were meant is known in the first.
        """
        for feed in list(self._again):
            self.stage(*feed)

    def staged_rows(self, source: str, feed: str) -> int:
        """Rows that a feed has now, over all its records; none where nothing of it ever arrived."""
        contract, con = self.contract(source, feed), self.working.con
        names = [contract.staged_name(source, record) for record in contract.records]
        query = "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'staged' AND list_contains(?, table_name)"
        there = [row[0] for row in con.execute(query, [names]).fetchall()]
        counts = [f"(SELECT count(*) FROM {quote('staged', name)} WHERE NOT _is_deleted)" for name in there]
        [(rows,)] = con.execute(f"SELECT {' + '.join(counts) or '0'}").fetchall()
        return int(rows)

    def _state_for_pull(self, feed: FeedId, days: tuple[date, date] | None) -> FeedState:
        state = feed_state(self.working, self.landing, *feed)
        return state if days is None else replace(state, seen={})

    def _pull_feed(self, feed: FeedId, state: FeedState, days: tuple[date, date] | None) -> FeedReport:
        """Land what is new of a feed. A bad offer does not stop the next ones; an absent source does."""
        report = FeedReport(".".join(feed))
        self.progress(f"pulling {report.feed}")
        problems: list[str] = []
        try:
            connector = self.connector(*feed)
            for offer in _with_retries(lambda: list(connector.discover(state, sweep=self.sweeps))):
                if days is None or self._within(offer.as_of, days):
                    problems += self._try_to_land(report, connector, offer, state)
        except ConcordError as error:
            problems.append(str(error))
        report.error = "; ".join(problems) or None
        return report

    def _try_to_land(self, report: FeedReport, connector: Connector, offer: Offer, state: FeedState) -> list[str]:
        try:
            self._land(report, connector, offer, state)
        except ConcordError as error:
            if error.retryable:
                raise
            return [str(error)]
        return []

    def _land(self, report: FeedReport, connector: Connector, offer: Offer, state: FeedState) -> None:
        report.offered += 1
        moment = self._as_of(offer, state, report.new_deliveries)
        landed = _with_retries(lambda: self.landing.pull(connector, offer, state, moment))
        report.new_deliveries += landed.outcome == "new"
        report.duplicates += landed.outcome == "duplicate"

    def _as_of(self, offer: Offer, state: FeedState, before: int) -> datetime:
        """When what has no date of its own counts from: one moment for the whole sync.

        Rows of several tables make one item or location; pulled a moment apart, each table would else add a version
        of it that never was. Later deliveries of a feed (`before`: how many it had in this sync) follow the earlier
        ones, and so do extracts after a clock was set back.
        """
        moment = self._moment or datetime.now(UTC)
        if offer.fingerprint is None and state.last_as_of is not None and state.last_as_of >= moment:
            moment = state.last_as_of + timedelta(microseconds=1)
        return moment + timedelta(microseconds=before)

    def _within(self, moment: datetime | None, days: tuple[date, date]) -> bool:
        local = (moment or datetime.now(UTC)).astimezone(ZoneInfo(self.network.timezone)).date()
        return days[0] <= local <= days[1]

    # -- stage --------------------------------------------------------------------------------------

    def stage(self, source: str, feed: str) -> FeedReport:
        """Apply the pending deliveries of one feed to the working database."""
        report = self.report.feeds.setdefault(f"{source}.{feed}", FeedReport(f"{source}.{feed}"))
        self.progress(f"staging {report.feed}")
        staged = stage_feed(
            self.working,
            self.contract(source, feed),
            source,
            self.landing.deliveries(source, feed),
            self.reader(source, feed),
            waivers=self.control.waivers(),
            again=self._again.pop((source, feed), ()),
        )
        _add_staged(report, staged)
        if staged.change_seq is not None:
            self._expect_checks()
        return report

    def check_freshness(self) -> None:
        """Put on record which of the feeds of this sync are late. The simulated network stands still: it cannot be."""
        if self.network.sample or not self.selected:
            return
        contracts = {f"{source}.{feed}": self.contract(source, feed) for source, feed in self.selected}
        zone = ZoneInfo(self.network.timezone)
        self.report.stale = late_feeds(self.working.con, contracts, datetime.now(UTC), zone)
        self.control.record_dq(self.report.run_id, dq_rows(self.report.stale))

    def check_tables(self) -> None:
        """Put on record which of the tables that readers see hold nothing as new as they promise."""
        manifest = current(self.settings.home)
        if self.network.sample or manifest is None:
            return
        with duckdb.connect(str(database_path(self.settings.home, manifest.version)), read_only=True) as con:
            rows = stale_tables(con, self.promises, datetime.now(UTC))
        self.control.record_dq(self.report.run_id, rows)

    def _expect_checks(self) -> None:
        """Something changed, so there will be a candidate to check: load the checker beside the staging.

        The version that it will carry on is read beside the staging as well, to see that its bytes are whole.
        """
        if not self._checks_expected:
            self._checks_expected = True
            warm_up()
            threading.Thread(target=read_current, args=(self.settings.home,), name="SHA-256", daemon=True).start()

    # -- master -------------------------------------------------------------------------------------

    def master(self, domain: str) -> DomainReport:
        """Bring one domain's statements, identities and golden records up to what is staged."""
        self.progress(f"mastering {domain}")
        self.prepare_intake()
        with self.working.transaction() as seq:
            outcome = self.master_with(domain, seq, Ledger(self.control), self.rulings(domain))
        report = _domain_report(outcome)
        self.report.domains.append(report)
        return report

    @cached_property
    def decided(self) -> tuple[Decision, ...]:
        """Every decision that this sync takes account of: those there are when it first asks, of all domains alike.

        Raises BrokenChain where one was edited, removed or put in: nothing is mastered, nothing is published.
        """
        self.control.verify_decisions()
        return tuple(self.control.decisions(include_superseded=True))

    def rulings(self, domain: str) -> list[Ruling]:
        """The decisions in force on a domain."""
        taken_back = {one.supersedes for one in self.decided}
        return rulings_of(one for one in self.decided if one.domain == domain and one.id not in taken_back)

    def master_with(self, domain: str, seq: int, ledger: IdLedger, rulings: Sequence[Ruling]) -> MasterOutcome:
        """Master a domain under these decisions, inside the transaction that the caller holds."""
        con = self.working.con
        con.execute("CREATE TABLE IF NOT EXISTS master.progress (domain VARCHAR NOT NULL, change_seq BIGINT NOT NULL)")
        done = con.execute("SELECT change_seq FROM master.progress WHERE domain = ?", [domain]).fetchall()
        anew = self.working.meta(_mastered(domain)) != self._made_from(domain)
        outcome = master_domain(
            con,
            self.domains[domain],
            lambda at: self.intake.intake_sql(domain, at),
            self.intake.change_points(con, domain, done[0][0] if done and not anew else 0),
            ledger,
            seq,
            datetime.now(UTC),
            source_systems={source: system for source, (system, _) in self.enabled.items()},
            secret_key=home_secret(self.settings.home),
            anew=anew,
            rulings=rulings,
            hear=lambda: Heard(newest_as_of(con), self.intake.confirmed(con, domain)),
        )
        if outcome.vanished:
            self._renew_identity(domain)
        self.working.set_meta(_mastered(domain), self._made_from(domain))
        con.execute("DELETE FROM master.progress WHERE domain = ?", [domain])
        con.execute("INSERT INTO master.progress VALUES (?, ?)", [domain, seq])
        return outcome

    def use_domains(self, folder: Path) -> None:
        """Go on with other domain files, and with intake views that fit them."""
        self._domains_folder = folder
        for room in ("domains", "intake"):
            self.__dict__.pop(room, None)
        self._intake_ready = False
        self.prepare_intake()

    def _made_from(self, domain: str) -> str:
        """What a domain follows from beside changed rows: which working database, and what supplies it.

        Where it is another than last time, rows may have vanished without a trace, and moments of rows that were
        staged long ago count for the first time.
        """
        text = f"{self.working.working_id}|{self.intake.intake_sql(domain)}"
        return hashlib.sha256(text.encode()).hexdigest()

    def _renew_identity(self, domain: str) -> None:
        """Records of a domain have vanished: what refers to them, golden records and facts, is computed again.

        Domains that come before this one refer to none of it; they stay as they are.
        """
        earlier = DOMAIN_ORDER[: DOMAIN_ORDER.index(domain)]
        standing = [one for one in earlier if self.working.meta(_mastered(one)) == self._made_from(one)]
        self.working.renew_identity()
        for one in standing:
            self.working.set_meta(_mastered(one), self._made_from(one))

    def prepare_intake(self) -> None:
        """The intake views fit the staged tables, once per sync."""
        if not self._intake_ready:
            self.intake.create_views(self.working.con)
            self.working.set_meta("fiscal_year_start_month", str(self.network.fiscal_year_start_month))
            self._intake_ready = True

    # -- conform, gate, publish ---------------------------------------------------------------------

    @cached_property
    def candidate(self) -> Candidate:
        """The next version, planned from what changed since the last one."""
        sql = package_root() / "assets" / "conformed"
        publisher = Publisher(self.working.con, self.settings.home, self.promises, sql)
        return publisher.prepare(self.report.run_id)

    def conform(self) -> list[TableReport]:
        """Bring every conformed table of the candidate up to date; returns those that changed."""
        self.prepare_intake()
        for table in self.candidate.order:
            self.progress(f"building {table}")
            built = self.candidate.build(table)
            self.report.tables.append(TableReport(table, built.mode, built.rows_after, built.inserted, built.deleted))
        if self.candidate.has_work:
            stated = findings_sql(package_root() / "assets" / "conformed")
            mapped = mapping_findings(self.working.con, self.enabled)
            write_queue(self.working, self.promises, [*stated, *mapped])
        return [table for table in self.report.tables if table.inserted or table.deleted]

    def validate(self) -> dict[str, list[DqResult]]:
        """Hold the changed tables of the candidate, and those that refer to them, to their promises."""
        if not self.candidate.worth_publishing:
            return {}
        path = self.candidate.seal()
        tables = self._to_validate()
        self.progress(f"checking {len(tables)} tables")
        results = validate(path, self.promises, tables, self.report.run_id)
        self.control.record_dq(self.report.run_id, list(rows_of(results)))
        self._note_results(results)
        by_table: dict[str, list[DqResult]] = {table: [] for table in tables}
        for result in results:
            by_table[result.table].append(result)
        return by_table

    def _to_validate(self) -> list[str]:
        changed = set(self.candidate.changed_tables)
        return [
            name
            for name, promise in self.promises.items()
            if name in CHECKED_OPS
            or (
                promise.schema_name == "conformed"
                and (name in changed or any(reference.table in changed for reference in promise.references))
            )
        ]

    def _note_results(self, results: Sequence[DqResult]) -> None:
        self.report.checks = len(results)
        for result in results:
            if not result.success:
                line = f"{result.table}: {result.expectation}: {result.observed} (promised: {result.threshold})"
                blocks = result.severity == "error"
                (self.report.failed_errors if blocks else self.report.failed_warnings).append(line)

    def publish(self) -> Publication | None:
        """Publish the candidate, unless there is nothing new or the gate refused it."""
        base = self.candidate.base_version
        self.report.version = base
        if not self.candidate.worth_publishing or self.report.failed_errors:
            self.report.outcome = "gate_refused" if self.report.failed_errors else "nothing_to_do"
            self.candidate.discard()
            return None
        self.progress("publishing")
        last = self.decided[-1] if self.decided else None
        self.candidate.add_ops(
            {
                "run": self.control.runs(),
                "dq_result": self.control.dq_results(),
                "publication": self.control.publications(),
                "decision": self.control.decision_table(last.id if last else 0),
                "golden_redirect": self.control.ledger.redirect_table(),
            },
            decision_head=last.hash if last else GENESIS,
        )
        publication = self.candidate.publish()
        self.control.record_publication(publication.version, publication.content_hash, self.report.run_id)
        self.report.outcome = "published"
        self.report.version, self.report.content_hash = publication.version, publication.content_hash
        return publication

    # -- dry run ------------------------------------------------------------------------------------

    def dry_run(self) -> Iterator[tuple[str, list[Offer], str | None]]:
        """(feed, offers, error) of every selected feed; nothing is landed."""
        for source, feed in self.selected:
            try:
                yield f"{source}.{feed}", self.offers(source, feed), None
            except ConcordError as error:
                yield f"{source}.{feed}", [], str(error)


def _mastered(domain: str) -> str:
    """Key of `ops.meta` under which stands what a domain was made from."""
    return f"mastered.{domain}"


def code_version() -> str:
    """Version of the installed package."""
    return installed_version("concord-supply")


def home_secret(home: Path) -> bytes:
    """The home's own key for hashing secret identifiers; made at first use, readable by its owner only."""
    path = home / "secret.key"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        home.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{uuid.uuid4().hex}")
        fresh.touch(mode=0o600)
        fresh.write_bytes(secrets.token_bytes(32))
        try:
            os.link(fresh, path)  # fails where another process was first: then its key counts
        except FileExistsError:
            return path.read_bytes()
        finally:
            fresh.unlink()
        return path.read_bytes()


def _enabled(
    network: Network, catalogue: Mapping[str, Mapping[str, FeedContract]]
) -> dict[str, tuple[str, dict[str, FeedContract]]]:
    """source -> (system, feed -> contract, with the source's time zone) of the feeds that the network enables."""
    return {
        name: (
            source.system,
            {
                feed: _zoned(contract, source.timezone)
                for feed, contract in catalogue[source.system].items()
                if source.feeds is None or feed in source.feeds
            },
        )
        for name, source in network.sources.items()
    }


def _zoned(contract: FeedContract, zone: str) -> FeedContract:
    """The contract with the source's zone written out where a time names none.

    The zone decides which moments come out of given bytes. So it belongs to what is compared when it is asked whether
    what landed must be read again.
    """
    records = {
        name: record.model_copy(update={"columns": tuple(_zoned_column(column, zone) for column in record.columns)})
        for name, record in contract.records.items()
    }
    return contract.model_copy(update={"records": records})


def _zoned_column(column: Column, zone: str) -> Column:
    needs_one = column.type == "TIMESTAMPTZ" and column.timezone is None
    return column.model_copy(update={"timezone": zone}) if needs_one else column


def _selected(
    enabled: Mapping[str, tuple[str, Mapping[str, FeedContract]]], wanted: Sequence[str] | None, cadence: str
) -> list[FeedId]:
    """Feeds to pull: those named, else those due at the cadence (nightly: all)."""
    known = [(source, feed) for source, (_, feeds) in enabled.items() for feed in feeds]
    if wanted:
        names = set(wanted)
        unknown = names - {source for source, _ in known} - {f"{source}.{feed}" for source, feed in known}
        if unknown:
            raise ConfigurationError(
                f"no such feed in this network: {', '.join(sorted(unknown))}", hint="See `concord feeds list`"
            )
        return [(source, feed) for source, feed in known if source in names or f"{source}.{feed}" in names]
    return [feed for feed in known if cadence == "nightly" or enabled[feed[0]][1][feed[1]].cadence == cadence]


def _with_retries(work: Callable[[], T]) -> T:
    """Call, and call again a few times, with growing and uneven pauses, while the error says a retry may help."""
    attempt: Callable[[], T] = retry(
        retry=retry_if_exception(is_retryable),
        stop=stop_after_attempt(PULL_ATTEMPTS),
        wait=wait_exponential_jitter(multiplier=0.5, max=8),
        reraise=True,
    )(work)
    return attempt()


def _add_staged(report: FeedReport, staged: FeedStaged) -> None:
    report.quarantined = staged.count("quarantined")
    for column in ("rows_read", "rows_accepted", "rows_rejected", "rows_changed", "rows_deleted"):
        setattr(report, column, staged.total(column))
    report.reasons = list(staged.reasons)


def _domain_report(outcome: MasterOutcome) -> DomainReport:
    return DomainReport(
        domain=outcome.domain,
        records=outcome.records,
        changed_records=outcome.changed_records,
        golden=outcome.golden,
        minted=outcome.minted,
        merged=outcome.merged,
        findings=sum(outcome.findings.values()),
        decided=outcome.decided,
    )
