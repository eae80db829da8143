"""The job a new user runs first: the simulated network, once, twice, in any order, killed and rebuilt."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from tests.end_to_end.harness import Home, copy_of


@pytest.fixture
def synced(whole_synced: Home) -> Home:
    """A home in which the sample network was synced once. Tests only read it."""
    return whole_synced


def test_a_second_sync_finds_nothing_to_do(synced: Home, tmp_path: Path) -> None:
    home = copy_of(synced, tmp_path / "home")
    before = home.manifest()
    done = home.sync()
    assert "nothing to do" in done.stdout
    assert home.manifest() == before
    assert len(list((home.path / "published").glob("reporting-*.duckdb"))) == 1


def test_every_row_read_is_accounted_for(synced: Home) -> None:
    unexplained = synced.query(
        "SELECT feed, name FROM ops.delivery WHERE rows_read <> rows_accepted + rows_rejected AND state <> 'duplicate'"
    )
    assert unexplained == []
    assert synced.one("SELECT sum(rows_accepted) FROM ops.delivery") > 1000
    assert synced.one("SELECT count(*) FROM ops.rejected_record WHERE location IS NULL OR reason IS NULL") == 0


def test_the_sample_shows_rejects_and_a_quarantined_delivery(synced: Home) -> None:
    assert synced.one("SELECT count(*) FROM ops.rejected_record") > 0
    assert synced.one("SELECT count(*) FROM ops.delivery WHERE state = 'quarantined'") >= 1


def test_rebuilding_gives_the_same_content_and_the_same_ids(synced: Home, tmp_path: Path) -> None:
    home = copy_of(synced, tmp_path / "home")
    ids = home.query("SELECT * FROM conformed.bridge_item_xref ORDER BY ALL")
    before = home.manifest()
    home.run("rebuild")
    after = home.manifest()
    assert after["content_hash"] == before["content_hash"]
    assert after["lineage_hash"] == before["lineage_hash"]
    assert home.query("SELECT * FROM conformed.bridge_item_xref ORDER BY ALL") == ids


def files_of(sample: Path) -> list[Path]:
    """Every flat file of the extracts."""
    return sorted(p for p in sample.rglob("*") if p.is_file() and p.suffix not in {".sqlite", ".db"})


@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_everything_twice_under_other_names_in_shuffled_order_gives_the_same_content(
    synced: Home, tmp_path: Path
) -> None:
    """Half of the files first, in another order; then all of them, and all again as copies with other names."""
    home = Home(tmp_path / "home")
    sample, parked = home.path / "sample", tmp_path / "parked"
    shutil.copytree(synced.path / "sample", sample)
    files = files_of(sample)
    random.Random(11).shuffle(files)
    late = files[::2]
    for path in late:
        (parked / path.relative_to(sample)).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, parked / path.relative_to(sample))
    home.sync(check=None)
    for path in late:
        shutil.move(parked / path.relative_to(sample), path)
    home.sync()
    for path in files:
        shutil.copyfile(path, path.with_name(f"resent_{path.name}"))
    home.sync()
    assert home.one("SELECT count(*) FROM ops.delivery WHERE names_seen > 1") > 0
    assert home.content_hash == synced.content_hash
