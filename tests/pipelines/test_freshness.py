"""Whether feeds deliver in time: the rule by the clock, and what a sync makes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pytest

from assets.freshness import LastDelivery, last_deadline, stale, stale_tables
from assets.settings import package_root
from connectors.catalogue import load_feeds
from connectors.contract import FeedContract
from expectations.promise import load_promises

FEEDS = load_feeds(package_root() / "feeds")
ZONE = ZoneInfo("America/New_York")
NOW = datetime(2026, 3, 10, 11, 0, tzinfo=UTC)  # 07:00 in New York, two days after clocks went forward


def late(contract: FeedContract, as_of: datetime | None, landed: datetime | None = None) -> str | None:
    """What is said of a feed with this last delivery."""
    last = LastDelivery(as_of, landed or as_of) if as_of else None
    found = stale("a.b", contract, last, NOW, ZONE)
    return found and f"{found.observed} / {found.allowed}"


@pytest.mark.parametrize(
    ("feed", "age", "is_late"),
    [
        ("stock", timedelta(hours=29), False),
        ("stock", timedelta(hours=31), True),
        ("receipt", timedelta(hours=29), False),
        ("receipt", timedelta(hours=31), True),
        ("location", timedelta(days=400), True),
    ],
)
def test_a_dated_file_is_late_when_it_is_older_than_its_cadence_and_a_margin(
    feed: str, age: timedelta, is_late: bool
) -> None:
    contract = FEEDS["inventory"][feed]
    assert (late(contract, NOW - age, NOW) is not None) == is_late, "whenever it landed"


def test_lateness_names_the_as_of_in_utc_its_age_and_what_is_allowed() -> None:
    said = late(FEEDS["inventory"]["stock"], datetime(2026, 3, 1, 5, 0, tzinfo=UTC))
    assert said == "last delivery as of 2026-03-01 05:00 UTC, 9 days old / at most 30 h old (cadence nightly)"
    assert late(FEEDS["inventory"]["stock"], None) == "nothing was delivered yet / at most 30 h old (cadence nightly)"


def test_tables_and_undated_files_promise_nothing_unless_they_say_by_when() -> None:
    table, undated = FEEDS["legacy_erp"]["item"], FEEDS["openboxes"]["product"]
    long_ago = NOW - timedelta(days=900)
    assert late(table, long_ago) is None
    assert late(undated, long_ago) is None
    promised = undated.model_copy(update={"expected_by": "06:30"})
    assert late(promised, long_ago) is not None


@pytest.mark.parametrize(
    ("expected_by", "landed", "is_late"),
    [
        ("06:30", datetime(2026, 3, 10, 10, 0, tzinfo=UTC), False),  # this morning
        ("06:30", datetime(2026, 3, 9, 10, 31, tzinfo=UTC), False),  # after yesterday's deadline
        ("06:30", datetime(2026, 3, 9, 10, 29, tzinfo=UTC), True),  # yesterday's; today's is missing
        ("07:30", datetime(2026, 3, 9, 10, 29, tzinfo=UTC), False),  # today's is not due yet
    ],
)
def test_expected_by_counts_arrivals_in_the_networks_time(expected_by: str, landed: datetime, is_late: bool) -> None:
    contract = FEEDS["inventory"]["stock"].model_copy(update={"expected_by": expected_by})
    assert (late(contract, datetime(2020, 1, 1, tzinfo=UTC), landed) is not None) == is_late


def test_the_deadline_follows_the_clocks() -> None:
    before, after = datetime(2026, 3, 7, 12, tzinfo=UTC), datetime(2026, 3, 8, 12, tzinfo=UTC)
    assert last_deadline("06:30", before, ZONE).astimezone(UTC).hour == 11
    assert last_deadline("06:30", after, ZONE).astimezone(UTC).hour == 10


def test_a_published_table_is_stale_when_its_newest_row_is_older_than_promised_and_an_empty_one_is_not() -> None:
    promises = load_promises(package_root() / "expectations" / "tables")
    con = duckdb.connect()
    con.execute("CREATE SCHEMA conformed")
    for name, promise in promises.items():
        if promise.freshness:
            con.execute(f"CREATE TABLE conformed.{name} ({promise.freshness.column} TIMESTAMPTZ)")
    age = promises["fact_po_line"].freshness.max_age_hours  # type: ignore[union-attr]
    for table, newest in (("fact_po_line", age + 1), ("fact_asn_line", age - 1)):
        rows = [[NOW - timedelta(hours=newest)], [NOW - timedelta(days=400)]]
        con.executemany(f"INSERT INTO conformed.{table} VALUES (?)", rows)
    [found] = stale_tables(con, promises, NOW)
    assert (found["table_name"], found["scope"], found["success"]) == ("conformed.fact_po_line", "_loaded_at", False)
    assert found["observed"] == "newest 2026-03-08 22:00 UTC, 37 h old"
    assert found["threshold"] == "at most 36 h old"
