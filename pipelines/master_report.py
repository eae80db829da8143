"""`concord master report`: how records became one, who is asked, and how right it is where a truth is given.

Here: printing. Not here: the figures (`mastering.report`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from connectors.errors import ConfigurationError
from mastering.report import DomainReport, report


def run_report(home: Path, truth: Path | None, out: Console) -> None:
    """Print the report of a home that was synced. Raises ConfigurationError where it was not, or is being synced."""
    working = home / "working.duckdb"
    if not working.exists():
        raise ConfigurationError(
            "nothing was synced here yet", location=str(home), hint="Run `concord sync`, or give --home"
        )
    try:
        con = duckdb.connect(str(working), read_only=True)
    except duckdb.IOException as error:
        raise ConfigurationError(
            "the working database is in use", location=str(working), hint="Try again when the sync has ended"
        ) from error
    with con:
        reports = report(con, truth)
    _print_clusters(reports, out)
    if truth is not None:
        _print_agreement(reports, out)
    _print_largest(reports, out)


def _print_clusters(reports: Sequence[DomainReport], out: Console) -> None:
    table = _table("identity", "domain", "records", "golden", "by score", "cases", "asked per 1,000", "queue")
    for one in reports:
        cases = ", ".join(f"{kind} {count:,}" for kind, count in one.cases.items()) or "0"
        asked, queue = f"{one.asked_per_thousand:.1f}", f"{one.queue_share:.2%}"
        table.add_row(one.domain, f"{one.records:,}", f"{one.golden:,}", f"{one.by_score:,}", cases, asked, queue)
    out.print(table)


def _print_agreement(reports: Sequence[DomainReport], out: Console) -> None:
    pairwise = ("pair P", "pair R", "pair F1")
    table = _table("against the truth", "domain", "records", *pairwise, "B3 P", "B3 R", "B3 F1")
    for one in reports:
        if one.agreement is not None:
            a = one.agreement
            figures = (a.precision, a.recall, a.f1, a.bcubed_precision, a.bcubed_recall, a.bcubed_f1)
            table.add_row(one.domain, f"{a.records:,}", *(f"{figure:.4f}" for figure in figures))
    out.print(table)


def _print_largest(reports: Sequence[DomainReport], out: Console) -> None:
    table = _table("largest golden records", "domain", "records", "label")
    for one in reports:
        for label, records in one.largest:
            table.add_row(one.domain, f"{records:,}", label)
    out.print(table)


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=title, title_justify="left", box=None)
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="left" if name in ("label", "cases") else "right")
    return table
