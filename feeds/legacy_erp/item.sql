-- Items, with the GTIN of the pack they are ordered in: partners' documents name that one.
WITH ordered AS (
    SELECT
        item_no,
        min(CASE WHEN is_order_uom AND NOT _is_deleted THEN gtin END) AS pack_gtin,
        max(_change_seq) AS pack_seq
    FROM staged.item_uom
    GROUP BY item_no
)

SELECT
    i._source_key AS source_key,
    i.item_no,
    i.description,
    i.base_uom,
    i.gtin,
    u.pack_gtin,
    i.item_no AS network_item_no,
    i.mfr_name,
    i.mfr_part_no,
    i.is_lot_tracked,
    i.status,
    i.std_cost,
    'USD' AS currency_code,
    i._delivery_id,
    i._source_row_no,
    i._valid_from,
    i._is_deleted,
    GREATEST(i._change_seq, u.pack_seq) AS _change_seq
FROM staged.item AS i
LEFT JOIN ordered AS u ON i.item_no = u.item_no
