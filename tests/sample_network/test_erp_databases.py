"""The ERP in MariaDB and PostgreSQL says, table by table and value by value, what its SQLite file says."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from connectors.interface import ROW_NO
from sample_network.build import build
from sample_network.model.plan import Plan
from sample_network.systems.erp import DATABASE
from tests.connectors.database_lab import connector, delivery, pull
from tests.feeds import packs
from tests.mariadb import mariadb as mariadb
from tests.postgres import PostgresServer

PLAN = Plan(seed=11, facilities=1, days=6)
Table = list[tuple[str, ...]]


def _said(value: object) -> str:
    """A value as text: numbers without idle zeros, texts without padding, times to the microsecond."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")
    if isinstance(value, int | float | Decimal):
        return f"{Decimal(str(value)).normalize():f}"
    return str(value)


def content(url: str) -> dict[str, Table]:
    engine = sa.create_engine(url)
    tables = sa.inspect(engine).get_table_names()
    with engine.connect() as con:
        found = {
            name: sorted(tuple(map(_said, row)) for row in con.execute(sa.text(f"SELECT * FROM {name}")).all())
            for name in tables
        }
    engine.dispose()
    return found


@pytest.fixture(scope="module")
def file_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("erp") / "file"
    build(folder, PLAN)
    return f"sqlite:///{folder / DATABASE}"


@pytest.fixture(scope="module")
def by_file(file_url: str) -> dict[str, Table]:
    tables = content(file_url)
    assert len(tables) == 16
    assert min(len(rows) for name, rows in tables.items() if name != "system_status") >= 3
    return tables


def assert_same(told: dict[str, Table], wanted: dict[str, Table]) -> None:
    assert told.keys() == wanted.keys()
    for name, rows in wanted.items():
        assert told[name] == rows, name


def test_mariadb(mariadb: str, by_file: dict[str, Table], tmp_path: Path) -> None:
    engine = sa.create_engine(mariadb)
    with engine.begin() as con:
        con.execute(sa.text("CREATE DATABASE sample_erp CHARACTER SET utf8mb4"))
    engine.dispose()
    build(tmp_path / "net", PLAN, erp_url=f"{mariadb}sample_erp")
    assert not (tmp_path / "net" / DATABASE).exists()
    assert_same(content(f"{mariadb}sample_erp"), by_file)


def read_by_contract(system: str, feed: str, url: str, target: Path) -> list[tuple[object, ...]]:
    """The rows of a feed as its contract reads them from that database."""
    db = connector(packs.pack_contracts(system)[feed], url)
    pulled = pull(db, target)
    assert pulled is not None
    batches = list(db.read(delivery(db, target, pulled)))
    assert [reject for batch in batches for reject in batch.rejects] == []
    rows = [row for batch in batches for row in batch.rows.drop_columns([ROW_NO]).to_pylist()]
    return sorted((tuple(row.values()) for row in rows), key=repr)


@pytest.mark.parametrize(
    ("system", "feed"),
    [
        ("legacy_erp", "po_line"),
        ("legacy_erp", "vendor"),
        ("legacy_finance", "gl_posting"),
        ("legacy_finance", "cost_centre"),
    ],
)
def test_contracts_read_the_same_rows_from_mariadb(
    mariadb: str, file_url: str, tmp_path: Path, system: str, feed: str
) -> None:
    from_file = read_by_contract(system, feed, file_url, tmp_path / "a")
    assert len(from_file) > 5
    assert read_by_contract(system, feed, f"{mariadb}sample_erp", tmp_path / "b") == from_file


@pytest.mark.postgres
def test_postgresql(postgres: PostgresServer, by_file: dict[str, Table], tmp_path: Path) -> None:
    postgres.psql("postgres", "CREATE DATABASE sample_erp_whole")
    build(tmp_path / "net", PLAN, erp_url=postgres.url("sample_erp_whole"))
    assert_same(content(postgres.url("sample_erp_whole")), by_file)
