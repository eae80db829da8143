-- Vendors as the newest row of the journal has them; a delete keeps what they said last.
WITH told AS (
    SELECT
        vendor_no,
        name,
        duns,
        gln,
        edi_id,
        status,
        since,
        op,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        ROW_NUMBER() OVER (PARTITION BY vendor_no ORDER BY journal_no DESC) AS place
    FROM staged.vendor
)

SELECT
    vendor_no AS source_key,
    vendor_no AS supplier_no,
    vendor_no AS network_supplier_no,
    -- V1053-R2 is the second remit-to address of vendor V1053.
    CASE WHEN regexp_matches(vendor_no, '-R[0-9]+$') THEN regexp_replace(vendor_no, '-R[0-9]+$', '', 'g') END AS remit_of_no,
    name AS legal_name,
    duns,
    gln,
    edi_id,
    status,
    since AS onboarded_date,
    _delivery_id,
    _source_row_no,
    _valid_from,
    op = 'delete' AS _is_deleted,
    _change_seq
FROM told
WHERE place = 1
