-- What is true of the finance, shelves and recalled lots of the sites of table `here`, as of `until`. Continues finance.sql and stocking.sql.
INSERT INTO truth.substitution
SELECT l.po_no, l.line_no, i.entity_id, o.entity_id, s.qty_base, day_of(l.day + 1), day_of(s.day)
FROM po_line AS l JOIN item AS i USING (item_no)
JOIN here AS f USING (facility_no)
LEFT JOIN item AS o ON o.item_no = l.item_no_sent AND l.fate = 'substituted'
LEFT JOIN shipment AS s ON s.line_id = l.line_id AND utc_of(s.day, 1500, f.zone) <= getvariable('until')
WHERE l.fate IN ('substitute', 'substituted') AND utc_of(l.day + 1, 365, 'America/New_York') <= getvariable('until');

INSERT INTO truth.replenishment
SELECT r.request_no, f.code, i.entity_id, day_of(r.day), r.qty, CASE WHEN r.from_dc THEN 'DC1' ELSE 'purchase' END, r.po_no, r.line_no
FROM request AS r JOIN item AS i USING (item_no) JOIN here AS f USING (facility_no)
WHERE f.facility_no > 0 AND utc_of(r.day, 1500, f.zone) <= getvariable('until');

INSERT INTO truth.stocking
SELECT f.code, f.dock_entity, i.entity_id, s.formulary, s.par_qty, s.rop_qty, s.max_qty, s.review_days,
    day_of(CASE WHEN s.is_new THEN s.revised_day ELSE 0 END), CASE WHEN NOT s.is_new THEN day_of(s.revised_day) END
FROM stocking AS s JOIN item AS i USING (item_no) JOIN here AS f USING (facility_no)
WHERE NOT s.is_new OR utc_of(s.revised_day, 1500, f.zone) <= getvariable('until');

-- Recalled lots that were here: what came, what was used, what is left.
INSERT INTO truth.recall_exposure
WITH closed AS (
    SELECT f.facility_no, max(d) AS day FROM range(0, CAST(getvariable('horizon') AS INTEGER)) AS t (d), here AS f
    WHERE utc_of(d, 1500, f.zone) <= getvariable('until') GROUP BY f.facility_no
),

held AS (
    SELECT c.facility_no, l.recall_no, l.item_no, l.lot, c.day, CAST(sum(q.qty) FILTER (WHERE q.day < 0) AS BIGINT) AS opening, CAST(sum(q.qty) FILTER (WHERE q.day >= 0) AS BIGINT) AS received,
        CAST(sum(greatest(0, q.to_qty - greatest(q.from_qty, u.used_to))) AS BIGINT) AS on_hand
    FROM recall_lot AS l JOIN recall AS r USING (recall_no) JOIN closed AS c ON r.day <= c.day
    JOIN queue AS q ON q.shelf_id = item_key(c.facility_no, l.item_no) AND q.lot = l.lot AND q.day <= c.day
    JOIN used AS u ON u.shelf_id = q.shelf_id AND u.day = c.day
    GROUP BY c.facility_no, l.recall_no, l.item_no, l.lot, c.day
),

came AS (
    SELECT r.facility_no, r.item_no, r.lot, list(concat(r.receipt_no, '|', r.receipt_line) ORDER BY r.receipt_no, r.receipt_line) AS receipts
    FROM receipt AS r JOIN closed AS c USING (facility_no) WHERE r.day <= c.day AND r.lot IN (SELECT lot FROM recall_lot) GROUP BY r.facility_no, r.item_no, r.lot
)

SELECT h.recall_no, i.entity_id, h.lot, f.code, f.shelf_entity, day_of(h.day), coalesce(h.opening, 0), coalesce(h.received, 0),
    coalesce(h.opening, 0) + coalesce(h.received, 0) - h.on_hand, h.on_hand, coalesce(c.receipts, [])
FROM held AS h JOIN item AS i USING (item_no) JOIN here AS f USING (facility_no)
LEFT JOIN came AS c ON c.facility_no = h.facility_no AND c.item_no = h.item_no AND c.lot = h.lot;

-- Books are closed at night: a row counts from one o'clock (head office) of the next day on.
INSERT INTO truth.commitment
SELECT CASE WHEN in_cloud THEN 'cloud_finance' ELSE 'legacy_finance' END, concat(company, '-', 70000 + 100 * room_no), 1300, po_no, seq, kind, dec4(amount), day_of(day), document_no
FROM commitment WHERE utc_of(CASE WHEN in_cloud THEN week_close(day) ELSE day END, 1500, 'America/New_York') <= getvariable('until');
INSERT INTO truth.payment
SELECT p.payment_no, p.line_no, s.entity_id, p.invoice_no, f.code, day_of(p.day), p.method, dec4(p.amount), dec4(p.discount), dec4(p.paid)
FROM payment AS p JOIN supplier AS s ON s.supplier_no = p.vendor_no JOIN here AS f USING (facility_no)
WHERE utc_of(p.day, 1500, 'America/New_York') <= getvariable('until');
INSERT INTO truth.gl_posting
SELECT CASE WHEN in_cloud THEN 'cloud_finance' ELSE 'legacy_finance' END, company, journal_no, line_no, concat(company, '-', 70000 + 100 * room_no), account, dec4(amount),
    day_of(day), fiscal_year(day_of(day)), fiscal_period(day_of(day))
FROM gl_line WHERE utc_of(CASE WHEN in_cloud THEN week_close(day) ELSE day END, 1500, 'America/New_York') <= getvariable('until');
INSERT INTO truth.grni
SELECT day_of(g.day), g.is_period_end, f.code, g.po_no, g.line_no, dec4(g.received), dec4(g.billed), dec4(greatest(0, g.received - g.billed)), dec4(greatest(0, g.billed - g.received)),
    g.day - g.received_day
FROM grni AS g JOIN here AS f USING (facility_no)
WHERE g.received <> g.billed AND utc_of(g.day, 1500, 'America/New_York') <= getvariable('until');
