-- Locations. Each Tryton warehouse is a facility; a place belongs to the nearest warehouse above it (six levels
-- are looked at, which is more than a bin in a rack in a room needs).
WITH placed AS (
    SELECT
        l.id,
        COALESCE(
            CASE WHEN l.type = 'warehouse' THEN COALESCE(l.code, CAST(l.id AS VARCHAR)) END,
            CASE WHEN p1.type = 'warehouse' THEN COALESCE(p1.code, CAST(p1.id AS VARCHAR)) END,
            CASE WHEN p2.type = 'warehouse' THEN COALESCE(p2.code, CAST(p2.id AS VARCHAR)) END,
            CASE WHEN p3.type = 'warehouse' THEN COALESCE(p3.code, CAST(p3.id AS VARCHAR)) END,
            CASE WHEN p4.type = 'warehouse' THEN COALESCE(p4.code, CAST(p4.id AS VARCHAR)) END,
            CASE WHEN p5.type = 'warehouse' THEN COALESCE(p5.code, CAST(p5.id AS VARCHAR)) END,
            CASE WHEN p6.type = 'warehouse' THEN COALESCE(p6.code, CAST(p6.id AS VARCHAR)) END
        ) AS facility_code,
        GREATEST(
            l._change_seq,
            p1._change_seq,
            p2._change_seq,
            p3._change_seq,
            p4._change_seq,
            p5._change_seq,
            p6._change_seq
        ) AS place_seq
    FROM staged.stock_location AS l
    LEFT JOIN staged.stock_location AS p1 ON l.parent = p1.id
    LEFT JOIN staged.stock_location AS p2 ON p1.parent = p2.id
    LEFT JOIN staged.stock_location AS p3 ON p2.parent = p3.id
    LEFT JOIN staged.stock_location AS p4 ON p3.parent = p4.id
    LEFT JOIN staged.stock_location AS p5 ON p4.parent = p5.id
    LEFT JOIN staged.stock_location AS p6 ON p5.parent = p6.id
)

SELECT
    CAST(l.id AS VARCHAR) AS source_key,
    COALESCE(l.code, CAST(l.id AS VARCHAR)) AS location_code,
    l.name AS name,
    CASE
        WHEN l.type = 'warehouse' THEN 'warehouse'
        WHEN l.type = 'supplier' THEN 'supplier'
        WHEN l.type = 'customer' THEN 'customer'
        -- Storage outside every warehouse holds what is on its way from one to another.
        WHEN l.type = 'storage' AND placed.facility_code IS NULL THEN 'transit'
        WHEN l.type = 'storage' THEN 'storeroom'
        ELSE 'virtual'
    END AS type,
    CAST(l.parent AS VARCHAR) AS parent_location_key,
    placed.facility_code AS facility_code,
    a.city AS city,
    a.postal_code AS postal_code,
    CASE
        WHEN l._is_deleted THEN 'deleted'
        WHEN COALESCE(l.active, TRUE) THEN 'active'
        ELSE 'inactive'
    END AS status,
    l._delivery_id,
    l._source_row_no,
    l._valid_from,
    l._is_deleted AS _is_deleted,
    GREATEST(placed.place_seq, a._change_seq) AS _change_seq
FROM staged.stock_location AS l
INNER JOIN placed ON l.id = placed.id
LEFT JOIN staged.party_address AS a ON l.address = a.id
