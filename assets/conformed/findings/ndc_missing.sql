-- Drugs without an NDC: a source classifies the item as one (UNSPSC segment 51, drugs and pharmaceutical products) and
-- nobody states the number under which it is recalled, dispensed and billed.
SELECT
    'item' AS domain,
    'ndc_missing' AS kind,
    i.source_system || '|' || i.source_key AS key,
    'UNSPSC ' || trim(i.unspsc8) || ' is a drug, and no source states its NDC' AS detail,
    i._valid_from AS first_seen
FROM intake.item AS i
INNER JOIN master.xref_item AS x
    ON i.source_system = x.source_system AND i.source_key = x.source_key AND x.valid_to IS NULL
INNER JOIN master.golden_item AS g ON x.item_sk = g.item_sk AND g.is_current
WHERE starts_with(trim(i.unspsc8), '51') AND g.ndc11 IS NULL AND NOT coalesce(i._is_deleted, FALSE)
