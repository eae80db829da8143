-- Rows that the reader refused, and rows that the key checks refused (those were delivered first).
-- Several rejects of one row are one row; a reject of a row that was delivered all the same is a remark.
WITH accepted AS (
    {accepted}
    UNION ALL
    SELECT r.record, r.row_no FROM temp.rejects AS r WHERE NOT r.from_reader
),

single AS (
    SELECT
        r.record,
        r.row_no,
        max(CASE WHEN r.severity = 'error' THEN 1 ELSE 0 END) AS is_error
    FROM temp.rejects AS r
    WHERE r.from_reader AND r.row_no > 0 AND r.row_count = 1
    GROUP BY r.record, r.row_no
),

refused AS (
    SELECT s.is_error, 1 AS row_count
    FROM single AS s
    WHERE NOT EXISTS (SELECT 1 FROM accepted AS a WHERE a.record = s.record AND a.row_no = s.row_no)
    UNION ALL
    SELECT CASE WHEN r.severity = 'error' THEN 1 ELSE 0 END AS is_error, r.row_count
    FROM temp.rejects AS r
    WHERE r.from_reader AND (r.row_count > 1 OR (r.row_count = 1 AND r.row_no = 0 AND r.severity = 'error'))
),

by_key AS (
    SELECT CASE WHEN r.severity = 'error' THEN 1 ELSE 0 END AS is_error
    FROM temp.rejects AS r
    WHERE NOT r.from_reader
)

SELECT
    (SELECT sum(row_count) FROM refused) AS refused,
    (SELECT sum(row_count) FROM refused WHERE is_error = 1) AS refused_errors,
    (SELECT count(*) FROM by_key) AS by_key,
    (SELECT count(*) FROM by_key WHERE is_error = 1) AS by_key_errors,
    (SELECT count(*) FROM temp.rejects WHERE from_reader AND severity = 'error' AND row_count = 0) AS unknown
