WITH own_start AS (
    -- A source that states two factors from the same day on has stated none.
    SELECT
        source_system,
        item_key,
        from_uom,
        valid_from,
        CASE WHEN min(factor) = max(factor) THEN min(factor) END AS factor,
        max(coalesce(valid_to, DATE '9999-12-31')) AS valid_to
    FROM lookup.conversion
    GROUP BY source_system, item_key, from_uom, valid_from
)

-- The source's own conversions; the next one ends the one before, so that a day has one at most.
SELECT
    source_system,
    item_key,
    from_uom,
    valid_from,
    factor,
    least(
        valid_to,
        lead(valid_from) OVER (
            PARTITION BY source_system, item_key, from_uom
            ORDER BY valid_from NULLS FIRST
        )
    ) AS valid_to
FROM own_start
