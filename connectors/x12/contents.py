"""The transaction sets that are read, in one table: which function, which segments, which must be there.

Here: what is needed to add a set. Not here: the extraction itself (`purchase`, `shipment`, `invoice`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from connectors.x12.documents import Documents, Extract, SetFault
from connectors.x12.envelope import Fault, Place
from connectors.x12.invoice import invoice_lines
from connectors.x12.purchase import acknowledgments, order_lines
from connectors.x12.segments import Ints
from connectors.x12.shipment import shipment_lines

Extraction = Callable[[Documents], tuple[Extract, list[SetFault]]]


@dataclass(frozen=True, slots=True)
class SetKind:
    """One transaction set. `begin`: its beginning segment (mandatory), with the elements of document number, purpose
    and release. `line`: the segment CTT01 counts; `needs_line`: a set without one is refused unless it is a
    cancellation. `reads`: segment ids of which something is read."""

    record: str
    begin: str
    number: int
    purpose: int
    release: int | None
    line: str
    needs_line: bool
    extract: Extraction
    reads: frozenset[str]


_PARTIES = {"N1", "N4", "REF", "DTM", "PID", "CTT", "ST", "SE"}
KINDS: dict[str, SetKind] = {
    "850": SetKind(
        *("po_line", "BEG", 3, 1, 4, "PO1", True),
        lambda documents: (order_lines(documents), []),
        frozenset(_PARTIES | {"BEG", "PO1", "PO4", "CTP", "CUR"}),
    ),
    "855": SetKind(
        *("po_ack", "BAK", 3, 1, 5, "PO1", False),
        lambda documents: (acknowledgments(documents), []),
        frozenset(_PARTIES | {"BAK", "PO1", "ACK"}),
    ),
    "856": SetKind(
        *("asn_line", "BSN", 2, 1, None, "HL", True),
        shipment_lines,
        frozenset(_PARTIES | {"BSN", "HL", "LIN", "SN1", "PRF", "TD5", "MAN"}),
    ),
    "810": SetKind(
        *("invoice_line", "BIG", 2, 8, 5, "IT1", False),
        invoice_lines,
        frozenset(_PARTIES | {"BIG", "IT1", "CUR", "ITD", "TDS", "SAC", "TXI"}),
    ),
}
_CANCELLATION = "01"


def content_faults(kind: SetKind, documents: Documents) -> list[SetFault]:
    """Mandatory segments that are missing (fatal) and a CTT01 that is not the number of lines (a warning)."""
    begin = documents.first_per_set(documents.select(kind.begin))
    lines = np.bincount(documents.set_of[documents.select(kind.line)], minlength=len(documents))
    found = [_missing(documents, int(n), kind.begin) for n in np.flatnonzero(begin < 0)]
    if kind.needs_line:
        purposes = documents.segments.column(begin, kind.purpose).to_pylist()
        empty = [int(n) for n in np.flatnonzero(lines == 0) if purposes[n] != _CANCELLATION]
        found += [_missing(documents, n, kind.line) for n in empty]
    return found + _wrong_totals(kind, documents, lines)


def _missing(documents: Documents, index: int, segment: str) -> SetFault:
    place = documents.sets[index].place
    return SetFault(
        index, Fault("x12.missing_segment", f"the mandatory segment {segment} is missing", place), fatal=True
    )


def _wrong_totals(kind: SetKind, documents: Documents, lines: Ints) -> list[SetFault]:
    """CTT01 against the number of lines; some partners count the LIN of a ship notice instead of its HL."""
    rows = documents.first_per_set(documents.select("CTT"))
    stated = documents.segments.column(rows, 1)
    digits = pc.match_substring_regex(stated, r"^[0-9]{1,9}$")
    counts = pc.fill_null(pc.if_else(digits, stated, None).cast("int64"), -1).to_numpy(zero_copy_only=False)
    items = np.bincount(documents.set_of[documents.select("LIN")], minlength=len(documents))
    wrong = (rows >= 0) & (counts != lines) & ((kind.begin != "BSN") | (counts != items))
    return [_total(documents, int(n), int(rows[n]), int(lines[n]), kind.line) for n in np.flatnonzero(wrong)]


def _total(documents: Documents, index: int, row: int, lines: int, segment: str) -> SetFault:
    segments = documents.segments
    stated = segments.column(np.array([row]), 1)[0].as_py()
    place = Place(int(documents.ordinals[row]), segments.offset(int(segments.start[row])), "CTT", 1)
    reason = f"CTT01 states {stated or 'no number of'} lines, the set has {lines} {segment}"
    return SetFault(index, Fault("x12.ctt_count", reason, place, stated), fatal=False)
