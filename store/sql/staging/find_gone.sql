-- Current rows that the delivery should hold and does not; a refused row is there, though refused.
CREATE OR REPLACE TEMP TABLE {gone} AS
SELECT t.rowid AS staged_row
FROM {staged} AS t
WHERE NOT t._is_deleted
    AND {in_range}
    AND NOT EXISTS (SELECT 1 FROM {spool} AS s WHERE s._source_key = t._source_key)
    AND NOT EXISTS (
        SELECT 1 FROM temp.rejects AS r
        WHERE r.record = {record} AND r.severity = 'error' AND r.key_text = t._source_key
    )
