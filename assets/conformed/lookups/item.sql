WITH not_one AS (
    -- Units of a source that are not its base unit of the item, whatever their codes say.
    SELECT DISTINCT source_system, item_key, lower(trim(from_uom)) AS uom
    FROM intake.item_uom
    WHERE factor_to_base > 0 AND factor_to_base <> 1 AND NOT coalesce(_is_deleted, FALSE)
)

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
