-- The warehouse: nightly stock, receipts, and moves in two legs (receiving to bulk, bulk to picking, picking to hospital).
-- section: item
SELECT concat('items_', strftime(day_of(day), '%Y%m%d'), '.csv') AS file, day, -1 AS minute, item_no * 2 + copy_no AS ord, local_id AS source_key, kinds, 0 AS amount,
    concat_ws(',', local_id, field(description, ','), 'EA', coalesce(gtin, ''), coalesce(network_item_no, '')) AS text
FROM inv_item
-- section: location
SELECT concat('locations_', strftime(day_of(day), '%Y%m%d'), '.csv') AS file, day, -1 AS minute, ord, coalesce(CASE WHEN type = 'hospital' THEN code END, local_id) AS source_key, kinds, 0 AS amount,
    concat_ws(',', CASE WHEN type = 'hospital' THEN code ELSE local_id END, field(name, ','),
        CASE type WHEN 'hospital' THEN 'CUSTOMER' WHEN 'warehouse' THEN 'SITE' ELSE 'ZONE' END, coalesce(network_code, ''), gln) AS text
FROM inv_place
-- section: receipt
SELECT concat('receipts_', strftime(day_of(day), '%Y%m%d'), {hour}, '.csv') AS file, day, {minute} AS minute,
    row_number() OVER (ORDER BY minute, receipt_no, receipt_line, copy_no) AS ord, concat(receipt_no, '|', receipt_line) AS source_key, kinds, 0 AS amount,
    concat_ws(',', receipt_no, receipt_line, po_no, line_no, item_id, location,
        CASE WHEN bad_qty THEN '~~' ELSE CAST(qty_received AS VARCHAR) END, uom, factor, coalesce(lot, ''),
        CASE WHEN no_expiry THEN '9999-12-31' ELSE '' END,
        strftime(day_of(day), '%Y-%m-%d'), iso_offset(day, minute, zone)) AS text
FROM inv_receipt
-- section: stock
SELECT concat('stock_', strftime(day_of(day), '%Y%m%d'), '.csv') AS file, day, -1 AS minute, row_number() OVER (ORDER BY item_no, lot) AS ord,
    concat(strftime(day_of(day), '%Y-%m-%d'), '|', location, '|', item_id, '|', lot) AS source_key, CAST([] AS VARCHAR[]) AS kinds, qty AS amount,
    concat_ws(',', strftime(day_of(day), '%Y-%m-%d'), location, item_id, lot, '', qty) AS text, entity_id, place_entity
FROM inv_stock
-- section: move
SELECT concat('moves_', strftime(day_of(day), '%Y%m%d'), {hour}, '.csv') AS file, day, {minute} AS minute, row_number() OVER (ORDER BY minute, move_no) AS ord, move_no AS source_key,
    CAST([] AS VARCHAR[]) AS kinds, 0 AS amount,
    concat_ws(',', move_no, iso_offset(day, minute, zone), item_id, from_id, to_id, kind, qty, 'EA', '', wave) AS text, entity_id, from_entity, to_entity, CASE WHEN kind = 'I' THEN -qty ELSE qty END AS signed_qty
FROM wh_move
