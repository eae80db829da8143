-- Items: every version of every golden item, with the members -1 UNKNOWN and -2 UNRESOLVED.
WITH successor AS (
    -- The golden item that superseded_by_item_key names: a key of the source that won the attribute.
    SELECT
        s.sk,
        s.valid_from,
        s.valid_to,
        coalesce(x.item_sk, -2) AS superseded_by_item_sk
    FROM master.survivorship_log AS s
    LEFT JOIN master.xref_item AS x
        ON s.winner_source = x.source_system AND s.value = x.source_key AND x.valid_to IS NULL
    WHERE s.domain = 'item' AND s.attribute = 'superseded_by_item_key' AND s.value IS NOT NULL
),

golden AS (
    SELECT
        g.item_sk,
        g.item_no,
        g.description,
        g.base_uom,
        g.gtin14,
        g.udi_di,
        g.ndc11,
        g.mfr_name,
        g.mfr_part_no,
        g.unspsc8,
        g.hcpcs,
        g.category_l1,
        g.category_l2,
        g.category_l3,
        g.is_stock,
        g.is_lot_tracked,
        g.is_expiry_tracked,
        g.is_implant,
        g.is_latex,
        g.dea_schedule,
        g.hazard_class,
        g.shelf_life_days,
        g.abc_class,
        g.status,
        coalesce(successor.superseded_by_item_sk, -1) AS superseded_by_item_sk,
        g.std_cost,
        g.currency_code,
        g._source_system,
        g._source_key,
        g._delivery_id,
        g._source_row_no,
        md5(
            concat_ws(
                '|',
                coalesce(g.item_no, ''),
                coalesce(g.description, ''),
                coalesce(g.base_uom, ''),
                coalesce(g.gtin14, ''),
                coalesce(g.udi_di, ''),
                coalesce(g.ndc11, ''),
                coalesce(g.mfr_name, ''),
                coalesce(g.mfr_part_no, ''),
                coalesce(g.unspsc8, ''),
                coalesce(g.hcpcs, ''),
                coalesce(g.category_l1, ''),
                coalesce(g.category_l2, ''),
                coalesce(g.category_l3, ''),
                coalesce(CAST(g.is_stock AS VARCHAR), ''),
                coalesce(CAST(g.is_lot_tracked AS VARCHAR), ''),
                coalesce(CAST(g.is_expiry_tracked AS VARCHAR), ''),
                coalesce(CAST(g.is_implant AS VARCHAR), ''),
                coalesce(CAST(g.is_latex AS VARCHAR), ''),
                coalesce(g.dea_schedule, ''),
                coalesce(g.hazard_class, ''),
                coalesce(CAST(g.shelf_life_days AS VARCHAR), ''),
                coalesce(g.abc_class, ''),
                coalesce(g.status, ''),
                coalesce(CAST(g.std_cost AS VARCHAR), ''),
                coalesce(g.currency_code, ''),
                coalesce(g.superseded_by_item_key, '')
            )
        ) AS _row_hash,
        g.valid_from AS _valid_from,
        g.valid_to AS _valid_to,
        g.is_current AS _is_current
    FROM master.golden_item AS g
    LEFT JOIN successor
        ON g.item_sk = successor.sk
            AND g.valid_from >= successor.valid_from
            AND (successor.valid_to IS NULL OR g.valid_from < successor.valid_to)
),

unknown AS (
    -- Facts without a key.
    SELECT
        CAST(-1 AS BIGINT) AS item_sk,
        'UNKNOWN' AS item_no,
        'no item key given' AS description,
        CAST(NULL AS VARCHAR) AS base_uom,
        CAST(NULL AS VARCHAR) AS gtin14,
        CAST(NULL AS VARCHAR) AS udi_di,
        CAST(NULL AS VARCHAR) AS ndc11,
        CAST(NULL AS VARCHAR) AS mfr_name,
        CAST(NULL AS VARCHAR) AS mfr_part_no,
        CAST(NULL AS VARCHAR) AS unspsc8,
        CAST(NULL AS VARCHAR) AS hcpcs,
        CAST(NULL AS VARCHAR) AS category_l1,
        CAST(NULL AS VARCHAR) AS category_l2,
        CAST(NULL AS VARCHAR) AS category_l3,
        CAST(NULL AS BOOLEAN) AS is_stock,
        CAST(NULL AS BOOLEAN) AS is_lot_tracked,
        CAST(NULL AS BOOLEAN) AS is_expiry_tracked,
        CAST(NULL AS BOOLEAN) AS is_implant,
        CAST(NULL AS BOOLEAN) AS is_latex,
        CAST(NULL AS VARCHAR) AS dea_schedule,
        CAST(NULL AS VARCHAR) AS hazard_class,
        CAST(NULL AS INTEGER) AS shelf_life_days,
        CAST(NULL AS VARCHAR) AS abc_class,
        CAST(NULL AS VARCHAR) AS status,
        CAST(-1 AS BIGINT) AS superseded_by_item_sk,
        CAST(NULL AS DECIMAL(18, 4)) AS std_cost,
        CAST(NULL AS VARCHAR) AS currency_code,
        'concord' AS _source_system,
        'UNKNOWN' AS _source_key,
        CAST(NULL AS VARCHAR) AS _delivery_id,
        CAST(NULL AS BIGINT) AS _source_row_no,
        md5('UNKNOWN') AS _row_hash,
        TIMESTAMPTZ '1900-01-01 00:00:00+00' AS _valid_from,
        CAST(NULL AS TIMESTAMPTZ) AS _valid_to,
        TRUE AS _is_current
),

unresolved AS (
    -- Facts with a key that no record of the domain has.
    SELECT
        CAST(-2 AS BIGINT) AS item_sk,
        'UNRESOLVED' AS item_no,
        'item key matches no item' AS description,
        CAST(NULL AS VARCHAR) AS base_uom,
        CAST(NULL AS VARCHAR) AS gtin14,
        CAST(NULL AS VARCHAR) AS udi_di,
        CAST(NULL AS VARCHAR) AS ndc11,
        CAST(NULL AS VARCHAR) AS mfr_name,
        CAST(NULL AS VARCHAR) AS mfr_part_no,
        CAST(NULL AS VARCHAR) AS unspsc8,
        CAST(NULL AS VARCHAR) AS hcpcs,
        CAST(NULL AS VARCHAR) AS category_l1,
        CAST(NULL AS VARCHAR) AS category_l2,
        CAST(NULL AS VARCHAR) AS category_l3,
        CAST(NULL AS BOOLEAN) AS is_stock,
        CAST(NULL AS BOOLEAN) AS is_lot_tracked,
        CAST(NULL AS BOOLEAN) AS is_expiry_tracked,
        CAST(NULL AS BOOLEAN) AS is_implant,
        CAST(NULL AS BOOLEAN) AS is_latex,
        CAST(NULL AS VARCHAR) AS dea_schedule,
        CAST(NULL AS VARCHAR) AS hazard_class,
        CAST(NULL AS INTEGER) AS shelf_life_days,
        CAST(NULL AS VARCHAR) AS abc_class,
        CAST(NULL AS VARCHAR) AS status,
        CAST(-1 AS BIGINT) AS superseded_by_item_sk,
        CAST(NULL AS DECIMAL(18, 4)) AS std_cost,
        CAST(NULL AS VARCHAR) AS currency_code,
        'concord' AS _source_system,
        'UNRESOLVED' AS _source_key,
        CAST(NULL AS VARCHAR) AS _delivery_id,
        CAST(NULL AS BIGINT) AS _source_row_no,
        md5('UNRESOLVED') AS _row_hash,
        TIMESTAMPTZ '1900-01-01 00:00:00+00' AS _valid_from,
        CAST(NULL AS TIMESTAMPTZ) AS _valid_to,
        TRUE AS _is_current
)

SELECT * FROM golden
UNION ALL
SELECT * FROM unknown
UNION ALL
SELECT * FROM unresolved
