INSERT INTO temp.rejects BY NAME
SELECT
    {record} AS record,
    d._source_row_no AS row_no,
    {place} || ' ' || d._source_row_no AS location,
    d.rule_id,
    CASE d.rule_id
        WHEN 'key.duplicate_identical' THEN 'the same row as in ' || {place} || ' ' || d.first_row
        WHEN 'key.superseded_in_delivery' THEN 'the same key again, with other values, in ' || {place} || ' ' || d.last_row
        ELSE 'several rows (' || {place} || ' ' || d.first_row || ' to ' || d.last_row || ') have this key and differ: none is taken'
    END AS reason,
    CASE WHEN d.rule_id = 'key.duplicate' THEN 'error' ELSE 'warn' END AS severity,
    {key_shown} AS raw,
    1 AS row_count,
    d._source_key AS key_text,
    FALSE AS from_reader
FROM temp.duplicates AS d
