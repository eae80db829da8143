-- Purchase order lines: one row per line and release of a source.
WITH line AS (
    -- Each row with its ids, and where its unit conversion comes from: never from the code of the unit alone.
    SELECT
        l.*,
        CASE WHEN l.item_key IS NULL THEN -1 ELSE coalesce(i.item_sk, -2) END AS item_sk,
        CASE WHEN l.supplier_key IS NULL THEN -1 ELSE coalesce(v.supplier_sk, -2) END AS supplier_sk,
        CASE WHEN l.location_key IS NULL THEN -1 ELSE coalesce(p.location_sk, -2) END AS location_sk,
        CASE WHEN l.contract_key IS NULL AND l.contract_no IS NULL THEN -1 ELSE coalesce(c.contract_sk, -2) END AS contract_sk,
        CASE
            WHEN i.base_conflict THEN 'base_conflict'
            WHEN l.uom_factor > 0 AND l.uom_factor <> 1 AND lower(trim(l.uom_txn)) = i.base_uom THEN 'base_conflict'
            WHEN l.uom_factor > 0 THEN 'stated'
            WHEN coalesce(g.factor, o.factor, s.factor) IS NOT NULL THEN 'item'
            WHEN lower(trim(l.uom_txn)) = i.base_uom THEN 'base'
            ELSE 'unknown'
        END AS uom_conv_status,
        coalesce(g.factor, o.factor, s.factor) AS item_factor
    FROM intake.po_line AS l
    LEFT JOIN lookup.item AS i ON l.source_system = i.source_system AND l.item_key = i.source_key
    LEFT JOIN lookup.supplier AS v ON l.source_system = v.source_system AND l.supplier_key = v.source_key
    LEFT JOIN lookup.location AS p ON l.source_system = p.source_system AND l.location_key = p.source_key
    LEFT JOIN lookup.contract AS c ON l.source_system = c.source_system AND l.contract_key = c.source_key
    LEFT JOIN lookup.gtin_conversion AS g
        ON i.item_sk = g.item_sk
            AND length(l.pack_gtin) <= 14
            AND lpad(l.pack_gtin, 14, '0') = g.gtin
            AND lower(trim(l.uom_txn)) = g.from_uom
    LEFT JOIN lookup.own_conversion AS o
        ON l.source_system = o.source_system
            AND l.item_key = o.item_key
            AND lower(trim(l.uom_txn)) = o.from_uom
            AND (o.valid_from IS NULL OR coalesce(l.order_date, CAST(l.issued_ts AS DATE), CAST(l.created_ts AS DATE)) >= o.valid_from)
            AND (o.valid_to = DATE '9999-12-31' OR coalesce(l.order_date, CAST(l.issued_ts AS DATE), CAST(l.created_ts AS DATE)) < o.valid_to)
    LEFT JOIN lookup.shared_conversion AS s
        ON i.item_sk = s.item_sk
            AND lower(trim(l.uom_txn)) = s.from_uom
            AND (s.valid_from IS NULL OR coalesce(l.order_date, CAST(l.issued_ts AS DATE), CAST(l.created_ts AS DATE)) >= s.valid_from)
            AND (s.valid_to IS NULL OR coalesce(l.order_date, CAST(l.issued_ts AS DATE), CAST(l.created_ts AS DATE)) < s.valid_to)
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
    po_no,
    line_no,
    release_no,
    item_sk,
    item_key AS source_item_key,
    supplier_sk,
    supplier_key AS source_supplier_key,
    location_sk,
    location_key AS source_location_key,
    description,
    qty_txn,
    uom_txn,
    TRY_CAST(CAST(qty_txn AS DECIMAL(19, 6)) * uom_conv_factor AS DECIMAL(18, 6)) AS qty_base,
    uom_conv_factor,
    uom_conv_status,
    unit_price,
    coalesce(price_uom, uom_txn) AS price_uom,
    coalesce(
        ext_amount,
        CASE
            WHEN coalesce(lower(price_uom) = lower(uom_txn), price_uom IS NULL)
                THEN TRY_CAST(CAST(qty_txn AS DECIMAL(19, 6)) * unit_price AS DECIMAL(18, 4))
        END
    ) AS ext_amount,
    currency_code,
    contract_sk,
    contract_key AS source_contract_key,
    contract_no,
    CAST(NULL AS DECIMAL(18, 6)) AS contract_price_at_order,
    created_ts,
    issued_ts,
    transmitted_ts,
    order_date AS order_local_date,
    need_by_date,
    promised_date,
    channel,
    status,
    cancelled_qty,
    coalesce(_is_deleted, FALSE) AS is_deleted_at_source,
    source_system AS _source_system,
    source_key AS _source_key,
    _delivery_id,
    _source_row_no,
    md5(
        concat_ws(
            '|',
            coalesce(po_no, ''),
            coalesce(line_no, ''),
            coalesce(release_no, ''),
            coalesce(item_key, ''),
            coalesce(supplier_key, ''),
            coalesce(location_key, ''),
            coalesce(description, ''),
            coalesce(CAST(qty_txn AS VARCHAR), ''),
            coalesce(uom_txn, ''),
            coalesce(CAST(uom_factor AS VARCHAR), ''),
            coalesce(CAST(unit_price AS VARCHAR), ''),
            coalesce(price_uom, ''),
            coalesce(CAST(ext_amount AS VARCHAR), ''),
            coalesce(currency_code, ''),
            coalesce(contract_key, ''),
            coalesce(contract_no, ''),
            coalesce(strftime(created_ts, '%Y-%m-%d %H:%M:%S'), ''),
            coalesce(strftime(issued_ts, '%Y-%m-%d %H:%M:%S'), ''),
            coalesce(strftime(transmitted_ts, '%Y-%m-%d %H:%M:%S'), ''),
            coalesce(CAST(order_date AS VARCHAR), ''),
            coalesce(CAST(need_by_date AS VARCHAR), ''),
            coalesce(CAST(promised_date AS VARCHAR), ''),
            coalesce(channel, ''),
            coalesce(status, ''),
            coalesce(CAST(cancelled_qty AS VARCHAR), '')
        )
    ) AS _row_hash,
    _valid_from AS _loaded_at
FROM converted
