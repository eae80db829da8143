"""Extracts in formats that no feed reads yet, so that the readers to come have something to read.

Here: mixed row types, JSON lines, fixed width, EBCDIC with packed decimals, a GS1-style catalogue, X12 832. Not here:
anything that the network file enables. Their folders end in `_unread`; the 832 lies in the mailbox, which leaves it
out by name.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt

from sample_network.model.world import script
from sample_network.systems.drop import HERE, sections

HEADERS = {
    "catalogue_gs1": "gtin,information_provider_gln,unit,base_units,child_gtin,description,brand_owner,part_no,"
    "unspsc,ndc",
}
#: EBCDIC code page of the batch extracts.
CODE_PAGE = "cp037"


def write_unread_network(con: duckdb.DuckDBPyConnection, root: Path) -> None:
    """What every hospital shares: contracts as JSON lines, the GS1 catalogue, a supplier's 832."""
    for name in ("suite_contracts", "catalogue_gs1"):
        _write_lines(con, root, name)
    _write(root / "edi" / "832_catalogues.edi", con.sql(script("catalogue_832.sql", HERE)).fetchall()[0][0].encode())


def write_unread_site(con: duckdb.DuckDBPyConnection, root: Path) -> None:
    """Requisitions and approvals, and the legacy batch extracts of the site the world is at."""
    for name in ("suite_hourly", "fixed_width"):
        _write_lines(con, root, name)
    query = f"SELECT * FROM ({sections('unread.sql')['packed']}) WHERE available <= getvariable('until')"
    rows = con.sql(query).fetchall()
    for file, group in groupby(rows, lambda row: row[0]):
        _write(root / file, packed_records([tuple(row[2:]) for row in group]))


def _write_lines(con: duckdb.DuckDBPyConnection, root: Path, name: str) -> None:
    query = sections("unread.sql")[name]
    rows = con.sql(f"SELECT file, text FROM ({query}) WHERE available <= getvariable('until')").fetchall()
    for file, group in groupby(rows, lambda row: row[0]):
        lines = [HEADERS[name]] if name in HEADERS else []
        lines += [text for _, text in group]
        _write(root / file, "".join(f"{line}\n" for line in lines).encode())


def _write(path: Path, content: bytes) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def packed_records(rows: list[tuple[str, int, int]]) -> bytes:
    """Records of (text, quantity, amount; both in ten-thousandths): EBCDIC text, two packed decimals of 8 bytes."""
    texts = [text.encode(CODE_PAGE) for text, _, _ in rows]
    packed = [packed_decimals(np.array([row[n] for row in rows], dtype=np.int64)) for n in (1, 2)]
    return b"".join(t + q.tobytes() + a.tobytes() for t, q, a in zip(texts, *packed, strict=True))


def packed_decimals(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """COMP-3: two digits a byte, the sign (C plus, D minus) in the last half byte. One row of 8 bytes per number."""
    size = np.abs(numbers)
    digits = (size[:, None] // 10 ** np.arange(14, -1, -1, dtype=np.int64)) % 10
    signs = np.where(numbers < 0, 0xD, 0xC)[:, None]
    halves = np.concatenate([digits, signs], axis=1).astype(np.uint8)
    return np.asarray((halves[:, 0::2] << 4) | halves[:, 1::2], dtype=np.uint8)
