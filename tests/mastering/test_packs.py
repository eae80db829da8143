"""Pack strings: what each form means, that factors multiply, and that nothing is guessed."""

from __future__ import annotations

import time
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastering.packs import read_pack, register_functions


@pytest.mark.parametrize(
    ("text", "base", "levels"),
    [
        ("100/BX 10BX/CA", "EA", {"BX": 100, "CA": 1000}),
        ("100/BX 10/CA", "EA", {"BX": 100, "CA": 1000}),
        ("10BX/CA 100/BX", "EA", {"CA": 1000, "BX": 100}),
        ("100EA/BX, 10 bx/ca; 4 CA PER PL", "ea", {"BX": 100, "CA": 1000, "PL": 4000}),
        ("100EA/BX", None, {"BX": 100}),
        ("CS/4", "EA", {"CS": 4}),
        ("CS/4BX BX/100", "EA", {"CS": 400, "BX": 100}),
        ("BX OF 100", "EA", {"BX": 100}),
        ("CASE OF 4 BX BX OF 25", "EA", {"CASE": 100, "BX": 25}),
        ("1 CA = 10 BX 1 BX = 50 EA", "EA", {"CA": 500, "BX": 50}),
        ("EA", "ea", {"EA": 1}),
        ("1/EA 12/DZ", "EA", {"EA": 1, "DZ": 12}),
        ("2.5 ML/VL 10VL/BX", "ML", {"VL": Decimal("2.5"), "BX": 25}),
        ("100/BX 100/BX", "EA", None),
    ],
)
def test_a_pack_string_becomes_units_in_base_units(text: str, base: str | None, levels: dict[str, int] | None) -> None:
    pack = read_pack(text, base)
    if levels is None:
        assert pack.fault is not None
        assert not pack.levels
    else:
        assert pack.fault is None
        assert {one.uom: one.factor for one in pack.levels} == levels


@pytest.mark.parametrize(
    ("text", "base", "fault"),
    [
        ("", "EA", "there is nothing to read"),
        ("assorted sizes", "EA", "not a pack level: ASSORTED SIZES"),
        ("12/4/CS", "EA", "not a pack level: 12/4/CS"),
        ("100/BX, 50/BX", "EA", "two things are said of BX"),
        ("10BX/CA 5CA/BX", "EA", "CA goes in a circle"),
        ("10BX/CA", "EA", "nothing says what BX is"),
        ("0/BX", "EA", "0 base units in one BX is no factor"),
        ("10/EA", "EA", "EA is the base unit and cannot hold several of itself"),
        ("BX", "EA", "BX says nothing of EA"),
        ("100/BX CA", "EA", "not a pack level: CA"),
    ],
)
def test_what_cannot_be_read_is_not_guessed(text: str, base: str, fault: str) -> None:
    assert (read_pack(text, base).levels, read_pack(text, base).fault) == ((), fault)


@given(st.lists(st.integers(1, 99), min_size=1, max_size=5), st.booleans())
def test_factors_multiply_along_the_chain_in_either_order(counts: list[int], top_first: bool) -> None:
    units = ["EA", *(f"U{place}" for place in range(len(counts)))]
    parts = [f"{count}{units[place]}/{units[place + 1]}" for place, count in enumerate(counts)]
    pack = read_pack(" ".join(reversed(parts) if top_first else parts), "EA")
    product, expected = 1, {}
    for place, count in enumerate(counts):
        product *= count
        expected[f"U{place}"] = product
    assert {one.uom: one.factor for one in pack.levels} == expected


@given(st.text("0123456789/ ,=BXCAOFEPR.", max_size=20))
def test_any_text_has_levels_or_a_fault(text: str) -> None:
    pack = read_pack(text, "EA")
    assert bool(pack.levels) != bool(pack.fault)
    assert all(one.factor > 0 for one in pack.levels)


def test_sql_of_a_pack_makes_one_row_per_unit() -> None:
    con = duckdb.connect()
    register_functions(con)
    rows = con.sql(
        "SELECT item, l.uom, l.factor FROM (SELECT item, unnest(pack_levels(pack, 'EA')) AS l"
        " FROM (VALUES ('a', '100/BX 10BX/CA'), ('b', 'various'), ('c', NULL)) AS t (item, pack)) ORDER BY ALL"
    ).fetchall()
    assert rows == [("a", "BX", Decimal("100.000000")), ("a", "CA", Decimal("1000.000000"))]
    faults = con.sql(
        "SELECT pack_fault(pack, NULL) FROM (VALUES ('1/EA'), (NULL), ('a b')) AS t (pack) ORDER BY pack"
    ).fetchall()
    assert faults == [(None,), ("not a pack level: A B",), (None,)]


def test_a_column_of_packs_is_read_in_seconds() -> None:
    con = duckdb.connect()
    register_functions(con)
    start = time.process_time()
    query = "SELECT count(*) FROM range(100000) WHERE len(pack_levels((range % 500 + 1) || '/BX 10BX/CA', 'EA')) = 2"
    assert con.sql(query).fetchall() == [(100_000,)]
    assert time.process_time() - start < 10
