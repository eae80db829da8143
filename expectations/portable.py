"""The portable subset of SQL: what DuckDB and Spark answer with the same rows (DESIGN section 8).

Here: a checker of one SQL text and the list of what is in the subset, each refusal with its reason.
Not here: finding the files (tests/test_portable_sql.py), running them. Everything not on the list of
functions is refused: a function is added after trying it on both engines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import TokenType

#: DuckDB decimals of up to 18 digits overflow in `*`; from 19 on the product is computed in 128 bits.
_WIDE = 19
_INTEGERS = frozenset({exp.DType.TINYINT, exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT})
_FLOATS = frozenset({exp.DType.FLOAT, exp.DType.DOUBLE})

_FUNCTIONS: frozenset[type[exp.Expr]] = frozenset(
    {
        # control, comparison
        exp.Case, exp.If, exp.Coalesce, exp.Nullif, exp.Greatest, exp.Least, exp.Exists, exp.Cast, exp.TryCast,
        # text
        exp.Lower, exp.Upper, exp.Trim, exp.Length, exp.Replace, exp.Substring, exp.Left, exp.Right, exp.Pad,
        exp.Concat, exp.ConcatWs, exp.SplitPart, exp.StartsWith, exp.Contains, exp.StrPosition, exp.RegexpReplace,
        exp.RegexpLike, exp.RegexpExtract, exp.MD5, exp.SHA2, exp.Reverse,
        # numbers
        exp.Abs, exp.Round, exp.Floor, exp.Ceil, exp.Sign,
        # dates
        exp.DateDiff, exp.Extract, exp.DateFromParts, exp.LastDay, exp.TimeToStr, exp.Year, exp.Month, exp.Day,
        exp.TimestampTrunc, exp.DateTrunc,
        # aggregates, windows
        exp.Count, exp.Sum, exp.Min, exp.Max, exp.LogicalOr, exp.LogicalAnd, exp.RowNumber, exp.Rank, exp.DenseRank,
        exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue,
        # sqlglot counts these operators and clauses as functions
        exp.And, exp.Or, exp.Xor,
    }
)  # fmt: skip

_REASONS: dict[type[exp.Expr], str] = {
    exp.ArgMax: "max_by differs on NULL and ties: use a window and row_number()",
    exp.ArgMin: "min_by differs on NULL and ties: use a window and row_number()",
    exp.DayOfWeek: "dayofweek counts from another day: compute it from date_diff('day', a Monday, d)",
    exp.DayOfWeekIso: "isodow is rewritten through dayofweek: compute it from date_diff('day', a Monday, d)",
    exp.JarowinklerSimilarity: "jaro_winkler_similarity differs: match in mastering, not in SQL",
    exp.Avg: "avg of decimals is a double in DuckDB: publish sum and count",
    exp.CurrentDate: "a table is a function of its inputs: take dates from the rows",
    exp.CurrentTimestamp: "a table is a function of its inputs: take times from the rows",
    exp.Rand: "a table is a function of its inputs",
    exp.StrToTime: "strptime formats differ: type columns in the feed contract",
    exp.First: "first() without an order is not deterministic: use row_number()",
    exp.AnyValue: "any_value() is not deterministic: use min() or row_number()",
}
_NAMED_REASONS = {
    "HASH": "hash() differs between engines and versions: use md5() or sha256()",
    "NOW": "a table is a function of its inputs: take times from the rows",
    "TIMEZONE": "time zones are applied in the feed contract",
}
#: Functions of the project, which it makes known to whatever engine it works on (`mastering.packs`).
_OWN = frozenset({"PACK_FAULT", "GTIN14", "GTIN_FAULT"})
_CLAUSES: dict[type[exp.Expr], str] = {
    exp.Div: "/ on decimals differs: multiply by the reciprocal's factor, or divide integers with //",
    exp.AtTimeZone: "AT TIME ZONE has two directions in DuckDB and one in Spark: type columns in the feed contract",
    exp.Lateral: "LATERAL is outside the subset",
    exp.Pivot: "PIVOT / UNPIVOT is outside the subset: use CASE and GROUP BY",
    exp.TableSample: "a sample is not deterministic",
    exp.Lambda: "lists and lambdas are outside the subset",
    exp.Bracket: "lists and structs are outside the subset (and Spark counts from 0)",
    exp.Struct: "lists and structs are outside the subset",
    exp.Array: "lists and structs are outside the subset",
    exp.Unnest: "lists and structs are outside the subset",
    exp.Explode: "lists and structs are outside the subset",
    exp.SimilarTo: "SIMILAR TO is outside the subset: use regexp_matches",
    exp.Glob: "GLOB is outside the subset: use LIKE",
    exp.Columns: "COLUMNS(...) is outside the subset: name the columns",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One construct outside the subset: the SQL piece and what to do instead."""

    piece: str
    reason: str

    def __str__(self) -> str:
        return f"{self.piece}: {self.reason}"


def violations(sql: str, types: Mapping[str, str] | None = None) -> list[Violation]:
    """Everything in `sql` (one DuckDB SELECT) that is outside the portable subset; empty when it is portable.

    `types`: column name -> DuckDB type of input columns, where known: a product of decimals is allowed
    only where one side is at least 19 digits wide, and a bare column is taken as narrow unless `types` says otherwise.
    """
    try:
        trees = [tree for tree in sqlglot.parse(sql, read="duckdb") if tree is not None]
    except SqlglotError as error:
        return [Violation(sql[:60], f"sqlglot cannot parse it: {error}")]
    if len(trees) != 1 or not isinstance(trees[0], exp.Query):
        return [Violation(sql[:60], "a file holds exactly one SELECT")]
    found = [*_tokens(sql), *_walk(trees[0], _Widths(trees[0], types or {}))]
    return found or _transpiled(trees[0])


def to_spark(sql: str) -> str:
    """The same SELECT in Spark's dialect. Raises ValueError naming the first violation."""
    found = violations(sql)
    if found:
        raise ValueError(str(found[0]))
    return sqlglot.transpile(sql, read="duckdb", write="spark")[0]


def _transpiled(tree: exp.Expr) -> list[Violation]:
    """Whether Spark's own grammar, as sqlglot knows it, reads what is written for it."""
    try:
        sqlglot.parse_one(tree.sql("spark", unsupported_level=sqlglot.ErrorLevel.RAISE), read="spark")
    except SqlglotError as error:
        return [Violation(tree.sql("duckdb")[:60], f"not translatable to Spark: {error}")]
    return []


def _tokens(sql: str) -> Iterator[Violation]:
    """What sqlglot's tree no longer tells apart: `~` is a full match in DuckDB, a partial one in Spark."""
    for token in sqlglot.tokenize(sql, read="duckdb"):
        if token.token_type in (TokenType.TILDE, TokenType.RLIKE):
            yield Violation(token.text, "the operator ~ matches the whole text in DuckDB: use regexp_matches()")


def _walk(tree: exp.Expr, widths: _Widths) -> Iterator[Violation]:
    for node in tree.walk():
        reason = _refusal(node, widths)
        if reason:
            yield Violation(node.sql("duckdb")[:120], reason)


def _refusal(node: exp.Expr, widths: _Widths) -> str | None:
    for kind, reason in (*_CLAUSES.items(), *_REASONS.items()):
        if isinstance(node, kind):
            return reason
    if isinstance(node, exp.Anonymous):
        name = str(node.this).upper()
        return (
            None
            if name in _OWN
            else _NAMED_REASONS.get(name, f"{name.lower()}() is not on the list of portable functions")
        )
    for kind, check in _CHECKS.items():
        if isinstance(node, kind):
            return check(node)
    if isinstance(node, exp.Mul):
        return widths.product(node)
    if isinstance(node, exp.Func) and not isinstance(node, tuple(_FUNCTIONS)):
        return f"{node.sql_name().lower()}() is not on the list of portable functions"
    return _aggregate(node)


def _aggregate(node: exp.Expr) -> str | None:
    if isinstance(node, exp.AggFunc) and any(isinstance(child, exp.Order) for child in node.iter_expressions()):
        return "ORDER BY inside an aggregate differs: use a window and row_number()"
    if isinstance(node, exp.AggFunc) and isinstance(node.this, exp.Order):
        return "ORDER BY inside an aggregate differs: use a window and row_number()"
    return None


# -- checks of one construct -----------------------------------------------------------------------------


def _number(node: exp.Expr | None) -> int | None:
    """The value of an integer literal, with its sign; None for anything else."""
    if isinstance(node, exp.Neg):
        inner = _number(node.this)
        return None if inner is None else -inner
    if isinstance(node, exp.Literal) and not node.is_string and str(node.this).isdigit():
        return int(node.this)
    return None


def _cast(node: exp.Expr) -> str | None:
    kind = node.to.this  # type: ignore[attr-defined] # exp.Cast.to
    if kind in _FLOATS:
        return "floating point: money and quantities are decimals"
    return None


def _regexp_replace(node: exp.Expr) -> str | None:
    modifiers = node.args.get("modifiers")
    if modifiers is None or "g" not in str(modifiers.this):
        return "regexp_replace without 'g' replaces one match in DuckDB and all in Spark"
    return None


def _substring(node: exp.Expr) -> str | None:
    start = _number(node.args.get("start"))
    if start is None:
        return None
    return None if start > 0 else "substr from 0 or from the end differs: start at 1 or more"


def _side(node: exp.Expr) -> str | None:
    length = _number(node.args.get("expression"))
    return None if length is not None and length >= 0 else "left/right need a literal, non-negative length"


def _date_diff(node: exp.Expr) -> str | None:
    unit = str(node.args.get("unit")).upper()
    return None if unit == "DAY" else f"date_diff('{unit.lower()}') counts boundaries in DuckDB, whole units in Spark"


def _extract(node: exp.Expr) -> str | None:
    part = str(node.this).upper()
    allowed = ("YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE")
    return None if part in allowed else f"EXTRACT({part.lower()}) is outside the subset"


def _trunc(node: exp.Expr) -> str | None:
    return None if isinstance(node.parent, exp.Cast) else "date_trunc's type differs: CAST the result"


def _star(node: exp.Expr) -> str | None:
    changed = [part for part in ("except_", "except", "replace", "rename") if node.args.get(part)]
    return "* EXCLUDE / REPLACE / RENAME is outside the subset: name the columns" if changed else None


def _group(node: exp.Expr) -> str | None:
    return "GROUP BY ALL is outside the subset: name the columns" if node.args.get("all") else None


def _join(node: exp.Expr) -> str | None:
    method = str(node.args.get("method") or "").upper()
    return f"{method} JOIN is outside the subset" if method in ("ASOF", "POSITIONAL", "NATURAL") else None


_CHECKS: dict[type[exp.Expr], Callable[[exp.Expr], str | None]] = {
    exp.Cast: _cast,
    exp.RegexpReplace: _regexp_replace,
    exp.Substring: _substring,
    exp.Left: _side,
    exp.Right: _side,
    exp.DateDiff: _date_diff,
    exp.Extract: _extract,
    exp.TimestampTrunc: _trunc,
    exp.DateTrunc: _trunc,
    exp.Star: _star,
    exp.Group: _group,
    exp.Join: _join,
}


class _Widths:
    """Which expressions of one statement are safe in a product: integers and decimals of 19 digits or more.

    A column is looked up among the statement's own aliases first (every expression of that name must be
    safe), then among the known input types.
    """

    def __init__(self, tree: exp.Expr, types: Mapping[str, str]) -> None:
        self.types = {name.lower(): exp.DataType.build(kind, dialect="duckdb") for name, kind in types.items()}
        self.aliases: dict[str, list[exp.Expr]] = {}
        for alias in tree.find_all(exp.Alias):
            self.aliases.setdefault(alias.alias.lower(), []).append(alias.this)

    def product(self, node: exp.Mul) -> str | None:
        if self.wide(node.this) or self.wide(node.expression):
            return None
        if self.integer(node.this) and self.integer(node.expression):
            return None
        return "decimal * overflows at 18 digits in DuckDB: CAST one side to DECIMAL(19, s)"

    def wide(self, node: exp.Expr, seen: frozenset[str] = frozenset()) -> bool:
        """A decimal of at least 19 digits, or something made of one."""
        return self._made_of(node, _is_wide, seen)

    def integer(self, node: exp.Expr) -> bool:
        """An integer, or something made of integers only."""
        if isinstance(node, exp.Paren | exp.Neg):
            return self.integer(node.this)
        if isinstance(node, exp.Add | exp.Sub | exp.Mul | exp.Mod | exp.IntDiv):
            return self.integer(node.this) and self.integer(node.expression)
        if isinstance(node, exp.Literal):
            return _number(node) is not None
        return isinstance(node, exp.DateDiff | exp.Extract | exp.Length) or self._made_of(node, _is_integer)

    def _made_of(
        self, node: exp.Expr, test: Callable[[exp.DataType], bool], seen: frozenset[str] = frozenset()
    ) -> bool:
        if isinstance(node, exp.Cast):
            return test(node.to)
        if isinstance(node, exp.Column):
            return self._column(node.name.lower(), test, seen)
        if isinstance(node, exp.Paren | exp.Neg | exp.Abs | exp.Mul | exp.Coalesce | exp.Case | exp.If):
            return any(self._made_of(child, test, seen) for child in node.iter_expressions())
        return False

    def _column(self, name: str, test: Callable[[exp.DataType], bool], seen: frozenset[str]) -> bool:
        own = [] if name in seen else [e for e in self.aliases.get(name, []) if not _same_name(e, name)]
        if own:
            return all(self._made_of(expression, test, seen | {name}) for expression in own)
        return name in self.types and test(self.types[name])


def _same_name(node: exp.Expr, name: str) -> bool:
    return isinstance(node, exp.Column) and node.name.lower() == name


def _is_wide(kind: exp.DataType) -> bool:
    if kind.this != exp.DType.DECIMAL or not kind.expressions:
        return False
    return int(kind.expressions[0].name) >= _WIDE


def _is_integer(kind: exp.DataType) -> bool:
    return kind.this in _INTEGERS
