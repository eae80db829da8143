-- Files of finance: AP automation (parted by bars), the cloud ERP (commas), recall notices. Columns: folder, feed, file, available, ord and sub_ord (order in the file), text.
-- section: shared
SELECT 'ap_automation' AS folder, 'supplier' AS feed, concat('suppliers_', strftime(day_of(d.day), '%Y%m%d'), '.txt') AS file, utc_of(d.day, 1500, 'America/New_York') AS available,
    '' AS ord, s.supplier_no * 10 + r.n AS sub_ord,
    concat_ws('|', concat('AP', 9000 + s.supplier_no, '-', r.n), upper(split_part(s.first_name, ',', 1)), concat(s.erp_no, CASE WHEN r.n > 0 THEN concat('-R', r.n) ELSE '' END),
        CASE WHEN s.supplier_no % 3 = 0 THEN '2/10 NET 30' ELSE 'NET 30' END, 'ACTIVE') AS text
FROM supplier AS s CROSS JOIN range(0, 4) AS r (n) CROSS JOIN range(0, CAST(getvariable('horizon') AS INTEGER), 7) AS d (day)
WHERE r.n <= s.extra_remits
UNION ALL
SELECT 'procurement', 'recall', concat('recalls_', strftime(day_of(r.day), '%Y%m%d'), '.csv'), utc_of(r.day, 1500, 'America/New_York'),
    concat(r.recall_no, l.lot), 0,
    concat_ws(',', r.recall_no, strftime(day_of(r.day), '%Y-%m-%d'), r.class, field(upper(m.first_name), ','), i.part_no, i.gtin, field(i.description, ','), l.lot_said, r.reason)
FROM recall AS r JOIN recall_lot AS l USING (recall_no) JOIN item AS i ON i.item_no = r.item_no JOIN supplier AS m ON m.supplier_no = r.mfr_no
WHERE r.day < getvariable('horizon')
-- section: site
-- Of the sites of table `here`.
-- Invoices of a week with their state at its end, again in the week in which the state changes.
SELECT 'ap_automation' AS folder, 'invoice' AS feed, concat('invoices_', f.code, '_', strftime(day_of(i.close), '%Y%m%d'), '.txt') AS file, utc_of(i.close, 1500, 'America/New_York') AS available,
    i.invoice_no AS ord, 0 AS sub_ord,
    concat_ws('|', concat(i.invoice_no, '/', i.vendor_no), concat('AP', 9000 + i.vendor_no, '-0'), i.invoice_no, CASE i.kind WHEN 'credit' THEN 'CRM' ELSE 'INV' END, i.po_no, f.code,
        strftime(day_of(i.day), '%Y-%m-%d'), money4(i.amount), money4(i.freight), 'USD', strftime(day_of(i.day + 30), '%Y-%m-%d'),
        CASE WHEN i.free_day <= i.close THEN 'APPROVED' WHEN i.hold = 'DUPLICATE' THEN 'REJECTED' ELSE 'ON HOLD' END, CASE WHEN i.free_day <= i.close THEN '' ELSE coalesce(i.hold, 'REVIEW') END) AS text
FROM (SELECT *, unnest(list_distinct([week_close(day), greatest(week_close(free_day), week_close(day))])) AS close FROM ap_invoice) AS i
JOIN here AS f USING (facility_no)
UNION ALL
SELECT 'ap_automation', 'payment', concat('payments_', f.code, '_', strftime(day_of(p.day), '%Y%m%d'), '.txt'), utc_of(p.day, 1500, 'America/New_York'),
    p.payment_no, p.line_no,
    concat_ws('|', p.payment_no, p.line_no, strftime(day_of(p.day), '%Y-%m-%d'), p.method, concat('AP', 9000 + p.vendor_no, '-', p.remit), p.invoice_no, f.code,
        money4(p.amount), money4(p.discount), money4(p.paid), 'USD')
FROM payment AS p JOIN here AS f USING (facility_no)
UNION ALL
-- The cloud ERP's books of a hospital begin on the day on which its finance moved; it exports at the end of a week.
SELECT 'cloud_finance', 'journal', concat('GL_JOURNALS_', g.code, '_', strftime(day_of(week_close(g.day)), '%Y%m%d'), '.csv'), utc_of(week_close(g.day), 1500, 'America/New_York'),
    g.journal_no, g.line_no,
    concat_ws(',', g.company, g.journal_no, g.line_no, trim(acct_unit(g.room_no)), g.account, CASE WHEN g.amount > 0 THEN money4(g.amount) ELSE '' END, CASE WHEN g.amount < 0 THEN money4(-g.amount) ELSE '' END,
        'USD', strftime(day_of(g.day), '%Y-%m-%d'), concat(strftime(day_of(g.day), '%b-%y')), g.system)
FROM gl_line AS g WHERE g.in_cloud
UNION ALL
SELECT 'cloud_finance', 'commitment', concat('COMMITMENTS_', c.code, '_', strftime(day_of(week_close(c.day)), '%Y%m%d'), '.csv'), utc_of(week_close(c.day), 1500, 'America/New_York'),
    c.po_no, c.seq,
    concat_ws(',', c.company, c.po_no, c.seq, trim(acct_unit(c.room_no)), 1300, upper(c.kind), money4(c.amount), 'USD', strftime(day_of(c.day), '%Y-%m-%d'), c.document_no)
FROM commitment AS c WHERE c.in_cloud
UNION ALL
SELECT 'cloud_finance', 'budget', concat('BUDGETS_', f.code, '_', strftime(day_of(f.cloud_day), '%Y%m%d'), '.csv'), utc_of(f.cloud_day, 1500, 'America/New_York'),
    '', (b.room_no * 10000 + b.account) * 100 + b.period,
    concat_ws(',', b.company, trim(acct_unit(b.room_no)), b.account, b.fiscal_year, b.period, money4(b.amount), 'USD')
FROM here AS f JOIN budget AS b ON b.company = f.company AND b.fiscal_year = fiscal_year(day_of(f.cloud_day))
WHERE f.cloud_day < getvariable('horizon')
UNION ALL
SELECT 'replenishment_unread', 'request', concat('requests_', f.code, '_', strftime(day_of(r.day), '%Y%m%d'), '.csv'), utc_of(r.day, 1500, f.zone),
    r.request_no, 0,
    concat_ws(',', r.request_no, iso_offset(r.day, 360 + r.item_no % 90, f.zone), f.dock_id, r.local_id, r.qty, 'EA', CASE WHEN r.from_dc THEN 'DC1' ELSE 'PURCHASE' END,
        coalesce(r.po_no, ''), coalesce(CAST(r.line_no AS VARCHAR), ''))
FROM request AS r JOIN here AS f USING (facility_no)
WHERE f.facility_no > 0
