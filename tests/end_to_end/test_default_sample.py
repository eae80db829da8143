"""What a new user does first, with nothing set: the sample network is made, synced and scored, and gets one feed more.

One sync of the true default serves all of it. Its score is held to floors that only rise; docs/add-a-feed.md is
followed to the letter: its files are written, its commands run, its results compared.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from sample_network.score import Measure, below_floors, score
from tests.end_to_end.harness import ROOT, Home
from tests.feeds.page import Step, steps

FLOORS = ROOT / "sample_network" / "floors.yml"
PAGE = ROOT / "docs" / "add-a-feed.md"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, str]:
    """A project of one's own (the feeds and networks of the repository) after its first sync, and what that said."""
    project = tmp_path_factory.mktemp("project")
    for name in ("feeds", "networks"):
        shutil.copytree(ROOT / name, project / name)
    home = _home(project)
    return home, home.sync().stdout


def _home(project: Path) -> Home:
    return Home(project / "var", network="", env={"CONCORD_PROJECT": str(project)})


def _copy(home: Home, target: Path) -> Home:
    """The whole project again, which a test may change."""
    shutil.copytree(home.path.parent, target, symlinks=True)
    return _home(target)


@pytest.fixture(scope="module")
def measured(first: tuple[Home, str]) -> list[Measure]:
    home = first[0].path
    return score(home / "published" / "reporting.duckdb", home / "sample" / "truth.duckdb")


def test_the_first_sync_makes_the_network_and_says_what_it_did(first: tuple[Home, str]) -> None:
    home, summary = first
    assert "making the sample network: 3 hospitals, 14 days" in summary
    assert not home.path.joinpath("sample.building").exists()
    published = next(line for line in summary.splitlines() if line.startswith("published version 1"))
    assert home.content_hash[:12] in published
    assert "late: " not in summary, "its days are fixed"
    facts = home.one("SELECT count(*) FROM conformed.fact_stock_snapshot")
    assert f"{facts:,}" in summary


@pytest.mark.parametrize("domain", ["item", "supplier", "location", "gl_account", "cost_centre", "contract"])
def test_people_are_asked_about_few_records(first: tuple[Home, str], domain: str) -> None:
    """The review queue of a domain is at most 2 % of its records (`concord master report`, column queue)."""
    cases = first[0].one("SELECT count(*) FROM ops.review WHERE domain = ?", domain)
    records = first[0].one(f"SELECT count(*) FROM conformed.bridge_{domain}_xref WHERE _is_current")
    assert int(str(records)) > 0
    assert int(str(cases)) <= 0.02 * int(str(records))


def test_the_summary_says_how_near_to_the_truth_it_is(first: tuple[Home, str], measured: list[Measure]) -> None:
    home, summary = first
    figures = {m.key: m.value for m in measured}
    told = summary.partition("against the truth\n")[2]
    assert f"F1 {figures['identity.item.f1']:.4f}" in told
    assert f"{figures['attribute.all.share_right']:.2%} right" in told
    assert f"concord score --truth {home.path / 'sample' / 'truth.duckdb'}" in told.replace("'", "")


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


def arguments(words: tuple[str, ...]) -> tuple[str, ...] | None:
    """What to give to `concord`; None for what only prepares a shell."""
    if words == ("make", "sync"):
        return ("sync",)
    if words[0] == "source":
        return None
    assert words[0] == "concord", words
    return words[1:]


def test_a_new_user_adds_a_feed_with_one_yaml_file(first: tuple[Home, str], tmp_path: Path) -> None:
    home = _copy(first[0], tmp_path / "project")
    files = [step.name for step in steps(PAGE) if step.kind == "file"]
    assert [Path(name).suffix for name in files].count(".yml") == 1
    assert not [name for name in files if name.endswith(".py")]
    printed = [""]
    for step in steps(PAGE):
        printed.append(follow(step, home, printed[-1]))
    assert "nothing to do" in printed[1], "the page's own first sync is the second one here"
    assert "against the truth" not in printed[1]
    assert "line 5" in printed[-1]
    assert "02/30/2027" in printed[-1]


def follow(step: Step, home: Home, printed: str) -> str:
    """Do one step; returns what the last command printed."""
    if step.kind == "file":
        target = home.path.parent / step.name
        assert target.parent.is_dir(), f"the page writes into {target.parent}, which is not there"
        target.write_text(step.text, "utf-8")
    elif step.kind == "result":
        assert printed.replace("\r\n", "\n") == step.text
    elif (words := arguments(step.words)) is not None:
        return home.run(*words).stdout
    return printed
