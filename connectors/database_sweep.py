"""Key-range checksums: what the source says of each range of keys, so that a sweep re-reads only what differs.

Here: cutting the first key column into ranges that stay where they are, one checksum per range, and which ranges
differ from what the source said last time. Not here: reading the rows (`database_extract`), tombstones (the store).

A checksum is `<rows>:<sum of row hashes>` over every column that is extracted: a silent update, a hard delete, a row
behind the watermark and a newly mapped column all change it. PostgreSQL computes it; from other databases the
extracted columns are streamed to a file beside the target and hashed here, in the same snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from connectors.database_extract import extract_to
from connectors.database_table import Interval, TablePlan, extract

#: Label of the one range of a table whose key cannot be cut.
WHOLE = ".."
#: Label of the rows whose first key column is NULL.
KEYLESS = "null"
#: Ranges of one table at most; sparse keys get wider ranges.
MAX_RANGES = 4096


def checksums(
    connection: Connection,
    plan: TablePlan,
    odd: frozenset[str],
    range_rows: int,
    scratch: Path,
    whole: Path | None = None,
) -> dict[str, str]:
    """Range label -> checksum, of all rows of the table, as the open snapshot has them.

    `range_rows`: width of a range in key values. `scratch`: where a temporary file may be written. `whole`: an
    extract of the whole table from this snapshot, if there is one already.
    """
    width = _width(connection, plan, odd, range_rows)
    if plan.dialect == "postgresql":
        return _in_the_source(connection, plan, width)
    if whole is not None:
        return _of_file(whole, plan, width)
    try:
        extract_to(connection, plan, extract(plan, sa.true(), odd), odd, scratch, {})
        return _of_file(scratch, plan, width)
    finally:
        scratch.unlink(missing_ok=True)


def dirty_span(before: Mapping[str, str], now: Mapping[str, str]) -> Interval | None:
    """The smallest interval of keys holding every range that differs; None where none does."""
    dirty = {label for label in before.keys() | now.keys() if before.get(label) != now.get(label)}
    if not dirty:
        return None
    if dirty & {WHOLE, KEYLESS} or not before:
        return (None, None)
    bounds = [tuple(int(end) for end in label.split("..")) for label in dirty]
    return (min(lo for lo, _ in bounds), max(hi for _, hi in bounds))


def _width(connection: Connection, plan: TablePlan, odd: frozenset[str], range_rows: int) -> int | None:
    """Width of the ranges: `range_rows`, doubled until the keys need no more than MAX_RANGES; None: one range."""
    key = plan.bucket_key
    if key is None or key.name in odd:
        return None
    extent = sa.select(sa.func.min(key.column), sa.func.max(key.column)).select_from(plan.table)
    least, greatest = connection.execute(extent.where(*plan.filters)).one()
    width = range_rows
    while least is not None and (int(greatest) - int(least)) // width >= MAX_RANGES:
        width *= 2
    return width


def _label(lo: int | None, width: int | None) -> str:
    if width is None:
        return WHOLE
    return KEYLESS if lo is None else f"{lo}..{lo + width}"


def _in_the_source(connection: Connection, plan: TablePlan, width: int | None) -> dict[str, str]:
    # A row's text form tells NULL from '' and one column from the next; the session's settings fix its spelling.
    row = sa.cast(sa.func.row(*(column.column for column in plan.columns)), sa.Text)
    # hashtextextended, not md5: half the time. A new major version may hash otherwise: all is re-read once then.
    total = sa.cast(sa.func.sum(sa.func.hashtextextended(sa.collate(row, "C"), 0)), sa.Text)
    statement = sa.select(_range_start(plan, width).label("lo"), sa.func.count(), total).select_from(plan.table)
    rows = connection.execute(statement.where(*plan.filters).group_by(sa.text("1"))).all()
    return {_label(None if lo is None else int(lo), width): f"{count}:{total}" for lo, count, total in rows}


def _range_start(plan: TablePlan, width: int | None) -> sa.ColumnElement[int]:
    if width is None or plan.bucket_key is None:
        return sa.literal_column("0", sa.Integer)
    key, step = sa.cast(plan.bucket_key.column, sa.BigInteger), sa.literal_column(str(int(width)), sa.BigInteger)
    # Remainders of negative keys are negative in SQL: added twice, the range still begins below its keys.
    return key - sa.func.mod(sa.func.mod(key, step) + step, step)


def _of_file(file: Path, plan: TablePlan, width: int | None) -> dict[str, str]:
    # Length before value: so that no two rows of columns run together into the same text.
    parts = [
        f"CASE WHEN {c} IS NULL THEN 'n' ELSE length({c}::VARCHAR) || ':' || {c}::VARCHAR END"
        for c in (_quoted(column.name) for column in plan.columns)
    ]
    lo = "0"
    if width is not None and plan.bucket_key is not None:
        key = _quoted(plan.bucket_key.name)
        lo = f"{key} - (({key} % {width}) + {width}) % {width}"
    with duckdb.connect() as con:
        rows = con.execute(
            f"SELECT {lo} AS lo, count(*), sum(md5_number_lower({' || '.join(parts)})) FROM read_parquet(?) GROUP BY 1",
            [str(file)],
        ).fetchall()
    return {_label(lo, width): f"{count}:{total}" for lo, count, total in rows}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
