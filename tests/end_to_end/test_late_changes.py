"""Changes that a plain `update stamp > last time` never sees, on a real PostgreSQL, through the whole command.

Two homes follow one ERP: one with the feed pack as it is, one with its rules taken out (by the contract: no lag, no
sweep; by a user who may not see others' transactions; by `naive_extract`: rows at the watermark and rows without an
update stamp). The same happens to both; each case must end right in the first and stay as it was in the second. An
hourly sync must find what a stamp tells of, silent updates and deletes are found by the nightly one.
Not here: the rules one by one (`tests/connectors/test_watermark.py`).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from tests.connectors.database_lab import session
from tests.end_to_end.harness import ROOT, Home
from tests.postgres import PostgresServer, new_database

pytestmark = [pytest.mark.real_data, pytest.mark.postgres]

ERP = "mercy_erp"
NETWORK = f"""network: late_changes
description: An ERP alone
timezone: America/New_York
fiscal_year_start_month: 7
sources:
  {ERP}:
    system: tryton
    url: env:CONCORD_TRYTON_URL
    timezone: America/New_York
"""
RULES, NO_RULES = "lag_seconds: 300, sweep: true", "lag_seconds: 0, sweep: false"
NOW = "(now() AT TIME ZONE 'UTC')"


@dataclass(frozen=True)
class Case:
    """`published`: the one value that tells, `right`: what it is once the change has arrived, `found_by`: a cadence.

    `{tie}` stands for the row that was stamped with exactly the home's own watermark.
    """

    published: str
    right: object
    found_by: str = "hourly"


def movement(column: str, key: int) -> str:
    return f"SELECT {column} FROM conformed.fact_stock_movement WHERE _source_key = '{key}'"


def order_line(key: int) -> str:
    return f"SELECT max(qty_txn) FROM conformed.fact_po_line WHERE _source_key = '{key}'"


CASES = {
    "late commit": Case(movement("qty_txn", 10), Decimal("11.25")),
    "no update stamp": Case(order_line(9001), Decimal("40")),
    "no stamp at all": Case(order_line(9002), Decimal("41")),
    "tie at the watermark": Case(
        "SELECT qty_txn FROM conformed.fact_invoice_line WHERE _source_key = '{tie}'", Decimal("77.5")
    ),
    "silent update": Case(
        "SELECT expiry_date FROM conformed.fact_receipt_line WHERE _source_key = '11'", date(2031, 1, 31), "nightly"
    ),
    "hard delete": Case(movement("is_deleted_at_source", 60), True, "nightly"),
}
#: What any extract finds: the second home does follow the source.
ORDINARY = Case(movement("qty_txn", 20), Decimal("7.5"))
TIES = {"rules": 2, "naive": 3}


@dataclass
class Follower:
    """A home that follows the ERP, and what it published after each sync: sync -> case -> value."""

    home: Home
    tie: int
    seen: dict[str, dict[str, object]] = field(default_factory=dict)

    def sync(self, moment: str, cadence: str) -> None:
        self.home.sync("--cadence", cadence)
        cases = {**CASES, "ordinary": ORDINARY}
        self.seen[moment] = {name: self.home.one(case.published.format(tie=self.tie)) for name, case in cases.items()}

    def watermark(self) -> str:
        """Watermark of the invoice lines."""
        asked = f"SELECT max(cursor_hi) FROM ops.delivery WHERE feed = '{ERP}.account_invoice_line'"
        return str(self.home.one(asked))


@dataclass(frozen=True)
class World:
    """The two followers, the ERP's URL, and the stamp of the transaction that committed late."""

    followers: dict[str, Follower]
    url: str
    late: datetime


def project(folder: Path, *, rules: bool) -> Path:
    """A project with the ERP's feed pack, with or without what its contracts say about late changes."""
    shutil.copytree(ROOT / "feeds" / "tryton", folder / "feeds" / "tryton")
    (folder / "networks").mkdir()
    (folder / "networks" / "late_changes.yml").write_text(NETWORK, "utf-8")
    contracts = sorted((folder / "feeds").rglob("*.yml"))
    for path in contracts:
        text = path.read_text("utf-8")
        assert text.count(RULES) == 1, path
        path.write_text(text if rules else text.replace(RULES, NO_RULES), "utf-8")
    assert len(contracts) > 20
    return folder


def follower(folder: Path, url: str, *, rules: bool) -> Follower:
    folder.mkdir()
    env = {"CONCORD_PROJECT": str(project(folder / "project", rules=rules)), "CONCORD_TRYTON_URL": url}
    program = "pipelines" if rules else "tests.end_to_end.naive_extract"
    return Follower(Home(folder / "home", "late_changes", env, program), TIES["rules" if rules else "naive"])


def sync_both(followers: dict[str, Follower], moment: str, cadence: str) -> None:
    """Both at the same time."""
    with ThreadPoolExecutor(len(followers)) as pool:
        for done in [pool.submit(one.sync, moment, cadence) for one in followers.values()]:
            done.result()


@pytest.fixture(scope="module")
def erp(postgres: PostgresServer, tryton_pg: str) -> Iterator[tuple[str, dict[str, str]]]:
    """(a copy of the ERP's database, URLs for its two readers: one sees others' transactions, one does not)."""
    name = new_database(postgres, template=tryton_pg.rpartition("/")[2])
    readers = {"rules": f"{name}_sees", "naive": f"{name}_blind"}
    for role in readers.values():
        postgres.psql(
            name,
            f"CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA public TO {role}; "
            f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}",
        )
    postgres.psql(name, f"GRANT pg_monitor TO {readers['rules']}")
    yield postgres.url(name), {which: postgres.url(name, role) for which, role in readers.items()}
    postgres.psql("postgres", f"DROP DATABASE {name} WITH (FORCE)")
    for role in readers.values():
        postgres.psql("postgres", f"DROP ROLE {role}")


def bill(connection: psycopg.Connection[tuple[object, ...]], line: int, stamp: str) -> None:
    """Somebody corrects an invoice line; its stamp is `stamp` (UTC)."""
    connection.execute(
        "UPDATE account_invoice_line SET quantity = 77.5, write_date = %s::timestamp WHERE id = %s", (stamp, line)
    )


def meanwhile(url: str) -> None:
    """What others commit between two syncs, with and without a stamp that tells of it."""
    order = (
        "INSERT INTO purchase_line (id, purchase, type, product, quantity, unit, unit_price, create_date) "
        "SELECT {id}, purchase, type, product, {quantity}, unit, unit_price, {stamp} FROM purchase_line WHERE id = 5"
    )
    with session(url) as others:
        others.execute(f"UPDATE stock_move SET quantity = 7.5, write_date = {NOW} WHERE id = 20")
        others.execute(order.format(id=9001, quantity=40, stamp=NOW))
        others.execute(order.format(id=9002, quantity=41, stamp="NULL"))
        others.execute(
            "UPDATE stock_lot SET expiration_date = '2031-01-31' WHERE id = (SELECT lot FROM stock_move WHERE id = 11)"
        )
        others.execute("DELETE FROM stock_move WHERE id = 60")


@pytest.fixture(scope="module")
def world(erp: tuple[str, dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> World:
    """All of it once: a transaction that is open over the first sync, changes, an hourly and a nightly sync."""
    url, readers = erp
    root = tmp_path_factory.mktemp("late")
    followers = {which: follower(root / which, readers[which], rules=which == "rules") for which in readers}
    with session(url, autocommit=False) as clerk:
        [(begun,)] = clerk.execute(f"SELECT {NOW}").fetchall()
        with session(url) as others:  # the first of two rows with one stamp: read by the first sync
            bill(others, 1, f"{begun:%Y-%m-%d %H:%M:%S}")
        sync_both(followers, "first", "nightly")
        for one in followers.values():
            bill(clerk, one.tie, one.watermark())
        clerk.execute(f"UPDATE stock_move SET quantity = 11.25, write_date = {NOW} WHERE id = 10")
        clerk.commit()
    meanwhile(url)
    sync_both(followers, "hourly", "hourly")
    sync_both(followers, "nightly", "nightly")
    return World(followers, url, begun)


@pytest.mark.parametrize("case", CASES)
def test_a_change_ends_in_the_right_published_row(world: World, case: str) -> None:
    seen = world.followers["rules"].seen
    before = {"hourly": "first", "nightly": "hourly"}[CASES[case].found_by]
    assert seen["first"][case] == seen[before][case] != CASES[case].right
    assert seen[CASES[case].found_by][case] == seen["nightly"][case] == CASES[case].right


@pytest.mark.parametrize("case", CASES)
def test_it_is_lost_where_the_rule_is_taken_out(world: World, case: str) -> None:
    seen = world.followers["naive"].seen
    assert seen["first"][case] == seen["hourly"][case] == seen["nightly"][case] != CASES[case].right
    assert seen["first"]["ordinary"] != seen["hourly"]["ordinary"] == ORDINARY.right


def test_the_watermark_waits_for_the_open_transaction_and_only_with_the_rule(world: World) -> None:
    """The two rows of one tie were read by two syncs: the first before, the second at the watermark."""
    late = f"{world.late:%Y-%m-%d %H:%M:%S}"
    ties = "SELECT DISTINCT qty_txn FROM conformed.fact_invoice_line WHERE _source_key IN ('1', '2')"
    first = f"SELECT min(cursor_hi) FROM ops.delivery WHERE feed = '{ERP}.account_invoice_line'"
    assert world.followers["rules"].home.one(first) == late
    assert world.followers["rules"].home.query(ties) == [(Decimal("77.5"),)]
    assert str(world.followers["naive"].home.one(first)) > late


TABLES = {
    "fact_po_line": "SELECT id, quantity FROM purchase_line WHERE type = 'line'",
    "fact_stock_movement": "SELECT id, quantity FROM stock_move",
    "fact_invoice_line": "SELECT id, quantity FROM account_invoice_line WHERE type = 'line'",
}


@pytest.mark.parametrize("table", TABLES)
def test_in_the_end_the_whole_table_is_as_the_erp_has_it(world: World, table: str) -> None:
    with session(world.url) as connection:
        there = {(str(key), Decimal(str(quantity))) for key, quantity in connection.execute(TABLES[table]).fetchall()}
    asked = f"SELECT _source_key, qty_txn FROM conformed.{table} WHERE NOT is_deleted_at_source"
    assert set(world.followers["rules"].home.query(asked)) == there
    assert set(world.followers["naive"].home.query(asked)) != there
