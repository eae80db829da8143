-- The procurement suite, the GS1 data pool and the cloud ERP: lists that every hospital shares, and the cloud ERP's invoices of sites.
-- section: supplier
SELECT -1 AS facility_no, CAST(d.day AS INTEGER) AS day, -1 AS minute, suite_id AS source_key,
    concat_ws(',', suite_id, field(upper(first_name), ','), duns, 'ACTIVE') AS text, 'supplier' AS domain, entity_id
FROM supplier CROSS JOIN range(0, CAST(getvariable('horizon') AS INTEGER), 7) AS d (day)
ORDER BY d.day, supplier_no
-- section: catalogue
WITH offered AS (
    SELECT i.*, s.suite_id, p.qty, p.from_day, p.to_day, i.price * b.qty * 108 // 100 AS list_price, b.qty AS first_qty, part_key(i.item_no, 4) AS k
    FROM item AS i
    JOIN supplier AS s ON s.supplier_no = i.vendor_no
    JOIN item_pack AS p ON p.item_no = i.item_no AND p.uom = i.order_uom
    JOIN item_pack AS b ON b.item_no = i.item_no AND b.uom = i.order_uom AND b.from_day = 0
),

flagged AS (
    SELECT *, item_no_missing(k) AS no_number, gtin_missing(k) AND NOT gtin_bad_check(k) AS no_gtin, gtin_bad_check(k) AS bad_gtin, pack_disagrees(k) AS bad_pack FROM offered
)

SELECT -1 AS facility_no, CAST(d.day AS INTEGER) AS day, -1 AS minute, concat('C', 30000 + item_no) AS source_key,
    list_filter([CASE WHEN no_number THEN 'item_no_missing' END, CASE WHEN no_gtin THEN 'gtin_missing' END, CASE WHEN bad_gtin THEN 'gtin_bad_check' END,
        CASE WHEN bad_pack THEN 'pack_disagrees' END], lambda x: x IS NOT NULL) AS kinds,
    concat_ws(',', concat('C', 30000 + item_no), field(concat(part_no, ' ', kind, ' ', size, CASE sterility WHEN 'STERILE' THEN '' ELSE ' nonsterile' END), ','),
        CASE WHEN bad_gtin THEN bad_check(gtin) WHEN no_gtin THEN '' ELSE gtin END, CASE WHEN no_number THEN '' ELSE erp_no END, suite_id,
        CASE WHEN vendor_no = mfr_no THEN part_no ELSE concat('D', 700000 + item_no) END, order_uom, qty * CASE WHEN bad_pack THEN 10 ELSE 1 END, money4(list_price), 'USD', 1 + item_no % 5) AS text, 'item' AS domain, entity_id
FROM flagged JOIN range(0, CAST(getvariable('horizon') AS INTEGER), 7) AS d (day) ON d.day >= from_day AND (to_day IS NULL OR d.day < to_day)
ORDER BY d.day, item_no
-- section: trade_item
-- A row per pack level; packs are published two weeks before they come, so that no file knows less than the orders of its week.
WITH published AS (
    SELECT d.day AS file_day, k.item_no, k.uom, k.qty, k.gtin, k.from_day, CASE WHEN k.to_day <= d.day + 14 THEN k.to_day END AS to_day, c.gtin AS child_gtin,
        i.entity_id, i.description, i.part_no, i.unspsc8, s.gln, s.first_name, CASE WHEN k.uom = 'EA' THEN i.ndc END AS ndc, i.variant,
        i.item_no - i.variant + (i.variant + 1) % 6 AS next_strength
    FROM range(0, CAST(getvariable('horizon') AS INTEGER), 7) AS d (day)
    JOIN item_pack AS k ON k.from_day <= d.day + 14
    JOIN item AS i USING (item_no)
    JOIN supplier AS s ON s.supplier_no = i.mfr_no
    -- A base unit has no child; a box holds base units, a case the boxes of its time.
    LEFT JOIN item_pack AS c ON c.item_no = k.item_no AND c.uom = CASE k.uom WHEN 'CS' THEN 'BX' WHEN 'BX' THEN 'EA' END AND (c.from_day = k.from_day OR c.uom = 'EA')
),

flagged AS (
    -- The NDC of the next strength is given only where that one has it too: else nobody could find that it is wrong.
    SELECT *, ndc IS NOT NULL AND ndc_missing(item_no) AS no_ndc,
        ndc IS NOT NULL AND ndc_wrong(item_no) AND NOT ndc_missing(item_no) AND NOT ndc_missing(next_strength) AND NOT ndc_wrong(next_strength) AS other_ndc
    FROM published
)

SELECT -1 AS facility_no, CAST(file_day AS INTEGER) AS day, -1 AS minute, gtin AS source_key,
    list_filter([CASE WHEN no_ndc THEN 'ndc_missing' END, CASE WHEN other_ndc THEN 'ndc_wrong' END], lambda x: x IS NOT NULL) AS kinds,
    concat_ws(',', gtin, gln, CASE uom WHEN 'EA' THEN 'BASE_UNIT_OR_EACH' WHEN 'BX' THEN 'PACK_OR_INNER_PACK' ELSE 'CASE' END, qty, coalesce(child_gtin, ''), field(description, ','), field(first_name, ','), part_no, unspsc8,
        CASE WHEN ndc IS NULL OR no_ndc THEN '' WHEN other_ndc THEN concat(left(ndc, -2), lpad(CAST(10 + (variant + 1) % 6 AS VARCHAR), 2, '0')) ELSE ndc END,
        CASE WHEN from_day > 0 THEN strftime(day_of(from_day), '%Y-%m-%d') ELSE '' END, CASE WHEN to_day IS NULL THEN '' ELSE strftime(day_of(to_day), '%Y-%m-%d') END) AS text,
    CASE WHEN uom = 'EA' THEN 'item' END AS domain, CASE WHEN uom = 'EA' THEN entity_id END AS entity_id
FROM flagged
ORDER BY file_day, item_no, qty, from_day
-- section: cloud_supplier
SELECT -1 AS facility_no, CAST(d.day AS INTEGER) AS day, -1 AS minute, concat('CS', 500 + supplier_no) AS source_key,
    concat_ws(',', concat('CS', 500 + supplier_no), erp_no, duns, 'Active') AS text, 'supplier' AS domain, entity_id
FROM supplier CROSS JOIN range(0, CAST(getvariable('horizon') AS INTEGER), 7) AS d (day)
ORDER BY d.day, supplier_no
-- section: cloud_item
SELECT -1 AS facility_no, CAST(d.day AS INTEGER) AS day, -1 AS minute, concat('300000', 100000 + item_no) AS source_key,
    concat_ws(',', concat('300000', 100000 + item_no), erp_no) AS text, 'item' AS domain, entity_id
FROM item CROSS JOIN range(0, CAST(getvariable('horizon') AS INTEGER), 7) AS d (day)
ORDER BY d.day, item_no
-- section: cloud_invoice
SELECT facility_no, day, -1 AS minute,
    concat('CS', 500 + vendor_no, '|', invoice_no, '|', line_no) AS source_key, CASE WHEN other_item THEN ['item_unknown'] END AS kinds,
    concat_ws(',', concat('CS', 500 + vendor_no), invoice_no, line_no, po_no, coalesce(CAST(po_line_no AS VARCHAR), ''),
        CASE WHEN other_item THEN '300000999999' WHEN item_no IS NULL THEN '' ELSE concat('300000', 100000 + item_no) END, qty, uom, coalesce(CAST(factor AS VARCHAR), ''), money4(price), money4(amount), 'USD',
        strftime(day_of(day), '%Y-%m-%d'), strftime(day_of(day + 30), '%Y-%m-%d'), CASE WHEN result IN ('matched', 'credit', 'uom') THEN 'VALIDATED' ELSE 'NEEDS REVALIDATION' END,
        iso_offset(day, 600 + minute % 480, zone), code) AS text,
    'fact_invoice_line' AS fact, CASE WHEN NOT other_item THEN entity_id END AS entity_id, supplier_id, CASE WHEN NOT other_item THEN qty * factor END AS qty_base, dec4(amount) AS value
FROM ap_line WHERE in_cloud
ORDER BY facility_no, day, invoice_no, line_no
