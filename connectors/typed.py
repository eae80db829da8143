"""Raw text columns -> typed columns and rejects, under a `RecordContract`. Set-based, in DuckDB.

Here: what a value of each contract type may look like, and what a row that breaks it is refused for. Not here:
where the text comes from (`connectors.delimited`, `connectors.x12`, `connectors.database`), keys that
occur twice (`store.staging`).

Rules: surrounding blanks are cut; empty text and sentinels are NULL; a number is never rounded (more decimals
than the type holds, other than zeros, is `type.decimal_scale`, too many digits `type.decimal_range`); "1E3", "NaN",
"1,234" are no numbers unless the contract says so; an impossible date is refused, never moved. A local time that
a clock skipped (daylight-saving gap) is `time.dst_gap`; one that it passed twice is taken as the second
passing (standard time).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from connectors.contract import Column, RecordContract
from connectors.interface import ROW_NO, Batch, Reject

BATCH_ROWS = 122_880
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_OFFSET = r"([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)$"
_RAW = "_raw"
_BAD = "_bad"

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


def typed_column(column: Column, raw: str, timezone: str, *, exponents: bool = False) -> Typed:
    """SQL for one column. `raw`: SQL of its raw text; the clean text is then `c_<name>`, the value `<name>`.

    `timezone`: IANA zone of local times where the column names none. `exponents`: numbers may be written as
    2.78e-10 (shortest text of a database's binary float), which is exact.
    """
    clean, value = quoted("c_" + column.name), quoted(column.name)
    typed, tests = _typed(column, clean, value, timezone, exponents)
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


def _typed(
    column: Column, clean: str, value: str, timezone: str, exponents: bool
) -> tuple[str, tuple[tuple[str, str], ...]]:
    found = _looked_up(column, clean)
    kind = column.type
    if kind == "VARCHAR":
        return found, ()
    if kind == "BOOLEAN":
        return _boolean(column, found), _not_read("type.boolean", found, value)
    if kind in {"SMALLINT", "INTEGER", "BIGINT"}:
        return _integer(found, kind), _not_read("type.integer", found, value)
    if kind == "DATE":
        return _date(column, found), _not_read("type.date", found, value)
    if kind == "TIME":
        return _time(column, found), _not_read("type.time", found, value)
    if kind == "TIMESTAMPTZ":
        return _timestamp(column, found, value, column.timezone or timezone)
    return _decimal(column, found, value, exponents)


def _not_read(rule: str, found: str, value: str) -> tuple[tuple[str, str], ...]:
    return ((rule, f"{found} IS NOT NULL AND {value} IS NULL"),)


def _boolean(column: Column, found: str) -> str:
    lists = [", ".join(text(v.lower()) for v in values) for values in (column.true_values, column.false_values)]
    return f"CASE WHEN lower({found}) IN ({lists[0]}) THEN true WHEN lower({found}) IN ({lists[1]}) THEN false END"


def _integer(found: str, kind: str) -> str:
    return f"CASE WHEN regexp_full_match({found}, '[+-]?[0-9]+') THEN TRY_CAST({found} AS {kind}) END"


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


def _decimal(column: Column, found: str, value: str, exponents: bool) -> tuple[str, tuple[tuple[str, str], ...]]:
    match = _DECIMAL.fullmatch(column.type)
    assert match is not None, column.type  # the contract's own check allows nothing else
    scale = int(match[2])
    number = _number(column, found)
    exponent = "([eE][+-]?[0-9]+)?" if exponents else ""
    shaped = f"regexp_full_match({number}, '[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+){exponent}')"
    if column.thousands:
        shaped += f" AND {_grouped(column, found)}"
    if column.decimal_point == "," or (column.thousands == "."):
        shaped += f" AND NOT contains({found if column.thousands != '.' else text('')}, '.')"
    fits = f"(instr({number}, '.') = 0 OR length(rtrim({number}, '0')) - instr({number}, '.') <= {scale})"
    if exponents:
        wide = min(38, scale + 16)
        exact = f"TRY_CAST({number} AS DECIMAL(38,{wide})) = TRY_CAST({number} AS DECIMAL(38,{scale}))"
        fits = f"CASE WHEN contains(lower({number}), 'e') THEN coalesce({exact}, true) ELSE {fits} END"
    typed = f"CASE WHEN {shaped} AND {fits} THEN TRY_CAST({number} AS {column.type}) END"
    unread = f"{found} IS NOT NULL AND {value} IS NULL"
    readable = f"({shaped} AND TRY_CAST({number} AS DECIMAL(38,{scale})) IS NOT NULL)"
    return typed, (
        ("type.decimal", f"{unread} AND NOT coalesce({readable}, false)"),
        ("type.decimal_scale", f"{unread} AND NOT ({fits})"),
        ("type.decimal_range", unread),
    )


def _grouped(column: Column, found: str) -> str:
    """Thousands marks stand between groups of three, or not at all."""
    mark = re.escape(column.thousands or "")
    point = re.escape(column.decimal_point)
    pattern = rf"^[(+-]?([0-9]+|[0-9]{{1,3}}({mark}[0-9]{{3}})+)({point}[0-9]*)?[)-]?$"
    return f"regexp_matches({found}, {text(pattern)})"


def _date(column: Column, found: str) -> str:
    if column.format:
        read = f"CAST(try_strptime({found}, {text(column.format)}) AS DATE)"
        return f"CASE WHEN NOT contains({found}, ' ') THEN {read} END" if " " not in column.format else read
    return f"CASE WHEN length({found}) = 10 AND {_four_digit_year(found)} THEN TRY_CAST({found} AS DATE) END"


def _four_digit_year(found: str) -> str:
    return f"substr({found}, 5, 1) NOT BETWEEN '0' AND '9'"


def _time(column: Column, found: str) -> str:
    if column.format:
        return f"CAST(try_strptime({found}, {text(column.format)}) AS TIME)"
    return f"CASE WHEN {found} NOT LIKE '24%' THEN TRY_CAST({found} AS TIME) END"


def _timestamp(column: Column, found: str, value: str, zone: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    if column.format and "%z" in column.format:
        typed = f"CAST(try_strptime({found}, {text(column.format)}) AS TIMESTAMPTZ)"
        return _calendar(typed), _not_read("type.timestamp", found, value)
    local = (
        f"try_strptime({found}, {text(column.format)})"
        if column.format
        else f"CASE WHEN length({found}) >= 16 THEN TRY_CAST({found} AS TIMESTAMP) END"
    )
    utc = f"timezone({text(zone)}, {local})"
    moved = f"timezone({text(zone)}, {utc}) <> {local}"
    if column.format:
        offset = "false"
    else:
        offset = f"(length({found}) > 16 AND regexp_matches(substr({found}, 17), {text(_OFFSET)}))"
    with_offset = f"CASE WHEN {offset} THEN TRY_CAST({found} AS TIMESTAMPTZ) "
    finite = f"isfinite({local})"
    typed = (
        f"{with_offset}WHEN {finite} AND NOT ({moved}) THEN {utc} END"
        if not column.format
        else (f"CASE WHEN {finite} AND NOT ({moved}) THEN {utc} END")
    )
    gap = f"NOT {offset} AND {value} IS NULL AND coalesce({finite} AND {moved}, false)"
    return _calendar(typed), (("time.dst_gap", gap), *_not_read("type.timestamp", found, value))


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
        return raw, f"{absent} OR {raw} < '!' OR suffix({raw}, ' ') OR suffix({raw}, chr(9))"
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
    """The exact expressions, in place: for what has no plainer form."""
    typed, _ = _typed(column, raw, value, timezone, False)
    if column.type == "TIMESTAMPTZ" and not column.format:
        typed = (
            f"CASE WHEN length({raw}) >= 20 AND suffix({raw}, 'Z') THEN TRY_CAST({raw} AS TIMESTAMPTZ) ELSE {typed} END"
        )
    listed = ", ".join(text(sentinel) for sentinel in column.sentinels)
    doubt = f"{value} IS NULL AND {raw} IS NOT NULL"
    if column.type == "VARCHAR":
        doubt = f"({doubt}) OR {raw} < '!' OR suffix({raw}, ' ')"
    if listed:
        typed, doubt = f"CASE WHEN {raw} NOT IN ({listed}) THEN {typed} END", f"({doubt}) AND {raw} NOT IN ({listed})"
    if column.required:
        doubt = f"({doubt}) OR {value} IS NULL"
    return typed, doubt


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


def typed_query(
    relation: str, record: RecordContract, sources: Mapping[str, str], timezone: str, *, exponents: bool = False
) -> str:
    """SELECT of the record's typed columns, ROW_NO, and `_bad` / `_raw` (NULL on good rows).

    `relation`: SQL of a relation with the raw text columns and ROW_NO. `sources`: contract source name -> SQL of
    its raw text in that relation. `_bad` is a comma-separated list of `<column ordinal>:<rule id>`; `_raw` the
    list of raw texts in column order. PHI columns are checked by nothing and left out of the result.
    """
    columns = [column for column in record.columns if not column.phi]
    parts = [typed_column(c, sources[c.source], timezone, exponents=exponents) for c in columns]
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
        f"CASE WHEN {any_bad} THEN [{raw_list}] END AS {_RAW} FROM typed"
    )


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
    good_columns = [name for name in batch.schema.names if name not in {_BAD, _RAW}]
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
            key=_key(record, columns, raws),
        )


def _reason(rule: str, column: Column | None) -> str:
    if column is None:
        return REASONS[rule]
    form = f" {column.format}" if column.format else ""
    return f"{column.source}: {REASONS[rule]} ({column.type}{form})"


def _key(record: RecordContract, columns: Sequence[Column], raws: Sequence[str | None]) -> str | None:
    """The refused row's key as text, where every part of it could be read as text."""
    by_name = {column.name: (raw or "").strip() for column, raw in zip(columns, raws, strict=True)}
    parts = [by_name.get(name, "") for name in record.key]
    return "|".join(parts) if any(parts) else None
