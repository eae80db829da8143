"""Builds the real Dagster code location of the sample network, as `concord ui` and the daemon load it."""

from __future__ import annotations

from datetime import UTC, date, datetime

import dagster as dg
import pytest
from dagster._core.definitions.partitions.context import partition_loading_context

from assets.graph import backfilled_days, conformed_key, master_key, raw_key, staged_key
from assets.settings import load_settings
from connectors.catalogue import load_network
from pipelines.definitions import build_definitions

SETTINGS = load_settings("sample")
NETWORK = load_network(SETTINGS.network_path)


@pytest.fixture(scope="module")
def repository() -> dg.RepositoryDefinition:
    """The code location, resolved and validated as Dagster does when it loads it."""
    definitions = build_definitions(SETTINGS)
    dg.Definitions.validate_loadable(definitions)
    return definitions.get_repository_def()


def test_the_graph_goes_from_raw_to_published(repository: dg.RepositoryDefinition) -> None:
    graph = repository.asset_graph
    item_feed = ("legacy_erp", "item")
    assert graph.get(staged_key(*item_feed)).parent_keys == {raw_key(*item_feed)}
    assert staged_key(*item_feed) in graph.get(master_key("item")).parent_keys
    assert master_key("supplier") in graph.get(master_key("item")).parent_keys
    assert master_key("item") in graph.get(conformed_key("fact_po_line")).parent_keys
    assert staged_key("legacy_erp", "po_line") in graph.get(conformed_key("fact_po_line")).parent_keys
    published = graph.get(dg.AssetKey(["published", "reporting"]))
    assert conformed_key("fact_po_line") in published.parent_keys


def test_every_asset_has_a_group_an_owner_and_a_description(repository: dg.RepositoryDefinition) -> None:
    nodes = [repository.asset_graph.get(key) for key in repository.asset_graph.get_all_asset_keys()]
    assert len(nodes) > 60
    assert [node.key for node in nodes if not (node.group_name and node.owners and node.description)] == []
    assert {node.group_name for node in nodes} >= {"raw_legacy_erp", "staged", "master", "conformed", "published"}


def test_tables_show_their_columns(repository: dg.RepositoryDefinition) -> None:
    schema = repository.asset_graph.get(conformed_key("dim_item")).metadata["dagster/column_schema"]
    columns = {column.name: column for column in schema.columns}
    assert columns["item_sk"].type == "BIGINT"
    assert columns["item_sk"].constraints.nullable is False
    assert all(column.description for column in columns.values())


def test_raw_feeds_are_partitioned_by_network_local_day(repository: dg.RepositoryDefinition) -> None:
    partitions = repository.asset_graph.get(raw_key("north_inventory", "stock")).partitions_def
    assert isinstance(partitions, dg.DailyPartitionsDefinition)
    assert partitions.timezone == NETWORK.timezone
    late_evening_utc = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
    with partition_loading_context(effective_dt=late_evening_utc):
        assert partitions.get_last_partition_key() == "2026-03-01"
    assert repository.asset_graph.get(staged_key("north_inventory", "stock")).partitions_def is None


def test_jobs_run_in_process_and_schedules_keep_the_networks_time(repository: dg.RepositoryDefinition) -> None:
    for name, cron in (("nightly_sync", NETWORK.schedules.nightly), ("hourly_sync", NETWORK.schedules.hourly)):
        assert repository.get_job(name).executor_def.name == "in_process"
        schedule = repository.get_schedule_def(f"{name}_schedule")
        assert schedule.cron_schedule == cron
        assert schedule.execution_timezone == NETWORK.timezone


def test_a_tick_asks_for_the_partition_of_its_own_local_day(repository: dg.RepositoryDefinition) -> None:
    schedule = repository.get_schedule_def("hourly_sync_schedule")
    tick = datetime(2026, 3, 2, 3, 10, tzinfo=UTC)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(instance=instance, scheduled_execution_time=tick, repository_def=repository)
        data = schedule.evaluate_tick(context)
    assert [request.partition_key for request in data.run_requests] == ["2026-03-01"]


def test_every_conformed_table_has_its_check(repository: dg.RepositoryDefinition) -> None:
    checked = {key.asset_key for key in repository.asset_graph.asset_check_keys}
    tables = {key for key in repository.asset_graph.get_all_asset_keys() if key.path[0] == "conformed"}
    assert checked == tables


@pytest.mark.parametrize(
    ("tags", "days"),
    [
        ({}, None),
        ({"dagster/partition": "2026-01-06"}, (date(2026, 1, 6), date(2026, 1, 6))),
        (
            {
                "dagster/asset_partition_range_start": "2026-01-05",
                "dagster/asset_partition_range_end": "2026-01-07",
            },
            (date(2026, 1, 5), date(2026, 1, 7)),
        ),
    ],
)
def test_a_backfill_names_its_days(tags: dict[str, str], days: tuple[date, date] | None) -> None:
    assert backfilled_days(tags, NETWORK) == days
