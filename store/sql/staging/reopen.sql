-- Versions that were current just before $sequence are current again.
INSERT INTO {staged} BY NAME
SELECT h.* EXCLUDE (_valid_to, _seq_to, _change_seq_to) REPLACE ($change_seq AS _change_seq)
FROM {history} AS h
WHERE h._seq_to >= $sequence AND h._seq_from < $sequence
