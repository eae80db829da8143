-- Cost centres that budgets and journals name: the cloud ERP sends no list of them. The first mention is theirs.
WITH named AS (
    SELECT company, cost_centre, _delivery_id, _source_row_no, _valid_from, _is_deleted, _change_seq
    FROM staged.budget
    UNION ALL
    SELECT company, cost_centre, _delivery_id, _source_row_no, _valid_from, _is_deleted, _change_seq
    FROM staged.journal
    WHERE cost_centre IS NOT NULL
),

mention AS (
    SELECT
        *,
        ROW_NUMBER() OVER (
            PARTITION BY company, cost_centre
            ORDER BY CASE WHEN _is_deleted THEN 1 ELSE 0 END, _valid_from, _delivery_id, _source_row_no
        ) AS place
    FROM named
)

SELECT
    CAST(company AS VARCHAR) || '|' || cost_centre AS source_key,
    cost_centre AS cost_centre_code,
    CAST(company AS VARCHAR) AS company_code,
    CAST(company AS VARCHAR) || '-' || cost_centre AS network_cost_centre_no,
    _delivery_id,
    _source_row_no,
    _valid_from,
    _is_deleted,
    _change_seq
FROM mention
WHERE place = 1
