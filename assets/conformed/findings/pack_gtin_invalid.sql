-- GTINs of pack levels that are no GTIN: a digit is wrong or missing, or the number means something in one company only.
SELECT
    'item' AS domain,
    'pack_gtin_invalid' AS kind,
    source_system || '|' || item_key || ' ' || upper(trim(from_uom)) AS key,
    gtin || ': ' || gtin_fault(gtin) AS detail,
    max(_valid_from) AS first_seen
FROM intake.item_uom
WHERE gtin_fault(gtin) IS NOT NULL AND NOT coalesce(_is_deleted, FALSE)
GROUP BY source_system, item_key, upper(trim(from_uom)), gtin
