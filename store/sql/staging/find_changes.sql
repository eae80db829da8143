-- Rows of the delivery that are new or differ from the current version; staged_row is NULL where new.
CREATE OR REPLACE TEMP TABLE changes AS
SELECT s.rowid AS spool_row, t.rowid AS staged_row
FROM {spool} AS s
LEFT JOIN {staged} AS t ON s._source_key = t._source_key
WHERE t._source_key IS NULL
    OR ((s._row_hash <> t._row_hash OR t._is_deleted) AND NOT ({is_older}))
