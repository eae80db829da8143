-- Blanket agreements.
SELECT
    b._source_key AS source_key,
    b.number AS contract_no,
    'blanket' AS kind,
    CAST(b.supplier AS VARCHAR) AS supplier_key,
    c.code AS currency_code,
    b.from_date AS first_date,
    b.to_date AS last_date,
    CASE WHEN b._is_deleted THEN 'deleted' WHEN b.state = 'running' THEN 'active' ELSE b.state END AS status,
    b._delivery_id,
    b._source_row_no,
    b._valid_from,
    b._is_deleted,
    GREATEST(b._change_seq, c._change_seq) AS _change_seq
FROM staged.purchase_blanket_agreement AS b
LEFT JOIN staged.currency_currency AS c ON b.currency = c.id
