-- Rows of the delivery that are new or differ from the current version; staged_row is NULL where new. A version never
-- begins before the one that it replaces: a source that dates a correction back would else say two things at a time.
CREATE OR REPLACE TEMP TABLE changes AS
WITH delivered AS (
    SELECT rowid AS _spool_row, *, {holds_since} AS _holds_since
    FROM {spool}
)

SELECT
    s._spool_row AS spool_row,
    t.rowid AS staged_row,
    CASE WHEN t._valid_from > s._holds_since THEN t._valid_from ELSE s._holds_since END AS holds_since
FROM delivered AS s
LEFT JOIN {staged} AS t ON s._source_key = t._source_key
WHERE t._source_key IS NULL
    OR ((s._row_hash <> t._row_hash OR t._is_deleted) AND NOT ({is_older}))
