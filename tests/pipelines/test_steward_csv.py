"""Bulk decisions as CSV: what goes out comes in again, and a wrong line is named."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from assets.decided import proposal, ruling_of
from connectors.errors import ConfigurationError
from mastering.decisions import Expected, Ruling
from pipelines import steward_csv
from pipelines.quarantine import line
from pipelines.steward_csv import CASE_COLUMNS, _agrees, _rows, _wanted, meant, neutral
from pipelines.stewardship import Case as OpenCase
from pipelines.stewardship import Wanted, _waits, blank, decide, home_of, of_case, parse_key, said_by_sources
from store.control import Control, Decision
from tests.mastering.world import day, gtin

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
#: What a spreadsheet would save as 8.61134E+11, 7, 1.23E+103, 2-Jan and so on.
RESHAPED = [
    "00861134005831",
    "007",
    "123456789012",
    "12e101",
    "1-2",
    "2026-01-02",
    "1.50",
    "'007",
    "''1-2",
    "1/2/2026 10:00",
]
FORMULAS = ["=1+1", "@SUM(A1)", "+cmd|x", "-2+3", "\t=1", "'=1", "''=1", "\u00a0=1", "-5", "O'Brien", "'tis"]


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.sampled_from([*FORMULAS, *RESHAPED]), TEXT), st.booleans())
def test_a_cell_comes_back_as_it_was_and_runs_nowhere(text: str, is_text: bool) -> None:
    shown = str(neutral(text, is_text=is_text))
    assert meant(shown) == text
    assert not shown.lstrip(" \u00a0").startswith(("=", "@", "+c"))
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerow([shown])
    [[read]] = csv.reader(io.StringIO(written.getvalue(), newline="")) if shown else [[shown]]
    assert read == shown


@pytest.mark.parametrize("text", RESHAPED)
def test_a_code_that_looks_like_a_number_or_a_day_stays_a_text(text: str) -> None:
    assert str(neutral(text, is_text=True)).startswith("'")
    assert [neutral(plain, is_text=True) for plain in ("12", "erp:0012", "3f2a9c1b77de")] == [
        *("12", "erp:0012", "3f2a9c1b77de"),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_cells_may_be_parted_as_the_country_does(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "cases.csv"
    path.write_text(delimiter.join(["case_id", "decision", "reason"]) + "\n" + delimiter.join(["a", "accept", "x"]))
    assert [dict(row) for _, row in _rows(path)] == [{"case_id": "a", "decision": "accept", "reason": "x"}]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"decision": "accept", "case_id": "nope"}, "column case_id: there is no open case 'nope'"),
        ({"decision": "accept", "case_id": "abc", "value": "X"}, "column value: accept takes none"),
        ({"decision": "reject", "case_id": "abc"}, "column decision: a poisoned_identifier has no second record"),
        ({"decision": "accept", "case_id": "abc", "reason": " "}, "column reason: a decision needs a reason"),
        ({"decision": "acknowledge", "domain": "itm", "left": "a:b"}, "column domain: there is no domain 'itm'"),
        ({"decision": "acknowledge", "domain": "item", "left": "a:b"}, "columns case_id, value: acknowledge needs"),
        ({"decision": "accept", "case_id": "abc", "why": "on 3 records"}, "column why: the case has changed"),
        ({"decision": "undo"}, "column decision: undo is not taken from a file"),
        ({"decision": "undo", "decision_id": "7", "left": "a:b"}, "column decision: undo is not taken from a file"),
        ({"decision": "same", "domain": "item", "left": "a:b"}, "column right: same needs a second record"),
    ],
)
def test_a_wrong_cell_is_named_by_its_column(tmp_path: Path, row: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        _wanted(tmp_path, {"reason": "r", **row}, "kim", {"abc": case("poisoned_identifier")})
    assert said in str(refused.value)


def test_a_case_that_is_as_it_was_exported_is_taken_and_an_exported_undo_passed_over(tmp_path: Path) -> None:
    known = {"abc": case("poisoned_identifier")}
    taken = _wanted(tmp_path, {"decision": "accept", "case_id": "abc", "why": "why ", "reason": "r"}, "kim", known)
    assert taken is not None
    assert taken.ruling.kind == "acknowledge"
    undone = {"decision": "undo", "decision_id": "8", "left": "", "reason": "r"}
    assert _wanted(tmp_path, undone, "kim", known) is None


def test_the_guard_of_an_override_is_what_a_source_says_and_no_older_override() -> None:
    told = [{"source": "erp", "key": "1", "value": value} for value in ("B", "A", "S")]
    overrides = [("erp", "A"), ("erp", "B"), ("erp", "C")]
    assert said_by_sources(told, overrides)[0]["value"] == "S"
    assert said_by_sources(told, [("erp", "C")]) == told
    # The source says by now what an older override said.
    same = [{"source": "erp", "key": "1", "value": "B"}, {"source": "erp", "key": "1", "value": "B"}]
    assert said_by_sources(same, [("erp", "B"), ("erp", "C")]) == same[1:]


def test_a_file_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    Control.open_home(tmp_path).close()
    with pytest.raises(ConfigurationError, match="cannot be written: No such file or directory"):
        steward_csv.run_export(tmp_path, None, True, tmp_path / "none" / "x.csv", Console(file=io.StringIO()))


def test_lines_that_say_otherwise_of_the_same_are_refused_and_made_ones_keep_their_order() -> None:
    said: dict[object, tuple[int, object]] = {}
    one = Wanted("item", of_case(case("ask", "north:a"), True, "r", "kim").ruling)
    other = Wanted("item", of_case(case("ask", "north:a"), False, "r", "kim").ruling)
    _agrees(said, 2, one)
    _agrees(said, 3, one)
    _agrees(said, 4, replace(other, is_made=True))
    with pytest.raises(ConfigurationError, match="line 2 says otherwise"):
        _agrees(said, 5, other)


def test_what_was_decided_elsewhere_waits_for_its_records(tmp_path: Path) -> None:
    """No store to look into: the records need not be there yet."""
    row = {"decision_id": "7", "domain": "item", "left": "erp:1", "reason": "r"}
    same = _wanted(tmp_path, {**row, "decision": "same", "right": "north:a"}, "kim", {})
    value = {"attribute": "gtin14", "value": gtin(1)[1:], "expect_record": "erp:1", "expect_value": ""}
    override = _wanted(tmp_path, {**row, "decision": "override", **value}, "kim", {})
    assert (same.ruling.left, same.ruling.right, same.is_made) == (("erp", "1"), ("north", "a"), True)
    assert (override.ruling.attribute, override.ruling.value) == ("gtin", gtin(1))
    assert override.ruling.expect == Expected("erp", "1", None)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("case_id,choice,reason\n", "unknown columns choice"),
        ("case_id,decision\n", "the columns reason are missing"),
        ("case_id,decision,reason\nx,accept\n", "2 cells under 3 columns"),
        ('case_id,decision,reason\n\n"x\n', "no CSV"),
    ],
)
def test_a_file_that_is_none_is_refused_at_its_line(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "cases.csv"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=said) as refused:
        list(_rows(path))
    assert str(path) in str(refused.value.location)


def test_rows_are_named_by_the_line_on_which_they_begin(tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    path.write_bytes(b'\xef\xbb\xbfcase_id,decision,reason\r\na,accept,"two\r\nlines"\r\n\r\nb,reject,one\r\n')
    assert [(number, row["case_id"], row["reason"]) for number, row in _rows(path)] == [
        (2, "a", "two\r\nlines"),
        (5, "b", "one"),
    ]
    assert set(CASE_COLUMNS) > {"decision", "value", "reason"}


def case(kind: str, right: str | None = None, **more: object) -> OpenCase:
    given = {"attribute": None, "evidence": [], **more}
    return OpenCase(
        *("item", "abc", kind, parse_key("erp:1"), parse_key(right) if right else None),
        *(given["attribute"], "why", given["evidence"], None, "0", 0, day(1)),  # type: ignore[arg-type]
    )


def test_what_accepting_and_rejecting_a_case_mean() -> None:
    pair = case("vetoed_match", "north:a")
    assert [of_case(pair, yes, "r", "kim").ruling.kind for yes in (True, False)] == ["same", "different"]
    stated = {"published": {"source": "erp", "key": "1", "value": "X"}, "others": []}
    stands = of_case(case("contested_value", attribute="gtin14", evidence=stated), True, "r", "kim").ruling
    assert (stands.kind, stands.attribute, stands.value) == ("override", "gtin", "X")
    assert stands.expect == Expected("erp", "1", "X")
    known = of_case(case("poisoned_identifier"), True, "r", "kim").ruling
    assert (known.kind, known.case, known.value) == ("acknowledge", "abc", "why")
    # A value that is kept as a hash cannot be written down: it is known, not overridden.
    secret = of_case(
        replace(case("contested_value", attribute="tax_id_hash", evidence=stated), domain="supplier"), True, "r", "kim"
    )
    assert (secret.ruling.kind, secret.ruling.case) == ("acknowledge", "abc")
    with pytest.raises(ConfigurationError, match="no second record"):
        of_case(case("poisoned_identifier"), False, "r", "kim")
    with pytest.raises(ConfigurationError, match="needs a reason"):
        of_case(pair, True, "  ", "kim")


def test_a_decision_is_written_once_and_read_as_it_was_meant(tmp_path: Path) -> None:
    out = Console(file=io.StringIO())
    Control.open_home(tmp_path).close()
    wanted = of_case(case("vetoed_match", "north:a"), True, "same box", "kim")
    for again in (wanted, Wanted("item", of_case(case("vetoed_match", "north:a"), True, "again", "lee").ruling)):
        decide(None, tmp_path, [again], False, out)
    with Control.open_home(home_of(tmp_path)) as control:
        [made] = control.decisions()
        assert control.verify_decisions() == 1
    read = ruling_of(made)
    assert (read.kind, read.left, read.right, read.who, read.reason) == (
        *("same", ("erp", "1"), ("north", "a")),
        *("kim", "same box"),
    )
    assert proposal("item", read).payload == made.payload
    assert blank("kim", " x ").reason == "x"


def test_what_newer_decisions_set_aside_is_said_anew(tmp_path: Path) -> None:
    """Accepted, rejected, accepted again: the last word counts, and is no repetition of the first."""
    out = Console(file=io.StringIO(), width=400)
    Control.open_home(tmp_path).close()
    accept, reject = (of_case(case("ask", "north:a"), yes, "r", "kim") for yes in (True, False))
    for one in (accept, reject, accept, accept):
        decide(None, tmp_path, [one], False, out)
    with Control.open_home(tmp_path) as control:
        assert [one.kind for one in control.decisions()] == ["same", "different", "same"]
    told = out.file.getvalue()  # type: ignore[attr-defined]
    assert "without effect now: 1 " in told
    assert told.count("already decided: 3 ") == 1


def test_the_decision_that_waits_is_the_newest_on_the_case() -> None:
    stated = {"published": {"source": "erp", "key": "1", "value": "X"}, "others": []}
    contested = case("contested_value", attribute="gtin14", evidence=stated)
    made = [as_decision(1, of_case(case("ask", "north:a"), True, "r", "kim").ruling)]
    made += [as_decision(2, of_case(case("ask", "north:a"), False, "r", "lee").ruling)]
    made += [as_decision(3, of_case(contested, True, "r", "kim").ruling)]
    newest_first = list(reversed(made))
    assert "decision 2 by lee, different," in _waits(case("ask", "north:a"), newest_first)
    assert "decision 3 by kim, override," in _waits(contested, newest_first)
    assert _waits(case("ask", "south:a"), newest_first) == ""


def as_decision(number: int, ruling: Ruling) -> Decision:
    made = proposal("item", ruling)
    return Decision(number, day(number), made.who, "item", made.kind, made.payload, made.reason, None, "", "")


def test_a_key_is_shown_as_it_is() -> None:
    """`:100:` is a picture to rich, and the key of a company to us."""
    from pipelines.options import out

    with out.capture() as told:
        line(out, "warehouse:100: moved [red]")
    assert told.get() == "warehouse:100: moved [red]\n"
