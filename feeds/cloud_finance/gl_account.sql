-- Accounts that budgets and journals name: the cloud ERP sends no list of them. The first mention is theirs.
WITH named AS (
    SELECT company, account, _delivery_id, _source_row_no, _valid_from, _is_deleted, _change_seq
    FROM staged.budget
    UNION ALL
    SELECT company, account, _delivery_id, _source_row_no, _valid_from, _is_deleted, _change_seq
    FROM staged.journal
    WHERE account IS NOT NULL
),

mention AS (
    SELECT
        *,
        ROW_NUMBER() OVER (
            PARTITION BY company, account
            ORDER BY CASE WHEN _is_deleted THEN 1 ELSE 0 END, _valid_from, _delivery_id, _source_row_no
        ) AS place
    FROM named
)

SELECT
    CAST(company AS VARCHAR) || '|' || CAST(account AS VARCHAR) AS source_key,
    CAST(account AS VARCHAR) AS account_no,
    CAST(account AS VARCHAR) AS network_account_no,
    _delivery_id,
    _source_row_no,
    _valid_from,
    _is_deleted,
    _change_seq
FROM mention
WHERE place = 1
