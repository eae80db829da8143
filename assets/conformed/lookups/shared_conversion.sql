WITH stated AS (
    -- What each source states, on which days: its next statement on the same unit ends the one before.
    SELECT
        item_sk,
        from_uom,
        x12_uom,
        factor,
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
),

named_conversion AS (
    -- For others a conversion goes by the X12 code that the source says the unit is, else by the source's own code. An
    -- own code that the source says to be another one in X12 is private: its CS may be the case, X12's is a cassette.
    SELECT item_sk, from_uom, factor, first_day, end_day
    FROM stated
    WHERE item_sk > 0 AND coalesce(x12_uom = from_uom, TRUE) AND first_day < end_day
    UNION ALL
    SELECT item_sk, x12_uom AS from_uom, factor, first_day, end_day
    FROM stated
    WHERE item_sk > 0 AND x12_uom <> from_uom AND first_day < end_day
),

turn AS (
    -- Days on which what is stated of a unit may change.
    SELECT item_sk, from_uom, first_day AS day
    FROM named_conversion
    UNION
    SELECT item_sk, from_uom, end_day AS day
    FROM named_conversion
),

span AS (
    SELECT item_sk, from_uom, day AS first_day, lead(day) OVER (PARTITION BY item_sk, from_uom ORDER BY day) AS end_day
    FROM turn
)

-- Any source's conversion of the same golden item, on the days on which no two statements of the network differ.
SELECT
    s.item_sk,
    s.from_uom,
    min(n.factor) AS factor,
    nullif(s.first_day, DATE '0001-01-01') AS valid_from,
    nullif(s.end_day, DATE '9999-12-31') AS valid_to
FROM span AS s
INNER JOIN named_conversion AS n
    ON s.item_sk = n.item_sk
        AND s.from_uom = n.from_uom
        AND s.first_day >= n.first_day
        AND s.first_day < n.end_day
GROUP BY s.item_sk, s.from_uom, s.first_day, s.end_day
HAVING min(n.factor) = max(n.factor)
