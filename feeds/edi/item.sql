-- Item references of EDI documents: one row per distinct set of identifiers, within its supplier.
WITH seen AS (
    SELECT
        item_key,
        supplier_key,
        gtin,
        ndc,
        vendor_part,
        buyer_item_no,
        mfr_part_no,
        description,
        1 AS precedence,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.x12__po_line
    WHERE item_key IS NOT NULL
    UNION ALL
    SELECT
        item_key,
        supplier_key,
        gtin,
        ndc,
        vendor_part,
        buyer_item_no,
        mfr_part_no,
        description,
        2 AS precedence,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.x12__po_ack
    WHERE item_key IS NOT NULL
    UNION ALL
    SELECT
        item_key,
        supplier_key,
        gtin,
        ndc,
        vendor_part,
        buyer_item_no,
        mfr_part_no,
        description,
        3 AS precedence,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.x12__asn_line
    WHERE item_key IS NOT NULL
    UNION ALL
    SELECT
        item_key,
        supplier_key,
        gtin,
        ndc,
        vendor_part,
        buyer_item_no,
        mfr_part_no,
        description,
        4 AS precedence,
        _delivery_id,
        _source_row_no,
        _valid_from,
        _change_seq,
        _is_deleted
    FROM staged.x12__invoice_line
    WHERE item_key IS NOT NULL
),

ranked AS (
    -- The first statement that has a text, so that a further document that says the same changes nothing.
    SELECT
        *,
        row_number() OVER (
            PARTITION BY item_key
            ORDER BY
                CASE WHEN _is_deleted THEN 1 ELSE 0 END,
                CASE WHEN description IS NULL THEN 1 ELSE 0 END,
                _valid_from,
                precedence,
                _delivery_id,
                _source_row_no
        ) AS choice,
        max(_change_seq) OVER (PARTITION BY item_key) AS key_seq
    FROM seen
)

SELECT
    item_key AS source_key,
    description,
    mfr_part_no,
    -- The GTIN of the unit that is traded, often a case: it may differ from the base unit's and must not speak
    -- against it.
    gtin AS pack_gtin,
    ndc,
    buyer_item_no AS network_item_no,
    CASE WHEN vendor_part IS NOT NULL THEN supplier_key || '|' || vendor_part END AS supplier_part,
    _delivery_id,
    _source_row_no,
    _valid_from,
    _is_deleted,
    key_seq AS _change_seq
FROM ranked
WHERE choice = 1
