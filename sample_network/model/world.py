"""The world in DuckDB: shared tables once, then the tables of one site at a time.

Here: running the SQL of this folder. Not here: the rules of the world (the .sql files), how systems write it down.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from sample_network.mess.kinds import macros
from sample_network.model.plan import Plan

WAREHOUSE = 0


def script(name: str, folder: Path | None = None) -> str:
    """A SQL script of this folder, or of another one."""
    return ((folder or Path(__file__).parent) / name).read_text("utf-8")


def open_world(plan: Plan, memory_limit: str = "2GB", threads: int = 2) -> duckdb.DuckDBPyConnection:
    """A connection with the shared tables: supplier, item, item_pack, contract(_price), unit, facility, place.

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


def world_of_a_site(con: duckdb.DuckDBPyConnection, plan: Plan) -> duckdb.DuckDBPyConnection:
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
        ("facility_no", 0),
    ):
        con.execute(f"SET VARIABLE {name} = {value}")
    con.execute(f"SET VARIABLE first_day = DATE '{plan.first_day}'")
    con.execute(f"SET VARIABLE until = TIMESTAMP '{plan.end:%Y-%m-%d %H:%M:%S}'")
    con.execute(f"SET VARIABLE hourly = {plan.hourly}")


def live_through(con: duckdb.DuckDBPyConnection, facility_no: int) -> None:
    """Makes the tables of one site: carried, demand, po_line, shipment, receipt, queue, used, issue, stock, invoice,
    matched.

    The warehouse (0) comes after all hospitals, because it delivers what they took from it.
    """
    con.execute(f"SET VARIABLE facility_no = {facility_no}")
    con.execute(script("demand_warehouse.sql" if facility_no == WAREHOUSE else "demand.sql"))
    con.execute(script("process.sql"))
    if facility_no != WAREHOUSE:
        con.execute("INSERT INTO transfer_all SELECT * FROM transfer ORDER BY item_no, day")
