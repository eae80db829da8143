-- Locations by name. Beside the location list: the groups and buying organizations above the depots, and bins
-- that are known from counts and inventory levels only (those exports do not say in which depot a bin is).
WITH listed AS (
    -- A bin name is unique within its depot only: where a name occurs twice the key begins with the parent.
    SELECT
        CASE
            WHEN count(*) OVER (PARTITION BY name) = 1 OR parent_location IS NULL THEN name
            ELSE parent_location || '/' || name
        END AS source_key,
        max(_change_seq) OVER (PARTITION BY name) AS twin_seq,
        *
    FROM staged.location
),

seen AS (
    SELECT
        l.source_key,
        1 AS precedence,
        COALESCE(l.location_number, l.name) AS location_code,
        l.name,
        CASE
            WHEN l.location_type IN ('Depot', 'Central Purchasing') THEN 'warehouse'
            WHEN l.location_type IN ('Dispensary', 'Pharmacy') THEN 'clinic'
            WHEN l.location_type IN ('Ward', 'Ward/Pharmacy') THEN 'storeroom'
            WHEN l.location_type = 'Supplier' THEN 'supplier'
            WHEN l.location_type IN ('Bin Location', 'Internal') THEN 'bin'
            WHEN l.location_type IN ('Patient', 'Consumer', 'Donor') THEN 'customer'
            ELSE 'virtual'
        END AS type,
        COALESCE(
            l.parent_location,
            'group/' || g.name,
            'organization/' || o.organization
        ) AS parent_location_key,
        COALESCE(
            p.location_number, CASE WHEN l.location_type <> 'Supplier' THEN l.location_number END
        ) AS facility_code,
        l.city,
        l.state,
        l.postal_code,
        l.country,
        COALESCE(l.is_active, TRUE) AS is_active,
        GREATEST(l.twin_seq, g._change_seq, o._change_seq, p._change_seq) AS seen_seq,
        l._delivery_id,
        l._source_row_no,
        l._valid_from,
        l._is_deleted
    FROM listed AS l
    LEFT JOIN staged.location_group AS g ON l.location_group = g.name
    LEFT JOIN staged.organization AS o ON l.organization = o.organization AND o.party_role = 'ROLE_BUYER'
    LEFT JOIN listed AS p ON l.parent_location = p.source_key
    UNION ALL
    SELECT
        'group/' || name AS source_key,
        2 AS precedence,
        name AS location_code,
        name,
        'virtual' AS type,
        NULL AS parent_location_key,
        NULL AS facility_code,
        NULL AS city,
        NULL AS state,
        NULL AS postal_code,
        NULL AS country,
        TRUE AS is_active,
        _change_seq AS seen_seq,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _is_deleted
    FROM staged.location_group
    UNION ALL
    SELECT
        'organization/' || organization AS source_key,
        3 AS precedence,
        organization AS location_code,
        organization AS name,
        'network' AS type,
        NULL AS parent_location_key,
        NULL AS facility_code,
        NULL AS city,
        NULL AS state,
        NULL AS postal_code,
        NULL AS country,
        TRUE AS is_active,
        _change_seq AS seen_seq,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _is_deleted
    FROM staged.organization
    WHERE COALESCE(party_role, '') NOT IN ('ROLE_SUPPLIER', 'ROLE_DISTRIBUTOR', 'ROLE_MANUFACTURER')
    UNION ALL
    SELECT
        bin_location AS source_key,
        4 AS precedence,
        bin_location AS location_code,
        bin_location AS name,
        'bin' AS type,
        NULL AS parent_location_key,
        NULL AS facility_code,
        NULL AS city,
        NULL AS state,
        NULL AS postal_code,
        NULL AS country,
        TRUE AS is_active,
        _change_seq AS seen_seq,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _is_deleted
    FROM staged.inventory
    WHERE bin_location IS NOT NULL
    UNION ALL
    SELECT
        preferred_bin AS source_key,
        5 AS precedence,
        preferred_bin AS location_code,
        preferred_bin AS name,
        'bin' AS type,
        NULL AS parent_location_key,
        NULL AS facility_code,
        NULL AS city,
        NULL AS state,
        NULL AS postal_code,
        NULL AS country,
        TRUE AS is_active,
        _change_seq AS seen_seq,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _is_deleted
    FROM staged.inventory_level
    WHERE preferred_bin IS NOT NULL
),

ranked AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY source_key
            ORDER BY CASE WHEN _is_deleted THEN 1 ELSE 0 END, precedence, _valid_from, _delivery_id, _source_row_no
        ) AS choice,
        max(seen_seq) OVER (PARTITION BY source_key) AS key_seq
    FROM seen
)

SELECT
    source_key,
    location_code,
    name,
    type,
    parent_location_key,
    facility_code,
    city,
    state,
    postal_code,
    country,
    CASE
        WHEN _is_deleted THEN 'deleted'
        WHEN is_active THEN 'active'
        ELSE 'inactive'
    END AS status,
    _delivery_id,
    _source_row_no,
    _valid_from,
    _is_deleted,
    key_seq AS _change_seq
FROM ranked
WHERE choice = 1
