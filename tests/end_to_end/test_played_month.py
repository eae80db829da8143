"""A network played sync by sync ends in the very content that a single sync of the whole gives, by content hash.

Every sync reads what the simulated systems had written by then (`Plan.until`): files of the day or of the hour, and the
ERP's database as it stood. Nothing may depend on how often it was looked at, but for what the source wiped without a
trace. The gate is not run: what is compared holds whatever the promises say of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from assets.session import DOMAIN_ORDER, SyncSession
from assets.settings import Settings
from expectations.ddl import quoted
from expectations.promise import load_promises
from sample_network.build import NETWORK_FILE, build
from sample_network.model.plan import FIRST_DAY, Plan
from store.content_hash import combined, conformed, domains, make_labels, sums_of
from tests.end_to_end.harness import ROOT

PROMISES = load_promises(ROOT / "expectations" / "tables")
START = datetime.combine(FIRST_DAY, datetime.min.time(), UTC)
#: What the content hash leaves out and the sources know all the same: since when a version holds, whose value won when,
#: what a steward is asked.
BESIDE_THE_HASH = [
    *sorted(name for name, promise in PROMISES.items() if "_valid_to" in promise.column_names),
    "survivorship_log",
    "review",
]
#: Extracts of a database are other deliveries when they are made on other days.
NOT_OF_THE_SOURCE = {"_delivery_id", "_source_row_no", "_row_hash", "winner_delivery_id", "winner_row_no"}
Moment = tuple[datetime | None, str]


@dataclass(frozen=True)
class Home:
    """A network that was made step by step in `folder`, and the home that followed it."""

    folder: Path

    @property
    def store(self) -> Path:
        """The file that readers see."""
        return self.folder / "home" / "published" / "reporting.duckdb"

    @property
    def settings(self) -> Settings:
        return Settings(ROOT, self.folder / "home", str(self.folder / "net" / NETWORK_FILE))

    def listed(self, kind: str) -> list[str]:
        """Source keys of a kind of defect, as the truth lists them."""
        with duckdb.connect(str(self.folder / "net" / "truth.duckdb"), read_only=True) as con:
            query = "SELECT source_key FROM defect WHERE kind = ? ORDER BY ALL"
            return [row[0] for row in con.execute(query, [kind]).fetchall()]

    def query(self, sql: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self.store), read_only=True) as con:
            return con.execute(sql).fetchall()


def play(folder: Path, plan: Plan, moments: list[Moment]) -> Home:
    """Makes the network up to each moment and syncs it, at the cadence that belongs to the moment."""
    home = Home(folder)
    for until, cadence in moments:
        build(folder / "net", replace(plan, until=until))
        sync(home.settings, cadence)
    return home


def sync(settings: Settings, cadence: str) -> None:
    with SyncSession(settings, cadence) as session:
        session.begin()
        session.pull(session.selected)
        assert session.report.feed_errors == []
        for source, (_, feeds) in session.enabled.items():
            for feed in feeds:
                session.stage(source, feed)
        for domain in DOMAIN_ORDER:
            session.master(domain)
        session.conform()
        if session.candidate.worth_publishing:
            session.candidate.seal()
        session.publish()


AT_ONCE: list[Moment] = [(None, "nightly")]


def nights(first: int, last: int) -> list[Moment]:
    """Eleven o'clock UTC of these days: the drops of the night before are all there."""
    return [(START + timedelta(days=day, hours=11), "nightly") for day in range(first, last + 1)]


def hours(days: int) -> list[Moment]:
    """Seven minutes past every hour from the one in which the ERP goes live; at eleven comes the nightly sync."""
    times = (START + timedelta(hours=hour, minutes=7) for hour in range(12, 24 * days))
    return [(at, "nightly" if at.hour == 11 else "hourly") for at in times]


def content(store: Path, where: dict[str, str] | None = None) -> str:
    """Content hash of a published file; of the tables in `where` only over the rows that meet the condition."""
    with duckdb.connect(str(store), read_only=True) as con:
        for domain in domains(PROMISES):
            make_labels(con, domain)
        tables = {
            name: sums_of(con, PROMISES[name], PROMISES, quoted("conformed", name), (where or {}).get(name, "TRUE"))
            for name in conformed(PROMISES)
        }
    return combined({name: sums.state for name, sums in tables.items()}).content


def beside_the_hash(one: Home, other: Home) -> Iterator[tuple[object, ...]]:
    """Rows of `BESIDE_THE_HASH`, ids aside, that only one of the two has."""
    with duckdb.connect() as con:
        for alias, home in (("one", one), ("other", other)):
            con.execute(f"ATTACH '{home.store}' AS {alias} (READ_ONLY)")
        for table in BESIDE_THE_HASH:
            said = [c for c in PROMISES[table].column_names if c not in NOT_OF_THE_SOURCE and not c.endswith("sk")]
            columns, place = ", ".join(quoted(name) for name in said), quoted(PROMISES[table].schema_name, table)
            rows = {alias: f"SELECT {columns} FROM {alias}.{place}" for alias in ("one", "other")}
            for left, right in (("one", "other"), ("other", "one")):
                query = f"{rows[left]} EXCEPT ALL {rows[right]} ORDER BY ALL LIMIT 5"
                yield from ((left, table, *row) for row in con.execute(query).fetchall())


# -- a few days: two syncs and one -------------------------------------------------------------------------

#: An order line is wiped on its third day, vendors are renamed and bought, packs change; late commits, late files.
SHORT = Plan(seed=310, facilities=1, days=4)


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Home]:
    folder = tmp_path_factory.mktemp("month")
    played = play(folder / "played", SHORT, [*nights(2, 2), *AT_ONCE])
    return played, play(folder / "once", SHORT, AT_ONCE)


@pytest.mark.slow
def test_days_played_are_the_days_at_once_but_for_what_was_wiped_without_a_trace(homes: tuple[Home, Home]) -> None:
    played, once = homes
    deleted = played.query("SELECT _source_key FROM conformed.fact_po_line WHERE is_deleted_at_source ORDER BY ALL")
    assert [row[0] for row in deleted] == played.listed("hard_delete")
    assert deleted, "the plan has a line that is wiped"
    assert content(played.store) != content(once.store)
    assert content(played.store, {"fact_po_line": "NOT t.is_deleted_at_source"}) == content(once.store)


@pytest.mark.slow
def test_versions_begin_and_end_when_the_source_says_and_not_when_it_was_read(homes: tuple[Home, Home]) -> None:
    assert list(beside_the_hash(*homes)) == []


@pytest.mark.slow
def test_a_single_sync_knows_what_was_called_otherwise_before(homes: tuple[Home, Home]) -> None:
    """The former name of a renamed vendor, the days on which it had it, and both packs of an item whose box shrank."""
    _, once = homes
    renamed, bought = once.listed("supplier_renamed"), once.listed("supplier_merged")
    versions = once.query(
        "SELECT supplier_no, list(legal_name ORDER BY _valid_from), min(CAST(_valid_to AS VARCHAR)) "
        "FROM conformed.dim_supplier WHERE _valid_from >= '2026-02-23 12:00:00+00' GROUP BY supplier_no"
    )
    names = {number: names for number, names, _ in versions if number in renamed}
    assert renamed
    # Who was bought, too, was called otherwise twice.
    assert [len(set(names[number])) for number in renamed] == [2 + (number in bought) for number in renamed]
    changed = [tuple(key.split("|")) for key in once.listed("pack_changed")]
    packs = once.query(
        "SELECT source_item_key, from_uom, CAST(valid_from AS VARCHAR) FROM conformed.item_uom "
        "WHERE _source_system = 'legacy_erp'"
    )
    assert changed
    assert {*changed, *((item, uom, "2019-07-01") for item, uom, _ in changed)} <= set(packs)


# -- a month of nights, a week of hours --------------------------------------------------------------------


@pytest.mark.heavy
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("plan", "moments"),
    [
        pytest.param(Plan(seed=7, facilities=2, days=30), [*nights(1, 32), *AT_ONCE], id="month of nights"),
        pytest.param(
            Plan(seed=7, facilities=2, days=7, hourly=True), [*hours(7), *nights(7, 9), *AT_ONCE], id="week of hours"
        ),
    ],
)
def test_a_month_played_is_the_month_at_once(plan: Plan, moments: list[Moment], tmp_path: Path) -> None:
    without = replace(plan, without=frozenset({"hard_delete"}))
    played = play(tmp_path / "played", without, moments)
    once = play(tmp_path / "once", without, AT_ONCE)
    assert content(played.store) == content(once.store)
    assert list(beside_the_hash(played, once)) == []
    counts = {name: f"SELECT count(*) FROM conformed.{name}" for name in conformed(PROMISES)}
    assert {name: played.query(query) for name, query in counts.items()} == {
        name: once.query(query) for name, query in counts.items()
    }
    versions = [int(str(file.stem).rpartition("-")[2]) for file in played.store.parent.glob("reporting-*.duckdb")]
    assert max(versions) > 0.8 * len(moments), "it was played: nearly every sync had something to publish"
