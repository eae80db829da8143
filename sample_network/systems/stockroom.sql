-- Dialect `stockroom`: semicolons, Windows-1252, decimal commas, days first, local times without offset.
-- section: item
SELECT facility_no, day, -1 AS minute, local_id AS source_key, kinds,
    concat_ws(';', field(local_id, ';'), field(description, ';'), 'EA', coalesce(gtin, ''), coalesce(network_item_no, ''), field(manufacturer, ';'),
        mfr_part_no, CASE WHEN is_lot_tracked THEN '1' ELSE '0' END, CASE status WHEN 'A' THEN 'ACT' ELSE 'OBS' END) AS text, 'item' AS domain, entity_id
FROM inv_item WHERE dialect = 'stockroom'
-- section: location
SELECT facility_no, day, -1 AS minute, local_id AS source_key, kinds,
    concat_ws(';', local_id, field(name, ';'), CASE type WHEN 'hospital' THEN 'SITE' WHEN 'warehouse' THEN 'EXT' ELSE 'STORE' END, coalesce(parent_id, ''),
        coalesce(network_code, ''), gln) AS text, 'location' AS domain, entity_id
FROM inv_place WHERE dialect = 'stockroom'
-- section: receipt
SELECT facility_no, day, minute, concat(receipt_no, '|', receipt_line) AS source_key, kinds,
    concat_ws(';', receipt_no, receipt_line, po_no, line_no, item_id, location,
        CASE WHEN bad_qty THEN 'n/a pcs' ELSE concat(qty_received, ',00') END, uom, factor, coalesce(lot, ''),
        CASE WHEN bad_expiry THEN concat('31.13.', strftime(day_of(expiry_day), '%Y')) WHEN expiry_day IS NOT NULL THEN strftime(day_of(expiry_day), '%d.%m.%Y')
            WHEN no_expiry THEN '31.12.9999' ELSE '' END,
        strftime(day_of(day), '%d.%m.%Y'), local_text(day, minute, '%d.%m.%Y %H:%M')) AS text,
    CASE WHEN copy_no = 1 THEN 'fact_receipt_line' END AS fact, CASE WHEN NOT other_item THEN entity_id END AS entity_id, place_entity, qty_base, is_refused
FROM inv_receipt WHERE dialect = 'stockroom'
-- section: stock
SELECT facility_no, day, -1 AS minute,
    concat(strftime(day_of(day), '%Y-%m-%d'), '|', location, '|', item_id, '|', lot) AS source_key, qty AS amount,
    concat_ws(';', strftime(day_of(day), '%d.%m.%Y'), location, item_id, lot, CASE WHEN expiry_day IS NULL THEN '' ELSE strftime(day_of(expiry_day), '%d.%m.%Y') END, concat(qty, ',00')) AS text,
    'fact_stock_snapshot' AS fact, entity_id, place_entity, qty AS qty_base
FROM inv_stock WHERE dialect = 'stockroom'
-- section: movement
SELECT facility_no, day, minute, move_no AS source_key, CASE WHEN note IS NOT NULL OR in_gap OR in_fold THEN list_filter([CASE WHEN note IS NOT NULL THEN 'patient_canary' END, CASE WHEN in_gap THEN 'dst_gap' WHEN in_fold THEN 'dst_fold' END], lambda x: x IS NOT NULL) END AS kinds,
    concat_ws(';', move_no, CASE WHEN in_gap THEN local_text(day, 150, '%d.%m.%Y %H:%M') WHEN in_fold THEN local_text(day, 90, '%d.%m.%Y %H:%M') ELSE local_text(day, minute, '%d.%m.%Y %H:%M') END, item_id, from_id, coalesce(to_id, ''),
        CASE kind WHEN 'issue' THEN 'ISS' WHEN 'waste' THEN 'SCR' ELSE 'TRF' END, concat(qty, ',00'), 'EA', coalesce(lot, ''), field(note, ';')) AS text,
    'fact_stock_movement' AS fact, entity_id, from_entity AS place_entity, to_entity, CASE WHEN kind = 'transfer' THEN qty ELSE -qty END AS qty_base, in_gap AS is_refused
FROM inv_move WHERE dialect = 'stockroom'
