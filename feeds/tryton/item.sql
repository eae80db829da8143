-- Items: one row per variant (product_product); what variants share comes from the template.
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

cost AS (
    -- One standard cost per item: that of the first company, when a database holds several.
    SELECT
        cp.product,
        CASE WHEN cp._is_deleted THEN NULL ELSE CAST(cp.cost_price AS DECIMAL(18, 4)) END AS std_cost,
        cu.code AS currency_code,
        row_number() OVER (
            PARTITION BY cp.product ORDER BY CASE WHEN cp._is_deleted THEN 1 ELSE 0 END, cp.company, cp.id
        ) AS choice,
        max(GREATEST(cp._change_seq, co._change_seq, cu._change_seq)) OVER (PARTITION BY cp.product) AS cost_seq
    FROM staged.product_cost_price AS cp
    LEFT JOIN staged.company_company AS co ON cp.company = co.id
    LEFT JOIN staged.currency_currency AS cu ON co.currency = cu.id
),

part AS (
    -- The preferred supplier's part number identifies the item. Tryton sorts an empty sequence first.
    SELECT
        p.id AS product,
        CAST(s.party AS VARCHAR) || '|' || s.code AS supplier_part,
        s._is_deleted OR NOT COALESCE(s.active, TRUE) AS is_gone,
        row_number() OVER (
            PARTITION BY p.id
            ORDER BY
                CASE WHEN s._is_deleted OR NOT COALESCE(s.active, TRUE) THEN 1 ELSE 0 END,
                CASE WHEN s.sequence IS NULL THEN 0 ELSE 1 END,
                s.sequence,
                s.id
        ) AS choice,
        max(s._change_seq) OVER (PARTITION BY p.id) AS part_seq
    FROM staged.product_product AS p
    INNER JOIN staged.purchase_product_supplier AS s
        ON p.template = s.template AND (s.product IS NULL OR s.product = p.id)
)

SELECT
    CAST(p.id AS VARCHAR) AS source_key,
    COALESCE(p.code, t.code) AS item_no,
    COALESCE(t.name, p.description) AS description,
    u.code AS base_uom,
    k.name AS category_l1,
    t.type = 'goods' AND NOT COALESCE(t.consumable, FALSE) AS is_stock,
    -- A list of location kinds as text: empty or [] where lots are optional.
    COALESCE(t.lot_required, '[]') NOT IN ('', '[]', 'null') AS is_lot_tracked,
    COALESCE(t.expiration_state, 'none') <> 'none' AS is_expiry_tracked,
    CAST(t.shelf_life_time AS INTEGER) AS shelf_life_days,
    CASE
        WHEN p._is_deleted THEN 'deleted'
        WHEN COALESCE(p.active, TRUE) AND COALESCE(t.active, TRUE) THEN 'active'
        ELSE 'inactive'
    END AS status,
    CAST(p.replaced_by AS VARCHAR) AS superseded_by_item_key,
    cost.std_cost AS std_cost,
    CASE WHEN cost.std_cost IS NOT NULL THEN cost.currency_code END AS currency_code,
    CASE WHEN NOT part.is_gone THEN part.supplier_part END AS supplier_part,
    p._delivery_id,
    p._source_row_no,
    p._valid_from,
    p._is_deleted AS _is_deleted,
    GREATEST(p._change_seq, t._change_seq, u.unit_seq, k._change_seq, cost.cost_seq, part.part_seq) AS _change_seq
FROM staged.product_product AS p
LEFT JOIN staged.product_template AS t ON p.template = t.id
LEFT JOIN unit AS u ON t.default_uom = u.id
LEFT JOIN staged.product_category AS k ON t.account_category = k.id
LEFT JOIN cost ON p.id = cost.product AND cost.choice = 1
LEFT JOIN part ON p.id = part.product AND part.choice = 1
