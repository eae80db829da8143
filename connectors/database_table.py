"""What of a table is read: its declared columns, how each lands, its key, its cursor, and the SQL that says so.

Here: reflection (declared types drive every reader, never sniffing) and SELECT statements. Not here:
connections (`database_source`), moving rows (`database_extract`), key-range checksums (`database_sweep`).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from connectors.contract import Column, DatabaseTransport, FeedContract, RecordContract
from connectors.errors import ConfigurationError, ContractViolation, PermanentSourceError
from connectors.network import Source

CursorKind = Literal["date", "naive", "aware"]
#: Half-open interval of the first key column; None on either side is unbounded.
Interval = tuple[int | None, int | None]
#: A SELECT of as many columns as the contract maps.
Rows = sa.Select[*tuple[Any, ...]]

_INTEGER_TYPES = ("SMALLINT", "INTEGER", "BIGINT")
_FIRST_DAY, _LAST_DAY = "0001-01-01", "9999-12-31"
_FIRST_MOMENT, _LAST_MOMENT = "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999"
_CURSOR_TEXT: dict[CursorKind, re.Pattern[str]] = {
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
    "naive": re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?"),
    "aware": re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?\+00"),
}


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column of the extract.

    `name`: its name in the contract's `source`, and in the landed file. `native`: Arrow type that holds every ordinary
    value exactly (None: it lands as text). `odd`: SQL condition of a value that `native` cannot hold (NaN,
    infinity, a year beyond 9999, a storage class SQLite did not declare): one such value, and the column lands as text.
    `total`: a sum of the column is a control total of the contract column of that name.
    """

    name: str
    column: sa.Column[Any]
    native: pa.DataType | None
    odd: sa.ColumnElement[bool] | None
    text: sa.ColumnElement[Any]
    total: str | None


@dataclass(frozen=True, slots=True)
class Cursor:
    """The columns whose first non-NULL says when a row last changed.

    `zone`: zone of stamps without an offset.
    """

    columns: tuple[sa.Column[Any], ...]
    kind: CursorKind
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class TablePlan:
    """Everything the statements below need to know of one table, under one contract.

    `bucket_key`: the first key column where key ranges can be cut from it (an integer on both sides), else None.
    """

    dialect: str
    table: sa.Table
    columns: tuple[TableColumn, ...]
    key: tuple[sa.Column[Any], ...]
    key_is_unique: bool
    bucket_key: TableColumn | None
    filters: tuple[sa.ColumnElement[bool], ...]
    cursor: Cursor | None
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """What the source says of a window before it is read.

    `rows`; `totals`: contract column -> exact sum as text; `odd`: names of columns that must land as text.
    """

    rows: int
    totals: Mapping[str, str]
    odd: frozenset[str]


def plan_table(connection: Connection, contract: FeedContract, record: RecordContract, source: Source) -> TablePlan:
    """Reflect the contract's table and decide how each mapped column lands.

    Raises PermanentSourceError for a table or column that is missing, ConfigurationError for a cursor that cannot work.
    """
    transport = contract.transport
    if not isinstance(transport, DatabaseTransport):
        raise ConfigurationError(f"feed {contract.feed} has no database transport")
    _check_key(record, contract)
    inspector = sa.inspect(connection)
    table = _reflect(inspector, transport)
    found = _match(table, record, contract)
    dialect = connection.dialect.name
    columns = tuple(_table_column(name, found[name], record, dialect) for name in _landed_names(record, contract))
    key = tuple(found[record.column(name).source] for name in record.key)
    return TablePlan(
        dialect=dialect,
        table=table,
        columns=columns,
        key=key,
        key_is_unique=_is_unique(inspector, transport, {column.name for column in key}),
        bucket_key=_bucket_key(columns, record),
        filters=tuple(
            _equals(_find(table, name, contract), value, dialect) for name, value in transport.equals.items()
        ),
        cursor=_cursor(found, contract, record, source, dialect) if contract.change.cursor else None,
        notices=_unmapped(table, record, contract),
    )


def _reflect(inspector: sa.Inspector, transport: DatabaseTransport) -> sa.Table:
    try:
        columns = inspector.get_columns(transport.table, schema=transport.schema_name)
    except sa.exc.NoSuchTableError:
        names = inspector.get_table_names(transport.schema_name) + inspector.get_view_names(transport.schema_name)
        raise PermanentSourceError(
            f"the source has no table or view {transport.table!r}",
            location=_label(transport),
            hint=f"Correct transport.table{_did_you_mean(transport.table, names)}",
        ) from None
    return sa.Table(
        transport.table,
        sa.MetaData(),
        *(sa.Column(column["name"], column["type"]) for column in columns),
        schema=transport.schema_name,
    )


def _label(transport: DatabaseTransport) -> str:
    return f"{transport.schema_name}.{transport.table}" if transport.schema_name else transport.table


def _did_you_mean(name: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, names, n=3)
    return f"; the source has {', '.join(near)}" if near else ""


def _find(table: sa.Table, name: str, contract: FeedContract) -> sa.Column[Any]:
    """The column of that name: exactly, else without regard to case where only one fits."""
    if name in table.columns:
        return table.columns[name]
    same = [column for column in table.columns if column.name.lower() == name.lower()]
    if len(same) == 1:
        return same[0]
    raise PermanentSourceError(
        f"table {table.fullname} has no column {name!r}",
        location=table.fullname,
        hint=f"Correct feed {contract.feed}{_did_you_mean(name, list(table.columns.keys()))}",
    )


def _landed_names(record: RecordContract, contract: FeedContract) -> tuple[str, ...]:
    """The allow-list: what the contract maps (patient data never), and the cursor."""
    mapped = [column.source for column in record.columns if not column.phi]
    return tuple(dict.fromkeys([*mapped, *contract.change.cursor]))


def _check_key(record: RecordContract, contract: FeedContract) -> None:
    hidden = [name for name in record.key if record.column(name).phi]
    if hidden:
        raise ConfigurationError(
            f"key column {', '.join(hidden)} is marked phi, so it would not be read",
            location=f"feed {contract.feed}, key",
            hint="Choose a key without patient data",
        )


def _match(table: sa.Table, record: RecordContract, contract: FeedContract) -> dict[str, sa.Column[Any]]:
    names = [*_landed_names(record, contract), *(record.column(name).source for name in record.key)]
    return {name: _find(table, name, contract) for name in names}


def _unmapped(table: sa.Table, record: RecordContract, contract: FeedContract) -> tuple[str, ...]:
    known = {column.source.lower() for column in record.columns} | {name.lower() for name in record.ignore}
    known |= {name.lower() for name in contract.change.cursor}
    left = [column.name for column in table.columns if column.name.lower() not in known]
    return tuple(f"column {name!r} of {table.fullname} is neither mapped nor ignored" for name in left)


def _is_unique(inspector: sa.Inspector, transport: DatabaseTransport, key: set[str]) -> bool:
    try:
        primary = inspector.get_pk_constraint(transport.table, schema=transport.schema_name)
    except (NotImplementedError, sa.exc.NoSuchTableError):
        return False
    constrained = set(primary.get("constrained_columns") or ())
    return bool(constrained) and constrained <= key


# ---- how a column lands -------------------------------------------------------------------------------------------


def _table_column(name: str, column: sa.Column[Any], record: RecordContract, dialect: str) -> TableColumn:
    native = _native(column.type, dialect)
    return TableColumn(
        name=name,
        column=column,
        native=native,
        odd=_odd(column, native, dialect),
        text=_as_text(column, dialect),
        total=_total(name, column.type, record, dialect),
    )


def _native(declared: sa.types.TypeEngine[Any], dialect: str) -> pa.DataType | None:
    if dialect == "sqlite":
        return pa.int64() if isinstance(declared, sa.Integer) else None
    if isinstance(declared, sa.Integer):
        return None if getattr(declared, "unsigned", False) else pa.int64()
    if isinstance(declared, sa.String) and not isinstance(declared, sa.Enum):
        return pa.string()
    return _native_postgres(declared) if dialect == "postgresql" else None


def _native_postgres(declared: sa.types.TypeEngine[Any]) -> pa.DataType | None:
    if isinstance(declared, sa.Boolean):
        return pa.bool_()
    if isinstance(declared, sa.DateTime):
        return pa.timestamp("us", "UTC" if declared.timezone else None)
    if isinstance(declared, sa.Date):
        return pa.date32()
    if isinstance(declared, sa.Numeric) and not isinstance(declared, sa.Float):
        return _decimal(declared.precision, declared.scale)
    return None


def _decimal(precision: int | None, scale: int | None) -> pa.DataType | None:
    if precision is None or scale is None or precision > 38 or not 0 <= scale <= precision:
        return None
    return pa.decimal128(precision, scale)


def _odd(column: sa.Column[Any], native: pa.DataType | None, dialect: str) -> sa.ColumnElement[bool] | None:
    if native is None:
        return None
    if dialect == "sqlite":
        return sa.func.typeof(column).not_in(["integer", "null"])
    if pa.types.is_decimal(native):
        return column == sa.literal_column("'NaN'::numeric")
    if pa.types.is_date(native):
        return sa.or_(column < sa.literal_column(f"'{_FIRST_DAY}'"), column > sa.literal_column(f"'{_LAST_DAY}'"))
    if pa.types.is_timestamp(native):
        # The session's time zone is UTC, so the literals mean UTC beside a column with a zone.
        return sa.or_(column < sa.literal_column(f"'{_FIRST_MOMENT}'"), column > sa.literal_column(f"'{_LAST_MOMENT}'"))
    return None


def _as_text(column: sa.Column[Any], dialect: str) -> sa.ColumnElement[Any]:
    """The column as the source itself writes it, where it can; else as it is, and `database_extract` writes it."""
    if dialect == "postgresql":
        return sa.cast(column, sa.Text)
    if dialect in ("mysql", "mariadb") and isinstance(column.type, sa.Date | sa.DateTime):
        return sa.cast(column, sa.CHAR(32))  # the drivers turn 0000-00-00 into NULL
    return column


def _total(name: str, declared: sa.types.TypeEngine[Any], record: RecordContract, dialect: str) -> str | None:
    """Contract column whose sum the source can state exactly, if `name` is one."""
    mapped = next((column for column in record.columns if column.source == name), None)
    if mapped is None or dialect == "sqlite" or isinstance(declared, sa.Float) or not isinstance(declared, sa.Numeric):
        return None
    plain = not mapped.sentinels and mapped.lookup is None and mapped.type.startswith("DECIMAL")
    return mapped.name if plain else None


def _bucket_key(columns: Sequence[TableColumn], record: RecordContract) -> TableColumn | None:
    mapped = record.column(record.key[0])
    column = next((c for c in columns if c.name == mapped.source), None)
    if column is None or column.native != pa.int64() or mapped.type not in _INTEGER_TYPES:
        return None
    return None if mapped.sentinels or mapped.lookup is not None else column


def _equals(column: sa.Column[Any], value: str, dialect: str) -> sa.ColumnElement[bool]:
    if dialect == "sqlite":  # the column's affinity decides there
        return sa.type_coerce(column, sa.String) == value
    return column == sa.cast(sa.literal(value, sa.String), column.type)


# ---- cursor -------------------------------------------------------------------------------------------------------


def _cursor(
    found: Mapping[str, sa.Column[Any]], contract: FeedContract, record: RecordContract, source: Source, dialect: str
) -> Cursor:
    names = contract.change.cursor
    kinds = {name: _cursor_kind(found[name], contract, dialect) for name in names}
    zones = {_zone(name, record, source) for name in names}
    if len(set(kinds.values())) > 1 or len(zones) > 1:
        raise ConfigurationError(
            f"the cursor columns {', '.join(names)} differ in type or time zone",
            location=f"feed {contract.feed}, change.cursor",
            hint="Name columns of one kind, or use change.mode snapshot",
        )
    return Cursor(tuple(found[name] for name in names), kinds[names[0]], ZoneInfo(zones.pop()))


def _cursor_kind(column: sa.Column[Any], contract: FeedContract, dialect: str) -> CursorKind:
    if isinstance(column.type, sa.DateTime):
        return "aware" if column.type.timezone else "naive"
    if isinstance(column.type, sa.Date):
        return "date"
    if dialect == "sqlite" and isinstance(column.type, sa.String):
        return "naive"
    raise ConfigurationError(
        f"cursor column {column.name} is {column.type}, neither a date nor a time: a counter has no bound below which "
        "every transaction is known to have committed",
        location=f"feed {contract.feed}, change.cursor",
        hint="Name a time of last change, or use change.mode snapshot",
    )


def _zone(name: str, record: RecordContract, source: Source) -> str:
    mapped: Column | None = next((column for column in record.columns if column.source == name), None)
    return (mapped.timezone if mapped else None) or source.timezone


def floor_cursor(cursor: Cursor, moment: datetime) -> str:
    """`moment` (UTC) as text in the cursor's own form, never later than any stamp taken from then on.

    Cut to the whole second (never rounded), because applications that stamp in whole seconds are common, whatever
    precision the column declares. A local clock that will be set back soon counts as set back already.
    """
    if cursor.kind == "aware":
        return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S+00")
    local = _lowest_local(moment, cursor.zone)
    return local.strftime("%Y-%m-%d" if cursor.kind == "date" else "%Y-%m-%d %H:%M:%S")


def _lowest_local(moment: datetime, zone: ZoneInfo) -> datetime:
    quarter = timedelta(minutes=15)
    start = moment.astimezone(UTC)
    edge = start.replace(minute=start.minute - start.minute % 15, second=0, microsecond=0)
    later = [edge + quarter * step for step in range(1, 97)]  # clocks change on a quarter of an hour
    return min(when.astimezone(zone).replace(tzinfo=None) for when in [start, *later])


def check_cursor_form(cursor: Cursor, stored: str) -> None:
    """Raise ContractViolation when the stored watermark is not of the form this cursor has."""
    if not _CURSOR_TEXT[cursor.kind].fullmatch(stored):
        raise ContractViolation(
            f"the cursor is now a {cursor.kind} value, the stored watermark is {stored!r}: its type has changed",
            hint="Start the feed again from a new baseline",
        )


# ---- statements ---------------------------------------------------------------------------------------------------


def changed_since(plan: TablePlan, cursor: Cursor, lo: str) -> sa.ColumnElement[bool]:
    """Rows whose first non-NULL cursor column is at or after `lo`, and rows that have none.

    Written without coalesce(), so that an index on a cursor column can serve.
    """
    condition: sa.ColumnElement[bool] = sa.true()
    for column in reversed(cursor.columns):
        condition = sa.or_(_at_or_after(plan.dialect, column, lo), sa.and_(column.is_(None), condition))
    return condition


def _at_or_after(dialect: str, column: sa.Column[Any], lo: str) -> sa.ColumnElement[bool]:
    if dialect != "sqlite":
        return column >= sa.cast(sa.literal(lo, sa.String), column.type)
    text = sa.type_coerce(column, sa.String)
    # SQLite compares text with text only, so what is no plain ISO stamp cannot be compared and is always read.
    plain = text.op("GLOB", return_type=sa.Boolean())("[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*")
    offset = sa.or_(text.op("GLOB")("*[+Zz]*"), text.op("GLOB")("*:*-*"))
    odd = sa.or_(sa.func.typeof(column) != "text", sa.not_(plain), offset)
    return sa.and_(column.is_not(None), sa.or_(text >= lo, odd))


def inside(plan: TablePlan, interval: Interval) -> sa.ColumnElement[bool]:
    """Rows whose first key column is in the half-open interval."""
    lo, hi = interval
    condition: sa.ColumnElement[bool] = sa.true()
    if plan.bucket_key is not None:
        column = plan.bucket_key.column
        condition = sa.and_(condition, column >= lo) if lo is not None else condition
        condition = sa.and_(condition, column < hi) if hi is not None else condition
    return condition


def count(connection: Connection, plan: TablePlan, where: sa.ColumnElement[bool]) -> Counted:
    """Rows, exact sums and odd columns of a window; run in the same snapshot as the extract."""
    odd = [column for column in plan.columns if column.odd is not None]
    totals = [column for column in plan.columns if column.total is not None]
    statement = sa.select(
        sa.func.count(),
        *(sa.func.max(sa.case((column.odd, 1), else_=0)) for column in odd if column.odd is not None),
        *(sa.cast(sa.func.sum(column.column), _text_type(plan.dialect)) for column in totals),
    ).select_from(plan.table)
    row = list(connection.execute(statement.where(where, *plan.filters)).one())
    flags, sums = row[1 : 1 + len(odd)], row[1 + len(odd) :]
    return Counted(
        rows=int(row[0]),
        totals={str(c.total): str(s) for c, s in zip(totals, sums, strict=True) if s is not None and _is_number(s)},
        odd=frozenset(column.name for column, flag in zip(odd, flags, strict=True) if flag),
    )


def _text_type(dialect: str) -> sa.types.TypeEngine[str]:
    return sa.Text() if dialect == "postgresql" else sa.String(80)


def _is_number(text: object) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?", str(text)) is not None


def landed_type(column: TableColumn, odd: frozenset[str]) -> pa.DataType:
    """Arrow type of a column in the landed file."""
    return column.native if column.native is not None and column.name not in odd else pa.string()


def extract(plan: TablePlan, where: sa.ColumnElement[bool], odd: frozenset[str]) -> Rows:
    """The rows of a window in an order that depends on nothing but their content."""
    values = [(column.column if landed_type(column, odd) == column.native else column.text) for column in plan.columns]
    # NullType: the driver's own values, no conversion by SQLAlchemy (which rounds SQLite decimals).
    shown = [sa.type_coerce(value, sa.types.NullType()).label(f"c{n}") for n, value in enumerate(values)]
    order = list(plan.key) if plan.key_is_unique else [*plan.key, *(column.text for column in plan.columns)]
    statement = sa.select(*shown)
    return statement.select_from(plan.table).where(where, *plan.filters).order_by(*order)


def newest_cursor(connection: Connection, plan: TablePlan, cursor: Cursor) -> str | None:
    """The greatest value of any cursor column, as text in the cursor's form; None for a table without one."""
    newest = [connection.execute(_newest(plan, cursor, column, 1)).scalar() for column in cursor.columns]
    return max((str(value) for value in newest if value is not None), default=None)


def cursor_floor(connection: Connection, plan: TablePlan, cursor: Cursor) -> str | None:
    """A cursor value that the source must not fall below later: that of its 20th newest row, or of the middle one.

    Not that of the newest: one hard delete would look like a source restored from a backup.
    """
    changed = sa.func.coalesce(*cursor.columns) if len(cursor.columns) > 1 else cursor.columns[0]
    rows = sa.select(sa.func.count()).select_from(plan.table)
    known = connection.execute(rows.where(*_comparable(plan.dialect, changed), *plan.filters)).scalar_one()
    if not known:
        return None
    newest = connection.execute(_newest(plan, cursor, changed, min(20, known // 2 + 1))).scalars()
    return str(list(newest)[-1])


def _newest(plan: TablePlan, cursor: Cursor, value: sa.ColumnElement[Any], rows: int) -> sa.Select[Any]:
    text = _cursor_text(plan.dialect, cursor, value)
    where = [*_comparable(plan.dialect, value), *plan.filters]
    return sa.select(text).select_from(plan.table).where(*where).order_by(value.desc()).limit(rows)


def _comparable(dialect: str, value: sa.ColumnElement[Any]) -> list[sa.ColumnElement[bool]]:
    """Conditions of a cursor value whose text sorts as the value does: no infinity, no year of five digits."""
    if dialect == "sqlite":
        return [sa.type_coerce(value, sa.String).op("GLOB")("[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*")]
    known: list[sa.ColumnElement[bool]] = [value.is_not(None)]
    if dialect == "postgresql":
        known += [value >= sa.literal_column(f"'{_FIRST_MOMENT}'"), value <= sa.literal_column(f"'{_LAST_MOMENT}'")]
    return known


def _cursor_text(dialect: str, cursor: Cursor, value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    if dialect == "sqlite":
        return sa.type_coerce(value, sa.String)
    if dialect != "postgresql":
        return sa.cast(value, sa.String(32))
    return sa.func.to_char(value, "YYYY-MM-DD" if cursor.kind == "date" else "YYYY-MM-DD HH24:MI:SS.US")
