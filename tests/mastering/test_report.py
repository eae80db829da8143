"""The report of mastering: clusters, cases, and agreement with a truth."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from connectors.errors import ConfigurationError
from mastering.report import agreement, report
from pipelines.master_report import run_report
from tests.mastering.world import DOMAINS, World


def test_pairwise_and_bcubed_are_what_they_are_by_hand() -> None:
    """Five records: true {a b c} {d e}; found {a b} {c d e}."""
    one = agreement(["1", "1", "2", "2", "2"], ["x", "x", "x", "y", "y"])
    assert one.precision == pytest.approx(2 / 4)
    assert one.recall == pytest.approx(2 / 4)
    assert one.bcubed_precision == pytest.approx((1 + 1 + 1 / 3 + 2 / 3 + 2 / 3) / 5)
    assert one.bcubed_recall == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1 + 1) / 5)


def test_records_of_their_own_have_no_pairs_and_are_right() -> None:
    one = agreement(["1", "2"], ["x", "y"])
    assert (one.precision, one.recall, one.f1, one.bcubed_f1) == (1, 1, 1, 1)


def world() -> World:
    made = World(rules={"supplier": DOMAINS["supplier"]})
    made.say("supplier", "erp", "1", legal_name="Birchwood Health Supply Inc", duns="060000074")
    made.say("supplier", "erp", "2", legal_name="Birchwood Health Supply REMIT TO 1", duns="060000074")
    made.say("supplier", "erp", "3", legal_name="Birchwood Health Supply REMIT TO 2", duns="060000074")
    made.say("supplier", "suite", "9", legal_name="BIRCHWOOD HEALTH SUPPLY")
    made.run("supplier")
    return made


def truth(folder: Path) -> Path:
    path = folder / "the truth's.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute(
            "CREATE TABLE crosswalk AS SELECT * FROM (VALUES"
            " ('supplier', 'S1', 'erp', '1'), ('supplier', 'S1', 'erp', '2'),"
            " ('supplier', 'S1', 'erp', '3'), ('supplier', 'S1', 'suite', '9'), ('supplier', 'S2', 'edi', 'nobody'))"
            " AS t (domain, entity_id, source_system, source_key)"
        )
    return path


def test_the_report_counts_clusters_cases_and_agreement(tmp_path: Path) -> None:
    (one,) = report(world().con, truth(tmp_path))
    assert (one.domain, one.records, one.golden, one.by_score) == ("supplier", 4, 2, 3)
    assert one.largest == [("erp|1", 3)], "a record of its own is no cluster"
    assert one.cases["ask"] == 1
    assert one.asked_per_thousand == pytest.approx(250)
    assert one.queue_share == pytest.approx(sum(one.cases.values()) / 4)
    assert one.agreement is not None
    assert one.agreement.records == 5
    assert (one.agreement.precision, one.agreement.recall) == (1.0, pytest.approx(3 / 6))


def test_without_a_truth_there_is_no_agreement() -> None:
    (one,) = report(world().con)
    assert one.agreement is None


def test_the_command_prints_it_and_says_where_nothing_was_synced(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nothing was synced"):
        run_report(tmp_path, None, Console())
    made = world().con
    made.execute(f"ATTACH '{tmp_path / 'working.duckdb'}' AS kept")
    made.execute("CREATE SCHEMA kept.master")
    for (name,) in made.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'master'").fetchall():
        made.execute(f'CREATE TABLE kept.master."{name}" AS SELECT * FROM memory.master."{name}"')
    made.execute("DETACH kept")
    console = Console(width=160, record=True)
    run_report(tmp_path, truth(tmp_path), console)
    printed = console.export_text()
    assert "ask 1" in printed
    assert "1.0000" in printed
    assert "erp|1" in printed
