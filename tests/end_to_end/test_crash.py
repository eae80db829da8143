"""Kill -9 at every commit point: the rerun converges to what an undisturbed sync publishes.

A small part of the sample network keeps a sync short: the ERP database and one hospital's files go through every
commit point there is. The default suite takes one point of each room; `-m heavy` takes all.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import store.landing
import store.publish
import store.staging  # noqa: F401 - importing the rooms registers their crash points
from store.crash import CRASH_POINTS
from tests.end_to_end.conftest import small_home
from tests.end_to_end.harness import Home

QUICK = {"working.before_commit", "publish.renamed"}


def _marks(point: str) -> tuple[pytest.MarkDecorator, ...]:
    return () if point in QUICK else (pytest.mark.heavy,)


@pytest.mark.parametrize("point", [pytest.param(p, marks=_marks(p), id=p) for p in CRASH_POINTS])
def test_killed_at_a_commit_point_the_rerun_converges(point: str, small_synced: Home, tmp_path: Path) -> None:
    home = small_home(tmp_path)
    if point.endswith("_sighting"):
        home.sync()
        for path in sorted((home.path / "sample" / "north_inventory").glob("*.csv")):
            shutil.copyfile(path, path.with_name(f"{path.stem}_again.csv"))
    killed = home.sync(check=None, CONCORD_CRASH_AT=point)
    assert killed.returncode == -9, killed.stdout + killed.stderr
    home.sync()
    assert home.content_hash == small_synced.content_hash
    assert home.one("SELECT count(*) FROM ops.delivery WHERE rows_read <> rows_accepted + rows_rejected") == 0


def test_every_room_has_crash_points() -> None:
    assert {point.split(".")[0] for point in CRASH_POINTS} == {"landing", "staging", "working", "publish"}
    assert set(CRASH_POINTS) >= QUICK
