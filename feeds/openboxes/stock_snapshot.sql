-- Counted stock by product, lot and bin. A count sheet carries no date: the day is that of the delivery that
-- brought the row as it stands. Where nothing was counted the book quantity counts.
SELECT
    _source_key AS source_key,
    CAST(_valid_from AS DATE) AS snapshot_date,
    product_code AS item_key,
    bin_location AS location_key,
    bin_location AS bin,
    lot_number AS lot_no,
    expiration_date AS expiry_date,
    COALESCE(counted_qty, book_qty) AS on_hand_qty,
    _delivery_id,
    _source_row_no,
    _valid_from,
    _is_deleted,
    _change_seq
FROM staged.inventory
