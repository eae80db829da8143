-- Contract numbers that 850 purchase orders name.
WITH ranked AS (
    -- The first statement, so that a further order that says the same changes nothing.
    SELECT
        contract_no,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _is_deleted,
        row_number() OVER (
            PARTITION BY contract_no
            ORDER BY CASE WHEN _is_deleted THEN 1 ELSE 0 END, _valid_from, _delivery_id, _source_row_no
        ) AS choice,
        max(_change_seq) OVER (PARTITION BY contract_no) AS key_seq
    FROM staged.x12__po_line
    WHERE contract_no IS NOT NULL
)

SELECT
    contract_no AS source_key,
    contract_no,
    contract_no AS network_contract_no,
    _delivery_id,
    _source_row_no,
    _valid_from,
    _is_deleted,
    key_seq AS _change_seq
FROM ranked
WHERE choice = 1
