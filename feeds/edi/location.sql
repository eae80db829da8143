-- Ship-to references of EDI documents.
WITH seen AS (
    SELECT
        location_key,
        location_qualifier,
        location_id,
        location_name,
        location_city,
        location_state,
        location_postal_code,
        location_country,
        1 AS precedence,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.x12__po_line
    WHERE location_key IS NOT NULL
    UNION ALL
    SELECT
        location_key,
        location_qualifier,
        location_id,
        location_name,
        location_city,
        location_state,
        location_postal_code,
        location_country,
        2 AS precedence,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.x12__po_ack
    WHERE location_key IS NOT NULL
    UNION ALL
    SELECT
        location_key,
        location_qualifier,
        location_id,
        location_name,
        location_city,
        location_state,
        location_postal_code,
        location_country,
        3 AS precedence,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.x12__asn_line
    WHERE location_key IS NOT NULL
    UNION ALL
    SELECT
        location_key,
        location_qualifier,
        location_id,
        location_name,
        location_city,
        location_state,
        location_postal_code,
        location_country,
        4 AS precedence,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.x12__invoice_line
    WHERE location_key IS NOT NULL
),

ranked AS (
    -- The first statement that has a name, so that a further document that says the same changes nothing.
    SELECT
        *,
        row_number() OVER (
            PARTITION BY location_key
            ORDER BY
                CASE WHEN _is_deleted THEN 1 ELSE 0 END,
                CASE WHEN location_name IS NULL THEN 1 ELSE 0 END,
                _valid_from,
                precedence,
                _delivery_id,
                _source_row_no
        ) AS choice,
        max(_change_seq) OVER (PARTITION BY location_key) AS key_seq
    FROM seen
)

SELECT
    location_key AS source_key,
    CASE WHEN location_qualifier = '92' THEN location_id END AS location_code,
    location_name AS name,
    location_city AS city,
    location_state AS state,
    location_postal_code AS postal_code,
    location_country AS country,
    CASE WHEN location_qualifier = 'UL' THEN location_id END AS gln,
    CASE WHEN location_qualifier = '92' THEN location_id END AS network_location_code,
    _delivery_id,
    _source_row_no,
    _valid_from,
    _is_deleted,
    key_seq AS _change_seq
FROM ranked
WHERE choice = 1
