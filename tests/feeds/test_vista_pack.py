"""The VistA pack: a MUMPS global export through the real connector, every unit in the shape `uom` once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from connectors.delimited import DelimitedConnector
from connectors.interface import ROW_NO, Batch, Delivery
from connectors.network import Source
from tests.feeds import packs

FEED = packs.pack_contracts("vista")["unit_of_issue"]
TITLE = "OSEHRA ZGO Export: UNIT OF ISSUE\n09-NOV-2018 16:17:01 ZWR\n"


def read(path: Path) -> list[Batch]:
    connector = DelimitedConnector(FEED, "va", Source(system="vista", location=str(path.parent)), path.parent)
    now = datetime.now(UTC)
    return list(connector.read(Delivery("d", "va", FEED.feed, path.name, path, "0", 1, "snapshot", now, now)))


def staged(batches: list[Batch]) -> list[packs.Row]:
    rows = [row for batch in batches for row in batch.rows.to_pylist()]
    return [{"node": row["node"], "content": row["content"], "line": row[ROW_NO]} for row in rows]


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def units(con: duckdb.DuckDBPyConnection, batches: list[Batch]) -> list[dict[str, object]]:
    packs.stage(con, FEED, staged(batches))
    rows: list[dict[str, object]] = packs.supply(con, "vista", "uom").to_pylist()
    return sorted(rows, key=lambda row: int(str(row["source_key"])))


def test_record_nodes_become_units_and_nothing_else_does(tmp_path: Path, con: duckdb.DuckDBPyConnection) -> None:
    nodes = (
        '^PRCD(420.5,0)="UNIT OF ISSUE^420.5LI^95^93"',
        '^PRCD(420.5,12,0)="BX^BOX^BX"',
        '^PRCD(420.5,30,0)="GR^GROSS^GR"',
        '^PRCD(420.5,30,1,0)="a note"',
        '^PRCD(420.5,31,0)="HD"',
        '^PRCD(420.5,"B","BX",12)=""',
        '^PRCD(420.5,"C","GROSS",30)=""',
    )
    path = tmp_path / "420.5+UNIT OF ISSUE.zwr"
    path.write_text(TITLE + "\n".join(nodes) + "\n", "utf-8")
    batches = read(path)
    assert [reject for batch in batches for reject in batch.rejects] == []
    assert [row["line"] for row in staged(batches)] == [3, 4, 5, 6, 7, 8, 9]
    found = units(con, batches)
    assert [(u["source_key"], u["code"], u["description"]) for u in found] == [
        ("12", "BX", "BOX"),
        ("30", "GR", "GROSS"),
        ("31", "HD", None),
    ]
    assert {u["code_list"] for u in found} == {"va_unit_of_issue"}
    assert not any("x12_355" in unit for unit in found), "a gross would count as the gram that GR is in X12"


def test_a_text_with_the_delimiter_in_it_is_refused_at_its_line(tmp_path: Path) -> None:
    path = tmp_path / "UNIT OF ISSUE.zwr"
    path.write_text(TITLE + '^PRCD(420.5,1,0)="A=B^BOTH^AB"\n^PRCD(420.5,12,0)="BX^BOX^BX"\n', "utf-8")
    batches = read(path)
    [reject] = [reject for batch in batches for reject in batch.rejects]
    assert (reject.row_no, reject.severity) == (3, "error")
    assert [row["node"] for row in staged(batches)] == ["^PRCD(420.5,12,0)"]


@pytest.mark.real_data
def test_every_unit_of_the_real_list_is_there_once(real_data: Path, con: duckdb.DuckDBPyConnection) -> None:
    [path] = sorted((real_data / "vista").glob("*UNIT OF ISSUE.zwr"))
    batches = read(path)
    assert [reject for batch in batches for reject in batch.rejects] == []
    assert len(staged(batches)) == len(path.read_bytes().splitlines()) - 2
    listed = re.findall(r'^\^PRCD\(420\.5,(\d+),0\)="([^^"]*)\^([^^"]*)', path.read_text("utf-8"), re.MULTILINE)
    [declared] = re.findall(r'^\^PRCD\(420\.5,0\)="[^"]*\^(\d+)"', path.read_text("utf-8"), re.MULTILINE)
    found = units(con, batches)
    assert [(u["source_key"], u["code"], u["description"]) for u in found] == listed
    assert len(found) == int(declared) == len({u["code"] for u in found})
