"""The VistA pack: a MUMPS global export through the real connector, every unit and cost centre in its shape once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from connectors.contract import FeedContract
from connectors.delimited import DelimitedConnector
from connectors.interface import ROW_NO, Batch, Delivery
from connectors.network import Source
from tests.feeds import packs

FEEDS = packs.pack_contracts("vista")
FEED = FEEDS["unit_of_issue"]
CENTRES = FEEDS["cost_centre"]
TITLE = "OSEHRA ZGO Export: UNIT OF ISSUE\n09-NOV-2018 16:17:01 ZWR\n"


def read(path: Path, feed: FeedContract = FEED) -> list[Batch]:
    connector = DelimitedConnector(feed, "va", Source(system="vista", location=str(path.parent)), path.parent)
    now = datetime.now(UTC)
    return list(connector.read(Delivery("d", "va", feed.feed, path.name, path, "0", 1, "snapshot", now, now)))


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


def cost_centres(con: duckdb.DuckDBPyConnection, batches: list[Batch]) -> list[dict[str, object]]:
    packs.stage(con, CENTRES, staged(batches))
    rows: list[dict[str, object]] = packs.supply(con, "vista", "cost_centre").to_pylist()
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


def test_record_nodes_become_cost_centres_and_nothing_else_does(tmp_path: Path, con: duckdb.DuckDBPyConnection) -> None:
    nodes = (
        '^PRCD(420.1,0)="COST CENTER^420.1s^899900^679"',
        '^PRCD(420.1,1200,0)="1200 Main Office of the ""General"" Counsel"',
        '^PRCD(420.1,1200,1,0)="^420.11P^1001^1"',
        '^PRCD(420.1,1200,1,1001,0)="1001"',
        '^PRCD(420.1,1200,1,"B",1001,1001)=""',
        '^PRCD(420.1,110100,0)="110100 Office of the Secretary^1^1^2960627"',
        '^PRCD(420.1,"B","110100 Office of the Secr",110100)=""',
    )
    path = tmp_path / "420.1+COST CENTER.zwr"
    path.write_text(TITLE + "\n".join(nodes) + "\n", "utf-8")
    found = cost_centres(con, read(path, CENTRES))
    assert [(row["source_key"], row["cost_centre_code"], row["name"]) for row in found] == [
        ("1200", "1200", 'Main Office of the "General" Counsel'),
        ("110100", "110100", "Office of the Secretary"),
    ]


@pytest.mark.real_data
def test_every_cost_centre_of_the_real_list_is_there_once(real_data: Path, con: duckdb.DuckDBPyConnection) -> None:
    [path] = sorted((real_data / "vista").glob("*COST CENTER.zwr"))
    batches = read(path, CENTRES)
    assert [reject for batch in batches for reject in batch.rejects] == []
    assert len(staged(batches)) == len(path.read_bytes().splitlines()) - 2
    listed = re.findall(r'^\^PRCD\(420\.1,(\d+),0\)="(\d+) ?([^"^]*)', path.read_text("utf-8"), re.MULTILINE)
    found = cost_centres(con, batches)
    assert [(row["source_key"], row["cost_centre_code"], row["name"]) for row in found] == sorted(
        ((key, code, name.strip() or None) for key, code, name in listed), key=lambda row: int(row[0])
    )
    assert len(found) > 600
