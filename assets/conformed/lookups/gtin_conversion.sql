WITH named AS (
    -- The unit of a pack by the source's own code, and by its X12 code.
    SELECT item_sk, gtin, from_uom, factor
    FROM lookup.conversion
    WHERE item_sk > 0 AND gtin IS NOT NULL
    UNION ALL
    SELECT item_sk, gtin, x12_uom AS from_uom, factor
    FROM lookup.conversion
    WHERE item_sk > 0 AND gtin IS NOT NULL AND x12_uom <> from_uom
)

-- What the pack of a golden item with this GTIN holds, on any day: a pack that holds something else has another GTIN
-- (GS1 General Specifications, GTIN Management Standard). Nothing where two statements on it differ.
SELECT item_sk, gtin, from_uom, min(factor) AS factor
FROM named
GROUP BY item_sk, gtin, from_uom
HAVING min(factor) = max(factor)
