-- Cost centres of the VA's list: the record nodes, whose first piece is the code, a blank and the name. What the other pieces
-- mean (a flag, a date) no document at hand says: left in staged.
WITH record AS (
    SELECT
        split_part(node, ',', 2) AS record_no,
        -- Without the quotes around it; a quote within is written twice.
        split_part(replace(regexp_replace(content, '^"|"$', '', 'g'), '""', '"'), '^', 1) AS said,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.cost_centre
    WHERE
        node LIKE '^PRCD(420.1,%,0)'
        AND split_part(node, ',', 3) = '0)'
        AND TRY_CAST(split_part(node, ',', 2) AS INTEGER) IS NOT NULL
)

SELECT
    record_no AS source_key,
    split_part(said, ' ', 1) AS cost_centre_code,
    NULLIF(TRIM(substr(said, length(split_part(said, ' ', 1)) + 1)), '') AS name,
    _delivery_id,
    _source_row_no,
    _valid_from,
    _is_deleted,
    _change_seq
FROM record
