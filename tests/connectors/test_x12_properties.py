"""Properties of reading X12: what is written is read, a cut file loses no line silently, noise never crashes."""

from __future__ import annotations

import random
import string
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.connectors.x12_files import Marks, Segment, group, interchange, isa, one, order, read, text, transaction

WHOLE_FILE = {"x12.empty", "x12.not_x12", "x12.isa_invalid"}
SLOW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])

_PUNCTUATION = "*>~|^:+!'\x1c\x1d\x1e\\"
_TEXT = string.ascii_letters + string.digits + " .,-/()&#éß"


@st.composite
def marks(draw: st.DrawFn) -> Marks:
    element, component, terminator = draw(st.permutations(_PUNCTUATION))[:3]
    ends = draw(st.sampled_from([terminator, "\n", "\r\n", "…"]))
    after = "" if ends in ("\n", "\r\n") else draw(st.sampled_from(["", "\n", "\r\n", "\n\t  "]))
    return Marks(element, component, ends, after)


_words = st.text(_TEXT, max_size=20).map(str.strip)
_part = st.text(string.ascii_uppercase + string.digits, min_size=1, max_size=12)
_quantity = st.decimals(0, 10**9, places=4).map(lambda d: d.normalize())
_line = st.tuples(_quantity, _quantity, _part, _words)
_orders = st.lists(st.tuples(_part, st.lists(_line, min_size=1, max_size=6)), min_size=1, max_size=4)


def _plain(value: Decimal) -> str:
    return f"{value:f}"


def _write(orders: list[tuple[str, list[tuple[Decimal, Decimal, str, str]]]], delimiters: Marks) -> str:
    sets = []
    for n, (po_no, lines) in enumerate(orders):
        body: list[Segment] = []
        for ordinal, (quantity, price, part, words) in enumerate(lines, start=1):
            body += [("PO1", str(ordinal), _plain(quantity), "EA", _plain(price), "", "VN", part)]
            body += [("PID", "F", "", "", "", words)]
        sets.append(transaction("850", f"{n:04d}", order(po_no, *body)))
    return interchange(group(sets), marks=delimiters)


@SLOW
@given(orders=_orders, delimiters=marks(), bom=st.booleans())
def test_what_is_written_is_read(
    orders: list[tuple[str, list[tuple[Decimal, Decimal, str, str]]]], delimiters: Marks, bom: bool
) -> None:
    content = ("\ufeff" if bom else "") + _write(orders, delimiters)
    with tempfile.TemporaryDirectory() as folder:
        found = read(Path(folder), content)
    assert found.rejects == []
    expected = [
        (po_no, str(ordinal), quantity, price, part, words or None)
        for po_no, lines in orders
        for ordinal, (quantity, price, part, words) in enumerate(lines, start=1)
    ]
    assert [
        (r["po_no"], r["line_no"], r["qty"], r["unit_price"], r["vendor_part"], r["description"])
        for r in found.of("po_line")
    ] == expected


def _small_file() -> str:
    """Two sets, three lines, one ISA without padding."""
    first = order("P1", ("PO1", "1", "5", "EA", "2"), ("PO1", "2", "5", "EA", "2"))
    sets = [transaction("850", "01", first), transaction("850", "02", order("P2", ("PO1", "1", "1", "EA", "1")))]
    header = tuple(part.strip() for part in isa())
    return text([header, *group(sets), ("IEA", "1", "000000001")])


@pytest.mark.parametrize(("strict", "step"), [(True, 2), (False, 3)])
def test_a_file_cut_anywhere_loses_no_line_silently(tmp_path: Path, strict: bool, step: int) -> None:
    content = _small_file()
    assert len(read(tmp_path, content, strict=strict).of("po_line")) == 3
    for cut in [*range(0, len(content) - 40, step), *range(len(content) - 40, len(content))]:
        found = read(tmp_path, content[:cut], strict=strict)
        begun = sum(1 for segment in content[:cut].split("~") if segment.split("*")[0] == "PO1")
        refused = sum(r.rows for r in found.errors)
        if {r.rule_id for r in found.rejects} & WHOLE_FILE:
            assert begun == 0
            continue
        assert found.loaded_lines + refused == begun, cut
        assert len(found.of("transaction_set")) == content[:cut].count("~ST*") + content[:cut].endswith("~ST"), cut
        if cut < len(content) - 1:
            assert found.rejects, cut


@pytest.mark.parametrize("seed", range(60))
def test_damage_never_crashes_and_never_hides_a_set(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    content = bytearray(_small_file().encode())
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(content))
        piece = bytes(chance.choice(b"*~>\n\r\t AZ09\x00\xff") for _ in range(chance.randint(0, 3)))
        content[at : at + chance.randint(0, 3)] = piece
    found = read(tmp_path, bytes(content), strict=chance.random() < 0.5)
    states = {row["outcome"] for row in found.of("transaction_set")}
    assert states <= {"loaded", "ignored", "quarantined"}
    quarantined = [r for r in found.of("transaction_set") if r["outcome"] == "quarantined"]
    refused = {r.row_no for r in found.errors}
    assert all(r["_source_row_no"] in refused for r in quarantined)
    if not found.of("transaction_set"):
        assert found.rejects


def test_an_interchange_sent_twice_in_one_file_is_there_twice(tmp_path: Path) -> None:
    content = one("850", order("P1"))
    found = read(tmp_path, content + content)
    assert [(r["po_no"], r["line_no"]) for r in found.of("po_line")] == [("P1", "1"), ("P1", "2")] * 2
    assert [r["position"] for r in found.of("transaction_set")] == [1, 2]
    numbers = [r["_source_row_no"] for r in found.of("po_line")]
    assert numbers == sorted(set(numbers))
