"""850 purchase orders and 855 acknowledgments: PO1 loops to rows of `po_line` and `po_ack`.

Here: which element of which segment a column comes from (X12 004010; other versions add elements at the
end). Not here: types, keys and required columns (the feed contract), how rows become intake shapes (the
pack SQL).
"""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import pyarrow as pa

from connectors.x12.documents import (
    Documents,
    Extract,
    Lines,
    Pick,
    at,
    choose,
    header_n1,
    item_columns,
    line_number,
    location_columns,
    number_text,
    occurrence,
    own_n1,
    pair_elements,
    prefer,
    supplier_columns,
)
from connectors.x12.segments import Ints

SUPPLIER_ROLES = ("SE", "SU", "VN", "SF")
#: Where goods go; who buys, who pays only where nobody says where goods go.
LOCATION_ROLES = ("ST", "BT", "BY")
_PAIRS_START = 6
_NEED_BY = ("002", "106", "010")
_PROMISED = ("069", "067", "017", "079", "068")


def order_lines(documents: Documents) -> Extract:
    """850: one row per PO1."""
    lines = Lines(documents, "PO1", ("CTT",))
    extract = Extract("po_line", lines.rows, lines.set_index)
    begin = at(documents.first_per_set(documents.select("BEG")), lines.set_index)
    supplier_key, supplier = supplier_columns(
        documents,
        at(header_n1(lines, SUPPLIER_ROLES), lines.set_index),
        isa_party(documents, lines.set_index, receiver=True),
    )
    extract.columns = {
        "BEG01": Pick(begin, 1),
        "BEG02": Pick(begin, 2),
        "BEG03": Pick(begin, 3),
        "BEG04": Pick(begin, 4),
        "BEG05": Pick(begin, 5).dated(),
        "BEG06": contract_number(lines, begin),
        **_line_columns(lines),
        **supplier,
        **location_columns(documents, ship_to(lines)),
        **item_columns(documents.segments, lines.rows, _PAIRS_START, supplier_key),
        "DTM(need by)": dated(lines, _NEED_BY),
        "DTM(promised)": dated(lines, _PROMISED),
    }
    return extract


def isa_party(documents: Documents, set_index: Ints, *, receiver: bool = False) -> pa.Array:
    """Sender (or receiver) of the interchange of each row."""
    headers = [s.interchange.header for s in documents.sets]
    return documents.per_set([h.receiver if receiver else h.sender for h in headers], set_index)


def ship_to(lines: Lines) -> Ints:
    """The N1 of the ship-to of each line: its own, else the header's."""
    return prefer(own_n1(lines, LOCATION_ROLES), at(header_n1(lines, LOCATION_ROLES), lines.set_index))


def contract_number(lines: Lines, begin: Ints) -> Pick:
    """Contract number: REF CT or BC of the line, else of the header, else BEG06."""
    documents = lines.documents
    references = documents.where(documents.select("REF"), 1, "CT", "BC")
    return choose(documents.segments, Pick(lines.own_or_header(references), 2), Pick(begin, 6))


def dated(lines: Lines, qualifiers: tuple[str, ...]) -> Pick:
    """Date of the first DTM with one of the qualifiers, in the order given: of the line, else of the header."""
    documents = lines.documents
    rows = documents.select("DTM")
    picks = [Pick(lines.own(documents.where(rows, 1, q)), 2) for q in qualifiers]
    picks += [Pick(lines.header(documents.where(rows, 1, q)), 2) for q in qualifiers]
    return choose(documents.segments, *picks).dated()


def line_identity(lines: Lines) -> dict[str, pa.Array]:
    """`line_no`: the line's own number or "#" and its ordinal; `line_occurrence`: which of equal numbers in its set."""
    number = line_number(lines.documents.segments.column(lines.rows, 1), lines.ordinal())
    return {"line_no": number, "line_occurrence": number_text(occurrence(lines.set_index, number))}


def _line_columns(lines: Lines) -> dict[str, Pick | pa.Array]:
    documents, segments = lines.documents, lines.documents.segments
    price = choose(segments, Pick(lines.rows, 4), Pick(lines.own(documents.select("CTP")), 3))
    packaging = lines.own(documents.select("PO4"))
    return {
        **line_identity(lines),
        "PO102": Pick(lines.rows, 2),
        "PO103": Pick(lines.rows, 3),
        "PO104": price,
        "PO105": Pick(lines.rows, 5),
        "PID05": Pick(lines.own(documents.select("PID")), 5),
        "PO401": Pick(packaging, 1),
        "PO402": Pick(packaging, 2),
        "PO403": Pick(packaging, 3),
        "CUR02": Pick(lines.own_or_header(documents.select("CUR")), 2),
    }


def acknowledgments(documents: Documents) -> Extract:
    """855: one row per ACK, or one per PO1 without ACK. A line may also be repeated as several PO1."""
    lines = Lines(documents, "PO1", ("CTT",))
    ack, line = _ack_rows(lines)
    segments, own = documents.segments, lines.rows[line]
    anchor = np.where(ack >= 0, ack, own)
    set_index = lines.set_index[line]
    begin = at(documents.first_per_set(documents.select("BAK")), set_index)
    supplier_key, supplier = supplier_columns(
        documents, at(header_n1(lines, SUPPLIER_ROLES), lines.set_index), isa_party(documents, lines.set_index)
    )
    indexes = pa.array(line)
    number = line_number(segments.column(lines.rows, 1), lines.ordinal()).take(indexes)
    extract = Extract("po_ack", anchor, set_index)
    extract.columns = {
        **{f"BAK{n:02}": Pick(begin, n) for n in (1, 2, 3, 5, 8)},
        "BAK04": Pick(begin, 4).dated(),
        "BAK09": Pick(begin, 9).dated(),
        "line_no": number,
        "ack_seq": number_text(occurrence(set_index, number)),
        "ACK01": Pick(ack, 1),
        "ACK02": choose(segments, Pick(ack, 2), Pick(np.where(ack >= 0, -1, own), 2)),
        "ACK03": choose(segments, Pick(ack, 3), Pick(np.where(ack >= 0, -1, own), 3)),
        "ACK04": Pick(ack, 4),
        "ACK05": choose(segments, Pick(ack, 5), dated(lines, _PROMISED).at(line)).dated(),
        "PO102": Pick(own, 2),
        "PO104": Pick(own, 4),
        "PO105": Pick(own, 5),
        **take(supplier, line),
        **take(location_columns(documents, ship_to(lines)), line),
        **_acknowledged_item(documents, ack, own, supplier_key.take(indexes)),
        "PID05": Pick(lines.own(documents.select("PID"))[line], 5),
        "document_id": documents.per_set(document_ids(documents), set_index),
    }
    return extract


def take(columns: dict[str, Pick | pa.Array], index: Ints) -> dict[str, Pick | pa.Array]:
    """The columns at these rows."""
    result: dict[str, Pick | pa.Array] = {}
    for name, column in columns.items():
        result[name] = column.at(index) if isinstance(column, Pick) else column.take(pa.array(index))
    return result


def _ack_rows(lines: Lines) -> tuple[Ints, Ints]:
    """ACK row (or -1) and line index of each output row, in document order."""
    acks = lines.documents.select("ACK")
    acks = acks[lines.line_of[acks] >= 0]
    owner = lines.line_of[acks]
    bare = np.setdiff1d(np.arange(len(lines)), owner)
    ack = np.concatenate((acks, np.full(len(bare), -1, dtype=np.int64)))
    line = np.concatenate((owner, bare))
    order = np.argsort(line, kind="stable")
    return ack[order], line[order]


def _acknowledged_item(
    documents: Documents, ack: Ints, own: Ints, supplier_key: pa.Array
) -> dict[str, Pick | pa.Array]:
    """The item answered for: the substitute of the ACK (pairs from ACK07) where it names one, else PO1's."""
    segments = documents.segments
    substitute = pair_elements(segments, ack, 7, ("UK", "EN", "UP", "UI", "N4", "ND", "VN", "VP", "VC", "MG"))
    rows = np.where(substitute > 0, ack, own)
    return item_columns(segments, rows, np.where(substitute > 0, 7, _PAIRS_START), supplier_key)


def document_ids(documents: Documents) -> list[str]:
    """First 16 hex digits of the SHA-256 of each set between ST and SE, with its delimiters made the usual ones.

    The same document sent again under another control number has the same id.
    """
    segments, result = documents.segments, []
    for index, current in enumerate(documents.sets):
        delimiters = current.interchange.header.delimiters
        rows = range(int(documents.first[index]) + 1, documents.last(index) - 1)
        body = b"~".join(segments.raw(row).replace(delimiters.element, b"*") for row in rows)
        result.append(sha256(body).hexdigest()[:16])
    return result
