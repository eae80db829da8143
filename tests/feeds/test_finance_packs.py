"""Accounts and cost centres of the two ledgers: one chart for all companies, first mentions where no list is sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from tests.feeds import packs


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute("SET TimeZone = 'UTC'")
        yield opened


def _supplied(con: duckdb.DuckDBPyConnection, system: str, shape: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = packs.supply(con, system, shape).to_pylist()
    return sorted(rows, key=lambda row: str(row["source_key"]))


def test_an_account_has_the_same_number_in_every_company(con: duckdb.DuckDBPyConnection) -> None:
    feed = packs.pack_contracts("legacy_finance")["gl_account"]
    companies = (100, 101)
    packs.stage(
        con, feed, [{"company": c, "account": 1300, "name": "Supplies inventory", "kind": "asset"} for c in companies]
    )
    found = _supplied(con, "legacy_finance", "gl_account")
    assert [(row["source_key"], row["network_account_no"]) for row in found] == [
        ("100|1300", "1300"),
        ("101|1300", "1300"),
    ]
    assert {(row["name"], row["account_type"], row["status"]) for row in found} == {
        ("Supplies inventory", "asset", "active")
    }


def test_a_right_justified_unit_is_the_cloud_s_cost_centre(con: duckdb.DuckDBPyConnection) -> None:
    legacy, cloud = packs.pack_contracts("legacy_finance"), packs.pack_contracts("cloud_finance")
    unit = {"company": 101, "acct_unit": "          70100", "name": "Main store", "facility": "NORTH"}
    packs.stage(
        con, legacy["cost_centre"], [unit | {"location_code": "NORTH-MAIN", "from_date": "20190701", "to_date": "0"}]
    )
    [found] = _supplied(con, "legacy_finance", "cost_centre")
    budget = {"COMPANY": 101, "COST_CENTER": "70100", "ACCOUNT": 1300, "FISCAL_YEAR": 2026, "AMOUNT": 1}
    packs.stage(con, cloud["budget"], [budget | {"PERIOD": period, "CURRENCY_CODE": "USD"} for period in (1, 2)])
    journal = {"COMPANY": 101, "JOURNAL": "AP1", "ENTERED_DR": 5, "CURRENCY_CODE": "USD"}
    lines = [("1", "70100", 2010), ("2", "70100", 1300), ("3", None, 1010)]
    packs.stage(
        con,
        cloud["journal"],
        [journal | {"LINE": n, "COST_CENTER": unit, "ACCOUNT": account} for n, unit, account in lines],
    )
    [named] = _supplied(con, "cloud_finance", "cost_centre")
    assert named["network_cost_centre_no"] == found["network_cost_centre_no"] == "101-70100"
    assert (found["cost_centre_code"], found["company_code"], str(found["first_date"])) == (
        "70100",
        "101",
        "2019-07-01",
    )
    assert found["end_date"] is None
    accounts = _supplied(con, "cloud_finance", "gl_account")
    assert [row["source_key"] for row in accounts] == ["101|1010", "101|1300", "101|2010"]
