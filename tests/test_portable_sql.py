"""Every SQL file of the project stays in the portable subset, and each construct outside it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlglot
from ruamel.yaml import YAML

from expectations.portable import to_spark, violations

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted([*(ROOT / "assets" / "conformed").rglob("*.sql"), *(ROOT / "feeds").rglob("*.sql")])


def column_types(path: Path) -> dict[str, str]:
    """Types of a feed pack's contract columns, where all its contracts agree on the type of a name."""
    types: dict[str, set[str]] = {}
    for contract in path.parent.glob("*.yml") if "feeds" in path.parts else ():
        data = YAML(typ="safe").load(contract.read_text("utf-8"))
        for record in data.get("records", {"main": data}).values():
            for column in record.get("columns", ()):
                types.setdefault(column["name"], set()).add(column["type"])
    return {name: found.pop() for name, found in types.items() if len(found) == 1}


def test_there_are_files_to_check() -> None:
    assert len([path for path in FILES if path.parent.name == "conformed"]) == 24


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_file_is_portable_and_turns_into_spark(path: Path) -> None:
    sql = path.read_text("utf-8")
    assert [str(violation) for violation in violations(sql, column_types(path))] == []
    assert sqlglot.transpile(sql, read="duckdb", write="spark")[0]


REFUSED = {
    "a / b": "divide integers with //",
    "hash(a)": "md5",
    "max_by(a, b)": "row_number",
    "arg_min(a, b)": "row_number",
    "max(a ORDER BY b)": "row_number",
    "string_agg(a, ',' ORDER BY b)": "not on the list",
    "regexp_replace(a, 'x', 'y')": "without 'g'",
    "date_diff('month', a, b)": "counts boundaries",
    "date_diff('hour', a, b)": "counts boundaries",
    "dayofweek(a)": "date_diff('day'",
    "isodow(a)": "date_diff('day'",
    "EXTRACT(dow FROM a)": "outside the subset",
    "left(a, -1)": "non-negative",
    "right(a, n)": "literal",
    "substr(a, 0)": "start at 1",
    "substr(a, -2, 2)": "start at 1",
    "CAST(a AS DOUBLE)": "decimals",
    "a::FLOAT": "decimals",
    "avg(a)": "sum and count",
    "a * b": "DECIMAL(19",
    "CAST(a AS DECIMAL(18, 6)) * b": "DECIMAL(19",
    "narrow * 2": "DECIMAL(19",
    "date_trunc('month', a)": "CAST",
    "jaro_winkler_similarity(a, b)": "mastering",
    "now()": "inputs",
    "current_date": "inputs",
    "random()": "inputs",
    "first(a)": "row_number",
    "any_value(a)": "not deterministic",
    "strptime(a, '%Y')": "feed contract",
    "a AT TIME ZONE 'UTC'": "feed contract",
    "timezone('UTC', a)": "feed contract",
    "a ~ 'x'": "regexp_matches",
    "a SIMILAR TO 'x'": "regexp_matches",
    "[x + 1 for x in a]": "lists",
    "a[1]": "lists",
    "unnest(a)": "lists",
    "{'k': a}": "lists",
    "* EXCLUDE (a)": "name the columns",
    "levenshtein(a, b)": "not on the list",
    "some_udf(a)": "not on the list",
}


@pytest.mark.parametrize(("expression", "hint"), REFUSED.items(), ids=REFUSED.keys())
def test_construct_outside_the_subset_is_refused_with_a_way_out(expression: str, hint: str) -> None:
    found = violations(f"SELECT {expression} AS r FROM t", {"narrow": "DECIMAL(18,6)"})
    assert any(hint in violation.reason for violation in found), found


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a FROM t GROUP BY ALL",
        "SELECT a FROM t ASOF JOIN u USING (k)",
        "SELECT a FROM t, LATERAL (SELECT 1)",
        "SELECT a FROM t USING SAMPLE 10%",
        "PIVOT t ON a USING sum(b)",
        "CREATE TABLE x AS SELECT 1",
        "SELECT 1; SELECT 2",
        "SELECT FROM WHERE",
    ],
)
def test_statement_outside_the_subset_is_refused(sql: str) -> None:
    assert violations(sql)


@pytest.mark.parametrize(
    "expression",
    [
        "CAST(a AS DECIMAL(19, 6)) * b",
        "wide * b",
        "3 * 4",
        "date_diff('day', a, b) * 7",
        "regexp_replace(a, 'x', 'y', 'g')",
        "substr(a, 2, 3)",
        "left(a, 3)",
        "CAST(date_trunc('month', a) AS DATE)",
        "md5(concat_ws('|', a, coalesce(b, '')))",
        "row_number() OVER (PARTITION BY a ORDER BY b NULLS FIRST)",
        "lag(a) IGNORE NULLS OVER (ORDER BY b)",
        "count(*) FILTER (WHERE a > 1)",
        "CASE WHEN a IS NOT DISTINCT FROM b AND c LIKE 'x%' THEN 1 END",
        "TRY_CAST(a AS DECIMAL(18, 6))",
    ],
)
def test_construct_inside_the_subset_is_accepted(expression: str) -> None:
    assert violations(f"SELECT {expression} AS r FROM t", {"wide": "DECIMAL(22,12)"}) == []


def test_width_is_followed_through_names_within_the_statement() -> None:
    wide = "WITH x AS (SELECT CAST(a AS DECIMAL(30, 6)) AS w FROM t) SELECT w * b AS r FROM x"
    assert violations(wide) == []
    narrow = wide.replace("FROM t)", "FROM t UNION ALL SELECT q AS w FROM t)")
    assert "DECIMAL(19" in violations(narrow)[0].reason


def test_to_spark_gives_sparks_dialect_or_says_why_not() -> None:
    assert to_spark("SELECT a // 2 AS r, CAST(b AS VARCHAR) AS s FROM t ORDER BY a") == (
        "SELECT a DIV 2 AS r, CAST(b AS STRING) AS s FROM t ORDER BY a NULLS LAST"
    )
    with pytest.raises(ValueError, match="md5"):
        to_spark("SELECT hash(a) AS h FROM t")
