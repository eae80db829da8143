"""Matching on data that nobody on the project wrote, with the configuration that syncs use."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from mastering.matching.batch import Matched, match
from tests.mastering.world import DOMAINS

pytestmark = pytest.mark.real_data


def figures(done: Matched, truth: set[tuple[str, str]]) -> tuple[float, float, float]:
    """Precision, recall and F1 of the pairs between the sources a and b."""
    con = duckdb.connect()
    con.register("c", done.clusters)
    found = set(
        con.execute(
            "SELECT a.source_key, b.source_key FROM c AS a INNER JOIN c AS b USING (cluster)"
            " WHERE a.source_system = 'a' AND b.source_system = 'b'"
        ).fetchall()
    )
    right = len(found & truth)
    return right / len(found), right / len(truth), 2 * right / (len(found) + len(truth))


def test_hospitals_are_linked_without_assuming_one_to_one(real_data: Path) -> None:
    folder = real_data / "matching" / "cms_hospitals"
    shared = (
        '"Facility ID" AS source_key, "Facility Name" AS name, "Address" AS address_line, "State" AS state,'
        ' "ZIP Code" AS postal_code, "Hospital Type" AS type'
    )
    records: pa.Table = (
        duckdb.connect()
        .sql(
            f'SELECT \'a\' AS source_system, {shared}, "City" AS city, "Phone Number" AS phone'
            f" FROM read_csv('{folder}/vintage_a.csv', all_varchar = true) UNION ALL BY NAME"
            f' SELECT \'b\' AS source_system, {shared}, "City/Town" AS city, "Telephone Number" AS phone'
            f" FROM read_csv('{folder}/vintage_b.csv', all_varchar = true)"
        )
        .to_arrow_table()
    )
    keys: dict[str, set[str]] = {"a": set(), "b": set()}
    for row in records.select(["source_system", "source_key"]).to_pylist():
        keys[row["source_system"]].add(row["source_key"])
    precision, recall, _ = figures(match(records, DOMAINS["location"]), {(key, key) for key in keys["a"] & keys["b"]})
    assert precision >= 0.995
    assert recall >= 0.97


def test_products_are_linked_by_name_where_shops_have_no_duplicates(real_data: Path) -> None:
    folder = real_data / "matching" / "abt_buy"
    con = duckdb.connect()
    read = "read_csv('{}/{}.csv', delim = '|', all_varchar = true)"
    records = con.sql(
        f"SELECT 'a' AS source_system, id AS source_key, name AS description FROM {read.format(folder, 'abtclean')}"
        f" UNION ALL SELECT 'b', id, name FROM {read.format(folder, 'buyclean')}"
    ).to_arrow_table()
    truth = set(con.sql(f"SELECT * FROM {read.format(folder, 'gtclean')}").fetchall())
    assert figures(match(records, DOMAINS["item"], one_to_one=True), truth)[2] >= 0.95
