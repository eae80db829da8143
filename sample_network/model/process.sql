-- From need to payment at the sites of table `here`: orders, acknowledgments, shipments, receipts, stock, issues, invoices, matches.
-- Every row is a function of its own key, so that any site and any number of days can be made alone.

-- Base-stock policy: on a review day order, in whole packs, what was needed since the last review.
CREATE OR REPLACE TEMP TABLE replenishment AS
WITH review AS (
    SELECT d.facility_no, d.shelf_id, d.item_no, d.day, c.from_dc, d.need_to - lag(d.need_to, 1, 0) OVER (PARTITION BY d.shelf_id ORDER BY d.day) AS qty
    FROM demand AS d
    JOIN carried AS c USING (shelf_id)
    WHERE (d.day + c.review_offset) % c.review_days = 0 AND d.day % 7 < 5
)

SELECT * FROM review WHERE qty > 0;

-- What a supplier may send in place of an item: what is like it and has a shelf at the site.
CREATE OR REPLACE TEMP TABLE alternate AS
SELECT c.shelf_id, min(a.other_no) AS item_no_sent
FROM carried AS c
JOIN alike AS a USING (item_no)
JOIN carried AS shelf ON shelf.facility_no = c.facility_no AND shelf.item_no = a.other_no
GROUP BY c.shelf_id;

-- From the warehouse: picked on the next day, there on the same day.
CREATE OR REPLACE TEMP TABLE transfer AS
SELECT facility_no, shelf_id, item_no, day + 1 AS day, qty
FROM replenishment WHERE from_dc AND day + 1 < getvariable('horizon');

CREATE OR REPLACE TEMP TABLE po_line AS
WITH wanted AS (
    SELECT r.facility_no, r.item_no, r.day, CASE WHEN r.day >= s.merged_day THEN s.bought_by ELSE i.vendor_no END AS vendor_no, a.item_no_sent, i.order_uom AS uom, p.qty AS factor, (r.qty + p.qty - 1) // p.qty AS need_packs,
        i.price, i.has_contract, i.contract_end_day,
        item_day_key(r.facility_no, r.item_no, r.day) AS line_id, dice('order', line_id) AS h
    FROM replenishment AS r
    JOIN item AS i USING (item_no)
    JOIN supplier AS s ON s.supplier_no = i.vendor_no
    LEFT JOIN alternate AS a ON a.shelf_id = r.shelf_id
    JOIN item_pack AS p ON p.item_no = r.item_no AND p.uom = i.order_uom AND r.day >= p.from_day AND (p.to_day IS NULL OR r.day < p.to_day)
    WHERE NOT r.from_dc
),

numbered AS (
    SELECT *,
        concat('P', lpad(CAST(facility_no AS VARCHAR), 3, '0'), lpad(CAST(day AS VARCHAR), 3, '0'), lpad(CAST(vendor_no AS VARCHAR), 2, '0')) AS po_no,
        order_key(facility_no, day, vendor_no) AS order_id,
        row_number() OVER (PARTITION BY facility_no, day, vendor_no ORDER BY item_no) AS line_no,
        has_contract AND (contract_end_day IS NULL OR day < contract_end_day) AS on_contract
    FROM wanted
)

SELECT
    facility_no, po_no, order_id, line_id, CAST(line_no AS INTEGER) AS line_no, numbered.item_no, CAST(vendor_no AS INTEGER) AS vendor_no, CAST(day AS INTEGER) AS day, numbered.uom, factor,
    need_packs AS qty,
    -- Contract price by tier; list price is eight percent above.
    CASE WHEN NOT on_contract THEN price * base.qty * 108 // 100
        WHEN need_packs >= 10 THEN price * base.qty * 95 // 100
        ELSE price * base.qty END AS price,
    price * base.qty AS contract_price,
    on_contract,
    CASE WHEN bits(h, 0, 100) >= 10 THEN day + 2 + bits(h, 8, 5) END AS need_by,
    bits(h, 16, 600) AS minute,
    -- What became of the line: one draw, so that acknowledgment, shipment and invoice tell one story.
    CASE
        -- A substitute is offered, and sent where it is one that the site knows.
        WHEN bits(h, 24, 1000) < 8 AND item_no_sent IS NOT NULL THEN 'substituted'
        WHEN bits(h, 24, 1000) < 12 THEN 'substitute'
        WHEN bits(h, 24, 1000) < 35 THEN 'rejected'
        WHEN bits(h, 24, 1000) < 115 AND need_packs >= 2 THEN 'backorder'
        WHEN bits(h, 24, 1000) < 135 AND need_packs >= 2 THEN 'short'
        WHEN bits(h, 24, 1000) < 155 THEN 'over'
        WHEN bits(h, 24, 1000) < 280 AND need_packs >= 2 THEN 'two_lots'
        ELSE 'full'
    END AS fate,
    CASE WHEN bits(h, 24, 1000) < 8 THEN item_no_sent END AS item_no_sent,
    bits(h, 36, 1000) < 25 AS price_changed,
    -- One day for all lines of an order: what is shipped together comes together.
    1 + bits(dice('lead', order_id), 0, 3) AS lead_days,
    bits(h, 48, 1000) < 15 AS is_reversed,
    h
FROM numbered
JOIN item_pack AS base ON base.item_no = numbered.item_no AND base.uom = numbered.uom AND base.from_day = 0;

-- What really came: one row per lot of a shipment. `leg` 1 is the first shipment, 2 what was on back order.
CREATE OR REPLACE TEMP TABLE shipment AS
WITH piece AS (
    SELECT *, 1 AS leg, 1 AS lot_seq, lead_days AS lag_days,
        CASE fate WHEN 'backorder' THEN qty // 2 WHEN 'short' THEN qty - 1 WHEN 'over' THEN qty + 1 WHEN 'two_lots' THEN qty - qty // 2 ELSE qty END AS shipped
    FROM po_line WHERE fate NOT IN ('substitute', 'substituted', 'rejected')
    UNION ALL
    -- Substitutes come in eaches, at the price of what was ordered.
    SELECT * REPLACE (item_no_sent AS item_no, 'EA' AS uom, 1 AS factor, price // factor AS price), 1, 1, lead_days, qty * factor
    FROM po_line WHERE fate = 'substituted'
    UNION ALL
    SELECT *, 1, 2, lead_days, qty // 2 FROM po_line WHERE fate = 'two_lots'
    UNION ALL
    SELECT *, 2, 1, lead_days + 5, qty - qty // 2 FROM po_line WHERE fate = 'backorder'
),

drawn AS (
    -- A maker's lot is what it ships of an item in a week, to whichever site.
    SELECT *, CAST(day + lag_days AS BIGINT) // 7 AS batch, dice('lot', lot_key(item_no, CAST(day + lag_days AS BIGINT) // 7, lot_seq)) AS hl FROM piece
    WHERE day + lag_days < getvariable('horizon')
)

SELECT
    facility_no, po_no, order_id, line_id, line_no, leg, lot_seq, item_no, drawn.vendor_no, day AS order_day, CAST(day + lag_days AS INTEGER) AS day, uom, factor, shipped AS qty, drawn.price,
    shipped * factor AS qty_base, is_reversed AND leg = 1 AND lot_seq = 1 AS is_reversed, hl,
    420 + bits(dice('dock', order_id * 4 + leg), 0, 540) AS minute,
    CASE WHEN i.is_lot_tracked THEN lot_of(hl, batch, lot_seq) END AS lot,
    CASE WHEN i.is_lot_tracked THEN batch * 7 + 67 + bits(hl, 24, 900) END AS expiry_day
FROM drawn
JOIN item AS i USING (item_no);

-- Receipt lines, the reversal and the second try of those that were keyed wrongly included.
CREATE OR REPLACE TEMP TABLE receipt AS
WITH keyed AS (
    SELECT *, 1 AS take, qty AS qty_received FROM shipment
    UNION ALL
    SELECT *, 2, -qty FROM shipment WHERE is_reversed
    UNION ALL
    SELECT *, 3, qty FROM shipment WHERE is_reversed
)

SELECT *,
    concat('R', substr(po_no, 2), '-', leg) AS receipt_no,
    CAST(row_number() OVER (PARTITION BY order_id, leg ORDER BY line_no, lot_seq, take) AS INTEGER) AS receipt_line
FROM keyed;

-- What is there to be used, first in first out: the opening stock, then what came, in a queue from `from_qty` to `to_qty`.
CREATE OR REPLACE TEMP TABLE queue AS
WITH inbound AS (
    SELECT c.shelf_id, -1 AS day, 0 AS order_id, 0 AS line_no, 0 AS leg, 0 AS lot_seq,
        c.use_percent * c.use_size * 12 // 100 + 5 + c.use_size * CASE WHEN c.facility_no = 0 THEN 6 ELSE 1 END AS qty,
        CASE WHEN i.is_lot_tracked THEN concat('OPEN', lpad(CAST(c.item_no AS VARCHAR), 5, '0')) END AS lot,
        CASE WHEN i.is_lot_tracked THEN 120 + bits(c.h, 40, 600) END AS expiry_day
    FROM carried AS c JOIN item AS i USING (item_no)
    UNION ALL
    SELECT item_key(facility_no, item_no), day, order_id, line_no, leg, lot_seq, qty_base, lot, expiry_day FROM shipment
    UNION ALL
    -- After the orders of the day.
    SELECT shelf_id, day, 2000000000, 0, 0, 0, qty, NULL, NULL FROM transfer
)

SELECT shelf_id, day, lot, expiry_day, qty,
    CAST(sum(qty) OVER up_to AS BIGINT) - qty AS from_qty,
    CAST(sum(qty) OVER up_to AS BIGINT) AS to_qty
FROM inbound
WINDOW up_to AS (PARTITION BY shelf_id ORDER BY day, order_id, line_no, leg, lot_seq);

-- Use that supply could not cover is lost; the warehouse books it all the same and its stock goes negative.
CREATE OR REPLACE TEMP TABLE used AS
WITH supplied AS (
    SELECT shelf_id, day, CAST(sum(qty) AS BIGINT) AS qty FROM queue GROUP BY shelf_id, day
),

running AS (
    SELECT d.facility_no, d.shelf_id, d.item_no, d.day, d.h, d.need_to,
        CAST(coalesce(o.qty, 0) + sum(coalesce(s.qty, 0)) OVER (PARTITION BY d.shelf_id ORDER BY d.day) AS BIGINT) AS supply_to
    FROM demand AS d
    LEFT JOIN supplied AS s ON s.shelf_id = d.shelf_id AND s.day = d.day
    LEFT JOIN supplied AS o ON o.shelf_id = d.shelf_id AND o.day = -1
),

lost AS (
    SELECT *, CASE WHEN facility_no = 0 THEN 0
        ELSE greatest(0, max(need_to - supply_to) OVER (PARTITION BY shelf_id ORDER BY day)) END AS lost_to
    FROM running
)

SELECT facility_no, shelf_id, item_no, day, h, need_to, supply_to, need_to - lost_to AS used_to,
    need_to - lost_to - lag(need_to - lost_to, 1, 0) OVER (PARTITION BY shelf_id ORDER BY day) AS qty
FROM lost;

-- Legs of use: which lot it came from.
CREATE OR REPLACE TEMP TABLE issue AS
SELECT u.facility_no, u.shelf_id, u.item_no, u.day, u.h, q.lot, q.expiry_day,
    CAST(row_number() OVER (PARTITION BY u.shelf_id, u.day ORDER BY q.from_qty NULLS LAST) AS INTEGER) AS leg,
    CASE WHEN q.shelf_id IS NULL THEN u.qty ELSE least(q.to_qty, u.used_to) - greatest(q.from_qty, u.used_to - u.qty) END AS qty
FROM used AS u
LEFT JOIN queue AS q ON u.facility_no > 0 AND q.shelf_id = u.shelf_id AND q.from_qty < u.used_to AND q.to_qty > u.used_to - u.qty
WHERE u.qty > 0;

-- Stock at the end of each day, by lot. Lots that are used up are not listed.
CREATE OR REPLACE TEMP TABLE stock AS
WITH lots AS (
    SELECT u.facility_no, u.shelf_id, u.item_no, u.day, coalesce(q.lot, '') AS lot, max(q.expiry_day) AS expiry_day,
        CAST(sum(greatest(0, q.to_qty - greatest(q.from_qty, u.used_to))) AS BIGINT) AS qty,
        max(u.used_to - u.supply_to) AS short_by
    FROM used AS u
    JOIN queue AS q ON q.shelf_id = u.shelf_id AND q.day <= u.day AND (q.to_qty > u.used_to OR q.lot IS NULL)
    GROUP BY u.facility_no, u.shelf_id, u.item_no, u.day, coalesce(q.lot, '')
)

SELECT facility_no, shelf_id, item_no, day, lot, expiry_day, CASE WHEN short_by > 0 THEN -short_by ELSE qty END AS qty FROM lots;

-- Invoice lines: what was shipped, with the differences suppliers make. One invoice per order and shipment.
CREATE OR REPLACE TEMP TABLE invoice AS
WITH shipped AS (
    SELECT facility_no, po_no, order_id, line_id, line_no, leg, item_no, vendor_no, order_day, uom, factor, price, max(day) AS received_day, CAST(sum(qty) AS BIGINT) AS qty
    FROM shipment
    GROUP BY facility_no, po_no, order_id, line_id, line_no, leg, item_no, vendor_no, order_day, uom, factor, price
),

drawn AS (
    SELECT *, dice('bill', part_key(line_id, leg)) AS h, dice('invoice', order_id * 4 + leg) AS hi FROM shipped
),

billed AS (
    SELECT *,
        CASE WHEN bits(h, 0, 1000) < 40 THEN 'price' WHEN bits(h, 0, 1000) < 55 THEN 'qty'
            WHEN bits(h, 0, 1000) < 63 AND factor > 1 AND price % factor = 0 THEN 'uom' ELSE 'none' END AS difference,
        CAST(received_day + bits(hi, 0, 5) AS INTEGER) AS day,
        bits(hi, 8, 600) AS minute,
        CASE WHEN bits(hi, 20, 100) < 8 THEN 50000 + 10000 * bits(hi, 28, 40) ELSE 0 END AS freight
    FROM drawn
    WHERE bits(hi, 36, 100) >= 6
),

stated AS (
    SELECT
        facility_no, concat('INV', substr(po_no, 2), leg) AS invoice_no, 'invoice' AS kind, 0 AS kind_no, po_no, order_id, line_id, line_no, leg, item_no, vendor_no, order_day, received_day, day, minute, difference, freight,
        CASE difference WHEN 'uom' THEN 'EA' ELSE uom END AS uom,
        CASE difference WHEN 'uom' THEN 1 ELSE factor END AS factor,
        CASE difference WHEN 'qty' THEN qty + 1 WHEN 'uom' THEN qty * factor ELSE qty END AS qty,
        CASE difference WHEN 'price' THEN price * 103 // 100 WHEN 'uom' THEN price // factor ELSE price END AS price,
        price AS po_price, factor AS po_factor, h, hi
    FROM billed
),

all_lines AS (
    SELECT * FROM stated
    UNION ALL
    -- Half of the wrong prices are credited a week later: the same quantity back, at the difference.
    SELECT facility_no, replace(invoice_no, 'INV', 'CM'), 'credit', 1, po_no, order_id, line_id, line_no, leg, item_no, vendor_no, order_day, received_day, day + 7, minute, 'credit', 0,
        uom, factor, -qty, price - po_price, po_price, po_factor, h, hi
    FROM stated WHERE difference = 'price' AND bits(h, 12, 2) = 0
    UNION ALL
    -- Some invoices come twice, the second time under a number of their own.
    SELECT facility_no, concat(invoice_no, 'A'), 'duplicate', 2, po_no, order_id, line_id, line_no, leg, item_no, vendor_no, order_day, received_day, day + 3, minute, 'duplicate', freight,
        uom, factor, qty, price, po_price, po_factor, h, hi
    FROM stated WHERE bits(hi, 44, 1000) < 8
)

SELECT *, qty * price AS amount, CAST(row_number() OVER (PARTITION BY invoice_no ORDER BY line_no) AS INTEGER) AS invoice_line
FROM all_lines
WHERE day < getvariable('horizon');

-- The right three-way match of each invoice line: against what was ordered and what was received.
CREATE OR REPLACE TEMP TABLE matched AS
WITH received AS (
    SELECT s.line_id, CAST(sum(s.qty_base) AS BIGINT) AS qty_base, bool_or(s.item_no <> l.item_no) AS is_substitute
    FROM shipment AS s JOIN po_line AS l USING (line_id) GROUP BY s.line_id
),

running AS (
    SELECT i.*, r.qty_base AS received_base, r.is_substitute,
        CAST(sum(CASE WHEN i.kind = 'invoice' THEN i.qty * i.factor ELSE 0 END) OVER (PARTITION BY i.line_id ORDER BY i.day, i.invoice_no) AS BIGINT) AS billed_to
    FROM invoice AS i
    JOIN received AS r USING (line_id)
)

SELECT facility_no, invoice_no, invoice_line, po_no, order_id, line_no, leg, vendor_no, item_no, kind,
    CASE
        WHEN kind = 'duplicate' THEN 'duplicate'
        WHEN kind = 'credit' THEN 'credit'
        WHEN price * po_factor <> po_price * factor THEN 'price'
        WHEN billed_to > received_base THEN 'qty'
        WHEN difference = 'uom' THEN 'uom'
        WHEN is_substitute THEN 'item'
        ELSE 'matched'
    END AS result,
    CASE WHEN kind = 'invoice' THEN (price * po_factor - po_price * factor) * qty // po_factor ELSE 0 END AS price_variance,
    greatest(0, billed_to - received_base) AS qty_over_base
FROM running;
