-- Acknowledgments of 855: one row per ACK, or per PO1 without ACK. Another document is another response.
SELECT
    _source_key AS source_key,
    po_no,
    line_no AS po_line_no,
    ack_seq,
    ack_type,
    supplier_key,
    item_key,
    gtin AS pack_gtin,
    location_key,
    interchange_ts AS ack_ts,
    ack_date,
    ack_code,
    ack_qty,
    ack_uom,
    CASE price_basis
        WHEN 'HP' THEN CAST(CAST(ack_price AS DECIMAL(19, 6)) * CAST(0.01 AS DECIMAL(4, 3)) AS DECIMAL(18, 6))
        WHEN 'TP' THEN CAST(CAST(ack_price AS DECIMAL(19, 6)) * CAST(0.001 AS DECIMAL(4, 3)) AS DECIMAL(18, 6))
        ELSE ack_price
    END AS ack_price,
    promise_date,
    supplier_order_no,
    _delivery_id,
    _source_row_no,
    _valid_from,
    _is_deleted OR COALESCE(purpose_code = '01', FALSE) AS _is_deleted,
    _change_seq
FROM staged.x12__po_ack
