-- The first delivery of a feed: straight into the table, one pass, nothing to compare with.
INSERT INTO {staged} BY NAME
SELECT
    {columns},
    {source} AS _source_system,
    {key_text} AS _source_key,
    $delivery_id AS _delivery_id,
    _source_row_no,
    hash({columns}) AS _row_hash,
    {holds_since} AS _valid_from,
    $sequence AS _seq_from,
    CAST($change_seq AS BIGINT) AS _change_seq,
    FALSE AS _is_deleted
FROM incoming
