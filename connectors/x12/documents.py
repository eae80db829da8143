"""Finding one's way in the segments of several transaction sets at once, by arrays of row numbers.

Here: which set, header or line a segment belongs to; the first segment of a kind per owner; identifier
pairs; texts derived from several columns. Not here: which elements a set has (`purchase`, `shipment`,
`invoice`).

A row number is a row of `Segments`; -1 means "none" and reads as NULL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.x12.envelope import Fault, TransactionSet
from connectors.x12.segments import Ints, Segments, code

NULL_TEXT = pa.scalar(None, pa.string())


@dataclass(frozen=True, slots=True)
class Pick:
    """One element (1-based) of one segment per output row: a column that knows its exact place.

    `form`: what becomes of the text (a date with its century, implied decimals, padding).
    """

    rows: Ints
    element: Ints | int
    form: Callable[[pa.Array], pa.Array] | None = None

    def text(self, segments: Segments) -> pa.Array:
        """The column as Arrow text."""
        raw = segments.column(self.rows, self.element)
        return self.form(raw) if self.form else raw

    def at(self, index: Ints) -> Pick:
        """The pick at these rows; nothing where the index is -1."""
        element = np.broadcast_to(np.asarray(self.element, dtype=np.int64), self.rows.shape)
        return Pick(at(self.rows, index), at(element, index), self.form)

    def dated(self) -> Pick:
        """The same, as a date."""
        return Pick(self.rows, self.element, full_date)


@dataclass(slots=True)
class Extract:
    """Rows of one record before typing. `anchor`: the segment each row starts at; `set_index`: its set.

    `columns`: name used as `source` in the contract -> place in the segments, or text made from several.
    """

    record: str
    anchor: Ints
    set_index: Ints
    columns: dict[str, Pick | pa.Array] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SetFault:
    """A fault found in the content of a set (index into `Documents.sets`)."""

    set_index: int
    fault: Fault
    fatal: bool


class Documents:
    """The sets of one kind within a run of indexed segments."""

    def __init__(self, segments: Segments, sets: Sequence[TransactionSet], first_rows: Ints, ordinals: Ints) -> None:
        """`first_rows`: row of each set's ST; `ordinals`: file ordinal of each segment."""
        self.segments = segments
        self.sets = sets
        self.first = first_rows
        self.ordinals = ordinals
        self.size = np.array([s.segments for s in sets], dtype=np.int64)
        self.set_of = np.full(len(segments), -1, dtype=np.int64)
        for index, (row, size) in enumerate(zip(first_rows, self.size, strict=True)):
            self.set_of[row : row + size] = index

    def __len__(self) -> int:
        return len(self.sets)

    def select(self, *ids: str) -> Ints:
        """Rows of these segment ids within the sets."""
        rows = self.segments.select(*ids)
        return rows[self.set_of[rows] >= 0]

    def where(self, rows: Ints, element: int, *values: str) -> Ints:
        """Those rows whose element is one of the values (up to three characters each)."""
        return rows[np.isin(self.segments.codes(rows, element), [code(v) for v in values])]

    def first_per_set(self, rows: Ints) -> Ints:
        """The first of the rows in each set."""
        return first_per(self.set_of[rows], rows, len(self))

    def per_set(self, values: Sequence[str | None], set_index: Ints) -> pa.Array:
        """A text per set, spread over output rows."""
        return pa.array(values, pa.string()).take(pa.array(set_index))

    def last(self, index: int) -> int:
        """Row after the last of a set."""
        return int(self.first[index] + self.size[index])


def first_per(owner: Ints, rows: Ints, owners: int) -> Ints:
    """The first row of each owner (rows in order; owner -1 is nobody); -1 where there is none."""
    found = np.full(owners, -1, dtype=np.int64)
    kept = owner >= 0
    owner, rows = owner[kept], rows[kept]
    found[owner[::-1]] = rows[::-1]
    return found


def prefer(*choices: Ints) -> Ints:
    """The first choice that is there, per row."""
    result = choices[0]
    for other in choices[1:]:
        result = np.where(result >= 0, result, other)
    return result


def at(values: Ints, index: Ints) -> Ints:
    """`values[index]`, -1 where the index is -1."""
    if not len(values):
        return np.full(index.shape, -1, dtype=np.int64)
    return np.where(index >= 0, values[np.where(index >= 0, index, 0)], -1)


class Lines:
    """Line loops of the sets (PO1, IT1): header before the first, summary from `ends` (CTT, TDS) on."""

    def __init__(self, documents: Documents, start: str, ends: tuple[str, ...]) -> None:
        self.documents = documents
        self.rows = documents.select(start)
        self.set_index = documents.set_of[self.rows]
        summary = documents.first_per_set(documents.select(*ends))
        limit = np.where(summary >= 0, summary, documents.first + documents.size)
        self.line_of = self._line_of(limit)

    def _line_of(self, limit: Ints) -> Ints:
        """The line each segment belongs to; -1 in header and summary."""
        documents = self.documents
        every = np.arange(len(documents.segments))
        line = np.searchsorted(self.rows, every, side="right") - 1
        same = (line >= 0) & (at(self.set_index, line) == documents.set_of) & (documents.set_of >= 0)
        return np.where(same & (every < at(limit, documents.set_of)), line, -1)

    def __len__(self) -> int:
        return len(self.rows)

    def ordinal(self) -> Ints:
        """1-based ordinal of each line within its set."""
        return rank(self.set_index)

    def own(self, rows: Ints) -> Ints:
        """The first of the rows in each line."""
        return first_per(self.line_of[rows], rows, len(self))

    def outside(self, rows: Ints) -> Ints:
        """Those rows that belong to header or summary."""
        return rows[self.line_of[rows] < 0]

    def header(self, rows: Ints) -> Ints:
        """The first of the rows outside the lines of each set, per line."""
        return at(self.documents.first_per_set(self.outside(rows)), self.set_index)

    def own_or_header(self, rows: Ints) -> Ints:
        """The line's own segment, else the header's."""
        return prefer(self.own(rows), self.header(rows))


def rank(group: Ints) -> Ints:
    """1-based ordinal of each row within its group, in row order (groups need not be contiguous)."""
    if not len(group):
        return group
    order = np.argsort(group, kind="stable")
    held = group[order]
    starts = np.flatnonzero(np.append(True, held[1:] != held[:-1]))
    inside = np.arange(len(held)) - np.repeat(starts, np.diff(np.append(starts, len(held)))) + 1
    result = np.empty_like(inside)
    result[order] = inside
    return result


def occurrence(set_index: Ints, texts: pa.Array) -> Ints:
    """1-based ordinal of each row among those of its set with the same text."""
    if not len(set_index):
        return set_index
    codes = pc.fill_null(pc.dictionary_encode(texts).indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    width = int(codes.max()) + 2
    return rank(set_index * width + codes + 1)


def number_text(values: Ints) -> pa.Array:
    """Integers as text."""
    return pa.array(values, pa.int64()).cast(pa.string())


def line_number(element: pa.Array, ordinal: Ints) -> pa.Array:
    """The line's own number, else "#" and its ordinal in the set."""
    return pc.coalesce(element, joined("#", number_text(ordinal)))


def joined(*parts: pa.Array | str) -> pa.Array:
    """Texts put together; NULL where one of them is."""
    return pc.binary_join_element_wise(*parts, "")


def full_date(dates: pa.Array) -> pa.Array:
    """Six-digit dates (versions up to 003050) with their century: 70-99 are 19yy, 00-69 are 20yy."""
    years = pc.utf8_slice_codeunits(dates, 0, 2)
    with_century = joined(pc.if_else(pc.greater_equal(years, "70"), "19", "20"), dates)
    return pc.if_else(pc.equal(pc.utf8_length(dates), 6), with_century, dates)


def implied_decimals(amounts: pa.Array) -> pa.Array:
    """Amounts of type N2 (two implied decimals) as decimal text; one that has a point is taken as written.

    Anything that is no number is left as it is, for the contract's types to refuse.
    """
    whole = pc.match_substring_regex(amounts, r"^-?[0-9]+$")
    sign = pc.if_else(pc.starts_with(amounts, "-"), "-", "")
    digits = pc.utf8_lpad(pc.utf8_ltrim(amounts, characters="-"), 3, "0")
    units = pc.utf8_slice_codeunits(digits, 0, -2)
    cents = pc.utf8_slice_codeunits(digits, -2)
    return pc.if_else(whole, joined(sign, units, ".", cents), amounts)


#: Identifiers of an item, the qualifiers (X12 element 235) that carry them by preference, and their label in a key.
ITEM_IDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "gtin": ("GTIN", ("UK", "EN", "UP", "UI", "UA")),
    "ndc": ("NDC", ("N4", "ND")),
    "vendor_part": ("VN", ("VN", "VP", "VC")),
    "buyer_item_no": ("IN", ("IN", "BP", "PI", "CB")),
    "mfr_part_no": ("MG", ("MG",)),
    "other_item_id": ("ID", ("HI", "SK", "ST")),
}
_PAIRS = 10


class Pairs:
    """The qualifier and value pairs of segments (up to ten), read once. `start`: element of the first qualifier."""

    def __init__(self, segments: Segments, rows: Ints, start: Ints | int) -> None:
        begin = np.broadcast_to(np.asarray(start, dtype=np.int64), rows.shape)
        deepest = int(segments.count[rows[rows >= 0]].max(initial=0))
        self.shape = rows.shape
        self.elements, self.codes = [], []
        for pair in range(_PAIRS):
            if not rows.size or int(begin.min()) + 2 * pair >= deepest:
                break
            element = begin + 2 * pair
            low, high = segments.span(rows, element + 1)
            self.elements.append(element + 1)
            self.codes.append(np.where(high > low, segments.codes(rows, element), 0))

    def find(self, qualifiers: tuple[str, ...]) -> Ints:
        """Element number of the value behind the most preferred of the qualifiers; -1 where there is none."""
        best = np.full(self.shape, len(qualifiers), dtype=np.int64)
        found = np.full(self.shape, -1, dtype=np.int64)
        for element, codes in zip(self.elements, self.codes, strict=True):
            for preference, qualifier in enumerate(qualifiers):
                hit = (codes == code(qualifier)) & (preference < best)
                best, found = np.where(hit, preference, best), np.where(hit, element, found)
        return found


def pair_elements(segments: Segments, rows: Ints, start: Ints | int, qualifiers: tuple[str, ...]) -> Ints:
    """`Pairs.find` for one group of qualifiers."""
    return Pairs(segments, rows, start).find(qualifiers)


def item_columns(
    segments: Segments, rows: Ints, start: Ints | int, supplier_key: pa.Array
) -> dict[str, Pick | pa.Array]:
    """The identifiers of an item from the pairs of a segment, and `item_key`: all of them with the supplier's key.

    UP, EN, UI and UA are padded to 14 digits, so that one pack level has one number. `item_key` is NULL where the
    line names no item.
    """
    columns: dict[str, Pick | pa.Array] = {}
    parts: list[pa.Array] = []
    pairs = Pairs(segments, rows, start)
    for name, (label, qualifiers) in ITEM_IDS.items():
        element = pairs.find(qualifiers)
        form = _gtin14 if name == "gtin" else None
        place = Pick(np.where(element > 0, rows, -1), np.where(element > 0, element, 0), form)
        columns[name] = place
        text = place.text(segments)
        parts.append(_key_part(label, text))
    named = joined(*parts)
    columns["item_key"] = pc.if_else(pc.equal(named, ""), NULL_TEXT, joined(supplier_key, named))
    return columns


def _gtin14(numbers: pa.Array) -> pa.Array:
    digits = pc.match_substring_regex(numbers, r"^[0-9]{8,14}$")
    return pc.if_else(digits, pc.utf8_lpad(numbers, 14, "0"), numbers)


def _key_part(label: str, text: pa.Array) -> pa.Array:
    return pc.coalesce(joined(f"|{label}:", text), pa.scalar(""))


def choose(segments: Segments, *picks: Pick) -> Pick:
    """Per row the first pick that holds any text."""
    rows, element = picks[-1].rows, np.broadcast_to(np.asarray(picks[-1].element), picks[-1].rows.shape)
    for pick in reversed(picks[:-1]):
        start, end = segments.span(pick.rows, pick.element)
        rows = np.where(end > start, pick.rows, rows)
        element = np.where(end > start, pick.element, element)
    return Pick(rows, element)


def own_n1(lines: Lines, roles: tuple[str, ...]) -> Ints:
    """The N1 of each line's own loop by role."""
    rows = lines.documents.select("N1")
    return parties(lines.documents, rows, lines.line_of[rows], len(lines), roles)


def header_n1(lines: Lines, roles: tuple[str, ...]) -> Ints:
    """The N1 of each set's header by role (per set, not per line)."""
    documents = lines.documents
    rows = lines.outside(documents.select("N1"))
    return parties(documents, rows, documents.set_of[rows], len(documents), roles)


def parties(documents: Documents, rows: Ints, owner: Ints, owners: int, roles: tuple[str, ...]) -> Ints:
    """The N1 of the most preferred role per owner, of the given N1 rows."""
    roles_of = documents.segments.codes(rows, 1)
    found = np.full(owners, -1, dtype=np.int64)
    for role in roles:
        hit = roles_of == code(role)
        found = prefer(found, first_per(owner[hit], rows[hit], owners))
    return found


def addresses(documents: Documents, party_rows: Ints) -> Ints:
    """The N4 that follows each N1 before the next N1, HL or line."""
    stops = documents.select("N1", "HL", "PO1", "IT1", "ST", "SE")
    towns = documents.select("N4")
    if not len(stops) or not len(towns):
        return np.full(party_rows.shape, -1, dtype=np.int64)
    owner = stops[np.clip(np.searchsorted(stops, towns) - 1, 0, None)]
    by_row = first_per(owner, towns, len(documents.segments))
    return at(by_row, party_rows)


def supplier_columns(
    documents: Documents, n1: Ints, isa_party: pa.Array
) -> tuple[pa.Array, dict[str, Pick | pa.Array]]:
    """The supplier of each row, as key and as columns: its N1, or the party of the interchange where no N1 names one.

    `supplier_key` is `qualifier:id`, else `name:...`, else `isa:qualifier|id`. `supplier_edi_party` is given only
    where the N1 carries no id of its own (the ISA party may be a hub that sends for many suppliers).
    """
    segments = documents.segments
    qualifier, number, name = (segments.column(n1, e) for e in (3, 4, 2))
    by_id = joined(pc.coalesce(qualifier, pa.scalar("")), ":", number)
    key = pc.coalesce(by_id, joined("name:", name), joined("isa:", isa_party))
    return key, {
        "supplier_key": key,
        "supplier_qualifier": Pick(n1, 3),
        "supplier_id": Pick(n1, 4),
        "supplier_name": Pick(n1, 2),
        "supplier_edi_party": pc.if_else(pc.is_valid(number), NULL_TEXT, isa_party),
    }


def location_columns(documents: Documents, n1: Ints) -> dict[str, Pick | pa.Array]:
    """The ship-to of each row: `location_key` is `qualifier:id`, else `name:...`; NULL where nothing names one."""
    segments = documents.segments
    qualifier, number, name = (segments.column(n1, e) for e in (3, 4, 2))
    town = addresses(documents, n1)
    return {
        "location_key": pc.coalesce(joined(pc.coalesce(qualifier, pa.scalar("")), ":", number), joined("name:", name)),
        "location_qualifier": Pick(n1, 3),
        "location_id": Pick(n1, 4),
        "location_name": Pick(n1, 2),
        "location_city": Pick(town, 1),
        "location_state": Pick(town, 2),
        "location_postal_code": Pick(town, 3),
        "location_country": Pick(town, 4),
    }
