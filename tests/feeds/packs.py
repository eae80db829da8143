"""Runs a feed pack's SQL over staged tables made from plain source rows. For tests of feeds/ only.

Not here: the real staging and intake (`store/`); these tests must tell a wrong contract or pack SQL from a wrong store.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import yaml

from connectors.contract import Column, FeedContract

ROOT = Path(__file__).resolve().parents[2]
META = ("source_key", "_delivery_id", "_source_row_no", "_change_seq", "_valid_from", "_is_deleted")
AS_OF = datetime(2026, 11, 24, 12, tzinfo=UTC)
_ARROW: dict[str, pa.DataType] = {
    "VARCHAR": pa.string(),
    "BOOLEAN": pa.bool_(),
    "SMALLINT": pa.int16(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "DATE": pa.date32(),
    "TIMESTAMPTZ": pa.timestamp("us", tz="UTC"),
}

Row = Mapping[str, Any]


def contract(path: Path) -> FeedContract:
    """The feed contract of that file."""
    return FeedContract.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def pack_contracts(system: str) -> dict[str, FeedContract]:
    """Every contract of a pack, by feed."""
    found = [contract(path) for path in sorted((ROOT / "feeds" / system).glob("*.yml"))]
    return {c.feed: c for c in found}


def pack_sql(system: str, shape: str) -> str:
    """The pack's SQL for one intake shape."""
    return (ROOT / "feeds" / system / f"{shape}.sql").read_text(encoding="utf-8")


def pack_shapes(system: str) -> list[str]:
    """Shapes that a pack supplies by SQL."""
    return sorted(path.stem for path in (ROOT / "feeds" / system).glob("*.sql"))


def shape_columns(shape: str) -> dict[str, str]:
    """Canonical columns of an intake shape and their types: a shape file, or a master domain."""
    plain = ROOT / "assets" / "intake" / f"{shape}.yml"
    if plain.is_file():
        spec = yaml.safe_load(plain.read_text(encoding="utf-8"))
        return {name: column["type"] for name, column in spec["columns"].items()}
    spec = yaml.safe_load((ROOT / "mastering" / "domains" / f"{shape}.yml").read_text(encoding="utf-8"))
    attributes = {name: column["type"] for name, column in spec["attributes"].items()}
    return attributes | dict.fromkeys(spec["identifiers"], "VARCHAR")


def value(column: Column, raw: Any) -> Any:
    """A source value as the contract types it: exact decimals, UTC stamps."""
    if raw is None or raw in column.sentinels:
        return None
    if column.type.startswith("DECIMAL"):
        return Decimal(str(raw))
    if column.type == "BOOLEAN":
        return raw in (1, True) or str(raw).lower() in column.true_values
    if column.type == "DATE":
        return _day(column, raw)
    if column.type == "TIMESTAMPTZ":
        stamp = raw if isinstance(raw, datetime) else datetime.fromisoformat(raw)
        return stamp.replace(tzinfo=ZoneInfo(column.timezone or "UTC")).astimezone(UTC)
    return int(raw) if column.type in ("SMALLINT", "INTEGER", "BIGINT") else str(raw)


def _day(column: Column, raw: Any) -> date:
    if isinstance(raw, date):
        return raw
    return (
        datetime.strptime(raw, column.format).replace(tzinfo=UTC).date() if column.format else date.fromisoformat(raw)
    )


def arrow_type(column: Column) -> pa.DataType:
    """Arrow type of a contract column."""
    if column.type.startswith("DECIMAL"):
        precision, scale = column.type[8:-1].split(",")
        return pa.decimal128(int(precision), int(scale))
    return _ARROW[column.type]


def stage(con: duckdb.DuckDBPyConnection, feed: FeedContract, rows: Iterable[Row], change_seq: int = 1) -> None:
    """Creates `staged.<feed>` from source rows (source column -> value; missing ones are NULL).

    A row may set `_is_deleted` and `_change_seq`.
    """
    record = feed.records["main"]
    held = list(rows)
    arrays = {c.name: pa.array([value(c, row.get(c.source)) for row in held], arrow_type(c)) for c in record.columns}
    keys = [
        "|".join("" if arrays[k][n].as_py() is None else str(arrays[k][n].as_py()) for k in record.key)
        for n in range(len(held))
    ]
    table = pa.table(
        arrays
        | {
            "_source_system": pa.array(["test"] * len(held), pa.string()),
            "_source_key": pa.array(keys, pa.string()),
            "_delivery_id": pa.array([f"delivery-{feed.feed}"] * len(held), pa.string()),
            "_source_row_no": pa.array(range(1, len(held) + 1), pa.int64()),
            "_valid_from": pa.array([AS_OF] * len(held), pa.timestamp("us", tz="UTC")),
            "_change_seq": pa.array([row.get("_change_seq", change_seq) for row in held], pa.int64()),
            "_is_deleted": pa.array([bool(row.get("_is_deleted", False)) for row in held], pa.bool_()),
        }
    )
    con.execute("CREATE SCHEMA IF NOT EXISTS staged")
    con.register("incoming", table)
    con.execute(f'CREATE OR REPLACE TABLE staged."{feed.feed}" AS SELECT * FROM incoming')
    con.unregister("incoming")


def supply(con: duckdb.DuckDBPyConnection, system: str, shape: str) -> pa.Table:
    """The shape as the pack supplies it, and as table `intake.<shape>` with the shape's types."""
    columns = shape_columns(shape)
    query = pack_sql(system, shape)
    given = [d[0] for d in con.execute(f"SELECT * FROM ({query}) LIMIT 0").description or []]
    cast = [f'CAST("{c}" AS {columns[c]}) AS "{c}"' if c in columns else f'"{c}"' for c in given]
    con.execute("CREATE SCHEMA IF NOT EXISTS intake")
    con.execute(f'CREATE OR REPLACE TABLE intake."{shape}" AS SELECT {", ".join(cast)} FROM ({query})')
    return rows(con, shape)


def rows(con: duckdb.DuckDBPyConnection, shape: str) -> pa.Table:
    """The rows of an intake shape that `supply` has made (by a cursor: `con` may hold an unread result)."""
    return con.cursor().sql(f'SELECT * FROM intake."{shape}"').to_arrow_table()
