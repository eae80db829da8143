-- How much of an item a hospital wants on its shelf, whether its formulary has it, and what it asked for. Continues process.sql.
-- A par level is revised once for some items.
CREATE OR REPLACE TEMP TABLE stocking AS
WITH drawn AS (
    SELECT c.facility_no, c.item_no, c.local_id, c.review_days, c.use_percent, c.use_size, dice('par', c.shelf_id) AS h
    FROM carried AS c WHERE c.facility_no > 0
),

leveled AS (
    SELECT *, 2 + use_size + use_percent * use_size * review_days // 100 AS first_par,
        CASE WHEN bits(h, 0, 100) < 6 THEN 5 + bits(h, 8, 25) END AS revised_day,
        CASE WHEN bits(h, 16, 100) < 80 THEN 'formulary' WHEN bits(h, 16, 100) < 92 THEN 'restricted' ELSE 'non_formulary' END AS formulary
    FROM drawn
)

SELECT facility_no, item_no, local_id, review_days, revised_day, formulary, v.is_new,
    CAST(CASE WHEN v.is_new THEN first_par * 3 // 2 ELSE first_par END AS BIGINT) AS par_qty,
    CAST(CASE WHEN v.is_new THEN first_par * 3 // 4 ELSE first_par // 2 END AS BIGINT) AS rop_qty,
    CAST(first_par * 2 AS BIGINT) AS max_qty
FROM leveled CROSS JOIN (VALUES (FALSE), (TRUE)) AS v (is_new)
WHERE NOT v.is_new OR revised_day IS NOT NULL;

CREATE OR REPLACE TEMP TABLE request AS
SELECT r.facility_no, r.item_no, CAST(r.day AS INTEGER) AS day, r.qty, r.from_dc, c.local_id, l.po_no, l.line_no,
    concat('RQ', lpad(CAST(r.facility_no AS VARCHAR), 3, '0'), lpad(CAST(r.day AS VARCHAR), 3, '0'), '-', r.item_no) AS request_no
FROM replenishment AS r
JOIN carried AS c USING (shelf_id)
LEFT JOIN po_line AS l ON NOT r.from_dc AND l.line_id = item_day_key(r.facility_no, r.item_no, r.day);
