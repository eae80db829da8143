-- What a hospital carries and uses. One hospital (variable facility_no), days 0 to horizon.
CREATE OR REPLACE TEMP TABLE carried AS
WITH drawn AS (
    SELECT i.*, dice('carried', item_key(getvariable('facility_no'), i.item_no)) AS h FROM item AS i
)

SELECT
    item_no, h, entity_id,
    2 + bits(h, 8, 6) AS review_days,
    bits(h, 12, 7) AS review_offset,
    15 + bits(h, 16, 60) AS use_percent,
    1 + bits(h, 24, 12) AS use_size,
    bits(h, 30, 100) < 70 AND is_dc AS from_dc,
    CASE CAST(getvariable('facility_no') AS INTEGER) % 3
        WHEN 1 THEN concat(chr(CAST(65 + getvariable('facility_no') % 26 AS INTEGER)), 10000 + 7 * item_no + getvariable('facility_no'))
        WHEN 2 THEN concat(lpad(CAST(item_no * 13 % 99991 AS VARCHAR), 6, '0'), '-', item_no % 10)
        ELSE concat('PAR.', 500000 + 3 * item_no)
    END AS local_id
FROM drawn
WHERE bits(h, 0, 100) < 35
ORDER BY item_no;

-- Need of an item on a day, in base units: fewer at weekends. `need_to` is the running total.
CREATE OR REPLACE TEMP TABLE demand AS
WITH drawn AS (
    SELECT c.item_no, d.day, c.use_percent, c.use_size,
        dice('use', item_day_key(getvariable('facility_no'), c.item_no, d.day)) AS h
    FROM carried AS c
    CROSS JOIN range(0, CAST(getvariable('horizon') AS INTEGER)) AS d (day)
),

needed AS (
    SELECT item_no, CAST(day AS INTEGER) AS day, h,
        CASE WHEN bits(h, 0, 100) < use_percent // CASE WHEN day % 7 >= 5 THEN 3 ELSE 1 END
            THEN 1 + bits(h, 8, use_size * 2) ELSE 0 END AS qty
    FROM drawn
)

SELECT *, CAST(sum(qty) OVER (PARTITION BY item_no ORDER BY day) AS BIGINT) AS need_to FROM needed;
