"""Extracts in formats that no feed reads yet, so that the readers to come have something to read.

Here: mixed row types, JSON lines, fixed width, EBCDIC with packed decimals, X12 832. Not here: anything
that the network file enables. Their folders end in `_unread`; the 832 lies in the mailbox, which leaves it
out by name.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt

from sample_network.model.world import script
from sample_network.systems.drop import HERE, Writers, sections

#: EBCDIC code page of the batch extracts, and how many letters a record begins with.
CODE_PAGE, LETTERS = "cp037", 37


def write_unread_network(con: duckdb.DuckDBPyConnection, root: Path, writers: Writers) -> None:
    """What every hospital shares: contracts as JSON lines, a supplier's 832."""
    _write_lines(con, root, "suite_contracts", writers)
    catalogue = con.sql(script("catalogue_832.sql", HERE)).fetchall()[0][0]
    writers.write(root / "edi", "832_catalogues.edi", catalogue.encode())


def write_unread_sites(con: duckdb.DuckDBPyConnection, root: Path, writers: Writers) -> None:
    """Requisitions and approvals, and the legacy batch extracts of the sites the world is at."""
    for name in ("suite_hourly", "fixed_width"):
        _write_lines(con, root, name, writers)
    found = con.sql(f"SELECT * FROM ({_due('packed')})").fetchnumpy()
    records = packed_records(found["text"], found["qty"], found["amount"])
    start = 0
    for file, group in groupby(found["file"]):
        end = start + len(list(group))
        writers.write(root, file, records[start:end].tobytes())
        start = end


def _due(name: str) -> str:
    """The lines of a section that are there by then, in their order."""
    return f"SELECT * FROM ({sections('unread.sql')[name]}) WHERE available <= getvariable('until')"


def _write_lines(con: duckdb.DuckDBPyConnection, root: Path, name: str, writers: Writers) -> None:
    numbered = f"SELECT file, text, row_number() OVER () AS n FROM ({_due(name)})"
    files = f"SELECT file, string_agg(text, chr(10) ORDER BY n) FROM ({numbered}) GROUP BY file ORDER BY file"
    for file, text in con.sql(files).fetchall():
        writers.write(root, file, f"{text}\n".encode())


def packed_records(
    texts: npt.NDArray[np.object_], quantities: npt.NDArray[np.int64], amounts: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint8]:
    """A record of 53 bytes a row: 37 of EBCDIC text, two packed decimals of 8 (numbers in ten-thousandths)."""
    letters = np.frombuffer("".join(texts).encode(CODE_PAGE), dtype=np.uint8).reshape(-1, LETTERS)
    return np.concatenate([letters, packed_decimals(quantities), packed_decimals(amounts)], axis=1)


def packed_decimals(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """COMP-3: two digits a byte, the sign (C plus, D minus) in the last half byte. One row of 8 bytes per number."""
    size = np.abs(numbers)
    digits = (size[:, None] // 10 ** np.arange(14, -1, -1, dtype=np.int64)) % 10
    signs = np.where(numbers < 0, 0xD, 0xC)[:, None]
    halves = np.concatenate([digits, signs], axis=1).astype(np.uint8)
    return np.asarray((halves[:, 0::2] << 4) | halves[:, 1::2], dtype=np.uint8)
