-- Stock movements: one row per movement leg of a source, that is one lot from one place to another. qty_base is
-- signed by what the movement does to the network's stock: see direction.
WITH location AS (
    -- A location key of a source; outside is where the network keeps no stock of its own.
    SELECT
        x.source_system,
        x.source_key,
        x.location_sk,
        coalesce(g.type IN ('supplier', 'customer', 'virtual'), FALSE) AS is_outside
    FROM master.xref_location AS x
    LEFT JOIN master.golden_location AS g ON x.location_sk = g.location_sk AND g.is_current
    WHERE x.valid_to IS NULL
),

line AS (
    -- Each row with its ids, and where its unit conversion comes from: never from the code of the unit alone.
    SELECT
        l.*,
        CASE WHEN l.item_key IS NULL THEN -1 ELSE coalesce(i.item_sk, -2) END AS item_sk,
        CASE WHEN l.from_location_key IS NULL THEN -1 ELSE coalesce(f.location_sk, -2) END AS from_location_sk,
        CASE WHEN l.to_location_key IS NULL THEN -1 ELSE coalesce(t.location_sk, -2) END AS to_location_sk,
        CASE
            WHEN i.base_conflict THEN 'base_conflict'
            WHEN l.uom_factor > 0 AND l.uom_factor <> 1 AND lower(trim(l.uom_txn)) = i.base_uom THEN 'base_conflict'
            WHEN l.uom_factor > 0 THEN 'stated'
            WHEN coalesce(o.factor, s.factor) IS NOT NULL THEN 'item'
            WHEN lower(trim(l.uom_txn)) = i.base_uom THEN 'base'
            ELSE 'unknown'
        END AS uom_conv_status,
        coalesce(o.factor, s.factor) AS item_factor,
        CASE
            WHEN l.movement_type IN ('issue', 'waste', 'expire', 'recall') THEN -1
            -- Returns, counts and adjustments go either way: out where only the taking end is outside.
            WHEN l.movement_type IN ('return', 'adjust', 'count')
                AND coalesce(t.is_outside, l.to_location_key IS NULL)
                AND NOT coalesce(f.is_outside, l.from_location_key IS NULL)
                THEN -1
            ELSE 1
        END AS direction
    FROM intake.stock_movement AS l
    LEFT JOIN lookup.item AS i ON l.source_system = i.source_system AND l.item_key = i.source_key
    LEFT JOIN location AS f ON l.source_system = f.source_system AND l.from_location_key = f.source_key
    LEFT JOIN location AS t ON l.source_system = t.source_system AND l.to_location_key = t.source_key
    LEFT JOIN lookup.own_conversion AS o
        ON l.source_system = o.source_system
            AND l.item_key = o.item_key
            AND lower(trim(l.uom_txn)) = o.from_uom
            AND (o.valid_from IS NULL OR coalesce(l.event_date, CAST(l.event_ts AS DATE)) >= o.valid_from)
            AND (o.valid_to = DATE '9999-12-31' OR coalesce(l.event_date, CAST(l.event_ts AS DATE)) < o.valid_to)
    LEFT JOIN lookup.shared_conversion AS s
        ON i.item_sk = s.item_sk
            AND lower(trim(l.uom_txn)) = s.from_uom
            AND (s.valid_from IS NULL OR coalesce(l.event_date, CAST(l.event_ts AS DATE)) >= s.valid_from)
            AND (s.valid_to IS NULL OR coalesce(l.event_date, CAST(l.event_ts AS DATE)) < s.valid_to)
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
    movement_no,
    item_sk,
    item_key AS source_item_key,
    from_location_sk,
    from_location_key AS source_from_location_key,
    to_location_sk,
    to_location_key AS source_to_location_key,
    lot_no,
    expiry_date,
    movement_type,
    qty_txn,
    uom_txn,
    TRY_CAST(
        CAST(CASE WHEN direction = -1 THEN -qty_txn ELSE qty_txn END AS DECIMAL(19, 6)) * uom_conv_factor AS DECIMAL(18, 6)
    ) AS qty_base,
    uom_conv_factor,
    uom_conv_status,
    unit_cost,
    currency_code,
    event_ts,
    event_date AS event_local_date,
    posted_ts,
    source_document,
    status,
    coalesce(_is_deleted, FALSE) AS is_deleted_at_source,
    source_system AS _source_system,
    source_key AS _source_key,
    _delivery_id,
    _source_row_no,
    md5(
        concat_ws(
            '|',
            coalesce(movement_no, ''),
            coalesce(item_key, ''),
            coalesce(from_location_key, ''),
            coalesce(to_location_key, ''),
            coalesce(lot_no, ''),
            coalesce(CAST(expiry_date AS VARCHAR), ''),
            coalesce(movement_type, ''),
            coalesce(CAST(qty_txn AS VARCHAR), ''),
            coalesce(uom_txn, ''),
            coalesce(CAST(uom_factor AS VARCHAR), ''),
            coalesce(CAST(unit_cost AS VARCHAR), ''),
            coalesce(currency_code, ''),
            coalesce(strftime(event_ts, '%Y-%m-%d %H:%M:%S'), ''),
            coalesce(CAST(event_date AS VARCHAR), ''),
            coalesce(strftime(posted_ts, '%Y-%m-%d %H:%M:%S'), ''),
            coalesce(source_document, ''),
            coalesce(status, '')
        )
    ) AS _row_hash,
    _valid_from AS _loaded_at
FROM converted
