-- Items, with the GTIN of the pack they are ordered in: partners' documents name that one. Where the item itself has no
-- GTIN, the list of its units has one for the base unit.
WITH pack AS (
    -- The newest pack of each unit counts: the one before keeps its flags.
    SELECT
        item_no,
        uom,
        gtin,
        is_order_uom,
        _is_deleted,
        _change_seq,
        ROW_NUMBER() OVER (PARTITION BY item_no, uom ORDER BY _is_deleted, valid_from DESC) AS place
    FROM staged.item_uom
),

unit AS (
    SELECT
        i.item_no,
        min(CASE WHEN p.place = 1 AND p.is_order_uom AND NOT p._is_deleted THEN p.gtin END) AS pack_gtin,
        min(CASE WHEN p.place = 1 AND p.uom = i.base_uom AND NOT p._is_deleted THEN p.gtin END) AS base_gtin,
        max(p._change_seq) AS pack_seq
    FROM staged.item AS i
    INNER JOIN pack AS p ON i.item_no = p.item_no
    GROUP BY i.item_no
)

SELECT
    i._source_key AS source_key,
    i.item_no,
    i.description,
    i.base_uom,
    coalesce(i.gtin, u.base_gtin) AS gtin,
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
LEFT JOIN unit AS u ON i.item_no = u.item_no
