-- Rows that share their key with another row of the delivery: which one stays, and what the others are called.
CREATE OR REPLACE TEMP TABLE duplicates AS
WITH shared AS (
    SELECT _source_key
    FROM {spool}
    GROUP BY _source_key
    HAVING count(*) > 1
),

ranked AS (
    SELECT
        s.rowid AS spool_row,
        s._source_key,
        s._source_row_no,
        min(s._source_row_no) OVER (PARTITION BY s._source_key) AS first_row,
        max(s._source_row_no) OVER (PARTITION BY s._source_key) AS last_row,
        min(s._row_hash) OVER (PARTITION BY s._source_key) = max(s._row_hash) OVER (PARTITION BY s._source_key)
            AS is_identical
    FROM {spool} AS s
    INNER JOIN shared ON s._source_key = shared._source_key
)

SELECT
    spool_row,
    _source_key,
    _source_row_no,
    first_row,
    last_row,
    CASE
        WHEN is_identical THEN 'key.duplicate_identical'
        WHEN $last_wins THEN 'key.superseded_in_delivery'
        ELSE 'key.duplicate'
    END AS rule_id
FROM ranked
WHERE (is_identical AND _source_row_no > first_row)
    OR (NOT is_identical AND (NOT $last_wins OR _source_row_no < last_row))
