-- Who sells what: a row for a template holds for each of its variants. Unit: the purchase unit, as for its prices.
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

price AS (
    -- The price from the smallest quantity on; price breaks stay in staged.
    SELECT
        product_supplier,
        CASE WHEN _is_deleted THEN NULL ELSE unit_price END AS list_price,
        row_number() OVER (
            PARTITION BY product_supplier
            ORDER BY CASE WHEN _is_deleted THEN 1 ELSE 0 END, quantity, sequence, id
        ) AS choice,
        max(_change_seq) OVER (PARTITION BY product_supplier) AS price_seq
    FROM staged.purchase_product_supplier_price
),

offer AS (
    SELECT
        s.id AS offer_id,
        p.id AS product,
        COALESCE(t.purchase_uom, t.default_uom) AS purchase_uom,
        t.default_uom,
        s._is_deleted OR p._is_deleted AS is_gone,
        -- Tryton takes the first by sequence, an empty sequence first.
        row_number() OVER (
            PARTITION BY p.id
            ORDER BY
                CASE WHEN s._is_deleted OR NOT COALESCE(s.active, TRUE) THEN 1 ELSE 0 END,
                CASE WHEN s.sequence IS NULL THEN 0 ELSE 1 END,
                s.sequence,
                s.id
        ) AS preference,
        max(GREATEST(s._change_seq, p._change_seq, t._change_seq)) OVER (PARTITION BY p.id) AS offer_seq
    FROM staged.purchase_product_supplier AS s
    INNER JOIN staged.product_product AS p
        ON s.template = p.template AND (s.product IS NULL OR s.product = p.id)
    INNER JOIN staged.product_template AS t ON p.template = t.id
)

SELECT
    CAST(s.id AS VARCHAR) || '|' || CAST(o.product AS VARCHAR) AS source_key,
    CAST(o.product AS VARCHAR) AS item_key,
    CAST(s.party AS VARCHAR) AS supplier_key,
    s.code AS supplier_part_no,
    u.code AS uom,
    CASE
        WHEN u.id = d.id THEN CAST(1 AS DECIMAL(18, 6))
        WHEN u.category = d.category THEN CAST(CAST(u.factor AS DECIMAL(22, 12)) * d.rate AS DECIMAL(18, 6))
    END AS pack_qty,
    price.list_price AS list_price,
    cu.code AS currency_code,
    -- PostgreSQL writes the interval as '7 days'; other forms name no whole days.
    CASE
        WHEN s.lead_time LIKE '% day' OR s.lead_time LIKE '% days'
            THEN TRY_CAST(split_part(s.lead_time, ' ', 1) AS INTEGER)
    END AS lead_time_days,
    o.preference = 1 AND COALESCE(s.active, TRUE) AND NOT o.is_gone AS is_primary,
    s._delivery_id,
    s._source_row_no,
    s._valid_from,
    o.is_gone AS _is_deleted,
    GREATEST(o.offer_seq, u.unit_seq, d.unit_seq, price.price_seq, cu._change_seq) AS _change_seq
FROM offer AS o
INNER JOIN staged.purchase_product_supplier AS s ON o.offer_id = s.id
LEFT JOIN unit AS u ON o.purchase_uom = u.id
LEFT JOIN unit AS d ON o.default_uom = d.id
LEFT JOIN price ON s.id = price.product_supplier AND price.choice = 1
LEFT JOIN staged.currency_currency AS cu ON s.currency = cu.id
