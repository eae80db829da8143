-- Purchase order lines (type line; comments, titles and subtotals order nothing). Orders without a number are
-- drafts: they go by the ERP's own reference, model and id.
WITH unit AS (
    -- A symbol is not unique in Tryton (two sizes of box may both be BX): then the id tells them apart.
    SELECT
        id,
        category,
        factor,
        rate,
        CASE
            WHEN count(*) OVER (PARTITION BY symbol) = 1 THEN symbol
            ELSE symbol || '/' || CAST(id AS VARCHAR)
        END AS code,
        max(_change_seq) OVER (PARTITION BY symbol) AS unit_seq
    FROM staged.product_uom
),

item_unit AS (
    SELECT
        p.id AS product,
        d.id AS default_uom,
        d.category AS default_category,
        d.rate AS default_rate,
        GREATEST(p._change_seq, t._change_seq, d.unit_seq) AS item_seq
    FROM staged.product_product AS p
    INNER JOIN staged.product_template AS t ON p.template = t.id
    INNER JOIN unit AS d ON t.default_uom = d.id
),

need AS (
    SELECT
        purchase_line AS line_id,
        min(CASE WHEN NOT _is_deleted THEN supply_date END) AS need_by_date,
        max(_change_seq) AS need_seq
    FROM staged.purchase_request
    WHERE purchase_line IS NOT NULL
    GROUP BY purchase_line
),

extended AS (
    SELECT
        l.id,
        c.digits,
        c.code AS currency_code,
        GREATEST(l._change_seq, h._change_seq, c._change_seq) AS amount_seq,
        CAST(CAST(l.quantity AS DECIMAL(19, 6)) * l.unit_price AS DECIMAL(34, 12)) AS exact_amount
    FROM staged.purchase_line AS l
    LEFT JOIN staged.purchase_purchase AS h ON l.purchase = h.id
    LEFT JOIN staged.currency_currency AS c ON h.currency = c.id
),

nearest AS (
    SELECT
        *,
        CASE digits
            WHEN 0 THEN CAST(CAST(exact_amount AS DECIMAL(26, 0)) AS DECIMAL(26, 4))
            WHEN 2 THEN CAST(CAST(exact_amount AS DECIMAL(26, 2)) AS DECIMAL(26, 4))
            WHEN 3 THEN CAST(CAST(exact_amount AS DECIMAL(26, 3)) AS DECIMAL(26, 4))
            ELSE CAST(exact_amount AS DECIMAL(26, 4))
        END AS half_up,
        CASE digits
            WHEN 0 THEN CAST(0.5 AS DECIMAL(12, 12))
            WHEN 2 THEN CAST(0.005 AS DECIMAL(12, 12))
            WHEN 3 THEN CAST(0.0005 AS DECIMAL(12, 12))
        END AS half_step
    FROM extended
),

amount AS (
    -- Tryton rounds a line to the currency half to even; twice the rounded half of a tie is its even neighbour.
    SELECT
        id,
        currency_code,
        amount_seq,
        CAST(CASE
            WHEN half_step IS NULL OR abs(exact_amount - half_up) <> half_step THEN half_up
            WHEN digits = 0 THEN 2 * CAST(CAST(exact_amount * 0.5 AS DECIMAL(25, 0)) AS DECIMAL(25, 4))
            WHEN digits = 2 THEN 2 * CAST(CAST(exact_amount * 0.5 AS DECIMAL(25, 2)) AS DECIMAL(25, 4))
            ELSE 2 * CAST(CAST(exact_amount * 0.5 AS DECIMAL(25, 3)) AS DECIMAL(25, 4))
        END AS DECIMAL(18, 4)) AS ext_amount
    FROM nearest
)

SELECT
    CAST(l.id AS VARCHAR) AS source_key,
    COALESCE(h.number, 'purchase.purchase,' || CAST(l.purchase AS VARCHAR)) AS po_no,
    CAST(l.id AS VARCHAR) AS line_no,
    CAST(l.product AS VARCHAR) AS item_key,
    CAST(h.party AS VARCHAR) AS supplier_key,
    CAST(h.warehouse AS VARCHAR) AS location_key,
    NULLIF(l.description, '') AS description,
    l.quantity AS qty_txn,
    u.code AS uom_txn,
    CASE
        WHEN u.id = i.default_uom THEN CAST(1 AS DECIMAL(18, 6))
        WHEN u.category = i.default_category
            THEN CAST(CAST(u.factor AS DECIMAL(22, 12)) * i.default_rate AS DECIMAL(18, 6))
    END AS uom_factor,
    l.unit_price AS unit_price,
    u.code AS price_uom,
    amount.ext_amount AS ext_amount,
    amount.currency_code AS currency_code,
    b._source_key AS contract_key,
    b.number AS contract_no,
    l.create_date AS created_ts,
    h.purchase_date AS order_date,
    need.need_by_date AS need_by_date,
    COALESCE(l.delivery_date_store, h.delivery_date) AS promised_date,
    h.state AS status,
    -- The ERP lowers actual_quantity when moves or invoice lines of a confirmed order are cancelled for good.
    CASE
        WHEN h.state = 'cancelled' THEN l.quantity
        WHEN h.state IN ('processing', 'done') AND l.actual_quantity < l.quantity
            THEN CAST(l.quantity - l.actual_quantity AS DECIMAL(18, 6))
        ELSE CAST(0 AS DECIMAL(18, 6))
    END AS cancelled_qty,
    l._delivery_id,
    l._source_row_no,
    l._valid_from,
    l._is_deleted OR COALESCE(h._is_deleted, FALSE) AS _is_deleted,
    GREATEST(amount.amount_seq, u.unit_seq, i.item_seq, need.need_seq, bl._change_seq, b._change_seq) AS _change_seq
FROM staged.purchase_line AS l
INNER JOIN amount ON l.id = amount.id
LEFT JOIN staged.purchase_purchase AS h ON l.purchase = h.id
LEFT JOIN unit AS u ON l.unit = u.id
LEFT JOIN item_unit AS i ON l.product = i.product
LEFT JOIN need ON l.id = need.line_id
LEFT JOIN staged.purchase_blanket_agreement_line AS bl ON l.blanket_agreement_line = bl.id
LEFT JOIN staged.purchase_blanket_agreement AS b ON bl.blanket_agreement = b.id
WHERE l.type = 'line'
