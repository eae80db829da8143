"""Writing X12 files and reading them back, for tests. Not here: expectations."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from connectors.catalogue import load_contract
from connectors.contract import FeedContract, X12Format
from connectors.interface import Delivery, Reject
from connectors.network import Source
from connectors.x12 import X12Connector

CONTRACT = Path(__file__).resolve().parents[2] / "feeds" / "edi" / "x12.yml"
Segment = tuple[str, ...]


@dataclass(frozen=True)
class Marks:
    """Delimiters as written. `after`: text put after each terminator."""

    element: str = "*"
    component: str = ">"
    terminator: str = "~"
    after: str = ""


USUAL = Marks()


@dataclass
class Result:
    """What a file was read as: typed rows by record, and all rejects."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)

    def of(self, record: str) -> list[dict[str, Any]]:
        return self.rows.get(record, [])

    @property
    def errors(self) -> list[Reject]:
        return [r for r in self.rejects if r.severity == "error"]

    @property
    def warnings(self) -> list[Reject]:
        return [r for r in self.rejects if r.severity == "warn"]

    @property
    def loaded_lines(self) -> int:
        return sum(len(rows) for record, rows in self.rows.items() if record != "transaction_set")

    def outcomes(self) -> list[tuple[str, str, str, str | None]]:
        return [
            (row["set_id"], row["set_control_no"], row["outcome"], row["rule_id"]) for row in self.of("transaction_set")
        ]


def x12_format(found: FeedContract) -> X12Format:
    assert isinstance(found.format, X12Format)
    return found.format


@cache
def contract(strict: bool = True) -> FeedContract:
    found = load_contract(CONTRACT)
    return found.model_copy(update={"format": x12_format(found).model_copy(update={"strict": strict})})


@cache
def connector(strict: bool = True, timezone: str = "UTC") -> X12Connector:
    return X12Connector(contract(strict), "hub", Source(system="edi", timezone=timezone), Path("unused"))


def delivery(path: Path) -> Delivery:
    content = path.read_bytes()
    now = datetime(2026, 11, 1, tzinfo=UTC)
    sha = hashlib.sha256(content).hexdigest()
    return Delivery("d" * 16, "hub", "x12", path.name, path, sha, len(content), "edi", now, now)


def read_file(path: Path, *, strict: bool = True) -> Result:
    result = Result()
    for batch in connector(strict).read(delivery(path)):
        result.rows.setdefault(batch.record, []).extend(batch.rows.to_pylist())
        result.rejects.extend(batch.rejects)
    return result


def read(folder: Path, content: str | bytes, *, strict: bool = True) -> Result:
    path = folder / "file.edi"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_file(path, strict=strict)


def text(segments: Iterable[Segment], marks: Marks = USUAL) -> str:
    return "".join(marks.element.join(s) + marks.terminator + marks.after for s in segments)


def isa(control: str = "000000001", *, version: str = "00401", marks: Marks = USUAL, repetition: str = "U") -> Segment:
    return (
        *("ISA", "00", " " * 10, "00", " " * 10, "ZZ", "BUYER".ljust(15), "ZZ", "SELLER".ljust(15)),
        *("261101", "0930", repetition, version, control, "0", "P", marks.component),
    )


def transaction(set_id: str, control: str, body: Sequence[Segment]) -> list[Segment]:
    return [("ST", set_id, control), *body, ("SE", str(len(body) + 2), control)]


def group(sets: Sequence[list[Segment]], control: str = "1") -> list[Segment]:
    begin = ("GS", "PO", "BUYERAPP", "SELLERAPP", "20261101", "0930", control, "X", "004010")
    return [begin, *(s for one in sets for s in one), ("GE", str(len(sets)), control)]


def interchange(
    *groups: list[Segment],
    control: str = "000000001",
    marks: Marks = USUAL,
    version: str = "00401",
    repetition: str = "U",
) -> str:
    inside = [segment for one in groups for segment in one]
    header = isa(control, marks=marks, version=version, repetition=repetition)
    return text([header, *inside, ("IEA", str(len(groups)), control)], marks)


def order(
    po_no: str = "PO1", *lines: Segment, purpose: str = "00", header: Sequence[Segment] = (), release: str = ""
) -> list[Segment]:
    chosen = lines or (("PO1", "1", "5", "EA", "2.50", "", "VN", "A1"), ("PO1", "2", "7", "CS", "10", "", "VN", "B2"))
    count = sum(1 for s in chosen if s[0] == "PO1")
    return [("BEG", purpose, "SA", po_no, release, "20261031"), *header, *chosen, ("CTT", str(count))]


def one(
    set_id: str,
    body: Sequence[Segment],
    *,
    control: str = "000000001",
    set_control: str = "0001",
    marks: Marks = USUAL,
    version: str = "00401",
    repetition: str = "U",
) -> str:
    inside = group([transaction(set_id, set_control, body)])
    return interchange(inside, control=control, marks=marks, version=version, repetition=repetition)


def without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in names}
