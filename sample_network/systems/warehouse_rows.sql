-- The warehouse's moves: each in the two legs it is booked in.
CREATE OR REPLACE TEMP TABLE wh_move AS
WITH leg AS (
    -- What came goes from receiving to bulk; a receipt taken back goes back.
    SELECT day, item_no, minute + (take - 1) * 7 + 30 AS minute, qty_received * factor AS qty, 'T' AS kind,
        CASE WHEN qty_received > 0 THEN 'RECV' ELSE 'BULK' END AS from_id, CASE WHEN qty_received > 0 THEN 'BULK' ELSE 'RECV' END AS to_id,
        concat('MR', substr(po_no, 2), leg, '-', receipt_line) AS move_no
    FROM receipt
    UNION ALL
    SELECT day, item_no, 300 + item_no % 120, qty, 'T', 'BULK', 'PICK', concat('MB', facility_no, '-', day, '-', item_no) FROM transfer_all
    UNION ALL
    SELECT t.day, t.item_no, 420 + t.item_no % 60, t.qty, 'I', 'PICK', f.code, concat('MP', t.facility_no, '-', t.day, '-', t.item_no)
    FROM transfer_all AS t JOIN facility AS f USING (facility_no)
)

SELECT 0 AS facility_no, l.day, l.item_no, l.minute, abs(l.qty) AS qty, l.kind, l.from_id, l.to_id, l.move_no, c.local_id AS item_id, c.entity_id,
    concat('W', strftime(day_of(l.day), '%j')) AS wave, 'America/New_York' AS zone,
    concat('L:DC1-', l.from_id) AS from_entity, CASE WHEN l.kind = 'I' THEN concat('L:', l.to_id) ELSE concat('L:DC1-', l.to_id) END AS to_entity
FROM leg AS l
JOIN carried AS c USING (item_no)
ORDER BY l.day, l.minute, l.move_no;
