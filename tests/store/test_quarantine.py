"""Quarantine: what was refused is listed, replayed with exactly one effect, or waived for good."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.interface import Batch, Delivery
from store.control import Control
from store.landing import Landing
from store.quarantine import NothingQuarantined, list_rejects, quarantined_deliveries, replay, show, waive
from store.staging import stage_feed
from store.working import Working
from tests.store.fakes import FakeConnector, Sent, content, contract, current, day, land, stage

D = Decimal
BAD = {"row_no": 3, "rule_id": "type.decimal", "raw": "x", "column": "qty", "key": "b", "reason": "not a number"}
ROWS = [{"id": "a", "qty": 1}, {"id": "b", "qty": 2}, {"id": "c", "qty": 3}]


class FixedConnector(FakeConnector):
    """The reader after its fix: nothing is refused any more."""

    def read(self, delivery: Delivery) -> Iterator[Batch]:
        import json

        data = json.loads(delivery.path.read_text(encoding="utf-8")) | {"rejects": [], "violation": None}
        fixed = delivery.path.with_name("fixed.json")
        fixed.write_text(json.dumps(data), encoding="utf-8")
        from dataclasses import replace as changed

        yield from super().read(changed(delivery, path=fixed))


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    with Control.open(f"sqlite:///{tmp_path / 'control.sqlite'}") as opened:
        yield opened


def refused(landing: Landing, working: Working, **options: Any) -> str:
    """Stage a delivery with a bad row, and a good one after it; the id of the first."""
    first = land(landing, contract(), Sent(ROWS, day(1), rejects=[BAD])).delivery
    land(landing, contract(), Sent([{"id": "a", "qty": 9}, {"id": "c", "qty": 3}], day(2)))
    stage(working, landing, contract(), **options)
    assert first is not None
    return first.delivery_id


def test_rejects_are_listed_and_shown_with_their_place(working: Working, landing: Landing) -> None:
    delivery_id = refused(landing, working)
    (row,) = list_rejects(working, feed="erp.stock").to_pylist()
    assert (row["location"], row["column_name"], row["raw"], row["rule_id"]) == ("line", "qty", "x", "type.decimal")
    assert list_rejects(working, feed="erp.other").num_rows == 0
    assert list_rejects(working, states=["waived"]).num_rows == 0
    for an_id in (row["reject_id"], delivery_id):
        shown = show(working, an_id)
        assert (shown.delivery_id, shown.rows_rejected, shown.rejects[0].reason) == (delivery_id, 1, "not a number")
    with pytest.raises(NothingQuarantined):
        show(working, "0" * 16)


def test_a_replay_has_exactly_one_effect(working: Working, landing: Landing, control: Control) -> None:
    delivery_id = refused(landing, working)
    reader = FixedConnector(contract())
    for _ in range(2):
        replay(working, landing, contract(), "erp", reader.read, delivery_id, control=control, who="kim")
        assert current(working) == [("a", D(9), False), ("b", D(2), True), ("c", D(3), False)]
        history = 'SELECT id, qty, _valid_from, _valid_to FROM history."erp__stock" ORDER BY ALL'
        assert working.con.execute(history).fetchall() == [
            ("a", D(1), day(1), day(2)),
            ("b", D(2), day(1), day(2)),
        ]
        (reject,) = list_rejects(working, states=["open", "replayed"]).to_pylist()
        assert (reject["state"], reject["replay_delivery_id"]) == ("replayed", delivery_id)


def test_a_replay_without_a_fix_changes_nothing(working: Working, landing: Landing) -> None:
    refused(landing, working)
    before = content(working, contract())
    staged = replay(working, landing, contract(), "erp", FakeConnector(contract()).read)
    assert staged.rewound
    assert content(working, contract()) == before
    assert list_rejects(working).num_rows == 1


def test_everything_open_is_replayed(working: Working, landing: Landing) -> None:
    land(landing, contract(), Sent(ROWS, day(1), violation="cut short"))
    stage(working, landing, contract())
    assert [d.reason for d in quarantined_deliveries(working)] == ["contract.violation: cut short (at line 1)"]
    replay(working, landing, contract(), "erp", FixedConnector(contract()).read)
    assert [row[0] for row in current(working, "id")] == ["a", "b", "c"]
    assert quarantined_deliveries(working) == []
    with pytest.raises(NothingQuarantined):
        replay(working, landing, contract(), "erp", FixedConnector(contract()).read)


def test_a_waived_reject_stays_waived_after_a_rebuild(
    working: Working, landing: Landing, control: Control, tmp_path: Path
) -> None:
    delivery_id = refused(landing, working)
    (reject,) = list_rejects(working).to_pylist()
    assert waive(working, control, reject["reject_id"], who="kim", reason="obsolete item") == 1
    assert list_rejects(working).num_rows == 0
    with pytest.raises(NothingQuarantined):
        waive(working, control, delivery_id, who="kim", reason="again")
    with Working.open(tmp_path / "rebuilt.duckdb") as rebuilt:
        stage(rebuilt, landing, contract(), waivers=control.waivers())
        (again,) = list_rejects(rebuilt, states=["waived"]).to_pylist()
        assert (again["reject_id"], again["waived_by"], again["waived_reason"]) == (
            reject["reject_id"],
            "kim",
            "obsolete item",
        )
        assert content(rebuilt, contract()) == content(working, contract())


def test_waiving_a_guard_lets_the_delivery_through_for_good(
    working: Working, landing: Landing, control: Control, tmp_path: Path
) -> None:
    feed = contract(change={"mode": "snapshot", "max_delete_fraction": 0.1})
    land(landing, feed, Sent(ROWS, day(1)))
    emptied = land(landing, feed, Sent([], day(2))).delivery
    stage(working, landing, feed)
    assert emptied is not None
    assert not any(gone for _, _, gone in current(working))
    waive(working, control, emptied.delivery_id, who="kim", reason="the site closed")
    stage(working, landing, feed, waivers=control.waivers())
    assert all(gone for _, _, gone in current(working))
    assert stage(working, landing, feed, waivers=control.waivers()).change_seq is None
    with Working.open(tmp_path / "rebuilt.duckdb") as rebuilt:
        stage(rebuilt, landing, feed, waivers=control.waivers())
        assert content(rebuilt, feed) == content(working, feed)


def test_waiving_a_broken_delivery_does_not_read_it_again_and_again(
    working: Working, landing: Landing, control: Control
) -> None:
    broken = land(landing, contract(), Sent(ROWS, day(1), violation="cut short")).delivery
    stage(working, landing, contract())
    assert broken is not None
    waive(working, control, broken.delivery_id, who="kim", reason="the source sent it again")
    reader = FakeConnector(contract())
    deliveries = landing.deliveries("erp", "stock")
    staged = stage_feed(working, contract(), "erp", deliveries, reader.read, waivers=control.waivers())
    assert (staged.change_seq, reader.reads, list_rejects(working).num_rows) == (None, 0, 0)
