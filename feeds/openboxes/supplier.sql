-- Suppliers by name, the only key the exports share: supplier locations, organizations that sell, make or
-- distribute, and the names on product sources, inventory levels and products.
WITH seen AS (
    SELECT
        name AS supplier,
        1 AS precedence,
        location_number AS supplier_no,
        COALESCE(is_active, TRUE) AS is_active,
        FALSE AS is_distributor,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.location
    WHERE location_type = 'Supplier'
    UNION ALL
    SELECT
        organization AS supplier,
        2 AS precedence,
        NULL AS supplier_no,
        TRUE AS is_active,
        party_role = 'ROLE_DISTRIBUTOR' AS is_distributor,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.organization
    WHERE party_role IN ('ROLE_SUPPLIER', 'ROLE_DISTRIBUTOR', 'ROLE_MANUFACTURER')
    UNION ALL
    SELECT
        supplier_name AS supplier,
        3 AS precedence,
        NULL AS supplier_no,
        TRUE AS is_active,
        FALSE AS is_distributor,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.product_supplier
    UNION ALL
    SELECT
        vendor AS supplier,
        4 AS precedence,
        NULL AS supplier_no,
        TRUE AS is_active,
        FALSE AS is_distributor,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.inventory_level
    UNION ALL
    SELECT
        vendor AS supplier,
        5 AS precedence,
        NULL AS supplier_no,
        TRUE AS is_active,
        FALSE AS is_distributor,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.product
),

ranked AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY supplier
            ORDER BY CASE WHEN _is_deleted THEN 1 ELSE 0 END, precedence, _valid_from, _delivery_id, _source_row_no
        ) AS choice,
        max(CASE WHEN is_distributor AND NOT _is_deleted THEN 1 ELSE 0 END) OVER (PARTITION BY supplier) AS distributes,
        max(_change_seq) OVER (PARTITION BY supplier) AS name_seq
    FROM seen
    WHERE supplier IS NOT NULL
)

SELECT
    supplier AS source_key,
    supplier_no,
    supplier AS legal_name,
    distributes = 1 AS is_distributor,
    CASE
        WHEN _is_deleted THEN 'deleted'
        WHEN is_active THEN 'active'
        ELSE 'inactive'
    END AS status,
    _delivery_id,
    _source_row_no,
    _valid_from,
    _is_deleted,
    name_seq AS _change_seq
FROM ranked
WHERE choice = 1
