"""The control database: the id ledger, the chain of decisions, runs, quarantine actions, alerts."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa

from connectors.errors import ConcordError, ConfigurationError
from store.control import BrokenChain, Control, Proposal


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    with Control.open(f"sqlite:///{tmp_path / 'control.sqlite'}") as opened:
        yield opened


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Control]:
    """A control database in each supported engine."""
    files = f"sqlite:///{tmp_path / 'control.sqlite'}"
    with Control.open(files if request.param == "sqlite" else request.getfixturevalue("pg_url")) as opened:
        yield opened


def members(*rows: tuple[str, str, int]) -> pa.Table:
    names = ("source_system", "source_key", "sk")
    return pa.table({name: [row[i] for row in rows] for i, name in enumerate(names)})


def test_the_same_seed_gets_the_same_id(either: Control) -> None:
    first = either.ledger.mint("item", [("erp", "1"), ("erp", "2"), ("wms", "1"), ("erp", "1")])
    assert first == [1, 2, 3, 1]
    assert either.ledger.mint("item", [("wms", "9"), ("erp", "2")]) == [4, 2]
    assert either.ledger.mint("supplier", [("erp", "2")]) == [1]
    assert [tuple(row.values()) for row in either.ledger.seeds("item", after=2).to_pylist()] == [
        ("wms", "1", 3),
        ("wms", "9", 4),
    ]


def test_an_assignment_replaces_the_one_before(either: Control) -> None:
    either.ledger.assign("item", members(("erp", "1", 1), ("wms", "x|y'", 1)))
    either.ledger.assign("item", members(("wms", "x|y'", 2)))
    assert either.ledger.members("item").to_pylist() == [
        {"source_system": "erp", "source_key": "1", "sk": 1},
        {"source_system": "wms", "source_key": "x|y'", "sk": 2},
    ]
    assert either.ledger.members("supplier").num_rows == 0


def test_a_merge_redirects_and_an_unmerge_restores(either: Control) -> None:
    either.ledger.mint("item", [("erp", str(n)) for n in range(4)])
    either.ledger.redirect("item", 1, 2)
    either.ledger.redirect("item", 2, 3)
    assert either.ledger.redirects("item") == {1: 3, 2: 3}
    shown = either.ledger.redirect_table().select(["domain", "sk", "means_sk", "seed_source", "seed_key"])
    assert [tuple(row.values()) for row in shown.to_pylist()] == [
        ("item", 1, 3, "erp", "0"),
        ("item", 2, 3, "erp", "1"),
    ]
    either.ledger.redirect("item", 2, None)
    assert either.ledger.redirects("item") == {1: 2}


def test_a_redirect_never_leads_back(control: Control) -> None:
    control.ledger.mint("item", [("erp", "1"), ("erp", "2"), ("erp", "3")])
    control.ledger.redirect("item", 1, 2)
    control.ledger.redirect("item", 2, 3)
    for from_sk, to_sk in ((3, 1), (2, 2)):
        with pytest.raises(ConcordError, match="lead back"):
            control.ledger.redirect("item", from_sk, to_sk)
    with pytest.raises(ConcordError, match="never minted"):
        control.ledger.redirect("item", 3, 99)


def test_writers_at_the_same_time_never_mint_one_id_twice(either: Control) -> None:
    seeds = [[("erp", str(n)) for n in range(k, k + 40)] for k in (0, 20, 40, 0)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda some: either.ledger.mint("item", some), seeds))
    ids = {seed: sk for some, found in zip(seeds, results, strict=True) for seed, sk in zip(some, found, strict=True)}
    assert sorted(ids.values()) == list(range(1, 81))
    assert results[0] == results[3]


def test_a_hundred_thousand_members_take_seconds(control: Control) -> None:
    seeds = [("erp", f"item-{n}") for n in range(100_000)]
    started = time.monotonic()
    sks = control.ledger.mint("item", seeds)
    control.ledger.assign(
        "item", pa.table({"source_system": ["erp"] * len(sks), "source_key": [k for _, k in seeds], "sk": sks})
    )
    assert control.ledger.members("item").num_rows == 100_000
    assert time.monotonic() - started < 30


def decide(control: Control, count: int = 3) -> None:
    for n in range(count):
        control.decide(who="kim", domain="item", kind="match", payload={"n": n}, reason="same GTIN")


def test_a_decision_is_superseded_never_edited(either: Control) -> None:
    decide(either)
    later = either.decide(
        who="lee", domain="item", kind="no_match", payload={"é": 1}, reason="other size", supersedes=2
    )
    assert (later.id, later.supersedes) == (4, 2)
    assert [d.id for d in either.decisions("item")] == [1, 3, 4]
    assert [d.id for d in either.decisions("item", include_superseded=True)] == [1, 2, 3, 4]
    assert either.decisions("supplier") == []
    assert either.decisions("item")[2].payload == {"é": 1}
    assert either.verify_decisions() == 4
    with pytest.raises(ConcordError, match="was superseded by decision 4"):
        either.decide(who="lee", domain="item", kind="x", payload={}, reason="", supersedes=2)
    with pytest.raises(ConcordError, match="does not exist"):
        either.decide(who="lee", domain="item", kind="x", payload={}, reason="", supersedes=77)


@pytest.mark.parametrize(
    "statement", ["UPDATE decision SET who = 'eve' WHERE id = 2", "DELETE FROM decision WHERE id = 2"]
)
def test_the_database_itself_refuses_to_edit_a_decision(either: Control, statement: str) -> None:
    decide(either)
    with pytest.raises(sa.exc.DBAPIError, match="superseded, never edited"), either.write() as con:
        con.execute(sa.text(statement))
    assert either.verify_decisions() == 3


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE decision SET who = 'eve' WHERE id = 2",
        "UPDATE decision SET payload = '{}' WHERE id = 1",
        "UPDATE decision SET ts = '2020-01-01 00:00:00.000000' WHERE id = 3",
        "DELETE FROM decision WHERE id = 2",
        "DELETE FROM decision WHERE id = 1",
        "UPDATE decision SET supersedes = 1 WHERE id = 2",
    ],
)
def test_tampering_breaks_the_chain(tmp_path: Path, tampering: str) -> None:
    path = tmp_path / "control.sqlite"
    with Control.open(f"sqlite:///{path}") as control:
        decide(control)
    with sqlite3.connect(path) as con:
        for verb in ("update", "delete"):
            con.execute(f"DROP TRIGGER decision_no_{verb}")
        con.execute(tampering)
    con.close()
    with Control.open(f"sqlite:///{path}") as control, pytest.raises(BrokenChain):
        control.verify_decisions()


def test_a_cut_tail_is_found_through_the_publications(tmp_path: Path) -> None:
    path = tmp_path / "control.sqlite"
    with Control.open(f"sqlite:///{path}") as control:
        decide(control)
        control.record_publication(1, "aa")
    with sqlite3.connect(path) as con:
        con.execute("DROP TRIGGER decision_no_delete")
        con.execute("DELETE FROM decision WHERE id = 3")
    con.close()
    with Control.open(f"sqlite:///{path}") as control, pytest.raises(BrokenChain, match="version 1"):
        control.verify_decisions()


def test_runs_and_publications_are_told_in_order(either: Control) -> None:
    either.start_run("r1", network="sample", cadence="nightly", code_version="0.1.0")
    either.end_run("r1", "published", {"rows": 3})
    either.record_publication(1, "aa", "r1")
    either.record_publication(1, "aa", "r1")
    with pytest.raises(ConcordError, match="published before"):
        either.record_publication(1, "bb", "r1")
    with pytest.raises(KeyError):
        either.end_run("r2", "failed", {})
    run = either.runs().to_pylist()[0]
    assert (run["status"], run["detail"], run["network"]) == ("published", '{"rows": 3}', "sample")
    assert run["started_ts"] <= run["ended_ts"]
    assert run["started_ts"].utcoffset().total_seconds() == 0
    assert either.publications().column("version").to_pylist() == [1]


def test_waivers_outlive_the_connection(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'control.sqlite'}"
    with Control.open(url) as control:
        control.record_quarantine_action(
            delivery_id="a" * 16, action="waive", who="kim", reason="known", rule_id="guard.deletes"
        )
        control.record_quarantine_action(delivery_id="a" * 16, action="replay", who="kim", reason="fixed")
    with Control.open(url) as control:
        assert [(w.delivery_id, w.rule_id, w.who) for w in control.waivers()] == [("a" * 16, "guard.deletes", "kim")]


def test_one_open_alert_per_fingerprint(either: Control) -> None:
    alert = {"fingerprint": "late:erp.po", "severity": "error", "owner": "it", "subject": "late", "body": {"hours": 3}}
    first = either.raise_alert(**alert)
    assert either.raise_alert(**alert) == first
    assert either.mark_alert_sent(first)
    assert [(a["occurrences"], a["sent_ts"] is not None) for a in either.open_alerts()] == [(2, True)]
    assert either.resolve_alert("late:erp.po")
    assert not either.resolve_alert("late:erp.po")
    assert either.raise_alert(**alert) != first


def test_gate_results_keep_their_keys(either: Control) -> None:
    either.record_dq(
        "r1",
        [
            {
                "suite": "s",
                "expectation": "unique",
                "table_name": "t",
                "success": False,
                "severity": "error",
                "unexpected_count": 2,
                "sample_keys": ["a", "b"],
            }
        ],
    )
    either.record_dq("r2", [])
    row = either.dq_results("r1").to_pylist()[0]
    assert (row["success"], row["unexpected_count"], row["sample_keys"]) == (False, 2, '["a", "b"]')
    assert either.dq_results("r2").num_rows == 0


def test_a_later_version_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'control.sqlite'}"
    with Control.open(url) as control, control.write() as con:
        con.execute(sa.text("UPDATE schema_version SET version = 99"))
    with pytest.raises(ConfigurationError, match="version 99"):
        Control.open(url)


@pytest.mark.parametrize("url", ["nonsense", "mysql+nodriver://x/y", "duckdb:///x"])
def test_another_kind_of_database_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(ConfigurationError):
        Control.open(url)


def test_a_killed_writer_leaves_all_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "control.sqlite"
    program = f"""
import os, signal
from store.control import Control
control = Control.open("sqlite:///{path}")
control.ledger.mint("item", [("erp", "1")])
with control.write() as con:
    con.exec_driver_sql(
        "INSERT INTO golden_id (domain, sk, seed_source, seed_key, minted_ts) "
        "VALUES ('item', 2, 'erp', '2', '2026-01-01 00:00:00')"
    )
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", program]).returncode == -9
    with Control.open(f"sqlite:///{path}") as control:
        assert control.ledger.mint("item", [("erp", "3"), ("erp", "1")]) == [2, 1]


# -- several decisions at once ----------------------------------------------------------------------


def some(*kinds: str, supersedes: int | None = None) -> list[Proposal]:
    return [Proposal("kim", "item", kind, {"left": ["erp", "ä"]}, "why", supersedes) for kind in kinds]


def test_a_bulk_of_decisions_is_taken_or_refused_as_a_whole(either: Control) -> None:
    made = either.decide_all(some("same", "different"))
    assert [one.id for one in made] == [1, 2]
    assert made[1].prev_hash == made[0].hash
    with pytest.raises(ConcordError, match="decision 9 does not exist"):
        either.decide_all([*some("split"), *some("undo", supersedes=9)])
    assert [one.kind for one in either.decisions()] == ["same", "different"]
    assert either.verify_decisions() == 2


def test_the_table_of_decisions_says_what_took_the_place_of_what(either: Control) -> None:
    either.decide_all(some("same", "split"))
    either.decide_all(some("undo", supersedes=1))
    table = either.decision_table()
    assert table["decision_id"].to_pylist() == [1, 2, 3]
    assert table["superseded_by"].to_pylist() == [3, None, None]
    assert table["supersedes"].to_pylist() == [None, None, 1]
    as_it_stood = either.decision_table(2)
    assert as_it_stood["decision_id"].to_pylist() == [1, 2]
    assert as_it_stood["superseded_by"].to_pylist() == [None, None]
    assert either.decision_table(0).num_rows == 0
    assert table["what"].to_pylist()[0] == '{"left": ["erp", "\\u00e4"]}'
    assert either.decide_all([]) == []


def test_stewards_at_the_same_time_make_one_chain_and_take_back_once(either: Control) -> None:
    either.decide_all(some("same"))

    def undo(_: int) -> bool:
        try:
            either.decide_all(some("undo", supersedes=1))
        except ConcordError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: either.decide_all(some("split", "override")), range(10)))
        undone = list(pool.map(undo, range(4)))
    assert [one.id + 1 for one, _ in made] == [other.id for _, other in made], "what is made together stays together"
    assert sorted(one.id for both in made for one in both) == list(range(2, 22))
    assert undone.count(True) == 1
    assert either.verify_decisions() == 22
