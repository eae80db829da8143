"""810 invoices: IT1 loops and charges to rows of `invoice_line`, and the check of the stated total.

Here: lines, allowances and charges (SAC), taxes (TXI), what of them repeats what was already said, and
TDS01. Not here: types and keys (the feed contract).

A charge is a row of its own, so that nothing of TDS01 is lost. Two things are said twice in real invoices
and counted once: a TXI inside the loop of a tax SAC splits up that SAC; and SACs of header or summary
whose sum per code is the sum of the lines' SACs of that code are their totals (unless TDS01 adds up only
with both).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.x12.documents import (
    NULL_TEXT,
    Documents,
    Extract,
    Lines,
    Pick,
    SetFault,
    at,
    choose,
    full_date,
    header_n1,
    implied_decimals,
    item_columns,
    joined,
    location_columns,
    number_text,
    own_n1,
    pair_elements,
    prefer,
    rank,
    supplier_columns,
)
from connectors.x12.envelope import Fault, Place
from connectors.x12.purchase import LOCATION_ROLES, SUPPLIER_ROLES, isa_party, line_identity
from connectors.x12.segments import Bools, Ints, code

#: X12 element 1300: taxes are H610 to H850 and D360 (goods and services tax); freight and shipping as listed.
_FREIGHT = (
    "D180",
    "D190",
    "D200",
    "D210",
    "D220",
    "D230",
    "D240",
    "D242",
    "D244",
    "D246",
    "D260",
    "D270",
    "G821",
    "G830",
)
_MONEY = r"^-?[0-9]{0,14}(\.[0-9]{0,4})?$"
_CENT = Decimal("0.01")
_EXACT = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Charges:
    """SAC allowances and charges and TXI taxes. `line`: index of the line, -1 in header or summary.

    `amount`: decimal text, signed (an allowance is negative), NULL where none is stated. `kind`: tax,
    freight, charge or allowance. `label`: what may be said twice. `kept`: counted.
    """

    rows: Ints
    set_index: Ints
    line: Ints
    kind: pa.Array
    label: pa.Array
    amount: pa.Array
    text: pa.Array

    def filter(self, kept: Bools) -> Charges:
        """Those charges only."""
        mask = pa.array(kept)
        texts = (column.filter(mask) for column in (self.kind, self.label, self.amount, self.text))
        return Charges(self.rows[kept], self.set_index[kept], self.line[kept], *texts)

    def units(self) -> Ints:
        """Amounts in ten-thousandths, 0 where none or no number."""
        usable = pc.if_else(pc.match_substring_regex(self.amount, _MONEY), self.amount, NULL_TEXT)
        usable = pc.if_else(pc.match_substring_regex(usable, "[0-9]"), usable, NULL_TEXT)
        scaled = pc.multiply(usable.cast(pa.decimal128(18, 4)), pa.scalar(Decimal(10000), pa.decimal128(5, 0)))
        whole = pc.fill_null(scaled.cast(pa.decimal128(38, 0), safe=False).cast(pa.int64()), 0)
        return np.asarray(whole.to_numpy(zero_copy_only=False))


def invoice_lines(documents: Documents) -> tuple[Extract, list[SetFault]]:
    """810: one row per IT1 and one per allowance, charge or tax. Also warns where TDS01 is not the sum of them."""
    lines = Lines(documents, "IT1", ("TDS", "CTT"))
    every = _charges(lines)
    goods = _goods(lines)
    stated = _stated_totals(documents)
    kept = every.filter(_counted(every, goods, stated))
    faults = _total_faults(documents, lines, kept, goods, stated)
    extract = Extract(
        "invoice_line", np.concatenate((lines.rows, kept.rows)), np.concatenate((lines.set_index, kept.set_index))
    )
    extract.columns = _columns(documents, lines, kept, extract.set_index)
    return extract, faults


def _charges(lines: Lines) -> Charges:
    """Every SAC with indicator A or C, and every TXI that does not split up a tax SAC, in document order."""
    documents, segments = lines.documents, lines.documents.segments
    sac = documents.where(documents.select("SAC"), 1, "A", "C")
    txi = documents.select("TXI")
    loops = documents.select("SAC", "IT1", "TDS", "CTT", "ST")
    before = loops[np.clip(np.searchsorted(loops, txi) - 1, 0, None)] if len(loops) else txi
    inside = (segments.code[before] == code("SAC")) & _is_tax(segments.column(before, 2))
    txi = txi[~inside]
    rows = np.concatenate((sac, txi))
    order = np.argsort(rows, kind="stable")
    rows, is_sac = rows[order], (np.arange(len(rows)) < len(sac))[order]
    service, taxing = segments.column(rows, 2), segments.column(rows, 1)
    allowance = is_sac & (segments.codes(rows, 1) == code("A"))
    amount = pc.if_else(pa.array(is_sac), implied_decimals(segments.column(rows, 5)), segments.column(rows, 2))
    return Charges(
        rows=rows,
        set_index=documents.set_of[rows],
        line=lines.line_of[rows],
        kind=_kind(service, is_sac, allowance),
        label=pc.coalesce(joined(taxing, pc.if_else(pa.array(is_sac), pc.coalesce(service, ""), "")), ""),
        amount=pc.if_else(pa.array(allowance), _negative(amount), amount),
        text=pc.if_else(pa.array(is_sac), pc.coalesce(segments.column(rows, 15), service), joined("TXI ", taxing)),
    )


def _is_tax(service: pa.Array) -> Bools:
    numbered = pc.and_(pc.greater_equal(service, "H610"), pc.less_equal(service, "H850"))
    return np.asarray(pc.fill_null(pc.or_(numbered, pc.equal(service, "D360")), False).to_numpy(zero_copy_only=False))


def _kind(service: pa.Array, is_sac: Bools, allowance: Bools) -> pa.Array:
    tax = ~is_sac | _is_tax(service)
    freight = pc.fill_null(pc.is_in(service, value_set=pa.array(_FREIGHT)), False).to_numpy(zero_copy_only=False)
    kinds = np.select([tax, freight & is_sac, allowance], ["tax", "freight", "allowance"], "charge")
    return pa.array(kinds.tolist(), pa.string())


def _negative(amount: pa.Array) -> pa.Array:
    minus = pc.starts_with(amount, "-")
    return pc.if_else(minus, pc.utf8_slice_codeunits(amount, 1), joined("-", amount))


def _goods(lines: Lines) -> list[Decimal]:
    """Sum of quantity times price of the lines of each set, exact; a line without both counts nothing."""
    segments = lines.documents.segments
    quantity = _decimals(segments.column(lines.rows, 2), 17, 6)
    price = pc.multiply(_decimals(segments.column(lines.rows, 4), 14, 6), _basis(segments.column(lines.rows, 5)))
    amounts = pc.fill_null(pc.multiply(quantity, price), Decimal(0))
    table = (
        pa.table({"set": pa.array(lines.set_index), "amount": amounts}).group_by("set").aggregate([("amount", "sum")])
    )
    sums = dict(zip(table["set"].to_pylist(), table["amount_sum"].to_pylist(), strict=True))
    return [sums.get(index, Decimal(0)) for index in range(len(lines.documents))]


def _decimals(texts: pa.Array, precision: int, scale: int) -> pa.Array:
    """Texts as decimals; NULL for what is no number of that size (the contract's types refuse it with its place)."""
    pattern = rf"^-?([0-9]{{1,{precision - scale}}}(\.[0-9]{{0,{scale}}})?|\.[0-9]{{1,{scale}}})$"
    usable = pc.if_else(pc.match_substring_regex(texts, pattern), texts, NULL_TEXT)
    return usable.cast(pa.decimal128(precision, scale))


def _basis(codes: pa.Array) -> pa.Array:
    """Factor of the basis of unit price (X12 element 639): HP per hundred, TP per thousand, else per unit."""
    hundred, thousand = (pa.scalar(Decimal(v), pa.decimal128(4, 3)) for v in ("0.010", "0.001"))
    one = pa.scalar(Decimal("1.000"), pa.decimal128(4, 3))
    is_hundred = pc.fill_null(pc.equal(codes, "HP"), False)
    is_thousand = pc.fill_null(pc.equal(codes, "TP"), False)
    return pc.if_else(is_hundred, hundred, pc.if_else(is_thousand, thousand, one))


def _stated_totals(documents: Documents) -> list[Decimal | None]:
    """TDS01 of each set."""
    rows = documents.first_per_set(documents.select("TDS"))
    return _decimals(implied_decimals(documents.segments.column(rows, 1)), 18, 4).to_pylist()  # type: ignore[no-any-return]


def _counted(charges: Charges, goods: list[Decimal], stated: list[Decimal | None]) -> Bools:
    """Which charges count: not those of header or summary that only repeat the sum of the lines'."""
    units, sets = charges.units(), len(goods)
    repeats = _repeats(charges, units)
    every = _sum_units(charges.set_index, units, sets)
    adds_up = np.array(
        [t is not None and abs(t - g - u) < _CENT for t, g, u in zip(stated, goods, every, strict=True)], dtype=np.bool_
    )
    return ~repeats | at(adds_up.astype(np.int64), charges.set_index).astype(np.bool_)


def _repeats(charges: Charges, units: Ints) -> Bools:
    """Charges outside the lines whose label sums up, in the set, to exactly what the lines' charges sum up to."""
    labels = pc.dictionary_encode(charges.label).indices.to_numpy(zero_copy_only=False).astype(np.int64)
    if not len(labels):
        return np.zeros(0, dtype=np.bool_)
    group = charges.set_index * (int(labels.max()) + 1) + labels
    _, group = np.unique(group, return_inverse=True)
    size = int(group.max()) + 1
    in_lines, outside, lines = np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size, np.int64)
    np.add.at(in_lines, group, np.where(charges.line >= 0, units, 0))
    np.add.at(outside, group, np.where(charges.line < 0, units, 0))
    np.add.at(lines, group, charges.line >= 0)
    same = (lines > 0) & (in_lines == outside)
    return np.asarray((charges.line < 0) & same[group])


def _sum_units(set_index: Ints, units: Ints, sets: int) -> list[Decimal]:
    total = np.zeros(sets, dtype=np.int64)
    np.add.at(total, set_index, units)
    return [Decimal(int(value)) * _EXACT for value in total]


def _total_faults(
    documents: Documents, lines: Lines, kept: Charges, goods: list[Decimal], stated: list[Decimal | None]
) -> list[SetFault]:
    """A warning per set whose TDS01 is not lines plus charges (lines may be rounded to cents one by one)."""
    charges = _sum_units(kept.set_index, kept.units(), len(documents))
    counts = np.bincount(lines.set_index, minlength=len(documents))
    rows = documents.first_per_set(documents.select("TDS"))
    found = []
    for index, total in enumerate(stated):
        computed = goods[index] + charges[index]
        if total is None or abs(computed - total) <= _CENT * (int(counts[index]) + 1) / 2:
            continue
        row, segments = int(rows[index]), documents.segments
        place = Place(int(documents.ordinals[row]), segments.offset(int(segments.start[row])), "TDS", 1)
        reason = f"TDS01 states {total:.2f}, lines and charges sum up to {computed:.2f}"
        found.append(SetFault(index, Fault("x12.invoice_total", reason, place, f"{total:.2f}"), fatal=False))
    return found


def _columns(documents: Documents, lines: Lines, charges: Charges, set_index: Ints) -> dict[str, Pick | pa.Array]:
    """Columns of the item rows, the charge rows below them. A charge has the references of its line, if any."""
    line = np.concatenate((np.arange(len(lines)), charges.line))
    is_item = np.arange(len(line)) < len(lines)
    loop = at(lines.rows, line)
    supplier_key, supplier = supplier_columns(
        documents, at(header_n1(lines, SUPPLIER_ROLES), set_index), isa_party(documents, set_index)
    )
    ship_to = prefer(at(own_n1(lines, LOCATION_ROLES), line), at(header_n1(lines, LOCATION_ROLES), set_index))
    own = np.where(is_item, loop, -1)
    return {
        **_header_columns(documents, lines, line, set_index),
        **_identity(lines, charges, line),
        **{f"IT1{n:02}": Pick(own, n) for n in (2, 3, 4, 5)},
        "BIG04": choose(documents.segments, _pair(documents, loop, "PO"), _begin(documents, set_index, 4)),
        "IT101": choose(documents.segments, _pair(documents, loop, "PL"), Pick(loop, 1)),
        **_texts(lines, charges),
        **supplier,
        **location_columns(documents, ship_to),
        **item_columns(documents.segments, own, 6, supplier_key),
    }


def _begin(documents: Documents, set_index: Ints, element: int) -> Pick:
    return Pick(at(documents.first_per_set(documents.select("BIG")), set_index), element)


def _header_columns(documents: Documents, lines: Lines, line: Ints, set_index: Ints) -> dict[str, Pick | pa.Array]:
    currency = documents.select("CUR")
    totals = at(documents.first_per_set(documents.select("TDS")), set_index)
    shared = documents.first_per_set(lines.outside(currency))
    return {
        **{f"BIG{n:02}": _begin(documents, set_index, n).dated() for n in (1, 3)},
        **{f"BIG{n:02}": _begin(documents, set_index, n) for n in (2, 7, 8)},
        "ITD(due)": documents.per_set(_due_dates(documents), set_index),
        "TDS01": Pick(totals, 1, implied_decimals),
        "CUR02": Pick(prefer(at(lines.own(currency), line), at(shared, set_index)), 2),
    }


def _due_dates(documents: Documents) -> list[str | None]:
    """Net due date of each set: ITD06, else ITD07 days after the invoice date where terms count from it (ITD02 3).

    Of several ITD the first that states one. A date that is none is kept, for the contract's types to refuse.
    """
    segments, rows = documents.segments, documents.select("ITD")
    begin = documents.first_per_set(documents.select("BIG"))
    invoiced = full_date(segments.column(begin, 1)).to_pylist()
    texts = [segments.column(rows, n).to_pylist() for n in (2, 7)]
    stated = full_date(segments.column(rows, 6)).to_pylist()
    due: list[str | None] = [None] * len(documents)
    for n, index in enumerate(documents.set_of[rows].tolist()):
        due[index] = due[index] or stated[n] or _days_after(invoiced[index], texts[0][n], texts[1][n])
    return due


def _days_after(day: str | None, basis: str | None, days: str | None) -> str | None:
    if day is None or days is None or basis not in (None, "3") or not (days.isdigit() and len(days) <= 3):
        return None
    try:
        return f"{datetime.strptime(day, '%Y%m%d').replace(tzinfo=UTC) + timedelta(int(days)):%Y%m%d}"
    except ValueError:
        return None


def _pair(documents: Documents, loop: Ints, qualifier: str) -> Pick:
    element = pair_elements(documents.segments, loop, 6, (qualifier,))
    return Pick(np.where(element > 0, loop, -1), np.where(element > 0, element, 0))


def _identity(lines: Lines, charges: Charges, line: Ints) -> dict[str, Pick | pa.Array]:
    """`line_no` of a charge: SAC or TXI and its ordinal, within its line (`1.SAC2`) or the invoice (`SAC1`)."""
    own = line_identity(lines)
    index = pa.array(line, mask=line < 0)
    parent, again = own["line_no"].take(index), own["line_occurrence"].take(index)
    is_sac = lines.documents.segments.code[charges.rows] == code("SAC")
    label = pc.if_else(pa.array(is_sac), "SAC", "TXI")
    label = joined(label, number_text(rank(_numbering(charges, is_sac))))
    charged = parent.slice(len(lines))
    numbers = pa.concat_arrays([parent.slice(0, len(lines)), pc.coalesce(joined(charged, ".", label), label)])
    return {
        "line_no": numbers,
        "line_occurrence": pc.coalesce(again, pa.scalar("1")),
        "charged_line_no": parent,
        "row_kind": pa.concat_arrays([pa.array(["item"] * len(lines), pa.string()), charges.kind]),
        "charge_amount": pa.concat_arrays([pa.nulls(len(lines), pa.string()), charges.amount]),
    }


def _numbering(charges: Charges, is_sac: Bools) -> Ints:
    """Charges are numbered by segment within their line, and within the set where they belong to no line."""
    width = int(charges.line.max(initial=0)) + 2
    return np.asarray((charges.set_index * width + charges.line + 1) * 2 + is_sac)


def _texts(lines: Lines, charges: Charges) -> dict[str, Pick | pa.Array]:
    rows = lines.own(lines.documents.select("PID"))
    return {"PID05": pa.concat_arrays([lines.documents.segments.column(rows, 5), charges.text])}
