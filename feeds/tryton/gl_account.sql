-- Accounts. What a type does not say for certain (equity, taxes) stays open; headings have no type.
SELECT
    a._source_key AS source_key,
    a.code AS account_no,
    a.name,
    CASE
        WHEN t.is_asset THEN 'asset'
        WHEN t.is_payable OR t.is_debt THEN 'liability'
        WHEN t.is_revenue THEN 'revenue'
        WHEN t.is_expense THEN 'expense'
    END AS account_type,
    CAST(a.parent AS VARCHAR) AS parent_gl_account_key,
    CASE WHEN a._is_deleted THEN 'deleted' WHEN a.closed THEN 'inactive' ELSE 'active' END AS status,
    a._delivery_id,
    a._source_row_no,
    a._valid_from,
    a._is_deleted,
    GREATEST(a._change_seq, t._change_seq) AS _change_seq
FROM staged.account_account AS a
LEFT JOIN staged.account_account_type AS t ON a.type = t.id AND NOT t._is_deleted
