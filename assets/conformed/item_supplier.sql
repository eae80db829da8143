-- Who supplies an item, under which part number, pack and list price, as each source states it.
WITH item AS (
    SELECT source_system, source_key, item_sk
    FROM master.xref_item
    WHERE valid_to IS NULL
),

supplier AS (
    SELECT source_system, source_key, supplier_sk
    FROM master.xref_supplier
    WHERE valid_to IS NULL
)

SELECT
    CASE WHEN l.item_key IS NULL THEN -1 ELSE coalesce(i.item_sk, -2) END AS item_sk,
    l.item_key AS source_item_key,
    CASE WHEN l.supplier_key IS NULL THEN -1 ELSE coalesce(v.supplier_sk, -2) END AS supplier_sk,
    l.supplier_key AS source_supplier_key,
    l.supplier_part_no,
    l.uom,
    l.pack_qty,
    l.list_price,
    l.currency_code,
    l.lead_time_days,
    l.moq,
    l.is_primary,
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
            coalesce(l.supplier_key, ''),
            coalesce(l.supplier_part_no, ''),
            coalesce(l.uom, ''),
            coalesce(CAST(l.pack_qty AS VARCHAR), ''),
            coalesce(CAST(l.list_price AS VARCHAR), ''),
            coalesce(l.currency_code, ''),
            coalesce(CAST(l.lead_time_days AS VARCHAR), ''),
            coalesce(CAST(l.moq AS VARCHAR), ''),
            coalesce(CAST(l.is_primary AS VARCHAR), ''),
            coalesce(CAST(l.valid_from AS VARCHAR), ''),
            coalesce(CAST(l.valid_to AS VARCHAR), '')
        )
    ) AS _row_hash,
    l._valid_from AS _loaded_at
FROM intake.item_supplier AS l
LEFT JOIN item AS i ON l.source_system = i.source_system AND l.item_key = i.source_key
LEFT JOIN supplier AS v ON l.source_system = v.source_system AND l.supplier_key = v.source_key
