-- What hospitals carry and use: those of table `here`, days 0 to horizon. A shelf is an item at a site.
CREATE OR REPLACE TEMP TABLE carried AS
WITH drawn AS (
    SELECT s.facility_no, item_key(s.facility_no, i.item_no) AS shelf_id, dice('carried', item_key(s.facility_no, i.item_no)) AS h, i.*
    FROM here AS s CROSS JOIN item AS i
)

SELECT
    facility_no, shelf_id, item_no, h, entity_id,
    2 + bits(h, 8, 6) AS review_days,
    bits(h, 12, 7) AS review_offset,
    15 + bits(h, 16, 60) AS use_percent,
    1 + bits(h, 24, 12) AS use_size,
    bits(h, 30, 100) < 70 AND is_dc AS from_dc,
    CASE facility_no % 3
        WHEN 1 THEN concat(chr(CAST(65 + facility_no % 26 AS INTEGER)), 10000 + 7 * item_no + facility_no)
        WHEN 2 THEN concat(lpad(CAST(item_no * 13 % 99991 AS VARCHAR), 6, '0'), '-', item_no % 10)
        ELSE concat('PAR.', 500000 + 3 * item_no)
    END AS local_id
FROM drawn
WHERE bits(h, 0, 100) < 35
ORDER BY shelf_id;

-- Need of an item on a day, in base units: fewer at weekends. `need_to` is the running total.
CREATE OR REPLACE TEMP TABLE demand AS
WITH drawn AS (
    SELECT c.facility_no, c.shelf_id, c.item_no, CAST(d.day AS INTEGER) AS day, c.use_percent, c.use_size, dice('use', item_day_key(c.facility_no, c.item_no, d.day)) AS h
    FROM carried AS c
    CROSS JOIN range(0, CAST(getvariable('horizon') AS INTEGER)) AS d (day)
),

needed AS (
    SELECT facility_no, shelf_id, item_no, day, h,
        CASE WHEN bits(h, 0, 100) < use_percent // CASE WHEN day % 7 >= 5 THEN 3 ELSE 1 END
            THEN 1 + bits(h, 8, use_size * 2) ELSE 0 END AS qty
    FROM drawn
)

SELECT *, CAST(sum(qty) OVER (PARTITION BY shelf_id ORDER BY day) AS BIGINT) AS need_to FROM needed;
