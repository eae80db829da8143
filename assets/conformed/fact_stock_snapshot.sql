-- Stock snapshots: one row per item, location, lot and day of a source, quantities in base units (and as counted,
-- *_txn).
WITH line AS (
    -- Each row with its ids, and where its unit conversion comes from: never from the code of the unit alone.
    SELECT
        l.*,
        CASE WHEN l.item_key IS NULL THEN -1 ELSE coalesce(i.item_sk, -2) END AS item_sk,
        CASE WHEN l.location_key IS NULL THEN -1 ELSE coalesce(p.location_sk, -2) END AS location_sk,
        CASE
            WHEN i.base_conflict THEN 'base_conflict'
            WHEN l.uom_factor > 0 AND l.uom_factor <> 1 AND lower(trim(l.uom_txn)) = i.base_uom THEN 'base_conflict'
            WHEN l.uom_factor > 0 THEN 'stated'
            WHEN coalesce(o.factor, s.factor) IS NOT NULL THEN 'item'
            WHEN l.uom_txn IS NULL OR lower(trim(l.uom_txn)) = i.base_uom THEN 'base'
            ELSE 'unknown'
        END AS uom_conv_status,
        coalesce(o.factor, s.factor) AS item_factor
    FROM intake.stock_snapshot AS l
    LEFT JOIN lookup.item AS i ON l.source_system = i.source_system AND l.item_key = i.source_key
    LEFT JOIN lookup.location AS p ON l.source_system = p.source_system AND l.location_key = p.source_key
    LEFT JOIN lookup.own_conversion AS o
        ON l.source_system = o.source_system
            AND l.item_key = o.item_key
            AND lower(trim(l.uom_txn)) = o.from_uom
            AND (o.valid_from IS NULL OR l.snapshot_date >= o.valid_from)
            AND (o.valid_to = DATE '9999-12-31' OR l.snapshot_date < o.valid_to)
    LEFT JOIN lookup.shared_conversion AS s
        ON i.item_sk = s.item_sk
            AND lower(trim(l.uom_txn)) = s.from_uom
            AND (s.valid_from IS NULL OR l.snapshot_date >= s.valid_from)
            AND (s.valid_to IS NULL OR l.snapshot_date < s.valid_to)
),

converted AS (
    SELECT
        *,
        CASE uom_conv_status
            WHEN 'stated' THEN uom_factor
            WHEN 'item' THEN item_factor
            WHEN 'base' THEN CAST(1 AS DECIMAL(18, 6))
        END AS uom_conv_factor
    FROM line
)

SELECT
    snapshot_date,
    item_sk,
    item_key AS source_item_key,
    location_sk,
    location_key AS source_location_key,
    bin,
    lot_no,
    expiry_date,
    on_hand_qty AS on_hand_txn,
    allocated_qty AS allocated_txn,
    in_transit_qty AS in_transit_txn,
    on_hold_qty AS on_hold_txn,
    uom_txn,
    TRY_CAST(CAST(on_hand_qty AS DECIMAL(19, 6)) * uom_conv_factor AS DECIMAL(18, 6)) AS on_hand,
    TRY_CAST(CAST(allocated_qty AS DECIMAL(19, 6)) * uom_conv_factor AS DECIMAL(18, 6)) AS allocated,
    TRY_CAST(CAST(in_transit_qty AS DECIMAL(19, 6)) * uom_conv_factor AS DECIMAL(18, 6)) AS in_transit,
    TRY_CAST(CAST(on_hold_qty AS DECIMAL(19, 6)) * uom_conv_factor AS DECIMAL(18, 6)) AS on_hold,
    uom_conv_factor,
    uom_conv_status,
    unit_cost,
    TRY_CAST(
        CAST(TRY_CAST(CAST(on_hand_qty AS DECIMAL(19, 6)) * uom_conv_factor AS DECIMAL(18, 6)) AS DECIMAL(19, 6))
        * unit_cost AS DECIMAL(18, 4)
    ) AS value,
    currency_code,
    coalesce(_is_deleted, FALSE) AS is_deleted_at_source,
    source_system AS _source_system,
    source_key AS _source_key,
    _delivery_id,
    _source_row_no,
    md5(
        concat_ws(
            '|',
            coalesce(CAST(snapshot_date AS VARCHAR), ''),
            coalesce(item_key, ''),
            coalesce(location_key, ''),
            coalesce(bin, ''),
            coalesce(lot_no, ''),
            coalesce(CAST(expiry_date AS VARCHAR), ''),
            coalesce(uom_txn, ''),
            coalesce(CAST(uom_factor AS VARCHAR), ''),
            coalesce(CAST(on_hand_qty AS VARCHAR), ''),
            coalesce(CAST(allocated_qty AS VARCHAR), ''),
            coalesce(CAST(in_transit_qty AS VARCHAR), ''),
            coalesce(CAST(on_hold_qty AS VARCHAR), ''),
            coalesce(CAST(unit_cost AS VARCHAR), ''),
            coalesce(currency_code, '')
        )
    ) AS _row_hash,
    _valid_from AS _loaded_at
FROM converted
