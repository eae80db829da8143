"""Kill -9 at every commit point of landing and staging: the rerun converges to what an undisturbed run gives."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest

from store import landing as _landing  # noqa: F401  (registers its crash points)
from store import staging as _staging  # noqa: F401
from store.crash import CRASH_POINTS, crash_point
from store.landing import Landing
from store.working import Working
from tests.store.fakes import Sent, content, contract, day, land, stage

POINTS = [name for name in CRASH_POINTS if name.split(".")[0] in ("landing", "staging", "working")]
NEEDED = {"landing.before_rename", "landing.after_rename", "staging.after_apply", "working.before_commit"}
ROWS = [{"id": "a", "qty": 1}, {"id": "b", "qty": 2}]
STORY = (
    Sent(ROWS, day(1)),
    Sent([{"id": "a", "qty": 5}, {"id": "c", "qty": 2}], day(3)),
    Sent(ROWS, day(1), name="again.csv"),
    Sent([{"id": "a", "qty": 4}], day(2), name="late.csv"),
    Sent(ROWS, day(4), rejects=[{"row_no": 2, "rule_id": "x", "key": "a"}]),
)


def sync(home: Path, crash_at: str | None) -> None:
    """Land and stage the whole story, in a process of its own."""
    os.environ.pop("CONCORD_CRASH_AT", None)
    if crash_at is not None:
        os.environ["CONCORD_CRASH_AT"] = crash_at
    landing = Landing(home / "landing")
    with Working.open(home / "working.duckdb", threads=1) as working:
        for sent in STORY:
            land(landing, contract(), sent)
            stage(working, landing, contract())


def run(home: Path, crash_at: str | None = None) -> int | None:
    """Exit code of a sync. The fork server has everything imported, so that each is quick."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pandas", "tests.store.test_crash"])
    process = context.Process(target=sync, args=(home, crash_at))
    process.start()
    process.join(120)
    return process.exitcode


def result(home: Path) -> object:
    with Working.open(home / "working.duckdb", threads=1) as working:
        rejects = working.con.execute("SELECT reject_id, state FROM ops.rejected_record ORDER BY ALL").fetchall()
        states = working.con.execute("SELECT delivery_id, state FROM ops.delivery ORDER BY ALL").fetchall()
        landed = [delivery.delivery_id for delivery in Landing(home / "landing").deliveries("erp", "stock")]
        return content(working, contract()), rejects, states, landed


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> object:
    home = tmp_path_factory.mktemp("undisturbed")
    assert run(home) == 0
    return result(home)


@pytest.mark.parametrize("point", POINTS)
def test_a_rerun_converges(tmp_path: Path, undisturbed: object, point: str) -> None:
    assert run(tmp_path, point) == -9
    assert run(tmp_path) == 0
    assert result(tmp_path) == undisturbed


def test_every_point_is_known() -> None:
    assert {"landing.before_rename", "landing.after_rename", "staging.after_apply", "working.before_commit"} <= set(
        POINTS
    )
    with pytest.raises(KeyError):
        crash_point("landing.nowhere")
