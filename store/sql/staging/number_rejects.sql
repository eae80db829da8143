-- Rejects of one delivery with an id that is the same in every home and at every reading.
CREATE OR REPLACE TEMP TABLE numbered AS
WITH placed AS (
    SELECT
        r.*,
        concat_ws(
            '|', $delivery_id, r.record, r.row_no, r.rule_id, coalesce(r.column_name, ''),
            coalesce(CAST(r.byte_offset AS VARCHAR), ''), r.location
        ) AS place
    FROM temp.rejects AS r
),

counted AS (
    SELECT p.*, row_number() OVER (PARTITION BY p.place ORDER BY p.reason, p.raw) AS nth
    FROM placed AS p
)

SELECT c.* EXCLUDE (place, nth), substr(sha256(c.place || '|' || c.nth), 1, 16) AS reject_id
FROM counted AS c
