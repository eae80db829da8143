"""Staging: current rows and history as a pure function of the set of deliveries."""

from __future__ import annotations

import shutil
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.contract import FeedContract
from connectors.errors import PermanentSourceError
from connectors.interface import FeedState
from store.control import Waiver
from store.feed_tables import ensure_tables
from store.landing import Landing, LandingCorrupt
from store.staging import feed_state
from store.working import Working
from tests.store.fakes import FakeConnector, Sent, content, contract, current, day, land, stage

D = Decimal


def deliver(working: Working, landing: Landing, feed: FeedContract, *sent: Sent, **options: Any) -> Any:
    for one in sent:
        land(landing, feed, one)
    return stage(working, landing, feed, **options)


def rows(**quantities: float | str) -> list[dict[str, Any]]:
    return [{"id": key, "qty": qty} for key, qty in quantities.items()]


def deliveries(working: Working, columns: str) -> list[tuple[Any, ...]]:
    return working.con.execute(f"SELECT {columns} FROM ops.delivery ORDER BY sequence").fetchall()


def rejected(working: Working, columns: str = "row_no, rule_id, severity, state") -> list[tuple[Any, ...]]:
    return working.con.execute(f"SELECT {columns} FROM ops.rejected_record ORDER BY ALL").fetchall()


# -- the plain way ----------------------------------------------------------------------------------


def test_the_first_delivery_is_loaded_with_its_lineage(working: Working, landing: Landing) -> None:
    landed = land(landing, contract(), Sent(rows(a=1, b="2.5"), day(1)))
    staged = stage(working, landing, contract())
    assert landed.delivery is not None
    assert staged.count("applied") == 1
    columns = "id, qty, note, _source_system, _source_key, _delivery_id, _source_row_no, _valid_from, _seq_from"
    at = (landed.delivery.delivery_id, landed.delivery.sequence)
    assert current(working, columns) == [
        ("a", D("1.0000"), None, "erp", "a", at[0], 2, day(1), at[1]),
        ("b", D("2.5000"), None, "erp", "b", at[0], 3, day(1), at[1]),
    ]
    counts = "state, rows_read, rows_accepted, rows_rejected, rows_changed, rows_deleted"
    assert deliveries(working, counts) == [("applied", 2, 2, 0, 2, 0)]


def test_a_snapshot_changes_adds_and_deletes(working: Working, landing: Landing) -> None:
    deliver(working, landing, contract(), Sent(rows(a=1, b=2, c=3), day(1)))
    staged = deliver(working, landing, contract(), Sent(rows(a=1, b=5, d=4), day(2)))
    assert (staged.total("rows_changed"), staged.total("rows_deleted")) == (2, 1)
    assert current(working, "id, qty, _is_deleted, _valid_from, _change_seq") == [
        ("a", D(1), False, day(1), 1),
        ("b", D(5), False, day(2), 2),
        ("c", D(3), True, day(2), 2),
        ("d", D(4), False, day(2), 2),
    ]
    history = (
        'SELECT id, qty, _valid_from, _valid_to, _is_deleted, _change_seq_to FROM history."erp__stock" ORDER BY ALL'
    )
    assert working.con.execute(history).fetchall() == [
        ("b", D(2), day(1), day(2), False, 2),
        ("c", D(3), day(1), day(2), False, 2),
    ]


def test_a_tombstone_keeps_its_values_and_where_they_came_from(working: Working, landing: Landing) -> None:
    first = land(landing, contract(), Sent(rows(a=1, b=2), day(1))).delivery
    second = land(landing, contract(), Sent(rows(a=1), day(2))).delivery
    stage(working, landing, contract())
    assert first is not None
    assert second is not None
    assert current(working, "id, qty, _is_deleted, _delivery_id, _source_row_no, _seq_from")[1] == (
        "b",
        D(2),
        True,
        first.delivery_id,
        3,
        second.sequence,
    )


def test_a_deleted_key_comes_back(working: Working, landing: Landing) -> None:
    feed = contract()
    deliver(working, landing, feed, Sent(rows(a=1, b=2), day(1)), Sent(rows(a=1), day(2)), Sent(rows(a=1, b=2), day(3)))
    assert current(working) == [("a", D(1), False), ("b", D(2), False)]
    history = 'SELECT id, _is_deleted FROM history."erp__stock" ORDER BY _seq_from'
    assert working.con.execute(history).fetchall() == [("b", False), ("b", True)]


def test_a_delivery_without_change_is_invisible(working: Working, landing: Landing) -> None:
    deliver(working, landing, contract(), Sent(rows(a=1, b=2), day(1)))
    before = current(working, "*")
    staged = deliver(working, landing, contract(), Sent(list(reversed(rows(a=1, b=2))), day(2)))
    assert [d.state for d in staged.deliveries] == ["unchanged"]
    assert current(working, "*") == before


def test_the_same_bytes_again_are_a_duplicate_that_is_not_read(working: Working, landing: Landing) -> None:
    deliver(working, landing, contract(), Sent(rows(a=1), day(1)))
    land(landing, contract(), Sent(rows(a=1), day(2), name="again.csv"))
    connector = FakeConnector(contract())
    from store.staging import stage_feed

    staged = stage_feed(working, contract(), "erp", landing.deliveries("erp", "stock"), connector.read)
    assert ([d.state for d in staged.deliveries], connector.reads) == (["duplicate"], 0)


def test_nothing_pending_is_no_transaction(working: Working, landing: Landing) -> None:
    deliver(working, landing, contract(), Sent(rows(a=1), day(1)))
    seq = working.change_seq
    staged = stage(working, landing, contract())
    assert (staged.deliveries, staged.change_seq, working.change_seq) == ((), None, seq)


def test_a_changed_resend_supersedes(working: Working, landing: Landing) -> None:
    first = land(landing, contract(), Sent(rows(a=1), day(1), name="day1.csv")).delivery
    deliver(working, landing, contract(), Sent(rows(a=7), day(1.5), name="day1.csv"))
    assert first is not None
    assert deliveries(working, "supersedes_delivery_id") == [(None,), (first.delivery_id,)]
    assert current(working) == [("a", D(7), False)]


# -- keys -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [True, False])
def test_identical_rows_count_once(working: Working, landing: Landing, first: bool) -> None:
    if not first:
        deliver(working, landing, contract(), Sent(rows(z=1), day(0)))
    sent = Sent([*rows(a=1, z=1), {"id": "a", "qty": 1}], day(1))
    staged = deliver(working, landing, contract(), sent)
    assert current(working) == [("a", D(1), False), ("z", D(1), False)]
    assert rejected(working) == [(4, "key.duplicate_identical", "warn", "open")]
    assert (staged.total("rows_read"), staged.total("rows_rejected")) == (3, 1)


def test_different_rows_with_one_key_are_all_refused_but_not_deleted(working: Working, landing: Landing) -> None:
    deliver(working, landing, contract(), Sent(rows(a=1, b=2, c=3), day(1)))
    deliver(working, landing, contract(), Sent([*rows(a=5, b=2, c=3), *rows(a=6)], day(2)))
    assert current(working) == [("a", D(1), False), ("b", D(2), False), ("c", D(3), False)]
    assert rejected(working) == [(2, "key.duplicate", "error", "open"), (5, "key.duplicate", "error", "open")]
    assert deliveries(working, "rows_read, rows_accepted, rows_rejected")[1] == (4, 2, 2)


def test_a_correction_in_the_same_delivery_wins(working: Working, landing: Landing) -> None:
    feed = contract("append")
    deliver(working, landing, feed, Sent([*rows(a=5, b=2), *rows(a=6)], day(1), kind="append"))
    assert current(working) == [("a", D(6), False), ("b", D(2), False)]
    assert rejected(working) == [(2, "key.superseded_in_delivery", "warn", "open")]


def test_a_row_without_key_is_refused(working: Working, landing: Landing) -> None:
    deliver(working, landing, contract(), Sent([*rows(a=1, b=1), {"id": None, "qty": 3}], day(1)))
    assert rejected(working, "row_no, location, rule_id, reason") == [
        (4, "line 4", "key.missing", "the key (id) is empty")
    ]
    assert current(working) == [("a", D(1), False), ("b", D(1), False)]


def test_an_empty_part_of_a_key_is_empty_text(working: Working, landing: Landing) -> None:
    feed = contract(columns={"id": "VARCHAR", "lot": "VARCHAR", "n": "INTEGER"}, key=["id", "lot", "n"])
    sent = [{"id": "a", "n": 7}, {"id": "a", "lot": "L1", "n": 7}, {"lot": "L1"}, {}]
    deliver(working, landing, feed, Sent(sent, day(1)))
    assert current(working, "_source_key") == [("a|L1|7",), ("a||7",), ("|L1|",)]
    assert rejected(working, "row_no, rule_id") == [(5, "key.missing")]


# -- refusals ---------------------------------------------------------------------------------------


def test_refused_rows_are_kept_with_their_place(working: Working, landing: Landing) -> None:
    bad = {"row_no": 3, "rule_id": "type.decimal", "raw": "x", "column": "qty", "byte_offset": 17, "key": "b"}
    deliver(working, landing, contract(), Sent(rows(a=1, b=0, c=3), day(1), rejects=[bad, {**bad, "column": "note"}]))
    assert current(working) == [("a", D(1), False), ("c", D(3), False)]
    columns = "record, row_no, column_name, byte_offset, raw, state"
    assert rejected(working, columns) == [("main", 3, "note", 17, "x", "open"), ("main", 3, "qty", 17, "x", "open")]
    assert deliveries(working, "rows_read, rows_accepted, rows_rejected") == [(3, 2, 1)]


def test_a_refused_row_is_not_a_deleted_row(working: Working, landing: Landing) -> None:
    deliver(working, landing, contract(), Sent(rows(a=1, b=2, c=3), day(1)))
    bad = {"row_no": 3, "rule_id": "type.decimal", "key": "b"}
    staged = deliver(working, landing, contract(), Sent(rows(a=1, b=0), day(2), rejects=[bad]))
    assert current(working) == [("a", D(1), False), ("b", D(2), False), ("c", D(3), True)]
    assert staged.notices == ()


def test_a_refused_row_without_key_defers_every_delete(working: Working, landing: Landing) -> None:
    deliver(working, landing, contract(), Sent(rows(a=1, b=2, c=3), day(1)))
    bad = {"row_no": 3, "rule_id": "type.decimal"}
    staged = deliver(working, landing, contract(), Sent(rows(a=1, b=0), day(2), rejects=[bad]))
    assert [row[2] for row in current(working)] == [False, False, False]
    assert "2 rows are missing" in staged.notices[0]
    deliver(working, landing, contract(), Sent(rows(a=1), day(3)))
    assert [row[2] for row in current(working)] == [False, True, True]


def test_a_violation_quarantines_and_the_next_delivery_applies(working: Working, landing: Landing) -> None:
    broken = Sent(rows(a=9, b=9, c=9), day(2), violation="trailer says 4 rows")
    staged = deliver(working, landing, contract(), Sent(rows(a=1), day(1)), broken, Sent(rows(a=3), day(3)))
    assert [d.state for d in staged.deliveries] == ["applied", "quarantined", "applied"]
    assert current(working) == [("a", D(3), False)]
    assert rejected(working, "row_no, rule_id, location, reason") == [
        (0, "contract.violation", "line 1", "trailer says 4 rows")
    ]
    assert deliveries(working, "rows_read, rows_accepted, rows_rejected")[1] == (3, 0, 3)


def test_a_violation_in_the_very_first_delivery_leaves_nothing(working: Working, landing: Landing) -> None:
    deliver(working, landing, contract(), Sent(rows(a=9), day(2), violation="cut short"))
    assert current(working) == []
    deliver(working, landing, contract(), Sent(rows(a=1), day(3)))
    assert current(working) == [("a", D(1), False)]


BAD = [{"row_no": row_no, "rule_id": "x", "key": key} for row_no, key in ((2, "x"), (3, "z"), (4, "y"))]


@pytest.mark.parametrize("loaded_before", [False, True])
@pytest.mark.parametrize(
    ("options", "sent", "rule"),
    [
        ({"volume": {"min_rows": 4}}, Sent(rows(a=1, b=2, z=1), day(1)), "guard.min_rows"),
        ({"reject_threshold": 0.3}, Sent(rows(a=1, z=0, y=0), day(1), rejects=BAD[1:]), "guard.reject_threshold"),
        ({"reject_threshold": 0.3}, Sent(rows(x=0), day(1), rejects=BAD[:1]), "guard.reject_threshold"),
        ({"reject_threshold": 0}, Sent(rows(a=1, z=0, b=1), day(1), rejects=BAD[1:2]), "guard.reject_threshold"),
        ({}, Sent([], day(1), rejects=[{"row_no": 0, "rule_id": "x12.isa", "rows": 0}]), "guard.reject_threshold"),
        ({}, Sent(rows(a=1, z=1), day(1), pulled={"rows_declared": 3}), "totals.rows"),
        ({}, Sent(rows(a=1, z=1), day(1), pulled={"control_totals": {"qty": "3.0"}}), "totals.qty"),
    ],
)  # fmt: skip
def test_a_guard_refuses_the_delivery_until_it_is_waived(
    working: Working, landing: Landing, options: dict[str, Any], sent: Sent, rule: str, loaded_before: bool
) -> None:
    feed = contract(**options)
    if loaded_before:
        deliver(working, landing, feed, Sent(rows(z=1, y=1, x=1, w=1), day(0)))
    before = current(working) if loaded_before else []
    staged = deliver(working, landing, feed, sent)
    last = staged.deliveries[-1]
    assert (last.state, (last.reason or "").split(":")[0]) == ("quarantined", rule)
    assert current(working) == before
    assert last.rows_read == last.rows_rejected
    waiver = Waiver(last.delivery_id, None, rule, "kim", day(5), "it is right")
    again = stage(working, landing, feed, waivers=[waiver])
    assert [d.state for d in again.deliveries][-1:] in (["applied"], ["unchanged"])
    assert ("waived",) in rejected(working, "state")


def test_totals_that_agree_pass(working: Working, landing: Landing) -> None:
    totals = {"rows_declared": 2, "control_totals": {"qty": "3.50", "unknown": "1"}}
    deliver(working, landing, contract(), Sent(rows(a=1, b="2.5"), day(1), pulled=totals))
    assert deliveries(working, "state, control_total_actual") == [("applied", '{"qty": "3.5000"}')]


def test_too_many_deletes_are_refused(working: Working, landing: Landing) -> None:
    feed = contract(change={"mode": "snapshot", "max_delete_fraction": 0.3})
    many = {f"k{n}": n for n in range(20)}
    deliver(working, landing, feed, Sent(rows(**many), day(1)))
    staged = deliver(working, landing, feed, Sent(rows(k1=1), day(2)))
    assert staged.reasons == ("stock.csv: guard.deletes: 19 of 20 rows would be deleted, more than 30%",)
    assert not any(deleted for _, _, deleted in current(working))
    waiver = Waiver(staged.deliveries[0].delivery_id, None, "guard.deletes", "kim", day(5), "the site closed")
    assert stage(working, landing, feed, waivers=[waiver]).total("rows_deleted") == 19


def test_an_empty_source_never_wipes_even_a_small_table(working: Working, landing: Landing) -> None:
    feed = contract(change={"mode": "snapshot", "max_delete_fraction": 0.3})
    deliver(working, landing, feed, Sent(rows(a=1, b=2, c=3), day(1)))
    assert deliver(working, landing, feed, Sent([], day(2))).count("quarantined") == 1
    assert deliver(working, landing, feed, Sent(rows(a=1, b=2), day(3))).total("rows_deleted") == 1


def test_an_error_of_the_reader_keeps_nothing(working: Working, landing: Landing) -> None:
    land(landing, contract(), Sent(rows(a=1), day(1)))
    other = contract(columns={"id": "VARCHAR", "qty": "DECIMAL(18,4)", "note": "VARCHAR", "extra": "VARCHAR"})
    from store.staging import stage_feed

    with pytest.raises(PermanentSourceError, match="no column extra"):
        stage_feed(working, other, "erp", landing.deliveries("erp", "stock"), FakeConnector(contract()).read)
    assert deliveries(working, "1") == []
    assert working.change_seq == 0


def test_rotten_bytes_are_not_loaded(working: Working, landing: Landing) -> None:
    landed = land(landing, contract(), Sent(rows(a=1), day(1))).delivery
    assert landed is not None
    landed.path.write_bytes(landed.path.read_bytes().replace(b'"a"', b'"b"'))
    with pytest.raises(LandingCorrupt):
        stage(working, landing, contract())


def test_more_rows_than_expected_only_warn(working: Working, landing: Landing) -> None:
    staged = deliver(working, landing, contract(volume={"max_rows": 1}), Sent(rows(a=1, b=2), day(1)))
    assert (staged.count("applied"), staged.notices) == (1, ("stock.csv: 2 rows, the contract expects at most 1",))
    assert rejected(working) == [(0, "volume.max_rows", "warn", "open")]


# -- incremental and ranges -------------------------------------------------------------------------


def incremental() -> FeedContract:
    change = {"mode": "incremental", "cursor": ["changed", "created"], "max_delete_fraction": 1}
    columns = {"id": "BIGINT", "qty": "DECIMAL(18,4)", "changed": "TIMESTAMPTZ", "created": "TIMESTAMPTZ"}
    return contract(columns=columns, change=change, format={"kind": "table"})


def changed(key: int, qty: float, at: float, *, created: bool = False) -> dict[str, Any]:
    return {"id": key, "qty": qty, "created" if created else "changed": day(at).isoformat()}


def test_a_row_never_goes_back_behind_its_cursor(working: Working, landing: Landing) -> None:
    feed = incremental()
    deliver(
        working, landing, feed, Sent([changed(1, 5, 3), changed(2, 5, 3, created=True)], day(4), kind="incremental")
    )
    older = [changed(1, 4, 2), changed(2, 4, 2)]
    deliver(working, landing, feed, Sent(older, day(5), kind="incremental"))
    assert current(working, "id, qty") == [(1, D(5)), (2, D(5))]
    deliver(working, landing, feed, Sent([changed(1, 6, 3), {"id": 2, "qty": 6}], day(6), kind="incremental"))
    assert current(working, "id, qty") == [(1, D(6)), (2, D(6))]


def test_a_range_deletes_only_inside_itself(working: Working, landing: Landing) -> None:
    feed = incremental()
    deliver(working, landing, feed, Sent([changed(n, n, 1) for n in range(1, 7)], day(1), kind="snapshot"))
    sweep = Sent([changed(3, 33, 0)], day(2), kind="range", pulled={"key_range": ("2", "5")})
    staged = deliver(working, landing, feed, sweep)
    assert (staged.total("rows_changed"), staged.total("rows_deleted")) == (1, 2)
    assert current(working, "id, qty, _is_deleted") == [
        (1, D(1), False),
        (2, D(2), True),
        (3, D(33), False),
        (4, D(4), True),
        (5, D(5), False),
        (6, D(6), False),
    ]


def test_the_cursor_stands_still_for_what_was_not_applied(working: Working, landing: Landing) -> None:
    feed = incremental()
    assert feed_state(working, landing, "erp", "stock") == FeedState()
    first = Sent(
        [changed(1, 1, 1)], day(1), kind="incremental", pulled={"cursor_hi": "9", "range_checksums": {"..": "1:5"}}
    )
    broken = Sent([changed(1, 2, 2)], day(2), kind="incremental", violation="no", pulled={"cursor_hi": "11"})
    deliver(working, landing, feed, first, broken)
    state = feed_state(working, landing, "erp", "stock")
    assert (state.cursor_hi, state.last_as_of, state.range_checksums) == ("9", day(1), {"..": "1:5"})
    quiet = Sent([changed(1, 1, 1)], day(3), kind="incremental", pulled={"cursor_hi": "10"})
    deliver(working, landing, feed, quiet)
    state = feed_state(working, landing, "erp", "stock")
    assert (state.cursor_hi, state.range_checksums) == ("10", {"..": "1:5"})
    assert len(state.seen) == 3


# -- rows that say since when they hold ---------------------------------------------------------------


def dated(mode: str = "incremental") -> FeedContract:
    columns = {"id": "BIGINT", "qty": "DECIMAL(18,4)", "changed": "TIMESTAMPTZ"}
    change = {"mode": mode, "effective": "changed", "max_delete_fraction": 1}
    return contract(columns=columns, change=change | ({"cursor": ["changed"]} if mode == "incremental" else {}))


def versions(working: Working) -> list[tuple[Any, ...]]:
    both = (
        'SELECT id, qty, _is_deleted, _valid_from, _valid_to FROM history."erp__stock" UNION ALL'
        ' SELECT id, qty, _is_deleted, _valid_from, NULL FROM staged."erp__stock"'
    )
    return working.con.execute(f"SELECT * FROM ({both}) ORDER BY id, _valid_from, _valid_to").fetchall()


def test_a_version_holds_from_the_day_that_the_row_names(working: Working, landing: Landing) -> None:
    """Whenever it is read: one home reads every day, the other on the last, and of what both saw both say the same."""
    late = {"id": 3, "qty": 7}
    deliver(working, landing, dated(), Sent([changed(1, 1, 1.5), late], day(4), kind="incremental"))
    deliver(working, landing, dated(), Sent([changed(1, 2, 5.5), changed(2, 1, 2.5)], day(9), kind="incremental"))
    assert versions(working) == [
        (1, D(1), False, day(1.5), day(5.5)),
        (1, D(2), False, day(5.5), None),
        (2, D(1), False, day(2.5), None),
        (3, D(7), False, day(4), None),
    ], "a row without a day of its own holds from its delivery on"


def test_a_day_still_to_come_and_one_dated_back_are_bounded(working: Working, landing: Landing) -> None:
    deliver(working, landing, dated(), Sent([changed(1, 1, 3), changed(2, 1, 30)], day(4), kind="snapshot"))
    deliver(working, landing, dated(), Sent([changed(1, 2, 2), changed(2, 2, 5)], day(6), kind="snapshot"))
    assert versions(working) == [
        (1, D(1), False, day(3), day(3)),
        (1, D(2), False, day(3), None),
        (2, D(1), False, day(4), day(5)),
        (2, D(2), False, day(5), None),
    ], "one version of a key ends where the next begins, and none begins after it was delivered"


def test_what_vanishes_is_gone_from_its_delivery_on(working: Working, landing: Landing) -> None:
    deliver(working, landing, dated("snapshot"), Sent([changed(1, 1, 1), changed(2, 1, 1)], day(2)))
    deliver(working, landing, dated("snapshot"), Sent([changed(2, 3, 2.5)], day(4)))
    assert versions(working) == [
        (1, D(1), False, day(1), day(4)),
        (1, D(1), True, day(4), None),
        (2, D(1), False, day(1), day(2.5)),
        (2, D(3), False, day(2.5), None),
    ]


# -- order ------------------------------------------------------------------------------------------


def test_a_late_delivery_rewinds(working: Working, landing: Landing) -> None:
    deliver(working, landing, contract(), Sent(rows(a=1, b=1), day(1)))
    deliver(working, landing, contract(), Sent(rows(a=3), day(3)))
    staged = deliver(working, landing, contract(), Sent(rows(a=2, b=1, c=2), day(2)))
    assert staged.rewound
    assert current(working, "id, qty, _is_deleted, _valid_from") == [
        ("a", D(3), False, day(3)),
        ("b", D(1), True, day(3)),
        ("c", D(2), True, day(3)),
    ]
    history = 'SELECT id, qty, _valid_from, _valid_to FROM history."erp__stock" ORDER BY ALL'
    assert working.con.execute(history).fetchall() == [
        ("a", D(1), day(1), day(2)),
        ("a", D(2), day(2), day(3)),
        ("b", D(1), day(1), day(3)),
        ("c", D(2), day(2), day(3)),
    ]


def test_a_late_document_that_touches_nothing_later_is_just_added(working: Working, landing: Landing) -> None:
    feed = contract("edi")
    deliver(working, landing, feed, Sent(rows(a=3), day(3), kind="edi"))
    seq = current(working, "_change_seq")
    assert not deliver(working, landing, feed, Sent(rows(b=2), day(2), kind="edi")).rewound
    assert current(working, "id, _change_seq") == [("a", seq[0][0]), ("b", 2)]
    assert deliver(working, landing, feed, Sent(rows(a=1), day(1), kind="edi")).rewound
    assert current(working) == [("a", D(3), False), ("b", D(2), False)]


def test_a_rewind_without_the_old_bytes_is_refused(working: Working, landing: Landing) -> None:
    later = land(landing, contract(), Sent(rows(a=3), day(3))).delivery
    stage(working, landing, contract())
    assert later is not None
    shutil.rmtree(later.path.parent)
    land(landing, contract(), Sent(rows(a=2), day(2)))
    with pytest.raises(PermanentSourceError, match="landing lacks"):
        stage(working, landing, contract())
    assert current(working) == [("a", D(3), False)]


def test_a_key_that_vanishes_in_a_rewind_gives_a_new_identity(working: Working, landing: Landing) -> None:
    feed = contract(change={"mode": "snapshot", "max_delete_fraction": 0.3})
    deliver(working, landing, feed, Sent(rows(a=1), day(2)))
    before = working.working_id
    many = {f"k{n}": n for n in range(20)}
    staged = deliver(working, landing, feed, Sent(rows(**many), day(1)))
    assert [d.state for d in staged.deliveries] == ["applied", "quarantined"]
    assert "no longer staged" in staged.notices[0]
    assert ("a", D(1), False) not in current(working)
    assert working.working_id != before


def test_an_ordinary_rewind_keeps_the_identity(working: Working, landing: Landing) -> None:
    before = working.working_id
    deliver(working, landing, contract(), Sent(rows(a=1), day(2)))
    deliver(working, landing, contract(), Sent(rows(a=1, b=1), day(1)))
    assert working.working_id == before


TWO_RECORDS: dict[str, Any] = {
    "records": {
        "head": {"key": ["id"], "columns": [{"source": "id", "name": "id", "type": "VARCHAR", "description": "id"}]},
        "line": {
            "key": ["id", "n"],
            "columns": [
                {"source": name, "name": name, "type": kind, "description": name}
                for name, kind in (("id", "VARCHAR"), ("n", "INTEGER"), ("qty", "DECIMAL(18,4)"))
            ],
        },
    }
}


def two_records(mode: str) -> FeedContract:
    fields = contract(mode).model_dump(exclude={"records"}) | TWO_RECORDS
    return FeedContract.model_validate(fields)


def test_several_kinds_of_rows_go_to_their_own_tables(working: Working, landing: Landing) -> None:
    feed = two_records("edi")
    sent = [{"_record": "head", "id": "p1"}, *({"_record": "line", "id": "p1", "n": n, "qty": n} for n in (1, 2, 3))]
    staged = deliver(working, landing, feed, Sent(sent, day(1), kind="edi"))
    assert staged.total("rows_accepted") == 4
    lines = 'SELECT _source_key, qty, _source_row_no FROM staged."erp__stock__line" ORDER BY ALL'
    assert working.con.execute(lines).fetchall() == [("p1|1", D(1), 3), ("p1|2", D(2), 4), ("p1|3", D(3), 5)]
    assert working.con.execute('SELECT _source_key FROM staged."erp__stock__head"').fetchall() == [("p1",)]


@pytest.mark.parametrize("mode", ["append", "edi"])
def test_a_late_document_does_not_outlast_a_later_one_that_restated_what_stood(
    working: Working, landing: Landing, mode: str
) -> None:
    feed = contract(mode)
    first, restated = Sent(rows(a=1, b=1), day(1), kind=mode), Sent(rows(a=1, c=1), day(3), kind=mode)  # type: ignore[arg-type]
    deliver(working, landing, feed, first, restated)
    deliver(working, landing, feed, Sent(rows(a=2), day(2), kind=mode))  # type: ignore[arg-type]
    assert current(working, "id, qty") == [("a", D(1)), ("b", D(1)), ("c", D(1))]
    assert working.con.execute('SELECT id, qty FROM history."erp__stock" ORDER BY _valid_from').fetchall() == [
        ("a", D(1)),
        ("a", D(2)),
    ]


def test_a_delivery_that_turns_out_to_repeat_the_one_before_it_leaves_the_refusals_to_that_one(
    working: Working, landing: Landing
) -> None:
    twice = [{"id": "a", "qty": 1}, {"id": "a", "qty": 2}, {"id": "b", "qty": 1}, {"id": "c", "qty": 1}]
    feed = contract(reject_threshold=0.6)
    deliver(working, landing, feed, Sent(twice, day(2)))
    first = land(landing, feed, Sent(twice, day(1))).delivery
    stage(working, landing, feed)
    assert first is not None
    assert rejected(working, "delivery_id, row_no, state") == [
        (first.delivery_id, 2, "open"),
        (first.delivery_id, 3, "open"),
    ]


def test_what_was_refused_while_an_earlier_delivery_was_missing_is_taken_when_it_comes(
    working: Working, landing: Landing
) -> None:
    """Without the second delivery the third would delete all there is; the refusal stays on record as replayed."""
    feed = contract(change={"mode": "snapshot", "max_delete_fraction": 0.3})
    deliver(working, landing, feed, Sent(rows(a=0), day(1)), Sent(rows(b=0), day(3)))
    assert rejected(working, "rule_id, state") == [("guard.deletes", "open")]
    deliver(working, landing, feed, Sent(rows(a=0, b=0), day(2)))
    assert deliveries(working, "state") == [("applied",)] * 3
    assert current(working, "id, _is_deleted") == [("a", True), ("b", False)]
    assert rejected(working, "rule_id, state") == [("guard.deletes", "replayed")]


ROWS = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 3), max_size=4)
DUPLICATED = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 2)), max_size=5)


@st.composite
def histories(draw: st.DrawFn) -> tuple[FeedContract, list[Sent]]:
    """A contract and a set of deliveries of it, in order."""
    mode = draw(st.sampled_from(["snapshot", "incremental", "dated", "append", "edi", "guarded", "two"]))
    sent: list[Sent] = []
    for number in range(draw(st.integers(1, 5))):
        pairs = draw(DUPLICATED) if draw(st.booleans()) else list(draw(ROWS).items())
        if mode in ("incremental", "dated"):
            kind = draw(st.sampled_from(["incremental", "range", "snapshot"]))
            bounds = draw(st.tuples(st.sampled_from([None, "97", "99"]), st.sampled_from([None, "98", "100"])))
            some = [changed(ord(key), qty, qty) for key, qty in pairs]
            if kind == "range":
                some = [r for r in some if int(bounds[0] or 0) <= r["id"] < int(bounds[1] or 999)]
            pulled = {"key_range": bounds} if kind == "range" else {}
            sent.append(Sent(some, day(number), kind=kind, pulled=pulled))
            continue
        some = [{"id": key, "qty": qty} for key, qty in pairs]
        if mode == "two":
            some = [{"id": key, "n": qty, "qty": qty, "_record": ("head", "line")[qty % 2]} for key, qty in pairs]
        rejects = [{"row_no": 2, "rule_id": "x", "key": pairs[0][0]}] if pairs and draw(st.booleans()) else []
        violation = draw(st.sampled_from([None, None, None, "broken"]))
        kind = {"guarded": "snapshot", "two": "snapshot"}.get(mode, mode)
        sent.append(Sent(some, day(number), kind=kind, rejects=rejects, violation=violation))  # type: ignore[arg-type]
    feeds = {
        "incremental": incremental(),
        "dated": dated(),
        "guarded": contract(change={"mode": "snapshot", "max_delete_fraction": 0.3}),
        "two": two_records("snapshot"),
    }
    return feeds.get(mode) or contract(mode), sent


OPS = "SELECT delivery_id, state, reason, rows_read, rows_accepted, rows_rejected, rows_changed, rows_deleted FROM ops.delivery ORDER BY ALL"  # noqa: E501
#: What was refused for a while only, because an earlier delivery was still to come, stays on record as replayed.
REJECTS = "SELECT * EXCLUDE (recorded_ts, change_seq) FROM ops.rejected_record WHERE state <> 'replayed' ORDER BY ALL"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(histories(), st.data())
def test_any_order_and_repetition_gives_the_same(story: tuple[FeedContract, list[Sent]], data: st.DataObject) -> None:
    check_any_order(story, data)


@pytest.mark.heavy
@pytest.mark.timeout(1800)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(histories(), st.data())
def test_any_order_at_length(story: tuple[FeedContract, list[Sent]], data: st.DataObject) -> None:
    check_any_order(story, data)


def check_any_order(story: tuple[FeedContract, list[Sent]], data: st.DataObject) -> None:
    feed, sent = story
    shuffled = data.draw(st.permutations(sent * 2))
    cuts = data.draw(st.lists(st.booleans(), min_size=len(shuffled), max_size=len(shuffled)))
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for name, order, pauses in (("in_order", sent, [False] * len(sent)), ("shuffled", shuffled, cuts)):
            landing = Landing(Path(folder) / name)
            with Working.open(Path(folder) / f"{name}.duckdb", threads=1) as working:
                for one, pause in zip(order, pauses, strict=True):
                    land(landing, feed, one)
                    if pause:
                        stage(working, landing, feed)
                stage(working, landing, feed)
                results.append(
                    (content(working, feed), *(working.con.execute(query).fetchall() for query in (OPS, REJECTS)))
                )
                read, accepted, refused = working.con.execute(
                    "SELECT sum(rows_read), sum(rows_accepted), sum(rows_rejected) FROM ops.delivery"
                ).fetchall()[0]
                assert read == accepted + refused
    assert results[0] == results[1]


# -- contracts --------------------------------------------------------------------------------------


def test_a_changed_contract_rebuilds_from_landing(working: Working, landing: Landing) -> None:
    deliver(working, landing, contract(), Sent(rows(a=1, b=2), day(1)), Sent(rows(a=3, b=2), day(2)))
    wider = contract(columns={"id": "VARCHAR", "qty": "DECIMAL(18,2)", "extra": "VARCHAR"})
    staged = stage(working, landing, wider)
    assert staged.rewound
    assert current(working, "id, qty, extra, _valid_from") == [("a", D(3), None, day(2)), ("b", D(2), None, day(1))]
    assert working.con.execute('SELECT id, qty FROM history."erp__stock"').fetchall() == [("a", D(1))]
    assert stage(working, landing, wider).deliveries == ()


def test_a_contract_may_change_before_the_first_delivery(working: Working, landing: Landing) -> None:
    """Intake views make the tables of every feed; those of an earlier wording of the contract must not stand."""
    ensure_tables(working.con, contract(), "erp")
    wider = contract(columns={"id": "VARCHAR", "qty": "DECIMAL(18,2)", "seen_ts": "TIMESTAMPTZ"})
    deliver(working, landing, wider, Sent([{"id": "a", "qty": 1, "seen_ts": "2026-01-01T00:00:00+00:00"}], day(1)))
    assert current(working, "id, qty, seen_ts") == [("a", D(1), day(0))]
    ensure_tables(working.con, wider, "erp")
    assert current(working, "id, qty, seen_ts") == [("a", D(1), day(0))]


def test_what_a_contract_says_about_itself_rebuilds_nothing(working: Working, landing: Landing) -> None:
    deliver(working, landing, contract(), Sent(rows(a=1), day(1)))
    assert (
        stage(working, landing, contract(owner="others", description="other words", cadence="hourly")).change_seq
        is None
    )


def test_a_changed_key_gives_a_new_identity(working: Working, landing: Landing) -> None:
    deliver(working, landing, contract(), Sent([{"id": "a", "qty": 1, "note": "n"}], day(1)))
    before = working.working_id
    stage(working, landing, contract(key=["note"]))
    assert current(working, "_source_key") == [("n",)]
    assert working.working_id != before


@pytest.mark.parametrize("threshold", [0.1, 0.3])
def test_one_bad_row_of_a_small_delivery_does_not_take_the_good_ones_with_it(
    working: Working, landing: Landing, threshold: float
) -> None:
    """A stockroom receives three lines on a quiet day; one with an impossible date must not hide the other two."""
    feed = contract("append", reject_threshold=threshold)
    staged = deliver(working, landing, feed, Sent(rows(a=1, z=0, b=2), day(1), kind="append", rejects=BAD[1:2]))
    assert staged.deliveries[-1].state == "applied"
    assert current(working, "id, qty") == [("a", D(1)), ("b", D(2))]
    assert rejected(working, "row_no, rule_id, state") == [(3, "x", "open")]


def test_a_contract_fix_replays_the_quarantine(working: Working, landing: Landing) -> None:
    bad = [{"row_no": n, "rule_id": "type.decimal", "key": key} for n, key in ((2, "a"), (4, "c"))]
    deliver(working, landing, contract(reject_threshold=0.1), Sent(rows(a=1, b=2, c=3), day(1), rejects=bad))
    assert current(working) == []
    stage(working, landing, contract(reject_threshold=0.7))
    assert current(working) == [("b", D(2), False)]
    assert rejected(working, "row_no, rule_id, state") == [
        (0, "guard.reject_threshold", "replayed"),
        (2, "type.decimal", "open"),
        (4, "type.decimal", "open"),
    ]
