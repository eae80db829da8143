-- Ship notice lines: one row per item level and lot of an 856.
WITH line AS (
    -- Each row with its ids, and where its unit conversion comes from: never from the code of the unit alone.
    SELECT
        l.*,
        CASE WHEN l.item_key IS NULL THEN -1 ELSE coalesce(i.item_sk, -2) END AS item_sk,
        CASE WHEN l.supplier_key IS NULL THEN -1 ELSE coalesce(v.supplier_sk, -2) END AS supplier_sk,
        CASE WHEN l.location_key IS NULL THEN -1 ELSE coalesce(p.location_sk, -2) END AS location_sk,
        CASE
            WHEN i.base_conflict THEN 'base_conflict'
            WHEN coalesce(g.factor, o.factor, s.factor) IS NOT NULL THEN 'item'
            WHEN lower(trim(l.uom_txn)) = i.base_uom THEN 'base'
            ELSE 'unknown'
        END AS uom_conv_status,
        coalesce(g.factor, o.factor, s.factor) AS item_factor
    FROM intake.asn_line AS l
    LEFT JOIN lookup.item AS i ON l.source_system = i.source_system AND l.item_key = i.source_key
    LEFT JOIN lookup.supplier AS v ON l.source_system = v.source_system AND l.supplier_key = v.source_key
    LEFT JOIN lookup.location AS p ON l.source_system = p.source_system AND l.location_key = p.source_key
    LEFT JOIN lookup.gtin_conversion AS g
        ON i.item_sk = g.item_sk
            AND length(l.pack_gtin) <= 14
            AND lpad(l.pack_gtin, 14, '0') = g.gtin
            AND lower(trim(l.uom_txn)) = g.from_uom
    LEFT JOIN lookup.own_conversion AS o
        ON l.source_system = o.source_system
            AND l.item_key = o.item_key
            AND lower(trim(l.uom_txn)) = o.from_uom
            AND (o.valid_from IS NULL OR coalesce(l.ship_date, CAST(l.ship_ts AS DATE)) >= o.valid_from)
            AND (o.valid_to = DATE '9999-12-31' OR coalesce(l.ship_date, CAST(l.ship_ts AS DATE)) < o.valid_to)
    LEFT JOIN lookup.shared_conversion AS s
        ON i.item_sk = s.item_sk
            AND lower(trim(l.uom_txn)) = s.from_uom
            AND (s.valid_from IS NULL OR coalesce(l.ship_date, CAST(l.ship_ts AS DATE)) >= s.valid_from)
            AND (s.valid_to IS NULL OR coalesce(l.ship_date, CAST(l.ship_ts AS DATE)) < s.valid_to)
),

converted AS (
    SELECT
        *,
        CASE uom_conv_status
            WHEN 'item' THEN item_factor
            WHEN 'base' THEN CAST(1 AS DECIMAL(18, 6))
        END AS uom_conv_factor
    FROM line
)

SELECT
    shipment_no,
    line_no,
    po_no,
    po_line_no,
    item_sk,
    item_key AS source_item_key,
    supplier_sk,
    supplier_key AS source_supplier_key,
    location_sk,
    location_key AS source_location_key,
    item_as_shipped,
    sscc,
    carrier,
    ship_ts,
    ship_date AS ship_local_date,
    eta_date,
    qty_txn,
    uom_txn,
    TRY_CAST(CAST(qty_txn AS DECIMAL(19, 6)) * uom_conv_factor AS DECIMAL(18, 6)) AS qty_base,
    uom_conv_factor,
    uom_conv_status,
    lot_no,
    expiry_date,
    serial_no,
    coalesce(_is_deleted, FALSE) AS is_deleted_at_source,
    source_system AS _source_system,
    source_key AS _source_key,
    _delivery_id,
    _source_row_no,
    md5(
        concat_ws(
            '|',
            coalesce(shipment_no, ''),
            coalesce(line_no, ''),
            coalesce(po_no, ''),
            coalesce(po_line_no, ''),
            coalesce(supplier_key, ''),
            coalesce(item_key, ''),
            coalesce(location_key, ''),
            coalesce(item_as_shipped, ''),
            coalesce(sscc, ''),
            coalesce(carrier, ''),
            coalesce(strftime(ship_ts, '%Y-%m-%d %H:%M:%S'), ''),
            coalesce(CAST(ship_date AS VARCHAR), ''),
            coalesce(CAST(eta_date AS VARCHAR), ''),
            coalesce(CAST(qty_txn AS VARCHAR), ''),
            coalesce(uom_txn, ''),
            coalesce(lot_no, ''),
            coalesce(CAST(expiry_date AS VARCHAR), ''),
            coalesce(serial_no, '')
        )
    ) AS _row_hash,
    _valid_from AS _loaded_at
FROM converted
