"""What each published table promises: `TablePromise`, read from `expectations/tables/<table>.yml`.

Here: the model, its own consistency rules, loading with file:line:column errors, and the pure text
functions that say *what to recompute* (`changed_keys_sql`, `driver_substituted`, `inputs`). Not here:
running any SQL (`store.publish`), checking data (`expectations.gate`), DDL (`expectations.ddl`).

Building a table (`build:`)
---------------------------
``full``: the SQL of `assets/conformed/<table>.sql` replaces the whole table whenever one of its
`inputs()` holds a row with ``_change_seq > since``.

``copied``: no SQL; the table is copied by column name from where `source` says (working, control or
publisher).

``incremental``: the table is a row-wise function of one *driver* relation and of what its rows look up.
With ``since`` = built_through_seq of the version that is being carried on:

1. *changed keys* = `changed_keys_sql(promise)` with the parameter ``$since``: the `driver_key` values of
   a. driver rows with ``_change_seq > since``;
   b. driver rows whose (source_system, column) is a source key in ``master.xref_<domain>`` with a row
      ``_change_seq > since``, for every ``column: domain`` of `resolves`;
   c. driver rows that depend through a column on a row of an `also` relation with
      ``_change_seq > since``. An `also` relation either names source keys of the domain (`column`) or
      golden ids (no `column`: it has the domain's ``<domain>_sk``). The driver rows meant are those with
      that very source key, and those with any source key that the crosswalk (open or closed rows)
      has under the same golden id. That is how a unit conversion of one hospital reaches the rows of
      another that buys the same item. Ids below 1 (unknown, unresolved) bind nothing together;
   d. all driver rows equal in source_system and in the `siblings` columns to a row of a, b or c
      (for tables whose SQL has a window over such a group). `siblings` must be a function of
      the key, so that a row never changes its group.
2. The publisher deletes the rows of the candidate whose `key` columns are among the changed keys
   (`key` and `driver_key` are in the same order).
3. It makes a temporary table ``delta`` of the driver rows with changed keys, all columns, and inserts the rows of
   ``driver_substituted(sql, promise.build.driver, "delta")``. The SQL therefore names its driver relation
   exactly once, as a plain table, and everything else that it reads is a lookup.

Keys that vanish from the driver altogether (not tombstoned) are not seen by this: staging keeps
tombstones, and where it cannot (a rewind that takes a key back for good) the table is built in full.
Session time zone must be UTC while the SQL runs: casts of a TIMESTAMPTZ to DATE or text follow it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

import sqlglot
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from sqlglot import exp

from connectors.errors import ConfigurationError
from connectors.yaml_file import load_yaml, place_of

Severity = Literal["error", "warn"]
Name = Annotated[str, Field(pattern=r"^_?[a-z][a-z0-9_]*$")]
Relation = Annotated[str, Field(pattern=r"^(intake|master|ops)\.[a-z][a-z0-9_]*$")]
Domain = Literal["item", "supplier", "location", "gl_account", "cost_centre", "contract"]

_TYPES = re.compile(
    r"^(VARCHAR|BOOLEAN|SMALLINT|INTEGER|BIGINT|DATE|TIME|TIMESTAMP WITH TIME ZONE|DECIMAL\(\d{1,2},\d{1,2}\))$"
)


class Model(BaseModel):
    """Base of every YAML model here: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(Model):
    """One published column. `type` is DuckDB's own spelling; there is no floating type.

    `unit`: of a measure ("base unit of the item", "currency_code", "days"). `source`: where the value
    comes from, for the data dictionary.
    """

    name: Name
    type: str = Field(pattern=_TYPES.pattern)
    description: str = Field(min_length=1)
    nullable: bool = True
    unit: str | None = None
    source: str | None = None


class Reference(Model):
    """Every value of `columns` is a value of `to` in `table` (of the same schema)."""

    columns: tuple[Name, ...] = Field(min_length=1)
    table: Name
    to: tuple[Name, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _same_width(self) -> Reference:
        if len(self.columns) != len(self.to):
            raise ValueError("columns and to must be of the same number")
        return self


class Also(Model):
    """One more relation whose changes make driver rows stale; see the module's text, 1c.

    `through`: the driver's columns that hold keys of `domain`. `column`: the relation's column that
    holds a source key of `domain`; absent where it holds golden ids.
    """

    relation: Relation
    domain: Domain
    through: tuple[Name, ...] = Field(min_length=1)
    column: Name | None = None


class Build(Model):
    """How the table is kept up to date; the module's text has the exact meaning."""

    mode: Literal["full", "incremental", "copied"]
    driver: Relation | None = None
    driver_key: tuple[Name, ...] = ()
    key: tuple[Name, ...] = ()
    resolves: dict[Name, Domain] = Field(default_factory=dict)
    also: tuple[Also, ...] = ()
    siblings: tuple[Name, ...] = ()
    source: str | None = Field(default=None, description="copied: working, control or publisher")

    @model_validator(mode="after")
    def _parts_of_the_mode(self) -> Build:
        incremental = (self.driver, self.driver_key, self.key)
        if self.mode == "incremental" and not all(incremental):
            raise ValueError("incremental needs driver, driver_key and key")
        if self.mode != "incremental" and (any(incremental) or self.resolves or self.also or self.siblings):
            raise ValueError(f"driver, driver_key, key, resolves, also and siblings are not for mode {self.mode}")
        if len(self.driver_key) != len(self.key):
            raise ValueError("driver_key and key must be of the same number")
        if (self.mode == "copied") != (self.source is not None):
            raise ValueError("source is for mode copied, and needed there")
        return self


class Expectation(Model):
    """One promise about the rows, beyond key, NOT NULL and references, which are checked anyway.

    `type` and what goes with it:
    - ``in_set``: `column` is NULL or one of `values`
    - ``between``: `column` is NULL or within `min` and `max` (inclusive; either may be absent)
    - ``unique``: `columns` together are unique
    - ``no_rows``: no row satisfies the SQL condition `where` over the table's own columns
    - ``query``: the SELECT `sql` returns no row; it may join other published tables by bare name of the schema
    `max_share`: part of the table's rows (0 to 1) that may break the promise before it counts as broken.
    """

    type: Literal["in_set", "between", "unique", "no_rows", "query"]
    name: Name
    description: str = Field(min_length=1)
    severity: Severity
    column: Name | None = None
    columns: tuple[Name, ...] = ()
    values: tuple[str, ...] = ()
    min: str | int | None = None
    max: str | int | None = None
    where: str | None = None
    sql: str | None = None
    max_share: float = Field(default=0, ge=0, lt=1)

    @model_validator(mode="after")
    def _parts_of_the_type(self) -> Expectation:
        given = {
            "in_set": self.column and self.values,
            "between": self.column and (self.min is not None or self.max is not None),
            "unique": self.columns,
            "no_rows": self.where,
            "query": self.sql,
        }
        if not given[self.type]:
            raise ValueError(f"expectation {self.name}: type {self.type} lacks what it needs (see Expectation)")
        return self


class Freshness(Model):
    """How old the newest `column` may be (hours) before the table counts as stale."""

    column: Name
    max_age_hours: int = Field(ge=1)


class TablePromise(Model):
    """Everything one published table promises. `table` is also the file's name."""

    table: Name
    schema_name: Literal["conformed", "ops"] = Field(alias="schema")
    description: str = Field(min_length=1)
    grain: str = Field(min_length=1)
    columns: tuple[Column, ...] = Field(min_length=1)
    key: tuple[Name, ...] = Field(min_length=1)
    references: tuple[Reference, ...] = ()
    freshness: Freshness | None = None
    build: Build
    expectations: tuple[Expectation, ...] = ()

    @model_validator(mode="after")
    def _names_agree(self) -> TablePromise:
        names = [column.name for column in self.columns]
        for label, values in (("column", names), ("expectation", [e.name for e in self.expectations])):
            twice = sorted({value for value in values if values.count(value) > 1})
            if twice:
                raise ValueError(f"{label} {', '.join(twice)} is given twice")
        unknown = sorted(set(self._named_columns()) - set(names))
        if unknown:
            raise ValueError(f"{', '.join(unknown)} is not among the columns")
        nullable = [c.name for c in self.columns if c.name in self.key and c.nullable]
        if nullable:
            raise ValueError(f"key column {', '.join(nullable)} must not be nullable")
        return self

    def _named_columns(self) -> Iterator[str]:
        yield from self.key
        yield from self.build.key
        for reference in self.references:
            yield from reference.columns
        for expectation in self.expectations:
            yield from expectation.columns
            if expectation.column:
                yield expectation.column
        if self.freshness:
            yield self.freshness.column

    @property
    def qualified(self) -> str:
        """`schema.table`, as an analyst writes it."""
        return f"{self.schema_name}.{self.table}"

    @property
    def column_names(self) -> tuple[str, ...]:
        """Column names in published order."""
        return tuple(column.name for column in self.columns)


# -- loading ---------------------------------------------------------------------------------------------


def load_promises(folder: Path) -> dict[str, TablePromise]:
    """Every `<table>.yml` of `folder`, by table name, sorted.

    Raises ConfigurationError (location file:line:column, key the YAML path) at the first file that is wrong,
    or where a reference names a table or column that no promise has.
    """
    promises = {path.stem: load_promise(path) for path in sorted(folder.glob("*.yml"))}
    for name, promise in promises.items():
        _check_references(folder / f"{name}.yml", promise, promises)
    return promises


def load_promise(path: Path) -> TablePromise:
    """One promise file. Raises ConfigurationError as `load_promises` does."""
    data = load_yaml(path)
    try:
        promise = TablePromise.model_validate(data)
    except ValidationError as error:
        raise _located(path, error) from error
    if promise.table != path.stem:
        raise ConfigurationError(
            f"table {promise.table!r} is in a file of another name",
            location=f"{path}:1:1",
            key="table",
            hint=f"Rename the file to {promise.table}.yml",
        )
    return promise


def _located(path: Path, error: ValidationError) -> ConfigurationError:
    first = error.errors()[0]
    line, column = place_of(path, first["loc"])
    return ConfigurationError(
        first["msg"],
        location=f"{path}:{line}:{column}",
        key=".".join(str(part) for part in first["loc"]) or None,
        hint="The keys of a promise are described in expectations/promise.py",
    )


def _check_references(path: Path, promise: TablePromise, promises: Mapping[str, TablePromise]) -> None:
    for reference in promise.references:
        target = promises.get(reference.table)
        missing = set(reference.to) - set(target.column_names) if target else {reference.table}
        if missing:
            raise ConfigurationError(
                f"references {reference.table}({', '.join(reference.to)}): no such {', '.join(sorted(missing))}",
                location=str(path),
                key="references",
            )


# -- what to recompute: text only ------------------------------------------------------------------------


def inputs(sql: str) -> frozenset[str]:
    """The relations (`schema.name`) that a SELECT reads. CTE names are not relations."""
    tables = sqlglot.parse_one(sql, read="duckdb").find_all(exp.Table)
    return frozenset(f"{table.db}.{table.name}" for table in tables if table.db)


def driver_substituted(sql: str, driver: str, replacement: str) -> str:
    """`sql` (DuckDB) reading the bare table `replacement` in place of the relation `driver`.

    The alias is kept; where there was none, the relation's own name becomes the alias, so that
    `po_line.po_no` still means something. Raises ConfigurationError unless `sql` names `driver` exactly once.
    """
    tree = sqlglot.parse_one(sql, read="duckdb")
    found = [table for table in tree.find_all(exp.Table) if f"{table.db}.{table.name}" == driver]
    if len(found) != 1:
        raise ConfigurationError(
            f"the SQL names its driver {driver} {len(found)} times",
            key=driver,
            hint="An incremental table's SQL reads its driver once, as a plain table",
        )
    alias = found[0].alias or found[0].name
    found[0].replace(exp.alias_(exp.to_table(replacement, dialect="duckdb"), alias, table=True))
    return tree.sql(dialect="duckdb")


def changed_keys_sql(promise: TablePromise) -> str:
    """SELECT of the distinct driver keys to recompute since the parameter `$since` (a _change_seq).

    Columns: `driver_key`, in order. Only for mode incremental; the module's text says which keys.
    """
    build = promise.build
    if build.mode != "incremental":
        raise ValueError(f"{promise.qualified} is not built incrementally")
    stale = {column: _stale_keys(build, column) for column in _key_columns(build)}
    ctes = [f"stale_{column} AS ({query})" for column, query in stale.items()]
    tests = ["d._change_seq > $since"] + [
        f"(d.source_system, d.{column}) IN (SELECT source_system, source_key FROM stale_{column})" for column in stale
    ]
    columns = ", ".join(f"d.{column}" for column in build.driver_key)
    if not build.siblings:
        known = f"WITH {', '.join(ctes)} " if ctes else ""
        return f"{known}SELECT DISTINCT {columns} FROM {build.driver} AS d WHERE {' OR '.join(tests)}"
    group = ("source_system", *build.siblings)
    groups = ", ".join(f"d.{column}" for column in group)
    ctes.append(f"stale_group AS (SELECT DISTINCT {groups} FROM {build.driver} AS d WHERE {' OR '.join(tests)})")
    # NULL is a group of its own, so plain equality will not do.
    same = " AND ".join(f"d.{column} IS NOT DISTINCT FROM g.{column}" for column in group)
    chosen = f"SELECT DISTINCT {columns} FROM {build.driver} AS d INNER JOIN stale_group AS g ON {same}"
    return f"WITH {', '.join(ctes)} {chosen}"


def _key_columns(build: Build) -> list[str]:
    """The driver's columns that hold keys into a domain, each once."""
    return list(dict.fromkeys([*build.resolves, *(column for also in build.also for column in also.through)]))


def _stale_keys(build: Build, column: str) -> str:
    """Source keys whose driver rows (through `column`) are stale."""
    parts = []
    if column in build.resolves:
        parts.append(f"SELECT source_system, source_key FROM master.xref_{build.resolves[column]} {_SINCE}")
    for also in build.also:
        if column in also.through:
            parts += _also_keys(also)
    return " UNION ".join(parts)


_SINCE = "WHERE _change_seq > $since"


def _also_keys(also: Also) -> list[str]:
    xref, sk = f"master.xref_{also.domain}", f"{also.domain}_sk"
    if also.column is None:
        ids = f"SELECT {sk} FROM {also.relation} {_SINCE} AND {sk} > 0"
        return [f"SELECT source_system, source_key FROM {xref} WHERE {sk} IN ({ids})"]
    direct = f"SELECT source_system, {also.column} AS source_key FROM {also.relation} {_SINCE}"
    ids = (
        f"SELECT x.{sk} FROM {also.relation} AS r INNER JOIN {xref} AS x"
        f" ON r.source_system = x.source_system AND r.{also.column} = x.source_key"
        f" WHERE r._change_seq > $since AND x.{sk} > 0"
    )
    return [direct, f"SELECT source_system, source_key FROM {xref} WHERE {sk} IN ({ids})"]
