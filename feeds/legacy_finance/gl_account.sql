-- Accounts of each company. Companies share one chart: a number is the same account in all of them.
SELECT
    _source_key AS source_key,
    CAST(account AS VARCHAR) AS account_no,
    CAST(account AS VARCHAR) AS network_account_no,
    name,
    kind AS account_type,
    CASE WHEN _is_deleted THEN 'deleted' ELSE 'active' END AS status,
    _delivery_id,
    _source_row_no,
    _valid_from,
    _is_deleted,
    _change_seq
FROM staged.gl_account
