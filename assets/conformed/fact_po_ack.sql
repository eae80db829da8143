-- Purchase order acknowledgments: one row per ACK segment of an 855, or per PO1 without one. The first response to
-- a line is every row of its earliest acknowledgment.
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
            WHEN lower(trim(l.ack_uom)) = i.base_uom THEN 'base'
            ELSE 'unknown'
        END AS uom_conv_status,
        coalesce(g.factor, o.factor, s.factor) AS item_factor,
        rank() OVER (
            PARTITION BY l.source_system, l.supplier_key, l.po_no, l.po_line_no, l._is_deleted
            ORDER BY l.ack_ts NULLS LAST, l.ack_date NULLS LAST, l._valid_from
        ) AS response_rank
    FROM intake.po_ack AS l
    LEFT JOIN lookup.item AS i ON l.source_system = i.source_system AND l.item_key = i.source_key
    LEFT JOIN lookup.supplier AS v ON l.source_system = v.source_system AND l.supplier_key = v.source_key
    LEFT JOIN lookup.location AS p ON l.source_system = p.source_system AND l.location_key = p.source_key
    LEFT JOIN lookup.gtin_conversion AS g
        ON i.item_sk = g.item_sk
            AND length(l.pack_gtin) <= 14
            AND lpad(l.pack_gtin, 14, '0') = g.gtin
            AND lower(trim(l.ack_uom)) = g.from_uom
    LEFT JOIN lookup.own_conversion AS o
        ON l.source_system = o.source_system
            AND l.item_key = o.item_key
            AND lower(trim(l.ack_uom)) = o.from_uom
            AND (o.valid_from IS NULL OR coalesce(l.ack_date, CAST(l.ack_ts AS DATE)) >= o.valid_from)
            AND (o.valid_to = DATE '9999-12-31' OR coalesce(l.ack_date, CAST(l.ack_ts AS DATE)) < o.valid_to)
    LEFT JOIN lookup.shared_conversion AS s
        ON i.item_sk = s.item_sk
            AND lower(trim(l.ack_uom)) = s.from_uom
            AND (s.valid_from IS NULL OR coalesce(l.ack_date, CAST(l.ack_ts AS DATE)) >= s.valid_from)
            AND (s.valid_to IS NULL OR coalesce(l.ack_date, CAST(l.ack_ts AS DATE)) < s.valid_to)
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
    po_no,
    po_line_no,
    ack_seq,
    ack_type,
    item_sk,
    item_key AS source_item_key,
    supplier_sk,
    supplier_key AS source_supplier_key,
    location_sk,
    location_key AS source_location_key,
    ack_ts,
    ack_date AS ack_local_date,
    ack_code,
    ack_qty,
    ack_uom,
    TRY_CAST(CAST(ack_qty AS DECIMAL(19, 6)) * uom_conv_factor AS DECIMAL(18, 6)) AS qty_base,
    uom_conv_factor,
    uom_conv_status,
    ack_price,
    item_key AS ack_item,
    promise_date,
    supplier_order_no,
    NOT coalesce(_is_deleted, FALSE) AND response_rank = 1 AS is_first_response,
    coalesce(_is_deleted, FALSE) AS is_deleted_at_source,
    source_system AS _source_system,
    source_key AS _source_key,
    _delivery_id,
    _source_row_no,
    md5(
        concat_ws(
            '|',
            coalesce(po_no, ''),
            coalesce(po_line_no, ''),
            coalesce(CAST(ack_seq AS VARCHAR), ''),
            coalesce(ack_type, ''),
            coalesce(supplier_key, ''),
            coalesce(item_key, ''),
            coalesce(location_key, ''),
            coalesce(strftime(ack_ts, '%Y-%m-%d %H:%M:%S'), ''),
            coalesce(CAST(ack_date AS VARCHAR), ''),
            coalesce(ack_code, ''),
            coalesce(CAST(ack_qty AS VARCHAR), ''),
            coalesce(ack_uom, ''),
            coalesce(CAST(ack_price AS VARCHAR), ''),
            coalesce(CAST(promise_date AS VARCHAR), ''),
            coalesce(supplier_order_no, '')
        )
    ) AS _row_hash,
    _valid_from AS _loaded_at
FROM converted
