"""The Dagster asset graph: raw -> staged -> master -> conformed -> published.

Here: asset specs (keys, groups, owners, descriptions, columns, dependencies) and a thin body that calls
`assets.session` and says what changed. Not here: any work of a room; jobs and schedules
(`pipelines.definitions`).
"""

# No postponed annotations here: Dagster reads the type of `context` when an asset is defined.

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from assets.freshness import cadence_age
from assets.report import FeedReport, TableReport
from assets.session import DOMAIN_ORDER, SyncSession
from assets.session_resource import SessionResource
from assets.settings import Settings
from connectors.contract import FeedContract
from connectors.errors import ConcordError
from connectors.network import Network
from expectations.gate import DqResult
from expectations.promise import TablePromise

Enabled = Mapping[str, tuple[str, Mapping[str, FeedContract]]]
Materialized = dg.MaterializeResult[Any]
AssetEvent = Materialized | dg.AssetCheckResult

GATE = "promises_kept"
FIRST_DAY = "2026-01-01"
PUBLISHED_KEY = dg.AssetKey(["published", "reporting"])


@dataclass(frozen=True, slots=True)
class Plan:
    """What the graph is made of. `supplied_by`: shape -> (source, feed) pairs that supply it."""

    network: Network
    enabled: Enabled
    promises: Mapping[str, TablePromise]
    supplied_by: Mapping[str, Sequence[tuple[str, str]]]

    @property
    def tables(self) -> list[str]:
        """Names of the conformed tables."""
        return [name for name, promise in self.promises.items() if promise.schema_name == "conformed"]


def load_plan(settings: Settings) -> Plan:
    """The plan of a network; opens no database. Raises ConfigurationError with file, line and column."""
    session = SyncSession(settings)
    shapes = {shape: session.intake.depends_on(shape) for shape in session.intake.shapes}
    return Plan(session.network, session.enabled, session.promises, shapes)


@contextmanager
def failing_plainly(session: SyncSession) -> Iterator[None]:
    """An error stops the run with its own words, is noted in the report, and is not retried by Dagster."""
    try:
        yield
    except dg.Failure:
        raise
    except ConcordError as error:
        session.failed(error)
        raise dg.Failure(
            str(error), metadata={k: str(v) for k, v in error.fields().items()}, allow_retries=False
        ) from error
    except Exception as error:
        session.failed(error)
        raise


def raw_key(source: str, feed: str) -> dg.AssetKey:
    """Key of a feed's landed deliveries."""
    return dg.AssetKey(["raw", source, feed])


def staged_key(source: str, feed: str) -> dg.AssetKey:
    """Key of a feed's staged rows."""
    return dg.AssetKey(["staged", source, feed])


def master_key(domain: str) -> dg.AssetKey:
    """Key of a domain's golden records and crosswalk."""
    return dg.AssetKey(["master", domain])


def conformed_key(table: str) -> dg.AssetKey:
    """Key of a conformed table."""
    return dg.AssetKey(["conformed", table])


def feed_columns(contract: FeedContract) -> dg.TableSchema:
    """The contract's columns (of all its records) as Dagster column metadata."""
    columns = [
        dg.TableColumn(
            name=column.name if record == "main" else f"{record}.{column.name}",
            type=column.type,
            description=column.description,
            constraints=dg.TableColumnConstraints(nullable=not column.required),
        )
        for record, body in contract.records.items()
        for column in body.columns
    ]
    return dg.TableSchema(columns=columns)


def promise_columns(promise: TablePromise) -> dg.TableSchema:
    """The promise's columns as Dagster column metadata."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.type,
                description=column.description,
                constraints=dg.TableColumnConstraints(nullable=column.nullable),
            )
            for column in promise.columns
        ]
    )


def owner(name: str) -> list[str]:
    """A Dagster owner: an address as it is, anything else as a team."""
    return [name if "@" in name else f"team:{name}"]


def raw_specs(enabled: Enabled, days: dg.DailyPartitionsDefinition) -> list[dg.AssetSpec]:
    """One asset per enabled feed, grouped by source."""
    return [
        dg.AssetSpec(
            raw_key(source, feed),
            description=contract.description,
            group_name=f"raw_{source}",
            partitions_def=days,
            owners=owner(contract.owner),
            skippable=True,
            kinds={contract.format.kind},
            metadata={
                "system": contract.system,
                "cadence": contract.cadence,
                "change_mode": contract.change.mode,
                "contract_version": contract.contract_version,
            },
            freshness_policy=_freshness(contract),
        )
        for source, (_, feeds) in enabled.items()
        for feed, contract in feeds.items()
    ]


def _freshness(contract: FeedContract) -> dg.FreshnessPolicy:
    """The UI shows a feed that brought nothing for longer than its cadence allows; see `assets.freshness`."""
    return dg.FreshnessPolicy.time_window(fail_window=cadence_age(contract))


def staged_specs(enabled: Enabled) -> list[dg.AssetSpec]:
    """One asset per enabled feed: its current rows and their history."""
    return [
        dg.AssetSpec(
            staged_key(source, feed),
            deps=[raw_key(source, feed)],
            description=f"Current rows and history of {source}.{feed}: {contract.description}",
            group_name="staged",
            owners=owner(contract.owner),
            skippable=True,
            kinds={"duckdb"},
            metadata={"dagster/column_schema": feed_columns(contract)},
        )
        for source, (_, feeds) in enabled.items()
        for feed, contract in feeds.items()
    ]


def master_specs(supplied_by: Mapping[str, Sequence[tuple[str, str]]]) -> list[dg.AssetSpec]:
    """One asset per domain. `supplied_by`: domain -> (source, feed) pairs that supply its intake."""
    return [
        dg.AssetSpec(
            master_key(domain),
            deps=[staged_key(*feed) for feed in supplied_by.get(domain, ())]
            + [master_key(earlier) for earlier in DOMAIN_ORDER[: DOMAIN_ORDER.index(domain)]],
            description=f"Golden {domain} records, their crosswalk and the losing values",
            group_name="master",
            owners=owner("master-data"),
            skippable=True,
            kinds={"duckdb"},
        )
        for domain in DOMAIN_ORDER
    ]


def conformed_specs(
    promises: Mapping[str, TablePromise], supplied_by: Mapping[str, Sequence[tuple[str, str]]]
) -> list[dg.AssetSpec]:
    """One asset per conformed table; facts depend on what supplies their shape and on the domains."""
    return [
        dg.AssetSpec(
            conformed_key(name),
            deps=_conformed_deps(promise, supplied_by),
            description=f"{promise.description} Grain: {promise.grain}.",
            group_name="conformed",
            owners=owner("data-platform"),
            skippable=True,
            kinds={"duckdb", "sql"},
            metadata={"dagster/column_schema": promise_columns(promise)},
        )
        for name, promise in promises.items()
        if promise.schema_name == "conformed"
    ]


def _conformed_deps(promise: TablePromise, supplied_by: Mapping[str, Sequence[tuple[str, str]]]) -> list[dg.AssetKey]:
    driver = promise.build.driver or ""
    shape = driver.removeprefix("intake.") if driver.startswith("intake.") else ""
    feeds = [staged_key(*feed) for feed in supplied_by.get(shape, ())]
    return feeds + [master_key(domain) for domain in DOMAIN_ORDER]


def build_assets(settings: Settings) -> tuple[dg.AssetsDefinition, Network]:
    """Every asset of the network, and the network they are of.

    They are one step: a step is skipped by Dagster when nothing it depends on was materialised, and a sync
    materialises only what changed; but what was landed before a crash must be staged, and what was staged must be
    published, whether or not this run pulled anything.
    Raises ConfigurationError when a contract, the network, a domain or a promise is wrong.
    """
    plan = load_plan(settings)
    specs = [
        *raw_specs(plan.enabled, daily_partitions(plan.network)),
        *staged_specs(plan.enabled),
        *master_specs(plan.supplied_by),
        *conformed_specs(plan.promises, plan.supplied_by),
        published_spec(plan),
    ]

    @dg.multi_asset(
        name="sync",
        specs=specs,
        check_specs=check_specs(plan),
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def sync(context: dg.AssetExecutionContext, session: SessionResource) -> Iterator[AssetEvent]:
        running = session.session(context)
        with failing_plainly(running):
            yield from pull(context, running, plan.network)
            yield from stage(context, running)
            running.check_freshness()
            yield from master(context, running)
            yield from conform(context, running, plan)
            yield from publish(context, running)
            running.check_tables()
            fail_where_unread(running)

    return sync, plan.network


def daily_partitions(network: Network) -> dg.DailyPartitionsDefinition:
    """One partition per network-local day, today included, so that an hourly run tops up today's."""
    return dg.DailyPartitionsDefinition(start_date=FIRST_DAY, timezone=network.timezone, end_offset=1)


def published_spec(plan: Plan) -> dg.AssetSpec:
    """The version that readers see."""
    return dg.AssetSpec(
        PUBLISHED_KEY,
        deps=[conformed_key(table) for table in plan.tables],
        description="The reporting store: the next version beside the last, then the pointer moves",
        group_name="published",
        owners=owner("data-platform"),
        skippable=True,
        kinds={"duckdb"},
    )


def check_specs(plan: Plan) -> list[dg.AssetCheckSpec]:
    """One check per conformed table: all it promises."""
    return [
        dg.AssetCheckSpec(GATE, asset=conformed_key(name), description=f"Every expectation of {name} (error and warn)")
        for name in plan.tables
    ]


# -- the body, stage by stage -----------------------------------------------------------------------------


def pull(context: dg.AssetExecutionContext, session: SyncSession, network: Network) -> Iterator[Materialized]:
    """Land what is new of the selected feeds. Today's partition pulls; earlier days are taken again (backfill)."""
    wanted = [feed for feed in session.selected if raw_key(*feed) in context.selected_asset_keys]
    if not wanted:
        return
    everything = is_backfill(context)
    for feed, report in session.pull(wanted, backfilled_days(context.run.tags, network)).items():
        if report.new_deliveries or (everything and not report.error):
            counts = {"new_deliveries": report.new_deliveries, "duplicates": report.duplicates}
            yield dg.MaterializeResult(asset_key=raw_key(*feed), metadata=counts)
    if not any(staged_key(*feed) in context.selected_asset_keys for feed in wanted):
        session.stage_again()


def is_backfill(context: dg.AssetExecutionContext) -> bool:
    """Whether a person asked for these assets by a backfill.

    Dagster goes downstream only from what was materialised and counts the rest as failed: so in a backfill all that
    was asked for is materialised, changed or not.
    """
    return "dagster/backfill" in context.run.tags


def fail_where_unread(session: SyncSession) -> None:
    """A run in which a source could not be read is no success, though the others went on and were published."""
    unread = session.report.feed_errors
    if unread:
        raise dg.Failure(
            f"{len(unread)} feeds could not be read; the others went on. {unread[0]}",
            metadata={"not_read": dg.MetadataValue.json(list(unread))},
            allow_retries=False,
        )


def backfilled_days(tags: Mapping[str, str], network: Network) -> tuple[date, date] | None:
    """First and last day of a backfill, from the run's tags; None for the ordinary run of today."""
    day = tags.get("dagster/partition")
    first = tags.get("dagster/asset_partition_range_start", day)
    last = tags.get("dagster/asset_partition_range_end", day)
    if first is None or last is None:
        return None
    today = datetime.now(ZoneInfo(network.timezone)).date()
    days = date.fromisoformat(first), date.fromisoformat(last)
    return None if days == (today, today) else days


def stage(context: dg.AssetExecutionContext, session: SyncSession) -> Iterator[Materialized]:
    """Apply pending deliveries, feed by feed, each delivery in one transaction."""
    for source, (_, feeds) in session.enabled.items():
        for feed in feeds:
            if staged_key(source, feed) not in context.selected_asset_keys:
                continue
            report = session.stage(source, feed)
            if report.rows_changed or report.rows_deleted or report.quarantined or is_backfill(context):
                rows = session.staged_rows(source, feed)
                yield dg.MaterializeResult(asset_key=staged_key(source, feed), metadata=feed_metadata(report, rows))


def feed_metadata(report: FeedReport, rows: int) -> dict[str, Any]:
    """What Dagster shows of a feed: `rows` it has now, and what this run did."""
    return {
        "dagster/row_count": rows,
        "rows_accepted": report.rows_accepted,
        "new_deliveries": report.new_deliveries,
        "duplicates": report.duplicates,
        "quarantined": report.quarantined,
        "rows_rejected": report.rows_rejected,
        "rows_changed": report.rows_changed,
        "rows_deleted": report.rows_deleted,
    }


def master(context: dg.AssetExecutionContext, session: SyncSession) -> Iterator[Materialized]:
    """Golden records per domain, in the order in which they refer to each other."""
    for domain in DOMAIN_ORDER:
        if master_key(domain) not in context.selected_asset_keys:
            continue
        report = session.master(domain)
        if report.changed_records or report.decided or is_backfill(context):
            details = {key: value for key, value in asdict(report).items() if key != "domain"}
            yield dg.MaterializeResult(
                asset_key=master_key(domain), metadata={"dagster/row_count": report.golden, **details}
            )


def conform(context: dg.AssetExecutionContext, session: SyncSession, plan: Plan) -> Iterator[AssetEvent]:
    """The candidate of the next version: tables rebuilt where their inputs changed, then the gate."""
    if not any(conformed_key(table) in context.selected_asset_keys for table in plan.tables):
        return
    changed = session.conform()
    for table in session.report.tables if is_backfill(context) else changed:
        if conformed_key(table.table) in context.selected_asset_keys:
            yield dg.MaterializeResult(asset_key=conformed_key(table.table), metadata=table_metadata(table))
    for name, results in session.validate().items():
        if dg.AssetCheckKey(conformed_key(name), GATE) in context.selected_asset_check_keys:
            yield check_result(name, results)


def table_metadata(table: TableReport) -> dict[str, Any]:
    """What Dagster shows of a conformed table."""
    return {
        "dagster/row_count": table.rows,
        "how": table.mode,
        "written": table.inserted,
        "taken_out": table.deleted,
    }


def check_result(table: str, results: Sequence[DqResult]) -> dg.AssetCheckResult:
    """One check per table: failed when any expectation failed, an error only when one of those blocks."""
    failed = [result for result in results if not result.success]
    blocks = any(result.severity == "error" for result in failed)
    return dg.AssetCheckResult(
        asset_key=conformed_key(table),
        check_name=GATE,
        passed=not failed,
        severity=dg.AssetCheckSeverity.ERROR if blocks else dg.AssetCheckSeverity.WARN,
        metadata={
            "expectations": len(results),
            "failed": dg.MetadataValue.json([asdict(result) for result in failed]),
        },
    )


def publish(context: dg.AssetExecutionContext, session: SyncSession) -> Iterator[Materialized]:
    """Move readers to the candidate, unless nothing changed or the gate refused it."""
    if PUBLISHED_KEY not in context.selected_asset_keys:
        return
    publication = session.publish()
    if session.report.failed_errors:
        raise dg.Failure("the gate refused the candidate; readers keep the last version", allow_retries=False)
    if publication is not None:
        yield dg.MaterializeResult(
            asset_key=PUBLISHED_KEY,
            metadata={
                "version": publication.version,
                "content_hash": publication.content_hash,
                "dagster/row_count": publication.rows,
                "path": dg.MetadataValue.path(str(publication.path)),
            },
        )
    elif is_backfill(context):
        yield dg.MaterializeResult(asset_key=PUBLISHED_KEY, metadata={"version": session.report.version or 0})
