"""Loading promises: what is wrong is said with file, line, column and key; text functions."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from connectors.errors import ConfigurationError
from expectations import ddl
from expectations.dictionary import dictionary
from expectations.promise import changed_keys_sql, driver_substituted, inputs, load_promise, load_promises

ROOT = Path(__file__).resolve().parents[2]
TABLES = ROOT / "expectations" / "tables"

GOOD = """\
table: fact_thing
schema: conformed
description: Things.
grain: one row per thing
key: [_source_system, _source_key]
columns:
  - {name: thing_no, type: VARCHAR, description: it's number}
  - {name: qty, type: "DECIMAL(18,6)", unit: EA, description: how many, source: intake.thing}
  - {name: _source_system, type: VARCHAR, nullable: false, description: source}
  - {name: _source_key, type: VARCHAR, nullable: false, description: key}
build:
  mode: incremental
  driver: intake.thing
  driver_key: [source_system, source_key]
  key: [_source_system, _source_key]
  resolves: {item_key: item}
"""


def write(folder: Path, text: str, name: str = "fact_thing") -> Path:
    path = folder / f"{name}.yml"
    path.write_text(text, "utf-8")
    return path


CONFORMED = (
    "dim_item, dim_supplier, dim_location, dim_uom, dim_date, bridge_item_xref, bridge_supplier_xref, "
    "bridge_location_xref, item_uom, item_supplier, item_location, fact_po_line, fact_po_ack, fact_asn_line, "
    "fact_receipt_line, fact_invoice_line, fact_stock_movement, fact_stock_snapshot"
)
OPS = "delivery, rejected_record, dq_result, run, publication"


def test_all_promises_load_and_name_the_tables_of_the_model() -> None:
    found = {promise.qualified for promise in load_promises(TABLES).values()}
    assert {f"conformed.{name}" for name in CONFORMED.split(", ")} <= found
    assert {f"ops.{name}" for name in OPS.split(", ")} <= found


@pytest.mark.parametrize(
    ("old", "new", "place", "key", "message"),
    [
        ("grain: one row per thing\n", "grain: one row per thing\ngrian: x\n", "5:1", "grian", "not permitted"),
        ("type: VARCHAR, description: it's", "type: DOUBLE, description: it's", "7:22", "columns.0.type", "pattern"),
        ("  driver: intake.thing\n", "", "11:1", "build", "incremental needs driver"),
        ("key: [_source_system, _source_key]\ncol", "key: [thing_nr]\ncol", "1:1", None, "thing_nr is not among"),
        ("key: [_source_system, _source_key]\ncol", "key: [thing_no]\ncol", "1:1", None, "must not be nullable"),
        ("{name: qty,", "{name: thing_no,", "1:1", None, "given twice"),
        ("table: fact_thing", "table: fact_other", "1:1", "table", "another name"),
        ("grain: one row per thing", "grain: [", None, None, "not valid YAML"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    tmp_path: Path, old: str, new: str, place: str | None, key: str | None, message: str
) -> None:
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(ConfigurationError, match=message) as caught:
        load_promise(path)
    assert caught.value.key == key
    assert caught.value.location is not None
    assert caught.value.location.startswith(f"{path}:{place}" if place else f"{path}:")


def test_a_reference_to_nothing_is_refused(tmp_path: Path) -> None:
    text = GOOD + "references:\n  - {columns: [thing_no], table: dim_thing, to: [thing_no]}\n"
    write(tmp_path, text)
    with pytest.raises(ConfigurationError, match="dim_thing"):
        load_promises(tmp_path)


def test_inputs_are_relations_and_not_ctes() -> None:
    sql = "WITH a AS (SELECT * FROM intake.thing) SELECT * FROM a JOIN master.xref_item AS x ON a.k = x.k"
    assert inputs(sql) == {"intake.thing", "master.xref_item"}


def test_driver_substituted_keeps_alias_and_columns() -> None:
    plain = driver_substituted("SELECT thing.a FROM intake.thing", "intake.thing", "delta")
    assert plain == "SELECT thing.a FROM delta AS thing"
    aliased = driver_substituted("SELECT t.a FROM intake.thing AS t", "intake.thing", "delta")
    assert aliased == "SELECT t.a FROM delta AS t"


@pytest.mark.parametrize(
    "sql", ["SELECT 1", "SELECT * FROM intake.thing AS a JOIN intake.thing AS b ON a.k = b.k", "SELECT * FROM x.thing"]
)
def test_driver_must_be_named_once(sql: str) -> None:
    with pytest.raises(ConfigurationError, match=r"intake\.thing"):
        driver_substituted(sql, "intake.thing", "delta")


def test_changed_keys_are_for_incremental_tables() -> None:
    with pytest.raises(ValueError, match="dim_item"):
        changed_keys_sql(load_promises(TABLES)["dim_item"])


def test_ddl_makes_the_promised_table_with_comments(tmp_path: Path) -> None:
    promise = load_promise(write(tmp_path, GOOD))
    con = duckdb.connect()
    con.execute("CREATE SCHEMA conformed")
    for statement in [ddl.create_table(promise), *ddl.comments(promise)]:
        con.execute(statement)
    columns = con.execute(
        "SELECT column_name, data_type, is_nullable, comment FROM duckdb_columns() WHERE table_name = 'fact_thing'"
    ).fetchall()
    assert columns[:2] == [
        ("thing_no", "VARCHAR", True, "it's number"),
        ("qty", "DECIMAL(18,6)", True, "how many. Unit: EA. Source: intake.thing"),
    ]
    assert columns[2][:3] == ("_source_system", "VARCHAR", False)
    about = con.execute("SELECT comment FROM duckdb_tables() WHERE table_name = 'fact_thing'").fetchall()
    assert about == [("Things. Grain: one row per thing.",)]


def test_every_promise_makes_its_table() -> None:
    con = duckdb.connect()
    con.execute("CREATE SCHEMA conformed; CREATE SCHEMA ops")
    promises = load_promises(TABLES)
    for promise in promises.values():
        for statement in [ddl.create_table(promise), *ddl.comments(promise)]:
            con.execute(statement)
    uncommented = con.execute(
        "SELECT table_name, column_name FROM duckdb_columns() WHERE comment IS NULL AND NOT internal"
    )
    assert uncommented.fetchall() == []
    types = con.execute("SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal").fetchall()
    assert set(types) == {(p.table, c.name, c.type) for p in promises.values() for c in p.columns}


def test_data_dictionary_page_is_current() -> None:
    page = (ROOT / "docs" / "data-dictionary.md").read_text("utf-8")
    assert page == dictionary(load_promises(TABLES)), "run: python -m expectations.dictionary > docs/data-dictionary.md"


def test_data_dictionary_escapes_what_would_break_the_table(tmp_path: Path) -> None:
    promise = load_promise(write(tmp_path, GOOD.replace("description: key}", 'description: "a | b"}')))
    assert "| `_source_key` | VARCHAR NOT NULL |  | a \\| b |  |" in dictionary({"fact_thing": promise})
