"""Backfills through the real code location, run for run as Dagster's daemon launches them: days, then the rest."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import pytest

from assets.settings import load_settings
from pipelines.definitions import build_definitions
from tests.end_to_end.harness import ROOT, Home
from tests.small_network.generate import generate

DAYS = ("2026-01-07", "2026-01-08")
NETWORK = """
network: one_hospital
description: one hospital
timezone: America/New_York
sources:
  south_inventory: {system: inventory, location: "home:sample/south_inventory", timezone: America/New_York}
"""


class Site:
    """A project of one's own with its home, whose contracts may be edited."""

    def __init__(self, folder: Path) -> None:
        for name in ("feeds", "networks"):
            shutil.copytree(ROOT / name, folder / name)
        (folder / "networks" / "one_hospital.yml").write_text(NETWORK, "utf-8")
        self.home = Home(folder / "var", network="one_hospital")
        self.contract = folder / "feeds" / "inventory" / "stock.yml"
        generate(self.home.path / "sample")
        self.files = self.home.path / "sample" / "south_inventory"

    def run(self, selection: dg.AssetSelection, days: Sequence[str] = ()) -> dg.ExecuteInProcessResult:
        """One run of a backfill: of partitions where `days` are given, else of what has none."""
        definitions = build_definitions(load_settings(self.home.network, self.home.path))
        graph = definitions.resolve_asset_graph()
        tags = {"dagster/backfill": "by-hand"}
        if days:
            tags |= {"dagster/asset_partition_range_start": days[0], "dagster/asset_partition_range_end": days[-1]}
        with dg.DagsterInstance.ephemeral() as instance:
            return definitions.resolve_implicit_global_asset_job_def().execute_in_process(
                asset_selection=sorted(selection.resolve(graph)), tags=tags, instance=instance, raise_on_error=False
            )

    def backfill(self, days: Sequence[str]) -> tuple[dg.ExecuteInProcessResult, dg.ExecuteInProcessResult]:
        """Both runs of a backfill of all assets."""
        raw = dg.AssetSelection.key_prefixes(["raw"])
        return self.run(raw, days), self.run(dg.AssetSelection.all() - raw)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site that nothing was synced at."""
    monkeypatch.setenv("CONCORD_PROJECT", str(tmp_path / "project"))
    return Site(tmp_path / "project")


def materialized(result: dg.ExecuteInProcessResult) -> dict[str, set[str | None]]:
    """asset -> partitions that a run materialised (None for an asset without)."""
    found: dict[str, set[str | None]] = {}
    for event in result.get_asset_materialization_events():
        assert event.asset_key is not None
        found.setdefault(event.asset_key.to_user_string(), set()).add(event.partition)
    return found


def stock_days(site: Site) -> list[str]:
    """Days of which stock is published."""
    sql = "SELECT DISTINCT strftime(snapshot_date, '%Y-%m-%d') AS d FROM conformed.fact_stock_snapshot ORDER BY d"
    return [str(row[0]) for row in site.home.query(sql)]


def test_a_backfill_of_two_days_takes_late_files_and_reads_what_was_refused_again(site: Site) -> None:
    """Of the 8th a delivery was refused, of the 7th the file comes late, of the 9th another is missing and stays so."""
    whole = (site.files / "stock_20260106.csv").read_text("utf-8").replace("2026-01-06", "2026-01-08")
    (site.files / "stock_20260108.csv").write_text(whole, "utf-8")
    late = {day: site.files / f"stock_202601{day}.csv" for day in ("07", "09")}
    for path in late.values():
        path.rename(path.with_suffix(".later"))
    contract = site.contract.read_text("utf-8")
    assert "min_rows: 1" in contract
    site.contract.write_text(contract.replace("min_rows: 1", "min_rows: 1000"), "utf-8")
    first, rest = site.backfill(("2026-01-05", "2026-01-08"))
    assert first.success
    assert rest.success
    assert stock_days(site) == []

    site.contract.write_text(contract, "utf-8")
    for path in late.values():
        path.with_suffix(".later").rename(path)
    pulled, built = site.backfill(DAYS)
    assert pulled.success
    assert built.success
    assert materialized(pulled)["raw/south_inventory/stock"] == set(DAYS)
    assert "raw/south_inventory/location" in materialized(pulled), "nothing new, and still done"
    assert {"staged/south_inventory/stock", "master/item", "conformed/dim_date", "published/reporting"} <= set(
        materialized(built)
    )
    assert stock_days(site) == ["2026-01-05", "2026-01-06", "2026-01-07", "2026-01-08"]


def test_a_refused_delivery_is_read_again_by_a_backfill_of_its_day(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader was at fault, not the contract: nothing else would make Concord read the delivery again."""
    from connectors.delimited import DelimitedConnector
    from connectors.errors import ContractViolation

    def refuse(self: object, delivery: object) -> object:
        raise ContractViolation("a defect of the reader")

    with monkeypatch.context() as broken:
        broken.setattr(DelimitedConnector, "read", refuse)
        site.backfill(("2026-01-05", "2026-01-09"))
    raw = dg.AssetSelection.assets(["raw", "south_inventory", "receipt"])
    assert site.run(raw, DAYS).success
    rest = dg.AssetSelection.all() - dg.AssetSelection.key_prefixes(["raw"])
    assert site.run(rest).success
    query = "SELECT name, state FROM ops.delivery WHERE feed = 'south_inventory.receipt' ORDER BY name"
    states = {str(name)[-6:-4]: state for name, state in site.home.query(query)}
    assert states == {
        "05": "quarantined",
        "06": "quarantined",
        "07": "applied",
        "08": "applied",
        "09": "applied",  # it comes after them: what is applied late takes back what follows and applies that again
    }


def test_a_source_that_is_down_fails_the_run_after_the_others_were_published(site: Site) -> None:
    site.backfill(("2026-01-05", "2026-01-09"))
    (site.files).rename(site.files.with_name("gone"))
    result = site.run(dg.AssetSelection.key_prefixes(["raw"]), DAYS)
    assert not result.success
    failures = [event for event in result.all_events if event.is_step_failure]
    assert "could not be read" in str(failures[0].step_failure_data.user_failure_data)
    assert materialized(result) == {}
