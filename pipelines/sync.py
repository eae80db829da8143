"""`concord sync`, `rebuild` and `ui`: the Dagster job run in this process, with progress and a summary.

Here: starting runs and printing what they did. Not here: what a sync does (`assets.session`).
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import time
import uuid
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from zoneinfo import ZoneInfo

from rich import box
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from assets.report import SyncReport
from assets.settings import Settings, load_settings, package_root
from connectors.catalogue import load_network
from pipelines.run_log import spare_the_disk
from pipelines.views import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    import dagster as dg

CADENCES = ("nightly", "hourly")
#: So many late feeds are told one by one.
LATE_SHOWN = 5

#: How the errors begin that say themselves what to do (as Dagster writes them down: module, class, text).
OUR_ERRORS = ("connectors.", "expectations.", "mastering.", "store.")

#: Counts of a feed in the summary: field of the report -> heading.
FEED_COUNTS = {
    "new_deliveries": "new",
    "duplicates": "dup.",
    "quarantined": "quar.",
    "rows_read": "read",
    "rows_accepted": "accepted",
    "rows_rejected": "rejected",
    "rows_changed": "changed",
    "rows_deleted": "deleted",
}


def prepare_home(settings: Settings) -> None:
    """Create the home and its Dagster instance folder, and name both to every library by environment."""
    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(package_root() / "dagster.yaml", settings.dagster_home / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)
    os.environ["CONCORD_HOME"] = str(settings.home)
    os.environ["CONCORD_NETWORK"] = settings.network
    os.environ["CONCORD_PROJECT"] = str(settings.project)
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    spare_the_disk(settings.dagster_home)


def run_sync(
    network: str | None,
    home: Path | None,
    cadence: str,
    feeds: list[str] | None,
    dry_run: bool,
    out: Console,
    err: Console,
) -> int:
    """Run the sync job in this process; returns the exit code (0, 1 or 2)."""
    if cadence not in CADENCES:
        err.print(f"error: cadence is one of {', '.join(CADENCES)}, not {cadence!r}", style="red", markup=False)
        return 1
    settings = load_settings(network, home)
    make_sample(settings, out)
    if dry_run:
        return print_dry_run(settings, cadence, feeds, out)
    prepare_home(settings)
    with watched(out) as progress:
        report = execute(settings, cadence, feeds, progress)
    print_summary(report, settings, out)
    if not feeds:
        print_score(report, settings, out)
    return report.exit_code


def make_sample(settings: Settings, out: Console) -> None:
    """Make the simulated network's extracts where the network is the sample and they are missing."""
    target = settings.home / "sample"
    if not load_network(settings.network_path).sample or target.exists():
        return
    from sample_network.embedded import PLAN, make

    out.print(f"making the sample network: {PLAN.facilities} hospitals, {PLAN.days} days", highlight=False)
    built = make(target)
    out.print(f"made {built.facts:,} fact rows in {built.files:,} files and a database", highlight=False)


def truth_of(settings: Settings) -> Path | None:
    """The truth file of a simulated network: beside its network file, or below the home. None: a network without."""
    network = settings.network_path
    beside = network.parent / "truth.duckdb"
    if beside.exists():
        return beside
    below = settings.home / "sample" / "truth.duckdb"
    return below if below.exists() and load_network(network).sample else None


def print_score(report: SyncReport, settings: Settings, out: Console) -> None:
    """How near to the truth a simulated network was published; nothing where there is no truth or no new version."""
    truth = truth_of(settings)
    if truth is None or report.outcome != "published":
        return
    from sample_network.commands import score_lines
    from sample_network.score import score

    lines = score_lines(score(settings.home / "published" / "reporting.duckdb", truth))
    again = f"all figures: concord score --truth {shlex.quote(str(truth))}"
    out.print("\n".join(["against the truth", *lines, again]), markup=False, highlight=False, soft_wrap=True)


@contextmanager
def watched(out: Console) -> Iterator[Callable[[str], None]]:
    """A spinner line with the current step on a terminal; plain lines elsewhere."""
    if not out.is_terminal:
        started = time.monotonic()
        yield lambda text: out.print(f"[{time.monotonic() - started:6.1f} s] {text}", markup=False, highlight=False)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task("starting")
        yield lambda text: bar.update(task, description=text)


def execute(
    settings: Settings, cadence: str, feeds: list[str] | None, progress: Callable[[str], None], *, pull: bool = True
) -> SyncReport:
    """Run `<cadence>_sync` through Dagster in this process, on the instance the UI shows."""
    started = time.monotonic()
    quiet_dagster()
    import dagster as dg

    from assets.session_resource import REPORTS, listen
    from pipelines.definitions import defs
    from store.versions import current

    job = defs.resolve_job_def(f"{cadence}_sync")
    network = load_network(settings.network_path)
    config = {"network": settings.network, "home": str(settings.home), "cadence": cadence, "feeds": feeds or []}
    with dg.DagsterInstance.get() as instance:
        run_id = str(uuid.uuid4())
        listen(run_id, progress)
        result = job.execute_in_process(
            run_config={"resources": {"session": {"config": {**config, "pull": pull}}}},
            instance=instance,
            partition_key=datetime.now(ZoneInfo(network.timezone)).strftime("%Y-%m-%d"),
            raise_on_error=False,
            run_id=run_id,
        )
    report = REPORTS.pop(run_id, None) or SyncReport(run_id, network.network, cadence)
    if not result.success and report.exit_code == 0:
        report.outcome, report.error = "failed", failure_text(result)
        served = current(settings.home)
        report.version = served.version if served else None
    report.seconds = time.monotonic() - started
    return report


def failure_text(result: dg.ExecuteInProcessResult) -> str:
    """Why a run failed before the sync could report it: our own error where there is one, else the first cause."""
    for event in result.filter_events(lambda one: one.is_failure):
        error = getattr(event.event_specific_data, "error", None)
        chain = []
        while error is not None:
            chain.append(str(error.message).strip())
            error = error.cause
        ours = [text for text in chain if text.startswith(OUR_ERRORS)]
        if chain:
            return re.sub(r"^[\w.]+: ", "", (ours or chain[-1:])[0])
    return "the run failed; `concord ui` shows where"


def quiet_dagster() -> None:
    """The terminal shows our summary; Dagster's own event lines stay in the event log and the UI."""
    import logging

    logging.disable(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"dagster\..*")


def print_dry_run(settings: Settings, cadence: str, feeds: list[str] | None, out: Console) -> int:
    """List what each source offers that landing does not hold; changes nothing."""
    from assets.session import SyncSession

    table = Table(title="dry run: what a sync would pull (databases are read when pulled)")
    for heading in ("feed", "offer", "kind", "as of (UTC)"):
        table.add_column(heading)
    failed = False
    with SyncSession(settings, cadence, feeds) as session:
        for feed_id, offers, error in session.dry_run():
            failed |= error is not None
            if error:
                table.add_row(feed_id, f"error: {error}", "", "")
            for offer in offers:
                as_of = offer.as_of.strftime("%Y-%m-%d %H:%M") if offer.as_of else ""
                table.add_row(feed_id, plain(offer.name), offer.kind, as_of)
    out.print(table)
    return 1 if failed else 0


def print_summary(report: SyncReport, settings: Settings, out: Console) -> None:
    """What the sync did: feeds, tables, checks, version, and where to look next."""
    print_feeds(report, out)
    print_tables(report, out)
    for line in report.failed_errors:
        out.print(f"gate: {line}", style="red", markup=False, soft_wrap=True)
    for line in report.failed_warnings:
        out.print(f"warning: {line}", style="yellow", markup=False, soft_wrap=True)
    for line in late_lines(report):
        out.print(f"late: {line}", style="yellow", markup=False, soft_wrap=True)
    for line in report.unsent:
        out.print(f"alerts: {line}", style="yellow", markup=False, soft_wrap=True)
    for line in report.feed_errors:
        out.print(f"not read: {line}", style="red", markup=False, soft_wrap=True)
    if report.error:
        out.print(f"error: {report.error}", style="red", markup=False, soft_wrap=True)
    out.print(headline(report), style="bold", markup=False)
    print_where_to_look(report, settings, out)


def late_lines(report: SyncReport) -> list[str]:
    """A line per feed that is late; of many the first ones, how many more by source, and where they are listed."""
    lines = [f"{one.feed}: {one.observed} (promised: {one.allowed})" for one in report.stale[:LATE_SHOWN]]
    more = Counter(one.feed.partition(".")[0] for one in report.stale[LATE_SHOWN:])
    if more:
        counts = ", ".join(f"{source} {count}" for source, count in more.items())
        lines.append(f"and {more.total()} more ({counts}): concord alerts list")
    return lines


def print_feeds(report: SyncReport, out: Console) -> None:
    """A row per feed that brought something, or went wrong."""
    busy = [feed for feed in report.feeds.values() if not feed.is_quiet]
    if not busy:
        return
    table = Table(title="feeds (deliveries: new, duplicate, quarantined; rows: the others)", box=box.SIMPLE_HEAD)
    table.add_column("feed", no_wrap=True)
    counted = {heading: [getattr(feed, name) for feed in busy] for name, heading in FEED_COUNTS.items()}
    shown = {heading: counts for heading, counts in counted.items() if any(counts)}
    for heading in shown:
        table.add_column(heading, justify="right", no_wrap=True)
    for number, feed in enumerate(busy):
        cells = (f"{counts[number]:,}" if counts[number] else "" for counts in shown.values())
        table.add_row(plain(feed.feed), *cells)
    out.print(table)
    for feed in busy:
        for reason in feed.reasons:
            out.print(f"quarantined: {feed.feed}: {reason}", style="yellow", markup=False, soft_wrap=True)


def print_tables(report: SyncReport, out: Console) -> None:
    """A row per conformed table that changed."""
    changed = [table for table in report.tables if table.inserted or table.deleted]
    if not changed:
        return
    table = Table(title="conformed tables that changed", box=box.SIMPLE_HEAD)
    table.add_column("table")
    table.add_column("how")
    for heading in ("rows", "written", "taken out"):
        table.add_column(heading, justify="right")
    for row in changed:
        table.add_row(row.table, row.mode, f"{row.rows:,}", f"{row.inserted:,}", f"{row.deleted:,}")
    out.print(table)


def headline(report: SyncReport) -> str:
    """One sentence: how it ended."""
    took = f"in {report.seconds:.1f} s"
    readers = f"readers keep version {report.version}" if report.version else "nothing is published yet"
    return {
        "published": f"published version {report.version} {took} ({report.checks} checks, "
        f"content hash {(report.content_hash or '')[:12]})",
        "nothing_to_do": f"nothing to do: version {report.version} is current ({took})",
        "gate_refused": f"the gate refused the candidate; {readers} ({took})",
        "failed": f"failed {took}; {readers}",
        "dry_run": "dry run: nothing was changed",
    }[report.outcome]


def print_where_to_look(report: SyncReport, settings: Settings, out: Console) -> None:
    """The next commands a reader may want."""
    if report.version is None:
        return
    as_now = os.environ.get("CONCORD_NETWORK", "sample") == settings.network
    network = "" if as_now else f" --network {shlex.quote(settings.network)}"
    lines = [
        f"store      {settings.home / 'published' / 'reporting.duckdb'}",
        'look       concord query "SELECT item_no, description FROM v1.dim_item LIMIT 5"',
        f"why        concord explain dim_item 1{network}",
    ]
    if any(feed.rows_rejected or feed.quarantined for feed in report.feeds.values()):
        lines.append("refused    concord quarantine list")
    lines.append(f"runs       concord ui{network}")
    out.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def run_rebuild(network: str | None, home: Path | None, out: Console, err: Console) -> int:
    """Delete the working database, then sync from landing without pulling; returns the exit code."""
    from store.working import discard_working

    settings = load_settings(network, home)
    prepare_home(settings)
    discard_working(settings.home / "working.duckdb")
    with watched(out) as progress:
        report = execute(settings, "nightly", None, progress, pull=False)
    print_summary(report, settings, out)
    return report.exit_code


def run_ui(network: str | None, home: Path | None, port: int, out: Console) -> NoReturn:
    """Become the Dagster web server and daemon: what stops this process stops them."""
    settings = load_settings(network, home)
    make_sample(settings, out)
    prepare_home(settings)
    out.print(f"Dagster UI on http://127.0.0.1:{port} (stop with Ctrl-C)")
    out.file.flush()
    program = str(Path(sys.executable).with_name("dagster"))
    arguments = ["dev", "-m", "pipelines.definitions", "-h", "127.0.0.1", "-p", str(port)]
    # `dagster dev` tells every user that developers of Dagster code now have another command.
    env = {**os.environ, "PYTHONWARNINGS": "ignore:Function `dev_command` is superseded"}
    # A folder without a dagster.yaml: Dagster would say that it does not use it.
    os.chdir(settings.home)
    os.execve(program, [program, *arguments], env)  # noqa: S606
