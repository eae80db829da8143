-- Rows, different keys (by hash: a collision only costs a second look), rows without a key.
SELECT count(*), count(DISTINCT hash(_source_key)), count(*) FILTER (WHERE {key_missing})
FROM {relation}
