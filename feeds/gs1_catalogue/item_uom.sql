-- Units of an item: every pack level of it, found by its chain of children down to the base unit. A pack whose chain
-- does not end at a base unit within three levels, as no pack of the pool does, is a unit of the last one that is there.
SELECT
    p._source_key AS source_key,
    coalesce(i.child_gtin, c.child_gtin, p.child_gtin, p.gtin) AS item_key,
    p.uom AS from_uom,
    p.uom AS from_uom_x12,
    p.base_units AS factor_to_base,
    p.gtin,
    p.effective_date AS valid_from,
    p.end_date AS valid_to,
    p._delivery_id,
    p._source_row_no,
    p._valid_from,
    p._is_deleted,
    greatest(p._change_seq, c._change_seq, i._change_seq) AS _change_seq
FROM staged.catalogue AS p
LEFT JOIN staged.catalogue AS c ON p.child_gtin = c.gtin
LEFT JOIN staged.catalogue AS i ON c.child_gtin = i.gtin
