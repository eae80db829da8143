-- Keys of the EDI hub that no earlier batch of sites has used. Reads what those wrote: run batch after batch, in their order.
INSERT INTO truth.crosswalk
SELECT * FROM (
    SELECT DISTINCT 'supplier' AS domain, supplier_id, 'edi_hub', supplier_key FROM edi_named WHERE utc_of(day, 1385, 'America/New_York') <= getvariable('until')
    UNION
    SELECT DISTINCT 'location', place_id, 'edi_hub', place_key FROM edi_named WHERE utc_of(day, 1385, 'America/New_York') <= getvariable('until')
    UNION
    SELECT DISTINCT 'item', item_id, 'edi_hub', buyer_item_key FROM edi_named WHERE utc_of(day, 1385, 'America/New_York') <= getvariable('until')
    UNION
    -- A substitute that is offered is a part which the network has no record of under that supplier.
    SELECT DISTINCT 'item', item_id, 'edi_hub', seller_item_key FROM edi_named WHERE fate NOT IN ('substitute', 'substituted') AND utc_of(day + 1, 365, 'America/New_York') <= getvariable('until')
    UNION
    SELECT DISTINCT 'item', n.item_id, 'edi_hub', n.seller_item_key FROM edi_shipped AS n
    WHERE n.is_sent_instead AND EXISTS (SELECT 1 FROM shipment AS s WHERE s.line_id = n.line_id AND utc_of(s.day, 305, 'America/New_York') <= getvariable('until'))
) AS x (domain, entity_id, source_system, source_key)
WHERE NOT EXISTS (SELECT 1 FROM truth.crosswalk AS c WHERE c.source_system = 'edi_hub' AND c.domain = x.domain AND c.source_key = x.source_key)
ORDER BY 1, 4;
