"""One sync: the rooms called in order. Used by the Dagster assets and, for dry runs, by the CLI.

Here: the order of work, what is handed from room to room, and what is reported. Not here: Dagster,
SQL, parsing. Everything is idempotent: a killed sync is repeated by simply running it again.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
from tenacity import retry, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from assets.report import DomainReport, FeedReport, SyncReport, TableReport
from assets.settings import Settings, package_root
from connectors.catalogue import check_network, load_feeds, load_network
from connectors.contract import FeedContract
from connectors.errors import ConcordError, ConfigurationError
from connectors.interface import Batch, Connector, Delivery, FeedState, Offer
from connectors.network import Network
from connectors.registry import connector_for
from expectations.promise import TablePromise, load_promises
from mastering.engine import master_domain
from mastering.rules import DomainRules, load_domains
from store.control import Control
from store.intake import Intake, load_shapes
from store.landing import Landing
from store.staging import feed_state, stage_feed
from store.working import Working

Progress = Callable[[str], None]
FeedId = tuple[str, str]

#: Suppliers are referred to by items, locations by suppliers and items.
DOMAIN_ORDER = ("location", "supplier", "item")
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
        self.selected = _selected(self.enabled, feeds, cadence)
        self.report = SyncReport(run_id or uuid.uuid4().hex[:12], self.network.network, cadence)

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
        return Working.open(self.settings.home / "working.duckdb")

    @cached_property
    def domains(self) -> dict[str, DomainRules]:
        """The domain rules by name."""
        return load_domains(package_root() / "mastering" / "domains")

    @cached_property
    def promises(self) -> dict[str, TablePromise]:
        """The table promises by name."""
        return load_promises(package_root() / "expectations" / "tables")

    @cached_property
    def intake(self) -> Intake:
        """Everything that supplies the intake shapes in this network."""
        shapes = load_shapes(package_root() / "assets" / "intake", package_root() / "mastering" / "domains")
        return Intake(shapes, self.enabled, self.settings.feeds)

    def connector(self, source: str, feed: str) -> Connector:
        """The connector of one feed."""
        return connector_for(
            self.contract(source, feed),
            source,
            self.network.sources[source],
            network_dir=self.settings.network_path.parent,
            home=self.settings.home,
        )

    def contract(self, source: str, feed: str) -> FeedContract:
        """The contract of one feed."""
        return self.enabled[source][1][feed]

    def __enter__(self) -> SyncSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release what was opened; an unpublished candidate is dropped."""
        for name in ("candidate", "working", "control"):
            opened = self.__dict__.pop(name, None)
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
        with ThreadPoolExecutor(PULL_THREADS) as pool:
            reports = list(pool.map(lambda feed: self._pull_feed(feed, states[feed], days), wanted))
        for report in reports:
            self.report.feeds[report.feed] = report
        return dict(zip(wanted, reports, strict=True))

    def _state_for_pull(self, feed: FeedId, days: tuple[date, date] | None) -> FeedState:
        state = feed_state(self.working, self.landing, *feed)
        return state if days is None else replace(state, seen={})

    def _pull_feed(self, feed: FeedId, state: FeedState, days: tuple[date, date] | None) -> FeedReport:
        report = FeedReport(".".join(feed))
        self.progress(f"pulling {report.feed}")
        try:
            connector = self.connector(*feed)
            for offer in _with_retries(lambda: list(connector.discover(state, sweep=self.sweeps))):
                if days is None or self._within(offer.as_of, days):
                    self._land(report, connector, offer, state)
        except ConcordError as error:
            report.error = str(error)
        return report

    def _land(self, report: FeedReport, connector: Connector, offer: Offer, state: FeedState) -> None:
        report.offered += 1
        landed = _with_retries(lambda: self.landing.pull(connector, offer, state))
        report.new_deliveries += landed.outcome == "new"
        report.duplicates += landed.outcome == "duplicate"

    def _within(self, moment: datetime | None, days: tuple[date, date]) -> bool:
        local = (moment or datetime.now(UTC)).astimezone(ZoneInfo(self.network.timezone)).date()
        return days[0] <= local <= days[1]

    # -- stage --------------------------------------------------------------------------------------

    def stage(self, source: str, feed: str) -> FeedReport:
        """Apply the pending deliveries of one feed to the working database."""
        report = self.report.feeds.setdefault(f"{source}.{feed}", FeedReport(f"{source}.{feed}"))
        deliveries = self.landing.deliveries(source, feed)
        self.progress(f"staging {report.feed}")
        connector = self.connector(source, feed)
        staged = stage_feed(self.working, self.contract(source, feed), source, deliveries, connector.read)
        _add_staged(report, staged)
        return report

    # -- master -------------------------------------------------------------------------------------

    def master(self, domain: str) -> DomainReport:
        """Bring one domain's statements, identities and golden records up to what is staged."""
        self.progress(f"mastering {domain}")
        rules = self.domains[domain]
        since = self._mastered_through(domain)
        ...
