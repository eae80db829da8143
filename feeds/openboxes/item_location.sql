-- Stock levels of an item in its preferred bin. The export does not name the depot, only the bin.
SELECT
    _source_key AS source_key,
    product_code AS item_key,
    preferred_bin AS location_key,
    preferred_bin AS bin,
    min_qty,
    reorder_qty AS rop_qty,
    max_qty,
    review_days,
    lead_time_days,
    status,
    _delivery_id,
    _source_row_no,
    _valid_from,
    _is_deleted,
    _change_seq
FROM staged.inventory_level
