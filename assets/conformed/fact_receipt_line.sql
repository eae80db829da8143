-- Receipt lines: one row per receipt line and lot of a source; a reversal is a row of its own, negative.
WITH not_one AS (
    -- Units of a source that are not its base unit of the item, whatever their codes say.
    SELECT DISTINCT source_system, item_key, lower(trim(from_uom)) AS uom
    FROM intake.item_uom
    WHERE factor_to_base > 0 AND factor_to_base <> 1 AND NOT coalesce(_is_deleted, FALSE)
),

item AS (
    -- An item key of a source: its golden item, and whether source and golden record count in the same unit. They do
    -- not where the source names another base unit, or says that the golden base unit is several of its own.
    SELECT
        x.source_system,
        x.source_key,
        x.item_sk,
        lower(trim(g.base_uom)) AS base_uom,
        coalesce(lower(trim(i.base_uom)) <> lower(trim(g.base_uom)), FALSE) OR n.uom IS NOT NULL AS base_conflict
    FROM master.xref_item AS x
    LEFT JOIN master.golden_item AS g ON x.item_sk = g.item_sk AND g.is_current
    LEFT JOIN intake.item AS i ON x.source_system = i.source_system AND x.source_key = i.source_key
    LEFT JOIN not_one AS n
        ON x.source_system = n.source_system AND x.source_key = n.item_key AND lower(trim(g.base_uom)) = n.uom
    WHERE x.valid_to IS NULL
),

conversion AS (
    -- Conversions whose base unit is the golden item's base unit.
    SELECT
        u.source_system,
        u.item_key,
        i.item_sk,
        lower(trim(u.from_uom)) AS from_uom,
        lower(trim(u.from_uom_x12)) AS x12_uom,
        u.factor_to_base AS factor,
        u.valid_from,
        u.valid_to
    FROM intake.item_uom AS u
    LEFT JOIN item AS i ON u.source_system = i.source_system AND u.item_key = i.source_key
    WHERE u.factor_to_base > 0 AND NOT coalesce(u._is_deleted, FALSE) AND NOT coalesce(i.base_conflict, FALSE)
),

own_start AS (
    -- A source that states two factors from the same day on has stated none.
    SELECT
        source_system,
        item_key,
        from_uom,
        valid_from,
        CASE WHEN min(factor) = max(factor) THEN min(factor) END AS factor,
        max(coalesce(valid_to, DATE '9999-12-31')) AS valid_to
    FROM conversion
    GROUP BY source_system, item_key, from_uom, valid_from
),

own_conversion AS (
    -- The source's own conversions; the next one ends the one before, so that a day has one at most.
    SELECT
        source_system,
        item_key,
        from_uom,
        valid_from,
        factor,
        least(
            valid_to,
            lead(valid_from) OVER (
                PARTITION BY source_system, item_key, from_uom
                ORDER BY valid_from NULLS FIRST
            )
        ) AS valid_to
    FROM own_start
),

named_conversion AS (
    -- For others a conversion goes by the X12 code that the source says the unit is, else by the source's own code. An
    -- own code that the source says to be another one in X12 is private: its CS may be the case, X12's is a cassette.
    SELECT item_sk, from_uom, factor, valid_from, valid_to
    FROM conversion
    WHERE item_sk > 0 AND coalesce(x12_uom = from_uom, TRUE)
    UNION ALL
    SELECT item_sk, x12_uom AS from_uom, factor, valid_from, valid_to
    FROM conversion
    WHERE item_sk > 0 AND x12_uom <> from_uom
),

shared_conversion AS (
    -- Any source's conversion of the same golden item, where no two statements of the network differ.
    SELECT
        item_sk,
        from_uom,
        min(factor) AS factor,
        CASE WHEN count(valid_from) = count(*) THEN min(valid_from) END AS valid_from,
        CASE WHEN count(valid_to) = count(*) THEN max(valid_to) END AS valid_to
    FROM named_conversion
    GROUP BY item_sk, from_uom
    HAVING min(factor) = max(factor)
),

supplier AS (
    SELECT source_system, source_key, supplier_sk
    FROM master.xref_supplier
    WHERE valid_to IS NULL
),

location AS (
    SELECT source_system, source_key, location_sk
    FROM master.xref_location
    WHERE valid_to IS NULL
),

line AS (
    -- Each row with its ids, and where its unit conversion comes from: never from the code of the unit alone.
    SELECT
        l.*,
        CASE WHEN l.item_key IS NULL THEN -1 ELSE coalesce(i.item_sk, -2) END AS item_sk,
        CASE WHEN l.supplier_key IS NULL THEN -1 ELSE coalesce(v.supplier_sk, -2) END AS supplier_sk,
        CASE WHEN l.location_key IS NULL THEN -1 ELSE coalesce(p.location_sk, -2) END AS location_sk,
        CASE
            WHEN i.base_conflict THEN 'base_conflict'
            WHEN l.uom_factor > 0 AND l.uom_factor <> 1 AND lower(trim(l.uom_txn)) = i.base_uom THEN 'base_conflict'
            WHEN l.uom_factor > 0 THEN 'stated'
            WHEN coalesce(o.factor, s.factor) IS NOT NULL THEN 'item'
            WHEN lower(trim(l.uom_txn)) = i.base_uom THEN 'base'
            ELSE 'unknown'
        END AS uom_conv_status,
        coalesce(o.factor, s.factor) AS item_factor
    FROM intake.receipt_line AS l
    LEFT JOIN item AS i ON l.source_system = i.source_system AND l.item_key = i.source_key
    LEFT JOIN supplier AS v ON l.source_system = v.source_system AND l.supplier_key = v.source_key
    LEFT JOIN location AS p ON l.source_system = p.source_system AND l.location_key = p.source_key
    LEFT JOIN own_conversion AS o
        ON l.source_system = o.source_system
            AND l.item_key = o.item_key
            AND lower(trim(l.uom_txn)) = o.from_uom
            AND (o.valid_from IS NULL OR coalesce(l.received_date, CAST(l.received_ts AS DATE), CAST(l.posted_ts AS DATE)) >= o.valid_from)
            AND (o.valid_to = DATE '9999-12-31' OR coalesce(l.received_date, CAST(l.received_ts AS DATE), CAST(l.posted_ts AS DATE)) < o.valid_to)
    LEFT JOIN shared_conversion AS s
        ON i.item_sk = s.item_sk
            AND lower(trim(l.uom_txn)) = s.from_uom
            AND (s.valid_from IS NULL OR coalesce(l.received_date, CAST(l.received_ts AS DATE), CAST(l.posted_ts AS DATE)) >= s.valid_from)
            AND (s.valid_to IS NULL OR coalesce(l.received_date, CAST(l.received_ts AS DATE), CAST(l.posted_ts AS DATE)) < s.valid_to)
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
    receipt_no,
    line_no,
    po_no,
    po_line_no,
    po_line_key,
    item_sk,
    item_key AS source_item_key,
    supplier_sk,
    supplier_key AS source_supplier_key,
    location_sk,
    location_key AS source_location_key,
    qty_txn,
    uom_txn,
    TRY_CAST(CAST(qty_txn AS DECIMAL(19, 6)) * uom_conv_factor AS DECIMAL(18, 6)) AS qty_base,
    uom_conv_factor,
    uom_conv_status,
    unit_price,
    currency_code,
    lot_no,
    expiry_date,
    udi_di,
    supplier_shipment_no,
    dock_ts,
    received_ts,
    received_date AS received_local_date,
    posted_ts,
    coalesce(is_reversal, FALSE) AS is_reversal,
    reverses_key,
    status,
    CASE
        WHEN posting_error IS NOT NULL THEN 'error'
        WHEN posted_ts IS NOT NULL THEN 'posted'
    END AS posting_status,
    posting_error,
    coalesce(_is_deleted, FALSE) AS is_deleted_at_source,
    source_system AS _source_system,
    source_key AS _source_key,
    _delivery_id,
    _source_row_no,
    md5(
        concat_ws(
            '|',
            coalesce(receipt_no, ''),
            coalesce(line_no, ''),
            coalesce(po_no, ''),
            coalesce(po_line_no, ''),
            coalesce(po_line_key, ''),
            coalesce(supplier_key, ''),
            coalesce(item_key, ''),
            coalesce(location_key, ''),
            coalesce(CAST(qty_txn AS VARCHAR), ''),
            coalesce(uom_txn, ''),
            coalesce(CAST(uom_factor AS VARCHAR), ''),
            coalesce(CAST(unit_price AS VARCHAR), ''),
            coalesce(currency_code, ''),
            coalesce(lot_no, ''),
            coalesce(CAST(expiry_date AS VARCHAR), ''),
            coalesce(udi_di, ''),
            coalesce(supplier_shipment_no, ''),
            coalesce(strftime(dock_ts, '%Y-%m-%d %H:%M:%S'), ''),
            coalesce(strftime(received_ts, '%Y-%m-%d %H:%M:%S'), ''),
            coalesce(CAST(received_date AS VARCHAR), ''),
            coalesce(strftime(posted_ts, '%Y-%m-%d %H:%M:%S'), ''),
            coalesce(CAST(is_reversal AS VARCHAR), ''),
            coalesce(reverses_key, ''),
            coalesce(status, ''),
            coalesce(posting_error, '')
        )
    ) AS _row_hash,
    _valid_from AS _loaded_at
FROM converted
