-- Dialect `inventory`: commas, UTF-8, ISO dates, times with their offset.
-- section: item
SELECT facility_no, day, -1 AS minute, local_id AS source_key, kinds,
    concat_ws(',', field(local_id, ','), field(description, ','), 'EA', coalesce(gtin, ''), coalesce(network_item_no, ''), field(manufacturer, ','),
        mfr_part_no, CASE WHEN is_lot_tracked THEN 'Y' ELSE 'N' END, status) AS text, 'item' AS domain, entity_id
FROM inv_item WHERE dialect = 'inventory'
-- section: location
SELECT facility_no, day, -1 AS minute, local_id AS source_key, kinds,
    concat_ws(',', local_id, field(name, ','), CASE type WHEN 'hospital' THEN 'HOSP' WHEN 'warehouse' THEN 'DEPOT' ELSE 'ROOM' END, coalesce(parent_id, ''),
        coalesce(network_code, ''), gln) AS text, 'location' AS domain, entity_id
FROM inv_place WHERE dialect = 'inventory'
-- section: receipt
SELECT facility_no, day, minute, concat(receipt_no, '|', receipt_line) AS source_key, kinds,
    concat_ws(',', receipt_no, receipt_line, po_no, line_no, item_id, location,
        CASE WHEN bad_qty THEN '~~' ELSE CAST(qty_received AS VARCHAR) END, uom, factor,
        CASE WHEN bad_byte THEN concat(lot, chr(1)) ELSE coalesce(lot, '') END,
        CASE WHEN bad_expiry THEN concat(strftime(day_of(expiry_day), '%Y'), '-13-40') WHEN expiry_day IS NOT NULL THEN strftime(day_of(expiry_day), '%Y-%m-%d')
            WHEN no_expiry THEN '9999-12-31' ELSE '' END,
        strftime(day_of(day), '%Y-%m-%d'), iso_offset(day, minute, zone)) AS text,
    CASE WHEN copy_no = 1 THEN 'fact_receipt_line' END AS fact, CASE WHEN NOT other_item THEN entity_id END AS entity_id, place_entity, qty_base, is_refused
FROM inv_receipt WHERE dialect = 'inventory'
-- section: stock
SELECT facility_no, day, -1 AS minute,
    concat(strftime(day_of(day), '%Y-%m-%d'), '|', location, '|', item_id, '|', lot) AS source_key, qty AS amount,
    concat_ws(',', strftime(day_of(day), '%Y-%m-%d'), location, item_id, lot, CASE WHEN expiry_day IS NULL THEN '' ELSE strftime(day_of(expiry_day), '%Y-%m-%d') END, qty) AS text,
    'fact_stock_snapshot' AS fact, entity_id, place_entity, qty AS qty_base
FROM inv_stock WHERE dialect = 'inventory'
-- section: movement
SELECT facility_no, day, minute, move_no AS source_key, CASE WHEN note IS NOT NULL THEN ['patient_canary'] END AS kinds,
    concat_ws(',', move_no, iso_offset(day, minute, zone), item_id, from_id, coalesce(to_id, ''),
        CASE kind WHEN 'issue' THEN 'I' WHEN 'waste' THEN 'W' ELSE 'T' END, qty, 'EA', coalesce(lot, ''), field(note, ',')) AS text,
    'fact_stock_movement' AS fact, entity_id, from_entity AS place_entity, to_entity, CASE WHEN kind = 'transfer' THEN qty ELSE -qty END AS qty_base, in_gap AS is_refused
FROM inv_move WHERE dialect = 'inventory'
