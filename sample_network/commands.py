"""`concord sample` and `concord score`: arguments in, a summary or a table out.

Here: printing. Not here: making a network (`build`), judging a store (`score`).
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sample_network.build import NETWORK_FILE, build
from sample_network.model.plan import Plan
from sample_network.score import Measure, below_floors, score

FAILED = 1


def run_sample(plan: Plan, out_dir: Path, erp_url: str | None, out: Console) -> None:
    """Makes the network of `plan` in `out_dir` and says what to do with it."""
    start = time.monotonic()
    built = build(out_dir, plan, erp_url)
    seconds = time.monotonic() - start
    out.print(
        f"{plan.facilities} hospitals, {plan.days} days, seed {plan.seed}: {built.facts:,} fact rows in "
        f"{built.files:,} files and a database, {built.defects:,} defects, {seconds:.1f} s",
        highlight=False,
    )
    out.print(f"sync it    concord sync --network {out_dir / NETWORK_FILE}", highlight=False, soft_wrap=True)
    out.print(f"judge it   concord score --truth {out_dir / 'truth.duckdb'}", highlight=False, soft_wrap=True)


def moment(text: str | None) -> datetime | None:
    """`2026-03-01` or `2026-03-01T14:00` as UTC. Raises ValueError for anything else."""
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)


def run_score(store: Path, truth: Path, floors: Path | None, out: Console) -> int:
    """Prints the figures; 1 when one is worse than `floors` allows, else 0."""
    measures = score(store, truth)
    _print(measures, out)
    problems = below_floors(measures, floors) if floors else []
    for problem in problems:
        out.print(problem, style="red", markup=False, highlight=False)
    return FAILED if problems else 0


def score_lines(measures: list[Measure]) -> list[str]:
    """The figures in a line per area: identity, attributes, facts, defects, KPIs. For the summary of a sync."""
    have = {m.key: m.value for m in measures if m.value is not None}
    return [
        *_identity_lines(have),
        _attribute_line(have),
        _fact_line(measures),
        _defect_line(measures),
        _kpi_line(have),
    ]


def _identity_lines(have: dict[str, float]) -> list[str]:
    domains = [key.split(".")[1] for key in have if key.startswith("identity.") and key.endswith(".f1")]
    return [
        f"identity    {domain:<11} precision {have.get(f'identity.{domain}.precision', 0):.4f}  "
        f"recall {have.get(f'identity.{domain}.recall', 0):.4f}  F1 {have[f'identity.{domain}.f1']:.4f}"
        for domain in domains
    ]


def _attribute_line(have: dict[str, float]) -> str:
    shares = {k.split(".", 1)[1]: v for k, v in have.items() if k.startswith("attribute.")}
    right = shares.pop("all.share_right", None)
    if right is None or not shares:
        return "attributes  none to judge"
    worst = min(shares, key=lambda name: (shares[name], name))
    return f"attributes  {right:.2%} right, least {worst.removesuffix('.share_right')} {shares[worst]:.2%}"


def _total(measures: list[Measure], area: str, measure: str) -> int:
    return int(sum(m.value or 0 for m in measures if m.area == area and m.measure == measure))


def _fact_line(measures: list[Measure]) -> str:
    faults = ("lost", "extra", "duplicated", "wrong_item", "wrong_qty", "wrong_amount", "unknown_item", "unknown_qty")
    n = {name: f"{_total(measures, 'fact', name):,}" for name in ("expected", *faults)}
    return (
        f"facts       {n['expected']} expected: {n['lost']} lost, {n['extra']} extra, {n['duplicated']} duplicated; "
        f"wrong: {n['wrong_item']} item, {n['wrong_qty']} quantity, {n['wrong_amount']} amount; "
        f"not told: {n['unknown_item']} item, {n['unknown_qty']} quantity"
    )


def _defect_line(measures: list[Measure]) -> str:
    n = {
        name: f"{_total(measures, 'defect', name):,}"
        for name in ("listed", "caught", "missed", "not_visible", "false_alarms")
    }
    return (
        f"defects     {n['listed']} listed: {n['caught']} caught, {n['missed']} missed, "
        f"{n['not_visible']} not shown by any table yet; {n['false_alarms']} false alarms"
    )


def _kpi_line(have: dict[str, float]) -> str:
    listed = [key for key in have if key.startswith("kpi.") and key.endswith(".truth")]
    off = {
        key.split(".")[1]: value for key, value in have.items() if key.startswith("kpi.") and key.endswith("difference")
    }
    if not off:
        return f"KPIs        none of {len(listed)} published"
    worst = max(off, key=lambda name: (off[name], name))
    return f"KPIs        {len(off)} of {len(listed)} published, furthest from the truth {worst} ({off[worst]:.2%})"


def _print(measures: list[Measure], out: Console) -> None:
    """One table per area, a line per name."""
    for area in dict.fromkeys(m.area for m in measures):
        chosen = [m for m in measures if m.area == area]
        columns = list(dict.fromkeys(m.measure for m in chosen))
        table = Table(title=area, title_justify="left", box=None)
        table.add_column("name")
        for column in columns:
            table.add_column(column, justify="right")
        values = {(m.name, m.measure): m.value for m in chosen}
        for name in dict.fromkeys(m.name for m in chosen):
            table.add_row(name, *(_figure(values.get((name, column))) for column in columns))
        out.print(table)


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{int(value):,}" if value == int(value) and abs(value) > 1 else f"{value:.4f}"
