-- Versions that the delivery replaces or deletes go into history, until what replaces them begins.
INSERT INTO {history} BY NAME
SELECT
    t.*,
    o.ends_at AS _valid_to,
    $sequence AS _seq_to,
    CAST($change_seq AS BIGINT) AS _change_seq_to
FROM {staged} AS t
INNER JOIN temp.outgoing AS o ON t.rowid = o.staged_row
