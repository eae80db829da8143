"""The network that the first sync makes: whole or not at all, and as `networks/sample.yml` says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from sample_network import embedded
from sample_network.build import NETWORK_FILE, build
from tests.feeds import packs


@pytest.fixture
def one_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded network, but of one day."""
    monkeypatch.setattr(embedded, "PLAN", replace(embedded.PLAN, days=1))


def test_the_network_file_is_that_of_what_is_made(tmp_path: Path) -> None:
    build(tmp_path, replace(embedded.PLAN, days=1))
    made = yaml.safe_load((tmp_path / NETWORK_FILE).read_text("utf-8"))
    file = yaml.safe_load((packs.ROOT / "networks" / "sample.yml").read_text("utf-8"))
    for source in made["sources"].values():
        if "location" in source:
            source["location"] = f"home:sample/{source['location']}"
        else:
            source["url"] = f"home:sample/{source['url'].removeprefix('sqlite:///')}"
    assert list(file["sources"]) == list(made["sources"])
    assert file["sources"] == made["sources"]
    assert file["sample"] is True
    assert {key: file[key] for key in ("timezone", "fiscal_year_start_month")} == {
        key: made[key] for key in ("timezone", "fiscal_year_start_month")
    }


@pytest.mark.usefixtures("one_day")
def test_a_stopped_run_leaves_nothing_half_and_nothing_is_overwritten(tmp_path: Path) -> None:
    half = tmp_path / "sample.building" / "edi"
    half.mkdir(parents=True)
    (half / "half.edi").write_text("ISA*")
    embedded.make(tmp_path / "sample")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sample"]
    assert not (tmp_path / "sample" / "edi" / "half.edi").exists()
    assert (tmp_path / "sample" / "truth.duckdb").is_file()
    with pytest.raises(FileExistsError, match="delete it"):
        embedded.make(tmp_path / "sample")
