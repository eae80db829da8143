"""Small deliveries share a transaction: what is staged is the same, a bad one takes no good one with it, a kill leaves
nothing half done."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store import staging
from store.landing import Landing, LandingCorrupt
from store.working import Working
from tests.store.fakes import Sent, content, contract, day, land, stage

_rows = st.lists(st.fixed_dictionaries({"id": st.sampled_from("abcd"), "qty": st.integers(0, 3)}), max_size=4)


def _ops(working: Working) -> list[list[tuple[object, ...]]]:
    """Deliveries and rejects, without times and the change counter."""
    queries = (
        "SELECT delivery_id, state, reason, rows_read, rows_accepted, rows_rejected, rows_changed, rows_deleted, "
        "supersedes_delivery_id FROM ops.delivery ORDER BY ALL",
        "SELECT reject_id, delivery_id, rule_id, row_no, state FROM ops.rejected_record ORDER BY ALL",
    )
    return [working.con.execute(query).fetchall() for query in queries]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mode=st.sampled_from(["append", "snapshot"]), days=st.lists(_rows, min_size=2, max_size=5))
def test_together_is_as_one_by_one(
    mode: str, days: list[list[dict[str, object]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("groups")
    landing, feed = Landing(home / "landing"), contract(mode)
    for number, rows in enumerate(days):
        land(landing, feed, Sent(rows, day(number), name=f"{number % 2}.csv", kind=mode))  # type: ignore[arg-type]
    found = []
    for most in (1, 64):
        with pytest.MonkeyPatch.context() as patch, Working.open(home / f"{most}.duckdb", threads=1) as working:
            patch.setattr(staging, "GROUP_DELIVERIES", most)
            staged = stage(working, landing, feed)
            assert working.change_seq == (1 if most == 64 else len(staged.deliveries))
            found.append((content(working, feed), _ops(working), [d.state for d in staged.deliveries]))
    assert found[0] == found[1]


def test_what_came_before_a_corrupt_delivery_stays(working: Working, landing: Landing) -> None:
    feed = contract("append")
    for number in range(4):
        land(landing, feed, Sent([{"id": f"k{number}", "qty": number}], day(number), kind="append"))
    bad = landing.deliveries("erp", "stock")[2]
    whole = bad.path.read_bytes()
    bad.path.write_bytes(whole.replace(b"k2", b"xx"))
    with pytest.raises(LandingCorrupt):
        stage(working, landing, feed)
    keys = 'SELECT id FROM staged."erp__stock" ORDER BY id'
    assert working.con.execute(keys).fetchall() == [("k0",), ("k1",)]
    bad.path.write_bytes(whole)
    assert [d.state for d in stage(working, landing, feed).deliveries] == ["applied", "applied"]
    assert working.con.execute(keys).fetchall() == [("k0",), ("k1",), ("k2",), ("k3",)]


def _stage_and_die(home: Path, point: str) -> None:
    os.environ["CONCORD_CRASH_AT"] = point
    with Working.open(home / "working.duckdb", threads=1) as working:
        stage(working, Landing(home / "landing"), contract("append"))


@pytest.mark.parametrize("point", ["staging.after_apply", "working.before_commit", "working.after_commit"])
def test_a_kill_leaves_all_of_a_group_or_nothing(tmp_path: Path, point: str) -> None:
    feed, landing = contract("append"), Landing(tmp_path / "landing")
    for number in range(3):
        rejects = [{"row_no": 3, "rule_id": "x", "key": "z"}]
        rows = [{"id": "a", "qty": number}, {"id": f"k{number}", "qty": number}, {"id": "c", "qty": 1}]
        land(landing, feed, Sent(rows, day(number), kind="append", rejects=rejects))
    process = multiprocessing.get_context("spawn").Process(target=_stage_and_die, args=(tmp_path, point))
    process.start()
    process.join(120)
    assert process.exitcode == -9
    with Working.open(tmp_path / "working.duckdb", threads=1) as working:
        kept = 3 if point == "working.after_commit" else 0
        assert working.con.execute("SELECT count(*) FROM ops.delivery").fetchall() == [(kept,)]
        stage(working, landing, feed)
        found = content(working, feed), _ops(working)
    with Working.open(tmp_path / "undisturbed.duckdb", threads=1) as working:
        stage(working, landing, feed)
        assert found == (content(working, feed), _ops(working))
