"""Tools of the delimited-file tests: contracts, landed files, and everything a read gave. Not a test module."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from connectors import delimited
from connectors.contract import FeedContract
from connectors.delimited import DelimitedConnector
from connectors.delimited_lines import scan
from connectors.interface import ROW_NO, Batch, Delivery, Reject
from connectors.network import Source

AS_OF = datetime(2026, 1, 9, tzinfo=UTC)


def column(name: str, kind: str = "VARCHAR", **given: Any) -> dict[str, Any]:
    return {"source": name, "name": name, "type": kind, "description": name, **given}


#: Two texts and a quantity, keyed by the first text.
ITEM = (column("item", required=True), column("note"), column("qty", "DECIMAL(18,2)"))


def contract(columns: Sequence[Mapping[str, Any]] = ITEM, **given: Any) -> FeedContract:
    """`given` replaces top-level keys; `format` is merged into the delimited one."""
    form = {"kind": "delimited", **given.pop("format", {})}
    fields: dict[str, Any] = {
        "feed": "probe",
        "system": "probe",
        "description": "a probe",
        "owner": "tests",
        "transport": {"kind": "file", "path": "*.csv"},
        "change": {"mode": "snapshot"},
        "key": [columns[0]["name"]],
        "columns": list(columns),
    }
    return FeedContract.model_validate({**fields, "format": form, **given})


def delivery(path: Path) -> Delivery:
    data = path.read_bytes()
    return Delivery(
        delivery_id="0" * 16,
        source="lab",
        feed="probe",
        name=path.name,
        path=path,
        sha256=hashlib.sha256(data).hexdigest(),
        bytes=len(data),
        kind="snapshot",
        as_of=AS_OF,
        landed_ts=AS_OF,
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """`rows`: (line, values...) in the order of lines; `refused`: errors; `warnings`: what stands for no row."""

    rows: list[tuple[Any, ...]]
    refused: list[Reject]
    warnings: list[Reject]

    @property
    def lines(self) -> list[int]:
        """Every line that was loaded or refused, once for each row or reject that stands for a row."""
        return sorted([row[0] for row in self.rows] + [r.row_no for r in self.refused if r.rows])

    @property
    def rules(self) -> list[tuple[int, str]]:
        return sorted((r.row_no, r.rule_id) for r in self.refused)


def outcome(batches: Sequence[Batch]) -> Outcome:
    rows = [
        (row.pop(ROW_NO), *row.values()) for batch in batches for row in pa.Table.from_batches([batch.rows]).to_pylist()
    ]
    rejects = [reject for batch in batches for reject in batch.rejects]
    return Outcome(
        sorted(rows, key=lambda row: row[0]),
        [r for r in rejects if r.severity == "error"],
        [r for r in rejects if r.severity == "warn"],
    )


def read(folder: Path, data: bytes, feed: FeedContract | None = None, *, zone: str = "America/New_York") -> Outcome:
    """What comes out of a file of these bytes."""
    path = folder / "data.csv"
    path.write_bytes(data)
    found = DelimitedConnector(feed or contract(), "lab", Source(system="probe", timezone=zone), folder)
    return outcome(list(found.read(delivery(path))))


def read_carefully(folder: Path, data: bytes, feed: FeedContract | None = None) -> Outcome:
    """As `read`, with the careful reader for the whole file, as if the scan had found something odd."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "scan", lambda path, form: replace(scan(path, form), is_plain=False))
        return read(folder, data, feed)
