-- What the warehouse carries, and what hospitals took from it (table transfer_all, filled by them).
CREATE OR REPLACE TEMP TABLE carried AS
SELECT 0 AS facility_no, item_key(0, item_no) AS shelf_id, item_no, dice('carried', item_key(0, item_no)) AS h, entity_id,
    3 AS review_days, item_no % 3 AS review_offset, 0 AS use_percent, 40 AS use_size, FALSE AS from_dc, erp_no AS local_id
FROM item WHERE is_dc ORDER BY item_no;

CREATE OR REPLACE TEMP TABLE demand AS
WITH taken AS (SELECT item_no, day, CAST(sum(qty) AS BIGINT) AS qty FROM transfer_all GROUP BY item_no, day),

daily AS (
    SELECT c.facility_no, c.shelf_id, c.item_no, CAST(d.day AS INTEGER) AS day, dice('use', item_day_key(0, c.item_no, d.day)) AS h, coalesce(t.qty, 0) AS qty
    FROM carried AS c
    CROSS JOIN range(0, CAST(getvariable('horizon') AS INTEGER)) AS d (day)
    LEFT JOIN taken AS t ON t.item_no = c.item_no AND t.day = d.day
)

SELECT *, CAST(sum(qty) OVER (PARTITION BY shelf_id ORDER BY day) AS BIGINT) AS need_to FROM daily;
