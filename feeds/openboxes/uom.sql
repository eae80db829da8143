-- Unit codes in use: packages of product sources and inventory levels, stock units, and each.
WITH seen AS (
    SELECT
        package_type AS code,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.product_supplier
    UNION ALL
    SELECT
        package_type AS code,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.inventory_level
    UNION ALL
    SELECT
        COALESCE(unit_of_measure, 'EA') AS code,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.inventory_level
    UNION ALL
    SELECT
        COALESCE(unit_of_measure, 'EA') AS code,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.product
    UNION ALL
    SELECT
        'EA' AS code,
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
            PARTITION BY code
            ORDER BY CASE WHEN _is_deleted THEN 1 ELSE 0 END, _valid_from, _delivery_id, _source_row_no
        ) AS choice,
        max(_change_seq) OVER (PARTITION BY code) AS code_seq
    FROM seen
    WHERE code IS NOT NULL
)

SELECT
    code AS source_key,
    code,
    'openboxes' AS code_list,
    _delivery_id,
    _source_row_no,
    _valid_from,
    _is_deleted,
    code_seq AS _change_seq
FROM ranked
WHERE choice = 1
