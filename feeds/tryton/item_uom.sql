-- Unit conversions: each item in every unit of the category of its default unit, which is the base unit.
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
)

SELECT
    CAST(p.id AS VARCHAR) || '|' || CAST(u.id AS VARCHAR) AS source_key,
    CAST(p.id AS VARCHAR) AS item_key,
    u.code AS from_uom,
    CASE
        WHEN u.id = d.id THEN CAST(1 AS DECIMAL(18, 6))
        -- Factors and rates have 12 decimals; factor x rate keeps them all, a division would not be portable.
        ELSE CAST(CAST(u.factor AS DECIMAL(22, 12)) * d.rate AS DECIMAL(18, 6))
    END AS factor_to_base,
    u.id = COALESCE(t.purchase_uom, t.default_uom) AS is_order_uom,
    u.id = t.default_uom AS is_issue_uom,
    p._delivery_id,
    p._source_row_no,
    p._valid_from,
    p._is_deleted OR m._is_deleted AS _is_deleted,
    GREATEST(p._change_seq, t._change_seq, d.unit_seq, u.unit_seq, m._change_seq) AS _change_seq
FROM staged.product_product AS p
INNER JOIN staged.product_template AS t ON p.template = t.id
INNER JOIN unit AS d ON t.default_uom = d.id
INNER JOIN unit AS u ON d.category = u.category
INNER JOIN staged.product_uom AS m ON u.id = m.id
