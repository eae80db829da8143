-- Stocking rules of an item at a location, as each source states them.
WITH item AS (
    SELECT source_system, source_key, item_sk
    FROM master.xref_item
    WHERE valid_to IS NULL
),

location AS (
    SELECT source_system, source_key, location_sk
    FROM master.xref_location
    WHERE valid_to IS NULL
)

SELECT
    CASE WHEN l.item_key IS NULL THEN -1 ELSE coalesce(i.item_sk, -2) END AS item_sk,
    l.item_key AS source_item_key,
    CASE WHEN l.location_key IS NULL THEN -1 ELSE coalesce(p.location_sk, -2) END AS location_sk,
    l.location_key AS source_location_key,
    l.formulary_status,
    l.bin,
    l.par_qty,
    l.min_qty,
    l.rop_qty,
    l.max_qty,
    l.review_days,
    l.lead_time_days,
    l.is_critical,
    CAST(-1 AS BIGINT) AS preferred_supplier_sk,
    l.status,
    coalesce(l._is_deleted, FALSE) AS is_deleted_at_source,
    l.source_system AS _source_system,
    l.source_key AS _source_key,
    l._delivery_id,
    l._source_row_no,
    md5(
        concat_ws(
            '|',
            coalesce(l.item_key, ''),
            coalesce(l.location_key, ''),
            coalesce(l.formulary_status, ''),
            coalesce(l.bin, ''),
            coalesce(CAST(l.par_qty AS VARCHAR), ''),
            coalesce(CAST(l.min_qty AS VARCHAR), ''),
            coalesce(CAST(l.rop_qty AS VARCHAR), ''),
            coalesce(CAST(l.max_qty AS VARCHAR), ''),
            coalesce(CAST(l.review_days AS VARCHAR), ''),
            coalesce(CAST(l.lead_time_days AS VARCHAR), ''),
            coalesce(CAST(l.is_critical AS VARCHAR), ''),
            coalesce(l.status, '')
        )
    ) AS _row_hash,
    l._valid_from AS _loaded_at
FROM intake.item_location AS l
LEFT JOIN item AS i ON l.source_system = i.source_system AND l.item_key = i.source_key
LEFT JOIN location AS p ON l.source_system = p.source_system AND l.location_key = p.source_key
