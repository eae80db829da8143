-- Units of the VA's UNIT OF ISSUE list: the record nodes. The list's title and its cross-references say nothing more.
-- The third piece is no X12 code, though it looks like one: thousand is MX there (X12: TH), gross GR (X12: gram).
-- It is another code of the same list, for those who know fewer (a case counts as a box): left in staged.
WITH record AS (
    SELECT
        split_part(node, ',', 2) AS record_no,
        -- Without the quotes around it; a quote within is written twice.
        replace(regexp_replace(content, '^"|"$', '', 'g'), '""', '"') AS pieces,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.unit_of_issue
    WHERE
        node LIKE '^PRCD(420.5,%,0)'
        AND split_part(node, ',', 3) = '0)'
        AND TRY_CAST(split_part(node, ',', 2) AS INTEGER) IS NOT NULL
)

SELECT
    record_no AS source_key,
    split_part(pieces, '^', 1) AS code,
    'va_unit_of_issue' AS code_list,
    NULLIF(split_part(pieces, '^', 2), '') AS description,
    _delivery_id,
    _source_row_no,
    _valid_from,
    _is_deleted,
    _change_seq
FROM record
