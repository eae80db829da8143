-- Accounting units. They are numbered within their company.
SELECT
    _source_key AS source_key,
    TRIM(acct_unit) AS cost_centre_code,
    CAST(company AS VARCHAR) AS company_code,
    CAST(company AS VARCHAR) || '-' || TRIM(acct_unit) AS network_cost_centre_no,
    name,
    facility_code,
    location_code,
    from_date AS first_date,
    to_date AS end_date,
    CASE WHEN _is_deleted THEN 'deleted' ELSE 'active' END AS status,
    _delivery_id,
    _source_row_no,
    _valid_from,
    _is_deleted,
    _change_seq
FROM staged.cost_centre
