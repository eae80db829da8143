"""Findings and the review queue as they are published, with what depends on facts.

Here: `ops.review` and `ops.master_finding` of the working database, from what mastering found and from the facts of the
candidate that is being built: keys of no record, quantities that nobody can convert. Not here: finding anything in
master data (`mastering.findings`), publishing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from expectations.promise import TablePromise
from store.candidate import CATALOG
from store.working import Working, literal, quote, sql

_REVIEW = """
CREATE OR REPLACE TABLE ops.review AS
WITH concerned AS (
    SELECT domain, case_id, left_sk AS sk FROM master.review WHERE left_sk > 0
    UNION
    SELECT domain, case_id, right_sk FROM master.review WHERE right_sk > 0
),

ordered AS (
    {ordered}
),

worth AS (
    SELECT c.domain, c.case_id, sum(o.spend) AS spend, CAST(sum(o.open_orders) AS BIGINT) AS open_orders
    FROM concerned AS c
    INNER JOIN ordered AS o ON c.domain = o.domain AND c.sk = o.sk
    GROUP BY c.domain, c.case_id
)

SELECT
    r.domain, r.case_id, r.kind, r.left_source, r.left_key, r.right_source, r.right_key, r.attribute, r.reason,
    r.evidence, r.score, CAST(coalesce(w.spend, 0) AS DECIMAL(18, 4)) AS spend_amount,
    coalesce(w.open_orders, 0) AS open_order_lines, r.first_seen
FROM master.review AS r
LEFT JOIN worth AS w ON r.domain = w.domain AND r.case_id = w.case_id
"""
_ORDERED = """
    SELECT {domain} AS domain, {sk} AS sk, sum(CAST(ext_amount AS DECIMAL(38, 4))) AS spend,
        count(*) FILTER (NOT is_deleted_at_source AND NOT regexp_matches(lower(coalesce(status, '')), {closed}))
        AS open_orders
    FROM {table}
    WHERE {sk} IN (SELECT sk FROM concerned WHERE domain = {domain})
    GROUP BY {sk}
"""
#: Words of an order status, at any source, after which nothing more is expected.
_CLOSED = "clos|complet|cancel|receiv|done|reject|delet"
_FINDING = """
CREATE OR REPLACE TABLE ops.master_finding AS
SELECT domain, kind, key, detail, first_seen FROM master.finding
{unmapped}
"""
_UNMAPPED = """
UNION ALL
SELECT {domain}, 'unmapped_key', _source_system || '|' || {key},
    {table_name} || ': ' || CAST(count(*) AS VARCHAR) || ' rows name a key that is no ' || {domain}, min(_loaded_at)
FROM {table}
WHERE {sk} = -2 AND {key} IS NOT NULL
GROUP BY _source_system, {key}
"""
_FURTHER = """
UNION ALL
SELECT domain, kind, key, detail, first_seen FROM ({}) AS further
"""


def write_queue(working: Working, promises: Mapping[str, TablePromise], also: Sequence[str] = ()) -> None:
    """Make the published review queue and findings anew. The candidate is open and its tables are built.

    `also`: queries over intake and master data that yield further findings (domain, kind, key, detail, first_seen).
    """
    facts = [one for one in promises.values() if one.schema_name == "conformed" and one.table.startswith("fact_")]
    orders = [one for one in facts if one.table == "fact_po_line"]
    parts = [_of_orders(one, domain) for one in orders for domain in _domains(one, ("item", "supplier", "location"))]
    empty = "SELECT '' AS domain, CAST(0 AS BIGINT) AS sk, CAST(0 AS DECIMAL(38, 4)) AS spend, 0 AS open_orders LIMIT 0"
    unmapped = [_unmapped(fact, prefix, domain) for fact in facts for prefix, domain in _references(fact)]
    con = working.con
    con.execute(_REVIEW.format(ordered="\n    UNION ALL\n".join(parts) or empty))
    further = [*(query for fact in facts for query in _unconverted(fact)), *also]
    con.execute(_FINDING.format(unmapped="".join([*unmapped, *map(_FURTHER.format, further)])))


def _domains(promise: TablePromise, wanted: Sequence[str]) -> list[str]:
    return [domain for domain in wanted if f"{domain}_sk" in promise.column_names]


def _of_orders(promise: TablePromise, domain: str) -> str:
    table = quote(CATALOG, "conformed", promise.table)
    return _ORDERED.format(domain=literal(domain), sk=quote(f"{domain}_sk"), table=table, closed=literal(_CLOSED))


def _references(promise: TablePromise) -> list[tuple[str, str]]:
    """(what the columns are named for, domain) of the golden ids that have their source key beside them."""
    stems = [name.removesuffix("_sk") for name in promise.column_names if name.endswith("_sk")]
    domains = ("item", "supplier", "location", "gl_account", "cost_centre", "contract")
    return [
        (stem, domain)
        for stem in stems
        for domain in domains
        if f"source_{stem}_key" in promise.column_names and (stem == domain or stem.endswith(f"_{domain}"))
    ]


def _unmapped(promise: TablePromise, stem: str, domain: str) -> str:
    return _UNMAPPED.format(
        domain=literal(domain),
        key=quote(f"source_{stem}_key"),
        sk=quote(f"{stem}_sk"),
        table_name=literal(promise.table),
        table=quote(CATALOG, "conformed", promise.table),
    )


def _unconverted(promise: TablePromise) -> list[str]:
    """The query for quantities without conversion, of a table that converts any. Its first column in a unit that is a
    column itself is the quantity; others of the row are converted, or not, as this one is.
    """
    if "uom_conv_status" not in promise.column_names:
        return []
    quantity, unit = next((one.name, one.unit) for one in promise.columns if one.unit in promise.column_names)
    table = quote(CATALOG, "conformed", promise.table)
    return [
        sql("review/unconverted").format(
            table=table, table_name=literal(promise.table), quantity=quote(quantity), unit=quote(str(unit))
        )
    ]
