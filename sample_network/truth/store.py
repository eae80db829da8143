"""The truth file: a DuckDB database beside the extracts. Here: making, filling and summing it up. Not here: scoring.

A DuckDB file holds an id drawn at random, so its bytes differ; `truth.sha256` has a hash of its content, which does
not.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import duckdb

from sample_network.mess.kinds import kinds
from sample_network.model.plan import Plan
from sample_network.model.world import run, script

HERE = Path(__file__).parent
FILE, DIGEST = "truth.duckdb", "truth.sha256"
TABLES = (
    "plan", "defect_kind", "entity", "crosswalk", "attribute", "fact", "stock", "invoice_match", "file", "defect",
    "kpi", "supplier_event", "manufacturer_alias", "finance_move", "contract_price", "functional_ack", "substitution",
    "replenishment", "stocking", "recall", "recall_exposure", "cost_centre", "budget", "commitment",
    "payment", "gl_posting", "grni",
)  # fmt: skip


def begin(con: duckdb.DuckDBPyConnection, path: Path, plan: Plan) -> None:
    """Attaches a new truth file as `truth` and says what was planned."""
    path.unlink(missing_ok=True)
    con.execute(f"ATTACH '{str(path).replace(chr(39), chr(39) * 2)}' AS truth (ROW_GROUP_SIZE 30720)")
    run(con, script("schema.sql", HERE))
    run(con, script("business_schema.sql", HERE))
    said = {
        "seed": plan.seed,
        "facilities": plan.facilities,
        "days": plan.days,
        "first_day": plan.first_day,
        "until": f"{plan.end:%Y-%m-%d %H:%M:%S}",
        "without": ",".join(sorted(plan.without)),
    }
    con.executemany("INSERT INTO truth.plan VALUES (?, ?)", [(name, str(value)) for name, value in said.items()])
    listed = [(k.name, 0 if k.name in plan.without else k.ppm, k.outcome, k.unit, k.note) for k in kinds()]
    con.executemany("INSERT INTO truth.defect_kind VALUES (?, ?, ?, ?, ?)", listed)


def note_sites(con: duckdb.DuckDBPyConnection) -> None:
    """Writes down stock, matches, finance and recalled lots of the sites the world is at."""
    run(con, script("site.sql", HERE))
    run(con, script("business_site.sql", HERE))


def finish(con: duckdb.DuckDBPyConnection, folder: Path) -> dict[str, int]:
    """Writes down entities, keys, values and figures, the digest of it all, and detaches the file.

    Returns the rows of each table of the truth.
    """
    run(con, script("network.sql", HERE))
    run(con, script("business_network.sql", HERE))
    facts = "SELECT * FROM truth.fact WHERE expected = 'published'"
    figures = f"WITH fact AS ({facts}) {script('kpi.sql', HERE)}"
    con.execute(
        f"INSERT INTO truth.kpi SELECT kpi, numerator, denominator, 0, (SELECT max(event_date) FROM truth.fact) "
        f"FROM ({figures}) ORDER BY kpi"
    )
    run(con, script("kpi_world.sql", HERE))
    lines = [f"{_digest(con, table)}  {table}\n" for table in TABLES]
    rows = {table: _count(con, table) for table in TABLES}
    con.execute("DETACH truth")
    (folder / DIGEST).write_text("".join(lines), encoding="ascii")
    return rows


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(con.sql(f"SELECT count(*) FROM truth.{table}").fetchall()[0][0])


def _digest(con: duckdb.DuckDBPyConnection, table: str) -> str:
    """Hash of a table's rows, whatever order they lie in: number of rows and sum of half of their MD5."""
    names = con.sql(f"SELECT * FROM truth.{table} LIMIT 0").columns
    row = ", ".join(f"coalesce(CAST({name} AS VARCHAR), chr(30))" for name in names)
    total = con.sql(
        f"SELECT count(*), sum(CAST(md5_number(concat_ws(chr(31), {row})) >> 64 AS UBIGINT)) FROM truth.{table}"
    )
    return hashlib.sha256(str(total.fetchall()[0]).encode()).hexdigest()
