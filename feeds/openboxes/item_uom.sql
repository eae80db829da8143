-- Packages of an item. Where suppliers pack the same item in two sizes under one code, the size is added as
-- OpenBoxes shows it (BX/76): a code alone would not convert.
WITH seen AS (
    SELECT product_code, package_type, package_qty,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.product_supplier
    UNION ALL
    SELECT product_code, package_type, package_qty,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.inventory_level
),

ranked AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY product_code, package_type, package_qty
            ORDER BY CASE WHEN _is_deleted THEN 1 ELSE 0 END, _valid_from, _delivery_id, _source_row_no
        ) AS choice,
        max(_change_seq) OVER (PARTITION BY product_code, package_type) AS package_seq
    FROM seen
    WHERE package_type IS NOT NULL AND package_qty IS NOT NULL
),

package AS (
    SELECT
        *,
        CAST(CAST(package_qty AS DECIMAL(18, 0)) AS VARCHAR) AS size_text,
        count(*) OVER (PARTITION BY product_code, package_type) AS sizes
    FROM ranked
    WHERE choice = 1
)

SELECT
    product_code || '|' || package_type || '|' || CAST(package_qty AS VARCHAR) AS source_key,
    product_code AS item_key,
    CASE
        WHEN sizes = 1 THEN package_type
        WHEN CAST(size_text AS DECIMAL(18, 6)) = package_qty THEN package_type || '/' || size_text
        ELSE package_type || '/' || CAST(package_qty AS VARCHAR)
    END AS from_uom,
    package_qty AS factor_to_base,
    TRUE AS is_order_uom,
    _delivery_id,
    _source_row_no,
    _valid_from,
    _is_deleted,
    package_seq AS _change_seq
FROM package
