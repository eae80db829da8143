-- Dialect `inventory`: commas, UTF-8, ISO dates, times with their offset.
-- section: item
SELECT concat('items_', strftime(day_of(day), '%Y%m%d'), '.csv') AS file, day, -1 AS minute, item_no * 2 + copy_no AS ord, local_id AS source_key, kinds, 0 AS amount,
    concat_ws(',', field(local_id, ','), field(description, ','), 'EA', coalesce(gtin, ''), coalesce(network_item_no, ''), field(manufacturer, ','),
        mfr_part_no, CASE WHEN is_lot_tracked THEN 'Y' ELSE 'N' END, status) AS text
FROM inv_item
-- section: location
SELECT concat('locations_', strftime(day_of(day), '%Y%m%d'), '.csv') AS file, day, -1 AS minute, ord, local_id AS source_key, kinds, 0 AS amount,
    concat_ws(',', local_id, field(name, ','), CASE type WHEN 'hospital' THEN 'HOSP' WHEN 'warehouse' THEN 'DEPOT' ELSE 'ROOM' END, coalesce(parent_id, ''),
        coalesce(network_code, ''), gln) AS text
FROM inv_place
-- section: receipt
SELECT concat('receipts_', strftime(day_of(day), '%Y%m%d'), {hour}, '.csv') AS file, day, {minute} AS minute,
    row_number() OVER (ORDER BY minute, receipt_no, receipt_line, copy_no) AS ord, concat(receipt_no, '|', receipt_line) AS source_key, kinds, 0 AS amount,
    concat_ws(',', receipt_no, receipt_line, po_no, line_no, item_id, location,
        CASE WHEN bad_qty THEN '~~' ELSE CAST(qty_received AS VARCHAR) END, uom, factor,
        CASE WHEN bad_byte THEN concat(lot, chr(1)) ELSE coalesce(lot, '') END,
        CASE WHEN bad_expiry THEN concat(strftime(day_of(expiry_day), '%Y'), '-13-40') WHEN expiry_day IS NOT NULL THEN strftime(day_of(expiry_day), '%Y-%m-%d')
            WHEN no_expiry THEN '9999-12-31' ELSE '' END,
        strftime(day_of(day), '%Y-%m-%d'), iso_offset(day, minute, zone)) AS text
FROM inv_receipt
-- section: stock
SELECT concat('stock_', strftime(day_of(day), '%Y%m%d'), '.csv') AS file, day, -1 AS minute, row_number() OVER (ORDER BY item_no, lot) AS ord,
    concat(strftime(day_of(day), '%Y-%m-%d'), '|', location, '|', item_id, '|', lot) AS source_key, CAST([] AS VARCHAR[]) AS kinds, qty AS amount,
    concat_ws(',', strftime(day_of(day), '%Y-%m-%d'), location, item_id, lot, CASE WHEN expiry_day IS NULL THEN '' ELSE strftime(day_of(expiry_day), '%Y-%m-%d') END, qty) AS text, entity_id, place_entity
FROM inv_stock
-- section: movement
SELECT concat('usage_', strftime(day_of(day), '%Y%m%d'), {hour}, '.csv') AS file, day, {minute} AS minute, row_number() OVER (ORDER BY minute, move_no) AS ord, move_no AS source_key,
    CASE WHEN note IS NULL THEN [] ELSE ['patient_canary'] END AS kinds, 0 AS amount,
    concat_ws(',', move_no, iso_offset(day, minute, zone), item_id, from_id, coalesce(to_id, ''),
        CASE kind WHEN 'issue' THEN 'I' WHEN 'waste' THEN 'W' ELSE 'T' END, qty, 'EA', coalesce(lot, ''), field(note, ',')) AS text, entity_id, from_entity, to_entity, CASE WHEN kind = 'transfer' THEN qty ELSE -qty END AS signed_qty, in_gap
FROM inv_move
