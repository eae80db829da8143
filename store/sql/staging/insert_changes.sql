INSERT INTO {staged} BY NAME
SELECT
    {columns},
    {source} AS _source_system,
    s._source_key,
    $delivery_id AS _delivery_id,
    s._source_row_no,
    s._row_hash,
    c.holds_since AS _valid_from,
    $sequence AS _seq_from,
    CAST($change_seq AS BIGINT) AS _change_seq,
    FALSE AS _is_deleted
FROM {spool} AS s
INNER JOIN temp.changes AS c ON s.rowid = c.spool_row
