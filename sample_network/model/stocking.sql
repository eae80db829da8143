-- How much of an item a hospital wants on its shelf, whether its formulary has it, and what it asked for. One site; the world is there.
-- A par level is revised once for some items.
CREATE OR REPLACE TEMP TABLE stocking AS
WITH drawn AS (
    SELECT c.item_no, c.local_id, c.review_days, c.use_percent, c.use_size, dice('par', item_key(getvariable('facility_no'), c.item_no)) AS h
    FROM carried AS c WHERE getvariable('facility_no') > 0
),

leveled AS (
    SELECT *, 2 + use_size + use_percent * use_size * review_days // 100 AS first_par,
        CASE WHEN bits(h, 0, 100) < 6 THEN 5 + bits(h, 8, 25) END AS revised_day,
        CASE WHEN bits(h, 16, 100) < 80 THEN 'formulary' WHEN bits(h, 16, 100) < 92 THEN 'restricted' ELSE 'non_formulary' END AS formulary
    FROM drawn
)

SELECT item_no, local_id, review_days, revised_day, formulary, v.is_new,
    CAST(CASE WHEN v.is_new THEN first_par * 3 // 2 ELSE first_par END AS BIGINT) AS par_qty,
    CAST(CASE WHEN v.is_new THEN first_par * 3 // 4 ELSE first_par // 2 END AS BIGINT) AS rop_qty,
    CAST(first_par * 2 AS BIGINT) AS max_qty
FROM leveled CROSS JOIN (VALUES (FALSE), (TRUE)) AS v (is_new)
WHERE NOT v.is_new OR revised_day IS NOT NULL;

CREATE OR REPLACE TEMP TABLE request AS
SELECT r.item_no, CAST(r.day AS INTEGER) AS day, r.qty, r.from_dc, c.local_id, l.po_no, l.line_no,
    concat('RQ', lpad(CAST(getvariable('facility_no') AS VARCHAR), 3, '0'), lpad(CAST(r.day AS VARCHAR), 3, '0'), '-', r.item_no) AS request_no
FROM replenishment AS r
JOIN carried AS c USING (item_no)
LEFT JOIN po_line AS l ON l.day = r.day AND NOT r.from_dc AND l.item_no = r.item_no;
