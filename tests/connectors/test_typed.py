"""What a text becomes under each contract type: golden cases, and the quick query beside the exact one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.contract import Column, RecordContract
from connectors.interface import ROW_NO, Batch
from connectors.plain import plain_readers, plain_values
from connectors.typed import no_rows, quick_query, quoted, session, settled, split, typed_query

ZONE = "America/New_York"


def _record(columns: Sequence[Column], key: str | None = None) -> RecordContract:
    return RecordContract(key=(key or columns[0].name,), columns=tuple(columns))


def _column(name: str, kind: str, **given: Any) -> Column:
    return Column.model_validate({"source": name, "name": name, "type": kind, "description": name, **given})


def _raw(rows: Sequence[Sequence[str | None]], columns: Sequence[Column]) -> pa.Table:
    arrays = [pa.array([row[i] for row in rows], pa.string()) for i in range(len(columns))]
    return pa.Table.from_arrays([*arrays, pa.array(range(len(rows)))], [*(c.source for c in columns), ROW_NO])


def _locate(number: int, column: Column | None) -> str:
    return f"line {number}, column {column.source!r}" if column else f"line {number}"


def _exact(rows: Sequence[Sequence[str | None]], columns: Sequence[Column], key: str | None = None) -> Batch:
    record = _record(columns, key)
    with session() as con:
        con.register("raw_texts", _raw(rows, columns))
        table = con.sql(typed_query("raw_texts", record, {c.source: quoted(c.source) for c in columns}, ZONE))
        batch = table.to_arrow_table().combine_chunks().to_batches()[0]
    return split(batch, record, "main", _locate)


def _one(raw: str | None, kind: str, **given: Any) -> Any:
    """The typed value of one text, or the ids of the rules it breaks."""
    found = _exact([[raw]], [_column("c", kind, **given)])
    if found.rejects:
        return [reject.rule_id for reject in found.rejects]
    return found.rows.column(0)[0].as_py()


# -- numbers ----------------------------------------------------------------------------------------------

EU = {"decimal_point": ",", "thousands": "."}
US = {"thousands": ","}
SWISS = {"thousands": "'"}
BOOKS = {"accounting_negative": True}


@pytest.mark.parametrize(
    ("raw", "given", "wanted"),
    [
        ("12", {}, Decimal("12.00")),
        (" \t12.5 ", {}, Decimal("12.50")),
        ("+12.50", {}, Decimal("12.50")),
        ("-.5", {}, Decimal("-0.50")),
        ("5.", {}, Decimal("5.00")),
        ("0012.30", {}, Decimal("12.30")),
        ("12.340000", {}, Decimal("12.34")),
        ("1,234.56", US, Decimal("1234.56")),
        ("1234.56", US, Decimal("1234.56")),
        ("12,34,567.00", US, ["type.decimal"]),
        ("1,23", US, ["type.decimal"]),
        (",123", US, ["type.decimal"]),
        ("1,234.56", {}, ["type.decimal"]),
        ("1.234,56", EU, Decimal("1234.56")),
        ("1234,5", EU, Decimal("1234.50")),
        ("1.234", EU, Decimal("1234.00")),
        ("1.23", EU, ["type.decimal"]),
        ("12,5", {"decimal_point": ","}, Decimal("12.50")),
        ("12.5", {"decimal_point": ","}, ["type.decimal"]),
        ("1 234,5", {"decimal_point": ",", "thousands": " "}, Decimal("1234.50")),
        ("1'234.5", SWISS, Decimal("1234.50")),
        ("12-", BOOKS, Decimal("-12.00")),
        ("(1.50)", BOOKS, Decimal("-1.50")),
        ("(1,234.50)", {**BOOKS, **US}, Decimal("-1234.50")),
        ("-12", BOOKS, Decimal("-12.00")),
        ("-12-", BOOKS, ["type.decimal"]),
        ("(-12)", BOOKS, ["type.decimal"]),
        ("(12", BOOKS, ["type.decimal"]),
        ("-", BOOKS, ["type.decimal"]),
        ("12-", {}, ["type.decimal"]),
        ("(12)", {}, ["type.decimal"]),
        ("1E3", {}, ["type.decimal"]),
        ("1e20", {}, ["type.decimal"]),
        ("NaN", {}, ["type.decimal"]),
        ("Infinity", {}, ["type.decimal"]),
        ("1_000", {}, ["type.decimal"]),
        ("0x1F", {}, ["type.decimal"]),
        ("٣", {}, ["type.decimal"]),
        ("1 2", {}, ["type.decimal"]),
        ("$5", {}, ["type.decimal"]),
        (".", {}, ["type.decimal"]),
        ("12.345", {}, ["type.decimal_scale"]),
        ("0.001", {}, ["type.decimal_scale"]),
        ("12345678901", {}, ["type.decimal_range"]),
        ("9" * 60, {}, ["type.decimal_range"]),
        ("99999999.99", {}, Decimal("99999999.99")),
        ("99999999.994", {}, ["type.decimal_scale"]),
        ("", {}, None),
        (None, {}, None),
    ],
)
def test_decimals(raw: str | None, given: dict[str, Any], wanted: object) -> None:
    assert _one(raw, "DECIMAL(10,2)", **given) == wanted


@pytest.mark.parametrize(
    ("raw", "kind", "given", "wanted"),
    [
        ("32767", "SMALLINT", {}, 32767),
        ("32768", "SMALLINT", {}, ["type.integer"]),
        ("-2147483648", "INTEGER", {}, -2147483648),
        ("2147483648", "INTEGER", {}, ["type.integer"]),
        ("9223372036854775807", "BIGINT", {}, 2**63 - 1),
        ("9223372036854775808", "BIGINT", {}, ["type.integer"]),
        ("1.0", "INTEGER", {}, ["type.integer"]),
        ("1.5", "INTEGER", {}, ["type.integer"]),
        ("1e3", "INTEGER", {}, ["type.integer"]),
        ("1,234", "INTEGER", {}, ["type.integer"]),
        ("1,234", "INTEGER", US, 1234),
        ("1,23", "INTEGER", US, ["type.integer"]),
        ("1.234", "INTEGER", EU, 1234),
        ("12-", "INTEGER", BOOKS, -12),
        ("007", "INTEGER", {}, 7),
    ],
)
def test_whole_numbers(raw: str, kind: str, given: dict[str, Any], wanted: object) -> None:
    assert _one(raw, kind, **given) == wanted


def test_a_decimal_of_38_digits_is_exact() -> None:
    assert _one("1234567890123456789012345678.0123456789", "DECIMAL(38,10)") == Decimal(
        "1234567890123456789012345678.0123456789"
    )


# -- dates and times --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "form", "wanted"),
    [
        ("2026-02-28", None, date(2026, 2, 28)),
        ("2024-02-29", None, date(2024, 2, 29)),
        ("2026-02-29", None, ["type.date"]),
        ("2026-2-28", None, ["type.date"]),
        ("2026/02/28", None, ["type.date"]),
        ("26-02-28", None, ["type.date"]),
        ("2026-02-28T00:00:00", None, ["type.date"]),
        ("infinity", None, ["type.date"]),
        ("epoch", None, ["type.date"]),
        ("10000-01-01", None, ["type.date"]),
        ("20260228", "%Y%m%d", date(2026, 2, 28)),
        ("20260229", "%Y%m%d", ["type.date"]),
        ("2026228", "%Y%m%d", ["type.date"]),
        ("00000000", "%Y%m%d", ["type.date"]),
        ("0", "%Y%m%d", ["type.date"]),
        ("20260228x", "%Y%m%d", ["type.date"]),
        ("01/09/2026", "%m/%d/%Y", date(2026, 1, 9)),
        ("1/9/2026", "%m/%d/%Y", date(2026, 1, 9)),
        ("13/01/2026", "%m/%d/%Y", ["type.date"]),
        ("01/09/26", "%m/%d/%Y", ["type.date"]),
        ("01/09/26", "%m/%d/%y", date(2026, 1, 9)),
        ("01/09/2026 00:00", "%m/%d/%Y", ["type.date"]),
        ("infinity", "%m/%d/%Y", ["type.date"]),
        ("31.12.2026", "%d.%m.%Y", date(2026, 12, 31)),
        ("5 Jan 2026", "%d %b %Y", date(2026, 1, 5)),
    ],
)
def test_dates(raw: str, form: str | None, wanted: object) -> None:
    assert _one(raw, "DATE", format=form) == wanted


@pytest.mark.parametrize(
    ("raw", "form", "wanted"),
    [
        ("09:30", None, time(9, 30)),
        ("09:30:15.5", None, time(9, 30, 15, 500000)),
        ("24:00", None, ["type.time"]),
        ("9:30", None, ["type.time"]),
        ("12:00:00+02", None, ["type.time"]),
        ("2026-01-01 12:00", None, ["type.time"]),
        ("093015", "%H%M%S", time(9, 30, 15)),
        ("93015", "%H%M%S", ["type.time"]),
        ("24:00", "%H:%M", ["type.time"]),
    ],
)
def test_times_of_day(raw: str, form: str | None, wanted: object) -> None:
    assert _one(raw, "TIME", format=form) == wanted


def _utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type] # year, month, day, ...


@pytest.mark.parametrize(
    ("raw", "given", "wanted"),
    [
        ("2026-01-09T10:00:00Z", {}, _utc(2026, 1, 9, 10)),
        ("2026-01-09 10:00:00.123456+05:30", {}, _utc(2026, 1, 9, 4, 30, 0, 123456)),
        ("2026-01-09 10:00:00 -0500", {}, _utc(2026, 1, 9, 15)),
        ("2026-01-09T10:00z", {}, _utc(2026, 1, 9, 10)),
        ("2026-01-09T10:00", {}, _utc(2026, 1, 9, 15)),
        ("2026-07-09T10:00:00", {}, _utc(2026, 7, 9, 14)),
        ("2026-07-09T10:00:00", {"timezone": "Asia/Kolkata"}, _utc(2026, 7, 9, 4, 30)),
        ("2026-01-09T10:00:00.1234567Z", {}, _utc(2026, 1, 9, 10, 0, 0, 123456)),
        # both days on which the clocks of New York change
        ("2026-03-08T01:59:59", {}, _utc(2026, 3, 8, 6, 59, 59)),
        ("2026-03-08T02:00:00", {}, ["time.dst_gap"]),
        ("2026-03-08T02:59:59", {}, ["time.dst_gap"]),
        ("2026-03-08T03:00:00", {}, _utc(2026, 3, 8, 7)),
        ("2026-11-01T00:59:59", {}, _utc(2026, 11, 1, 4, 59, 59)),
        ("2026-11-01T01:30:00", {}, _utc(2026, 11, 1, 6, 30)),
        ("2026-11-01T02:00:00", {}, _utc(2026, 11, 1, 7)),
        ("2026-03-08T02:30:00-05:00", {}, _utc(2026, 3, 8, 7, 30)),
        ("2026-03-08T02:30:00", {"timezone": "UTC"}, _utc(2026, 3, 8, 2, 30)),
        ("03/08/2026 02:30", {"format": "%m/%d/%Y %H:%M"}, ["time.dst_gap"]),
        ("03/08/2026 03:30", {"format": "%m/%d/%Y %H:%M"}, _utc(2026, 3, 8, 7, 30)),
        ("2026-01-09 10:00 +0100", {"format": "%Y-%m-%d %H:%M %z"}, _utc(2026, 1, 9, 9)),
        ("2026-01-09 10:00 UTC", {"format": "%Y-%m-%d %H:%M %Z"}, _utc(2026, 1, 9, 10)),
        ("26-01-09 10:00 +0100", {"format": "%Y-%m-%d %H:%M %z"}, ["type.timestamp"]),
        # what DuckDB's casts would read as something else
        ("2026-01-09 10:00:00 UTC", {}, ["type.timestamp"]),
        ("2026-01-09 10:00:00 Europe/Paris", {}, ["type.timestamp"]),
        ("2026-01-09 24:00:00", {}, ["type.timestamp"]),
        ("2026-01-09T10:00:60", {}, ["type.timestamp"]),
        ("2026-01-09", {}, ["type.timestamp"]),
        ("10000-01-01T00:00:00Z", {}, ["type.timestamp"]),
        ("9999-12-31T23:59:59-05:00", {}, ["type.timestamp"]),
        ("0001-01-01T00:00:00+05:00", {}, ["type.timestamp"]),
        ("infinity", {}, ["type.timestamp"]),
        ("now", {}, ["type.timestamp"]),
    ],
)
def test_moments(raw: str, given: dict[str, Any], wanted: object) -> None:
    assert _one(raw, "TIMESTAMPTZ", **given) == wanted


# -- codes, sentinels, required ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "given", "wanted"),
    [
        ("Yes", {}, True),
        ("0", {}, False),
        ("maybe", {}, ["type.boolean"]),
        ("A", {"true_values": ["A"], "false_values": ["I", "D"]}, True),
        ("d", {"true_values": ["A"], "false_values": ["I", "D"]}, False),
        ("yes", {"true_values": ["A"], "false_values": ["I"]}, ["type.boolean"]),
    ],
)
def test_booleans(raw: str, given: dict[str, Any], wanted: object) -> None:
    assert _one(raw, "BOOLEAN", **given) == wanted


@pytest.mark.parametrize(
    ("raw", "kind", "given", "wanted"),
    [
        ("00000000", "DATE", {"format": "%Y%m%d", "sentinels": ["0", "00000000"]}, None),
        (" 0 ", "DATE", {"format": "%Y%m%d", "sentinels": ["0", "00000000"]}, None),
        ("9999-12-31", "DATE", {"sentinels": ["9999-12-31"]}, None),
        ("N/A", "DECIMAL(9,2)", {"sentinels": ["N/A"]}, None),
        ("n/a", "DECIMAL(9,2)", {"sentinels": ["N/A"]}, ["type.decimal"]),
        ("N/A", "VARCHAR", {"sentinels": ["N/A"], "required": True}, ["required"]),
        ("  ", "VARCHAR", {"required": True}, ["required"]),
        ("EA", "VARCHAR", {"lookup": {"EA": "each"}}, "each"),
        ("BX", "VARCHAR", {"lookup": {"EA": "each"}}, ["lookup.miss"]),
        ("BX", "VARCHAR", {"lookup": {"EA": "each"}, "lookup_miss": "keep"}, "BX"),
        ("BX", "VARCHAR", {"lookup": {"EA": "each"}, "lookup_miss": "null"}, None),
        ("dozen", "INTEGER", {"lookup": {"dozen": "12"}}, 12),
        ("a\0b", "VARCHAR", {}, ["text.nul"]),
        ("'; DROP TABLE x; --", "VARCHAR", {}, "'; DROP TABLE x; --"),
        ("it's", "VARCHAR", {"lookup": {"it's": "it''s"}}, "it''s"),
    ],
)
def test_codes_and_absent_values(raw: str, kind: str, given: dict[str, Any], wanted: object) -> None:
    assert _one(raw, kind, **given) == wanted


# -- rejects ----------------------------------------------------------------------------------------------


def test_every_defect_of_a_row_is_named_and_the_row_counts_once() -> None:
    columns = [_column("k", "VARCHAR"), _column("n", "INTEGER"), _column("d", "DATE", required=True)]
    found = _exact([["a", "1", "2026-01-01"], ["b", "x", None]], columns)
    assert found.rows.column("k").to_pylist() == ["a"]
    assert [(r.row_no, r.column, r.rule_id, r.raw, r.rows) for r in found.rejects] == [
        (1, "n", "type.integer", "x", 1),
        (1, "d", "required", None, 0),
    ]
    assert found.rejects[0].location == "line 1, column 'n'"
    assert found.rejects[0].reason == "n: not a whole number of the declared size (INTEGER)"


def test_a_refused_row_is_named_by_its_key_as_the_store_writes_it() -> None:
    columns = [
        _column("day", "DATE", format="%m/%d/%Y"),
        _column("bin", "VARCHAR", sentinels=["-"]),
        _column("qty", "DECIMAL(9,3)"),
    ]
    record = RecordContract(key=("day", "bin"), columns=tuple(columns))
    rows: list[list[str | None]] = [
        ["01/09/2026", "A", "x"],
        ["01/09/2026", "-", "x"],
        ["02/30/2026", "A", "x"],
        [None, "", "x"],
    ]
    with session() as con:
        con.register("raw_texts", _raw(rows, columns))
        query = typed_query("raw_texts", record, {c.source: quoted(c.source) for c in columns}, ZONE)
        batch = con.sql(query).to_arrow_table().combine_chunks().to_batches()[0]
    rejects = split(batch, record, "main", _locate).rejects
    keys = {r.row_no: r.key for r in rejects}
    assert keys == {0: "2026-01-09|A", 1: "2026-01-09|", 2: None, 3: None}, "an unreadable part makes no key"


def test_patient_columns_are_neither_checked_nor_given_out() -> None:
    columns = [_column("k", "INTEGER"), _column("mrn", "VARCHAR", phi=True)]
    found = _exact([["1", "MRN-CANARY"], ["x", "MRN-CANARY"]], columns)
    assert found.rows.schema.names == ["k", ROW_NO]
    assert "CANARY" not in repr(found.rejects)


# -- quick = exact ----------------------------------------------------------------------------------------

COLUMNS = (
    _column("t", "VARCHAR"),
    _column("t_needed", "VARCHAR", required=True),
    _column("t_code", "VARCHAR", lookup={"A": "alpha", "B ": "b"}, lookup_miss="keep"),
    _column("t_none", "VARCHAR", sentinels=["-", "N/A"]),
    _column("t_listed", "VARCHAR", lookup={"A": "alpha"}, lookup_miss="null", required=True),
    _column("i", "INTEGER"),
    _column("i_small", "SMALLINT", required=True),
    _column("i_grouped", "BIGINT", thousands=","),
    _column("i_none", "BIGINT", sentinels=["0", "-1"]),
    _column("m", "DECIMAL(9,2)"),
    _column("m_wide", "DECIMAL(38,10)", required=True),
    _column("m_whole", "DECIMAL(5,0)"),
    _column("m_eu", "DECIMAL(9,2)", decimal_point=",", thousands="."),
    _column("m_books", "DECIMAL(9,2)", accounting_negative=True, thousands=","),
    _column("m_none", "DECIMAL(9,2)", sentinels=["0", "n/a"], required=True),
    _column("b", "BOOLEAN"),
    _column("b_code", "BOOLEAN", true_values=["A"], false_values=["I"]),
    _column("d", "DATE"),
    _column("d_us", "DATE", format="%m/%d/%Y", sentinels=["01/01/1900"]),
    _column("d_plain", "DATE", format="%Y%m%d"),
    _column("d_blank", "DATE", format="%d %b %Y"),
    _column("c", "TIME"),
    _column("c_plain", "TIME", format="%H%M%S"),
    _column("z", "TIMESTAMPTZ"),
    _column("z_paris", "TIMESTAMPTZ", timezone="Europe/Paris", required=True),
    _column("z_form", "TIMESTAMPTZ", format="%Y-%m-%d %H:%M:%S"),
    _column("z_offset", "TIMESTAMPTZ", format="%Y-%m-%d %H:%M:%S %z", sentinels=["-"]),
)

_DIGITS = st.text("0123456789+-.,() eE'_", max_size=12)
_DATES = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["2026", "0001", "9999", "10000", "26", "1900", " 2026"]),
    st.sampled_from(["-", "/", ""]),
    st.sampled_from(["01", "1", "13", "02", "03", "11"]),
    st.sampled_from(["-", "/", ""]),
    st.sampled_from(["01", "08", "30", "31", "8", "00"]),
)
_CLOCKS = st.sampled_from(
    [
        *("", "T10:00:00Z", " 02:30:00", "T01:30", " 24:00:00", "T10:00:00.1234567Z", "T10:00:00+05:30", " 10:00 UTC"),
        *("T23:59:60Z", " 10:00:00 -0500", "T1:00:00Z", "T10:00:00  Z", " 00:00:00+14", "T10:00:00z", "  10:00:00"),
    ]
)
_BLANKS = st.sampled_from(["", "", "", " ", "\t", "  ", "\n", "\u00a0", "\x0b"])
_WORDS = st.sampled_from(
    [
        *(
            "",
            "-",
            "N/A",
            "n/a",
            "A",
            "B",
            "I",
            "0",
            "-1",
            "yes",
            "FALSE",
            "infinity",
            "-infinity",
            "epoch",
            "now",
            "NaN",
        ),
        *(
            "null",
            "01/01/1900",
            "01/09/2026",
            "1/9/26",
            "20260109",
            "2026019",
            "9 Jan 2026",
            "093000",
            "93000",
            "09:30",
        ),
        *("1,234", "1.234,5", "12-", "(12)", "1e3", "0x1F", "1_000", "1.999", "99999.5", "32768", "٣", "12:00:00+02"),
    ]
)
_CORE = st.one_of(_WORDS, _DIGITS, st.builds("{}{}".format, _DATES, _CLOCKS), st.text(max_size=8))
#: Any text without NUL: the scan sends a file that has one to the careful reader.
TEXTS = st.one_of(
    st.none(),
    st.builds("{}{}{}".format, _BLANKS, _CORE, _BLANKS).map(
        lambda t: t.replace("\0", "").encode("utf-8", "ignore").decode()
    ),
)


#: Ways of writing that systems have, and near misses of them.
MORE_COLUMNS = (
    _column("d_de", "DATE", format="%d.%m.%Y", required=True),
    _column("z_de", "TIMESTAMPTZ", format="%d.%m.%Y %H:%M", timezone="Europe/Berlin"),
    _column("z_us", "TIMESTAMPTZ", format="%m/%d/%Y %I:%M %p", timezone="America/Denver"),
    _column("m_comma", "DECIMAL(9,3)", decimal_point=","),
    _column("m_all", "DECIMAL(4,4)"),
    _column("b_none", "BOOLEAN", sentinels=["0"], required=True),
)
_DAYS_OF_YEARS = st.dates(date(1000, 1, 1), date(2999, 12, 31)) | st.dates(date(2026, 3, 6), date(2026, 4, 2))
_TIMES_OF_DAY = st.times().map(lambda t: t.replace(microsecond=0))
_FORMS = st.sampled_from(["%d.%m.%Y", "%m/%d/%Y", "%d.%m.%Y %H:%M", "%m/%d/%Y %I:%M %p", "%Y-%m-%d %H:%M:%S", "%Y%m%d"])
_OFFSETS = st.sampled_from(
    ["", "Z", "+00:00", "-05:00", "+05:45", "-00:30", "+13:00", "+14:00", "+1:00", "-0500", " Z"]
)
_NUMBERS = (
    str,
    "{:,}".format,
    lambda n: f"{n:,}".translate(str.maketrans(",.", ".,")),
    lambda n: f"{n}".replace(".", ","),
)
PLAIN_TEXTS = st.one_of(
    st.builds(lambda d, t, f: datetime.combine(d, t).strftime(f), _DAYS_OF_YEARS, _TIMES_OF_DAY, _FORMS),
    st.builds(
        "{:%Y-%m-%d}{}{:%H:%M:%S}{}".format,
        _DAYS_OF_YEARS,
        st.sampled_from("T "),
        _TIMES_OF_DAY,
        st.sampled_from(["", "Z", "+00:00", "-05:00", "+05:45", "-00:30", "+13:00", "+14:00", "+1:00", "-0500", " Z"]),
    ),
    st.decimals(-(10**9), 10**9, places=2).flatmap(
        lambda n: st.sampled_from(
            [str(n), f"{n:,}", f"{n:,}".translate(str.maketrans(",.", ".,")), str(n).replace(".", ",")]
        )
    ),
)


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.large_base_example, HealthCheck.data_too_large]
)
@given(st.lists(TEXTS, min_size=60, max_size=120))
def test_the_quick_query_says_what_the_exact_one_says(texts: list[str | None]) -> None:
    """Every text in every column: each row of the probe has one text in all columns, but the key is the row's own."""
    key = _column("key", "VARCHAR")
    for column in COLUMNS:
        columns = [key, column]
        rows = [[f"k{i}", raw] for i, raw in enumerate(texts)]
        exact, quick = _exact(rows, columns), _quick(rows, columns)
        assert quick.rows.equals(exact.rows), column.name
        assert quick.rejects == exact.rejects, column.name


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.large_base_example, HealthCheck.data_too_large]
)
@given(st.lists(TEXTS | PLAIN_TEXTS, min_size=60, max_size=120))
def test_what_is_plain_is_what_the_exact_query_says(texts: list[str | None]) -> None:
    key = _column("key", "VARCHAR")
    for column in (*COLUMNS, *MORE_COLUMNS):
        columns = [key, column]
        readers = plain_readers(_record(columns), ZONE)
        if readers is None:
            continue
        rows = [[f"k{i}", raw] for i, raw in enumerate(texts)]
        found, certain = plain_values(readers, {c.source: _raw(rows, columns).column(c.source) for c in columns})
        exact = _exact(rows, columns).rows
        at = {key: n for n, key in enumerate(exact["key"].to_pylist())}
        sure = [n for n in range(len(texts)) if certain[n]]
        assert {f"k{n}" for n in sure} <= set(at), column.name
        expected = [exact[column.name][at[f"k{n}"]].as_py() for n in sure]
        assert [found[column.name][n].as_py() for n in sure] == expected, column.name
        assert found[column.name].type == exact[column.name].type


@pytest.mark.parametrize(
    ("column", "raw", "value"),
    [
        (_column("i", "INTEGER", sentinels=["0"]), "12", 12),
        (_column("i", "INTEGER", sentinels=["0"]), "0", None),
        (_column("m", "DECIMAL(9,2)", decimal_point=",", thousands="."), "-1.234.567,5", Decimal("-1234567.50")),
        (_column("t", "VARCHAR", lookup={"A": "alpha"}, lookup_miss="keep"), "B", "B"),
        (_column("b", "BOOLEAN"), "Yes", True),
        (_column("d", "DATE"), "2026-01-31", date(2026, 1, 31)),
        (_column("d", "DATE", format="%d.%m.%Y"), "31.01.2026", date(2026, 1, 31)),
        (_column("d", "DATE", format="%m/%d/%Y"), "01/31/2026", date(2026, 1, 31)),
        (_column("z", "TIMESTAMPTZ"), "2026-01-09T10:00:00-05:00", datetime(2026, 1, 9, 15, tzinfo=UTC)),
        (_column("z", "TIMESTAMPTZ"), "2026-01-09T10:00:00Z", datetime(2026, 1, 9, 10, tzinfo=UTC)),
        (
            _column("z", "TIMESTAMPTZ", timezone="America/Denver"),
            "2026-07-09 10:00:00",
            datetime(2026, 7, 9, 16, tzinfo=UTC),
        ),
        (
            _column("z", "TIMESTAMPTZ", format="%d.%m.%Y %H:%M"),
            "09.01.2026 10:30",
            datetime(2026, 1, 9, 15, 30, tzinfo=UTC),
        ),
        (
            _column("z", "TIMESTAMPTZ", format="%m/%d/%Y %I:%M %p"),
            "01/09/2026 12:30 AM",
            datetime(2026, 1, 9, 5, 30, tzinfo=UTC),
        ),
    ],
)
def test_the_usual_ways_of_writing_are_plain(column: Column, raw: str, value: object) -> None:
    readers = plain_readers(_record([column]), ZONE)
    assert readers is not None
    values, certain = plain_values(readers, {column.source: pa.array([raw])})
    assert (values[column.name].to_pylist(), certain.tolist()) == ([value], [True])


@pytest.mark.parametrize("raw", ["2026-03-29 02:30:00", "2026-10-25 02:30:00", "2026-10-26 01:00:00"])
def test_near_a_change_of_the_clocks_nothing_local_is_plain(raw: str) -> None:
    column = _column("z", "TIMESTAMPTZ", timezone="Europe/Paris")
    readers = plain_readers(_record([column]))
    assert readers is not None
    assert plain_values(readers, {column.source: pa.array([raw])})[1].tolist() == [False]


def _quick(rows: Sequence[Sequence[str | None]], columns: Sequence[Column]) -> Batch:
    record = _record(columns)
    with session() as con, session() as second:
        con.register("raw_texts", _raw(rows, columns))
        query = quick_query("raw_texts", record, {c.source: quoted(c.source) for c in columns}, ZONE)
        batch = con.sql(query).to_arrow_table().combine_chunks().to_batches()[0]
        certain, decided = settled(second, batch, record, ZONE)
    if decided is None:
        return Batch("main", certain)
    judged = split(decided, record, "main", _locate)
    rows_found = pa.Table.from_batches([certain, judged.rows]).sort_by(ROW_NO).combine_chunks().to_batches()
    return Batch("main", rows_found[0] if rows_found else certain, judged.rejects)


def test_plain_values_take_the_quick_way() -> None:
    """The quick query would be right, and useless, if it doubted everything."""
    plain = {"t": "x", "i": "12", "m": "1.50", "d": "2026-01-09", "z": "2026-01-09T10:00:00Z", "b": "yes"}
    columns = [column for column in COLUMNS if column.name in plain]
    record = _record(columns)
    with session() as con:
        con.register("raw_texts", _raw([[plain[c.name] for c in columns]], columns))
        query = quick_query("raw_texts", record, {c.source: quoted(c.source) for c in columns}, ZONE)
        assert con.sql(query).to_arrow_table().column("_bad").to_pylist() == [None]


def test_no_rows_have_the_columns_and_types_of_rows() -> None:
    record = _record([*COLUMNS, _column("mrn", "VARCHAR", phi=True)])
    found = _exact([[None] * len(COLUMNS)], [c.model_copy(update={"required": False}) for c in COLUMNS])
    assert no_rows(record).schema.equals(found.rows.schema)
    assert no_rows(record).num_rows == 0
