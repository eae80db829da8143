-- Items by product code. A code is known from several exports; the row comes from the first that has it:
-- product list, product sources, inventory levels, counts.
WITH seen AS (
    SELECT
        product_code,
        1 AS precedence,
        name AS description,
        unit_of_measure,
        manufacturer,
        manufacturer_code,
        category,
        is_lot_and_expiry_controlled AS is_lot_tracked,
        CAST(unit_cost AS DECIMAL(18, 4)) AS std_cost,
        upc,
        ndc,
        CASE WHEN vendor IS NOT NULL AND vendor_code IS NOT NULL THEN vendor || '|' || vendor_code END AS supplier_part,
        COALESCE(is_active, TRUE) AS is_active,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.product
    UNION ALL
    SELECT
        product_code,
        2 AS precedence,
        COALESCE(product_name, source_name) AS description,
        NULL AS unit_of_measure,
        manufacturer_name AS manufacturer,
        manufacturer_item_no AS manufacturer_code,
        NULL AS category,
        NULL AS is_lot_tracked,
        NULL AS std_cost,
        NULL AS upc,
        NULL AS ndc,
        CASE
            WHEN supplier_name IS NOT NULL AND supplier_item_no IS NOT NULL
                THEN supplier_name || '|' || supplier_item_no
        END AS supplier_part,
        TRUE AS is_active,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.product_supplier
    UNION ALL
    SELECT
        product_code,
        3 AS precedence,
        product_name AS description,
        unit_of_measure,
        manufacturer,
        manufacturer_code,
        category,
        NULL AS is_lot_tracked,
        NULL AS std_cost,
        NULL AS upc,
        NULL AS ndc,
        CASE WHEN vendor IS NOT NULL AND vendor_code IS NOT NULL THEN vendor || '|' || vendor_code END AS supplier_part,
        TRUE AS is_active,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.inventory_level
    UNION ALL
    SELECT
        product_code,
        4 AS precedence,
        product_name AS description,
        NULL AS unit_of_measure,
        NULL AS manufacturer,
        NULL AS manufacturer_code,
        NULL AS category,
        NULL AS is_lot_tracked,
        NULL AS std_cost,
        NULL AS upc,
        NULL AS ndc,
        NULL AS supplier_part,
        TRUE AS is_active,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.inventory
),

ranked AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY product_code
            ORDER BY CASE WHEN _is_deleted THEN 1 ELSE 0 END, precedence, _valid_from, _delivery_id, _source_row_no
        ) AS choice,
        max(_change_seq) OVER (PARTITION BY product_code) AS code_seq
    FROM seen
)

SELECT
    product_code AS source_key,
    product_code AS item_no,
    description,
    -- OpenBoxes counts and prices in each unless the product says otherwise.
    COALESCE(unit_of_measure, 'EA') AS base_uom,
    manufacturer AS mfr_name,
    manufacturer_code AS mfr_part_no,
    category AS category_l1,
    is_lot_tracked,
    is_lot_tracked AS is_expiry_tracked,
    std_cost,
    upc AS gtin,
    ndc,
    supplier_part,
    CASE
        WHEN _is_deleted THEN 'deleted'
        WHEN is_active THEN 'active'
        ELSE 'inactive'
    END AS status,
    _delivery_id,
    _source_row_no,
    _valid_from,
    _is_deleted,
    code_seq AS _change_seq
FROM ranked
WHERE choice = 1
