-- Rows of a delivery as they come from the reader, with their key and their hash.
INSERT INTO {spool}
SELECT {columns}, _source_row_no, {key_text} AS _source_key, hash({columns}) AS _row_hash
FROM incoming
