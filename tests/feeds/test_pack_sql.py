"""Pack SQL of every system is portable, reads only feeds of its own pack and names canonical columns."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from expectations.portable import violations
from tests.feeds import packs


def _select(sql: str, dialect: str) -> exp.Select:
    tree = sqlglot.parse_one(sql, read=dialect)
    assert isinstance(tree, exp.Select)
    return tree


FILES = sorted((packs.ROOT / "feeds").glob("*/*.sql"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_pack_sql_is_portable(path: Path) -> None:
    tree = _select(path.read_text(encoding="utf-8"), "duckdb")
    assert violations(path.read_text(encoding="utf-8")) == []
    again = _select(tree.sql(dialect="spark"), "spark")
    assert [s.alias_or_name for s in again.selects] == [s.alias_or_name for s in tree.selects]


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_pack_sql_reads_its_own_feeds_and_yields_canonical_columns(path: Path) -> None:
    tree = _select(path.read_text(encoding="utf-8"), "duckdb")
    names = set()
    for feed in packs.pack_contracts(path.parent.name).values():
        names |= {feed.feed} if list(feed.records) == ["main"] else {f"{feed.feed}__{r}" for r in feed.records}
    read = {t.name for t in tree.find_all(exp.Table) if t.db == "staged"}
    assert read
    assert read <= names
    given = {s.alias_or_name for s in tree.selects}
    assert set(packs.META) <= given
    assert given - set(packs.META) <= set(packs.shape_columns(path.stem))


@pytest.mark.parametrize(
    "path", sorted((packs.ROOT / "feeds").glob("*/*.yml")), ids=lambda p: f"{p.parent.name}/{p.stem}"
)
def test_contract_is_valid_and_supplies_known_columns(path: Path) -> None:
    feed = packs.contract(path)
    assert (feed.system, feed.feed) == (path.parent.name, path.stem)
    for record in feed.records.values():
        assert all(re.search(r"\w", reason) for reason in record.ignore.values())
        for supplies in record.supplies:
            assert set(supplies.columns) <= set(packs.shape_columns(supplies.intake)), supplies.intake
