-- What the orders of the sites of table `here` mean to finance: cost centres, commitments, payments, journals, goods received and not invoiced.
-- Continues process.sql. Money in ten-thousandths; ledgers: debits positive, credits negative.

-- Which cost centre an order is charged to: a room of the hospital, receiving at the warehouse. Company-numbered keys.
CREATE OR REPLACE TEMP TABLE charge AS
WITH ordered AS (
    SELECT facility_no, po_no, order_id, vendor_no, day, CAST(sum(qty * price) AS BIGINT) AS amount,
        CAST(sum(CASE WHEN fate IN ('rejected', 'substitute') THEN qty * price ELSE 0 END) AS BIGINT) AS refused
    FROM po_line GROUP BY facility_no, po_no, order_id, vendor_no, day
)

SELECT o.*, s.company, s.code, s.cloud_day,
    CASE WHEN o.facility_no = 0 THEN 1 ELSE 1 + bits(dice('charge', o.order_id), 0, greatest(1, s.using_rooms)) END AS room_no
FROM ordered AS o JOIN here AS s USING (facility_no);

-- What an invoice line takes off the order, at the order's price; a credit and a second copy take off nothing.
CREATE OR REPLACE TEMP TABLE booked AS
SELECT b.facility_no, b.invoice_no, b.line_no, b.invoice_line, b.kind, b.po_no, b.order_id, b.vendor_no, b.day, b.amount, CASE WHEN b.invoice_line = 1 THEN b.freight ELSE 0 END AS freight, m.result,
    CASE WHEN b.kind = 'invoice' THEN b.qty * b.factor * b.po_price // b.po_factor ELSE 0 END AS relief
FROM invoice AS b
JOIN matched AS m ON m.invoice_no = b.invoice_no AND m.invoice_line = b.invoice_line;

-- An invoice is released when all its lines are: matched, or of a wrong price that was credited. Payment runs are on Tuesdays and
-- Thursdays; a third of the suppliers give two percent for payment within ten days, the others are paid after thirty.
CREATE OR REPLACE TEMP TABLE ap_invoice AS
WITH released AS (
    SELECT b.*, CASE
        WHEN b.kind = 'credit' OR b.result IN ('matched', 'uom', 'item') THEN b.day + 1
        WHEN b.result = 'price' AND c.day IS NOT NULL THEN greatest(b.day, c.day) + 1
    END AS line_release
    FROM booked AS b
    LEFT JOIN booked AS c ON b.kind = 'invoice' AND c.kind = 'credit' AND c.invoice_no = replace(b.invoice_no, 'INV', 'CM') AND c.line_no = b.line_no
),

whole AS (
    SELECT facility_no, invoice_no, kind, po_no, order_id, vendor_no, day, replace(invoice_no, 'CM', 'INV') AS origin,
        CAST(sum(amount) + sum(freight) AS BIGINT) AS amount, CAST(sum(freight) AS BIGINT) AS freight,
        CASE WHEN kind <> 'duplicate' AND count(*) = count(line_release) THEN max(line_release) END AS release_day,
        CASE WHEN kind = 'duplicate' THEN 'DUPLICATE' WHEN bool_or(result = 'price') THEN 'PRICE' WHEN bool_or(result = 'qty') THEN 'QUANTITY' END AS hold
    FROM released GROUP BY facility_no, invoice_no, kind, po_no, order_id, vendor_no, day
),

-- A credit is taken with the invoice that it corrects.
due AS (
    SELECT w.*, CASE WHEN w.kind = 'credit' THEN o.release_day ELSE w.release_day END AS free_day,
        w.vendor_no % 3 = 0 AS has_discount, greatest(o.release_day, o.day + CASE WHEN w.vendor_no % 3 = 0 THEN 7 ELSE 30 END, w.day) AS wanted
    FROM whole AS w JOIN whole AS o ON o.invoice_no = CASE WHEN w.kind = 'credit' THEN w.origin ELSE w.invoice_no END
),

run AS (
    SELECT *, CASE WHEN free_day IS NOT NULL THEN wanted + [1, 0, 1, 0, 4, 3, 2][1 + wanted % 7] END AS run_day FROM due
)

SELECT *, CASE WHEN run_day < getvariable('horizon') THEN run_day END AS paid_day,
    CASE WHEN has_discount AND kind = 'invoice' AND run_day <= day + 10 THEN amount * 2 // 100 ELSE 0 END AS discount
FROM run;

CREATE OR REPLACE TEMP TABLE payment AS
SELECT facility_no, concat('PY', lpad(CAST(facility_no AS VARCHAR), 3, '0'), lpad(CAST(paid_day AS VARCHAR), 3, '0'), lpad(CAST(vendor_no AS VARCHAR), 2, '0')) AS payment_no,
    vendor_no, CAST(paid_day AS INTEGER) AS day, row_number() OVER (PARTITION BY facility_no, paid_day, vendor_no ORDER BY invoice_no) AS line_no,
    invoice_no, kind, po_no, order_id, amount, discount, amount - discount AS paid,
    ['ACH', 'ACH', 'CHECK', 'CARD'][1 + vendor_no % 4] AS method,
    CASE WHEN s.extra_remits > 0 THEN 1 + bits(dice('remit', order_key(facility_no, 0, vendor_no)), 0, s.extra_remits) ELSE 0 END AS remit
FROM ap_invoice JOIN supplier AS s ON s.supplier_no = vendor_no
WHERE paid_day IS NOT NULL;

-- One journal a day and kind. Whoever keeps the books on the day of posting keeps them (facility.cloud_day).
CREATE OR REPLACE TEMP TABLE gl_line AS
WITH entry AS (
    SELECT s.facility_no, s.day, 'RC' AS system, c.room_no, a.account, sum(a.sign * s.qty * s.price) AS amount
    FROM shipment AS s JOIN charge AS c USING (order_id) CROSS JOIN (VALUES (1300, 1), (2110, -1)) AS a (account, sign)
    GROUP BY s.facility_no, s.day, c.room_no, a.account
    UNION ALL
    -- What is entered is owed, but for second copies: at the order's price against what was received, the rest is variance and freight.
    SELECT b.facility_no, b.day, 'AP', c.room_no, a.account,
        sum(CASE a.account WHEN 2110 THEN b.relief WHEN 5290 THEN b.amount - b.relief WHEN 6410 THEN b.freight ELSE -b.amount - b.freight END)
    FROM booked AS b JOIN charge AS c USING (order_id) CROSS JOIN (VALUES (2110), (5290), (6410), (2010)) AS a (account)
    WHERE b.kind <> 'duplicate' GROUP BY b.facility_no, b.day, c.room_no, a.account
    UNION ALL
    SELECT p.facility_no, p.day, 'PY', c.room_no, a.account, sum(CASE a.account WHEN 2010 THEN p.amount WHEN 1010 THEN -p.paid ELSE -p.discount END)
    FROM payment AS p JOIN charge AS c USING (order_id) CROSS JOIN (VALUES (2010), (1010), (4900)) AS a (account)
    GROUP BY p.facility_no, p.day, c.room_no, a.account
)

SELECT e.facility_no, e.day, e.system, e.room_no, e.account, CAST(e.amount AS BIGINT) AS amount, f.code, coalesce(e.day >= f.cloud_day, FALSE) AS in_cloud,
    concat(e.system, strftime(day_of(e.day), '%Y%m%d')) AS journal_no,
    CAST(row_number() OVER (PARTITION BY e.facility_no, e.day, e.system ORDER BY e.room_no, e.account) AS INTEGER) AS line_no,
    f.company
FROM entry AS e JOIN here AS f USING (facility_no)
WHERE e.amount <> 0;

-- Encumbered with the order, released where the supplier will not deliver, relieved by invoices.
CREATE OR REPLACE TEMP TABLE commitment AS
WITH entry AS (
    SELECT order_id, 1 AS seq, 'encumber' AS kind, amount, day, '' AS document_no FROM charge
    UNION ALL
    SELECT order_id, 2, 'release', -refused, day + 1, '' FROM charge WHERE refused > 0 AND day + 1 < getvariable('horizon')
    UNION ALL
    SELECT order_id, 2 + row_number() OVER (PARTITION BY order_id ORDER BY day, invoice_no), 'relieve', -relief, day, invoice_no
    FROM (SELECT order_id, invoice_no, day, CAST(sum(relief) AS BIGINT) AS relief FROM booked WHERE kind = 'invoice' GROUP BY order_id, invoice_no, day)
)

SELECT c.facility_no, c.po_no, CAST(e.seq AS INTEGER) AS seq, e.kind, e.amount, CAST(e.day AS INTEGER) AS day, e.document_no, c.room_no, c.company, c.code, coalesce(e.day >= c.cloud_day, FALSE) AS in_cloud
FROM entry AS e JOIN charge AS c USING (order_id);

-- Per order line at the end of each month, and of the last day played: received and billed so far, at the order's price.
CREATE OR REPLACE TEMP TABLE grni AS
WITH closing AS (
    SELECT CAST(d AS INTEGER) AS day, day(day_of(d + 1)) = 1 AS is_period_end FROM range(0, CAST(getvariable('horizon') AS INTEGER)) AS t (d)
    WHERE day(day_of(d + 1)) = 1 OR d = getvariable('horizon') - 1
),

moved AS (
    SELECT facility_no, po_no, line_no, day, qty * price AS received, 0 AS billed, day AS received_day FROM shipment
    UNION ALL
    SELECT facility_no, po_no, line_no, day, 0, relief, NULL FROM booked WHERE relief <> 0
)

SELECT m.facility_no, c.day, c.is_period_end, m.po_no, m.line_no, CAST(sum(m.received) AS BIGINT) AS received, CAST(sum(m.billed) AS BIGINT) AS billed, max(m.received_day) AS received_day
FROM closing AS c JOIN moved AS m ON m.day <= c.day
GROUP BY m.facility_no, c.day, c.is_period_end, m.po_no, m.line_no;
