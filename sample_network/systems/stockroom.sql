-- Dialect `stockroom`: semicolons, Windows-1252, decimal commas, days first, local times without offset.
-- section: item
SELECT concat('ITM_', strftime(day_of(day), '%Y%m%d'), '.txt') AS file, day, -1 AS minute, item_no * 2 + copy_no AS ord, local_id AS source_key, kinds, 0 AS amount,
    concat_ws(';', field(local_id, ';'), field(description, ';'), 'EA', coalesce(gtin, ''), coalesce(network_item_no, ''), field(manufacturer, ';'),
        mfr_part_no, CASE WHEN is_lot_tracked THEN '1' ELSE '0' END, CASE status WHEN 'A' THEN 'ACT' ELSE 'OBS' END) AS text
FROM inv_item
-- section: location
SELECT concat('LOC_', strftime(day_of(day), '%Y%m%d'), '.txt') AS file, day, -1 AS minute, ord, local_id AS source_key, kinds, 0 AS amount,
    concat_ws(';', local_id, field(name, ';'), CASE type WHEN 'hospital' THEN 'SITE' WHEN 'warehouse' THEN 'EXT' ELSE 'STORE' END, coalesce(parent_id, ''),
        coalesce(network_code, ''), gln) AS text
FROM inv_place
-- section: receipt
SELECT concat('RCV_', strftime(day_of(day), '%Y%m%d'), {hour}, '.txt') AS file, day, {minute} AS minute,
    row_number() OVER (ORDER BY minute, receipt_no, receipt_line, copy_no) AS ord, concat(receipt_no, '|', receipt_line) AS source_key, kinds, 0 AS amount,
    concat_ws(';', receipt_no, receipt_line, po_no, line_no, item_id, location,
        CASE WHEN bad_qty THEN 'n/a pcs' ELSE concat(qty_received, ',00') END, uom, factor, coalesce(lot, ''),
        CASE WHEN bad_expiry THEN concat('31.13.', strftime(day_of(expiry_day), '%Y')) WHEN expiry_day IS NOT NULL THEN strftime(day_of(expiry_day), '%d.%m.%Y')
            WHEN no_expiry THEN '31.12.9999' ELSE '' END,
        strftime(day_of(day), '%d.%m.%Y'), local_text(day, minute, '%d.%m.%Y %H:%M')) AS text
FROM inv_receipt
-- section: stock
SELECT concat('STK_', strftime(day_of(day), '%Y%m%d'), '.txt') AS file, day, -1 AS minute, row_number() OVER (ORDER BY item_no, lot) AS ord,
    concat(strftime(day_of(day), '%Y-%m-%d'), '|', location, '|', item_id, '|', lot) AS source_key, CAST([] AS VARCHAR[]) AS kinds, qty AS amount,
    concat_ws(';', strftime(day_of(day), '%d.%m.%Y'), location, item_id, lot, CASE WHEN expiry_day IS NULL THEN '' ELSE strftime(day_of(expiry_day), '%d.%m.%Y') END, concat(qty, ',00')) AS text, entity_id, place_entity
FROM inv_stock
-- section: movement
SELECT concat('MOV_', strftime(day_of(day), '%Y%m%d'), {hour}, '.txt') AS file, day, {minute} AS minute, row_number() OVER (ORDER BY minute, move_no) AS ord, move_no AS source_key,
    list_filter([CASE WHEN note IS NOT NULL THEN 'patient_canary' END, CASE WHEN in_gap THEN 'dst_gap' WHEN in_fold THEN 'dst_fold' END], lambda x: x IS NOT NULL) AS kinds, 0 AS amount,
    concat_ws(';', move_no, CASE WHEN in_gap THEN local_text(day, 150, '%d.%m.%Y %H:%M') WHEN in_fold THEN local_text(day, 90, '%d.%m.%Y %H:%M') ELSE local_text(day, minute, '%d.%m.%Y %H:%M') END, item_id, from_id, coalesce(to_id, ''),
        CASE kind WHEN 'issue' THEN 'ISS' WHEN 'waste' THEN 'SCR' ELSE 'TRF' END, concat(qty, ',00'), 'EA', coalesce(lot, ''), field(note, ';')) AS text, entity_id, from_entity, to_entity, CASE WHEN kind = 'transfer' THEN qty ELSE -qty END AS signed_qty, in_gap
FROM inv_move
