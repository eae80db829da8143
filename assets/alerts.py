"""From what a sync reports to alerts: one per problem, counted while it lasts, closed when it is over.

Here: which problems there are and which of the open alerts this sync has seen solved. Not here: the outbox's rows
(`store.control`), the request that sends them (`store.outbox`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from assets.report import SyncReport
from connectors.errors import ConfigurationError
from store.control import Control
from store.outbox import send_alerts
from store.quarantine import DeliveryShown, quarantined_deliveries
from store.working import Working

PLATFORM = "data-platform"


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem. `kind` and `about` make its fingerprint: the same problem again is the same alert."""

    kind: str
    about: str
    severity: str
    owner: str
    subject: str
    next_step: str

    @property
    def fingerprint(self) -> str:
        """Stable name of the problem."""
        return f"{self.kind}|{self.about}"


def problems(report: SyncReport, owners: Mapping[str, str], quarantined: Sequence[DeliveryShown]) -> list[Problem]:
    """What is wrong after a sync. `owners`: feed -> owner. `quarantined`: deliveries that are, and open.

    Feeds of one source that cannot be read, or are late, are one problem: the cause is most often one.
    """
    unread = {report.feed: report.error for report in report.feeds.values() if report.error}
    late = {one.feed: f"{one.observed}, promised: {one.allowed}" for one in report.stale}
    return [
        *_by_source("unreadable", "error", "cannot be read", unread, owners),
        *_by_source("stale", "warn", "late", late, owners),
        *(_refused(delivery, owners) for delivery in quarantined),
        *_of_the_run(report),
    ]


def _by_source(
    kind: str, severity: str, what: str, reasons: Mapping[str, str], owners: Mapping[str, str]
) -> Iterator[Problem]:
    for source, feeds in groupby(reasons, lambda feed: feed.partition(".")[0]):
        first, *others = feeds
        more = f" (and {len(others)} more feeds of {source})" if others else ""
        subject = f"{first} {what}{more}: {reasons[first]}"
        yield Problem(kind, source, severity, owners.get(first, PLATFORM), subject, "concord sync --feeds " + source)


def _refused(delivery: DeliveryShown, owners: Mapping[str, str]) -> Problem:
    subject = f"{delivery.feed} {delivery.name} is quarantined: {delivery.reason}"
    owner = owners.get(delivery.feed, PLATFORM)
    return Problem(
        "quarantined", delivery.delivery_id, "error", owner, subject, f"concord quarantine show {delivery.delivery_id}"
    )


def _of_the_run(report: SyncReport) -> Iterator[Problem]:
    if report.failed_errors:
        more = f" (and {len(report.failed_errors) - 1} more)" if len(report.failed_errors) > 1 else ""
        subject = f"the gate refused the candidate: {report.failed_errors[0]}{more}"
        yield Problem("gate", report.network, "error", PLATFORM, subject, "Readers keep the last version: concord ui")
    if report.outcome == "failed":
        yield Problem("failed", report.network, "error", PLATFORM, f"the sync failed: {report.error}", "concord ui")


def notify(control: Control, working: Working | None, report: SyncReport, owners: Mapping[str, str]) -> list[str]:
    """Bring the outbox up to what a sync found, and send what waits where CONCORD_ALERT_URL says so.

    Returns what did not go out, for the summary; that never fails a sync. `working`: None where it was not opened.
    """
    quarantined = quarantined_deliveries(working, open_only=True) if working is not None else []
    update(control, report, problems(report, owners, quarantined), saw_deliveries=working is not None)
    url = os.environ.get("CONCORD_ALERT_URL")
    if not url:
        return []
    try:
        done = send_alerts(control, url)
    except ConfigurationError as error:
        return [str(error)]
    return [f"{done.waiting} alerts wait for the next sync: {done.problem}"] if done.problem else []


def update(control: Control, report: SyncReport, now_wrong: Iterable[Problem], *, saw_deliveries: bool) -> None:
    """Raise what is wrong and close what this sync has seen to be right again; what it did not look at stays open."""
    wrong = {problem.fingerprint: problem for problem in now_wrong}
    for fingerprint, problem in wrong.items():
        body = {"next_step": problem.next_step, "network": report.network, "run_id": report.run_id}
        control.raise_alert(
            fingerprint=fingerprint,
            severity=problem.severity,
            owner=problem.owner,
            subject=problem.subject,
            body=body,
        )
    for alert in control.open_alerts():
        fingerprint = str(alert["fingerprint"])
        if fingerprint not in wrong and _was_looked_at(report, fingerprint, saw_deliveries):
            control.resolve_alert(fingerprint)


def _was_looked_at(report: SyncReport, fingerprint: str, saw_deliveries: bool) -> bool:
    kind, _, about = fingerprint.partition("|")
    if kind in ("unreadable", "stale"):
        return any(feed.partition(".")[0] == about for feed in report.pulled)
    if kind == "quarantined":
        return saw_deliveries
    return about == report.network and report.concluded
