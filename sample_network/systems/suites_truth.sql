-- section: supplier
INSERT INTO truth.crosswalk
SELECT 'supplier', entity_id, 'procurement', suite_id FROM supplier
WHERE EXISTS (SELECT 1 FROM out_file WHERE right_at <= getvariable('until')) ORDER BY 4
-- section: catalogue
INSERT INTO truth.crosswalk
SELECT 'item', entity_id, 'procurement', concat('C', 30000 + item_no) FROM item
WHERE EXISTS (SELECT 1 FROM out_file WHERE right_at <= getvariable('until')) ORDER BY 4
-- section: cloud_supplier
INSERT INTO truth.crosswalk
SELECT 'supplier', entity_id, 'cloud_erp', concat('CS', 500 + supplier_no) FROM supplier
WHERE EXISTS (SELECT 1 FROM out_file WHERE right_at <= getvariable('until')) ORDER BY 4
-- section: cloud_item
INSERT INTO truth.crosswalk
SELECT 'item', entity_id, 'cloud_erp', concat('300000', 100000 + item_no) FROM item
WHERE EXISTS (SELECT 1 FROM out_file WHERE right_at <= getvariable('until')) ORDER BY 4
-- section: cloud_invoice
INSERT INTO truth.fact
SELECT 'fact_invoice_line', 'cloud_erp', l.source_key, CASE WHEN NOT r.other_item THEN r.entity_id END, r.supplier_id, NULL, NULL,
    CASE WHEN NOT r.other_item THEN r.qty * r.factor END, dec4(r.amount), day_of(r.day), 'published'
FROM ap_line AS r
JOIN out_line AS l ON l.source_key = concat('CS', 500 + r.vendor_no, '|', r.invoice_no, '|', r.line_no)
JOIN out_file AS f USING (file)
WHERE r.in_cloud AND f.right_at <= getvariable('until') ORDER BY l.source_key
