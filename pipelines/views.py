"""What the read-only commands print: versions, queries, explanations, feeds, checks of the YAML.

Here: asking a room and laying out its answer. Not here: the answers themselves. Everything a source wrote is made
harmless before it reaches the terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from assets.settings import load_settings, package_root
from connectors.catalogue import check_feeds, check_network, load_feeds, load_network
from connectors.errors import ConfigurationError
from connectors.interface import ROW_NO, Delivery


def plain(value: object, keep: str = "") -> str:
    """Text made harmless for the terminal: no markup, no control characters but those to `keep`."""
    shown = (ch if ch.isprintable() or ch in keep else "\N{REPLACEMENT CHARACTER}" for ch in str(value))
    return escape("".join(shown))


def print_versions(home: Path, out: Console) -> None:
    """The published versions, newest first."""
    from store import versions as v

    published = sorted(v.versions(home), key=lambda m: m.version, reverse=True)
    if not published:
        out.print(f"nothing was published in {home} yet: run `concord sync`", markup=False, soft_wrap=True)
        return
    pointed, withdrawn = v.pointed(home), v.withdrawn(home)
    table = Table(title="published versions")
    for heading in ("version", "published (UTC)", "rows", "content hash", "run", ""):
        table.add_column(heading)
    for manifest in published:
        note = "readers see this one" if manifest.version == pointed else withdrawn.get(manifest.version, "")
        stamp = manifest.published_ts.strftime("%Y-%m-%d %H:%M:%S")
        rows = f"{manifest.rows:,}"
        table.add_row(str(manifest.version), stamp, rows, manifest.content_hash[:16], manifest.run_id[:8], plain(note))
    out.print(table)


def print_alerts(home: Path, every: bool, out: Console) -> None:
    """A block per alert, oldest first."""
    from store.control import Control

    if not (home / "control.sqlite").exists() and "CONCORD_CONTROL_URL" not in os.environ:
        raise ConfigurationError("nothing was synced here yet", location=str(home), hint="Run `concord sync`")
    with Control.open_home(home) as control:
        alerts = control.alerts() if every else control.open_alerts()
    for alert in alerts:
        sent = f"sent {alert['sent_ts']:%Y-%m-%d %H:%M} UTC" if alert["sent_ts"] else "not sent"
        state = f"over since {alert['resolved_ts']:%Y-%m-%d %H:%M} UTC" if alert["resolved_ts"] else "open"
        seen = f"{alert['opened_ts']:%Y-%m-%d %H:%M} UTC, met {alert['occurrences']} times, last "
        lines = (
            f"{alert['id']}  {alert['severity']}  {alert['subject']}",
            f"  owner   {alert['owner']}",
            f"  since   {seen}{alert['last_ts']:%Y-%m-%d %H:%M} UTC",
            f"  state   {state}, {sent}",
            f"  next    {alert['body'].get('next_step', '')}",
        )
        for line in lines:
            out.print(plain(line), soft_wrap=True, highlight=False)
    if not alerts:
        out.print("no alert" if every else "no open alert")


def print_query(home: Path, sql: str, version: int | None, limit: int, csv: bool, out: Console) -> None:
    """Rows of one statement, as a table or as CSV that a spreadsheet may open."""
    from store.query import run_query, to_csv

    result = run_query(home, sql, limit, version=version)
    if csv:
        to_csv(result, sys.stdout)
        return
    table = Table(caption=f"version {result.version}" + (f", first {limit} rows" if result.is_truncated else ""))
    for name in result.columns:
        table.add_column(plain(name))
    for row in result.rows:
        table.add_row(*("" if value is None else plain(value) for value in row))
    out.print(table)


def print_explanation(
    network: str | None, home: Path | None, table: str, key: str, column: str | None, out: Console
) -> None:
    """Where a value comes from."""
    from expectations.promise import load_promises
    from store.explain import explain

    settings = load_settings(network, home)
    promises = load_promises(package_root() / "expectations" / "tables")
    reader = LandedRows(settings.network, settings.home)
    explanation = explain(settings.home, promises, table, key, column, reader)
    hints = [
        f"hint: network {settings.network} has no feed {feed}: to see its rows, name the network that was synced "
        "(--network, CONCORD_NETWORK)"
        for feed in sorted(reader.unknown)
    ]
    for line in [*explanation.lines(), *hints]:
        out.print(plain(line), soft_wrap=True, highlight=False)


class LandedRows:
    """Reads single rows of landed deliveries again, by their place: a `store.evidence.RowReader`.

    `unknown`: feeds of rows it was asked for that the network does not have.
    """

    def __init__(self, network: str, home: Path) -> None:
        self._network = network
        self._home = home
        self.unknown: set[str] = set()

    def __call__(self, delivery_id: str, row_no: int) -> Mapping[str, str] | None:
        """The row under its contract's column names, patient columns left out; None where it is not there any more."""
        from assets.session import SyncSession
        from store.landing import Landing

        delivery = Landing(self._home / "landing").find(delivery_id)
        if delivery is None:
            return None
        session = SyncSession(load_settings(self._network, self._home))
        if delivery.feed not in session.enabled.get(delivery.source, ("", {}))[1]:
            self.unknown.add(delivery.feed_id)
            return None
        return _row(session, delivery, row_no)


def _row(session: object, delivery: Delivery, row_no: int) -> Mapping[str, str] | None:
    import pyarrow.compute as pc

    from assets.session import SyncSession

    assert isinstance(session, SyncSession)
    for batch in session.reader(delivery.source, delivery.feed)(delivery):
        found = batch.rows.filter(pc.equal(batch.rows.column(ROW_NO), row_no))
        for row in found.to_pylist():
            return {name: str(value) for name, value in row.items() if value is not None and name != ROW_NO}
    return None


def print_feeds(network: str | None, out: Console) -> None:
    """The feeds of a network."""
    settings = load_settings(network)
    loaded, feeds = load_network(settings.network_path), load_feeds(settings.feeds)
    table = Table(title=f"feeds of {loaded.network}")
    for heading in ("feed", "format", "change", "cadence", "what it is"):
        table.add_column(heading)
    for name, source in loaded.sources.items():
        for feed, contract in feeds[source.system].items():
            if source.feeds is None or feed in source.feeds:
                row = (contract.format.kind, contract.change.mode, contract.cadence, plain(contract.description))
                table.add_row(f"{name}.{feed}", *row)
    out.print(table)


def check_everything(network: str | None) -> list[ConfigurationError]:
    """Problems of all contracts and networks, of the domains and of the table promises."""
    from expectations.promise import load_promises
    from mastering.rules import load_domains

    settings = load_settings(network)
    problems = check_feeds(settings.feeds)
    if not problems:
        feeds = load_feeds(settings.feeds)
        for path in sorted({*(settings.project / "networks").glob("*.yml"), settings.network_path}):
            problems += check_network(path, feeds)
    for load, folder in ((load_domains, "mastering/domains"), (load_promises, "expectations/tables")):
        try:
            load(package_root() / folder)
        except ConfigurationError as error:
            problems.append(error)
    return problems or _misfits(settings.network_path)


def _misfits(network_path: Path) -> list[ConfigurationError]:
    """Suppliers that do not fit their intake shape."""
    from assets.session import SyncSession

    try:
        SyncSession(load_settings(str(network_path))).intake  # noqa: B018 - building it is the check
    except ConfigurationError as error:
        return [error]
    return []
