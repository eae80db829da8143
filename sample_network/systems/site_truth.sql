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
SELECT 'fact_stock_snapshot', getvariable('source'), l.source_key, l.entity_id, NULL, l.place_entity, NULL, l.amount, NULL, day_of(l.day), 'published'
FROM out_line AS l
JOIN out_file AS f USING (file)
WHERE f.right_at <= getvariable('until')
-- section: movement
-- Signed by what it does to the network's stock: use and waste take out.
INSERT INTO truth.fact
SELECT 'fact_stock_movement', getvariable('source'), l.source_key, l.entity_id, NULL, l.from_entity, l.to_entity, l.signed_qty, NULL, day_of(l.day),
    CASE WHEN l.in_gap THEN 'quarantined' ELSE 'published' END
FROM out_line AS l
JOIN out_file AS f USING (file)
WHERE f.right_at <= getvariable('until')
-- section: move
INSERT INTO truth.fact
SELECT 'fact_stock_movement', getvariable('source'), l.source_key, l.entity_id, NULL, l.from_entity, l.to_entity, l.signed_qty, NULL, day_of(l.day), 'published'
FROM out_line AS l
JOIN out_file AS f USING (file)
WHERE f.right_at <= getvariable('until')
