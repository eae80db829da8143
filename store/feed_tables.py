"""The staged and history tables of a feed: names, columns, creation, taking versions back.

Here: what a feed's tables look like and the statements that need nothing but them. Not here: what is put into
them (`store.apply`), in which order (`store.staging`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from connectors.contract import FeedContract, RecordContract
from connectors.interface import ROW_NO
from store.working import any_row, literal, quote, sql

#: Columns of every staged table after the contract's own, with their types.
META_COLUMNS: Mapping[str, str] = {
    "_source_system": "VARCHAR",
    "_source_key": "VARCHAR",
    "_delivery_id": "VARCHAR",
    ROW_NO: "BIGINT",
    "_row_hash": "UBIGINT",
    "_valid_from": "TIMESTAMPTZ",
    "_seq_from": "VARCHAR",
    "_change_seq": "BIGINT",
    "_is_deleted": "BOOLEAN",
}
#: Further columns of history tables. `_change_seq` is that of the opening, `_change_seq_to` that of the closing.
CLOSING_COLUMNS: Mapping[str, str] = {"_valid_to": "TIMESTAMPTZ", "_seq_to": "VARCHAR", "_change_seq_to": "BIGINT"}

_ARROW_TYPES: Mapping[str, pa.DataType] = {
    "VARCHAR": pa.string(),
    "BOOLEAN": pa.bool_(),
    "SMALLINT": pa.int16(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "DATE": pa.date32(),
    "TIME": pa.time64("us"),
    "TIMESTAMPTZ": pa.timestamp("us", "UTC"),
}

_PLACES = {"delimited": "line", "x12": "segment", "table": "row"}

#: What of a contract decides how bytes become rows; the rest (descriptions, owner, supplies ...) may change freely.
_COLUMN_CONTENT = frozenset(
    {"source", "name", "type", "required", "format", "timezone", "sentinels", "lookup", "lookup_miss"}
    | {"decimal_point", "thousands", "accounting_negative", "true_values", "false_values", "phi"}
)
_FEED_CONTENT: Any = {
    "format": True,
    "change": {"mode", "cursor", "max_delete_fraction", "effective"},
    "volume": {"min_rows"},
    "reject_threshold": True,
    "records": {"__all__": {"key": True, "columns": {"__all__": _COLUMN_CONTENT}}},
}


@dataclass(frozen=True, slots=True)
class FeedTable:
    """The staged and history table of one record kind.

    `name`: the table's name in both schemas. `place`: what a row number counts (line, segment, row).
    `effective`: source column that says since when a row holds.
    """

    source: str
    record: str
    name: str
    contract: RecordContract
    place: str = "row"
    effective: str | None = None

    @property
    def staged(self) -> str:
        """Quoted name of the table of current rows."""
        return quote("staged", self.name)

    @property
    def history(self) -> str:
        """Quoted name of the table of closed versions."""
        return quote("history", self.name)

    @property
    def spool_name(self) -> str:
        """Quoted name of the temporary table that a delivery is read into."""
        return quote(f"spool_{self.record}")

    @property
    def spool(self) -> str:
        """The same with its catalog, so that it cannot be taken for another table."""
        return f"temp.{self.spool_name}"

    @property
    def columns(self) -> list[str]:
        """The contract's column names."""
        return [column.name for column in self.contract.columns]

    @property
    def arrow_schema(self) -> pa.Schema:
        """What a batch of this record must look like: the contract's columns and the row number."""
        fields = [(column.name, arrow_type(column.type)) for column in self.contract.columns]
        return pa.schema([*fields, (ROW_NO, pa.int64())])

    @property
    def names(self) -> dict[str, str]:
        """What the templates of `store/sql/staging` need to know of this table."""
        return {
            "staged": self.staged,
            "history": self.history,
            "spool": self.spool,
            "columns": ", ".join(map(quote, self.columns)),
            "key_text": self.key_text,
            "key_missing": self.key_missing,
            "key_names": ", ".join(self.contract.key),
            "key_shown": "NULL" if self._key_is_hidden else "_source_key",
            "place": literal(self.place),
            "source": literal(self.source),
            "record": literal(self.record),
            "holds_since": self.holds_since,
        }

    @property
    def holds_since(self) -> str:
        """SQL of `_valid_from`: what the row says of itself, but nothing that is still to come when it is delivered."""
        as_of = "CAST($as_of AS TIMESTAMPTZ)"
        columns = [quote(column.name) for column in self.contract.columns if column.source == self.effective]
        return f"least(coalesce({columns[0]}, {as_of}), {as_of})" if columns else as_of

    @property
    def _key_is_hidden(self) -> bool:
        return any(self.contract.column(name).phi for name in self.contract.key)

    @property
    def key_text(self) -> str:
        """SQL of `_source_key`: the key columns as text, joined by `|`; an empty one counts as empty text."""
        parts = (f"coalesce(CAST({quote(name)} AS VARCHAR), '')" for name in self.contract.key)
        return f"concat_ws('|', {', '.join(parts)})"

    @property
    def key_missing(self) -> str:
        """SQL condition of a row without a key: empty in all key columns, or NULL in a required one."""
        every = " AND ".join(f"coalesce(CAST({quote(name)} AS VARCHAR), '') = ''" for name in self.contract.key)
        needed = [name for name in self.contract.key if self.contract.column(name).required]
        return " OR ".join([f"({every})", *(f"{quote(name)} IS NULL" for name in needed)])


def arrow_type(contract_type: str) -> pa.DataType:
    """Arrow type of a contract type."""
    if contract_type.startswith("DECIMAL("):
        precision, scale = contract_type.removeprefix("DECIMAL(").removesuffix(")").split(",")
        return pa.decimal128(int(precision), int(scale))
    return _ARROW_TYPES[contract_type]


def feed_tables(contract: FeedContract, source: str) -> list[FeedTable]:
    """The tables of a feed of one source, one per record kind."""
    return [
        FeedTable(
            source,
            record,
            contract.staged_name(source, record),
            body,
            _PLACES[contract.format.kind],
            contract.change.effective,
        )
        for record, body in contract.records.items()
    ]


def contract_hash(contract: FeedContract) -> str:
    """Hash of everything in a contract that decides which rows come out of given bytes."""
    content = contract.model_dump(mode="json", include=_FEED_CONTENT)
    if content["change"]["effective"] is None:  # so that feeds without it keep the hash that they had before it was
        del content["change"]["effective"]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def ensure_tables(con: duckdb.DuckDBPyConnection, contract: FeedContract, source: str) -> None:
    """Create those tables of a feed that are not there; one that holds rows stays as it is.

    Empty ones of other columns are made anew: before its first delivery a feed has tables (its intake views read them),
    and nothing else tells under which contract they were made.
    """
    for table in feed_tables(contract, source):
        columns = {column.name: column.type for column in table.contract.columns} | dict(META_COLUMNS)
        wanted = {table.staged: columns, table.history: columns | dict(CLOSING_COLUMNS)}
        for name, definitions in wanted.items():
            con.execute(f"CREATE TABLE IF NOT EXISTS {name} ({_definitions(definitions)})")
        if any(_columns(con, name) != _stored(kinds) for name, kinds in wanted.items()) and is_empty(con, table):
            for name, definitions in wanted.items():
                con.execute(f"CREATE OR REPLACE TABLE {name} ({_definitions(definitions)})")


def _columns(con: duckdb.DuckDBPyConnection, name: str) -> dict[str, str]:
    """Column -> type of a table as the database says."""
    return {column[0]: str(column[1]) for column in con.execute(f"SELECT * FROM {name} LIMIT 0").description}


def _stored(columns: Mapping[str, str]) -> dict[str, str]:
    """The same of a definition, in the database's words."""
    return {name: "TIMESTAMP WITH TIME ZONE" if kind == "TIMESTAMPTZ" else kind for name, kind in columns.items()}


def _definitions(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{quote(name)} {kind}" for name, kind in columns.items())


def drop_tables(con: duckdb.DuckDBPyConnection, names: list[str]) -> None:
    """Drop the staged and history tables of these names."""
    for name in names:
        for schema in ("staged", "history"):
            con.execute(f"DROP TABLE IF EXISTS {quote(schema, name)}")


def rewind(con: duckdb.DuckDBPyConnection, table: FeedTable, sequence: str, change_seq: int) -> None:
    """Take back every version that a delivery at or after `sequence` opened or closed."""
    names = {"staged": table.staged, "history": table.history}
    values = {"sequence": sequence, "change_seq": change_seq}
    con.execute(f"DELETE FROM {table.staged} WHERE _seq_from >= $sequence", {"sequence": sequence})
    con.execute(sql("staging/reopen").format(**names), values)
    con.execute(f"DELETE FROM {table.history} WHERE _seq_to >= $sequence", {"sequence": sequence})


def is_empty(con: duckdb.DuckDBPyConnection, table: FeedTable) -> bool:
    """Whether neither a current nor a closed version is there."""
    return not any(any_row(con, f"SELECT 1 FROM {name}") for name in (table.staged, table.history))
