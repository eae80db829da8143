"""`concord steward` and `concord master`: arguments in, exit code out.

Here: parsing of arguments. Not here: what a decision is and does (`pipelines.stewardship`, `mastering.decisions`).
Heavy libraries are imported by the command that needs them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.options import HomeOption, NetworkOption, err, examples, out

steward_app = typer.Typer(
    help="Decisions on master data: what is one, what is not, which value stands.", no_args_is_help=True
)
master_app = typer.Typer(help="Master data: how right it is, what changed rules would do.", no_args_is_help=True)

Reason = Annotated[str, typer.Option(help="Why; kept with the decision for ever.")]
Who = Annotated[
    str | None, typer.Option(help="Who decides. Default: the login name.", envvar=["CONCORD_WHO", "USER", "LOGNAME"])
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what it would change; write nothing.")]
Case = Annotated[str, typer.Argument(metavar="CASE", help="Id that `concord steward list` shows.")]
Domain = Annotated[str, typer.Argument(help="item, supplier, location, gl_account, cost_centre or contract.")]
Record = Annotated[str, typer.Argument(help="A source record, as source:key.")]


@steward_app.command(
    "list",
    epilog=examples(
        "concord steward list", "concord steward list --domain supplier", "concord steward list --decisions"
    ),
)
def steward_list(
    home: HomeOption = None,
    domain: Annotated[str | None, typer.Option(help="Only this domain.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only cases or decisions of this kind.")] = None,
    decisions: Annotated[bool, typer.Option("--decisions", help="The decisions in force, not the open cases.")] = False,
    limit: Annotated[int, typer.Option(min=0, help="At most this many.")] = 50,
) -> None:
    """List the open cases, those with most open orders and spend first; or the decisions in force."""
    from pipelines import stewardship

    stewardship.print_list(home, domain, kind, decisions, limit, out)


@steward_app.command("show", epilog=examples("concord steward show 3f2a9c1b77de", "concord steward show 12"))
def steward_show(
    an_id: Annotated[str, typer.Argument(metavar="ID", help="Id of a case, or number of a decision.")],
    home: HomeOption = None,
) -> None:
    """Show one case with both sides, or one decision with what became of it."""
    from pipelines import stewardship

    stewardship.print_one(home, an_id, out)


@steward_app.command(
    "accept",
    epilog=examples(
        'concord steward accept 3f2a9c1b77de --reason "same box, seen on the shelf"',
        'concord steward accept 3f2a9c1b77de --reason "same box" --dry-run',
    ),
)
def steward_accept(
    case: Case,
    reason: Reason,
    who: Who = None,
    dry_run: DryRun = False,
    network: NetworkOption = None,
    home: HomeOption = None,
) -> None:
    """Accept a case: the two records are one; the published value stands; the identifier stays without effect."""
    from pipelines import stewardship

    stewardship.run_case(network, home, case, True, reason, who, dry_run, out)


@steward_app.command(
    "reject", epilog=examples('concord steward reject 3f2a9c1b77de --reason "different sizes" --who "J. Diaz"')
)
def steward_reject(
    case: Case,
    reason: Reason,
    who: Who = None,
    dry_run: DryRun = False,
    network: NetworkOption = None,
    home: HomeOption = None,
) -> None:
    """Reject a pair: the two records are never one, whatever they share."""
    from pipelines import stewardship

    stewardship.run_case(network, home, case, False, reason, who, dry_run, out)


@steward_app.command(
    "same",
    epilog=examples('concord steward same supplier legacy_erp:V1001 procurement:S-0007 --reason "one company"'),
)
def steward_same(
    domain: Domain,
    left: Record,
    right: Record,
    reason: Reason,
    who: Who = None,
    dry_run: DryRun = False,
    network: NetworkOption = None,
    home: HomeOption = None,
) -> None:
    """Say that two records are one, case or no case."""
    from pipelines import stewardship

    stewardship.run_pair(network, home, "same", domain, left, right, reason, who, dry_run, out)


@steward_app.command(
    "different",
    epilog=examples('concord steward different item legacy_erp:1001 warehouse:W-17 --reason "sterile and not"'),
)
def steward_different(
    domain: Domain,
    left: Record,
    right: Record,
    reason: Reason,
    who: Who = None,
    dry_run: DryRun = False,
    network: NetworkOption = None,
    home: HomeOption = None,
) -> None:
    """Say that two records are not one, whatever they share."""
    from pipelines import stewardship

    stewardship.run_pair(network, home, "different", domain, left, right, reason, who, dry_run, out)


@steward_app.command(
    "rekey", epilog=examples('concord steward rekey item legacy_erp:1001 legacy_erp:0001001 --reason "new numbers"')
)
def steward_rekey(
    domain: Domain,
    old: Record,
    new: Record,
    reason: Reason,
    who: Who = None,
    dry_run: DryRun = False,
    network: NetworkOption = None,
    home: HomeOption = None,
) -> None:
    """Record that a source gave a record another key: its golden id and the decisions on it follow."""
    from pipelines import stewardship

    stewardship.run_pair(network, home, "rekey", domain, old, new, reason, who, dry_run, out)


@steward_app.command(
    "split", epilog=examples('concord steward split item warehouse:W-17 --reason "wrong GTIN on the label"')
)
def steward_split(
    domain: Domain,
    record: Record,
    reason: Reason,
    who: Who = None,
    dry_run: DryRun = False,
    network: NetworkOption = None,
    home: HomeOption = None,
) -> None:
    """Take a record out of its golden record; the others stay together."""
    from pipelines import stewardship

    stewardship.run_pair(network, home, "split", domain, record, None, reason, who, dry_run, out)


@steward_app.command(
    "override",
    epilog=examples(
        'concord steward override item legacy_erp:1001 description "Glove, nitrile, M" --reason "as on the box"',
        'concord steward override item legacy_erp:1001 status active --expect blocked --reason "released"',
    ),
)
def steward_override(
    domain: Domain,
    record: Record,
    attribute: Annotated[str, typer.Argument(help="Attribute of the domain file.")],
    value: Annotated[str, typer.Argument(help="The value that stands from now on.")],
    reason: Reason,
    expect: Annotated[str | None, typer.Option(help="Refuse unless the value is this one now.")] = None,
    who: Who = None,
    dry_run: DryRun = False,
    network: NetworkOption = None,
    home: HomeOption = None,
) -> None:
    """Put a value in place of what the sources say; a finding tells once the source says something else."""
    from pipelines import stewardship

    stewardship.run_override(network, home, domain, record, attribute, value, expect, reason, who, dry_run, out)


@steward_app.command("undo", epilog=examples('concord steward undo 12 --reason "it was the other box"'))
def steward_undo(
    decision: Annotated[int, typer.Argument(help="Number that `concord steward list --decisions` shows.")],
    reason: Reason,
    who: Who = None,
    dry_run: DryRun = False,
    network: NetworkOption = None,
    home: HomeOption = None,
) -> None:
    """Take a decision back: golden data, ids and history are again what they were without it."""
    from pipelines import stewardship

    stewardship.run_undo(network, home, decision, reason, who, dry_run, out)


@steward_app.command(
    "export",
    epilog=examples("concord steward export --out cases.csv", "concord steward export --decisions --out decisions.csv"),
)
def steward_export(
    home: HomeOption = None,
    domain: Annotated[str | None, typer.Option(help="Only this domain.")] = None,
    decisions: Annotated[bool, typer.Option("--decisions", help="The decisions in force, not the open cases.")] = False,
    target: Annotated[Path | None, typer.Option("--out", help="File to write. Default: the terminal.")] = None,
) -> None:
    """Write cases (fill in the columns decision, value and reason) or decisions as CSV, safe in a spreadsheet."""
    from pipelines import steward_csv

    steward_csv.run_export(home, domain, decisions, target, out)


@steward_app.command(
    "import", epilog=examples("concord steward import cases.csv", "concord steward import cases.csv --dry-run")
)
def steward_import(
    source: Annotated[Path, typer.Argument(help="CSV as `concord steward export` writes it.")],
    who: Who = None,
    dry_run: DryRun = False,
    network: NetworkOption = None,
    home: HomeOption = None,
) -> None:
    """Take the decisions of a CSV file: all, or none where a line is wrong. Again: nothing more."""
    from pipelines import steward_csv

    raise typer.Exit(steward_csv.run_import(network, home, source, who, dry_run, out, err))


@steward_app.command("verify", epilog=examples("concord steward verify"))
def steward_verify(home: HomeOption = None) -> None:
    """Check the chain of decisions: exit 1 where one was edited, removed or put in."""
    from pipelines import stewardship

    stewardship.run_verify(home, out)


@steward_app.command("recover", epilog=examples("concord steward recover"))
def steward_recover(home: HomeOption = None) -> None:
    """Take from the newest version the decisions and golden ids that a restored control database lacks."""
    from pipelines import stewardship

    stewardship.run_recover(home, out)


@master_app.command(
    "diff", epilog=examples("concord master diff my-rules", "concord master diff my-rules --network openboxes_tryton")
)
def master_diff(
    folder: Annotated[Path, typer.Argument(help="Folder with the changed domain files (all of them), <domain>.yml.")],
    network: NetworkOption = None,
    home: HomeOption = None,
) -> None:
    """Show what changed rules would merge, split and change; nothing is changed."""
    from pipelines import stewardship

    stewardship.print_diff(network, home, folder, out)


@master_app.command(
    "report", epilog=examples("concord master report", "concord master report --truth simulated/truth.duckdb")
)
def master_report(
    truth: Annotated[Path | None, typer.Option(help="Truth file that `concord sample` wrote.")] = None,
    home: HomeOption = None,
) -> None:
    """Golden records, cases per 1,000 records, largest clusters; with a truth, precision and recall."""
    from assets.settings import load_settings
    from pipelines.master_report import run_report

    if truth is not None and not truth.exists():
        raise typer.BadParameter(f"{truth} is not there")
    run_report(load_settings(None, home).home, truth, out)
