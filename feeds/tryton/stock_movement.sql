-- Stock movements: every stock_move, drafts included (the status tells).
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
)

SELECT
    CAST(m.id AS VARCHAR) AS source_key,
    CAST(m.id AS VARCHAR) AS movement_no,
    CAST(m.product AS VARCHAR) AS item_key,
    CAST(m.from_location AS VARCHAR) AS from_location_key,
    CAST(m.to_location AS VARCHAR) AS to_location_key,
    lot.number AS lot_no,
    lot.expiration_date AS expiry_date,
    CASE
        WHEN t.type = 'supplier' THEN 'return'
        WHEN f.type = 'supplier' THEN 'receipt'
        WHEN f.type = 'customer' THEN 'return'
        WHEN t.type = 'customer' THEN 'issue'
        WHEN m.origin LIKE 'stock.inventory.line,%' THEN 'count'
        WHEN f.type = 'lost_found' OR t.type = 'lost_found' THEN 'adjust'
        WHEN t.type = 'production' THEN 'issue'
        WHEN f.type = 'production' THEN 'receipt'
        ELSE 'transfer'
    END AS movement_type,
    m.quantity AS qty_txn,
    u.code AS uom_txn,
    CASE
        WHEN u.id = i.default_uom THEN CAST(1 AS DECIMAL(18, 6))
        WHEN u.category = i.default_category
            THEN CAST(CAST(u.factor AS DECIMAL(22, 12)) * i.default_rate AS DECIMAL(18, 6))
    END AS uom_factor,
    m.cost_price AS unit_cost,
    CASE WHEN m.cost_price IS NOT NULL THEN cu.code END AS currency_code,
    m.effective_date AS event_date,
    COALESCE(m.shipment, m.origin) AS source_document,
    m.state AS status,
    m._delivery_id,
    m._source_row_no,
    m._valid_from,
    m._is_deleted,
    GREATEST(
        m._change_seq,
        f._change_seq,
        t._change_seq,
        u.unit_seq,
        i.item_seq,
        lot._change_seq,
        co._change_seq,
        cu._change_seq
    ) AS _change_seq
FROM staged.stock_move AS m
LEFT JOIN staged.stock_location AS f ON m.from_location = f.id
LEFT JOIN staged.stock_location AS t ON m.to_location = t.id
LEFT JOIN unit AS u ON m.unit = u.id
LEFT JOIN item_unit AS i ON m.product = i.product
LEFT JOIN staged.stock_lot AS lot ON m.lot = lot.id
LEFT JOIN staged.company_company AS co ON m.company = co.id
LEFT JOIN staged.currency_currency AS cu ON co.currency = cu.id
