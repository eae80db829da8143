-- Receipt lines: done moves out of a supplier location, and returns into one as reversals. One receipt is two
-- moves in Tryton; the second (input zone to storage) is a transfer and found in stock_movement only. Drafts
-- are expected, not received. A receipt cancelled after it was done is closed, not lost.
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

moved AS (
    SELECT
        m.*,
        t.type = 'supplier' AS is_return,
        GREATEST(m._change_seq, f._change_seq, t._change_seq) AS move_seq,
        CASE WHEN m.origin LIKE 'purchase.line,%' THEN substr(m.origin, 15) END AS po_line_key,
        CASE WHEN m.shipment LIKE 'stock.shipment.in,%' THEN substr(m.shipment, 19) END AS shipment_key
    FROM staged.stock_move AS m
    INNER JOIN staged.stock_location AS f ON m.from_location = f.id
    INNER JOIN staged.stock_location AS t ON m.to_location = t.id
    WHERE (f.type = 'supplier') <> (t.type = 'supplier')
        AND (m.state = 'done' OR (m.state = 'cancelled' AND m.effective_date IS NOT NULL))
)

SELECT
    CAST(m.id AS VARCHAR) AS source_key,
    COALESCE(s.number, m.shipment, 'stock.move,' || CAST(m.id AS VARCHAR)) AS receipt_no,
    CAST(m.id AS VARCHAR) AS line_no,
    COALESCE(h.number, 'purchase.purchase,' || CAST(l.purchase AS VARCHAR)) AS po_no,
    m.po_line_key AS po_line_no,
    m.po_line_key AS po_line_key,
    CAST(COALESCE(s.supplier, h.party) AS VARCHAR) AS supplier_key,
    CAST(m.product AS VARCHAR) AS item_key,
    CAST(CASE WHEN m.is_return THEN m.from_location ELSE m.to_location END AS VARCHAR) AS location_key,
    CASE WHEN m.is_return THEN CAST(-m.quantity AS DECIMAL(18, 6)) ELSE m.quantity END AS qty_txn,
    u.code AS uom_txn,
    CASE
        WHEN u.id = i.default_uom THEN CAST(1 AS DECIMAL(18, 6))
        WHEN u.category = i.default_category
            THEN CAST(CAST(u.factor AS DECIMAL(22, 12)) * i.default_rate AS DECIMAL(18, 6))
    END AS uom_factor,
    m.unit_price AS unit_price,
    cu.code AS currency_code,
    lot.number AS lot_no,
    lot.expiration_date AS expiry_date,
    s.reference AS supplier_shipment_no,
    m.effective_date AS received_date,
    m.is_return AS is_reversal,
    m.state AS status,
    m._delivery_id,
    m._source_row_no,
    m._valid_from,
    m._is_deleted OR m.state = 'cancelled' AS _is_deleted,
    GREATEST(
        m.move_seq,
        u.unit_seq,
        i.item_seq,
        lot._change_seq,
        s._change_seq,
        l._change_seq,
        h._change_seq,
        cu._change_seq
    ) AS _change_seq
FROM moved AS m
LEFT JOIN unit AS u ON m.unit = u.id
LEFT JOIN item_unit AS i ON m.product = i.product
LEFT JOIN staged.stock_lot AS lot ON m.lot = lot.id
LEFT JOIN staged.stock_shipment_in AS s ON m.shipment_key = CAST(s.id AS VARCHAR)
LEFT JOIN staged.purchase_line AS l ON m.po_line_key = CAST(l.id AS VARCHAR)
LEFT JOIN staged.purchase_purchase AS h ON l.purchase = h.id
LEFT JOIN staged.currency_currency AS cu ON m.currency = cu.id
