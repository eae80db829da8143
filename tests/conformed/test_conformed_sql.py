"""What holds for every conformed table: promised columns, one driver, delta build equals full build."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from expectations.promise import TablePromise, changed_keys_sql, driver_substituted, inputs, load_promises
from tests.conformed.world import CONFORMED, TABLES, add, empty_world, relations, sql_of

PROMISES = load_promises(TABLES)
CONFORMED_TABLES = sorted(name for name, promise in PROMISES.items() if promise.schema_name == "conformed")
INCREMENTAL = [name for name in CONFORMED_TABLES if PROMISES[name].build.mode == "incremental"]


@pytest.fixture(scope="module")
def world() -> Iterator[duckdb.DuckDBPyConnection]:
    con = empty_world()
    yield con
    con.close()


def test_every_sql_file_has_a_promise_and_every_promise_its_sql() -> None:
    assert {path.stem for path in CONFORMED.glob("*.sql")} == set(CONFORMED_TABLES)


@pytest.mark.parametrize("table", CONFORMED_TABLES)
def test_sql_yields_exactly_the_promised_columns(world: duckdb.DuckDBPyConnection, table: str) -> None:
    described = world.execute(f"DESCRIBE {sql_of(table)}").fetchall()
    promised = [(column.name, column.type) for column in PROMISES[table].columns]
    assert [(name, kind) for name, kind, *_ in described] == promised


@pytest.mark.parametrize("table", CONFORMED_TABLES)
def test_sql_reads_only_working_relations(table: str) -> None:
    assert inputs(sql_of(table)) <= set(relations())


@pytest.mark.parametrize("table", INCREMENTAL)
def test_build_names_every_relation_the_sql_depends_on(table: str) -> None:
    build = PROMISES[table].build
    watched = {build.driver, *(also.relation for also in build.also)}
    watched |= {f"master.xref_{domain}" for domain in build.resolves.values()}
    assert inputs(sql_of(table)) <= watched


@pytest.mark.parametrize("table", INCREMENTAL)
def test_driver_can_be_replaced(world: duckdb.DuckDBPyConnection, table: str) -> None:
    build = PROMISES[table].build
    assert build.driver
    world.execute(f"CREATE OR REPLACE TEMP TABLE delta AS SELECT * FROM {build.driver}")
    text = driver_substituted(sql_of(table), build.driver, "delta")
    assert build.driver not in inputs(text)
    assert world.execute(f"DESCRIBE {text}").fetchall() == world.execute(f"DESCRIBE {sql_of(table)}").fetchall()


def test_every_lookup_is_used() -> None:
    read = {
        f"{table.db}.{table.name}" for path in CONFORMED.rglob("*.sql") for table in tables(path.read_text("utf-8"))
    }
    assert {f"lookup.{path.stem}" for path in (CONFORMED / "lookups").glob("*.sql")} <= read


def test_units_are_converted_by_the_same_lookups_in_every_fact() -> None:
    of_units = {"lookup.item", "lookup.own_conversion", "lookup.shared_conversion"}
    for path in CONFORMED.glob("fact_*.sql"):
        assert of_units <= {f"{table.db}.{table.name}" for table in tables(path.read_text("utf-8"))}, path.name


def tables(sql: str) -> list[exp.Table]:
    """The tables that a text names."""
    return list(sqlglot.parse_one(sql, read="duckdb").find_all(exp.Table))


# -- a delta build gives what a full build gives ---------------------------------------------------------

SOURCES = ("erp", "clinic")
KEYS = ("K1", "K2", "K3", None)


def _fill(con: duckdb.DuckDBPyConnection, promise: TablePromise, rng: random.Random) -> None:
    for domain in ("item", "supplier", "location"):
        golden = [{f"{domain}_sk": sk, "_change_seq": 1} | _golden(domain, rng) for sk in (1, 2, 3)]
        add(con, f"master.golden_{domain}", golden)
        keys = [(source, key) for source in SOURCES for key in KEYS[:3] if rng.random() < 0.8]
        add(
            con,
            f"master.xref_{domain}",
            [{"source_system": s, "source_key": k, f"{domain}_sk": rng.choice((1, 2, 3, -2))} for s, k in keys],
        )
    add(con, "intake.item", [{"source_system": s, "source_key": k, **_unit(rng)} for s in SOURCES for k in KEYS[:3]])
    if promise.build.driver != "intake.item_uom":
        add(con, "intake.item_uom", [_conversion(n, rng) for n in range(8)])
    assert promise.build.driver
    add(con, promise.build.driver, [_driver_row(promise.build.driver, n, rng) for n in range(30)])


def _golden(domain: str, rng: random.Random) -> dict[str, Any]:
    if domain == "location":
        return {"type": rng.choice(("storeroom", "supplier", "virtual"))}
    return _unit(rng) if domain == "item" else {}


def _unit(rng: random.Random) -> dict[str, Any]:
    return {"base_uom": rng.choice(("EA", "EA", "PK", None))}


def _conversion(number: int, rng: random.Random) -> dict[str, Any]:
    return {
        "source_system": rng.choice(SOURCES),
        "source_key": f"c{number}",
        "item_key": rng.choice(KEYS[:3]),
        "from_uom": rng.choice(("BX", "CS", "EA")),
        "factor_to_base": rng.choice((10, 10, 12, 1)),
    }


def _driver_row(relation: str, number: int, rng: random.Random) -> dict[str, Any]:
    values: dict[str, tuple[Any, ...]] = {
        "item_key": KEYS,
        "supplier_key": KEYS,
        "location_key": KEYS,
        "from_location_key": KEYS,
        "to_location_key": KEYS,
        "qty_txn": (1, 2),
        "ack_qty": (1, 2),
        "on_hand_qty": (1, 2),
        "uom_txn": ("EA", "BX", "CS"),
        "ack_uom": ("EA", "BX", "CS"),
        "from_uom": ("BX", "CS"),
        "factor_to_base": (10, 12),
        "uom_factor": (None, None, 7),
        "movement_type": ("issue", "adjust", "return", "transfer"),
        "po_no": ("P1", "P2", None),
        "po_line_no": ("1", None),
        "ack_ts": ("2026-01-01 00:00:00+00", "2026-01-02 00:00:00+00", None),
        "_is_deleted": (False, False, True),
    }
    row = {name: rng.choice(choices) for name, choices in values.items() if name in relations()[relation]}
    if relation == "intake.po_ack":  # its siblings are a function of the key, as the contract of `siblings` says
        row |= {"po_no": f"P{number % 3}", "po_line_no": None if number % 2 else "1", "supplier_key": KEYS[number % 4]}
    return row | {"source_system": SOURCES[number % 2], "source_key": f"r{number:02}"}


def _change(con: duckdb.DuckDBPyConnection, promise: TablePromise, rng: random.Random) -> None:
    """A few random changes to everything the table depends on, at change_seq 2."""
    driver = promise.build.driver
    assert driver
    changes = {
        "driver": lambda: _replace(con, driver, rng),
        "new": lambda: add(con, driver, [_driver_row(driver, 40, rng) | {"_change_seq": 2}]),
        "xref": lambda: _rematch(con, rng),
        "golden": lambda: con.execute(
            "UPDATE master.golden_item SET base_uom = ?, _change_seq = 2 WHERE item_sk = ?",
            [rng.choice(("EA", "PK")), rng.choice((1, 2, 3))],
        ),
        "place": lambda: con.execute(
            "UPDATE master.golden_location SET type = ?, _change_seq = 2 WHERE location_sk = ?",
            [rng.choice(("storeroom", "virtual")), rng.choice((1, 2, 3))],
        ),
        "item": lambda: con.execute(
            "UPDATE intake.item SET base_uom = ?, _change_seq = 2 WHERE source_system = ? AND source_key = ?",
            [rng.choice(("EA", "PK")), rng.choice(SOURCES), rng.choice(KEYS[:3])],
        ),
        "conversion": lambda: con.execute(
            "UPDATE intake.item_uom SET factor_to_base = ?, _change_seq = 2 WHERE source_key = ?",
            [rng.choice((10, 12, 20)), f"c{rng.randrange(8)}"],
        ),
    }
    for name in rng.sample(sorted(changes), rng.randint(0, 3)):
        changes[name]()


def _replace(con: duckdb.DuckDBPyConnection, driver: str, rng: random.Random) -> None:
    number = rng.randrange(30)
    con.execute(f"DELETE FROM {driver} WHERE source_key = ?", [f"r{number:02}"])
    add(con, driver, [_driver_row(driver, number, rng) | {"_change_seq": 2}])


def _rematch(con: duckdb.DuckDBPyConnection, rng: random.Random) -> None:
    """A key means another golden record from now on: the old row is closed, a new one is opened."""
    domain, source, key = rng.choice(("item", "supplier", "location")), rng.choice(SOURCES), rng.choice(KEYS[:3])
    con.execute(
        f"UPDATE master.xref_{domain} SET valid_to = '2026-02-01 00:00:00+00', _change_seq = 2"
        " WHERE source_system = ? AND source_key = ? AND valid_to IS NULL",
        [source, key],
    )
    new = {"source_system": source, "source_key": key, f"{domain}_sk": rng.choice((1, 2, 3, -2)), "_change_seq": 2}
    add(con, f"master.xref_{domain}", [new])


def _apply_delta(con: duckdb.DuckDBPyConnection, promise: TablePromise, since: int) -> None:
    """What the publisher does, step by step as expectations.promise says."""
    build, target = promise.build, promise.qualified
    assert build.driver
    con.execute(f"CREATE OR REPLACE TEMP TABLE changed AS {changed_keys_sql(promise)}", {"since": since})
    pairs = list(zip(build.key, build.driver_key, strict=True))
    con.execute(f"DELETE FROM {target} t USING changed c WHERE {' AND '.join(f't.{k} = c.{d}' for k, d in pairs)}")
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE delta AS SELECT d.* FROM {build.driver} d"
        f" JOIN changed c USING ({', '.join(build.driver_key)})"
    )
    con.execute(f"INSERT INTO {target} {driver_substituted(sql_of(promise.table), build.driver, 'delta')}")


@pytest.mark.parametrize("table", INCREMENTAL)
def test_delta_build_equals_full_build(table: str) -> None:
    promise = PROMISES[table]
    touched = 0
    for seed in range(12):
        rng = random.Random(seed)
        con = empty_world()
        _fill(con, promise, rng)
        con.execute(f"CREATE TABLE {promise.qualified} AS {sql_of(table)}")
        _change(con, promise, rng)
        _apply_delta(con, promise, since=1)
        touched += con.execute("SELECT count(*) FROM changed").fetchone()[0]  # type: ignore[index]
        full = con.execute(f"SELECT * FROM ({sql_of(table)}) ORDER BY _source_system, _source_key").fetchall()
        delta = con.execute(f"SELECT * FROM {promise.qualified} ORDER BY _source_system, _source_key").fetchall()
        assert delta == full, f"seed {seed}"
        con.close()
    assert 0 < touched < 12 * 31


@pytest.mark.parametrize("table", INCREMENTAL)
def test_nothing_changed_means_nothing_to_recompute(table: str) -> None:
    con = empty_world()
    _fill(con, PROMISES[table], random.Random(1))
    assert con.execute(changed_keys_sql(PROMISES[table]), {"since": 1}).fetchall() == []
