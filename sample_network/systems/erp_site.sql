-- Orders and invoices of the sites of table `here` as the legacy ERP shows them at `until`.
CREATE OR REPLACE TEMP TABLE erp_order AS
WITH arrived AS (
    SELECT line_id, CAST(sum(qty) AS BIGINT) AS qty, max(utc_of(day, minute + 30, f.zone)) AS done_at
    FROM shipment JOIN here AS f USING (facility_no) WHERE utc_of(day, minute + 30, f.zone) <= getvariable('until')
    GROUP BY line_id
)

SELECT l.*, a.done_at, utc_of(l.day, 480 + l.minute, f.zone) + to_microseconds(l.item_no) AS created_at, a.qty >= l.qty AND a.qty IS NOT NULL AS is_done,
    f.code, f.dock_code AS ship_to, f.dock_entity AS place_entity, i.erp_no AS item_erp_no, i.entity_id, i.description, s.erp_no AS vendor, s.entity_id AS supplier_id, s.is_edi,
    late_commit(l.line_id) AS is_late, l.fate IN ('rejected', 'substitute') AND hard_delete(l.line_id) AS is_deleted,
    patient_canary(part_key(l.line_id, 1000)) AS has_canary
FROM po_line AS l
JOIN here AS f USING (facility_no)
JOIN item AS i USING (item_no)
JOIN supplier AS s ON s.supplier_no = l.vendor_no
LEFT JOIN arrived AS a ON a.line_id = l.line_id;

CREATE OR REPLACE TEMP TABLE erp_order_now AS
SELECT * FROM erp_order
WHERE created_at + CASE WHEN is_late THEN INTERVAL 9 MINUTE ELSE INTERVAL 0 MINUTE END <= getvariable('until')
    AND NOT (is_deleted AND created_at + INTERVAL 2 DAY <= getvariable('until'));

-- Lines and freight of every invoice; from a hospital's day on the cloud ERP keeps them.
CREATE OR REPLACE TEMP TABLE ap_line AS
WITH row_of AS (
    SELECT b.facility_no, b.invoice_no, b.line_no, b.po_no, b.line_no AS po_line_no, b.item_no, b.vendor_no, b.qty, b.uom, b.factor, b.price, b.amount, b.day, b.minute, b.kind, b.invoice_line, part_key(b.line_id, 100 + b.leg * 4 + b.kind_no) AS k FROM invoice AS b
    UNION ALL
    SELECT b.facility_no, b.invoice_no, 900, b.po_no, NULL, NULL, b.vendor_no, 1, 'EA', NULL, b.freight, b.freight, b.day, b.minute, b.kind, NULL, NULL FROM invoice AS b WHERE b.invoice_line = 1 AND b.freight > 0
)

SELECT r.*, s.erp_no AS vendor, s.suite_id, s.entity_id AS supplier_id, i.erp_no AS item_erp_no, i.entity_id, f.dock_entity AS place_entity,
    utc_of(r.day, 600 + r.minute % 480, f.zone) + to_microseconds(r.line_no) AS created_at, coalesce(r.day >= f.cloud_day, FALSE) AS in_cloud, f.zone, f.code,
    r.item_no IS NOT NULL AND item_unknown(r.k) AS other_item,
    m.result
FROM row_of AS r
JOIN supplier AS s ON s.supplier_no = r.vendor_no
JOIN here AS f USING (facility_no)
LEFT JOIN item AS i ON i.item_no = r.item_no
LEFT JOIN matched AS m ON m.invoice_no = r.invoice_no AND m.invoice_line = r.invoice_line;

INSERT INTO truth.fact
SELECT 'fact_po_line', 'legacy_erp', concat(po_no, '|', line_no), entity_id, supplier_id, place_entity, NULL, qty * factor, dec4(qty * price), day_of(day), 'published'
FROM erp_order_now;
INSERT INTO truth.fact
SELECT 'fact_invoice_line', 'legacy_erp', concat(vendor, '|', invoice_no, '|', line_no), CASE WHEN NOT other_item THEN entity_id END, supplier_id,
    CASE WHEN item_no IS NOT NULL THEN place_entity END, NULL, CASE WHEN NOT other_item THEN qty * factor END, dec4(amount), day_of(day), 'published'
FROM ap_line WHERE NOT in_cloud AND created_at <= getvariable('until');
INSERT INTO truth.defect
SELECT * FROM (
    SELECT 'late_commit', 'legacy_erp', 'po_line', 'legacy_erp.sqlite', NULL, concat(po_no, '|', line_no) FROM erp_order_now WHERE is_late
    UNION ALL
    SELECT 'hard_delete', 'legacy_erp', 'po_line', 'legacy_erp.sqlite', NULL, concat(po_no, '|', line_no) FROM erp_order WHERE is_deleted AND created_at + INTERVAL 2 DAY <= getvariable('until')
    UNION ALL
    SELECT 'patient_canary', 'legacy_erp', 'po_line', 'legacy_erp.sqlite', NULL, concat(po_no, '|', line_no) FROM erp_order_now WHERE has_canary
    UNION ALL
    SELECT 'item_unknown', 'legacy_erp', 'invoice_line', 'legacy_erp.sqlite', NULL, concat(vendor, '|', invoice_no, '|', line_no) FROM ap_line
    WHERE other_item AND NOT in_cloud AND created_at <= getvariable('until')
) AS x (kind, source_system, feed, file, line, source_key)
ORDER BY kind, source_key;
-- section: po_line
SELECT po_no, line_no, item_erp_no, vendor, ship_to, upper(left(description, 60)), qty, uom, factor, money4(price), money4(qty * price),
    strftime(day_of(day), '%Y-%m-%d'), CASE WHEN need_by IS NULL THEN NULL ELSE strftime(day_of(need_by), '%Y-%m-%d') END,
    CASE WHEN is_done THEN 'R' ELSE 'O' END, CASE WHEN is_edi THEN 'edi' ELSE 'portal' END,
    CASE WHEN has_canary THEN concat('BUYER', minute % 3, ' Canary, Pat MRN 0048', lpad(CAST(bits(h, 8, 10000) AS VARCHAR), 4, '0')) ELSE concat('BUYER', minute % 3) END,
    stamp(created_at), CASE WHEN is_done THEN stamp(done_at) END
FROM erp_order_now ORDER BY po_no, line_no
-- section: invoice_line
SELECT vendor, invoice_no, line_no, po_no, po_line_no, CASE WHEN other_item THEN '999999' ELSE item_erp_no END, qty, uom, money4(price), money4(amount),
    strftime(day_of(day), '%Y-%m-%d'), strftime(day_of(day + 30), '%Y-%m-%d'),
    CASE WHEN result IN ('matched', 'credit', 'uom') AND created_at + INTERVAL 1 DAY <= getvariable('until') THEN 'P' ELSE 'E' END, stamp(created_at),
    CASE WHEN result IN ('matched', 'credit', 'uom') AND created_at + INTERVAL 1 DAY <= getvariable('until') THEN stamp(created_at + INTERVAL 1 DAY) END
FROM ap_line WHERE NOT in_cloud AND created_at <= getvariable('until') ORDER BY invoice_no, line_no
