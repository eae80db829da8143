"""`concord ui` as an operator meets it: web server and daemon on a loopback port, asked over GraphQL."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest

from tests.end_to_end.harness import ROOT, Home
from tests.small_network.generate import generate

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]

T = TypeVar("T")
ZONE = "America/New_York"
LOCATION = {"repositoryLocationName": "pipelines.definitions", "repositoryName": "__repository__"}
NETWORK = """
network: one_hospital
description: one hospital
timezone: America/New_York
sources:
  south_inventory: {system: inventory, location: "home:sample/south_inventory", timezone: America/New_York}
"""


class Ui:
    """A running UI."""

    def __init__(self, home: Home, port: int, log: Path) -> None:
        self.home, self.port, self.log = home, port, log

    def ask(self, query: str, **variables: object) -> Any:
        """Data of a GraphQL answer."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.load(answer)
        assert "errors" not in found, found
        return found["data"]

    def run_to_end(self, run_id: str) -> str:
        """Status that a run ends with."""
        query = "query($r: ID!) { runOrError(runId: $r) { ... on Run { status } } }"

        def ended() -> str | None:
            status = str(self.ask(query, r=run_id)["runOrError"]["status"])
            return status if status in ("SUCCESS", "FAILURE", "CANCELED") else None

        return until(ended, 180)


def until(ask: Callable[[], T | None], seconds: float) -> T:
    """The first answer that is one."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            found = ask()
        except OSError:
            found = None
        if found is not None:
            return found
        time.sleep(0.5)
    raise AssertionError(f"no answer within {seconds} s")


def is_group_alive(group: int) -> bool:
    """Whether a process of this group still runs."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    """The UI of a home that nothing was synced in, from a working folder that is no project."""
    folder = tmp_path_factory.mktemp("ui")
    (folder / "one_hospital.yml").write_text(NETWORK, "utf-8")
    generate(folder / "home" / "sample")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    home = Home(folder / "home", network=str(folder / "one_hospital.yml"))
    env = {k: v for k, v in os.environ.items() if not k.startswith(("CONCORD_", "DAGSTER_"))}
    env |= {"CONCORD_HOME": str(home.path), "PYTHONPATH": str(ROOT)}
    log = folder / "ui.log"
    command = [sys.executable, "-m", "pipelines", "ui", "--network", "one_hospital.yml", "--port", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=folder, env=env, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            running = Ui(home, port, log)
            until(lambda: running.ask("{ version }"), 120)
            yield running
        finally:
            process.terminate()  # the one process an operator or a service manager knows of
            try:
                process.wait(30)
                until(lambda: None if is_group_alive(process.pid) else True, 30)
            finally:
                if is_group_alive(process.pid):
                    os.killpg(process.pid, signal.SIGKILL)


def assets(ui: Ui) -> dict[str, Any]:
    """Asset nodes by key."""
    nodes = ui.ask(
        "{ assetNodes { assetKey { path } groupName description owners { ... on TeamAssetOwner { team } "
        "... on UserAssetOwner { email } } partitionKeys metadataEntries { label } "
        "assetMaterializations(limit: 1) { metadataEntries { label ... on IntMetadataEntry { intValue } } } } }"
    )["assetNodes"]
    return {"/".join(node["assetKey"]["path"]): node for node in nodes}


def row_count(node: Any) -> int | None:
    """Row count of an asset's last materialization."""
    for materialization in node["assetMaterializations"]:
        for entry in materialization["metadataEntries"]:
            if entry["label"] == "dagster/row_count":
                return int(entry["intValue"])
    return None


def test_the_code_location_loads_without_a_warning(ui: Ui) -> None:
    location = ui.ask(
        "{ workspaceOrError { ... on Workspace "
        "{ locationEntries { loadStatus locationOrLoadError { __typename } } } } }"
    )
    assert location["workspaceOrError"]["locationEntries"] == [
        {"loadStatus": "LOADED", "locationOrLoadError": {"__typename": "RepositoryLocation"}}
    ]
    assert "warning" not in ui.log.read_text("utf-8").lower()


def test_assets_say_what_they_are_and_whose(ui: Ui) -> None:
    nodes = assets(ui)
    assert [
        key for key, node in nodes.items() if not (node["groupName"] and node["description"] and node["owners"])
    ] == []
    today = datetime.now(ZoneInfo(ZONE)).strftime("%Y-%m-%d")
    for key, node in nodes.items():
        labels = {entry["label"] for entry in node["metadataEntries"]}
        assert ("dagster/column_schema" in labels) == key.startswith(("staged/", "conformed/"))
        assert node["partitionKeys"][-1:] == ([today] if key.startswith("raw/") else [])


def test_schedules_keep_the_networks_time(ui: Ui) -> None:
    query = (
        "query($s: RepositorySelector!) { repositoryOrError(repositorySelector: $s) { ... on Repository { schedules "
        "{ name cronSchedule executionTimezone futureTicks(limit: 1) { results { timestamp } } } } } }"
    )
    schedules = {one["name"]: one for one in ui.ask(query, s=LOCATION)["repositoryOrError"]["schedules"]}
    assert {one["executionTimezone"] for one in schedules.values()} == {ZONE}
    (tick,) = schedules["nightly_sync_schedule"]["futureTicks"]["results"]
    local = datetime.fromtimestamp(tick["timestamp"], ZoneInfo(ZONE))
    assert (local.hour, local.minute) == (2, 30)


def test_the_nightly_job_publishes_and_a_backfill_of_days_goes_all_the_way(ui: Ui) -> None:
    late = ui.home.path / "sample" / "south_inventory" / "receipts_20260107.csv"
    late.rename(late.with_suffix(".later"))
    today = datetime.now(ZoneInfo(ZONE)).strftime("%Y-%m-%d")
    launched = ui.ask(
        "mutation($p: ExecutionParams!) { launchRun(executionParams: $p) "
        "{ __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }",
        p={
            "selector": {**LOCATION, "jobName": "nightly_sync"},
            "runConfigData": "{}",
            "mode": "default",
            "executionMetadata": {"tags": [{"key": "dagster/partition", "value": today}]},
        },
    )["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    assert ui.run_to_end(launched["run"]["runId"]) == "SUCCESS"
    nodes = assets(ui)
    published = "SELECT count(*) FROM conformed.fact_receipt_line"
    before = ui.home.one(published)
    assert row_count(nodes["conformed/fact_receipt_line"]) == before
    assert row_count(nodes["staged/south_inventory/receipt"]) == before

    late.with_suffix(".later").rename(late)
    started = ui.ask(
        "mutation($b: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $b) "
        "{ __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }",
        b={
            "assetSelection": [{"path": key.split("/")} for key in nodes],
            "partitionNames": ["2026-01-06", "2026-01-07"],
            "fromFailure": False,
        },
    )["launchPartitionBackfill"]
    assert started["__typename"] == "LaunchBackfillSuccess", started
    query = (
        "query($b: String!) { partitionBackfillOrError(backfillId: $b) "
        "{ ... on PartitionBackfill { status runs(limit: 20) { status } } } }"
    )

    def ended() -> Any | None:
        found = ui.ask(query, b=started["backfillId"])["partitionBackfillOrError"]
        return found if found["status"] not in ("REQUESTED", "CANCELING", "FAILING") else None

    done = until(ended, 300)
    assert done == {"status": "COMPLETED_SUCCESS", "runs": [{"status": "SUCCESS"}, {"status": "SUCCESS"}]}
    after = ui.home.one(published)
    assert after > before, "the late file of the 7th"
    assert row_count(assets(ui)["conformed/fact_receipt_line"]) == after
