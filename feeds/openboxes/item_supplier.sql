-- Who sells what: product sources first, then the supplier named on inventory levels and on the product.
WITH seen AS (
    SELECT
        product_code,
        supplier_name AS supplier,
        supplier_item_no AS part_no,
        1 AS precedence,
        package_type AS uom,
        package_qty AS pack_qty,
        COALESCE(
            package_price,
            CAST(CAST(contract_price AS DECIMAL(19, 6)) * package_qty AS DECIMAL(18, 6)),
            CASE WHEN package_type IS NULL THEN contract_price END
        ) AS list_price,
        moq,
        NULL AS lead_time_days,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.product_supplier
    UNION ALL
    SELECT
        product_code,
        vendor AS supplier,
        vendor_code AS part_no,
        2 AS precedence,
        package_type AS uom,
        package_qty AS pack_qty,
        COALESCE(package_price, CASE WHEN package_type IS NULL THEN unit_price END) AS list_price,
        NULL AS moq,
        lead_time_days,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.inventory_level
    UNION ALL
    SELECT
        product_code,
        vendor AS supplier,
        vendor_code AS part_no,
        3 AS precedence,
        NULL AS uom,
        NULL AS pack_qty,
        NULL AS list_price,
        NULL AS moq,
        NULL AS lead_time_days,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.product
),

keyed AS (
    SELECT
        product_code || '|' || COALESCE(supplier, '') || '|' || COALESCE(part_no, '') AS source_key,
        *
    FROM seen
    -- A product source without a supplier is still a row of its own; a product without vendor names none.
    WHERE precedence = 1 OR supplier IS NOT NULL
),

ranked AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY source_key
            ORDER BY CASE WHEN _is_deleted THEN 1 ELSE 0 END, precedence, _valid_from, _delivery_id, _source_row_no
        ) AS choice,
        max(_change_seq) OVER (PARTITION BY source_key) AS key_seq
    FROM keyed
)

SELECT
    source_key,
    product_code AS item_key,
    supplier AS supplier_key,
    part_no AS supplier_part_no,
    COALESCE(uom, 'EA') AS uom,
    CASE WHEN uom IS NULL THEN CAST(1 AS DECIMAL(18, 6)) ELSE pack_qty END AS pack_qty,
    list_price,
    lead_time_days,
    moq,
    _delivery_id,
    _source_row_no,
    _valid_from,
    _is_deleted,
    key_seq AS _change_seq
FROM ranked
WHERE choice = 1
