"""The world in DuckDB: shared tables once, then the tables of some sites at a time.

Here: running the SQL of this folder. Not here: the rules of the world (the .sql files), how systems write it down.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import duckdb

from sample_network.mess.kinds import macros
from sample_network.model.plan import Plan

WAREHOUSE = 0


@cache
def script(name: str, folder: Path | None = None) -> str:
    """A SQL script of this folder, or of another one."""
    return ((folder or Path(__file__).parent) / name).read_text("utf-8")


def run(con: duckdb.DuckDBPyConnection, text: str) -> None:
    """Runs the statements of a script, which are parsed once however often they run."""
    for statement in _parsed(text):
        con.execute(statement)


@cache
def _parsed(text: str) -> list[duckdb.Statement]:
    return duckdb.extract_statements(text)


def open_world(plan: Plan, memory_limit: str = "2GB", threads: int = 2) -> duckdb.DuckDBPyConnection:
    """A connection with the shared tables: supplier, item, item_pack, contract(_price), unit, facility, place, site.

    Only sums of whole numbers and ordered results come out of it, so that threads and hash seeds change nothing.
    """
    con = duckdb.connect(config={"memory_limit": memory_limit, "threads": threads})
    _set_out(con, plan)
    con.execute(script("macros.sql"))
    con.execute(macros(plan.without))
    con.execute(script("network.sql"))
    con.execute(script("places.sql"))
    con.execute("CREATE TABLE transfer_all (facility_no INTEGER, item_no INTEGER, day INTEGER, qty BIGINT)")
    return con


def world_of_sites(con: duckdb.DuckDBPyConnection, plan: Plan) -> duckdb.DuckDBPyConnection:
    """A connection of its own to the world of `con`: its sites' tables and variables are seen by nobody else."""
    own = con.cursor()
    _set_out(own, plan)
    return own


def _set_out(con: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    con.execute("SET TimeZone = 'UTC'")
    for name, value in (
        ("seed", plan.seed),
        ("facilities", plan.facilities),
        ("horizon", plan.horizon),
    ):
        con.execute(f"SET VARIABLE {name} = {value}")
    con.execute(f"SET VARIABLE first_day = DATE '{plan.first_day}'")
    con.execute(f"SET VARIABLE until = TIMESTAMP '{plan.end:%Y-%m-%d %H:%M:%S}'")
    con.execute(f"SET VARIABLE hourly = {plan.hourly}")


def live_through(con: duckdb.DuckDBPyConnection, first: int, last: int) -> None:
    """Makes the tables of the sites numbered `first` to `last`.

    They are: here, carried, demand, po_line, shipment, receipt, queue, used, issue, stock, invoice, matched.

    The warehouse (0) comes alone and after all hospitals, because it delivers what they took from it.
    """
    con.execute(f"SET VARIABLE first_site = {first}")
    con.execute(f"SET VARIABLE last_site = {last}")
    run(con, script("here.sql"))
    run(con, script("demand_warehouse.sql" if first == WAREHOUSE else "demand.sql"))
    run(con, script("process.sql"))
    con.execute("INSERT INTO transfer_all SELECT facility_no, item_no, day, qty FROM transfer ORDER BY ALL")
