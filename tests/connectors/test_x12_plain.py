"""Plain values typed in Arrow are what the exact query makes of them; interchanges read together do not touch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.contract import Column, RecordContract
from connectors.interface import ROW_NO
from connectors.plain import plain_readers, plain_values
from connectors.typed import no_rows, quoted, session, split, typed_query
from tests.connectors.x12_files import Marks, Result, one, order, read, without

_TYPES = [
    ("VARCHAR", None),
    ("DATE", "%Y%m%d"),
    ("TIMESTAMPTZ", None),
    ("SMALLINT", None),
    ("INTEGER", None),
    ("BIGINT", None),
    ("DECIMAL(18,6)", None),
    ("DECIMAL(4,4)", None),
    ("DECIMAL(5,0)", None),
]
_days = st.integers(0, 99_999_999).map(lambda n: f"{n:08d}") | st.dates().map(lambda d: d.strftime("%Y%m%d"))
_numbers = st.from_regex(r"[+-]?[0-9]{0,19}([.][0-9]{0,8})?", fullmatch=True)
_moments = st.datetimes().map(lambda d: d.replace(microsecond=0).isoformat(sep=" ") + "+00:00")
_texts = (
    st.none()
    | st.text(" \tab1é-.:", max_size=8)
    | _days
    | _numbers
    | _moments
    | st.sampled_from(
        [
            "20260229",
            "20240229",
            "20260431",
            "00000101",
            "infinity",
            "007",
            "-0",
            "1.",
            ".5",
            "1e3",
            "2026-02-29 00:00:00+00:00",
        ]
    )
)


def _record(kind: str, form: str | None, required: bool) -> RecordContract:
    column = Column(source="raw", name="value", type=kind, format=form, required=required, description="a value")
    key = Column(source="key", name="key", type="VARCHAR", description="a key")
    return RecordContract(key=("key",), columns=(key, column))


@pytest.mark.parametrize(("kind", "form"), _TYPES)
@pytest.mark.parametrize("required", [True, False])
@settings(max_examples=60, deadline=None)
@given(values=st.lists(_texts, min_size=1, max_size=30))
def test_what_is_certain_is_what_the_exact_query_gives(
    kind: str, form: str | None, required: bool, values: list[str | None]
) -> None:
    record = _record(kind, form, required)
    texts = {"raw": pa.array(values, pa.string()), "key": pa.array(["k"] * len(values))}
    readers = plain_readers(record)
    assert readers is not None
    found, certain = plain_values(readers, texts)
    with session() as con:
        con.register("raw_rows", pa.table({**texts, ROW_NO: pa.array(range(len(values)), pa.int64())}))
        query = typed_query("raw_rows", record, {s: quoted(s) for s in texts}, "UTC")
        exact = split(con.sql(query).to_arrow_table().combine_chunks().to_batches()[0], record, "main", lambda *_: "")
        con.unregister("raw_rows")
    kind_of = no_rows(record).schema.field("value").type
    at = {row: n for n, row in enumerate(exact.rows[ROW_NO].to_pylist())}
    sure = np.flatnonzero(certain).tolist()
    assert set(sure) <= set(at)
    right = exact.rows["value"].cast(kind_of).take(pa.array([at[n] for n in sure], pa.int64()))
    assert found["value"].take(pa.array(sure, pa.int64())).equals(right)


@pytest.mark.parametrize(
    ("kind", "form", "text"),
    [
        ("DATE", "%Y%m%d", "20260131"),
        ("TIMESTAMPTZ", None, "2026-01-28 23:59:59+00:00"),
        ("INTEGER", None, "120"),
        ("DECIMAL(18,6)", None, "-12.50"),
        ("VARCHAR", None, "any text"),
    ],
)
def test_the_usual_way_of_writing_is_plain(kind: str, form: str | None, text: str) -> None:
    texts = {"raw": pa.array([text]), "key": pa.array(["k"])}
    readers = plain_readers(_record(kind, form, required=True))
    assert readers is not None
    assert plain_values(readers, texts)[1].tolist() == [True]


_OTHER = Marks("|", ":", "\n")
_GOOD = one("850", order("P1"), control="000000001").encode()
_INTERCHANGES = {
    "good": _GOOD,
    "other delimiters": one("850", order("P2"), control="000000002", marks=_OTHER).encode(),
    "bad quantity": one(
        "850",
        order("P3", ("PO1", "1", "1.2.3", "EA", "2", "", "VN", "A"), ("PO1", "2", "4", "EA", "2", "", "VN", "B")),
        control="000000003",
        marks=Marks("+", "<", "'"),
    ).encode(),
    "wrong count": one("850", order("P4"), control="000000004").replace("~SE*6", "~SE*7").encode(),
    "Latin-1": one("850", order("P5", header=[("N1", "SE", "M\u00fcller", "92", "V1")])).encode("latin-1"),
    "UTF-8": one("850", order("P6", header=[("N1", "SE", "M\u00fcller", "92", "V1")])).encode(),
    "wrapped": b"\n".join(_GOOD[n : n + 70] for n in range(0, len(_GOOD), 70)) + b"\n",
    "no group trailer": one("850", order("P7")).replace("GE*1*1~", "").encode(),
    "unlisted set": one("837", order("P8")).encode(),
}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Result, int]]:
    """What each interchange says alone, and how many segments it has."""
    folder = tmp_path_factory.mktemp("alone")
    return {name: (read(folder, content), _segments(folder, content)) for name, content in _INTERCHANGES.items()}


@settings(max_examples=15, deadline=None)
@given(names=st.permutations(sorted(_INTERCHANGES)))
def test_an_interchange_says_the_same_alone_and_among_others(
    alone: dict[str, tuple[Result, int]], tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    together = read(tmp_path_factory.mktemp("together"), b"".join(_INTERCHANGES[name] for name in names))
    start = segments = 0
    expected: list[tuple[object, ...]] = []
    for sets, name in enumerate(names):
        expected += _placed(alone[name][0], start, segments, sets)
        start += len(_INTERCHANGES[name])
        segments += alone[name][1]
    assert sorted(map(str, _placed(together, 0, 0, 0))) == sorted(map(str, expected))


def _placed(found: Result, start: int, segments: int, sets: int) -> list[tuple[object, ...]]:
    """Rows and rejects with their place in a file in which so much comes before."""
    rows = [
        (record, row["_source_row_no"] + segments, row.get("position", 0) + (sets if "position" in row else 0), kept)
        for record, many in found.rows.items()
        for row in many
        for kept in [without(row, "_source_row_no", "file_id", "position")]
    ]
    rejects = [
        (r.record, r.row_no + segments, (r.byte_offset or 0) + start, r.rule_id, r.reason, r.raw, r.rows, r.severity)
        for r in found.rejects
    ]
    return [*rows, *rejects]


def _segments(folder: Path, content: bytes) -> int:
    """Segments of an interchange, as the place of what follows it says."""
    places = [int(row["_source_row_no"]) for row in read(folder, content + _GOOD).of("transaction_set")]
    return max(places) - 3
