-- What is true of the sites of table `here`, whatever its systems say.
INSERT INTO truth.stock
SELECT f.code, f.shelf_entity, i.entity_id, day_of(u.day), u.supply_to - u.used_to, u.need_to - u.used_to
FROM used AS u
JOIN item AS i USING (item_no)
JOIN here AS f USING (facility_no)
WHERE utc_of(u.day, 1500, f.zone) <= getvariable('until');

INSERT INTO truth.invoice_match
SELECT s.entity_id, m.invoice_no, m.line_no, m.po_no, m.line_no, m.leg, i.entity_id, m.kind, m.result, dec4(CAST(m.price_variance AS BIGINT)), m.qty_over_base, day_of(y.day)
FROM matched AS m
JOIN invoice AS b ON b.invoice_no = m.invoice_no AND b.invoice_line = m.invoice_line
LEFT JOIN payment AS y ON y.invoice_no = m.invoice_no AND utc_of(y.day, 1500, 'America/New_York') <= getvariable('until')
JOIN supplier AS s ON s.supplier_no = m.vendor_no
JOIN item AS i ON i.item_no = m.item_no
WHERE utc_of(b.day, 1205, 'America/New_York') <= getvariable('until');
