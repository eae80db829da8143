"""Bulk decisions as CSV: what goes out comes in again, and a wrong line is named."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.decided import proposal, ruling_of
from connectors.errors import ConfigurationError
from mastering.decisions import Expected
from pipelines.steward_csv import CASE_COLUMNS, _rows, meant, neutral
from pipelines.stewardship import Case as OpenCase
from pipelines.stewardship import Wanted, blank, decide, home_of, of_case, parse_key
from store.control import Control
from tests.mastering.world import day

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
FORMULAS = ["=1+1", "@SUM(A1)", "+cmd|x", "-2+3", "\t=1", "'=1", "''=1", "\u00a0=1", "-5", "O'Brien", "'tis"]


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.sampled_from(FORMULAS), TEXT))
def test_a_cell_comes_back_as_it_was_and_runs_nowhere(text: str) -> None:
    shown = str(neutral(text))
    assert meant(shown) == text
    assert not shown.lstrip(" \u00a0").startswith(("=", "@", "+c"))
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerow([shown])
    [[read]] = csv.reader(io.StringIO(written.getvalue(), newline="")) if shown else [[shown]]
    assert read == shown


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
    with pytest.raises(ConfigurationError, match="no second record"):
        of_case(case("poisoned_identifier"), False, "r", "kim")
    with pytest.raises(ConfigurationError, match="needs a reason"):
        of_case(pair, True, "  ", "kim")


def test_a_decision_is_written_once_and_read_as_it_was_meant(tmp_path: Path) -> None:
    from rich.console import Console

    out = Console(file=io.StringIO())
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
