"""`FeedContract`: what one feed promises, as read from `feeds/<system>/<feed>.yml`.

Here: the model and its own consistency rules. Not here: reading YAML with line numbers
(`connectors.catalogue`), parsing data (`connectors.delimited`, `.database`, `.x12`).
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from pathlib import PurePosixPath
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

_NAME = r"^[a-z][a-z0-9_]*$"
_DECIMAL = re.compile(r"^DECIMAL\((\d{1,2}),(\d{1,2})\)$")
_SIMPLE_TYPES = frozenset({"VARCHAR", "BOOLEAN", "SMALLINT", "INTEGER", "BIGINT", "DATE", "TIME", "TIMESTAMPTZ"})

_NUMBER_KEYS = frozenset({"decimal_point", "thousands", "accounting_negative"})
_STRPTIME = frozenset("aAbBdfHIjmMnpSUwWyYzZgG%-c")

Name = Annotated[str, Field(pattern=_NAME)]


@cache
def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{value!r} is no IANA time zone (for example America/New_York or UTC)") from error
    return value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"{value!r} is no regular expression: {error}") from error
    return value


def _strptime_format(value: str) -> str:
    unknown = [code for code in re.findall(r"%(-?.?)", value) if not code or set(code) - _STRPTIME]
    if unknown or "%" not in value:
        raise ValueError(f"{value!r} is no strptime format (for example %Y%m%d or %m/%d/%Y %H:%M)")
    return value


def _file_pattern(value: str) -> str:
    path = PurePosixPath(value)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in value:
        raise ValueError(f"{value!r} must be a pattern below the source's location: not absolute, without '..'")
    return value


def _one_character(value: str) -> str:
    if len(value) != 1 or not value.isascii() or value in "\r\n\0":
        raise ValueError(f"{value!r} must be one ASCII character, no line end")
    return value


Zone = Annotated[str, AfterValidator(_zone)]
Pattern = Annotated[str, AfterValidator(_pattern)]
TimeFormat = Annotated[str, AfterValidator(_strptime_format)]
Character = Annotated[str, AfterValidator(_one_character)]
FilePattern = Annotated[str, AfterValidator(_file_pattern)]


def _misfit(at: str, message: str) -> PydanticCustomError:
    """Keys that do not go together; `at`: the key of the model at which a person should look."""
    return PydanticCustomError("misfit", "{message}", {"message": message, "at": at})


class Model(BaseModel):
    """Base of every YAML model: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Column(Model):
    """One source column that is let in (columns enter by allow-list).

    `type`: VARCHAR, BOOLEAN, SMALLINT, INTEGER, BIGINT, DECIMAL(p,s), DATE, TIME or TIMESTAMPTZ. There
    is no floating type: money and quantities are decimals.
    `format`: strptime format of a DATE / TIME / TIMESTAMPTZ text (ISO 8601 when absent).
    `timezone`: IANA zone of a source time without an offset; needed for TIMESTAMPTZ text and naive database
    stamps; the stored value is UTC.
    `sentinels`: raw texts that mean "no value" here (e.g. "0", "00000000", "9999-12-31").
    `lookup`: raw code -> value; `lookup_miss` says what becomes of a code that is not listed.
    `decimal_point` / `thousands`: how a number is written; "12-" and "(12)" are read as negative only
    when `accounting_negative` is true. A value with more decimals than the type holds is rejected, never rounded.
    """

    source: str = Field(min_length=1, description="name of the column, header or element at the source")
    name: Name = Field(description="name in Concord")
    type: str
    description: str = Field(min_length=1)
    required: bool = False
    unit: str | None = None
    format: TimeFormat | None = None
    timezone: Zone | None = None
    sentinels: tuple[str, ...] = ()
    lookup: dict[str, str] | None = None
    lookup_miss: Literal["reject", "keep", "null"] = "reject"
    decimal_point: Literal[".", ","] = "."
    thousands: Literal[",", ".", " ", "'"] | None = None
    accounting_negative: bool = False
    true_values: tuple[str, ...] = ("true", "t", "1", "yes", "y")
    false_values: tuple[str, ...] = ("false", "f", "0", "no", "n")
    phi: bool = False

    @field_validator("type")
    @classmethod
    def _known_type(cls, value: str) -> str:
        decimal = _DECIMAL.match(value)
        if decimal and 1 <= int(decimal[1]) <= 38 and int(decimal[2]) <= int(decimal[1]):
            return value
        if value in _SIMPLE_TYPES:
            return value
        raise ValueError(
            f"{value!r} is not a contract type; use one of {', '.join(sorted(_SIMPLE_TYPES))} "
            "or DECIMAL(p,s) (there is no floating type)"
        )

    @model_validator(mode="after")
    def _keys_have_an_effect(self) -> Column:
        is_number = self.type.startswith("DECIMAL") or self.type in {"SMALLINT", "INTEGER", "BIGINT"}
        useless = sorted(self.model_fields_set & _NUMBER_KEYS) if not is_number else []
        if self.format is not None and self.type not in {"DATE", "TIME", "TIMESTAMPTZ"}:
            useless.append("format")
        if useless:
            message = f"{', '.join(useless)} means nothing for type {self.type}: take it out, or correct the type"
            raise _misfit(useless[0], message)
        if self.thousands == self.decimal_point:
            raise _misfit("thousands", f"thousands and decimal_point are both {self.thousands!r}")
        return self


class FileTransport(Model):
    """Files below the source's location. `path`: glob relative to it (`*.csv`, `out/**/*.edi`).

    A file that changes while it is copied is left for the next sync. For senders that write slowly and in place:
    `settle_seconds`: a file counts as finished when it has not changed for so long; `done_suffix`: a file counts as
    finished when an empty file of its name with this suffix (`.done`) is there.
    """

    kind: Literal["file"]
    path: FilePattern
    settle_seconds: int = Field(default=0, ge=0)
    done_suffix: str | None = Field(default=None, pattern=r"^[.][A-Za-z0-9_.-]+$")


class DatabaseTransport(Model):
    """One table or view of the source's database. `where`: no free SQL; filters are column = value."""

    kind: Literal["database"]
    table: str
    schema_name: str | None = None
    equals: dict[str, str] = Field(default_factory=dict)


class Trailer(Model):
    """A last line that states totals. `pattern`: regex with groups `rows` and/or named control totals,
    each of which is the name of a DECIMAL column of the contract whose sum must be equal."""

    pattern: Pattern


class DelimitedFormat(Model):
    """A delimited text file. `encoding`: utf-8 (a BOM is allowed), cp1252, latin-1, utf-16.

    `skip_lines`: lines before the header (titles, report names) that are passed over.
    `final_newline`: "required" refuses a file whose last line has no line end, as one that was cut short has.
    """

    kind: Literal["delimited"]
    delimiter: Character = ","
    quote: Character | None = '"'
    escape: Character | None = None
    encoding: Literal["utf-8", "cp1252", "latin-1", "utf-16"] = "utf-8"
    header: bool = True
    skip_lines: int = Field(default=0, ge=0)
    trailer: Trailer | None = None
    final_newline: Literal["optional", "required"] = "optional"

    @model_validator(mode="after")
    def _marks_differ(self) -> DelimitedFormat:
        if self.delimiter in {self.quote, self.escape}:
            raise _misfit("delimiter", f"delimiter {self.delimiter!r} cannot be the quote or the escape as well")
        return self


class TableFormat(Model):
    """A database extract, landed as Parquet with the source's exact types."""

    kind: Literal["table"]


class X12Format(Model):
    """X12 interchanges. `sets`: which transaction sets are loaded; the other sets of a file are
    counted and ignored only when listed in `ignored_sets`, else quarantined."""

    kind: Literal["x12"]
    sets: tuple[str, ...]
    ignored_sets: tuple[str, ...] = ()
    strict: bool = True


class Change(Model):
    """How the feed tells what changed.

    snapshot: each delivery is the whole; a key that is missing is deleted at the source.
    incremental: each delivery is what changed since `cursor` (the first present of these source columns,
    e.g. [write_date, create_date]); deletes are found by sweeps.
    append: rows are only ever added; the same key again is a correction.
    edi: documents; the same business key again supersedes by interchange time.
    """

    mode: Literal["snapshot", "incremental", "append", "edi"]
    cursor: tuple[str, ...] = ()
    effective: str | None = Field(
        default=None, description="source column (TIMESTAMPTZ) that says since when a row holds; else its delivery does"
    )
    lag_seconds: int = Field(
        default=300, ge=0, description="re-read this far behind the cursor where open transactions can't be seen"
    )
    sweep: bool = Field(default=True, description="look for hard deletes and silent updates in nightly syncs")
    sweep_range_rows: int = Field(default=50_000, ge=1)
    max_delete_fraction: float = Field(
        default=0.3, ge=0, le=1, description="more tombstones than this share of the rows refuses the delivery"
    )

    @model_validator(mode="after")
    def _cursor_where_needed(self) -> Change:
        if self.mode != "incremental" and self.cursor:
            raise _misfit("cursor", "change.cursor is only for mode incremental")
        return self


class AsOf(Model):
    """Where the business time of a delivery comes from (orders deliveries, whatever order they arrive in).

    name: regex `pattern` with a group `as_of`, searched in the file name, read by `format` in `timezone`.
    content: for x12 the interchange date and time; for databases the source's clock (both by default).
    landing: time of first landing; the only choice for files that say nothing of their own age.
    """

    origin: Literal["name", "content", "landing"]
    pattern: Pattern | None = None
    format: str = "%Y%m%d"
    timezone: Zone = "UTC"

    @field_validator("format")
    @classmethod
    def _known_format(cls, value: str) -> str:
        try:  # Python's own strptime reads names
            datetime.strptime(datetime(2026, 1, 31).strftime(value), value)  # noqa: DTZ001, DTZ007 - a trial
        except ValueError as error:
            raise ValueError(f"{value!r} is no strptime format: {error}") from error
        return value


class Volume(Model):
    """Row bounds of one delivery: fewer than `min_rows` refuses it, more than `max_rows` warns."""

    min_rows: int = Field(default=0, ge=0)
    max_rows: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Volume:
        if self.max_rows is not None and self.max_rows < self.min_rows:
            raise _misfit("max_rows", f"max_rows {self.max_rows} is below min_rows {self.min_rows}")
        return self


class Constant(Model):
    """A fixed value in a `supplies` mapping."""

    const: str


class Supplies(Model):
    """This record feeds an intake shape (`assets/intake/*.yml` or `mastering/domains/*.yml`) directly.

    `columns`: intake column -> contract column name, or {const: text}. `source_key` defaults to the
    record's key columns joined with "|". What needs a join is written in `feeds/<system>/*.sql` instead.
    """

    intake: Name
    columns: dict[str, str | Constant]


class RecordContract(Model):
    """One kind of row within a feed: its columns, its key, and what it supplies.

    A key column that is not `required` may be empty in a row and then counts as empty text in the key (stock
    without a lot number is still one row per item and bin); a row whose key is empty in all columns is rejected.
    """

    key: tuple[Name, ...] = Field(min_length=1)
    columns: tuple[Column, ...] = Field(min_length=1)
    ignore: dict[str, str] = Field(default_factory=dict, description="source column -> why it is not read")
    supplies: tuple[Supplies, ...] = ()

    @model_validator(mode="after")
    def _names_agree(self) -> RecordContract:
        names = [column.name for column in self.columns]
        sources = [column.source for column in self.columns]
        for label, values in (("name", names), ("source", sources)):
            twice = sorted({value for value in values if values.count(value) > 1})
            if twice:
                raise _misfit("columns", f"column {label} {', '.join(twice)} is given twice")
        missing = [name for name in self.key if name not in names]
        if missing:
            raise _misfit("key", f"key {', '.join(missing)} is not among the columns")
        both = sorted(set(sources) & set(self.ignore))
        if both:
            raise _misfit("ignore", f"{', '.join(both)} is both mapped and ignored")
        for supply in self.supplies:
            unknown = [v for v in supply.columns.values() if isinstance(v, str) and v not in names]
            if unknown:
                raise _misfit("supplies", f"supplies {supply.intake}: {', '.join(unknown)} is not among the columns")
        return self

    def column(self, name: str) -> Column:
        """The column of that name (KeyError where there is none)."""
        return next(c for c in self.columns if c.name == name)


class FeedContract(Model):
    """One feed. A feed with one kind of row writes `key`, `columns`, `ignore`, `supplies` at the top
    level; one with several (EDI, mixed row types) writes `records:` by kind."""

    feed: Name
    system: Name
    description: str = Field(min_length=1)
    owner: str = Field(min_length=1)
    contract_version: int = Field(default=1, ge=1)
    transport: FileTransport | DatabaseTransport = Field(discriminator="kind")
    format: DelimitedFormat | TableFormat | X12Format = Field(discriminator="kind")
    change: Change
    as_of: AsOf | None = None
    cadence: Literal["hourly", "nightly"] = "nightly"
    expected_by: str | None = Field(
        default=None, pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="local time of day (SLA)"
    )
    volume: Volume = Volume()
    reject_threshold: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="a larger share of rejects refuses the delivery; one row alone does so only at 0",
    )
    records: dict[Name, RecordContract]

    @model_validator(mode="before")
    @classmethod
    def _single_record_form(cls, data: object) -> object:
        if not isinstance(data, dict) or "records" in data:
            return data
        own = {k: data[k] for k in ("key", "columns", "ignore", "supplies") if k in data}
        rest = {k: v for k, v in data.items() if k not in own}
        return {**rest, "records": {"main": own}}

    @model_validator(mode="after")
    def _effective_is_a_time(self) -> FeedContract:
        for record, body in self.records.items():
            kinds = {column.source: column.type for column in body.columns}
            if self.change.effective is not None and kinds.get(self.change.effective) != "TIMESTAMPTZ":
                raise _misfit("change", f"change.effective is no TIMESTAMPTZ column of record {record}")
        return self

    @property
    def as_of_origin(self) -> Literal["name", "content", "landing"]:
        """Where as-of comes from, with the default of the format."""
        if self.as_of:
            return self.as_of.origin
        return "landing" if self.format.kind == "delimited" else "content"

    def staged_name(self, source: str, record: str) -> str:
        """Table name in the schemas `staged` and `history` of the working database."""
        base = f"{source}__{self.feed}"
        return base if list(self.records) == ["main"] else f"{base}__{record}"
