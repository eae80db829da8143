-- Pack strings that nobody can read: they convert nothing, whatever number the row may carry beside them.
WITH packed AS (
    SELECT
        u.source_system,
        u.item_key,
        u.pack,
        pack_fault(u.pack, i.base_uom) AS fault,
        u._valid_from AS stated_at
    FROM intake.item_uom AS u
    LEFT JOIN intake.item AS i ON u.source_system = i.source_system AND u.item_key = i.source_key
    WHERE u.pack IS NOT NULL AND trim(u.pack) <> '' AND NOT coalesce(u._is_deleted, FALSE)
)

SELECT
    'item' AS domain,
    'uom_unreadable' AS kind,
    source_system || '|' || item_key AS key,
    pack || ': ' || fault AS detail,
    max(stated_at) AS first_seen
FROM packed
WHERE fault IS NOT NULL
GROUP BY source_system, item_key, pack, fault
