"""The gate on real DuckDB files: each kind of promise is kept by good rows and broken by bad ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from expectations import ddl
from expectations.gate import DqResult, checks_of, rows_of, validate, worst
from expectations.promise import TablePromise, load_promises

ROOT = Path(__file__).resolve().parents[2]
PROMISES = load_promises(ROOT / "expectations" / "tables")

DIM = TablePromise.model_validate(
    {
        "table": "dim_thing",
        "schema": "conformed",
        "description": "Things.",
        "grain": "one row per thing",
        "key": ["thing_sk"],
        "columns": [{"name": "thing_sk", "type": "BIGINT", "nullable": False, "description": "id"}],
        "build": {"mode": "full"},
    }
)
FACT = TablePromise.model_validate(
    {
        "table": "fact_thing",
        "schema": "conformed",
        "description": "Things that happened.",
        "grain": "one row per event",
        "key": ["src", "seq"],
        "columns": [
            {"name": "src", "type": "VARCHAR", "nullable": False, "description": "source"},
            {"name": "seq", "type": "BIGINT", "nullable": False, "description": "number"},
            {"name": "thing_sk", "type": "BIGINT", "nullable": False, "description": "thing"},
            {"name": "kind", "type": "VARCHAR", "description": "kind"},
            {"name": "qty", "type": "DECIMAL(18,6)", "description": "quantity"},
            {"name": "event_ts", "type": "TIMESTAMP WITH TIME ZONE", "description": "when"},
        ],
        "references": [{"columns": ["thing_sk"], "table": "dim_thing", "to": ["thing_sk"]}],
        "build": {"mode": "full"},
        "expectations": [
            {
                "type": "in_set",
                "name": "kind_known",
                "severity": "warn",
                "description": "d",
                "column": "kind",
                "values": ["a", "b"],
            },
            {
                "type": "between",
                "name": "qty_range",
                "severity": "warn",
                "description": "d",
                "column": "qty",
                "min": 0,
                "max": 10,
            },
            {
                "type": "unique",
                "name": "at_once",
                "severity": "warn",
                "description": "d",
                "columns": ["src", "event_ts"],
            },
            {
                "type": "no_rows",
                "name": "kind_shape",
                "severity": "error",
                "description": "d",
                "where": "NOT regexp_matches(kind, '^[a-z]{1}$') OR event_ts = TIMESTAMPTZ '1999-01-01 10:30:00+00'",
            },
            {
                "type": "no_rows",
                "name": "few_zero",
                "severity": "warn",
                "description": "d",
                "where": "qty = 0",
                "max_share": 0.5,
            },
            {
                "type": "query",
                "name": "thing_used_twice",
                "severity": "warn",
                "description": "d",
                "sql": "SELECT d.thing_sk, count(*) AS uses FROM dim_thing AS d JOIN fact_thing AS f USING (thing_sk)"
                " GROUP BY d.thing_sk HAVING count(*) > 2",
            },
        ],
    }
)
THINGS = {"dim_thing": DIM, "fact_thing": FACT}
GOOD = [
    ("a", 1, 1, "a", "1.5", "2026-01-01 00:00:00+00"),
    ("a", 2, 2, None, "10", "2026-01-02 00:00:00+00"),
    ("b", 1, 1, "b", "0", "2026-01-01 00:00:00+00"),
]


def candidate(path: Path, rows: list[tuple[object, ...]], *, constraints: bool = False) -> Path:
    """A database with both tables; without NOT NULL, so that the gate is what notices."""
    con = duckdb.connect(str(path))
    con.execute("CREATE SCHEMA conformed; CREATE SCHEMA ops; SET TimeZone = 'UTC'")
    for promise in THINGS.values():
        text = ddl.create_table(promise)
        con.execute(text if constraints else text.replace(" NOT NULL", ""))
    con.execute("INSERT INTO conformed.dim_thing VALUES (1), (2)")
    con.executemany("INSERT INTO conformed.fact_thing VALUES (?, ?, ?, ?, ?, ?)", rows)
    con.close()
    return path


def broken(results: list[DqResult]) -> dict[str, DqResult]:
    return {result.expectation: result for result in results if not result.success}


def keys(result: DqResult) -> list[dict[str, str]]:
    return json.loads(result.sample_keys)


def test_good_rows_keep_every_promise_and_every_check_is_reported(tmp_path: Path) -> None:
    results = validate(candidate(tmp_path / "c.duckdb", GOOD), THINGS, run_id="r7")
    assert broken(results) == {}
    assert worst(results) is None
    fact = [result for result in results if result.table == "fact_thing"]
    assert [result.expectation for result in fact] == [check.name for check in checks_of(FACT)]
    assert {(r.run_id, r.suite, r.scope) for r in fact} == {("r7", "conformed.fact_thing", "whole table")}
    assert {result.observed for result in fact if result.expectation != "few_zero"} == {"0 of 3 rows"}
    assert next(r for r in fact if r.expectation == "few_zero").observed == "1 of 3 rows"


def test_each_kind_of_promise_is_broken_by_bad_rows_with_its_keys(tmp_path: Path) -> None:
    rows: list[tuple[object, ...]] = [
        *GOOD,
        ("b", 1, 1, "b", "0", "2026-02-01 00:00:00+00"),  # key twice; thing 1 a third time
        ("c", 1, 9, "b", "0", "2026-02-02 00:00:00+00"),  # thing 9 is not in the dimension
        ("c", 2, 2, "zz", "11", "2026-02-03 00:00:00+00"),  # kind and quantity out of range
        ("c", None, 2, "a", "0", "2026-02-03 00:00:00+00"),  # no number; second event of c at that time
    ]
    found = broken(validate(candidate(tmp_path / "c.duckdb", rows), THINGS, ["fact_thing"]))
    assert set(found) == {
        "key_unique",
        "seq_not_null",
        "thing_sk_in_dim_thing",
        "kind_known",
        "qty_range",
        "at_once",
        "kind_shape",
        "few_zero",
        "thing_used_twice",
    }
    assert found["key_unique"].unexpected_count == 1
    assert keys(found["key_unique"]) == [{"src": "b", "seq": "1"}]
    assert keys(found["thing_sk_in_dim_thing"]) == [{"src": "c", "seq": "1", "thing_sk": "9"}]
    assert keys(found["seq_not_null"]) == [{"src": "c", "seq": None}]
    assert keys(found["kind_known"]) == [{"src": "c", "seq": "2", "kind": "zz"}]
    assert keys(found["qty_range"])[0] | {"qty": "11"} == {"src": "c", "seq": "2", "qty": "11"}
    assert keys(found["kind_shape"]) == [{"src": "c", "seq": "2"}]
    uses = sorted(keys(found["thing_used_twice"]), key=lambda row: row["thing_sk"])
    assert uses == [{"thing_sk": "1", "uses": "3"}, {"thing_sk": "2", "uses": "3"}]
    assert found["few_zero"].observed == "4 of 7 rows"
    assert found["few_zero"].threshold == "at most 50% of the rows"
    assert {name for name, result in found.items() if result.severity == "error"} == {
        "key_unique",
        "seq_not_null",
        "thing_sk_in_dim_thing",
        "kind_shape",
    }
    assert worst(found.values()) == "error"


def test_warnings_alone_do_not_block(tmp_path: Path) -> None:
    results = validate(candidate(tmp_path / "c.duckdb", [("a", 1, 1, "c", "1", None)]), THINGS)
    assert set(broken(results)) == {"kind_known"}
    assert worst(results) == "warn"


def test_samples_are_bounded_and_counts_are_not(tmp_path: Path) -> None:
    rows: list[tuple[object, ...]] = [("a", n, 9, "c", "1", None) for n in range(50)]
    found = broken(validate(candidate(tmp_path / "c.duckdb", rows), THINGS, ["fact_thing"]))
    for name in ("thing_sk_in_dim_thing", "kind_known"):
        assert found[name].unexpected_count == 50
        assert len(keys(found[name])) == 20


def test_a_check_that_cannot_run_has_failed_as_an_error(tmp_path: Path) -> None:
    path = candidate(tmp_path / "c.duckdb", GOOD)
    con = duckdb.connect(str(path))
    con.execute("ALTER TABLE conformed.fact_thing DROP COLUMN kind")
    con.execute("DROP TABLE conformed.dim_thing")
    con.close()
    results = validate(path, THINGS)
    found = broken(results)
    assert {"thing_sk_in_dim_thing", "kind_known", "kind_shape", "thing_used_twice", "thing_sk_not_null"} <= set(found)
    assert all(result.severity == "error" for result in found.values())
    assert found["kind_shape"].observed.startswith("could not run: ")
    assert found["kind_shape"].unexpected_count is None
    assert next(r for r in results if r.expectation == "qty_range").success
    assert worst(results) == "error"


def test_only_the_tables_named_are_checked(tmp_path: Path) -> None:
    results = validate(candidate(tmp_path / "c.duckdb", GOOD), THINGS, ["dim_thing"])
    assert {result.table for result in results} == {"dim_thing"}


def test_nothing_to_check_never_imports_great_expectations(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from expectations.gate import validate;"
        "assert validate(Path('missing.duckdb'), {}, []) == [];"
        "assert 'great_expectations' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


#: Says which thread asks for each module of the ORM that nobody has loaded yet.
WHO_LOADS_THE_ORM = """
import sys, threading

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[:2] == ["sqlalchemy", "orm"]:
            print(threading.current_thread().name)

sys.meta_path.insert(0, Watch())
from expectations.gate import warm_up
warm_up().join()
assert "expectations.gx_duckdb" in sys.modules
"""


def test_the_checker_loads_beside_the_work_without_the_orm_half_loaded_in_between() -> None:
    # A control-database statement that ran while another thread loaded sqlalchemy.orm ended in an AttributeError.
    done = subprocess.run(
        [sys.executable, "-c", WHO_LOADS_THE_ORM], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert set(done.stdout.split()) == {"MainThread"}


def test_a_process_that_checked_ends_quietly_and_leaves_the_file_free(tmp_path: Path) -> None:
    path = candidate(tmp_path / "c.duckdb", GOOD)
    code = (
        "import sys; from pathlib import Path; from tests.expectations.test_gate import THINGS;"
        "from expectations.gate import validate; import duckdb;"
        "path = Path(sys.argv[1]); print(len(validate(path, THINGS)));"
        "con = duckdb.connect(str(path)); con.execute('CREATE TABLE conformed.free AS SELECT 1'); con.close()"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, str(len(checks_of(DIM) + checks_of(FACT))), "")


@pytest.mark.parametrize("schema", ["conformed", "ops"])
def test_every_promised_check_runs_on_empty_tables(tmp_path: Path, schema: str) -> None:
    path = tmp_path / "empty.duckdb"
    con = duckdb.connect(str(path))
    con.execute("CREATE SCHEMA conformed; CREATE SCHEMA ops")
    for promise in PROMISES.values():
        con.execute(ddl.create_table(promise))
    con.close()
    tables = [name for name, promise in PROMISES.items() if promise.schema_name == schema]
    results = validate(path, PROMISES, tables)
    assert [r for r in results if r.unexpected_count is None] == []
    must_exist = {"unknown_members_present", "public_lists_present", "every_day_present"}
    assert {r.expectation for r in results if not r.success} == (must_exist if schema == "conformed" else set())


def test_only_our_own_defects_block() -> None:
    implied = {c.name for p in PROMISES.values() for c in checks_of(p)} - {
        e.name for p in PROMISES.values() for e in p.expectations
    }
    assert all(c.severity == "error" for p in PROMISES.values() for c in checks_of(p) if c.name in implied)
    blocking = {e.name for p in PROMISES.values() for e in p.expectations if e.severity == "error"}
    assert blocking == {
        "uom_conv_status_known_value",
        "factor_positive",
        "unknown_members_present",
        "one_current_version",
        "versions_do_not_overlap",
        "current_is_open",
        "version_has_duration",
        "one_open_row_per_key",
        "period_has_duration",
        "match_status_known",
        "tax_id_is_hashed",
        "public_lists_present",
        "every_day_present",
        "fiscal_period_in_range",
        "fiscal_week_in_range",
        "rows_reconcile",
        "reject_of_a_delivery",
    }


def test_rows_have_the_columns_of_ops_dq_result(tmp_path: Path) -> None:
    results = validate(candidate(tmp_path / "c.duckdb", GOOD), THINGS, ["dim_thing"], "r1")
    recorded = set(PROMISES["dq_result"].column_names) - {"ts"}
    assert [set(row) for row in rows_of(results)] == [recorded] * len(results)
