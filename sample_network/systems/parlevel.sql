-- Dialect `parlevel`: tabs, UTF-8 with a byte order mark, months first, twelve-hour clock, thousands with commas.
-- section: item
SELECT facility_no, day, -1 AS minute, local_id AS source_key, kinds,
    concat_ws(chr(9), local_id, field(description, chr(9)), 'EACH', coalesce(gtin, ''), coalesce(network_item_no, ''), field(manufacturer, chr(9)),
        mfr_part_no, CASE WHEN is_lot_tracked THEN 'yes' ELSE 'no' END, CASE status WHEN 'A' THEN 'active' ELSE 'retired' END) AS text, 'item' AS domain, entity_id
FROM inv_item WHERE dialect = 'parlevel'
-- section: location
SELECT facility_no, day, -1 AS minute, local_id AS source_key, kinds,
    concat_ws(chr(9), local_id, name, CASE type WHEN 'hospital' THEN 'building' WHEN 'warehouse' THEN 'depot' ELSE 'par' END, coalesce(parent_id, ''),
        coalesce(network_code, ''), gln) AS text, 'location' AS domain, entity_id
FROM inv_place WHERE dialect = 'parlevel'
-- section: receipt
SELECT facility_no, day, minute, concat(receipt_no, '|', receipt_line) AS source_key, kinds,
    concat_ws(chr(9), receipt_no, receipt_line, po_no, line_no, item_id, location,
        CASE WHEN bad_qty THEN '?' ELSE thousands(qty_received) END, CASE uom WHEN 'EA' THEN 'EACH' WHEN 'BX' THEN 'BOX' ELSE 'CASE' END, thousands(factor), coalesce(lot, ''),
        CASE WHEN bad_expiry THEN concat('13/40/', strftime(day_of(expiry_day), '%Y')) WHEN expiry_day IS NOT NULL THEN strftime(day_of(expiry_day), '%m/%d/%Y')
            WHEN no_expiry THEN '12/31/9999' ELSE '' END,
        strftime(day_of(day), '%m/%d/%Y'), local_text(day, minute, '%m/%d/%Y %I:%M %p')) AS text,
    CASE WHEN copy_no = 1 THEN 'fact_receipt_line' END AS fact, CASE WHEN NOT other_item THEN entity_id END AS entity_id, place_entity, qty_base, is_refused
FROM inv_receipt WHERE dialect = 'parlevel'
-- section: stock
SELECT facility_no, day, -1 AS minute,
    concat(strftime(day_of(day), '%Y-%m-%d'), '|', location, '|', item_id, '|', lot) AS source_key, qty AS amount,
    concat(concat_ws(chr(9), strftime(day_of(day), '%m/%d/%Y'), location, item_id, lot, CASE WHEN expiry_day IS NULL THEN '' ELSE strftime(day_of(expiry_day), '%m/%d/%Y') END, thousands(qty)),
        CASE WHEN day >= 18 AND schema_drift(facility_no) THEN concat(chr(9), 'shelf ', item_no % 40) ELSE '' END) AS text,
    'fact_stock_snapshot' AS fact, entity_id, place_entity, qty AS qty_base
FROM inv_stock WHERE dialect = 'parlevel'
-- section: movement
SELECT facility_no, day, minute, move_no AS source_key, CASE WHEN note IS NOT NULL OR in_gap OR in_fold THEN list_filter([CASE WHEN note IS NOT NULL THEN 'patient_canary' END, CASE WHEN in_gap THEN 'dst_gap' WHEN in_fold THEN 'dst_fold' END], lambda x: x IS NOT NULL) END AS kinds,
    concat_ws(chr(9), move_no, CASE WHEN in_gap THEN local_text(day, 150, '%m/%d/%Y %I:%M %p') WHEN in_fold THEN local_text(day, 90, '%m/%d/%Y %I:%M %p') ELSE local_text(day, minute, '%m/%d/%Y %I:%M %p') END, item_id, from_id, coalesce(to_id, ''),
        CASE kind WHEN 'issue' THEN 'used' WHEN 'waste' THEN 'wasted' ELSE 'moved' END, thousands(qty), 'EACH', coalesce(lot, ''), field(note, chr(9))) AS text,
    'fact_stock_movement' AS fact, entity_id, from_entity AS place_entity, to_entity, CASE WHEN kind = 'transfer' THEN qty ELSE -qty END AS qty_base, in_gap AS is_refused
FROM inv_move WHERE dialect = 'parlevel'
