-- Versions that the delivery replaces or deletes go into history.
INSERT INTO {history} BY NAME
SELECT
    t.*,
    CAST($as_of AS TIMESTAMPTZ) AS _valid_to,
    $sequence AS _seq_to,
    CAST($change_seq AS BIGINT) AS _change_seq_to
FROM {staged} AS t
WHERE t.rowid IN (SELECT staged_row FROM temp.outgoing)
