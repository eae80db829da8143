-- What the rows of a site mean. A row counts once its file is there and right; refused rows are expected in quarantine.
-- section: item
INSERT INTO truth.crosswalk
SELECT DISTINCT 'item', r.entity_id, getvariable('source'), r.local_id
FROM inv_item AS r WHERE EXISTS (SELECT 1 FROM out_file AS f WHERE f.day = r.day AND f.right_at <= getvariable('until'))
ORDER BY 4
-- section: location
INSERT INTO truth.crosswalk
SELECT DISTINCT 'location', r.entity_id, getvariable('source'), l.source_key
FROM inv_place AS r JOIN out_line AS l ON l.ord = r.ord JOIN out_file AS f USING (file) WHERE f.right_at <= getvariable('until')
ORDER BY 4
-- section: receipt
INSERT INTO truth.fact
SELECT 'fact_receipt_line', getvariable('source'), l.source_key, CASE WHEN NOT r.other_item THEN r.entity_id END, NULL, r.place_entity, NULL, r.qty_base, NULL,
    day_of(r.day), CASE WHEN r.is_refused THEN 'quarantined' ELSE 'published' END
FROM inv_receipt AS r
JOIN out_line AS l ON l.source_key = concat(r.receipt_no, '|', r.receipt_line)
JOIN out_file AS f USING (file)
WHERE r.copy_no = 1 AND f.right_at <= getvariable('until')
QUALIFY row_number() OVER (PARTITION BY l.source_key ORDER BY l.line) = 1
ORDER BY l.source_key
-- section: stock
INSERT INTO truth.fact
SELECT 'fact_stock_snapshot', getvariable('source'), l.source_key, r.entity_id, NULL, r.place_entity, NULL, r.qty, NULL, day_of(r.day), 'published'
FROM inv_stock AS r
JOIN out_line AS l ON l.source_key = concat(strftime(day_of(r.day), '%Y-%m-%d'), '|', r.location, '|', r.item_id, '|', r.lot)
JOIN out_file AS f USING (file)
WHERE f.right_at <= getvariable('until')
ORDER BY l.source_key
-- section: movement
INSERT INTO truth.fact
SELECT 'fact_stock_movement', getvariable('source'), r.move_no, r.entity_id, NULL, r.from_entity, r.to_entity,
    CASE WHEN r.kind = 'transfer' THEN r.qty ELSE -r.qty END, NULL, day_of(r.day),
    CASE WHEN r.in_gap THEN 'quarantined' ELSE 'published' END
FROM inv_move AS r
JOIN out_line AS l ON l.source_key = r.move_no
JOIN out_file AS f USING (file)
WHERE f.right_at <= getvariable('until')
ORDER BY r.move_no
-- section: move
INSERT INTO truth.fact
SELECT 'fact_stock_movement', getvariable('source'), r.move_no, r.entity_id, NULL, r.from_entity, r.to_entity,
    CASE WHEN r.kind = 'I' THEN -r.qty ELSE r.qty END, NULL, day_of(r.day), 'published'
FROM wh_move AS r
JOIN out_line AS l ON l.source_key = r.move_no
JOIN out_file AS f USING (file)
WHERE f.right_at <= getvariable('until')
ORDER BY r.move_no
