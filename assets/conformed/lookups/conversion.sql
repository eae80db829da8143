-- Conversions whose base unit is the golden item's base unit. A pack number that is no GTIN says nothing of a pack.
SELECT
    u.source_system,
    u.item_key,
    i.item_sk,
    lower(trim(u.from_uom)) AS from_uom,
    lower(trim(u.from_uom_x12)) AS x12_uom,
    u.factor_to_base AS factor,
    gtin14(u.gtin) AS gtin,
    u.valid_from,
    u.valid_to,
    u._valid_from AS stated_at
FROM intake.item_uom AS u
LEFT JOIN lookup.item AS i ON u.source_system = i.source_system AND u.item_key = i.source_key
WHERE u.factor_to_base > 0 AND NOT coalesce(u._is_deleted, FALSE) AND NOT coalesce(i.base_conflict, FALSE)
