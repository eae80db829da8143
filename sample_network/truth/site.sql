-- What is true of one site, whatever its systems say.
INSERT INTO truth.stock
SELECT f.code, p.entity_id, i.entity_id, day_of(u.day), u.supply_to - u.used_to, n.need_to - u.used_to
FROM used AS u
JOIN demand AS n USING (item_no, day)
JOIN item AS i USING (item_no)
JOIN facility AS f ON f.facility_no = getvariable('facility_no')
JOIN place AS p ON p.code = CASE WHEN f.facility_no = 0 THEN 'DC1-BULK' ELSE concat(f.code, '-MAIN') END
WHERE utc_of(u.day, 1500, f.zone) <= getvariable('until')
ORDER BY u.day, u.item_no;

INSERT INTO truth.invoice_match
SELECT s.entity_id, m.invoice_no, m.line_no, m.po_no, m.line_no, m.leg, i.entity_id, m.kind, m.result, dec4(CAST(m.price_variance AS BIGINT)), m.qty_over_base, day_of(y.day)
FROM matched AS m
JOIN invoice AS b ON b.invoice_no = m.invoice_no AND b.invoice_line = m.invoice_line
LEFT JOIN payment AS y ON y.invoice_no = m.invoice_no AND utc_of(y.day, 1500, 'America/New_York') <= getvariable('until')
JOIN supplier AS s ON s.supplier_no = m.vendor_no
JOIN item AS i ON i.item_no = m.item_no
JOIN facility AS f ON f.facility_no = getvariable('facility_no')
WHERE utc_of(b.day, 1205, 'America/New_York') <= getvariable('until')
ORDER BY m.invoice_no, m.line_no;
