-- The warehouse: nightly stock, receipts, and moves in two legs (receiving to bulk, bulk to picking, picking to hospital).
-- section: item
SELECT facility_no, day, -1 AS minute, local_id AS source_key, kinds,
    concat_ws(',', local_id, field(description, ','), 'EA', coalesce(gtin, ''), coalesce(network_item_no, '')) AS text, 'item' AS domain, entity_id
FROM inv_item
-- section: location
SELECT facility_no, day, -1 AS minute, coalesce(CASE WHEN type = 'hospital' THEN code END, local_id) AS source_key, kinds,
    concat_ws(',', CASE WHEN type = 'hospital' THEN code ELSE local_id END, field(name, ','),
        CASE type WHEN 'hospital' THEN 'CUSTOMER' WHEN 'warehouse' THEN 'SITE' ELSE 'ZONE' END, coalesce(network_code, ''), gln) AS text, 'location' AS domain, entity_id
FROM inv_place
-- section: receipt
SELECT facility_no, day, minute, concat(receipt_no, '|', receipt_line) AS source_key, kinds,
    concat_ws(',', receipt_no, receipt_line, po_no, line_no, item_id, location,
        CASE WHEN bad_qty THEN '~~' ELSE CAST(qty_received AS VARCHAR) END, uom, factor, coalesce(lot, ''),
        CASE WHEN no_expiry THEN '9999-12-31' ELSE '' END,
        strftime(day_of(day), '%Y-%m-%d'), iso_offset(day, minute, zone)) AS text,
    CASE WHEN copy_no = 1 THEN 'fact_receipt_line' END AS fact, CASE WHEN NOT other_item THEN entity_id END AS entity_id, place_entity, qty_base, is_refused
FROM inv_receipt
-- section: stock
SELECT facility_no, day, -1 AS minute,
    concat(strftime(day_of(day), '%Y-%m-%d'), '|', location, '|', item_id, '|', lot) AS source_key, qty AS amount,
    concat_ws(',', strftime(day_of(day), '%Y-%m-%d'), location, item_id, lot, '', qty) AS text,
    'fact_stock_snapshot' AS fact, entity_id, place_entity, qty AS qty_base
FROM inv_stock
-- section: move
SELECT facility_no, day, minute, move_no AS source_key,
    concat_ws(',', move_no, iso_offset(day, minute, zone), item_id, from_id, to_id, kind, qty, 'EA', '', wave) AS text,
    'fact_stock_movement' AS fact, entity_id, from_entity AS place_entity, to_entity, CASE WHEN kind = 'I' THEN -qty ELSE qty END AS qty_base
FROM wh_move
