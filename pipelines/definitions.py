"""The Dagster code location: assets, jobs, schedules of the chosen network (CONCORD_NETWORK).

Here: assembly only. Not here: what an asset does (`assets.graph`) or how (`assets.session`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import dagster as dg

from assets.graph import build_assets
from assets.session_resource import SessionResource
from assets.settings import Settings, load_settings
from connectors.network import Network


def sync_job(name: str, description: str) -> dg.UnresolvedAssetJobDefinition:
    """A job over every asset; which feeds are due at a cadence is decided by the session's config."""
    return dg.define_asset_job(
        name,
        selection=dg.AssetSelection.all(),
        description=description,
        executor_def=dg.in_process_executor,
        config={"resources": {"session": {"config": {"cadence": name.removesuffix("_sync")}}}},
        tags={"concord/cadence": name.removesuffix("_sync")},
    )


def today_request(zone: ZoneInfo) -> Callable[[dg.ScheduleEvaluationContext], dg.RunRequest]:
    """A tick tops up the partition of its own day, in the network's time zone."""

    def request(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        day: datetime = context.scheduled_execution_time.astimezone(zone)
        return dg.RunRequest(run_key=day.isoformat(), partition_key=day.strftime("%Y-%m-%d"))

    return request


def sync_schedule(job: dg.UnresolvedAssetJobDefinition, cron: str, network: Network) -> dg.ScheduleDefinition:
    """The schedule of a sync job in the network's time zone; switched on by the operator in the UI."""
    return dg.ScheduleDefinition(
        name=f"{job.name}_schedule",
        job=job,
        cron_schedule=cron,
        execution_timezone=network.timezone,
        execution_fn=today_request(ZoneInfo(network.timezone)),
    )


def build_definitions(settings: Settings) -> dg.Definitions:
    """Everything of one network.

    Raises ConfigurationError (file, line, column) when a contract, the network or a promise is wrong.
    """
    sync, network = build_assets(settings)
    nightly = sync_job("nightly_sync", "Pull every feed, sweep databases for deletes, publish")
    hourly = sync_job("hourly_sync", "Pull the hourly feeds, publish what changed")
    return dg.Definitions(
        assets=[sync],
        jobs=[nightly, hourly],
        schedules=[
            sync_schedule(nightly, network.schedules.nightly, network),
            sync_schedule(hourly, network.schedules.hourly, network),
        ],
        resources={"session": SessionResource(network=settings.network, home=str(settings.home))},
        executor=dg.in_process_executor,
    )


defs = build_definitions(load_settings())
