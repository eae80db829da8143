-- What is gone keeps its values and where they came from; when it went is in _valid_from and _seq_from.
CREATE OR REPLACE TEMP TABLE tombstones AS
SELECT t.* REPLACE (
    CAST($as_of AS TIMESTAMPTZ) AS _valid_from,
    $sequence AS _seq_from,
    CAST($change_seq AS BIGINT) AS _change_seq,
    TRUE AS _is_deleted
)
FROM {staged} AS t
WHERE t.rowid IN (SELECT staged_row FROM temp.{gone})
