-- Offers whose pack holds something else than another source's conversion of that unit says: orders placed by the offer
-- would count wrongly. An offer without dates says what holds now, so it is compared with the last statement of a source
-- that is in force: a pack that is announced counts from the day on which anybody has said anything since.
WITH latest AS (
    SELECT CAST(max(_valid_from) AS DATE) AS today
    FROM (SELECT _valid_from FROM intake.item_uom UNION ALL SELECT _valid_from FROM intake.item_supplier) AS said
),

stated AS (
    SELECT
        item_sk,
        source_system,
        item_key,
        from_uom,
        x12_uom,
        factor,
        stated_at,
        row_number() OVER (
            PARTITION BY source_system, item_key, from_uom
            ORDER BY coalesce(valid_from, DATE '0001-01-01') DESC, factor
        ) AS age
    FROM lookup.conversion
    CROSS JOIN latest
    WHERE item_sk > 0 AND coalesce(valid_from <= latest.today, TRUE) AND coalesce(valid_to > latest.today, TRUE)
),

offer AS (
    SELECT
        o.source_system,
        o.item_key,
        i.item_sk,
        lower(trim(o.uom)) AS unit,
        o.pack_qty,
        o._valid_from AS stated_at
    FROM intake.item_supplier AS o
    INNER JOIN lookup.item AS i ON o.source_system = i.source_system AND o.item_key = i.source_key
    WHERE i.item_sk > 0 AND o.pack_qty > 0 AND NOT coalesce(o._is_deleted, FALSE)
        AND NOT i.base_conflict AND coalesce(o.valid_to, DATE '9999-12-31') = DATE '9999-12-31'
),

pair AS (
    -- An offer names a unit by a source's own code or by its X12 code, and seldom says which: either is asked about.
    SELECT
        o.source_system || '|' || o.item_key || ' / ' || s.source_system || '|' || s.item_key || ' ' || upper(o.unit) AS key,
        'one ' || upper(o.unit) || ' is sold as ' || CAST(o.pack_qty AS VARCHAR) || ' base units at ' || o.source_system
        || ' and is ' || CAST(s.factor AS VARCHAR) || ' at ' || s.source_system AS detail,
        greatest(o.stated_at, s.stated_at) AS stated_at
    FROM offer AS o
    INNER JOIN stated AS s
        ON o.item_sk = s.item_sk
            AND (o.unit = s.from_uom OR o.unit = s.x12_uom)
            AND o.pack_qty <> s.factor
    WHERE s.age = 1
)

SELECT 'item' AS domain, 'pack_conflict' AS kind, key, detail, max(stated_at) AS first_seen
FROM pair
GROUP BY key, detail
