"""The network played hour by hour: the same bytes as at once, and nothing is there before its hour."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest

from sample_network.build import build
from sample_network.model.plan import FIRST_DAY, Plan

HOURLY = Plan(seed=11, facilities=1, days=2, hourly=True)
START = datetime.combine(FIRST_DAY, datetime.min.time(), UTC)
#: Moments of hourly drops, then the rest at once.
MOMENTS = [START + timedelta(days=1, hours=hours, minutes=7) for hours in (10, 11, 12)] + [None]


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "truth.duckdb"
    }


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, str]]]:
    """Folder that was brought forward moment by moment, and what it held after each."""
    folder, held = tmp_path_factory.mktemp("played") / "net", []
    for moment in MOMENTS:
        build(folder, Plan(seed=11, facilities=1, days=2, hourly=True, until=moment))
        held.append(digests(folder))
    return folder, held


def test_hours_played_are_the_hours_at_once(played: tuple[Path, list[dict[str, str]]], tmp_path: Path) -> None:
    build(tmp_path / "once", HOURLY)
    assert played[1][-1] == digests(tmp_path / "once")


def test_each_hour_adds_files_and_changes_none(played: tuple[Path, list[dict[str, str]]]) -> None:
    for before, after in pairwise(played[1]):
        kept = {name: digest for name, digest in before.items() if "/" in name}
        assert kept.items() <= after.items()
    hours = [{name for name in held if re.search(r"usage_\d{8}_\d\d", name)} for held in played[1][:3]]
    grown = [len(after - before) for before, after in pairwise(hours)]
    assert all(1 <= n <= 2 for n in grown), "an hour's file, and now and then a late one"


def test_no_row_is_there_before_its_hour_has_ended(played: tuple[Path, list[dict[str, str]]]) -> None:
    """Times within hourly files lie in the hour of the file, which the truth makes available after it."""
    folder = played[0]
    con = duckdb.connect(str(folder / "truth.duckdb"), read_only=True)
    available = dict(
        con.sql(
            "SELECT file, available_at FROM file WHERE source_system = 'north_inventory' AND feed = 'movement'"
        ).fetchall()
    )
    zone, seen = ZoneInfo("America/New_York"), 0
    for path in sorted((folder / "north_inventory").glob("usage_????????_??.csv")):
        hour = datetime.strptime(path.stem[6:], "%Y%m%d_%H").replace(tzinfo=zone)
        for line in path.read_text("utf-8").splitlines()[1:]:
            moved_at = datetime.fromisoformat(line.split(",")[1])
            assert hour <= moved_at < hour + timedelta(hours=1)
            seen += 1
        assert available[path.name].replace(tzinfo=UTC) >= hour + timedelta(hours=1)
    assert seen > 100
    assert not list((folder / "north_inventory").glob("usage_????????.csv"))
    assert list((folder / "north_inventory").glob("stock_????????.csv")), "lists stay nightly"


def test_documents_of_the_procurement_suite_come_in_their_hour(
    played: tuple[Path, list[dict[str, str]]], tmp_path: Path
) -> None:
    """The same rows as in a nightly drop; an approval comes an hour or two after its requisition."""
    build(tmp_path / "nightly", Plan(seed=11, facilities=1, days=2))
    hours = sorted((played[0] / "procurement_unread").glob("documents_NORTH_20260224_??.csv"))
    rows = [(path.stem[-2:], line.split(",")) for path in hours for line in path.read_text("utf-8").splitlines()]
    nightly = (tmp_path / "nightly" / "procurement_unread" / "documents_NORTH_20260224.csv").read_text("utf-8")
    assert sorted(",".join(fields) for _, fields in rows) == sorted(nightly.splitlines())
    submitted = {fields[1]: hour for hour, fields in rows if fields[0] == "RequisitionHeader"}
    approved = {fields[1]: hour for hour, fields in rows if fields[0] == "Approval"}
    assert submitted.keys() == approved.keys()
    assert {int(approved[req]) - int(hour) for req, hour in submitted.items()} == {1, 2}
    assert all(fields[2][11:13] == hour for hour, fields in rows if fields[0] == "RequisitionHeader")
    assert all(fields[4][11:13] == hour for hour, fields in rows if fields[0] == "Approval")
