"""What the page docs/add-a-feed.md shows fits the sample network, before a sync is even run."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from connectors.contract import FeedContract
from connectors.network import Network
from sample_network.build import build
from sample_network.embedded import PLAN
from tests.feeds import packs
from tests.feeds.page import Step, steps

PAGE = packs.ROOT / "docs" / "add-a-feed.md"


@pytest.fixture(scope="module")
def page() -> list[Step]:
    return steps(PAGE)


def _file(page: list[Step], ending: str) -> Step:
    return next(step for step in page if step.kind == "file" and step.name.endswith(ending))


def test_the_page_is_one_yaml_file_and_no_python(page: list[Step]) -> None:
    assert [Path(step.name).suffix for step in page if step.kind == "file"] == [".csv", ".yml"]
    commands = [step.words for step in page if step.kind == "command"]
    assert commands[0] == ("make", "sync")
    assert [words[1:3] for words in commands if words[0] == "concord"] == [
        ("feeds", "check"),
        ("sync", "--feeds"),
        ("query", next(w[2] for w in commands if w[1] == "query")),
        ("quarantine", "list"),
    ]
    assert not (packs.ROOT / _file(page, ".yml").name).exists(), "the page's feed is the reader's to add"


def test_the_contract_fits_the_file_and_the_network(page: list[Step]) -> None:
    contract, data = _file(page, ".yml"), _file(page, ".csv")
    feed = FeedContract.model_validate(yaml.safe_load(contract.text))
    assert contract.name == f"feeds/{feed.system}/{feed.feed}.yml"
    record = feed.records["main"]
    assert feed.format.kind == "delimited"
    header = data.text.splitlines()[0].split(feed.format.delimiter)
    assert {c.source for c in record.columns} | set(record.ignore) == set(header)
    assert feed.as_of
    assert re.search(feed.as_of.pattern or "", data.name)
    assert Path(data.name).match(feed.transport.path if feed.transport.kind == "file" else "")
    network = Network.model_validate(yaml.safe_load((packs.ROOT / "networks" / "sample.yml").read_text()))
    source = Path(data.name).parent.name
    assert network.sources[source].system == feed.system
    assert network.sources[source].location == f"home:sample/{source}"
    for supplies in record.supplies:
        assert set(supplies.columns) <= set(packs.shape_columns(supplies.intake))


def test_its_items_and_rooms_are_those_of_the_sample(page: list[Step], tmp_path: Path) -> None:
    build(tmp_path / "sample", replace(PLAN, days=1))
    folder = tmp_path / "sample" / "north_inventory"
    known = {name: _column(next(folder.glob(f"{name}s_*.csv")), key) for name, key in _KEYS.items()}
    rows = list(csv.DictReader(_file(page, ".csv").text.splitlines(), delimiter=";"))
    assert {row["Item"] for row in rows} <= known["item"]
    assert {row["Room"] for row in rows} <= known["location"]
    result = next(step for step in page if step.kind == "result")
    shown = list(csv.DictReader(result.text.splitlines()))
    assert {row["source_item_key"] for row in shown} == {r["Item"] for r in rows if r["Expires"] != "02/30/2027"}


_KEYS = {"item": "item_id", "location": "location"}


def _column(path: Path, name: str) -> set[str]:
    with path.open(newline="") as file:
        return {row[name] for row in csv.DictReader(file)}


def test_a_console_line_without_a_prompt_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ concord sync\npublished version 2\n```\n")
    with pytest.raises(ValueError, match="published version 2"):
        steps(page)
