-- A key of the delivery that has a version opened or closed at or after $sequence.
SELECT 1
FROM {spool} AS s
WHERE EXISTS (SELECT 1 FROM {staged} AS t WHERE t._source_key = s._source_key AND t._seq_from >= $sequence)
    OR EXISTS (SELECT 1 FROM {history} AS h WHERE h._source_key = s._source_key AND h._seq_to >= $sequence)
