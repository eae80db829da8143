"""Each conformed table's SQL on small inputs: `cases/<table>[.<what>].yml` says what is given and what comes out."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.conformed.world import CONFORMED, add, empty_world, sql_of

CASES = sorted((Path(__file__).parent / "cases").glob("*.yml"))


def _same(expected: Any, actual: Any) -> bool:
    if isinstance(actual, Decimal):
        return expected is not None and Decimal(str(expected)) == actual
    if isinstance(actual, date):
        return str(expected) == str(actual)
    return type(expected) is type(actual) and expected == actual


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_given_rows_become_expected_rows(path: Path) -> None:
    case = YAML(typ="safe").load(path.read_text("utf-8"))
    con = empty_world()
    for relation, rows in case["given"].items():
        add(con, relation, rows)
    where, order = case.get("where", "TRUE"), case.get("order", "_source_key")
    relation = con.sql(f"SELECT * FROM ({sql_of(path.name.split('.')[0])}) AS t WHERE {where} ORDER BY {order}")
    actual = [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]
    assert len(actual) == len(case["expect"])
    differences = [
        f"row {number}, {column}: expected {value!r}, got {row[column]!r}"
        for number, (wanted, row) in enumerate(zip(case["expect"], actual, strict=True))
        for column, value in wanted.items()
        if not _same(value, row[column])
    ]
    assert not differences, "\n".join(differences)


def test_every_conformed_table_has_a_case() -> None:
    assert {path.stem for path in CONFORMED.glob("*.sql")} == {path.name.split(".")[0] for path in CASES}
