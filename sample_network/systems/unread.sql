-- Formats that no feed of this version reads. Lines only; `unread.py` says how they become files.
-- section: suite_hourly
SELECT concat('procurement_unread/documents_', f.code, '_', strftime(day_of(r.day), '%Y%m%d'), CASE WHEN getvariable('hourly') THEN printf('_%02d', r.minute // 60) ELSE '' END, '.csv') AS file,
    CASE WHEN getvariable('hourly') THEN utc_of(r.day, (r.minute // 60 + 1) * 60 + 5, 'America/New_York') ELSE utc_of(r.day, 1500, f.zone) END AS available, r.text
FROM (
    -- Mixed row types, each with columns of its own: requisition header, line, approval.
    SELECT facility_no, day, po_no, 0 AS line_no, 0 AS kind_no, 400 + min(minute) % 60 AS minute, concat_ws(',', 'RequisitionHeader', concat('Q', substr(po_no, 2)), iso_offset(day, 400 + min(minute) % 60, 'America/New_York'), facility_no, 'submitted') AS text
    FROM po_line GROUP BY facility_no, day, po_no
    UNION ALL
    SELECT facility_no, day, po_no, line_no, 1, 400 + min(minute) OVER (PARTITION BY order_id) % 60, concat_ws(',', 'RequisitionLine', concat('Q', substr(po_no, 2)), line_no, 100001 + item_no, qty, uom, money4(price), CASE WHEN need_by IS NULL THEN '' ELSE strftime(day_of(need_by), '%Y-%m-%d') END, po_no, line_no) FROM po_line
    UNION ALL
    SELECT facility_no, day, po_no, 9999, 2, 470 + min(minute) % 60, concat_ws(',', 'Approval', concat('Q', substr(po_no, 2)), '1', CASE WHEN sum(qty * price) > 500000000 THEN 'director' ELSE 'manager' END,
        iso_offset(day, 470 + min(minute) % 60, 'America/New_York'), 'approved') FROM po_line GROUP BY facility_no, day, po_no
) AS r
JOIN here AS f USING (facility_no)
ORDER BY file, r.po_no, r.kind_no, r.line_no
-- section: suite_contracts
SELECT concat('procurement_unread/contracts_', strftime(day_of(0), '%Y%m%d'), '.json') AS file, utc_of(0, 1500, 'America/New_York') AS available,
    to_json({'contract': c.contract_no, 'supplier': s.suite_id, 'kind': c.kind, 'from': strftime(day_of(c.from_day), '%Y-%m-%d'), 'to': strftime(day_of(c.to_day), '%Y-%m-%d'),
        'prices': list({'item': CAST(100001 + p.item_no AS VARCHAR), 'uom': p.uom, 'tier': p.tier, 'min_qty': p.min_qty, 'price': money4(p.price)} ORDER BY p.item_no, p.tier)}) AS text
FROM contract AS c JOIN supplier AS s USING (supplier_no) JOIN contract_price AS p USING (contract_no)
GROUP BY c.contract_no, s.suite_id, c.kind, c.from_day, c.to_day
ORDER BY c.contract_no
-- section: fixed_width
SELECT concat('legacy_batch_unread/POLINE_', f.code, '_', strftime(day_of(l.day), '%Y%m%d'), '.txt') AS file, utc_of(l.day, 1500, f.zone) AS available,
    -- Company 4, order right-justified 14, line 6, item 15, quantity 13 with 4 implied decimals, date yyyymmdd, 0 for none.
    concat('0001', lpad(l.po_no, 14, ' '), lpad(CAST(l.line_no AS VARCHAR), 6, '0'), rpad(CAST(100001 + l.item_no AS VARCHAR), 15, ' '), lpad(CAST(l.qty * 10000 AS VARCHAR), 13, '0'), rpad(l.uom, 2, ' '),
        strftime(day_of(l.day), '%Y%m%d'), CASE WHEN l.need_by IS NULL THEN '00000000' ELSE strftime(day_of(l.need_by), '%Y%m%d') END) AS text
FROM po_line AS l JOIN here AS f USING (facility_no)
ORDER BY file, l.po_no, l.line_no
-- section: packed
SELECT concat('legacy_batch_unread/APINVOICE_', f.code, '_', strftime(day_of(b.day), '%Y%m%d'), '.ebc') AS file, utc_of(b.day, 1500, f.zone) AS available,
    concat(rpad(b.invoice_no, 22, ' '), lpad(CAST(b.line_no AS VARCHAR), 6, '0'), rpad(s.erp_no, 9, ' ')) AS text, b.qty * 10000 AS qty, b.amount
FROM invoice AS b JOIN supplier AS s ON s.supplier_no = b.vendor_no JOIN here AS f USING (facility_no)
ORDER BY file, b.invoice_no, b.line_no
