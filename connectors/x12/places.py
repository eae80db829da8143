"""Rejects with their exact place: interchange, group, set, segment, element, physical line and byte.

Here: from fault to `Reject`, and from a typed row back to the element its value came from. Not here: which
faults there are (`envelope`, `contents`) and what they lead to (`connector`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from connectors.contract import Column, RecordContract
from connectors.interface import Reject
from connectors.x12.documents import Documents, Extract, Pick
from connectors.x12.envelope import Fault, Group, Interchange, Place, Stray, TransactionSet
from connectors.x12.segments import Text, code, code_text

SET_RECORD = "transaction_set"


@dataclass(frozen=True, slots=True)
class Locator:
    """Exact places of typed rows: which segment and element a value came from."""

    text: Text
    documents: Documents
    extract: Extract
    index: dict[int, int]

    def place(self, row_no: int, source: str | None) -> Place:
        """Place of a column's value in a row; the row's own segment where the value is not one element."""
        row, segments = self.index[row_no], self.documents.segments
        column = self.extract.columns[source] if source else None
        anchor, element = int(self.extract.anchor[row]), 0
        if isinstance(column, Pick) and column.rows[row] >= 0:
            anchor = int(column.rows[row])
            element = int(np.broadcast_to(np.asarray(column.element), column.rows.shape)[row])
        offset = segments.offset(int(segments.start[anchor]))
        if element:
            start, end = segments.span(np.array([anchor]), element)
            offset = segments.offset(int(start[0])) if end[0] > start[0] else offset
        return Place(int(self.documents.ordinals[anchor]), offset, code_text(int(segments.code[anchor])), element)

    def location(self, row_no: int, column: Column | None) -> str:
        """For a person."""
        current = self.documents.sets[int(self.extract.set_index[self.index[row_no]])]
        return location(self.text, current, self.place(row_no, column.source if column else None))

    def offset(self, row_no: int, record: RecordContract, column: str | None) -> int:
        """Byte offset of the value."""
        return self.place(row_no, record.column(column).source if column else None).offset


def location(text: Text, current: TransactionSet, place: Place) -> str:
    """A place in a set, for a person."""
    return where(text, place, current.interchange, current.group, current)


def where(
    text: Text,
    place: Place,
    interchange: Interchange | None,
    group: Group | None = None,
    current: TransactionSet | None = None,
) -> str:
    """A place, for a person, as far as it has interchange, group and set."""
    parts = [f"interchange {interchange.control}"] if interchange else []
    parts += [f"group {group.control or '(none)'}"] if group else []
    parts += [f"set {current.control or '(none)'}"] if current else []
    if place.ordinal:
        parts.append(f"segment {place.ordinal} ({place.segment or '?'})")
    parts += [f"element {place.element}"] if place.element else []
    parts.append(f"line {text.line(place.offset)}")
    return ", ".join(parts)


def stray_reject(text: Text, stray: Stray) -> Reject:
    """Never with raw text: what belongs to no known set may hold anything, patients included."""
    place = stray.fault.place
    return Reject(
        record=SET_RECORD,
        row_no=place.ordinal,
        location=where(text, place, stray.interchange),
        rule_id=stray.fault.rule,
        reason=stray.fault.reason,
        byte_offset=place.offset,
        rows=stray.rows,
    )


def envelope_reject(text: Text, fault: Fault, interchange: Interchange, group: Group | None) -> Reject:
    """A warning in any mode: in strict mode the sets inside are refused on top, each with its own place."""
    return Reject(
        record=SET_RECORD,
        row_no=fault.place.ordinal,
        location=where(text, fault.place, interchange, group),
        rule_id=fault.rule,
        reason=fault.reason,
        raw=fault.value,
        byte_offset=fault.place.offset,
        severity="warn",
        rows=0,
    )


def set_reject(text: Text, current: TransactionSet, record: str, fatal: Sequence[Fault]) -> Reject:
    """One reject for a whole set, at the place of its first fault; the reason names them all. Row number: its ST."""
    main = fatal[0]
    return Reject(
        record=record,
        row_no=current.place.ordinal,
        location=location(text, current, main.place),
        rule_id=main.rule,
        reason="; ".join(dict.fromkeys(fault.reason for fault in fatal)),
        raw=main.value,
        byte_offset=main.place.offset,
        rows=current.rows,
    )


def warning(text: Text, current: TransactionSet, record: str, fault: Fault) -> Reject:
    """A remark on a set that is loaded all the same: it stands for no row."""
    return Reject(
        record=record,
        row_no=fault.place.ordinal,
        location=location(text, current, fault.place),
        rule_id=fault.rule,
        reason=fault.reason,
        raw=fault.value,
        byte_offset=fault.place.offset,
        severity="warn",
        rows=0,
    )


def repeated_lines(text: Text, documents: Documents, extract: Extract, refused: set[int]) -> list[Reject]:
    """A warning per line whose number occurred before in its set: it is kept under number and occurrence."""
    column = extract.columns.get("line_occurrence")
    if column is None or isinstance(column, Pick):
        return []
    found = []
    segments = documents.segments
    starts = np.isin(segments.code[extract.anchor], [code(s) for s in ("PO1", "IT1", "HL")])
    again = np.array([value not in (None, "1") for value in column.to_pylist()], dtype=np.bool_)
    for row in np.flatnonzero(again & starts):
        index, anchor = int(extract.set_index[row]), int(extract.anchor[row])
        if index in refused:
            continue
        offset = segments.offset(int(segments.start[anchor]))
        place = Place(int(documents.ordinals[anchor]), offset, code_text(int(segments.code[anchor])), 1)
        fault = Fault("x12.duplicate_line", "the line number occurs twice in the set; both lines are kept", place)
        found.append(warning(text, documents.sets[index], extract.record, fault))
    return found
