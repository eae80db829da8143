"""Intake: one relation per shape over whatever supplies it, now and as of a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import FeedContract
from connectors.errors import ConfigurationError
from connectors.interface import FeedState
from store.intake import Intake, Site, load_shapes, newest_as_of
from store.landing import Landing
from store.working import Working
from tests.store.fakes import FakeConnector, Sent, contract, day, land, stage

ROOT = Path(__file__).resolve().parents[2]
SHAPE = """
intake: balance
grain: one row per item
columns:
  item_key: {type: VARCHAR, references: item, description: "item, by its key"}
  on_hand: {type: "DECIMAL(18,6)", required: true, description: quantity}
  place: {type: VARCHAR, description: where}
"""
DOMAIN = """
domain: item
surrogate: item_sk
attributes:
  name: {type: VARCHAR, description: name, survive: latest}
  weight: {type: "DECIMAL(18,4)", description: weight}
identifiers:
  gtin: {type: BIGINT, description: GTIN, veto: true}
"""
PACK = """
-- staged.nothing in a comment, and 'staged.nothing' in a text, are no tables
SELECT s.id AS source_key, s.qty AS on_hand, 'staged.nothing' AS place,
    s._delivery_id, s._source_row_no, s._valid_from, s._is_deleted,
    GREATEST(s._change_seq, other._change_seq) AS _change_seq
FROM staged.stock AS s LEFT JOIN staged.other ON other.id = s.id
"""
SUPPLIES = [{"intake": "balance", "columns": {"item_key": "id", "on_hand": "qty", "place": {"const": "it's here"}}}]


@pytest.fixture
def shapes(tmp_path: Path) -> Any:
    for folder, text in (("intake", SHAPE), ("domains", DOMAIN)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "one.yml").write_text(text, encoding="utf-8")
    return load_shapes(tmp_path / "intake", tmp_path / "domains")


def packs(tmp_path: Path, **files: str) -> Path:
    folder = tmp_path / "feeds" / "test"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.sql").write_text(text, encoding="utf-8")
    return folder.parent


def other() -> FeedContract:
    return contract("append", {"id": "VARCHAR", "note": "VARCHAR"}, feed="other")


def network(*contracts: FeedContract, source: str = "erp") -> Any:
    return {source: ("test", {one.feed: one for one in contracts})}


def balance(working: Working, columns: str = "source_system, source_key, on_hand, place") -> list[Any]:
    return working.con.execute(f"SELECT {columns} FROM intake.balance ORDER BY ALL").fetchall()


def test_a_domain_is_a_shape_with_identifiers_as_text(shapes: Any) -> None:
    assert {name: column.type for name, column in shapes["item"].columns.items()} == {
        "name": "VARCHAR",
        "weight": "DECIMAL(18,4)",
        "gtin": "VARCHAR",
    }
    assert shapes["balance"].columns["item_key"].references == "item"


def test_a_contract_supplies_a_shape(working: Working, landing: Landing, shapes: Any, tmp_path: Path) -> None:
    feed = contract(supplies=SUPPLIES)
    intake = Intake(shapes, network(feed), packs(tmp_path))
    land(landing, feed, Sent([{"id": "a", "qty": 1}, {"id": "b", "qty": 2}], day(1)))
    land(landing, feed, Sent([{"id": "a", "qty": 1}], day(2)))
    stage(working, landing, feed)
    intake.create_views(working.con)
    assert balance(working, "source_system, source_key, item_key, on_hand, place, _is_deleted, _valid_from") == [
        ("erp", "a", "a", 1, "it's here", False, day(1)),
        ("erp", "b", "b", 2, "it's here", True, day(2)),
    ]
    assert intake.depends_on("balance") == (("erp", "stock"),)
    assert intake.depends_on("item") == ()


def test_pack_sql_supplies_every_source_of_its_system(
    working: Working, landing: Landing, shapes: Any, tmp_path: Path
) -> None:
    enabled = network(contract(), other()) | network(contract(), other(), source="second")
    intake = Intake(shapes, enabled, packs(tmp_path, balance=PACK))
    land(landing, contract(), Sent([{"id": "a", "qty": 1}], day(1)))
    stage(working, landing, contract())
    intake.create_views(working.con)
    assert balance(working) == [("erp", "a", 1, "staged.nothing")]
    assert intake.notices == []
    assert intake.depends_on("balance") == (
        ("erp", "other"),
        ("erp", "stock"),
        ("second", "other"),
        ("second", "stock"),
    )


def test_every_view_has_the_columns_and_types_of_its_shape(working: Working, shapes: Any, tmp_path: Path) -> None:
    intake = Intake(shapes, network(contract(), other()), packs(tmp_path, balance__stock=PACK))
    intake.create_views(working.con)
    for name in ("balance", "item"):
        described = working.con.execute(f"DESCRIBE intake.{name}").fetchall()
        types = {row[0]: row[1].replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ") for row in described}
        assert types == shapes[name].all_columns
        assert working.con.execute(f"SELECT count(*) FROM intake.{name}").fetchall() == [(0,)]


def test_what_a_source_delivers_as_a_whole_confirms_all_of_it(
    working: Working, landing: Landing, shapes: Any, tmp_path: Path
) -> None:
    """Also where nothing of it is new; not what was refused, and nothing that only tells of changes."""
    feed = contract(supplies=SUPPLIES)
    intake = Intake(shapes, network(feed), packs(tmp_path))
    row, keyless = {"id": "a", "qty": 1}, {"row_no": 3, "rule_id": "bad", "reason": "bad"}
    land(landing, feed, Sent([row, {"id": "b", "qty": 2}], day(1)))
    land(landing, feed, Sent([row, {"id": "b", "qty": 2}], day(2)))
    land(landing, feed, Sent([row, {"id": "c"}], day(3), rejects=[keyless]))
    land(landing, feed, Sent([row], day(4), violation="unreadable"))
    land(landing, feed, Sent([row], day(5), kind="incremental"))
    stage(working, landing, feed)
    assert intake.confirmed(working.con, "balance") == [("erp", day(1), day(1)), ("erp", day(2), day(2))]
    assert intake.confirmed(working.con, "item") == []
    assert newest_as_of(working.con) == day(5)


def test_what_two_feeds_supply_is_confirmed_as_of_the_older_one(
    working: Working, landing: Landing, shapes: Any, tmp_path: Path
) -> None:
    stock, more = contract(), contract("snapshot", {"id": "VARCHAR", "note": "VARCHAR"}, feed="other")
    intake = Intake(shapes, network(stock, more), packs(tmp_path, balance=PACK))
    for number in (1, 4):
        land(landing, stock, Sent([{"id": "a", "qty": number}], day(number)))
    stage(working, landing, stock)
    sent = Sent([{"id": "a", "note": "x"}], day(2))
    landing.pull(FakeConnector(more, sent), replace(sent.offer, feed="other"), FeedState())
    stage(working, landing, more)
    assert intake.confirmed(working.con, "balance") == [("erp", day(2), day(1)), ("erp", day(4), day(2))]


DAYS = """
intake: event
grain: one row per event
columns:
  moment: {type: TIMESTAMPTZ, description: "when, UTC"}
  day: {type: DATE, local_of: moment, description: "when, local"}
"""
EVENTS = """
SELECT id AS source_key, moment, day, _delivery_id, _source_row_no, _valid_from, _is_deleted, _change_seq
FROM staged.stock
"""


def test_a_day_that_is_not_named_is_the_day_of_the_time_where_the_source_is(
    working: Working, landing: Landing, shapes: Any, tmp_path: Path
) -> None:
    (tmp_path / "intake" / "days.yml").write_text(DAYS, encoding="utf-8")
    shapes = load_shapes(tmp_path / "intake", tmp_path / "domains")
    feed = contract(columns={"id": "VARCHAR", "moment": "TIMESTAMPTZ", "day": "DATE"})
    intake = Intake(shapes, network(feed), packs(tmp_path, event=EVENTS), {"erp": Site("America/New_York")})
    late = datetime(2026, 1, 6, 3, 30, tzinfo=UTC)
    rows = [
        {"id": "a", "moment": late.isoformat(), "day": None},
        {"id": "b", "moment": late.isoformat(), "day": "2026-01-04"},
        {"id": "c", "moment": None, "day": None},
    ]
    land(landing, feed, Sent(rows, day(9)))
    stage(working, landing, feed)
    intake.create_views(working.con)
    query = "SELECT source_system, source_key, moment, day FROM intake.event ORDER BY ALL"
    assert working.con.execute(query).fetchall() == [
        ("erp", "a", late, date(2026, 1, 5)),
        ("erp", "b", late, date(2026, 1, 4)),
        ("erp", "c", None, None),
    ]


PLACES = """
domain: place
attributes:
  name: {type: VARCHAR, description: n}
  facility_code: {type: VARCHAR, of_site: facility, description: f}
  tz_iana: {type: VARCHAR, of_site: timezone, description: z}
identifiers: {}
"""
PLACE_SQL = """
SELECT id AS source_key, name, facility AS facility_code,
    _delivery_id, _source_row_no, _valid_from, _is_deleted, _change_seq
FROM staged.stock
"""


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        (Site("America/Denver", "WEST"), [("a", "WEST", "America/Denver"), ("b", "EAST", "America/Denver")]),
        (Site("America/Denver"), [("a", None, None), ("b", "EAST", None)]),
    ],
)
def test_places_of_a_source_of_one_facility_lie_in_it_and_in_its_time_zone(
    working: Working, landing: Landing, tmp_path: Path, site: Site, expected: Any
) -> None:
    (tmp_path / "place.yml").write_text(PLACES, encoding="utf-8")
    feed = contract(columns={"id": "VARCHAR", "name": "VARCHAR", "facility": "VARCHAR"})
    intake = Intake(load_shapes(tmp_path), network(feed), packs(tmp_path, place=PLACE_SQL), {"erp": site})
    rows = [{"id": "a", "name": "Ward", "facility": None}, {"id": "b", "name": "Shop", "facility": "EAST"}]
    land(landing, feed, Sent(rows, day(9)))
    stage(working, landing, feed)
    intake.create_views(working.con)
    found = working.con.execute("SELECT source_key, facility_code, tz_iana FROM intake.place ORDER BY ALL").fetchall()
    assert found == expected


def test_a_day_is_of_a_column_of_times(tmp_path: Path) -> None:
    (tmp_path / "days.yml").write_text(DAYS.replace("TIMESTAMPTZ", "VARCHAR"), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="local_of"):
        load_shapes(tmp_path)


def test_pack_sql_that_needs_a_feed_which_is_not_enabled_is_left_out(shapes: Any, tmp_path: Path) -> None:
    intake = Intake(shapes, network(contract()), packs(tmp_path, balance=PACK))
    assert intake.suppliers["balance"] == []
    assert intake.notices == ["erp: test/balance.sql is left out, it needs the feeds other"]


def test_the_relation_as_it_stood(working: Working, landing: Landing, shapes: Any, tmp_path: Path) -> None:
    intake = Intake(shapes, network(contract(), other()), packs(tmp_path, balance=PACK))
    for number, rows in ((1, {"a": 1}), (2, {"a": 2, "b": 2}), (3, {"b": 2})):
        land(landing, contract(), Sent([{"id": key, "qty": qty} for key, qty in rows.items()], day(number)))
    stage(working, landing, contract())
    intake.create_views(working.con)

    def at(moment: float) -> list[Any]:
        query = (
            f"SELECT source_key, on_hand, _is_deleted FROM ({intake.intake_sql('balance', day(moment))}) ORDER BY ALL"
        )
        return working.con.execute(query).fetchall()

    assert at(0.5) == []
    assert at(1) == at(1.5) == [("a", 1, False)]
    assert at(2) == [("a", 2, False), ("b", 2, False)]
    assert at(3) == at(9) == balance(working, "source_key, on_hand, _is_deleted") == [("a", 2, True), ("b", 2, False)]


def test_change_points_are_the_moments_that_matter(
    working: Working, landing: Landing, shapes: Any, tmp_path: Path
) -> None:
    intake = Intake(shapes, network(contract(), other()), packs(tmp_path, balance=PACK))
    intake.create_views(working.con)
    assert intake.change_points(working.con, "balance", 0) == []
    land(landing, contract(), Sent([{"id": "a", "qty": 1}, {"id": "b", "qty": 1}], day(1)))
    stage(working, landing, contract())
    assert intake.change_points(working.con, "balance", 0) == [day(1)]
    since = working.change_seq
    for number in (3, 4):
        land(landing, contract(), Sent([{"id": "a", "qty": number}, {"id": "b", "qty": 1}], day(number)))
    stage(working, landing, contract())
    assert intake.change_points(working.con, "balance", since) == [day(3), day(4)]
    since = working.change_seq
    assert intake.change_points(working.con, "balance", since) == []
    land(landing, contract(), Sent([{"id": "a", "qty": 2}, {"id": "b", "qty": 1}], day(2)))
    stage(working, landing, contract())
    # The version of day 1 was current again for a moment, while later ones were taken back.
    assert intake.change_points(working.con, "balance", since) == [day(1), day(2), day(3), day(4)]
    assert intake.change_points(working.con, "item", 0) == []


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("balance", PACK.replace("AS place", "AS plaice"), "plaice is not a column of the shape"),
        ("balance", PACK.replace("s._delivery_id, ", ""), "_delivery_id is missing"),
        ("balanse", PACK, "there is no shape balanse"),
        ("balance", "SELECT * FROM staged.stock", r"SELECT \*"),
        ("balance", "SELECT FROM WHERE (", "cannot be parsed"),
    ],
)
def test_wrong_pack_sql_is_named(shapes: Any, tmp_path: Path, file: str, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        Intake(shapes, network(contract(), other()), packs(tmp_path, **{file: text}))
    assert str(caught.value.location).endswith(f"test/{file}.sql")


def test_a_wrong_column_of_a_feed_is_named(working: Working, shapes: Any, tmp_path: Path) -> None:
    intake = Intake(shapes, network(contract(), other()), packs(tmp_path, balance=PACK.replace("s.qty", "s.quantity")))
    with pytest.raises(ConfigurationError, match="quantity") as caught:
        intake.create_views(working.con)
    assert str(caught.value.location).endswith("test/balance.sql")


def test_a_broken_shape_is_named(tmp_path: Path) -> None:
    file = tmp_path / "x.yml"
    for text in (
        SHAPE.replace('"item, by its key"', "item, by its key"),
        "intake: [",
        "other: 1",
        SHAPE + "\ncolumns: 1",
    ):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigurationError, match=r"x\.yml"):
            load_shapes(tmp_path)


def test_the_shapes_of_the_project_can_be_read() -> None:
    shapes = load_shapes(ROOT / "assets" / "intake", ROOT / "mastering" / "domains")
    assert {"item", "supplier", "location", "po_line", "receipt_line", "uom"} <= set(shapes)
    assert "," in shapes["po_line"].columns["promised_date"].description
