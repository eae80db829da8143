-- Units of an item, with the X12 code that the ERP's own list of units gives them: partners' documents use that one.
SELECT
    m._source_key AS source_key,
    m.item_no AS item_key,
    m.uom AS from_uom,
    CASE WHEN NOT u._is_deleted THEN u.x12_code END AS from_uom_x12,
    m.multiplier AS factor_to_base,
    m.gtin,
    m.is_order_uom,
    m.valid_from,
    m._delivery_id,
    m._source_row_no,
    m._valid_from,
    m._is_deleted,
    GREATEST(m._change_seq, u._change_seq) AS _change_seq
FROM staged.item_uom AS m
LEFT JOIN staged.uom AS u ON m.uom = u.uom
