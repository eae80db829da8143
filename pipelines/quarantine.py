"""`concord quarantine`: what was refused, where, why, and what to do about it.

Here: printing and calling `store.quarantine`. Not here: refusing or replaying.
"""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from assets.session import SyncSession
from assets.settings import load_settings
from connectors.errors import ConfigurationError
from pipelines.views import plain
from store import quarantine as q


def print_list(network: str | None, home: Path | None, feed: str | None, every: bool, limit: int, out: Console) -> None:
    """Quarantined deliveries, then refused rows."""
    states = ("open", "replayed", "waived") if every else ("open",)
    with SyncSession(load_settings(network, home)) as session:
        deliveries = q.quarantined_deliveries(session.working, feed)
        rejects = q.list_rejects(session.working, feed=feed, states=states, limit=limit).to_pylist()
    if deliveries:
        table = Table(title="quarantined deliveries (nothing of them is applied)")
        for heading in ("delivery", "feed", "name", "why"):
            table.add_column(heading, overflow="fold")
        for delivery in deliveries:
            table.add_row(delivery.delivery_id, delivery.feed, plain(delivery.name), plain(delivery.reason or ""))
        out.print(table)
    table = Table(title=f"refused rows ({'all' if every else 'open'}, at most {limit})")
    for heading in ("reject", "feed", "place", "rule", "reason", "value", "state"):
        table.add_column(heading, overflow="fold")
    for row in rejects:
        cells = (row["location"], row["rule_id"], row["reason"], row["raw"] or "", row["state"])
        table.add_row(row["reject_id"], row["feed"], *(plain(cell) for cell in cells))
    out.print(table if rejects else "no refused rows")


def print_one(network: str | None, home: Path | None, an_id: str, out: Console) -> None:
    """One delivery with its rejects, or one reject."""
    with SyncSession(load_settings(network, home)) as session:
        shown = q.show(session.working, an_id)
    out.print(f"delivery  {shown.delivery_id}  {plain(shown.feed)}  {plain(shown.name)}", soft_wrap=True)
    out.print(f"state     {shown.state}{': ' + plain(shown.reason) if shown.reason else ''}", soft_wrap=True)
    out.print(f"rows      {shown.rows_read} read, {shown.rows_accepted} accepted, {shown.rows_rejected} rejected")
    for reject in shown.rejects:
        out.print(f"\n{reject.reject_id}  {reject.state}  {reject.severity}  {plain(reject.rule_id)}")
        out.print(f"  place   {plain(reject.location)}", soft_wrap=True)
        out.print(f"  reason  {plain(reject.reason)}", soft_wrap=True)
        if reject.raw is not None:
            out.print(f"  value   {plain(reject.raw)}", soft_wrap=True)
        if reject.waived_by:
            out.print(f"  waived  by {plain(reject.waived_by)}: {plain(reject.waived_reason)}", soft_wrap=True)
    if shown.truncated:
        out.print("... and more")
    out.print(
        "\nnext      correct the contract (or ask the sender), then: "
        f"concord quarantine replay {shown.feed} --delivery {shown.delivery_id}\n"
        f"          or record that nothing is to be done: concord quarantine waive {an_id} --reason '...'",
        soft_wrap=True,
    )


def run_replay(network: str | None, home: Path | None, feed_id: str, delivery: str | None, out: Console) -> None:
    """Read refused deliveries again under the contract as it is now."""
    with SyncSession(load_settings(network, home)) as session:
        source, _, feed = feed_id.partition(".")
        if feed not in session.enabled.get(source, ("", {}))[1]:
            raise ConfigurationError(f"no such feed in this network: {feed_id}", hint="See `concord feeds list`")
        staged = q.replay(
            session.working,
            session.landing,
            session.contract(source, feed),
            source,
            session.connector(source, feed).read,
            delivery,
            control=session.control,
        )
    applied = staged.total("rows_accepted")
    out.print(
        f"{len(staged.deliveries)} deliveries read again: {applied} rows accepted, "
        f"{staged.total('rows_rejected')} rejected, {staged.count('quarantined')} deliveries quarantined"
    )
    out.print("run `concord sync` to publish what changed")


def run_waive(network: str | None, home: Path | None, an_id: str, who: str, reason: str, out: Console) -> None:
    """Record that a refusal needs no action."""
    with SyncSession(load_settings(network, home)) as session:
        count = q.waive(session.working, session.control, an_id, who=who, reason=reason)
    out.print(f"waived {count}; a delivery that a guard refused goes through at the next sync")
