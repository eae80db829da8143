"""The EDI mailbox: X12 004010 orders, acknowledgments, ship notices, invoices, 997s, in four partner styles.

Here: writing the texts that `edi.sql` puts together. Not here: catalogues (832), which `unread` writes.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from sample_network.model.world import run, script
from sample_network.systems.drop import HERE, Writers

FOLDER = "edi"


def write_edi(con: duckdb.DuckDBPyConnection, root: Path, writers: Writers) -> None:
    """The documents of the sites the world is at, a file per site, day and set. A file that is there already stays."""
    run(con, script("edi.sql", HERE))
    run(con, script("edi_acks.sql", HERE))
    files = con.sql("SELECT file, text FROM edi_file WHERE available <= getvariable('until') ORDER BY file").fetchall()
    for name, text in files:
        writers.write(root / FOLDER, name, text.encode("ascii"))


def note_keys(con: duckdb.DuckDBPyConnection) -> None:
    """The truth about the keys in those documents. In the order of sites: a key is noted once."""
    run(con, script("edi_keys.sql", HERE))
