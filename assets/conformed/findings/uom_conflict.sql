-- Units of which two sources of a golden item state different factors for the same days; until one is right, nobody
-- else's orders in that unit are converted. Units go by the X12 code where the source gives one, as in conversions.
WITH stated AS (
    SELECT
        item_sk,
        source_system,
        item_key,
        coalesce(x12_uom, from_uom) AS unit,
        factor,
        stated_at,
        coalesce(valid_from, DATE '0001-01-01') AS first_day,
        least(
            coalesce(valid_to, DATE '9999-12-31'),
            min(valid_from) OVER (
                PARTITION BY source_system, item_key, from_uom
                ORDER BY coalesce(valid_from, DATE '0001-01-01')
                GROUPS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
            )
        ) AS end_day
    FROM lookup.conversion
    WHERE item_sk > 0
),

differing AS (
    -- Only units with several factors are compared pair by pair.
    SELECT item_sk, unit
    FROM stated
    GROUP BY item_sk, unit
    HAVING min(factor) <> max(factor)
),

pair AS (
    SELECT
        l.source_system || '|' || l.item_key || ' / ' || r.source_system || '|' || r.item_key || ' ' || upper(l.unit) AS key,
        'one ' || upper(l.unit) || ' is ' || CAST(l.factor AS VARCHAR) || ' base units at ' || l.source_system || ' and '
        || CAST(r.factor AS VARCHAR) || ' at ' || r.source_system AS difference,
        greatest(l.first_day, r.first_day) AS first_day,
        least(l.end_day, r.end_day) AS end_day,
        greatest(l.stated_at, r.stated_at) AS stated_at
    FROM stated AS l
    SEMI JOIN differing AS d ON l.item_sk = d.item_sk AND l.unit = d.unit
    INNER JOIN stated AS r
        ON l.item_sk = r.item_sk
            AND l.unit = r.unit
            AND (l.source_system, l.item_key) < (r.source_system, r.item_key)
            AND l.factor <> r.factor
            AND greatest(l.first_day, r.first_day) < least(l.end_day, r.end_day)
),

described AS (
    SELECT
        key,
        difference
        || CASE WHEN first_day > DATE '0001-01-01' THEN ' from ' || CAST(first_day AS VARCHAR) ELSE '' END
        || CASE WHEN end_day < DATE '9999-12-31' THEN ' until ' || CAST(end_day AS VARCHAR) ELSE '' END AS detail,
        stated_at
    FROM pair
)

SELECT 'item' AS domain, 'uom_conflict' AS kind, key, detail, max(stated_at) AS first_seen
FROM described
GROUP BY key, detail
