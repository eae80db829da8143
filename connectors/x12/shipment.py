"""856 ship notices: the HL tree to rows of `asn_line`, one per item level and lot or serial.

Here: resolving parents by HL02 in whatever order the levels come, and what each level tells. Not here:
types and keys (the feed contract).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.x12.documents import (
    Documents,
    Extract,
    Pick,
    SetFault,
    at,
    choose,
    first_per,
    item_columns,
    joined,
    line_number,
    location_columns,
    number_text,
    occurrence,
    pair_elements,
    parties,
    prefer,
    rank,
    supplier_columns,
)
from connectors.x12.envelope import Fault, Place
from connectors.x12.segments import Bools, Codes, Ints, code

_MAX_DEPTH = 32
_RANK = {code(level): n for n, level in enumerate(("S", "O", "T", "P", "I"))}
_EXPIRY = ("036", "208", "511")
_SUPPLIER_ROLES = ("SE", "SU", "VN", "SF", "SH")


class Tree:
    """The HL levels of the sets. `rows`: their segments; `parent`: index of the parent level, -1 for a root."""

    def __init__(self, documents: Documents) -> None:
        segments = documents.segments
        self.documents = documents
        self.rows = documents.select("HL")
        self.set_index = documents.set_of[self.rows]
        self.level: Codes = segments.codes(self.rows, 3)
        self.number = segments.column(self.rows, 1)
        self.parent, self.lost = self._parents()
        level = np.searchsorted(self.rows, np.arange(len(segments)), side="right") - 1
        same = (level >= 0) & (at(self.set_index, level) == documents.set_of) & (documents.set_of >= 0)
        summary = documents.first_per_set(documents.select("CTT"))
        limit = np.where(summary >= 0, summary, documents.first + documents.size)
        self.level_of = np.where(same & (np.arange(len(segments)) < at(limit, documents.set_of)), level, -1)

    def __len__(self) -> int:
        return len(self.rows)

    def _parents(self) -> tuple[Ints, Bools]:
        """Parent of each level, and which levels name a parent that is not there."""
        named = self.documents.segments.column(self.rows, 2)
        sets = number_text(self.set_index)
        found = pc.index_in(joined(sets, "|", named), value_set=joined(sets, "|", self.number))
        parent = pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int64)
        has_name = pc.is_valid(named).to_numpy(zero_copy_only=False)
        parent = np.where(has_name, parent, self._implied())
        return parent, has_name & (parent < 0)

    def _implied(self) -> Ints:
        """For levels that name no parent: the nearest level before in the set that stands higher; -1 for roots."""
        ranks = [_RANK.get(int(c), 3) for c in self.level]
        implied = np.full(len(self.rows), -1, dtype=np.int64)
        open_levels: list[int] = []
        current = -1
        for n, own in enumerate(ranks):
            if self.set_index[n] != current:
                current, open_levels = int(self.set_index[n]), []
            while open_levels and ranks[open_levels[-1]] >= own:
                open_levels.pop()
            implied[n] = open_levels[-1] if open_levels else -1
            open_levels.append(n)
        return implied

    def ancestor(self, levels: Ints, *kinds: str) -> Ints:
        """The nearest level of one of these kinds, from the level itself upwards; -1 where there is none."""
        wanted = [code(k) for k in kinds]
        found = np.full(levels.shape, -1, dtype=np.int64)
        current = levels
        for _ in range(_MAX_DEPTH):
            hit = (found < 0) & (current >= 0) & np.isin(self.level[np.clip(current, 0, None)], wanted)
            found = np.where(hit, current, found)
            current = at(self.parent, current)
            if not np.any(current >= 0):
                break
        return found

    def circular(self) -> Bools:
        """Levels that never reach a root."""
        current = np.arange(len(self))
        for _ in range(_MAX_DEPTH):
            current = at(self.parent, current)
        return np.asarray(current >= 0)

    def own(self, rows: Ints, levels: Ints) -> Ints:
        """The first of the rows in each of the levels."""
        return at(first_per(self.level_of[rows], rows, len(self)), levels)

    def party(self, levels: Ints, roles: tuple[str, ...]) -> Ints:
        """The N1 of each level by role."""
        rows = self.documents.select("N1")
        return at(parties(self.documents, rows, self.level_of[rows], len(self), roles), levels)

    def faults(self) -> list[SetFault]:
        """Levels whose parent is missing or that go round in circles: their order and shipment are unknown."""
        bad = np.flatnonzero(self.lost | self.circular())
        return [self._fault(int(n)) for n in bad[np.unique(self.set_index[bad], return_index=True)[1]]]

    def _fault(self, level: int) -> SetFault:
        segments, row = self.documents.segments, int(self.rows[level])
        place = Place(int(self.documents.ordinals[row]), segments.offset(int(segments.start[row])), "HL", 2)
        reason = "HL02 names a parent level that is not in the set, or itself among its parents"
        return SetFault(int(self.set_index[level]), Fault("x12.hl_parent", reason, place), fatal=True)


@dataclass(frozen=True, slots=True)
class _Values:
    """Several values per item level, in document order: owner (index of the item), segment row, element."""

    owner: Ints
    rows: Ints
    element: Ints

    def count(self, items: int) -> Ints:
        return (
            np.bincount(self.owner, minlength=items).astype(np.int64) if len(self.owner) else np.zeros(items, np.int64)
        )

    def nth(self, item: Ints, ordinal: Ints, items: int) -> Pick:
        """The value for the ordinal-th (from 0) row of each item: its own, or the only one there is."""
        count = self.count(items)
        start = np.concatenate(([0], np.cumsum(count)))[:-1] if items else count
        held = count[item] if items else count
        index = np.where(held == 1, 0, ordinal)
        valid = index < held
        place = np.where(valid, start[item] + index, -1) if items else index
        return Pick(at(self.rows, place), at(self.element, place))


def _values(groups: list[tuple[Ints, Ints, Ints]]) -> _Values:
    owner = np.concatenate([g[0] for g in groups])
    rows = np.concatenate([g[1] for g in groups])
    element = np.concatenate([g[2] for g in groups])
    kept = (owner >= 0) & (rows >= 0) & (element > 0)
    owner, rows, element = owner[kept], rows[kept], element[kept]
    order = np.lexsort((rows, owner))
    return _Values(owner[order], rows[order], element[order])


def shipment_lines(documents: Documents) -> tuple[Extract, list[SetFault]]:
    """856: one row per item level, or one per lot (or serial) of it.

    Several lots (LIN LT pair, REF LT) or serials (LIN SN pair, REF SE) of one item level become several rows; the
    quantity of the level (SN1) stays on the first of them, so that sums are right. The n-th expiry date
    (DTM 036, 208, 511) goes with the n-th lot; an only one goes with all.
    """
    tree = Tree(documents)
    levels = np.flatnonzero(tree.level == code("I"))
    lin = tree.own(documents.select("LIN"), levels)
    lots, serials, expiries = _lots(tree, levels, lin), _serials(tree, levels, lin), _dates(tree, levels, _EXPIRY)
    size = np.maximum(1, np.maximum(lots.count(len(levels)), serials.count(len(levels))))
    item = np.repeat(np.arange(len(levels)), size)
    ordinal = rank(item) - 1
    lot = lots.nth(item, ordinal, len(levels))
    serial = serials.nth(item, ordinal, len(levels))
    extra = np.where(lots.count(len(levels))[item] > 1, lot.rows, serial.rows)
    anchor = np.where((ordinal > 0) & (extra >= 0), extra, tree.rows[levels[item]])
    extract = Extract("asn_line", anchor, tree.set_index[levels[item]])
    extract.columns = {
        **_columns(tree, levels[item], lin[item], ordinal),
        "lot_ordinal": number_text(ordinal + 1),
        "LIN(LT)": lot,
        "LIN(SN)": serial,
        "DTM(expiry)": expiries.nth(item, ordinal, len(levels)).dated(),
    }
    return extract, tree.faults()


def _in_items(tree: Tree, levels: Ints, rows: Ints) -> Ints:
    """Index into `levels` of the item each row belongs to; -1 outside of items."""
    index = np.full(len(tree), -1, dtype=np.int64)
    index[levels] = np.arange(len(levels))
    return at(index, tree.level_of[rows])


def _lots(tree: Tree, levels: Ints, lin: Ints) -> _Values:
    """Lots of each item: the pair LT or B8 of LIN, and REF LT unless it repeats the pair."""
    documents, segments = tree.documents, tree.documents.segments
    references = documents.where(documents.select("REF"), 1, "LT")
    owner = _in_items(tree, levels, references)
    pair = pair_elements(segments, lin, 2, ("LT", "B8"))
    of_pair = segments.column(at(lin, owner), at(pair, owner))
    repeats = pc.fill_null(pc.equal(segments.column(references, 2), of_pair), False).to_numpy(zero_copy_only=False)
    return _values(
        [
            (np.arange(len(levels)), lin, pair),
            (np.where(repeats, -1, owner), references, np.full(len(references), 2, dtype=np.int64)),
        ]
    )


def _serials(tree: Tree, levels: Ints, lin: Ints) -> _Values:
    documents = tree.documents
    references = documents.where(documents.select("REF"), 1, "SE")
    owner = _in_items(tree, levels, references)
    pair = pair_elements(documents.segments, lin, 2, ("SN",))
    twos = np.full(len(references), 2, dtype=np.int64)
    return _values([(np.arange(len(levels)), lin, pair), (owner, references, twos)])


def _dates(tree: Tree, levels: Ints, qualifiers: tuple[str, ...]) -> _Values:
    documents = tree.documents
    rows = documents.where(documents.select("DTM"), 1, *qualifiers)
    return _values([(_in_items(tree, levels, rows), rows, np.full(len(rows), 2, dtype=np.int64))])


def _columns(tree: Tree, levels: Ints, lin: Ints, ordinal: Ints) -> dict[str, Pick | pa.Array]:
    """Everything but lots, by level: item, pack, order, shipment."""
    documents, segments = tree.documents, tree.documents.segments
    order, shipment = tree.ancestor(levels, "O"), tree.ancestor(levels, "S")
    set_index = tree.set_index[levels]
    begin = at(documents.first_per_set(documents.select("BSN")), set_index)
    senders = documents.per_set([s.interchange.header.sender for s in documents.sets], set_index)
    n1 = prefer(tree.party(shipment, _SUPPLIER_ROLES), tree.party(order, _SUPPLIER_ROLES))
    supplier_key, supplier = supplier_columns(documents, n1, senders)
    quantity = np.where(ordinal == 0, tree.own(documents.select("SN1"), levels), -1)
    return {
        **_line_identity(tree, levels, ordinal),
        "BSN01": Pick(begin, 1),
        "BSN02": Pick(begin, 2),
        "BSN03": Pick(begin, 3).dated(),
        **_order_columns(tree, levels, lin, order),
        **_shipment_columns(tree, levels, shipment, order),
        **supplier,
        **location_columns(documents, _ship_to(tree, shipment, order)),
        **item_columns(segments, lin, 2, supplier_key),
        "SN102": Pick(quantity, 2),
        "SN103": Pick(quantity, 3),
        "SN105": Pick(quantity, 5),
        "PID05": Pick(tree.own(documents.select("PID"), levels), 5),
    }


def _line_identity(tree: Tree, levels: Ints, ordinal: Ints) -> dict[str, Pick | pa.Array]:
    """HL01 (or "#" and the ordinal of the level), and which of equal numbers in the set."""
    number = line_number(tree.number, rank(tree.set_index))
    index = pa.array(levels)
    again = number_text(occurrence(tree.set_index, number))
    return {"line_no": number.take(index), "line_occurrence": again.take(index)}


def _order_columns(tree: Tree, levels: Ints, lin: Ints, order: Ints) -> dict[str, Pick | pa.Array]:
    documents, segments = tree.documents, tree.documents.segments
    prf, references = documents.select("PRF"), documents.select("REF")
    by_reference = documents.where(references, 1, "PO")
    pair = pair_elements(segments, lin, 2, ("PL",))
    return {
        "PRF01": choose(
            segments,
            Pick(tree.own(prf, levels), 1),
            Pick(tree.own(by_reference, levels), 2),
            Pick(tree.own(prf, order), 1),
            Pick(tree.own(by_reference, order), 2),
        ),
        "PRF02": Pick(tree.own(prf, order), 2),
        "LIN01": choose(
            segments,
            Pick(np.where(pair > 0, lin, -1), pair),
            Pick(tree.own(documents.where(references, 1, "LI", "PL"), levels), 2),
            Pick(lin, 1),
        ),
    }


def _shipment_columns(tree: Tree, levels: Ints, shipment: Ints, order: Ints) -> dict[str, Pick | pa.Array]:
    documents, segments = tree.documents, tree.documents.segments
    carrier, dates = documents.select("TD5"), documents.select("DTM")
    references, marks = documents.select("REF"), documents.where(documents.select("MAN"), 1, "GM", "AA")
    shipped, arriving = documents.where(dates, 1, "011"), documents.where(dates, 1, "017", "067", "002")
    pack, tare = tree.ancestor(levels, "P"), tree.ancestor(levels, "T")
    own, above = tree.own(carrier, shipment), tree.own(carrier, order)
    return {
        "MAN02": choose(segments, *(Pick(tree.own(marks, level), 2) for level in (levels, pack, tare))),
        "TD505": choose(segments, Pick(own, 5), Pick(own, 3), Pick(above, 5), Pick(above, 3)),
        "REF(BM)": Pick(tree.own(documents.where(references, 1, "BM"), shipment), 2),
        "REF(CN)": Pick(tree.own(documents.where(references, 1, "CN"), shipment), 2),
        "DTM(011)": choose(segments, *(Pick(tree.own(shipped, n), 2) for n in (shipment, order))).dated(),
        "DTM(017)": choose(segments, *(Pick(tree.own(arriving, n), 2) for n in (shipment, order))).dated(),
    }


def _ship_to(tree: Tree, shipment: Ints, order: Ints) -> Ints:
    """Ship-to of the shipment, else of the order; else who ordered (the store of a cross-dock order), who pays."""
    return prefer(
        tree.party(shipment, ("ST",)),
        tree.party(order, ("ST", "BY")),
        tree.party(shipment, ("BY", "BT")),
        tree.party(order, ("BT",)),
    )
