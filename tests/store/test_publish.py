"""Publishing: the delta equals the full build, nothing is published for nothing, crashes converge, damage is found."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from expectations.promise import TablePromise
from store import versions as v
from store.candidate_file import PublishFailed
from store.content_hash import content_hash, row_hash
from store.crash import CRASH_POINTS
from store.difference import write_difference
from store.publish import Publisher
from tests.store.publish_world import SMALL, World, promises, publish

ROOT = Path(__file__).resolve().parents[2]
ALL = tuple(promises())
#: Publishing is too slow to search for a smaller example.
NO_SHRINK = (Phase.explicit, Phase.reuse, Phase.generate)
CRASHES = ["publish.candidate_built", "publish.manifest_written", "publish.renamed", "publish.pointer_moved"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path) as made:
        seed(made)
        yield made


def seed(world: World) -> None:
    world.delivery("d1")
    world.item(1, "Glove", "A", "B")
    world.item(2, "Mask", "C")
    world.log(1, "description", "Glove")
    for number in range(4):
        world.line(f"p{number}", item="ABC"[number % 3])


def read(home: Path, sql: str, version: int | None = None) -> list[tuple[object, ...]]:
    manifest = v.current(home)
    assert manifest is not None
    con = duckdb.connect(str(v.database_path(home, version or manifest.version)), read_only=True)
    try:
        return con.execute(sql).fetchall()
    finally:
        con.close()


def small() -> dict[str, TablePromise]:
    return {name: promise for name, promise in promises().items() if name in SMALL or promise.schema_name == "ops"}


def leftovers(home: Path) -> list[str]:
    return sorted(path.name for path in v.folder(home).iterdir() if path.name.startswith((".cand", ".point", ".writ")))


# -- the first version ---------------------------------------------------------------------------------------


def test_the_first_version_holds_every_promised_table(world: World) -> None:
    publication, built = world.publish(tables=ALL)
    assert publication is not None
    assert publication.version == 1
    assert {name for name, one in built.items() if one.mode == "full"} == set(world.publisher(ALL).order)
    tables = read(world.home, "SELECT schema_name || '.' || table_name FROM duckdb_tables() ORDER BY 1")
    assert [name for (name,) in tables] == sorted(promise.qualified for promise in promises().values())
    lines = read(world.home, "SELECT po_no, item_sk, qty_base FROM conformed.fact_po_line ORDER BY 1")
    assert [(po, sk) for po, sk, _ in lines] == [("p0", 1), ("p1", 1), ("p2", 2), ("p3", 1)]
    assert (v.folder(world.home) / "reporting.duckdb").resolve() == publication.path.resolve()
    assert leftovers(world.home) == []


def test_every_table_column_and_view_is_documented(world: World) -> None:
    world.publish(tables=ALL)
    undocumented = read(
        world.home,
        "SELECT schema_name, table_name, column_name FROM duckdb_columns() WHERE NOT internal AND comment IS NULL "
        "UNION ALL SELECT schema_name, table_name, NULL FROM duckdb_tables() WHERE comment IS NULL "
        "UNION ALL SELECT schema_name, view_name, NULL FROM duckdb_views() WHERE NOT internal AND comment IS NULL",
    )
    assert undocumented == []


def test_views_for_outsiders_show_current_rows_without_meta_columns(world: World) -> None:
    world.change("intake.po_line", "source_key = 'p0'", _is_deleted=True)
    world.publish()
    assert read(world.home, "SELECT po_no FROM v1.fact_po_line ORDER BY 1") == [("p1",), ("p2",), ("p3",)]
    meta = read(
        world.home,
        "SELECT column_name FROM duckdb_columns() WHERE schema_name = 'v1' AND column_name LIKE '\\_%' ESCAPE '\\'",
    )
    assert meta == []
    assert read(world.home, "SELECT count(*) FROM v1.dim_item") == [(4,)]


def test_views_for_outsiders_say_which_source_a_row_is_of(world: World) -> None:
    """Two sources may state the same order line: what counts both counts twice."""
    world.publish(tables=ALL)
    rows = read(world.home, "SELECT source_system, source_key FROM v1.fact_po_line")
    assert rows
    assert rows == read(world.home, "SELECT _source_system, _source_key FROM conformed.fact_po_line")
    keyed = {name for name, promise in promises().items() if "_source_key" in promise.key}
    shown = read(
        world.home, "SELECT table_name FROM duckdb_columns() WHERE schema_name = 'v1' AND column_name = 'source_key'"
    )
    assert {name for (name,) in shown} == keyed | {name for name in promises() if name.startswith("bridge_")}


def test_the_manifest_says_what_the_file_is(world: World) -> None:
    publication, _ = world.publish()
    assert publication is not None
    manifest = v.load_manifest(world.home, 1)
    found = content_hash(publication.path, small())
    assert (manifest.content_hash, manifest.lineage_hash) == (found.content, found.lineage)
    assert manifest.sha256 == v.sha256_of(publication.path)
    assert manifest.tables["fact_po_line"].rows == 4
    assert manifest.working_id == world.working.working_id
    assert manifest.built_through_seq == world.working.change_seq
    assert manifest.added == ({"delivery_id": "d1", "feed": "erp.po_line", "sha256": "d1d1d1d1"},)
    assert publication.path.stat().st_mode & 0o222 == 0
    own = read(world.home, "SELECT version, content_hash, run_id FROM ops.publication")
    assert own == [(1, manifest.content_hash, "run1")]
    assert read(world.home, "SELECT run_id, network FROM ops.run") == [("run1", "sample")]


# -- nothing to do -------------------------------------------------------------------------------------------


def test_nothing_changed_publishes_nothing(world: World) -> None:
    world.publish()
    candidate = world.publisher().prepare("run2")
    assert not candidate.has_work
    publication, built = publish(candidate)
    assert publication is None
    assert {one.mode for one in built.values()} == {"unchanged"}
    assert [m.version for m in v.versions(world.home)] == [1]
    assert leftovers(world.home) == []


def test_what_came_out_equal_is_not_computed_again(world: World) -> None:
    world.publish()
    world.change("intake.po_line", "source_key = 'p0'", qty_txn="1")
    publication, built = world.publish()
    assert publication is None
    assert (built["fact_po_line"].mode, built["fact_po_line"].inserted) == ("delta", 0)
    assert not world.publisher().prepare("run3").has_work


def test_deliveries_alone_make_no_version_but_rejects_and_quarantine_do(world: World) -> None:
    world.publish()
    world.delivery("d2")
    assert world.publish()[0] is None
    world.reject("r1")
    publication, built = world.publish()
    assert publication is not None
    assert not any(one.changed for one in built.values())
    assert read(world.home, "SELECT reject_id, row_no FROM ops.rejected_record") == [("r1", 3)]
    assert v.load_manifest(world.home, 2).added == ({"delivery_id": "d2", "feed": "erp.po_line", "sha256": "d2" * 4},)
    assert v.load_manifest(world.home, 2).content_hash == v.load_manifest(world.home, 1).content_hash
    world.delivery("d3", state="quarantined")
    assert world.publish()[0] is not None


# -- delta ---------------------------------------------------------------------------------------------------


def test_a_changed_row_is_all_that_is_written(world: World) -> None:
    world.publish()
    world.change("intake.po_line", "source_key = 'p2'", qty_txn="7")
    world.line("p9", item="Z")
    _, built = world.publish()
    one = built["fact_po_line"]
    assert (one.mode, one.rows_before, one.rows_after, one.inserted, one.deleted) == ("delta", 4, 5, 2, 1)
    assert {name for name, other in built.items() if other.changed} == {"fact_po_line"}
    rows = read(
        world.home, "SELECT po_no, item_sk, qty_txn FROM conformed.fact_po_line WHERE po_no IN ('p2', 'p9') ORDER BY 1"
    )
    assert [(po, sk, int(str(qty).split(".")[0])) for po, sk, qty in rows] == [("p2", 2, 7), ("p9", -2, 1)]
    assert len(read(world.home, "SELECT * FROM conformed.fact_po_line", version=1)) == 4


def test_a_crosswalk_change_reaches_the_facts_that_it_resolves(world: World) -> None:
    world.line("late", item="Z")
    world.publish()
    world.item(3, "Gown", "Z")
    _, built = world.publish()
    assert built["fact_po_line"].inserted == 1
    assert built["dim_item"].inserted == 1
    assert read(world.home, "SELECT item_sk FROM conformed.fact_po_line WHERE po_no = 'late'") == [(3,)]


STEP = st.one_of(
    st.tuples(st.just("line"), st.sampled_from("pqrs"), st.sampled_from(["A", "B", "C", "Z", None]), st.integers(0, 3)),
    st.tuples(st.just("delete"), st.sampled_from("pqrs"), st.booleans()),
    st.tuples(st.just("move"), st.sampled_from("ABCZ"), st.integers(1, 3)),
    st.tuples(st.just("describe"), st.integers(1, 3), st.sampled_from(["Glove", "Mask"])),
    st.tuples(st.just("unit"), st.sampled_from("ABC"), st.integers(1, 4)),
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], phases=NO_SHRINK)
@given(rounds=st.lists(st.lists(STEP, min_size=1, max_size=4), min_size=1, max_size=3))
def test_a_delta_is_what_a_full_build_would_be(tmp_path: Path, rounds: list[list[tuple[object, ...]]]) -> None:
    home = tmp_path / "home"
    shutil.rmtree(home, ignore_errors=True)
    with World(home) as world:
        world.item(1, "Glove", "A", "B")
        world.item(2, "Mask", "C")
        for steps in [[("line", "p", "A", 1)], *rounds]:
            for step in steps:
                apply(world, step)
            world.publish()
            fresh = full_build(world, home / "fresh")
            manifest = v.current(home)
            assert manifest is not None
            assert (manifest.content_hash, manifest.lineage_hash) == (fresh.content_hash, fresh.lineage_hash)
            on_disk = content_hash(v.database_path(home, manifest.version), small())
            assert (on_disk.content, on_disk.lineage) == (fresh.content_hash, fresh.lineage_hash)


def full_build(world: World, other: Path) -> v.Manifest:
    """The same working database published where nothing was published before."""
    shutil.rmtree(other, ignore_errors=True)
    home, world.home = world.home, other
    try:
        world.publish()
    finally:
        world.home = home
    manifest = v.current(other)
    assert manifest is not None
    return manifest


def apply(world: World, step: tuple[object, ...]) -> None:
    kind, key, *rest = step
    if kind == "line":
        world.remove("intake.po_line", f"source_key = '{key}'")
        world.line(str(key), item=rest[0], qty=str(rest[1]))  # type: ignore[arg-type]
    elif kind == "delete":
        world.change("intake.po_line", f"source_key = '{key}'", _is_deleted=rest[0])
    elif kind == "move":
        moment = f"2026-02-{world.working.change_seq % 27 + 1:02d} 00:00:00+00"
        world.change("master.xref_item", f"source_key = '{key}' AND valid_to IS NULL", valid_to=moment)
        world.xref(int(str(rest[0])), str(key), valid_from=moment)
    elif kind == "describe":
        world.change("master.golden_item", f"item_sk = {key}", description=rest[0])
    else:
        world.remove("intake.item_uom", f"source_key = '{key}|box'")
        world.add(
            "intake.item_uom",
            {"source_system": "erp", "source_key": f"{key}|box", "item_key": key, "from_uom": "box",
             "factor_to_base": str(rest[0])},
        )  # fmt: skip


ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([None, 1, 2])), max_size=8)


@settings(max_examples=40, deadline=None)
@given(before=ROWS, after=ROWS, scope=st.sets(st.sampled_from("abc")))
def test_write_difference_makes_the_rows_equal_and_touches_no_more(
    before: list[tuple[str, int | None]], after: list[tuple[str, int | None]], scope: set[str]
) -> None:
    promise = TablePromise.model_validate(
        {
            "table": "t", "schema": "conformed", "description": "t", "grain": "t", "key": ["k"],
            "build": {"mode": "full"},
            "columns": [
                {"name": "k", "type": "VARCHAR", "nullable": False, "description": "k"},
                {"name": "n", "type": "BIGINT", "description": "n"},
            ],
        }
    )  # fmt: skip
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE t (k VARCHAR, n BIGINT); CREATE TABLE new (k VARCHAR, n BIGINT); CREATE TABLE s (k VARCHAR)"
        )
        for table, rows in (
            ("t", before),
            ("new", [row for row in after if row[0] in scope]),
            ("s", [(k,) for k in scope]),
        ):
            for row in rows:
                con.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", list(row))
        sums = f"SELECT coalesce(sum({row_hash(promise, 't')}), 0) FROM t"
        [(old,)] = con.execute(sums).fetchall()
        written = write_difference(con, promise, "t", "new", ("k",), "s")
        [(new,)] = con.execute(sums).fetchall()
        wanted = [row for row in before if row[0] not in scope] + [row for row in after if row[0] in scope]
        assert sorted(con.execute("FROM t").fetchall(), key=str) == sorted(wanted, key=str)
        assert len(before) + written.inserted - written.deleted == len(wanted)
        assert new - old == written.sum_change
        same = {k for k in scope if sorted(map(str, rows_of(before, k))) == sorted(map(str, rows_of(after, k)))}
        changed = [k for k in scope if k not in same]
        assert written.deleted == sum(len(rows_of(before, k)) for k in changed)


def rows_of(rows: list[tuple[str, int | None]], key: str) -> list[tuple[str, int | None]]:
    return [row for row in rows if row[0] == key]


# -- content hash --------------------------------------------------------------------------------------------


def test_the_order_in_which_ids_were_minted_does_not_show_in_the_content_hash(tmp_path: Path) -> None:
    hashes = []
    for name, (glove, mask) in {"one": (1, 2), "other": (17, 5)}.items():
        with World(tmp_path / name) as world:
            world.item(glove, "Glove", "A", "B")
            world.item(mask, "Mask", "C")
            world.line("p1", item="B")
            world.line("p2", item="C")
            publication, _ = world.publish()
            assert publication is not None
            hashes.append((publication.content_hash, publication.lineage_hash))
    assert hashes[0] == hashes[1]


def test_pointing_a_fact_at_another_item_shows_in_the_content_hash(world: World) -> None:
    first, _ = world.publish()
    world.change("intake.po_line", "source_key = 'p0'", item_key="C")
    world.change("intake.po_line", "source_key = 'p2'", item_key="A")
    second, built = world.publish()
    assert first is not None
    assert second is not None
    assert built["fact_po_line"].rows_after == 4
    assert first.content_hash != second.content_hash


def test_a_new_label_is_taken_up_by_tables_that_did_not_change(world: World) -> None:
    world.publish()
    world.xref(2, "0-least", source="aaa")
    publication, built = world.publish()
    assert publication is not None
    assert not built["dim_item"].changed
    before, after = v.load_manifest(world.home, 1), v.load_manifest(world.home, 2)
    assert after.tables["dim_item"].rows == before.tables["dim_item"].rows
    assert after.tables["dim_item"].row_sum == before.tables["dim_item"].row_sum
    assert after.tables["dim_item"].content_sum != before.tables["dim_item"].content_sum
    assert content_hash(publication.path, small()).content == after.content_hash


# -- definitions ---------------------------------------------------------------------------------------------


def test_another_description_reaches_the_readers(world: World) -> None:
    world.publish()
    changed = small()
    changed["item_uom"] = changed["item_uom"].model_copy(update={"description": "Units, described anew."})
    publication, built = publish(Publisher(world.con, world.home, changed, ROOT / "assets/conformed").prepare("run"))
    assert publication is not None
    assert not any(one.changed for one in built.values())
    [(comment,)] = read(world.home, "SELECT comment FROM duckdb_tables() WHERE table_name = 'item_uom'")
    assert str(comment).startswith("Units, described anew.")


def test_other_columns_make_the_table_anew_and_a_table_without_promise_goes(world: World, tmp_path: Path) -> None:
    world.publish()
    sql = tmp_path / "sql"
    shutil.copytree(ROOT / "assets/conformed", sql)
    text = (sql / "fact_po_line.sql").read_text("utf-8")
    (sql / "fact_po_line.sql").write_text(
        text.replace("    po_no,\n    line_no,", "    po_no,\n    po_no AS twice,\n    line_no,")
    )
    old = promises()["fact_po_line"]
    twice = old.columns[0].model_copy(update={"name": "twice"})
    changed = {name: p for name, p in small().items() if name != "item_uom"}
    changed["fact_po_line"] = old.model_copy(update={"columns": (old.columns[0], twice, *old.columns[1:])})
    publication, built = publish(Publisher(world.con, world.home, changed, sql).prepare("run"))
    assert publication is not None
    assert built["fact_po_line"].mode == "full"
    assert read(world.home, "SELECT DISTINCT twice = po_no FROM v1.fact_po_line") == [(True,)]
    assert read(world.home, "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'item_uom'") == [(0,)]
    assert content_hash(publication.path, changed).content == publication.content_hash


def test_an_edited_intake_view_is_computed_again(world: World) -> None:
    world.con.execute("ALTER TABLE intake.po_line RENAME TO po_line_rows")
    world.con.execute("CREATE VIEW intake.po_line AS SELECT * FROM intake.po_line_rows")
    world.publish()
    world.con.execute(
        "CREATE OR REPLACE VIEW intake.po_line AS SELECT * REPLACE ('X' || po_no AS po_no) FROM intake.po_line_rows"
    )
    _, built = world.publish()
    assert (built["fact_po_line"].mode, built["fact_po_line"].reason) == ("recomputed", "another definition")
    assert read(world.home, "SELECT min(po_no) FROM conformed.fact_po_line") == [("Xp0",)]


def test_a_replayed_working_database_with_the_same_rows_publishes_nothing_and_is_followed_from_then_on(
    world: World,
) -> None:
    world.publish()
    world.working.renew_identity()
    publication, built = world.publish()
    assert publication is None
    assert {one.mode for one in built.values()} == {"recomputed"}
    world.line("p8")
    _, built = world.publish()
    assert (built["fact_po_line"].mode, built["fact_po_line"].inserted) == ("delta", 1)
    log = read(world.home, "SELECT sk, value FROM ops.survivorship_log")
    assert log == [(1, "Glove")]


def current_hash(world: World) -> str:
    manifest = v.current(world.home)
    assert manifest is not None
    return manifest.content_hash


def test_a_row_that_its_pack_no_longer_yields_is_taken_out(tmp_path: Path) -> None:
    """A move whose place is no supplier's any more is no receipt: it is gone from the driver, and nothing says when."""
    with World(tmp_path / "home") as world:
        world.item(1, "Glove", "A")
        world.line("p", "A")
        world.line("q", "A")
        world.publish()
        world.remove("intake.po_line", "source_key = 'q'")
        world.publish()
        assert read(world.home, "SELECT _source_key FROM conformed.fact_po_line") == [("p",)]
        world.remove("intake.po_line", "TRUE")
        world.line("r", "A")
        world.line("s", "A")
        _, built = world.publish()
        assert built["fact_po_line"].mode == "delta"
        assert (built["fact_po_line"].rows_before, built["fact_po_line"].rows_after) == (1, 2)
        assert read(world.home, "SELECT _source_key FROM conformed.fact_po_line ORDER BY 1") == [("r",), ("s",)]
        assert current_hash(world) == full_build(world, world.home / "fresh").content_hash


def test_facts_let_go_of_a_conversion_that_is_gone(tmp_path: Path) -> None:
    with World(tmp_path / "home") as world:
        world.item(1, "Glove", "A")
        world.line("p", "A", "2", uom_txn="box")
        world.add(
            "intake.item_uom",
            {"source_system": "erp", "source_key": "A|box", "item_key": "A", "from_uom": "box", "factor_to_base": 10},
        )
        world.publish()
        assert read(world.home, "SELECT qty_base, uom_conv_status FROM conformed.fact_po_line") == [(20, "item")]
        world.remove("intake.item_uom", "TRUE")
        world.publish()
        assert read(world.home, "SELECT qty_base, uom_conv_status FROM conformed.fact_po_line") == [(None, "unknown")]
        assert current_hash(world) == full_build(world, world.home / "fresh").content_hash


def test_survivorship_rows_follow_their_driver_also_where_rows_vanish(world: World) -> None:
    world.log(2, "description", "Mask")
    world.publish()
    world.remove("master.survivorship_log", "sk = 2")
    world.log(1, "item_no", "4711")
    world.line("p8")
    world.publish()
    assert read(world.home, "SELECT sk, attribute, value FROM ops.survivorship_log ORDER BY ALL") == [
        (1, "description", "Glove"),
        (1, "item_no", "4711"),
    ]


# -- refusals and failures -----------------------------------------------------------------------------------


def test_a_discarded_candidate_leaves_everything_as_it_was(world: World) -> None:
    world.publish()
    world.line("p8")
    candidate = world.publisher().prepare("run2")
    candidate.build_all()
    assert candidate.seal().is_file()
    assert candidate.changed_tables == ["fact_po_line"]
    candidate.discard()
    assert leftovers(world.home) == []
    assert [m.version for m in v.versions(world.home)] == [1]
    publication, _ = world.publish()
    assert publication is not None
    assert publication.version == 2


def test_a_computed_null_where_none_is_promised_names_the_table(world: World) -> None:
    world.publish()
    world.change("intake.po_line", "source_key = 'p1'", _delivery_id=None)
    with pytest.raises(PublishFailed, match="NOT NULL constraint failed") as caught:
        world.publish()
    assert caught.value.key == "fact_po_line"
    assert v.pointed(world.home) == 1
    world.change("intake.po_line", "source_key = 'p1'", _delivery_id="d1")
    world.line("p8")
    publication, _ = world.publish()
    assert publication is not None
    assert leftovers(world.home) == []


def test_a_candidate_that_is_not_what_was_computed_is_not_published(world: World) -> None:
    world.publish()
    world.line("p8")
    with world.publisher().prepare("run2") as candidate:
        candidate.build_all()
        path = candidate.seal()
        with duckdb.connect(str(path)) as tampering:
            tampering.execute("UPDATE conformed.fact_po_line SET status = 'x' WHERE po_no = 'p8'")
        with pytest.raises(PublishFailed, match="rows of fact_po_line"):
            candidate.publish()
    assert v.pointed(world.home) == 1


def test_publishing_with_a_table_not_built_is_refused(world: World) -> None:
    with world.publisher().prepare("run") as candidate:
        candidate.build("dim_item")
        with pytest.raises(PublishFailed, match="not built yet: bridge_item_xref"):
            candidate.seal()


def test_two_publishers_do_not_run_at_once(world: World) -> None:
    with world.publisher().prepare("run1"), pytest.raises(v.PublishBusy, match=str(os.getpid())):
        world.publisher().prepare("run2")
    assert world.publish()[0] is not None


PROGRAM = """
import sys
from pathlib import Path
from tests.store.publish_world import World
with World(Path(sys.argv[1])) as world:
    publication, _ = world.publish(run_id="again")
    print(publication.version if publication else "nothing")
"""


def run_publish(home: Path, crash_at: str = "", **limits: int) -> subprocess.CompletedProcess[str]:
    def limit() -> None:
        for name, value in limits.items():
            resource.setrlimit(getattr(resource, name), (value, value))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(home)],
        cwd=ROOT,
        env=os.environ | {"CONCORD_CRASH_AT": crash_at, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        preexec_fn=limit if limits else None,
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Content and lineage hash of the second version, without any crash."""
    with World(tmp_path_factory.mktemp("undisturbed")) as world:
        two_versions(world)
        world.publish()
        manifest = v.current(world.home)
    assert manifest is not None
    return manifest.content_hash, manifest.lineage_hash


def two_versions(world: World) -> None:
    """One version, and something to publish as the second."""
    seed(world)
    world.publish()
    world.line("p8", item="B")


@pytest.mark.parametrize("point", CRASHES)
def test_a_kill_at_any_point_converges(tmp_path: Path, point: str, undisturbed: tuple[str, str]) -> None:
    with World(tmp_path) as world:
        two_versions(world)
    died = run_publish(tmp_path, crash_at=point)
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert v.pointed(tmp_path) == (2 if point == "publish.pointer_moved" else 1)
    with duckdb.connect(str(v.folder(tmp_path) / "reporting.duckdb"), read_only=True) as reader:
        assert reader.execute("SELECT run_id FROM ops.run").fetchall() == [("run1",)]
    with World(tmp_path) as world:
        again, _ = world.publish()
    # A version that was complete when the process died is kept; anything less is built again.
    was_complete = point in ("publish.renamed", "publish.pointer_moved")
    assert (again is None) == was_complete
    manifest = v.current(tmp_path)
    assert manifest is not None
    assert (manifest.version, v.pointed(tmp_path)) == (2, 2)
    assert leftovers(tmp_path) == []
    assert (manifest.content_hash, manifest.lineage_hash) == undisturbed
    assert content_hash(v.database_path(tmp_path, 2), small()).content == undisturbed[0]


def test_every_crash_point_of_publishing_is_tried() -> None:
    assert [name for name in CRASH_POINTS if name.startswith("publish.")] == CRASHES


def test_a_full_disk_leaves_the_version_that_is_there(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        seed(world)
        world.publish()
        size = v.database_path(tmp_path, 1).stat().st_size
        world.con.execute(
            "INSERT INTO intake.po_line BY NAME SELECT 'erp' AS source_system, 'x' || range AS source_key, "
            "md5(range::VARCHAR) AS po_no, 'd1' AS _delivery_id, 1 AS _source_row_no, 999 AS _change_seq, "
            "now() AS _valid_from, false AS _is_deleted FROM range(50000)"
        )
        world.working.set_meta("change_seq", "999")
        world.con.execute("CHECKPOINT")
        working = (tmp_path / "working.duckdb").stat().st_size
    failed = run_publish(tmp_path, RLIMIT_FSIZE=max(size, working) + 65536)
    assert "StoreFull" in failed.stderr
    assert v.pointed(tmp_path) == 1
    assert read(tmp_path, "SELECT count(*) FROM conformed.fact_po_line") == [(4,)]
    done = run_publish(tmp_path)
    assert done.stdout.strip() == "2", done.stderr
    assert read(tmp_path, "SELECT count(*) FROM conformed.fact_po_line") == [(50_004,)]


# -- versions ------------------------------------------------------------------------------------------------


def damage(path: Path) -> None:
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 0xFF]))


def three(world: World) -> None:
    for number in range(3):
        world.line(f"v{number}")
        assert world.publish()[0] is not None


def test_damage_is_found_and_the_version_before_is_served(world: World) -> None:
    three(world)
    assert v.verify(world.home) == v.Verified(3, {})
    damage(v.database_path(world.home, 3))
    found = v.verify(world.home)
    assert (found.version, list(found.damaged)) == (2, [3])
    assert v.pointed(world.home) == 2
    assert "damaged" in v.withdrawn(world.home)[3]
    publication, _ = world.publish()
    assert publication is not None
    assert publication.version == 4
    assert read(world.home, "SELECT count(*) FROM conformed.fact_po_line") == [(7,)]


def test_a_damaged_version_is_not_carried_on(world: World) -> None:
    three(world)
    damage(v.database_path(world.home, 3))
    world.line("p8")
    publication, _ = world.publish()
    assert publication is not None
    assert v.load_manifest(world.home, publication.version).previous == 2
    assert read(world.home, "SELECT count(*) FROM conformed.fact_po_line") == [(8,)]
    assert v.damage(world.home, v.load_manifest(world.home, publication.version)) is None


def test_no_whole_version_left_says_so(world: World) -> None:
    world.publish()
    damage(v.database_path(world.home, 1))
    with pytest.raises(v.NoSuchVersion, match="no whole version is left"):
        v.verify(world.home)


def test_rollback_moves_the_pointer_and_the_next_version_has_a_new_number(world: World) -> None:
    three(world)
    v.rollback(world.home, 1)
    current = v.current(world.home)
    assert current is not None
    assert current.version == 1
    assert read(world.home, "SELECT count(*) FROM conformed.fact_po_line") == [(5,)]
    v.recover(world.home)
    assert v.pointed(world.home) == 1
    publication, built = world.publish()
    assert publication is not None
    assert publication.version == 4
    assert built["fact_po_line"].inserted == 2
    with pytest.raises(v.NoSuchVersion):
        v.rollback(world.home, 9)
    v.rollback(world.home, 3)
    assert v.pointed(world.home) == 3
    assert set(v.withdrawn(world.home)) == {2, 4}


def test_old_versions_go_and_their_readers_go_on(world: World) -> None:
    world.publish()
    reader = duckdb.connect(str(v.database_path(world.home, 1)), read_only=True)
    for number in range(4):
        world.line(f"v{number}")
        publication, _ = world.publish(keep=2)
    assert publication is not None
    assert publication.removed == (3,)
    assert [m.version for m in v.versions(world.home)] == [5, 4]
    assert not v.database_path(world.home, 1).exists()
    assert reader.execute("SELECT count(*) FROM conformed.fact_po_line").fetchall() == [(4,)]
    reader.close()


def test_a_file_that_has_grown_is_written_afresh_with_the_same_content(world: World) -> None:
    world.publish()
    manifest = v.load_manifest(world.home, 1)
    v.save_manifest(world.home, replace(manifest, bytes_per_row=1.0))
    world.line("p8")
    publication, built = world.publish(compact_min_bytes=1)
    assert publication is not None
    assert built["fact_po_line"].mode == "delta"
    assert v.load_manifest(world.home, 2).bytes_per_row > 1.0
    assert content_hash(publication.path, small()).content == publication.content_hash
    with World(world.home / "other") as other:
        seed(other)
        other.line("p8")
        again, _ = other.publish()
    assert again is not None
    assert again.content_hash == publication.content_hash
    assert read(world.home, "SELECT run_id FROM ops.run") == [("run1",)]


def test_a_lost_pointer_is_put_back(world: World) -> None:
    three(world)
    (v.folder(world.home) / "reporting.duckdb").unlink()
    current = v.current(world.home)
    assert current is not None
    assert current.version == 3
    v.recover(world.home)
    assert v.pointed(world.home) == 3


def test_an_unreadable_manifest_is_a_typed_error(world: World) -> None:
    world.publish()
    v.manifest_path(world.home, 1).write_text(json.dumps({"format": 1}))
    with pytest.raises(v.DamagedVersion, match="cannot be read"):
        v.versions(world.home)
