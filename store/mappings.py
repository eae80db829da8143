"""Mapping entries of contracts (`lookup:`) that no value has ever met.

Here: queries over staged and history tables that yield findings (domain, kind, key, detail, first_seen). Not here: what
a mapping does to a value, and codes that it does not name (`connectors.typed`), writing findings (`store.review`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import duckdb

from connectors.contract import Column, FeedContract
from store.feed_tables import FeedTable, feed_tables
from store.working import literal, quote

_QUERY = """
WITH seen AS (
    SELECT {column} AS value, min(_valid_from) AS first_seen
    FROM (SELECT {column}, _valid_from FROM {staged} UNION ALL SELECT {column}, _valid_from FROM {history}) AS every
    GROUP BY {column}
),

entry AS (SELECT unnest({values}) AS value, unnest({codes}) AS codes)

SELECT {domain} AS domain, 'unused_mapping' AS kind, {key} || '|' || e.codes AS key,
    {name} || ' was never ' || e.codes || ', which stands for ' || e.value AS detail, a.first_seen
FROM entry AS e
CROSS JOIN (SELECT min(first_seen) AS first_seen FROM seen) AS a
ANTI JOIN seen AS s ON e.value = s.value
WHERE a.first_seen IS NOT NULL
"""


def mapping_findings(
    con: duckdb.DuckDBPyConnection, sources: Mapping[str, tuple[str, Mapping[str, FeedContract]]]
) -> list[str]:
    """One query per mapped text column of every feed that has tables. `sources`: source -> (system, feed -> contract).

    Entries that give one value are one: which of their codes came is not kept beside the value. Values that the
    feed's records have no longer count, too.
    """
    found = con.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'history'").fetchall()
    present = {str(row[0]) for row in found}
    return [
        _query(table, column)
        for source, (_, feeds) in sources.items()
        for contract in feeds.values()
        for table in feed_tables(contract, source)
        if table.name in present
        for column in _mapped(table)
    ]


def _mapped(table: FeedTable) -> Iterator[Column]:
    return (one for one in table.contract.columns if one.lookup and one.type == "VARCHAR" and not one.phi)


def _query(table: FeedTable, column: Column) -> str:
    codes: dict[str, list[str]] = {}
    for code, value in (column.lookup or {}).items():
        codes.setdefault(value, []).append(code)
    return _QUERY.format(
        column=quote(column.name),
        staged=table.staged,
        history=table.history,
        values=_texts(codes),
        codes=_texts(" or ".join(of) for of in codes.values()),
        domain=literal("feed"),
        key=literal(f"{table.name}.{column.name}"),
        name=literal(column.name),
    )


def _texts(values: Iterable[str]) -> str:
    return f"[{', '.join(map(literal, values))}]"
