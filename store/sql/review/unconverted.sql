-- Quantities of a known item that nobody can say in base units: they are published without a number. {quantity} is in
-- the unit {unit}. Keys that are no item have a finding of their own.
SELECT
    'item' AS domain,
    'unconverted_unit' AS kind,
    _source_system || '|' || source_item_key || coalesce(' ' || upper(trim({unit})), '') AS key,
    {table_name} || ': ' || CAST(count(*) AS VARCHAR) || ' rows have no quantity in base units: '
    || CASE uom_conv_status
        WHEN 'base_conflict' THEN _source_system || ' counts the item in another base unit'
        ELSE coalesce('nobody says what one ' || upper(trim({unit})) || ' holds', 'they name no unit')
    END AS detail,
    min(_loaded_at) AS first_seen
FROM {table}
WHERE uom_conv_factor IS NULL AND item_sk > 0 AND {quantity} IS NOT NULL AND NOT is_deleted_at_source
GROUP BY _source_system, source_item_key, upper(trim({unit})), uom_conv_status
