WITH named_conversion AS (
    -- For others a conversion goes by the X12 code that the source says the unit is, else by the source's own code. An
    -- own code that the source says to be another one in X12 is private: its CS may be the case, X12's is a cassette.
    SELECT item_sk, from_uom, factor, valid_from, valid_to
    FROM lookup.conversion
    WHERE item_sk > 0 AND coalesce(x12_uom = from_uom, TRUE)
    UNION ALL
    SELECT item_sk, x12_uom AS from_uom, factor, valid_from, valid_to
    FROM lookup.conversion
    WHERE item_sk > 0 AND x12_uom <> from_uom
)

-- Any source's conversion of the same golden item, where no two statements of the network differ.
SELECT
    item_sk,
    from_uom,
    min(factor) AS factor,
    CASE WHEN count(valid_from) = count(*) THEN min(valid_from) END AS valid_from,
    CASE WHEN count(valid_to) = count(*) THEN max(valid_to) END AS valid_to
FROM named_conversion
GROUP BY item_sk, from_uom
HAVING min(factor) = max(factor)
