-- A row without a key cannot be told from any other.
INSERT INTO temp.rejects BY NAME
SELECT
    {record} AS record,
    s._source_row_no AS row_no,
    {place} || ' ' || s._source_row_no AS location,
    'key.missing' AS rule_id,
    'the key ({key_names}) is empty' AS reason,
    'error' AS severity,
    1 AS row_count,
    FALSE AS from_reader
FROM {spool} AS s
WHERE {key_missing}
