"""How near to the truth a simulated network is published, held to floors that only rise."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from sample_network.build import NETWORK_FILE, build
from sample_network.model.plan import Plan
from sample_network.score import Measure, below_floors, score
from tests.end_to_end.harness import ROOT, Home

#: The network that `floors.yml` says it was measured on.
MEASURED = Plan(seed=7, facilities=2, days=7)
FLOORS = ROOT / "sample_network" / "floors.yml"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("floors") / "made"
    build(folder, MEASURED)
    return folder


@pytest.fixture(scope="module")
def first(made: Path) -> tuple[Home, str]:
    """A home in which the network was synced once, and the summary of that sync."""
    home = Home(made.parent / "home", str(made / NETWORK_FILE))
    return home, home.sync().stdout


@pytest.fixture(scope="module")
def measured(made: Path, first: tuple[Home, str]) -> list[Measure]:
    return score(first[0].path / "published" / "reporting.duckdb", made / "truth.duckdb")


def test_no_figure_is_worse_than_its_floor(measured: list[Measure]) -> None:
    assert below_floors(measured, FLOORS) == []


def test_every_figure_of_identity_attributes_and_facts_has_a_limit(measured: list[Measure]) -> None:
    limits = yaml.safe_load(FLOORS.read_text("utf-8"))
    named = {*limits["floors"], *limits["ceilings"]}
    judged = [m for m in measured if m.area in {"identity", "attribute", "fact"} and m.measure != "expected"]
    assert [m.key for m in judged if m.key not in named] == []


def test_a_floor_above_its_figure_and_a_ceiling_below_it_fail(measured: list[Measure], tmp_path: Path) -> None:
    figures = {m.key: m.value for m in measured}
    limits = yaml.safe_load(FLOORS.read_text("utf-8"))
    limits["floors"] = {key: figures[key] + 1e-6 for key in limits["floors"]}
    limits["ceilings"] = {key: figures[key] - 1e-6 for key in limits["ceilings"]}
    raised = tmp_path / "floors.yml"
    raised.write_text(yaml.safe_dump(limits), encoding="utf-8")
    failed = [problem.split(" is ")[0] for problem in below_floors(measured, raised)]
    assert failed == [*limits["floors"], *limits["ceilings"]]


def test_a_sync_that_publishes_says_how_near_to_the_truth_it_is(
    first: tuple[Home, str], made: Path, measured: list[Measure], tmp_path: Path
) -> None:
    home, summary = first
    figures = {m.key: m.value for m in measured}
    told = summary.partition("against the truth\n")[2]
    assert f"F1 {figures['identity.item.f1']:.4f}" in told
    assert f"{figures['attribute.all.share_right']:.2%} right" in told
    assert f"concord score --truth {made / 'truth.duckdb'}" in told.replace("'", "")
    again = Home(tmp_path / "home", home.network)
    shutil.copytree(home.path, again.path, symlinks=True)
    second = again.sync().stdout
    assert "nothing to do" in second
    assert "against the truth" not in second
