"""Raw text columns -> typed columns and rejects, under a `RecordContract`. Set-based, in DuckDB.

Here: what a value of each contract type may look like, and what a row that breaks it is refused for. Not here:
where the text comes from (`connectors.delimited`, `connectors.x12`, `connectors.database`), keys that
occur twice (`store.staging`).

Rules: surrounding blanks are cut; empty text and sentinels are NULL; a number is never rounded (more decimals
than the type holds, other than zeros, is `type.decimal_scale`, too many digits `type.decimal_range`); "1E3", "NaN",
"1,234" are no numbers unless the contract says so; an impossible date is refused, never moved ("24:00", "2026-02-30", a
year of two digits where the format says four). Dates and times without a format are ISO 8601 and nothing else, as
DuckDB's own casts pass over a zone's name. Digits behind the microsecond are cut. A local time that a clock
skipped (daylight-saving gap) is `time.dst_gap`; one that it passed twice is taken as the second passing (standard
time).
"""

from __future__ import annotations

import atexit
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import duckdb
import pyarrow as pa

from connectors.contract import Column, RecordContract
from connectors.interface import ROW_NO, Batch, Reject

BATCH_ROWS = 122_880
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_ISO_CLOCK = "([01][0-9]|2[0-3]):[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?"
_ISO_LOCAL = f"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[ T]{_ISO_CLOCK}"
_ISO_OFFSET = f"{_ISO_LOCAL} ?([Zz]|[+-][0-9]{{2}}(:?[0-9]{{2}})?)"
#: Specifiers with nothing between them: only their width says where one ends.
_UNSEPARATED = re.compile("%[a-zA-Z]%[a-zA-Z]")
_RAW = "_raw"
_BAD = "_bad"
_KEY = "_key"
_JUDGEMENT = frozenset({_BAD, _RAW, _KEY})

#: rule id -> what it says; {value} is never put in, the reject carries it masked or raw beside.
REASONS: dict[str, str] = {
    "required": "a required value is missing",
    "type.integer": "not a whole number of the declared size",
    "type.decimal": "not a number as the contract writes them",
    "type.decimal_scale": "more decimals than the declared type holds; numbers are never rounded",
    "type.decimal_range": "more digits than the declared type holds",
    "type.boolean": "not one of the declared true and false values",
    "type.date": "not a date in the declared format",
    "type.time": "not a time of day in the declared format",
    "type.timestamp": "not a date and time in the declared format",
    "time.dst_gap": "this local time did not exist: the clock skipped it",
    "lookup.miss": "a code that the contract's lookup does not list",
    "text.nul": "the text has a NUL character",
}

Locate = Callable[[int, Column | None], str]


_ARROW = {
    "VARCHAR": pa.string(),
    "BOOLEAN": pa.bool_(),
    "SMALLINT": pa.int16(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "DATE": pa.date32(),
    "TIME": pa.time64("us"),
    "TIMESTAMPTZ": pa.timestamp("us", tz="UTC"),
}


@cache
def _memory(process: int) -> duckdb.DuckDBPyConnection:
    """One database in memory for all readers of a process: opening one costs more than a small file's rows."""
    return duckdb.connect(":memory:")


# DuckDB complains at the end of the interpreter about connections that are still there.
atexit.register(_memory.cache_clear)


@contextmanager
def session() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection of its own (registered relations included) for reading in UTC. Safe in any thread."""
    with _memory(os.getpid()).cursor() as con:
        con.execute("SET TimeZone = 'UTC'")
        yield con


def no_rows(record: RecordContract) -> pa.RecordBatch:
    """No rows, with the columns and types of a `typed_query`."""
    columns = [column for column in record.columns if not column.phi]
    fields = [pa.field(column.name, _arrow_type(column.type)) for column in columns]
    return pa.RecordBatch.from_pylist([], schema=pa.schema([*fields, pa.field(ROW_NO, pa.int64())]))


def _arrow_type(kind: str) -> pa.DataType:
    match = _DECIMAL.fullmatch(kind)
    return pa.decimal128(int(match[1]), int(match[2])) if match else _ARROW[kind]


def quoted(name: str) -> str:
    """A quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A quoted SQL string."""
    return "'" + value.replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class Typed:
    """SQL of one column. `clean`: trimmed text or NULL, over the raw column. `value`: typed, over the column of the
    clean text. `tests`: (rule id, SQL condition over clean text and value) in the order in which they apply."""

    clean: str
    value: str
    tests: tuple[tuple[str, str], ...]


def typed_column(column: Column, raw: str, timezone: str) -> Typed:
    """SQL for one column. `raw`: SQL of its raw text; the clean text is then `c_<name>`, the value `<name>`.

    `timezone`: IANA zone of local times where the column names none.
    """
    clean, value = quoted("c_" + column.name), quoted(column.name)
    typed, tests = _typed(column, clean, value, timezone)
    required = (("required", f"{clean} IS NULL"),) if column.required else ()
    nul = (("text.nul", f"contains({clean}, chr(0))"),) if column.type == "VARCHAR" else ()
    return Typed(_cleaned(column, raw), typed, (*required, *_lookup_tests(column, clean), *nul, *tests))


def _cleaned(column: Column, raw: str) -> str:
    blank = f"nullif(trim({raw}, ' \t'), '')"
    if not column.sentinels:
        return blank
    listed = ", ".join(text(value) for value in column.sentinels)
    return f"CASE WHEN {blank} NOT IN ({listed}) THEN {blank} END"


def _lookup_tests(column: Column, clean: str) -> tuple[tuple[str, str], ...]:
    if column.lookup is None or column.lookup_miss != "reject":
        return ()
    return (("lookup.miss", f"{clean} NOT IN ({', '.join(text(code) for code in column.lookup)})"),)


def _looked_up(column: Column, clean: str) -> str:
    if column.lookup is None:
        return clean
    if not column.lookup:
        return clean if column.lookup_miss == "keep" else "CAST(NULL AS VARCHAR)"
    cases = " ".join(f"WHEN {text(code)} THEN {text(value)}" for code, value in column.lookup.items())
    return f"CASE {clean} {cases} {f'ELSE {clean} ' if column.lookup_miss == 'keep' else ''}END"


def _typed(column: Column, clean: str, value: str, timezone: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    found = _looked_up(column, clean)
    kind = column.type
    if kind == "VARCHAR":
        return found, ()
    if kind == "BOOLEAN":
        return _boolean(column, found), _not_read("type.boolean", found, value)
    if kind in {"SMALLINT", "INTEGER", "BIGINT"}:
        return _integer(column, found), _not_read("type.integer", found, value)
    if kind == "DATE":
        return _date(column, found), _not_read("type.date", found, value)
    if kind == "TIME":
        return _time(column, found), _not_read("type.time", found, value)
    if kind == "TIMESTAMPTZ":
        return _timestamp(column, found, value, column.timezone or timezone)
    return _decimal(column, found, value)


def _not_read(rule: str, found: str, value: str) -> tuple[tuple[str, str], ...]:
    return ((rule, f"{found} IS NOT NULL AND {value} IS NULL"),)


def _boolean(column: Column, found: str) -> str:
    lists = [", ".join(text(v.lower()) for v in values) for values in (column.true_values, column.false_values)]
    return f"CASE WHEN lower({found}) IN ({lists[0]}) THEN true WHEN lower({found}) IN ({lists[1]}) THEN false END"


def _integer(column: Column, found: str) -> str:
    number = _number(column, found)
    shaped = f"regexp_full_match({number}, '[+-]?[0-9]+')" + _marks(column, found)
    return f"CASE WHEN {shaped} THEN TRY_CAST({number} AS {column.type}) END"


def _number(column: Column, found: str) -> str:
    """The number as SQL writes it: no thousands mark, a decimal point, a leading sign."""
    number = found if column.thousands is None else f"replace({found}, {text(column.thousands)}, '')"
    if column.decimal_point == ",":
        number = f"replace({number}, ',', '.')"
    if not column.accounting_negative:
        return number
    return (
        f"CASE WHEN {number} LIKE '(%)' THEN '-' || substr({number}, 2, length({number}) - 2) "
        f"WHEN {number} LIKE '%-' AND length({number}) > 1 THEN '-' || substr({number}, 1, length({number}) - 1) "
        f"ELSE {number} END"
    )


def _decimal(column: Column, found: str, value: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    match = _DECIMAL.fullmatch(column.type)
    assert match is not None, column.type  # the contract's own check allows nothing else
    number = _number(column, found)
    shaped = f"regexp_full_match({number}, '[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)')" + _marks(column, found)
    fits = f"(instr({number}, '.') = 0 OR length(rtrim({number}, '0')) - instr({number}, '.') <= {match[2]})"
    typed = f"CASE WHEN {shaped} AND {fits} THEN TRY_CAST({number} AS {column.type}) END"
    unread = f"{found} IS NOT NULL AND {value} IS NULL"
    return typed, (
        ("type.decimal", f"{unread} AND NOT ({shaped})"),
        ("type.decimal_scale", f"{unread} AND NOT {fits}"),
        ("type.decimal_range", unread),
    )


def _marks(column: Column, found: str) -> str:
    """Further conditions on marks that `_number` takes out or rewrites: groups of three, and no foreign point."""
    grouped = f" AND {_grouped(column, found)}" if column.thousands else ""
    foreign = column.decimal_point == "," and column.thousands != "."
    return grouped + (f" AND NOT contains({found}, '.')" if foreign else "")


def _grouped(column: Column, found: str) -> str:
    """Thousands marks stand between groups of three, or not at all."""
    mark = re.escape(column.thousands or "")
    point = re.escape(column.decimal_point)
    pattern = rf"^[(+-]?([0-9]+|[0-9]{{1,3}}({mark}[0-9]{{3}})+)({point}[0-9]*)?[)-]?$"
    return f"regexp_matches({found}, {text(pattern)})"


def _date(column: Column, found: str) -> str:
    if column.format:
        read = f"CAST({_formatted(column.format, found)} AS DATE)"
        return read if " " in column.format else f"CASE WHEN NOT contains({found}, ' ') THEN {read} END"
    return (
        f"CASE WHEN regexp_full_match({found}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}') THEN TRY_CAST({found} AS DATE) END"
    )


def _formatted(form: str, found: str) -> str:
    """A text under a strptime format, NULL where DuckDB reads it and a person would not.

    DuckDB takes "infinity" under any format, a year of two digits as the first century, and under %Y%m%d a
    date that has lost a digit as another one.
    """
    read = f"try_strptime({found}, {text(form)})"
    tests = [f"NOT regexp_matches({found}, '^[+-]?[A-Za-z]+$')"]
    zoned = _has_zone(form)
    if "%Y" in form:
        tests.append(f"year({read}) >= 1000" if zoned else f"contains({found}, strftime({read}, '%Y'))")
    if _UNSEPARATED.search(form) and not zoned and "%f" not in form:
        tests.append(f"strftime({read}, {text(form)}) = {found}")
    return f"CASE WHEN {' AND '.join(tests)} THEN {read} END"


def _has_zone(form: str) -> bool:
    return "%z" in form or "%Z" in form


def _time(column: Column, found: str) -> str:
    if column.format:
        return f"CAST({_formatted(column.format, found)} AS TIME)"
    return f"CASE WHEN regexp_full_match({found}, {text(_ISO_CLOCK)}) THEN TRY_CAST({found} AS TIME) END"


def _timestamp(column: Column, found: str, value: str, zone: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    unread = _not_read("type.timestamp", found, value)
    if column.format and _has_zone(column.format):
        return _calendar(f"CAST({_formatted(column.format, found)} AS TIMESTAMPTZ)"), unread
    local = (
        _formatted(column.format, found)
        if column.format
        else f"CASE WHEN regexp_full_match({found}, {text(_ISO_LOCAL)}) THEN TRY_CAST({found} AS TIMESTAMP) END"
    )
    utc = f"timezone({text(zone)}, {local})"
    moved = f"timezone({text(zone)}, {utc}) <> {local}"
    typed = _calendar(f"CASE WHEN NOT ({moved}) THEN {utc} END")
    if not column.format:
        stated = _calendar(f"TRY_CAST({_tight_offset(found)} AS TIMESTAMPTZ)")
        typed = f"CASE WHEN regexp_full_match({found}, {text(_ISO_OFFSET)}) THEN {stated} ELSE {typed} END"
    return typed, (("time.dst_gap", f"{value} IS NULL AND coalesce({moved}, false)"), *unread)


def _tight_offset(found: str) -> str:
    """ISO text as DuckDB reads it: no blank before the offset, a capital Z."""
    return f"replace(replace(replace(upper({found}), ' Z', 'Z'), ' +', '+'), ' -', '-')"


def _calendar(moment: str) -> str:
    """NULL for moments outside the years 1 to 9999 (UTC): DuckDB goes on, what reads the store does not."""
    bounds = "TIMESTAMPTZ '0001-01-01 00:00:00+00' AND TIMESTAMPTZ '9999-12-31 23:59:59.999999+00'"
    return f"CASE WHEN ({moment}) BETWEEN {bounds} THEN {moment} END"


# -- the quick look ---------------------------------------------------------------------------------------
#
# Most values are written the plain way. The quick query types them with a bare cast and marks every row that is not
# plainly right as doubtful; doubtful rows go through `typed_query`, which alone decides. So the quick query need
# not know any rule beyond "this is certainly what the exact one would give".


def quick_query(relation: str, record: RecordContract, sources: Mapping[str, str], timezone: str) -> str:
    """SELECT like `typed_query`, but `_bad` is TRUE on doubtful rows (else NULL), and `_raw` lists their texts."""
    columns = [column for column in record.columns if not column.phi]
    parts = [_quick(column, quoted("r_" + column.name), timezone) for column in columns]
    raws = ", ".join(f"{sources[c.source]} AS {quoted('r_' + c.name)}" for c in columns)
    values = ", ".join(f"{value} AS {quoted(c.name)}" for c, (value, _) in zip(columns, parts, strict=True))
    kept = ", ".join(quoted("r_" + column.name) for column in columns)
    doubts = " OR ".join(f"({doubt})" for _, doubt in parts)
    names = ", ".join(quoted(column.name) for column in columns)
    return (
        f"WITH raw AS (SELECT {raws}, {ROW_NO} FROM {relation}), "
        f"typed AS (SELECT {values}, {kept}, {ROW_NO} FROM raw), "
        f"judged AS (SELECT *, coalesce({doubts}, false) AS doubtful FROM typed) "
        f"SELECT {names}, CAST({ROW_NO} AS BIGINT) AS {ROW_NO}, CASE WHEN doubtful THEN true END AS {_BAD}, "
        f"CASE WHEN doubtful THEN [{kept}] END AS {_RAW} FROM judged"
    )


def _quick(column: Column, raw: str, timezone: str) -> tuple[str, str]:
    """(value SQL, doubt SQL) over the raw text. A NULL doubt is no doubt."""
    value = quoted(column.name)
    absent = f"{raw} IS NULL" if column.required else "false"
    plain = column.lookup is None and not column.sentinels and column.thousands is None
    if plain and column.type == "VARCHAR":
        return raw, f"{absent} OR {_has_blanks(raw)}"
    if plain and (column.type in {"SMALLINT", "INTEGER", "BIGINT"} or (column.type == "DATE" and not column.format)):
        unlike = f"{raw} IS NOT NULL AND ({value} IS NULL OR CAST({value} AS VARCHAR) <> {raw})"
        if column.type == "DATE":  # "infinity" and "10000-01-01" are dates to DuckDB
            unlike = f"{raw} IS NOT NULL AND ({unlike} OR length({raw}) <> 10)"
        return f"TRY_CAST({raw} AS {column.type})", f"{absent} OR ({unlike})"
    if plain and column.type.startswith("DECIMAL") and column.decimal_point == ".":
        return f"TRY_CAST({raw} AS {column.type})", f"{absent} OR ({_decimal_doubt(column, raw, value)})"
    return _quick_exact(column, raw, value, timezone)


def _decimal_doubt(column: Column, raw: str, value: str) -> str:
    scale = column.type.removesuffix(")").split(",")[1]
    shape = f"[+-]?[0-9]+([.][0-9]{{0,{scale}}}0*)?"
    rounded = f"CASE WHEN CAST({value} AS VARCHAR) = {raw} THEN false ELSE NOT regexp_full_match({raw}, '{shape}') END"
    return f"{raw} IS NOT NULL AND ({value} IS NULL OR {rounded})"


def _quick_exact(column: Column, raw: str, value: str, timezone: str) -> tuple[str, str]:
    """The exact expressions, in place, on text that has no blanks to cut."""
    typed, _ = _typed(column, raw, value, timezone)
    if column.type == "TIMESTAMPTZ" and not column.format and column.lookup is None:
        typed = _quick_utc(raw, typed)
    listed = ", ".join(text(sentinel) for sentinel in column.sentinels)
    doubt = f"({value} IS NULL AND {raw} IS NOT NULL) OR {_has_blanks(raw)}"
    if listed:
        typed, doubt = f"CASE WHEN {raw} NOT IN ({listed}) THEN {typed} END", f"({doubt}) AND {raw} NOT IN ({listed})"
    if column.required:
        doubt = f"({doubt}) OR {value} IS NULL"
    return typed, doubt


def _quick_utc(raw: str, exact: str) -> str:
    """A moment written as 2026-01-09T10:00:00Z by a cast, as it comes back the same; any other by the exact way."""
    local = f"TRY_CAST(left({raw}, -1) AS TIMESTAMP)"
    same = f"substr({raw}, 5, 1) = '-' AND replace(CAST({local} AS VARCHAR), ' ', 'T') || 'Z' = {raw}"
    return f"CASE WHEN {same} THEN timezone('UTC', {local}) ELSE {exact} END"


def _has_blanks(raw: str) -> str:
    """Condition of texts that are empty or may have blanks around them."""
    return f"{raw} < '!' OR suffix({raw}, ' ') OR suffix({raw}, chr(9))"


def settled(
    con: duckdb.DuckDBPyConnection, batch: pa.RecordBatch, record: RecordContract, timezone: str
) -> tuple[pa.RecordBatch, pa.RecordBatch | None]:
    """A batch of a `quick_query`: its certain rows, and its doubtful ones as `typed_query` decides (None: none)."""
    doubtful = batch.column(_BAD)
    certain = [name for name in batch.schema.names if name not in {_BAD, _RAW}]
    if doubtful.null_count == len(doubtful):
        return batch.select(certain), None
    rows = batch.filter(doubtful.is_valid())
    columns = [column for column in record.columns if not column.phi]
    flat = rows.column(_RAW).flatten()
    raws = [flat.take(pa.array(range(i, len(flat), len(columns)))) for i in range(len(columns))]
    names = [f"f{i}" for i in range(len(columns))]
    con.register("doubtful_rows", pa.Table.from_arrays([*raws, rows.column(ROW_NO)], names=[*names, ROW_NO]))
    sources = {column.source: quoted(f"f{i}") for i, column in enumerate(columns)}
    decided = con.sql(typed_query("doubtful_rows", record, sources, timezone)).to_arrow_table()
    con.unregister("doubtful_rows")
    return batch.filter(doubtful.is_null()).select(certain), decided.combine_chunks().to_batches()[0]


# -- whole rows -------------------------------------------------------------------------------------------


def typed_query(relation: str, record: RecordContract, sources: Mapping[str, str], timezone: str) -> str:
    """SELECT of the record's typed columns, ROW_NO, and `_bad` / `_raw` / `_key` (NULL on good rows).

    `relation`: SQL of a relation with the raw text columns and ROW_NO. `sources`: contract source name -> SQL of
    its raw text in that relation. `_bad` is a comma-separated list of `<column ordinal>:<rule id>`; `_raw` the
    list of raw texts in column order; `_key` the key as the store writes it, NULL where a part is unreadable.
    PHI columns are checked by nothing and left out of the result.
    """
    columns = [column for column in record.columns if not column.phi]
    parts = [typed_column(c, sources[c.source], timezone) for c in columns]
    cleaned = ", ".join(f"{p.clean} AS {quoted('c_' + c.name)}" for c, p in zip(columns, parts, strict=True))
    raws = ", ".join(f"{sources[c.source]} AS {quoted('r_' + c.name)}" for c in columns)
    values = ", ".join(f"{p.value} AS {quoted(c.name)}" for c, p in zip(columns, parts, strict=True))
    verdicts = [_verdict(i, part) for i, part in enumerate(parts) if part.tests]
    any_bad = " OR ".join(f"({test})" for part in parts for _, test in part.tests) or "false"
    raw_list = ", ".join(quoted("r_" + c.name) for c in columns)
    names = ", ".join(quoted(c.name) for c in columns)
    kept = ", ".join(quoted(prefix + c.name) for c in columns for prefix in ("c_", "r_"))
    return (
        f"WITH clean AS (SELECT {cleaned}, {raws}, {ROW_NO} FROM {relation}), "
        f"typed AS (SELECT {values}, {kept}, {ROW_NO} FROM clean) "
        f"SELECT {names}, CAST({ROW_NO} AS BIGINT) AS {ROW_NO}, "
        f"CASE WHEN {any_bad} THEN concat_ws(',', {', '.join(verdicts) or 'NULL'}) END AS {_BAD}, "
        f"CASE WHEN {any_bad} THEN [{raw_list}] END AS {_RAW}, "
        f"CASE WHEN {any_bad} THEN {_key_text(record, parts, columns)} END AS {_KEY} FROM typed"
    )


def _key_text(record: RecordContract, parts: Sequence[Typed], columns: Sequence[Column]) -> str:
    """SQL of the key as `store.feed_tables` writes `_source_key`; NULL where a part is missing, refused or hidden."""
    tests = {column.name: part.tests for column, part in zip(columns, parts, strict=True)}
    if not set(record.key) <= set(tests):
        return "CAST(NULL AS VARCHAR)"
    refused = " OR ".join(f"({test})" for name in record.key for _, test in tests[name]) or "false"
    texts = [f"coalesce(CAST({quoted(name)} AS VARCHAR), '')" for name in record.key]
    empty = " AND ".join(f"{part} = ''" for part in texts)
    return f"CASE WHEN ({refused}) OR ({empty}) THEN NULL ELSE concat_ws('|', {', '.join(texts)}) END"


def _verdict(ordinal: int, part: Typed) -> str:
    cases = " ".join(f"WHEN {test} THEN '{ordinal}:{rule}'" for rule, test in part.tests)
    return f"CASE {cases} END"


def typed_batches(
    con: duckdb.DuckDBPyConnection,
    query: str,
    record: RecordContract,
    record_name: str,
    locate: Locate,
) -> Iterator[Batch]:
    """Run a `typed_query` and yield its good rows, and its bad rows as rejects (all defects of a row in one reject
    each, the row refused once: the first carries `rows=1`, the others `rows=0`)."""
    reader = con.sql(query).to_arrow_reader(BATCH_ROWS)
    for batch in reader:
        yield split(batch, record, record_name, locate)


def split(batch: pa.RecordBatch, record: RecordContract, record_name: str, locate: Locate) -> Batch:
    """One Arrow batch of a `typed_query` as good rows and rejects."""
    bad = batch.column(_BAD)
    good_columns = [name for name in batch.schema.names if name not in _JUDGEMENT]
    if bad.null_count == len(bad):
        return Batch(record_name, batch.select(good_columns))
    refused = batch.filter(bad.is_valid())
    rejects = [reject for row in refused.to_pylist() for reject in _rejects(row, record, record_name, locate)]
    return Batch(record_name, batch.filter(bad.is_null()).select(good_columns), tuple(rejects))


def _rejects(row: Mapping[str, object], record: RecordContract, record_name: str, locate: Locate) -> Iterator[Reject]:
    columns = [column for column in record.columns if not column.phi]
    raws: Sequence[str | None] = row[_RAW]  # type: ignore[assignment]
    number = int(str(row[ROW_NO]))
    for place, verdict in enumerate(str(row[_BAD]).split(",")):
        ordinal, rule = verdict.split(":", 1)
        column = columns[int(ordinal)] if int(ordinal) >= 0 else None
        yield Reject(
            record=record_name,
            row_no=number,
            location=locate(number, column),
            rule_id=rule,
            reason=_reason(rule, column),
            raw=raws[int(ordinal)] if column else None,
            column=column.name if column else None,
            rows=0 if place else 1,
            key=None if row[_KEY] is None else str(row[_KEY]),
        )


def _reason(rule: str, column: Column | None) -> str:
    if column is None:
        return REASONS[rule]
    form = f" {column.format}" if column.format else ""
    return f"{column.source}: {REASONS[rule]} ({column.type}{form})"
