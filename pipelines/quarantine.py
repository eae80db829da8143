"""`concord quarantine`: what was refused, where, why, and what to do about it.

Here: printing and calling `store.quarantine`. Not here: refusing or replaying, what to do about which rule
(`store.quarantine.advice`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from assets.session import SyncSession
from assets.settings import load_settings
from connectors.errors import ConfigurationError
from pipelines.views import plain
from store import quarantine as q


@contextmanager
def opened(network: str | None, home: Path | None, feed: str | None = None) -> Iterator[SyncSession]:
    """The session of a home that was synced before. Raises ConfigurationError where it was not, or has no such feed."""
    settings = load_settings(network, home)
    with SyncSession(settings) as session:
        if feed is not None:
            source, _, name = feed.partition(".")
            if name not in session.enabled.get(source, ("", {}))[1]:
                raise ConfigurationError(
                    f"there is no feed {feed!r} in the network {session.network.network}",
                    hint="`concord feeds list` shows them, as source.feed",
                )
        if not (settings.home / "working.duckdb").exists():
            raise ConfigurationError(
                "nothing was synced here yet", location=str(settings.home), hint="Run `concord sync`, or give --home"
            )
        yield session


def print_list(network: str | None, home: Path | None, feed: str | None, every: bool, limit: int, out: Console) -> None:
    """Quarantined deliveries, then refused rows."""
    states = ("open", "replayed", "waived") if every else ("open",)
    with opened(network, home, feed) as session:
        deliveries = q.quarantined_deliveries(session.working, feed, open_only=not every)
        found = q.list_rejects(session.working, feed=feed, states=states, limit=limit + 1)
    rejects = [q.RejectShown(**row) for row in found.to_pylist()]
    if deliveries:
        print_deliveries(deliveries, out)
    if rejects:
        print_rejects(rejects[:limit], every, len(rejects) > limit, out)
    if deliveries or rejects:
        line(out, "\nwhat to do about one of them: concord quarantine show ID")
    else:
        line(out, f"nothing {'was ever refused' if every else 'is open'}{f' of {feed}' if feed else ''}")


def print_deliveries(deliveries: list[q.DeliveryShown], out: Console) -> None:
    """A block per delivery of which nothing is applied."""
    line(out, f"quarantined deliveries, of which nothing is applied: {len(deliveries)}", style="bold")
    for delivery in deliveries:
        line(out, f"\n{delivery.delivery_id}  {delivery.feed}  {delivery.name}")
        line(out, f"  as of   {delivery.as_of_ts:%Y-%m-%d %H:%M} UTC")
        line(out, f"  why     {delivery.reason or ''}")


def print_rejects(rejects: list[q.RejectShown], every: bool, is_more: bool, out: Console) -> None:
    """A block per refused row."""
    more = f"first {len(rejects)}, --limit shows more" if is_more else str(len(rejects))
    line(out, f"\n{'refused, whatever became of it' if every else 'refused and open'}: {more}", style="bold")
    for reject in rejects:
        print_reject(reject, out)


def print_reject(reject: q.RejectShown, out: Console) -> None:
    """Where, why and what was refused."""
    kind = "" if reject.severity == "error" else "  (a warning: the row is loaded)"
    line(out, f"\n{reject.reject_id}  {reject.feed}  {reject.rule_id}  {reject.state}{kind}")
    line(out, f"  file    {reject.delivery_name or reject.delivery_id}")
    line(out, f"  place   {reject.location}")
    line(out, f"  reason  {reject.reason}")
    if reject.raw is not None:
        line(out, f"  value   {reject.raw}")
    if reject.row_count > 1:
        line(out, f"  rows    {reject.row_count}")
    if reject.waived_by:
        line(out, f"  waived  by {reject.waived_by}: {reject.waived_reason}")


def print_one(network: str | None, home: Path | None, an_id: str, out: Console) -> None:
    """One delivery with its rejects, or one reject."""
    with opened(network, home) as session:
        shown = q.show(session.working, an_id)
    line(out, f"delivery  {shown.delivery_id}  {shown.feed}  {shown.name}")
    line(out, f"as of     {shown.as_of_ts:%Y-%m-%d %H:%M} UTC, read {shown.loaded_ts:%Y-%m-%d %H:%M} UTC")
    line(out, f"state     {shown.state}{': ' + shown.reason if shown.reason else ''}")
    line(out, f"rows      {shown.rows_read} read, {shown.rows_accepted} accepted, {shown.rows_rejected} rejected")
    for reject in shown.rejects:
        print_reject(reject, out)
    if shown.truncated:
        line(out, f"\n... and more: `concord quarantine list --all --feed {shown.feed}` shows them")
    print_advice(shown, an_id, out)


def print_advice(shown: q.DeliveryShown, an_id: str, out: Console) -> None:
    """What can be done about what is open, once per kind of reason."""
    still = [reject for reject in shown.rejects if reject.state == "open" and reject.severity == "error"]
    if not still and shown.state != "quarantined":
        line(out, "\nnothing of it is open")
        return
    line(out, "\nwhat to do", style="bold")
    for text in dict.fromkeys(q.advice(reject.rule_id) for reject in still):
        line(out, f"  {text}")
    line(out, "\nafter the contract was corrected:")
    line(out, f"  concord quarantine replay {shown.feed} --delivery {shown.delivery_id}")
    line(out, "to record that nothing is to be done:")
    line(out, f"  concord quarantine waive {an_id} --reason '...'")


def run_replay(network: str | None, home: Path | None, feed_id: str, delivery: str | None, out: Console) -> None:
    """Read refused deliveries again under the contract as it is now."""
    with opened(network, home, feed_id) as session:
        source, _, feed = feed_id.partition(".")
        staged = q.replay(
            session.working,
            session.landing,
            session.contract(source, feed),
            source,
            session.reader(source, feed),
            delivery,
            control=session.control,
        )
    line(
        out,
        f"{len(staged.deliveries)} deliveries read again: {staged.total('rows_accepted')} rows accepted, "
        f"{staged.total('rows_rejected')} rejected, {staged.count('quarantined')} deliveries quarantined",
    )
    for reason in staged.reasons:
        line(out, f"still refused: {reason}", style="yellow")
    line(out, "run `concord sync` to publish what changed")


def run_waive(network: str | None, home: Path | None, an_id: str, who: str, reason: str, out: Console) -> None:
    """Record that a refusal needs no action."""
    with opened(network, home) as session:
        shown = q.show(session.working, an_id)
        count = q.waive(session.working, session.control, an_id, who=who, reason=reason)
    line(out, f"waived {count}, by {who}: {reason}")
    guards = sorted({one.rule_id for one in shown.rejects if one.row_no == 0 and q.is_waivable(one.rule_id)})
    if guards and shown.state == "quarantined":
        line(out, f"{', '.join(guards)} no longer holds the delivery back: run `concord sync` to apply and publish it")
    elif shown.state == "quarantined":
        line(out, "the delivery stays out: it cannot be read as it is")


def line(out: Console, text: str, style: str | None = None) -> None:
    """One line as it is: not wrapped, and harmless whatever a source wrote."""
    out.print(plain(text, keep="\n"), style=style, soft_wrap=True, highlight=False)
