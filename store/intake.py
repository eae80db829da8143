"""Intake: per shape, one relation over everything that supplies it, whatever the source system.

Here: shapes, finding their suppliers (feed contracts and pack SQL), the views of schema `intake`, the same as of
a time, and when they changed. Not here: staged tables (`store.feed_tables`), what is made of an intake
(`mastering`, `assets/conformed`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import duckdb
import sqlglot
from pydantic import Field, ValidationError, model_validator
from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from connectors.contract import Constant, FeedContract, Model, Supplies
from connectors.errors import ConfigurationError
from connectors.yaml_file import load_yaml
from store.feed_tables import CLOSING_COLUMNS, FeedTable, ensure_tables, feed_tables
from store.working import literal, quote, sql

#: Columns that every intake view has beside its own, with their types.
META_COLUMNS: Mapping[str, str] = {
    "source_system": "VARCHAR",
    "source_key": "VARCHAR",
    "_delivery_id": "VARCHAR",
    "_source_row_no": "BIGINT",
    "_change_seq": "BIGINT",
    "_valid_from": "TIMESTAMPTZ",
    "_is_deleted": "BOOLEAN",
}
#: Columns that pack SQL must yield (`source_system` is put in).
_REQUIRED = frozenset(META_COLUMNS) - {"source_system"}

#: source -> (system, feed -> contract): what a network enables.
Enabled = Mapping[str, tuple[str, Mapping[str, FeedContract]]]


class ShapeColumn(Model):
    """One canonical column. `references`: master domain whose intake key it holds.

    `local_of`: the column of times whose day, in the time zone of the source, this is where the source names no day.
    `of_site`: what the network file says of a source that belongs to one facility, where its rows say nothing.
    """

    type: str = "VARCHAR"
    description: str = Field(min_length=1)
    required: bool = False
    references: str | None = None
    local_of: str | None = None
    of_site: Literal["facility", "timezone"] | None = None


class Shape(Model):
    """What a kind of row looks like, whichever source it comes from. `grain`: what one row is."""

    name: str
    grain: str
    columns: dict[str, ShapeColumn]

    @model_validator(mode="after")
    def _days_are_of_times(self) -> Shape:
        for name, column in self.columns.items():
            of = self.columns.get(column.local_of) if column.local_of else None
            if column.local_of and (of is None or (column.type, of.type) != ("DATE", "TIMESTAMPTZ")):
                raise ValueError(f"{name}: local_of makes a DATE of a TIMESTAMPTZ column, {column.local_of} is none")
        return self

    @property
    def all_columns(self) -> dict[str, str]:
        """Name -> type of every column of the intake view."""
        return {"source_system": "VARCHAR", "source_key": "VARCHAR"} | {
            **{name: column.type for name, column in self.columns.items()},
            **{name: kind for name, kind in META_COLUMNS.items() if name.startswith("_")},
        }


@dataclass(frozen=True, slots=True)
class Site:
    """What the network file says of a source: IANA time zone of its days, the facility that all of it belongs to."""

    timezone: str = "UTC"
    facility: str | None = None

    def says(self, what: Literal["facility", "timezone"] | None) -> str | None:
        """Its facility or time zone; nothing of a source of many facilities, whose zone is that of none of them."""
        return getattr(self, what) if what and self.facility else None


@dataclass(frozen=True, slots=True)
class _Part:
    """A stretch of pack SQL: text, or (where `table` is set) a staged table to be put in."""

    text: str
    table: FeedTable | None = None


@dataclass(frozen=True, slots=True)
class Supplier:
    """One relation that supplies a shape: of one source, from a contract or a pack file.

    `origin`: what a person opens to see it. `tables`: the staged tables it reads. `columns`: what it yields.
    """

    source: str
    shape: str
    origin: str
    columns: tuple[str, ...]
    parts: tuple[_Part, ...]

    @property
    def tables(self) -> tuple[FeedTable, ...]:
        """The staged tables it reads."""
        return tuple(part.table for part in self.parts if part.table is not None)

    def relation(self, as_of: datetime | None) -> str:
        """Its SQL, over the current rows or over those of a time."""
        return "".join(part.text if part.table is None else _staged(part.table, as_of) for part in self.parts)


def load_shapes(*folders: Path) -> dict[str, Shape]:
    """Shapes by name, from files with `intake:` and `columns:`, or `domain:`, `attributes:` and `identifiers:`.

    Raises ConfigurationError naming the file.
    """
    shapes: dict[str, Shape] = {}
    for file in sorted(file for folder in folders for file in folder.glob("*.yml")):
        shape = _load_shape(file)
        if shape.name in shapes:
            raise ConfigurationError(f"shape {shape.name} is defined twice", location=str(file))
        shapes[shape.name] = shape
    return shapes


def _load_shape(file: Path) -> Shape:
    try:
        fields = load_yaml(file)
        if "domain" in fields:
            columns = {name: _column(column) for name, column in fields["attributes"].items()}
            # An identifier is text before it is checked.
            columns |= {name: _column(column) | {"type": "VARCHAR"} for name, column in fields["identifiers"].items()}
            return Shape(name=fields["domain"], grain=f"one row per {fields['domain']} of a source", columns=columns)
        return Shape(name=fields["intake"], grain=fields["grain"], columns=fields["columns"])
    except (ValidationError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"the shape cannot be read: {error}", location=str(file)) from error


def _column(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Of a domain's column what a shape knows; the rest is for mastering."""
    return {name: fields[name] for name in ("type", "description", "references", "of_site") if name in fields}


class Intake:
    """Every shape of a network with its suppliers.

    `sites`: what the network file says of each source.

    `notices`: pack files that were left out, and why. Raises ConfigurationError for a supplier that yields unknown
    columns, lacks mandatory ones, or supplies a shape that does not exist.
    """

    def __init__(
        self,
        shapes: Mapping[str, Shape],
        enabled: Enabled,
        feeds_dir: Path,
        sites: Mapping[str, Site] = MappingProxyType({}),
    ) -> None:
        self.shapes = shapes
        self._enabled = enabled
        self._sites = sites
        self.notices: list[str] = []
        self.suppliers: dict[str, list[Supplier]] = {name: [] for name in shapes}
        for source, (system, feeds) in sorted(enabled.items()):
            for supplier in [*_from_contracts(source, feeds), *self._from_packs(source, feeds, feeds_dir / system)]:
                self._add(supplier)

    def _from_packs(self, source: str, feeds: Mapping[str, FeedContract], folder: Path) -> list[Supplier]:
        tables = {
            table.name.removeprefix(f"{source}__"): table
            for contract in feeds.values()
            for table in feed_tables(contract, source)
        }
        found = []
        for file in sorted(folder.glob("*.sql")):
            supplier, missing = _from_pack(file, source, tables)
            if missing:
                names = ", ".join(missing)
                self.notices.append(f"{source}: {file.parent.name}/{file.name} is left out, it needs the feeds {names}")
            else:
                found.append(supplier)
        return found

    def _add(self, supplier: Supplier) -> None:
        shape = self.shapes.get(supplier.shape)
        if shape is None:
            known = ", ".join(sorted(self.shapes))
            raise ConfigurationError(
                f"there is no shape {supplier.shape}", location=supplier.origin, hint=f"Known shapes: {known}"
            )
        unknown = sorted(set(supplier.columns) - set(shape.all_columns))
        missing = sorted(_REQUIRED - set(supplier.columns))
        for names, what in ((unknown, "is not a column of the shape"), (missing, "is missing")):
            if names:
                raise ConfigurationError(f"{shape.name}: {', '.join(names)} {what}", location=supplier.origin)
        self.suppliers[shape.name].append(supplier)

    def depends_on(self, shape: str) -> tuple[tuple[str, str], ...]:
        """(source, feed) of every feed that supplies a shape, directly or in a join."""
        names = {table.name for supplier in self.suppliers[shape] for table in supplier.tables}
        return tuple(
            sorted(
                (source, feed)
                for source, (_, feeds) in self._enabled.items()
                for feed, contract in feeds.items()
                if any(table.name in names for table in feed_tables(contract, source))
            )
        )

    def create_views(self, con: duckdb.DuckDBPyConnection) -> None:
        """Create one view per shape in schema `intake`, and the staged tables they need where nothing is staged yet.

        Raises ConfigurationError where a supplier does not fit the tables (a wrong column in pack SQL, or a contract
        that changed and is not staged under its new form yet).
        """
        for source, (_, feeds) in self._enabled.items():
            for contract in feeds.values():
                ensure_tables(con, contract, source)
        for name in self.shapes:
            try:
                con.execute(f"CREATE OR REPLACE VIEW {quote('intake', name)} AS {self.intake_sql(name)}")
            except (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException) as error:
                raise self._misfit(con, name, error) from error

    def _misfit(self, con: duckdb.DuckDBPyConnection, shape: str, error: Exception) -> ConfigurationError:
        """The error of the first supplier of a shape that cannot be bound."""
        for supplier in self.suppliers[shape]:
            try:
                con.execute(f"DESCRIBE {self._shaped(shape, supplier, None)}").fetchall()
            except duckdb.Error as cause:
                return ConfigurationError(
                    f"the supplier of {shape} does not fit the staged tables of {supplier.source}: {cause}",
                    location=supplier.origin,
                    hint="Correct it; if a contract has just changed, stage its feed first",
                )
        return ConfigurationError(f"the suppliers of {shape} do not fit together: {error}", location=shape)

    def intake_sql(self, shape: str, as_of: datetime | None = None) -> str:
        """SELECT of a shape's rows: as they are, or (aware time) as they stood. Columns as in the view."""
        parts = [self._shaped(shape, supplier, as_of) for supplier in self.suppliers[shape]]
        return "\nUNION ALL\n".join(parts) or _empty(self.shapes[shape])

    def _shaped(self, shape: str, supplier: Supplier, as_of: datetime | None) -> str:
        return _shaped(self.shapes[shape], supplier, as_of, self._sites.get(supplier.source, Site()))

    def change_points(self, con: duckdb.DuckDBPyConnection, shape: str, since_seq: int) -> list[datetime]:
        """Moments (UTC, ascending) at which a row that supplies the shape was opened or closed after `since_seq`.

        A moment may lie before ones that were reported earlier: a late delivery changes the past.
        """
        tables = {table.name: table for supplier in self.suppliers[shape] for table in supplier.tables}
        if not tables:
            return []
        queries = [query for table in tables.values() for query in _changes(table)]
        rows = con.execute(
            f"SELECT DISTINCT moment FROM ({' UNION ALL '.join(queries)}) ORDER BY moment", {"since": since_seq}
        ).fetchall()
        return [row[0] for row in rows]

    def confirmed(self, con: duckdb.DuckDBPyConnection, shape: str) -> list[tuple[str, datetime, datetime]]:
        """(source, since, confirmed): from `since` on all that the source says of the shape is known to be what it said
        at `confirmed`, because every feed that supplies it has delivered everything (a snapshot) since then.

        What a snapshot refuses of a row that stands is in quarantine; it counts as confirmed with the others.
        """
        feeds = [".".join(feed) for feed in self.depends_on(shape)]
        return con.execute(sql("confirmed"), {"feeds": feeds}).fetchall()


def newest_as_of(con: duckdb.DuckDBPyConnection) -> datetime | None:
    """The newest moment that the data is of: the as-of of the newest delivery that was taken, of whatever feed."""
    query = "SELECT max(as_of_ts) FROM ops.delivery WHERE state <> 'quarantined'"
    newest: list[datetime | None] = [row[0] for row in con.execute(query).fetchall()]
    return newest[0]


def _changes(table: FeedTable) -> tuple[str, ...]:
    return (
        f"SELECT _valid_from AS moment FROM {table.staged} WHERE _change_seq > $since",
        f"SELECT _valid_from FROM {table.history} WHERE _change_seq > $since",
        f"SELECT _valid_to FROM {table.history} WHERE _change_seq_to > $since",
    )


# -- suppliers --------------------------------------------------------------------------------------


def _from_contracts(source: str, feeds: Mapping[str, FeedContract]) -> list[Supplier]:
    """The `supplies:` blocks of a source's contracts."""
    return [
        _from_contract(contract, table, supplies)
        for _, contract in sorted(feeds.items())
        for table in feed_tables(contract, source)
        for supplies in table.contract.supplies
    ]


def _from_contract(contract: FeedContract, table: FeedTable, supplies: Supplies) -> Supplier:
    given: dict[str, str] = {
        name: literal(value.const) if isinstance(value, Constant) else quote(value)
        for name, value in supplies.columns.items()
    }
    meta = {name: quote(name) for name in sorted(_REQUIRED) if name.startswith("_")} | {"source_key": '"_source_key"'}
    columns = meta | given
    chosen = ", ".join(f"{value} AS {quote(name)}" for name, value in columns.items())
    return Supplier(
        source=table.source,
        shape=supplies.intake,
        origin=f"feeds/{contract.system}/{contract.feed}.yml, record {table.record}, supplies {supplies.intake}",
        columns=tuple(columns),
        parts=(_Part(f"SELECT {chosen} FROM "), _Part("", table)),
    )


def _from_pack(file: Path, source: str, tables: Mapping[str, FeedTable]) -> tuple[Supplier, list[str]]:
    """A pack file (`<shape>.sql` or `<shape>__<anything>.sql`) for one source, and the feeds it lacks there."""
    text = file.read_text(encoding="utf-8").rstrip().removesuffix(";")
    origin = f"{file.parent.parent.name}/{file.parent.name}/{file.name}"
    try:
        parts, missing = _split(text, tables)
        columns = tuple(_selects(sqlglot.parse_one(text, read="duckdb")))
    except sqlglot.errors.SqlglotError as error:
        raise ConfigurationError(f"the SQL cannot be parsed: {error}", location=origin) from error
    if "*" in columns:
        raise ConfigurationError("SELECT * at the end of pack SQL", location=origin, hint="Name the columns")
    return Supplier(source, file.stem.split("__")[0], origin, columns, tuple(parts)), missing


def _selects(statement: exp.Expr) -> list[str]:
    """Names of the columns a statement yields; none where it is no query."""
    return statement.named_selects if isinstance(statement, exp.Query) else []


def _split(text: str, tables: Mapping[str, FeedTable]) -> tuple[list[_Part], list[str]]:
    """Pack SQL cut at its references to `staged.<feed>`; the names that are no table of the source.

    Cut by tokens, so that nothing else of the author's text is touched.
    """
    tokens = sqlglot.tokenize(text, read="duckdb")
    parts: list[_Part] = []
    missing: list[str] = []
    done = 0
    for at in range(len(tokens) - 2):
        schema, dot, name = tokens[at : at + 3]
        if schema.text.lower() != "staged" or dot.token_type != TokenType.DOT:
            continue
        if name.text not in tables:
            missing.append(name.text)
            continue
        follows = tokens[at + 3] if at + 3 < len(tokens) else None
        alias = "" if _is_alias(follows) else f" AS {quote(name.text)}"
        parts += [_Part(text[done : schema.start]), _Part("", tables[name.text]), _Part(alias)]
        done = name.end + 1
    return [*parts, _Part(text[done:])], sorted(set(missing))


def _is_alias(token: Token | None) -> bool:
    return token is not None and token.token_type in (TokenType.ALIAS, TokenType.VAR, TokenType.IDENTIFIER)


# -- SQL --------------------------------------------------------------------------------------------


def _staged(table: FeedTable, as_of: datetime | None) -> str:
    """A staged table, or its rows as they stood at a time."""
    if as_of is None:
        return table.staged
    moment = f"TIMESTAMPTZ {literal(as_of.astimezone(UTC).isoformat(sep=' ', timespec='microseconds'))}"
    closing = ", ".join(CLOSING_COLUMNS)
    return (
        f"(SELECT * FROM {table.staged} WHERE _valid_from <= {moment} UNION ALL BY NAME "
        f"SELECT * EXCLUDE ({closing}) FROM {table.history} WHERE _valid_from <= {moment} AND _valid_to > {moment})"
    )


def _shaped(shape: Shape, supplier: Supplier, as_of: datetime | None, site: Site) -> str:
    """A supplier's rows with exactly the shape's columns and types; what it does not yield is NULL."""
    given = set(supplier.columns)
    values = {
        name: f"CAST({_value(name, supplier.source, given)} AS {kind})" for name, kind in shape.all_columns.items()
    }
    of_site = {
        name: f"coalesce({values[name]}, {literal(said)})"
        for name, column in shape.columns.items()
        if (said := site.says(column.of_site)) is not None
    }
    # Days of times are made here, and not in the tables' portable SQL: engines differ in what a zone does to a time.
    days = {
        name: f"coalesce({values[name]}, CAST(timezone({literal(site.timezone)}, {values[column.local_of]}) AS DATE))"
        for name, column in shape.columns.items()
        if column.local_of in given
    }
    columns: Sequence[str] = [f"{value} AS {quote(name)}" for name, value in (values | of_site | days).items()]
    return f"SELECT {', '.join(columns)} FROM (\n{supplier.relation(as_of)}\n) AS p"


def _value(name: str, source: str, given: set[str]) -> str:
    if name == "source_system":
        return literal(source)
    return f"p.{quote(name)}" if name in given else "NULL"


def _empty(shape: Shape) -> str:
    columns = (f"CAST(NULL AS {kind}) AS {quote(name)}" for name, kind in shape.all_columns.items())
    return f"SELECT {', '.join(columns)} WHERE FALSE"
