-- GTINs of pack levels that cannot be right: one number on two units or on two items, and levels the wrong way round.
-- A GTIN names one trade item of one size. Whoever scans it books it in the wrong unit, or to the wrong item.
WITH stated AS (
    SELECT
        source_system,
        item_key,
        coalesce(lower(trim(from_uom_x12)), lower(trim(from_uom))) AS unit,
        factor_to_base AS factor,
        gtin14(gtin) AS gtin14,
        _valid_from AS stated_at,
        row_number() OVER (
            PARTITION BY source_system, item_key, from_uom
            ORDER BY coalesce(valid_from, DATE '0001-01-01') DESC, factor_to_base, source_key
        ) AS age
    FROM intake.item_uom
    WHERE factor_to_base > 0 AND NOT coalesce(_is_deleted, FALSE)
        AND coalesce(valid_to, DATE '9999-12-31') = DATE '9999-12-31'
),

current_unit AS (
    -- What each source says now, of golden items that count in the source's base unit.
    SELECT
        i.item_sk,
        s.source_system || '|' || s.item_key AS record,
        s.unit,
        s.factor,
        s.gtin14,
        s.stated_at
    FROM stated AS s
    INNER JOIN lookup.item AS i ON s.source_system = i.source_system AND s.item_key = i.source_key
    WHERE s.age = 1 AND s.gtin14 IS NOT NULL AND i.item_sk > 0 AND NOT i.base_conflict
),

base AS (
    -- The base unit's own number, as it was decided.
    SELECT
        g.item_sk,
        g._source_system || '|' || g._source_key AS record,
        lower(trim(g.base_uom)) AS unit,
        CAST(1 AS DECIMAL(18, 6)) AS factor,
        g.gtin14,
        g.valid_from AS stated_at
    FROM master.golden_item AS g
    WHERE g.is_current AND g.gtin14 IS NOT NULL
),

numbered AS (
    SELECT item_sk, record, unit, factor, gtin14, stated_at FROM current_unit
    UNION
    SELECT item_sk, record, unit, factor, gtin14, stated_at FROM base
),

shared AS (
    -- Only numbers that are on something different are compared pair by pair.
    SELECT gtin14
    FROM numbered
    GROUP BY gtin14
    HAVING min(item_sk) <> max(item_sk) OR min(factor) <> max(factor)
),

clash AS (
    SELECT
        l.record || ' / ' || r.record AS key,
        l.gtin14 || ' is one ' || upper(l.unit) || ' (' || CAST(l.factor AS VARCHAR) || ') at ' || l.record
        || ' and one ' || upper(r.unit) || ' (' || CAST(r.factor AS VARCHAR) || ') at ' || r.record
        || CASE WHEN l.item_sk <> r.item_sk THEN ', another item' ELSE '' END AS detail,
        greatest(l.stated_at, r.stated_at) AS stated_at
    FROM numbered AS l
    INNER JOIN shared AS s ON l.gtin14 = s.gtin14
    INNER JOIN numbered AS r
        ON l.gtin14 = r.gtin14
            AND (
                l.record < r.record
                OR (l.record = r.record AND (l.factor < r.factor OR (l.factor = r.factor AND l.unit < r.unit)))
            )
    -- One unit of one item with two factors is `uom_conflict`; two items that share base units and their numbers are asked about.
    WHERE (l.item_sk <> r.item_sk AND (l.factor <> 1 OR r.factor <> 1))
        OR (l.item_sk = r.item_sk AND l.factor <> r.factor AND l.unit <> r.unit)
),

reversed AS (
    -- Indicator digits 1 to 8 are of packs of several: what they name cannot be within a number that begins with 0
    -- and has the same digits.
    SELECT
        l.record || ' / ' || r.record AS key,
        l.gtin14 || ' has a pack''s indicator and is one ' || upper(l.unit) || ' (' || CAST(l.factor AS VARCHAR) || ') at '
        || l.record || '; ' || r.gtin14 || ' has none and is one ' || upper(r.unit) || ' ('
        || CAST(r.factor AS VARCHAR) || ') at ' || r.record AS detail,
        greatest(l.stated_at, r.stated_at) AS stated_at
    FROM numbered AS l
    INNER JOIN numbered AS r
        ON l.item_sk = r.item_sk
            AND substr(l.gtin14, 2, 12) = substr(r.gtin14, 2, 12)
            AND l.factor < r.factor
    WHERE substr(l.gtin14, 1, 1) BETWEEN '1' AND '8' AND substr(r.gtin14, 1, 1) = '0'
)

SELECT 'item' AS domain, 'pack_gtin_conflict' AS kind, key, detail, max(stated_at) AS first_seen
FROM clash
GROUP BY key, detail
UNION ALL
SELECT 'item' AS domain, 'pack_gtin_level' AS kind, key, detail, max(stated_at) AS first_seen
FROM reversed
GROUP BY key, detail
