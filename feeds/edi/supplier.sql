-- Supplier references of EDI documents: the N1 of the seller, or the interchange party where none names one.
WITH seen AS (
    SELECT
        supplier_key,
        supplier_qualifier,
        supplier_id,
        supplier_name,
        supplier_edi_party,
        1 AS precedence,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.x12__po_line
    WHERE supplier_key IS NOT NULL
    UNION ALL
    SELECT
        supplier_key,
        supplier_qualifier,
        supplier_id,
        supplier_name,
        supplier_edi_party,
        2 AS precedence,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.x12__po_ack
    WHERE supplier_key IS NOT NULL
    UNION ALL
    SELECT
        supplier_key,
        supplier_qualifier,
        supplier_id,
        supplier_name,
        supplier_edi_party,
        3 AS precedence,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.x12__asn_line
    WHERE supplier_key IS NOT NULL
    UNION ALL
    SELECT
        supplier_key,
        supplier_qualifier,
        supplier_id,
        supplier_name,
        supplier_edi_party,
        4 AS precedence,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.x12__invoice_line
    WHERE supplier_key IS NOT NULL
),

ranked AS (
    -- The first statement that has a name, so that a further document that says the same changes nothing.
    SELECT
        *,
        row_number() OVER (
            PARTITION BY supplier_key
            ORDER BY
                CASE WHEN _is_deleted THEN 1 ELSE 0 END,
                CASE WHEN supplier_name IS NULL THEN 1 ELSE 0 END,
                _valid_from,
                precedence,
                _delivery_id,
                _source_row_no
        ) AS choice,
        max(_change_seq) OVER (PARTITION BY supplier_key) AS key_seq
    FROM seen
)

SELECT
    supplier_key AS source_key,
    supplier_name AS legal_name,
    substr(supplier_edi_party, 1, 2) AS edi_id_qual,
    substr(supplier_edi_party, 4) AS edi_id,
    -- DUNS is nine digits; DUNS+4 has them in front. ISA qualifiers 01 and 14 say that the party's id is one.
    CASE
        WHEN supplier_qualifier = '1' AND length(supplier_id) = 9 THEN supplier_id
        WHEN supplier_qualifier = '9' AND length(supplier_id) = 13 THEN substr(supplier_id, 1, 9)
        WHEN substr(supplier_edi_party, 1, 3) = '01|' AND length(supplier_edi_party) = 12
            THEN substr(supplier_edi_party, 4)
        WHEN substr(supplier_edi_party, 1, 3) = '14|' AND length(supplier_edi_party) >= 12
            THEN substr(supplier_edi_party, 4, 9)
    END AS duns,
    CASE WHEN supplier_qualifier = 'UL' THEN supplier_id END AS gln,
    supplier_edi_party AS edi_party,
    CASE WHEN supplier_qualifier = '92' THEN supplier_id END AS network_supplier_no,
    _delivery_id,
    _source_row_no,
    _valid_from,
    _is_deleted,
    key_seq AS _change_seq
FROM ranked
WHERE choice = 1
