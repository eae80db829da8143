"""Delimited files, from bytes to rows and rejects: headers, totals, dialects, and files that are out to do harm."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors import delimited
from connectors.delimited_lines import LINE_BYTES
from connectors.errors import ContractViolation
from connectors.typed import session
from store.feed_tables import feed_tables
from tests.connectors.csv_files import Outcome, column, contract, read, read_carefully

QTY = Decimal("1.00")


@pytest.fixture(autouse=True, scope="module", params=["small", "large"])
def size(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every file of these tests is read as a small one is, and as a large one."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "large":
            patch.setattr(delimited, "_SMALL_BYTES", 0)
        yield


def _violation(folder: Path, data: bytes, **given: Any) -> ContractViolation:
    with pytest.raises(ContractViolation) as caught:
        read(folder, data, contract(**given))
    error = caught.value
    assert error.feed == "lab.probe"
    assert error.delivery == "data.csv"
    assert error.location
    assert error.hint
    assert not error.retryable
    return error


# -- header -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reader", [read, read_carefully])
@pytest.mark.parametrize(
    "data",
    [
        b"item,note,qty\nA,x,1\n",
        b"qty,item,note\n1,A,x\n",
        b"ITEM,Note,QTY\nA,x,1\n",
        b" item , note ,qty\nA,x,1\n",
        b'"item","note","qty"\n"A","x","1"\n',
        b"\xef\xbb\xbfitem,note,qty\nA,x,1\n",
        b"item,note,qty\r\nA,x,1\r\n",
        b"item,extra,note,more,qty\nA,?,x,?,1\n",
    ],
)
def test_columns_are_found_by_name(tmp_path: Path, data: bytes, reader: Any) -> None:
    assert reader(tmp_path, data).rows == [(2, "A", "x", QTY)]


def test_added_columns_are_reported_until_somebody_decides(tmp_path: Path) -> None:
    data = b"item,note,qty,extra,,skip\nA,x,1,?,?,?\n"
    found = read(tmp_path, data, contract(ignore={"skip": "of no use"}))
    assert [(w.rule_id, w.rows) for w in found.warnings] == [("schema.unknown_column", 0)] * 2
    assert [w.reason for w in found.warnings] == [
        "column 'extra' is neither mapped nor ignored",
        "column '' is neither mapped nor ignored",
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"item,note\nA,x\n", "column qty is not in the header"),
        (b"item,note,quantity\nA,x,1\n", "column qty is not in the header, which has 'quantity' that nobody mapped"),
        (b"item,note,qty,qty\nA,x,1,2\n", "column qty is in the header twice"),
        (b"Item,ITEM,note,qty\nA,B,x,1\n", "column item is in the header twice"),
        (b"item;note;qty\nA;x;1\n", "column item, note, qty is not in the header"),
        (b"A,x,1\nB,x,1\n", "column item, note, qty is not in the header"),
        (b'"item,note,qty\nA,x,1\n', "the header cannot be read"),
    ],
)
def test_a_header_that_lacks_something_refuses_the_file(tmp_path: Path, data: bytes, message: str) -> None:
    error = _violation(tmp_path, data)
    assert error.message.startswith(message)
    assert error.location == "line 1"


def test_the_exact_name_wins_over_one_that_differs_in_case(tmp_path: Path) -> None:
    found = read(tmp_path, b"ITEM,item,note,qty\nwrong,A,x,1\n")
    assert found.rows == [(2, "A", "x", QTY)]


def test_unmapped_names_may_occur_twice(tmp_path: Path) -> None:
    assert read(tmp_path, b"item,note,qty,,\nA,x,1,,\n").rows == [(2, "A", "x", QTY)]


def test_files_without_a_header_are_read_by_position(tmp_path: Path) -> None:
    feed = contract(format={"header": False})
    data = b"\xef\xbb\xbfA,x,1\nB,y,1\n"
    wanted = [(1, "A", "x", QTY), (2, "B", "y", QTY)]
    assert read(tmp_path, data, feed).rows == read_carefully(tmp_path, data, feed).rows == wanted


@pytest.mark.parametrize("reader", [read, read_carefully])
def test_title_lines_are_passed_over_and_lines_keep_their_numbers(tmp_path: Path, reader: Any) -> None:
    feed = contract(format={"skip_lines": 2})
    found = reader(tmp_path, b"Stock report\nprinted 1/9\nitem,note,qty\nA,x,1\nB,y,?\n", feed)
    assert found.rows == [(4, "A", "x", QTY)]
    assert found.rules == [(5, "type.decimal")]


# -- totals -----------------------------------------------------------------------------------------------

ROWS = b"item,note,qty\nA,x,1.50\nB,y,2.25\n"
TRAILER = {"trailer": {"pattern": r"TRL,(?P<rows>[0-9]+),(?P<qty>[-0-9.,]+)"}}


@pytest.mark.parametrize("reader", [read, read_carefully])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n", b"\n\r\n\n"])
def test_right_totals(tmp_path: Path, reader: Any, end: bytes) -> None:
    found = reader(tmp_path, ROWS + b"TRL,2,3.75" + end, contract(format=TRAILER))
    assert [row[1] for row in found.rows] == ["A", "B"]
    assert not found.refused


@pytest.mark.parametrize(
    ("tail", "message"),
    [
        (b"TRL,3,3.75\n", "the trailer states rows 3, the file has 2"),
        (b"TRL,2,3.76\n", "the trailer states qty 3.76, the file has 3.75"),
        (b"TRL,2,--\n", "the trailer's qty '--' is no number"),
        (b"", "the trailer is missing"),
        (b"TRL,2\n", "the trailer is missing"),
        (b"TRL,2,3.75\nC,z,1\n", "the trailer is missing"),
        (b"TRL,2,3.75" + b" " * 70_000 + b"!\n", "the trailer is missing"),
    ],
)
def test_wrong_and_missing_totals_refuse_the_file(tmp_path: Path, tail: bytes, message: str) -> None:
    assert _violation(tmp_path, ROWS + tail, format=TRAILER).message.startswith(message)


def test_totals_count_refused_rows_too(tmp_path: Path) -> None:
    """A sender's totals are of what was sent: a row with a bad date is one of its rows."""
    columns = [column("item", required=True), column("day", "DATE"), column("qty", "DECIMAL(18,2)")]
    data = b"item,day,qty\nA,2026-01-09,1.50\nB,2026-02-30,2.25\nC,2026-01-09\nTRL,3,3.75\n"
    found = read(tmp_path, data, contract(columns, format=TRAILER))
    assert found.rules == [(3, "type.date"), (4, "csv.field_count")]
    assert [row[1] for row in found.rows] == ["A"]


def test_totals_are_written_as_their_column_is(tmp_path: Path) -> None:
    columns = [column("item"), column("qty", "DECIMAL(18,2)", decimal_point=",", thousands=".")]
    feed = contract(columns, format={"delimiter": ";", "trailer": {"pattern": "SUM;(?P<qty>.*)"}})
    found = read(tmp_path, b"item;qty\nA;1.000,50\nB;2.000,25\nSUM;3.000,75\n", feed)
    assert [row[2] for row in found.rows] == [Decimal("1000.50"), Decimal("2000.25")]


@pytest.mark.parametrize(("tail", "fine"), [(b"TRL,0,0\n", True), (b"TRL,1,0\n", False), (b"TRL,0,1\n", False)])
def test_totals_of_nothing(tmp_path: Path, tail: bytes, fine: bool) -> None:
    if fine:
        assert read(tmp_path, b"item,note,qty\n" + tail, contract(format=TRAILER)).rows == []
    else:
        _violation(tmp_path, b"item,note,qty\n" + tail, format=TRAILER)


def test_every_cut_of_a_file_with_a_trailer_is_refused(tmp_path: Path) -> None:
    whole = ROWS + b"TRL,2,3.75\n"
    for cut in range(len(whole) - 1):
        with pytest.raises(ContractViolation):
            read(tmp_path, whole[:cut], contract(format=TRAILER))


def test_a_cut_inside_a_line_is_refused_where_the_contract_asks_for_a_last_line_end(tmp_path: Path) -> None:
    feed = contract(format={"final_newline": "required"})
    for cut in range(len(ROWS)):
        if not ROWS[:cut].endswith(b"\n"):
            error = _violation(tmp_path, ROWS[:cut], format={"final_newline": "required"})
            assert "empty" in error.message or "cut short" in error.message
    assert len(read(tmp_path, ROWS, feed).rows) == 2


def test_every_cut_of_a_file_is_accounted_for_line_by_line(tmp_path: Path) -> None:
    head = len(b"item,note,qty\n")
    for cut in range(head, len(ROWS)):
        found = read(tmp_path, ROWS[:cut])
        assert found.lines == list(range(2, ROWS[:cut].count(b"\n") + 1 + (not ROWS[:cut].endswith(b"\n"))))
        cut_short = not ROWS[:cut].endswith(b"\n")
        assert ("csv.no_final_newline" in [w.rule_id for w in found.warnings]) == cut_short


# -- bytes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [("utf-8", b""), ("utf-8", b"\xef\xbb\xbf"), ("cp1252", b""), ("latin-1", b""), ("utf-16", b"")],
)
def test_declared_encodings(tmp_path: Path, encoding: str, mark: bytes) -> None:
    note = "Gantß é ÿ" + ("€ 😷" if encoding.startswith("utf") else "")
    data = mark + f"item,note,qty\nA,{note},1\n".encode(encoding)
    assert read(tmp_path, data, contract(format={"encoding": encoding})).rows == [(2, "A", note, QTY)]


@pytest.mark.parametrize(("mark", "order"), [(b"\xfe\xff", "be"), (b"\xff\xfe", "le"), (b"", "be"), (b"", "le")])
def test_utf_16_of_either_byte_order(tmp_path: Path, mark: bytes, order: str) -> None:
    data = mark + "item,note,qty\nA,é,1\n".encode(f"utf-16-{order}")
    assert read(tmp_path, data, contract(format={"encoding": "utf-16"})).rows == [(2, "A", "é", QTY)]


@pytest.mark.parametrize(
    ("encoding", "bad", "at"),
    [
        ("utf-8", b"B,caf\xe9,1", 5),
        ("utf-8", b"B,\xed\xa0\x80,1", 2),
        ("utf-8", b"B,\xef\xbf\xbd,1", 2),
        ("utf-8", b"B,a\0b,1", 3),
        ("cp1252", b"B,\xe9\x81,1", 3),
        ("latin-1", b"B,\xe9\0,1", 3),
        ("utf-16", "B,é".encode("utf-16-le") + b"\x00\xd8" + ",1".encode("utf-16-le"), 6),
    ],
)
def test_undefined_bytes_refuse_their_line_with_its_offset(tmp_path: Path, encoding: str, bad: bytes, at: int) -> None:
    plain = "utf-16-le" if encoding == "utf-16" else encoding
    before = "item,note,qty\nA,ü,1\n".encode(encoding)
    data = before + bad + "\nC,ü,1\n".encode(plain)
    found = read(tmp_path, data, contract(format={"encoding": encoding}))
    assert [(row[0], row[1], row[2]) for row in found.rows] == [(2, "A", "ü"), (4, "C", "ü")]
    (reject,) = found.refused
    assert (reject.row_no, reject.rule_id) == (3, "csv.encoding")
    assert reject.byte_offset == len(before) + at
    assert reject.location == f"line 3, byte {len(before) + at}"


def test_a_file_in_another_encoding_than_declared_is_not_read_as_rows(tmp_path: Path) -> None:
    _violation(tmp_path, "item,note,qty\nA,x,1\n".encode("utf-16"))
    _violation(tmp_path, b"item,note,qty\nA,x,1\n", format={"encoding": "utf-16"})
    _violation(tmp_path, "item,note,qty\nA,x,1\n".encode("cp037"))


def test_letters_that_mislead_a_reader_are_kept_as_they_are(tmp_path: Path) -> None:
    note = "\u202egnp.exe\u202c \ufeff\u200b=cmd()"
    for reader in (read, read_carefully):
        assert reader(tmp_path, f"item,note,qty\nA,{note},1\n".encode()).rows == [(2, "A", note, QTY)]


@pytest.mark.parametrize("mark", ["\x85", "\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\x1e"])
def test_what_only_python_takes_for_a_line_end_is_text(tmp_path: Path, mark: str) -> None:
    data = f'item,note,qty\nA,"x{mark}y\nz",1\nB,x{mark}y,1\n'.encode()
    assert read(tmp_path, data).rows == [(2, "A", f"x{mark}y\nz", QTY), (4, "B", f"x{mark}y", QTY)]


# -- lines and quotes -------------------------------------------------------------------------------------


def test_line_ends_inside_quotes_are_kept_as_sent(tmp_path: Path) -> None:
    found = read(tmp_path, b'item,note,qty\r\nA,"one\r\ntwo\nthree",1\r\nB,x,?\r\n')
    assert found.rows == [(2, "A", "one\r\ntwo\nthree", QTY)]
    assert found.rules == [(5, "type.decimal")]


def test_mixed_line_ends(tmp_path: Path) -> None:
    found = read(tmp_path, b"item,note,qty\nA,x,1\r\nB,y,1\nC,z,1\r\n")
    assert [row[:2] for row in found.rows] == [(2, "A"), (3, "B"), (4, "C")]


def test_old_macintosh_line_ends_lose_nothing_silently(tmp_path: Path) -> None:
    _violation(tmp_path, b"item,note,qty\rA,x,1\rB,y,1\r")


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (b"B,x", "csv.field_count"),
        (b"B,x,1,2", "csv.field_count"),
        (b'B,"x"y,1', "csv.quoting"),
        (b'B,"x,1', "csv.unterminated_quote"),
        (b"B,x\ry,1", "csv.quoting"),
        (b"B,x,abc", "type.decimal"),
        (b",x,1", "required"),
    ],
)
def test_one_bad_line_costs_one_row(tmp_path: Path, line: bytes, rule: str) -> None:
    data = b"item,note,qty\nA,x,1\n" + line + b"\nC,y,1\nD,z,1\n"
    found = read(tmp_path, data)
    assert [row[1] for row in found.rows] == ["A", "C", "D"]
    assert found.rules == [(3, rule)]
    assert found.lines == [2, 3, 4, 5]
    assert (found.refused[0].raw is None) == (rule == "required")


def test_blank_lines_are_warnings_that_stand_for_no_row(tmp_path: Path) -> None:
    found = read(tmp_path, b"item,note,qty\nA,x,1\n\n \t \nB,y,1\n")
    assert [row[0] for row in found.rows] == [2, 5]
    assert [(w.row_no, w.rule_id, w.rows) for w in found.warnings] == [
        (3, "csv.blank_line", 0),
        (4, "csv.blank_line", 0),
    ]


def test_a_row_of_nothing_but_delimiters_is_a_row(tmp_path: Path) -> None:
    columns = [column("item"), column("note"), column("qty", "DECIMAL(18,2)")]
    feed = contract(columns, format={"delimiter": "\t"})
    for reader in (read, read_carefully):
        assert reader(tmp_path, b"item\tnote\tqty\n\t\t\n", feed).rows == [(2, None, None, None)]


@pytest.mark.parametrize("reader", [read, read_carefully])
@pytest.mark.parametrize(
    ("form", "data"),
    [
        ({"delimiter": ";"}, b'item;note;qty\nA;"x;""y""";1\n'),
        ({"delimiter": "|", "quote": None}, b'item|note|qty\nA|x;"y"|1\n'),
        ({"delimiter": "\t"}, b'item\tnote\tqty\nA\t"x;""y"""\t1\n'),
        ({"quote": "'"}, b"item,note,qty\nA,'x;\"y\"',1\n"),
        ({"escape": "\\"}, b'item,note,qty\nA,"x;\\"y\\"",1\n'),
    ],
)
def test_dialects(tmp_path: Path, form: dict[str, Any], data: bytes, reader: Any) -> None:
    assert reader(tmp_path, data, contract(format=form)).rows == [(2, "A", 'x;"y"', QTY)]


@pytest.mark.parametrize("reader", [read, read_carefully])
def test_empty_fields_too_many_say_nothing(tmp_path: Path, reader: Any) -> None:
    assert reader(tmp_path, b"item,note,qty\nA,x,1,\nB,y,1,,,\n").lines == [2, 3]
    assert reader(tmp_path, b"item,note,qty\nA,x,1,y\n").rules == [(2, "csv.field_count")]


def test_escapes(tmp_path: Path) -> None:
    """An escaped quote is no quote, whether they are even or odd; an escape of nothing is refused, not dropped."""
    feed = contract(format={"escape": "\\"})
    data = b'item,note,qty\nA,"5\\" pipe",1\nB,"x\\"\ny",1\nC,"a\\\\",1\nD,C:\\temp,1\nE,z,1\n'
    found = read(tmp_path, data, feed)
    assert [row[:3] for row in found.rows] == [(2, "A", '5" pipe'), (3, "B", 'x"\ny'), (5, "C", "a\\"), (7, "E", "z")]
    assert found.rules == [(6, "csv.quoting")]


def test_a_refused_line_shows_only_columns_that_are_let_in(tmp_path: Path) -> None:
    feed = contract(ignore={"mrn": "a patient's number"})
    found = read(tmp_path, b"item,note,qty,mrn\nA,x,1,MRN-1\nB,x,1,MRN-2,y\n", feed)
    assert found.rules == [(3, "csv.field_count")]
    assert "MRN" not in repr(found)
    phi = contract([column("item"), column("mrn", phi=True)])
    assert "MRN" not in repr(read(tmp_path, b"item,mrn\nA,MRN-1\nB,MRN-2,y\n", phi))


@pytest.mark.parametrize("reader", [read, read_carefully])
def test_a_refused_row_names_its_key_as_the_store_does(tmp_path: Path, reader: Any) -> None:
    """Else a snapshot would take the refused row for a deleted one."""
    columns = [
        column("day", "DATE", format="%m/%d/%Y"),
        column("lot", sentinels=["none"]),
        column("size", "DECIMAL(9,3)", decimal_point=","),
        column("at", "TIMESTAMPTZ"),
        column("n", "INTEGER"),
    ]
    feed = contract(columns, key=["day", "lot", "size", "at"], format={"delimiter": ";"})
    parts = ["1/9/2026;none;4,5;2026-01-09T10:00:00", "01/09/2026; L1 ;-0,50;2026-07-09T10:00:00.5Z"]
    lines = [f"{part};{n}" for part in parts for n in ("1", "x")]
    found = reader(tmp_path, ("day;lot;size;at;n\n" + "\n".join(lines) + "\n").encode(), feed)
    (table,) = feed_tables(feed, "lab")
    values = pa.Table.from_pylist([dict(zip(table.columns, row[1:], strict=True)) for row in found.rows])
    with session() as con:
        con.register("good", values)
        keys = con.sql(f"SELECT {table.key_text} FROM good").fetchall()
    assert [r.key for r in found.refused] == [key for (key,) in keys]
    assert keys[0] == ("2026-01-09||4.500|2026-01-09 15:00:00+00",)


# -- hostile files ----------------------------------------------------------------------------------------


def test_an_empty_file_is_refused_and_a_header_alone_is_no_rows(tmp_path: Path) -> None:
    assert _violation(tmp_path, b"").message == "the file is empty"
    assert read(tmp_path, b"item,note,qty\n").lines == []
    assert read(tmp_path, b"item,note,qty").lines == []
    _violation(tmp_path, b"\n\n\n")


@pytest.mark.parametrize("magic", [b"\x1f\x8b\x08\x00", b"PK\x03\x04", b"\x28\xb5\x2f\xfd"])
def test_archives_are_never_unpacked(tmp_path: Path, magic: bytes) -> None:
    """A bomb in an archive cannot go off: packed bytes are a file without the columns of the contract."""
    _violation(tmp_path, magic + bytes(range(256)) * 20)


def test_a_name_that_looks_packed_or_like_a_pattern_is_a_name(tmp_path: Path) -> None:
    from connectors.delimited import DelimitedConnector
    from connectors.network import Source
    from tests.connectors.csv_files import delivery, outcome

    folder = tmp_path / "a[b]*?"
    folder.mkdir()
    for name in ("data.gz", "data.csv", "d*ta.csv", "o'neil.zst"):
        path = folder / name
        path.write_bytes(b"item,note,qty\nA,x,1\n")
        reader = DelimitedConnector(contract(), "lab", Source(system="probe"), folder)
        assert outcome(list(reader.read(delivery(path)))).rows == [(2, "A", "x", QTY)], name


def test_a_line_too_long_for_memory_costs_one_row(tmp_path: Path) -> None:
    data = b"item,note,qty\nA,x,1\nB," + b"y" * (LINE_BYTES + 10) + b",1\nC,z,1\n"
    found = read(tmp_path, data)
    assert [row[1] for row in found.rows] == ["A", "C"]
    assert found.rules == [(3, "csv.line_too_long")]
    assert len(found.refused[0].raw or "") < 1000


def test_a_long_field_is_read_by_both_readers(tmp_path: Path) -> None:
    data = b"item,note,qty\nA," + b"y" * 2_000_000 + b",1\n"
    assert read(tmp_path, data).rows == read_carefully(tmp_path, data).rows == [(2, "A", "y" * 2_000_000, QTY)]


def test_ten_thousand_columns(tmp_path: Path) -> None:
    extra = ",".join(f"c{i}" for i in range(10_000))
    found = read(tmp_path, f"item,note,qty,{extra}\nA,x,1,{extra}\n".encode())
    assert found.rows == [(2, "A", "x", QTY)]
    assert len(found.warnings) == 10_000


@pytest.mark.parametrize("stray", [2, 700, 2999])
def test_a_stray_quote_does_not_swallow_the_rest(tmp_path: Path, stray: int) -> None:
    lines = [f"I{i},x,1" for i in range(3000)]
    lines[stray] = f'I{stray},"x,1'
    found = read(tmp_path, ("item,note,qty\n" + "\n".join(lines) + "\n").encode())
    assert found.rules == [(stray + 2, "csv.unterminated_quote")]
    assert len(found.rows) == 2999


def test_names_full_of_sql_are_names(tmp_path: Path) -> None:
    hostile = "x\"; DROP TABLE t; --'"
    feed = contract([{"source": hostile, "name": "item", "type": "VARCHAR", "description": "d"}])
    data = io.StringIO()
    csv.writer(data, lineterminator="\n").writerows([[hostile, "o'ther\""], ["A", "'; SELECT 1"]])
    assert read(tmp_path, data.getvalue().encode(), feed).rows == [(2, "A")]


# -- many rows --------------------------------------------------------------------------------------------


def test_rows_of_a_large_file_keep_their_lines(tmp_path: Path) -> None:
    count = 300_000
    body = "\n".join(f"I{i},note {i},{i % 97}.5" for i in range(count))
    bad = {7, 150_000, 299_999}
    lines = body.split("\n")
    for i in bad:
        lines[i] = f"I{i},x,1E3"
    found = read(tmp_path, ("item,note,qty\n" + "\n".join(lines) + "\n").encode())
    assert found.lines == list(range(2, count + 2))
    assert found.rules == [(i + 2, "type.decimal") for i in sorted(bad)]
    assert all(row[1] == f"I{row[0] - 2}" for row in found.rows)


def test_a_malformed_line_late_in_a_large_file_is_one_reject(tmp_path: Path) -> None:
    lines = [f"I{i},x,1" for i in range(260_000)]
    lines[255_000] = "I255000,x"
    found = read(tmp_path, ("item,note,qty\n" + "\n".join(lines) + "\n").encode())
    assert found.rules == [(255_002, "csv.field_count")]
    assert found.lines == list(range(2, 260_002))


# -- any file ---------------------------------------------------------------------------------------------

_FIELD = st.one_of(
    st.sampled_from(
        ["", "A", "x y", " x", "1", "1.5", "1.505", "-", '"', 'a"b', "a,b", "a;b", "a\nb", "a\r\nb", "a\rb"]
    ),
    st.sampled_from(["é", "\x85", "\u2028", "=1+1", "'", "\t", "NULL", "\\", '\\"', "1e3", "\x1a"]),
    st.text(st.characters(codec="utf-8", exclude_characters="\0\ufffd"), max_size=5),
)
_ROW = st.lists(_FIELD, min_size=3, max_size=3)
_ANY_ROW = st.one_of(_ROW, _ROW, _ROW, st.lists(_FIELD, max_size=5))
_BYTES = st.lists(
    st.sampled_from(
        [
            b"A",
            b"1",
            b",",
            b",",
            b'"',
            b"\n",
            b"\n",
            b"\r\n",
            b"\r",
            b"\0",
            b"\xe9",
            b"\xc3\xa9",
            b" ",
            b"x,y,2\n",
            b"B,z,1\n",
            b'""',
            b"\t",
            b"\xef\xbf\xbd",
            b"\xef\xbb\xbf",
            b"\\",
            b"'",
        ]
    ),
    max_size=40,
).map(b"".join)
_QUICK = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
LOOSE = (column("item"), column("note"), column("qty", "DECIMAL(18,2)"))


def _written(rows: list[list[str]], end: str) -> str:
    target = io.StringIO()
    csv.writer(target, lineterminator=end).writerows([["item", "note", "qty"], *rows])
    return target.getvalue()


def _same(fast: Outcome, careful: Outcome) -> None:
    assert fast.rows == careful.rows
    assert [(r.row_no, r.rule_id, r.raw, r.location, r.rows) for r in _sorted(fast)] == [
        (r.row_no, r.rule_id, r.raw, r.location, r.rows) for r in _sorted(careful)
    ]
    assert fast.warnings == careful.warnings


def _sorted(found: Outcome) -> list[Any]:
    return sorted(found.refused, key=lambda r: (r.row_no, r.column or "", r.rule_id))


@_QUICK
@given(rows=st.lists(_ANY_ROW, max_size=8), end=st.sampled_from(["\n", "\r\n"]), trim=st.booleans())
def test_both_readers_give_the_same_rows(tmp_path: Path, rows: list[list[str]], end: str, trim: bool) -> None:
    data = _written(rows, end)
    data = data.removesuffix(end) if trim and rows else data
    feed = contract(LOOSE)
    _same(read(tmp_path, data.encode(), feed), read_carefully(tmp_path, data.encode(), feed))


@_QUICK
@given(
    rows=st.lists(_ROW.filter(lambda row: not re.search("\r(?!\n)", "".join(row))), max_size=8),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"]),
)
def test_what_is_written_is_read(tmp_path: Path, rows: list[list[str]], end: str, encoding: str) -> None:
    """Python's csv module writes it; every record comes back as written, or is refused by a rule of its type."""
    declared = "utf-8" if encoding.startswith("utf-8") else encoding
    data = _written(rows, end).encode(encoding, "ignore")
    rows = list(csv.reader(io.StringIO(data.decode(encoding), newline="")))[1:]
    found = read(tmp_path, data, contract(LOOSE, format={"encoding": declared}))
    assert len(found.rows) + sum(r.rows for r in found.refused) == len(rows)
    assert {r.rule_id for r in found.refused} <= {"type.decimal", "type.decimal_scale", "type.decimal_range"}
    kept = [(item, note) for item, note, qty in rows if not qty.strip(" \t") or _is_number(qty)]
    assert [(row[1] or "", row[2] or "") for row in found.rows] == [tuple(f.strip(" \t") for f in r) for r in kept]


def _is_number(value: str) -> bool:
    return bool(re.fullmatch(r"[ \t]*[+-]?([0-9]+[.]?[0-9]{0,2}0*|[.][0-9]{1,2}0*)[ \t]*", value)) and value.isascii()


@_QUICK
@given(body=_BYTES)
def test_any_bytes_are_loaded_or_refused_with_their_line(tmp_path: Path, body: bytes) -> None:
    data = b"item,note,qty\n" + body
    feed = contract(LOOSE)
    fast = read(tmp_path, data, feed)
    _same(fast, read_carefully(tmp_path, data, feed))
    physical = body.count(b"\n") + (not body.endswith(b"\n") if body else 0)
    starts = {row[0] for row in fast.rows} | {r.row_no for r in (*fast.refused, *fast.warnings) if r.row_no}
    assert len(fast.lines) == len(set(fast.lines)), "no line counts twice"
    spans = {row[0] + i for row in fast.rows for i in range(str(row[2]).count("\n") + str(row[1]).count("\n") + 1)}
    assert starts <= set(range(2, physical + 2))
    missing = set(range(2, physical + 2)) - starts - spans
    assert all(any(r.row_no < line for r in fast.refused) or body.count(b'"') > 1 for line in missing)


def test_the_quick_reader_really_reads_plain_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the comparisons above would compare the careful reader with itself."""

    def never(*_: object) -> None:
        raise AssertionError("the careful reader was asked")

    monkeypatch.setattr(delimited, "read_lines", never)
    assert len(read(tmp_path, b'item,note,qty\nA,"x,""y""",1\nB,,2\n').rows) == 2
