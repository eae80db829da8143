-- Unit conversions: one row per item, unit and first day, as each source states them.
WITH item AS (
    SELECT source_system, source_key, item_sk
    FROM master.xref_item
    WHERE valid_to IS NULL
)

SELECT
    CASE WHEN l.item_key IS NULL THEN -1 ELSE coalesce(i.item_sk, -2) END AS item_sk,
    l.item_key AS source_item_key,
    l.from_uom,
    l.from_uom_x12,
    l.factor_to_base AS factor,
    l.gtin AS gtin14,
    l.is_order_uom,
    l.is_issue_uom,
    l.valid_from,
    l.valid_to,
    coalesce(l._is_deleted, FALSE) AS is_deleted_at_source,
    l.source_system AS _source_system,
    l.source_key AS _source_key,
    l._delivery_id,
    l._source_row_no,
    md5(
        concat_ws(
            '|',
            coalesce(l.item_key, ''),
            coalesce(l.from_uom, ''),
            coalesce(l.from_uom_x12, ''),
            coalesce(CAST(l.factor_to_base AS VARCHAR), ''),
            coalesce(l.gtin, ''),
            coalesce(CAST(l.is_order_uom AS VARCHAR), ''),
            coalesce(CAST(l.is_issue_uom AS VARCHAR), ''),
            coalesce(CAST(l.valid_from AS VARCHAR), ''),
            coalesce(CAST(l.valid_to AS VARCHAR), '')
        )
    ) AS _row_hash,
    l._valid_from AS _loaded_at
FROM intake.item_uom AS l
LEFT JOIN item AS i ON l.source_system = i.source_system AND l.item_key = i.source_key
