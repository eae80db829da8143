"""The `concord` command: arguments in, exit code out.

Here: parsing of arguments, calling a room, printing. Not here: work of a room, Dagster assembly.
Heavy libraries are imported by the command that needs them, so that `concord query` starts at once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from connectors.errors import ConcordError
from pipelines.options import HomeOption, NetworkOption, err, examples, out
from pipelines.steward_commands import master_app, steward_app

app = typer.Typer(
    name="concord",
    help="Keeps a hospital network's supply-chain data in agreement.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
feeds_app = typer.Typer(help="Feed contracts: check, list, schema.", no_args_is_help=True)
quarantine_app = typer.Typer(help="Refused rows and deliveries: list, show, replay, waive.", no_args_is_help=True)
alerts_app = typer.Typer(help="Problems that syncs met: one alert each, until it is over.", no_args_is_help=True)
app.add_typer(feeds_app, name="feeds")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(alerts_app, name="alerts")
app.add_typer(steward_app, name="steward")
app.add_typer(master_app, name="master")


@app.command(
    epilog=examples(
        "concord sync",
        "concord sync --cadence hourly",
        "concord sync --feeds legacy_erp.po_line --feeds edi_hub --dry-run",
        "concord sync --network openboxes_tryton",
    )
)
def sync(
    network: NetworkOption = None,
    home: HomeOption = None,
    cadence: Annotated[str, typer.Option(help="nightly (all feeds, with delete sweeps) or hourly.")] = "nightly",
    feeds: Annotated[list[str] | None, typer.Option(help="Only this source or source.feed; may be repeated.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be pulled; change nothing.")] = False,
) -> None:
    """Pull, stage, master, conform, validate and publish what changed.

    Exit codes: 0 published or nothing to do, 2 the gate refused the candidate, 1 error.
    """
    from pipelines.sync import run_sync

    raise typer.Exit(run_sync(network, home, cadence, feeds, dry_run, out, err))


@app.command(epilog=examples("concord rebuild", "concord rebuild --network openboxes_tryton"))
def rebuild(network: NetworkOption = None, home: HomeOption = None) -> None:
    """Delete the working database and build it again from landing and the control database.

    The published content does not change: the same content hash and golden ids come out.
    """
    from pipelines.sync import run_rebuild

    raise typer.Exit(run_rebuild(network, home, out, err))


@app.command(epilog=examples("concord versions"))
def versions(home: HomeOption = None) -> None:
    """List the published versions, newest first, with their content hash."""
    from pipelines.views import print_versions

    print_versions(_home(home), out)


@app.command(epilog=examples("concord versions", "concord rollback 3"))
def rollback(
    version: Annotated[int, typer.Argument(help="A version that `concord versions` lists.")], home: HomeOption = None
) -> None:
    """Point readers at an earlier published version (the next sync publishes a newer one)."""
    from store.versions import rollback as move_pointer

    move_pointer(_home(home), version)
    out.print(f"readers now see version {version}")


@app.command(
    epilog=examples(
        'concord query "SHOW ALL TABLES"',
        'concord query "SELECT item_no, description FROM v1.dim_item LIMIT 5" --csv > items.csv',
        'concord query "SELECT count(*) FROM v1.fact_po_line" --version 3',
    )
)
def query(
    sql: Annotated[str, typer.Argument(help="One SELECT (DuckDB SQL) on the schemas conformed, v1 and ops.")],
    home: HomeOption = None,
    version: Annotated[int | None, typer.Option(help="An earlier published version.")] = None,
    limit: Annotated[int, typer.Option(help="At most this many rows.")] = 1000,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV, safe to open in a spreadsheet.")] = False,
) -> None:
    """Run one read-only SQL statement on the published store (no file, network or setting access)."""
    from pipelines.views import print_query

    print_query(_home(home), sql, version, limit, csv, out)


@app.command(
    epilog=examples(
        "concord explain dim_item 17",
        "concord explain dim_item 17 description",
        "concord explain dim_supplier legacy_erp:V1001",
        "concord explain fact_po_line 'legacy_erp:P260001|1' qty_base",
    )
)
def explain(
    table: Annotated[str, typer.Argument(help="A table of the schema conformed.")],
    key: Annotated[str, typer.Argument(help="Surrogate key of a dimension, or source_system:source_key of a fact.")],
    column: Annotated[str | None, typer.Argument(help="One column; all of them when left out.")] = None,
    network: NetworkOption = None,
    home: HomeOption = None,
) -> None:
    """Say where a value comes from: rule, losing values, delivery, source row."""
    from pipelines.views import print_explanation

    print_explanation(network, home, table, key, column, out)


@app.command(
    epilog=examples(
        "concord sample --out simulated",
        "concord sample --facilities 10 --days 90 --seed 3 --out big",
        "concord sample --out played --until 2026-03-01T12:00 --hourly",
    )
)
def sample(
    out_dir: Annotated[Path, typer.Option("--out", help="Folder; one that is there already is brought forward.")],
    facilities: Annotated[int, typer.Option(help="Hospitals.")] = 3,
    days: Annotated[int, typer.Option(help="Days from 23 February 2026.")] = 30,
    seed: Annotated[int, typer.Option(help="Another seed is another network.")] = 7,
    until: Annotated[str | None, typer.Option(help="Only what was written by then, UTC (2026-03-01T12:00).")] = None,
    hourly: Annotated[bool, typer.Option("--hourly", help="Receipts and movements in hourly files.")] = False,
    without: Annotated[list[str] | None, typer.Option(help="Leave out this kind of defect; may be repeated.")] = None,
    erp_url: Annotated[
        str | None, typer.Option(help="Empty database for the ERP (SQLAlchemy URL).", envvar="CONCORD_ERP_URL")
    ] = None,
) -> None:
    """Make the extracts of a simulated hospital network, and the truth about them (docs/sample-network.md)."""
    from sample_network.commands import moment, run_sample
    from sample_network.model.plan import Plan

    try:
        plan = Plan(seed, facilities, days, moment(until), frozenset(without or ()), hourly)
        run_sample(plan, out_dir, erp_url, out)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


@app.command(epilog=examples("concord score --truth simulated/truth.duckdb"))
def score(
    truth: Annotated[Path, typer.Option(help="Truth file that `concord sample` wrote.")] = Path("truth.duckdb"),
    store: Annotated[Path | None, typer.Option(help="Published database. Default: what readers see now.")] = None,
    floors: Annotated[Path | None, typer.Option(help="YAML of floors and ceilings; exit 1 when worse.")] = None,
    home: HomeOption = None,
) -> None:
    """Judge a published store by the truth of the network it was made from."""
    from sample_network.commands import run_score

    target = store or _home(home) / "published" / "reporting.duckdb"
    for path in (target, truth):
        if not path.exists():
            raise typer.BadParameter(f"{path} is not there")
    raise typer.Exit(run_score(target, truth, floors, out))


@app.command(epilog=examples("concord ui", "concord ui --network openboxes_tryton --port 3001"))
def ui(
    network: NetworkOption = None,
    home: HomeOption = None,
    port: Annotated[int, typer.Option(help="Port on the loopback interface.")] = 3000,
) -> None:
    """Open the Dagster UI (web server and daemon) on this network."""
    from pipelines.sync import run_ui

    run_ui(network, home, port, out)


@feeds_app.command("check", epilog=examples("concord feeds check", "concord feeds check --network networks/mine.yml"))
def feeds_check(network: NetworkOption = None) -> None:
    """Check every feed contract and network file; problems are shown as file:line:column."""
    from pipelines.views import check_everything

    problems = check_everything(network)
    for problem in problems:
        err.print(str(problem), markup=False, highlight=False, soft_wrap=True)
    if problems:
        raise typer.Exit(1)
    out.print("every contract and network is in order")


@feeds_app.command("list", epilog=examples("concord feeds list", "concord feeds list --network openboxes_tryton"))
def feeds_list(network: NetworkOption = None) -> None:
    """List the feeds of the network with what they deliver and how."""
    from pipelines.views import print_feeds

    print_feeds(network, out)


@feeds_app.command("schema", epilog=examples("concord feeds schema --write"))
def feeds_schema(
    write: Annotated[bool, typer.Option("--write", help="Write the project's *.schema.json files anew.")] = False,
) -> None:
    """Print the JSON Schema of a feed contract, for editors; --write keeps that and the network's in the project."""
    import json

    from assets.settings import find_project
    from connectors.catalogue import json_schema, schema_files

    if not write:
        typer.echo(json.dumps(json_schema(), indent=2))
        return
    for path, content in schema_files(find_project()).items():
        path.write_text(content, encoding="utf-8")
        typer.echo(str(path))


@quarantine_app.command(
    "list",
    epilog=examples("concord quarantine list", "concord quarantine list --feed south_inventory.stock --all"),
)
def quarantine_list(
    network: NetworkOption = None,
    home: HomeOption = None,
    feed: Annotated[str | None, typer.Option(help="Only this source.feed.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also replayed and waived ones.")] = False,
    limit: Annotated[int, typer.Option(help="At most this many rows.")] = 50,
) -> None:
    """List refused rows and deliveries with reason and exact place."""
    from pipelines.quarantine import print_list

    print_list(network, home, feed, every, limit, out)


@quarantine_app.command(
    "show", epilog=examples("concord quarantine show 8d2553d400a3812a", "concord quarantine show cd9562563c0ae831")
)
def quarantine_show(
    an_id: Annotated[str, typer.Argument(metavar="ID", help="Id of a reject or of a delivery.")],
    network: NetworkOption = None,
    home: HomeOption = None,
) -> None:
    """Show one reject, or all of one delivery, with what to do about it."""
    from pipelines.quarantine import print_one

    print_one(network, home, an_id, out)


@quarantine_app.command(
    "replay",
    epilog=examples(
        "concord quarantine replay south_inventory.stock",
        "concord quarantine replay south_inventory.stock --delivery cd9562563c0ae831",
    ),
)
def quarantine_replay(
    feed: Annotated[str, typer.Argument(help="source.feed, as `concord quarantine list` shows it.")],
    network: NetworkOption = None,
    home: HomeOption = None,
    delivery: Annotated[str | None, typer.Option(help="Only this delivery.")] = None,
) -> None:
    """Read refused deliveries and rows again under the contract as it is now; run `concord sync` to publish."""
    from pipelines.quarantine import run_replay

    run_replay(network, home, feed, delivery, out)


@quarantine_app.command(
    "waive",
    epilog=examples('concord quarantine waive 66d0df9a4e570022 --reason "typed twice at the clinic" --who "J. Diaz"'),
)
def quarantine_waive(
    an_id: Annotated[str, typer.Argument(metavar="ID", help="Id of a reject or of a delivery.")],
    reason: Annotated[str, typer.Option(help="Why nothing is to be done.")],
    who: Annotated[str, typer.Option(help="Who decides.", envvar="USER")],
    network: NetworkOption = None,
    home: HomeOption = None,
) -> None:
    """Record that a reject needs no action; the decision survives rebuilds."""
    from pipelines.quarantine import run_waive

    run_waive(network, home, an_id, who, reason, out)


@alerts_app.command("list", epilog=examples("concord alerts list", "concord alerts list --all"))
def alerts_list(
    home: HomeOption = None,
    every: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
) -> None:
    """List the open alerts with owner, cause, how often they were met, and whether they were sent."""
    from pipelines.views import print_alerts

    print_alerts(_home(home), every, out)


def _home(home: Path | None) -> Path:
    from assets.settings import load_settings

    return load_settings(None, home).home


def main() -> None:
    """Entry point: typed errors become one readable message and exit code 1."""
    try:
        app()
    except ConcordError as error:
        err.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
