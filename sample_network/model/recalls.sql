-- Recalls: a maker takes back lots of an item. Lots are the maker's, so a notice knows nothing of who has them; some were never
-- delivered to anybody here. Independent of how many hospitals there are and of how many days are played.
CREATE OR REPLACE TABLE recall AS
WITH drawn AS (
    SELECT i.*, dice('recall', i.item_no) AS hr FROM item AS i WHERE i.is_lot_tracked
)

SELECT
    concat('RC-', 2600000 + item_no) AS recall_no, item_no, mfr_no, CAST(6 + bits(hr, 8, 30) AS INTEGER) AS day,
    ['I', 'II', 'II', 'III'][1 + bits(hr, 16, 4)] AS class,
    ['Sterility cannot be assured', 'Label names the wrong size', 'Seal may leak', 'Potency below specification'][1 + bits(hr, 20, 4)] AS reason, hr
FROM drawn
WHERE bits(hr, 0, 1000) < 15
ORDER BY item_no;

-- The lots of the last three weeks before the notice, and of some what was there before the first day.
CREATE OR REPLACE TABLE recall_lot AS
WITH made AS (
    SELECT r.recall_no, r.item_no, lot_of(dice('lot', lot_key(r.item_no, b.batch, s.seq)), b.batch, s.seq) AS lot
    FROM recall AS r
    JOIN range(0, 200) AS b (batch) ON b.batch BETWEEN (r.day - 1) // 7 - 2 AND (r.day - 1) // 7
    CROSS JOIN (VALUES (1), (2)) AS s (seq)
    UNION ALL
    SELECT recall_no, item_no, concat('OPEN', lpad(CAST(item_no AS VARCHAR), 5, '0')) FROM recall WHERE bits(hr, 24, 2) = 0
)

SELECT
    *, CASE WHEN recall_lot_spelled(text_key(concat(recall_no, '|', lot))) THEN lower(concat(left(lot, 1), '-', substr(lot, 2))) ELSE lot END AS lot_said,
    recall_lot_spelled(text_key(concat(recall_no, '|', lot))) AS is_respelled
FROM made
ORDER BY recall_no, lot;
