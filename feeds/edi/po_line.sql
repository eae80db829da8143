-- Lines of 850 purchase orders. A cancelled order (purpose 01) cancels the lines sent before it, also where it lists
-- none; a replacement (05) takes away the lines sent before it that it does not repeat.
WITH document AS (
    SELECT
        sender,
        COALESCE(app_sender, '') AS app_sender,
        document_no,
        COALESCE(release_no, '') AS release_no,
        max(CASE WHEN purpose_code = '01' THEN interchange_ts END) AS cancelled_ts,
        max(CASE WHEN purpose_code = '05' THEN interchange_ts END) AS replaced_ts,
        max(_change_seq) AS document_seq
    FROM staged.x12__transaction_set
    WHERE set_id = '850' AND outcome = 'loaded' AND purpose_code IN ('01', '05') AND NOT _is_deleted
    GROUP BY sender, COALESCE(app_sender, ''), document_no, COALESCE(release_no, '')
),

line AS (
    SELECT
        l.*,
        COALESCE(l.purpose_code = '01' OR d.cancelled_ts >= l.interchange_ts, FALSE) AS is_cancelled,
        COALESCE(d.replaced_ts > l.interchange_ts, FALSE) AS is_replaced,
        GREATEST(l._change_seq, d.document_seq) AS line_seq,
        -- Basis of unit price (X12 639): HP per hundred, TP per thousand.
        CASE l.price_basis
            WHEN 'HP' THEN CAST(0.01 AS DECIMAL(4, 3))
            WHEN 'TP' THEN CAST(0.001 AS DECIMAL(4, 3))
            ELSE CAST(1 AS DECIMAL(4, 3))
        END AS price_factor
    FROM staged.x12__po_line AS l
    LEFT JOIN document AS d
        ON l.sender = d.sender
            AND COALESCE(l.app_sender, '') = d.app_sender
            AND l.po_no = d.document_no
            AND COALESCE(l.release_no, '') = d.release_no
)

SELECT
    _source_key AS source_key,
    po_no,
    CASE
        WHEN line_occurrence = 1 THEN line_no
        ELSE line_no || '/' || CAST(line_occurrence AS VARCHAR)
    END AS line_no,
    release_no,
    item_key,
    gtin AS pack_gtin,
    supplier_key,
    location_key,
    description,
    qty AS qty_txn,
    uom AS uom_txn,
    CAST(CAST(unit_price AS DECIMAL(19, 6)) * price_factor AS DECIMAL(18, 6)) AS unit_price,
    uom AS price_uom,
    CAST(
        CAST(CAST(qty AS DECIMAL(19, 6)) * unit_price AS DECIMAL(30, 10)) * price_factor AS DECIMAL(18, 4)
    ) AS ext_amount,
    currency_code,
    contract_no AS contract_key,
    contract_no,
    interchange_ts AS transmitted_ts,
    order_date,
    need_by_date,
    promised_date,
    'edi' AS channel,
    CASE WHEN is_cancelled THEN 'cancelled' ELSE 'sent' END AS status,
    CASE WHEN is_cancelled THEN qty ELSE CAST(0 AS DECIMAL(18, 6)) END AS cancelled_qty,
    _delivery_id,
    _source_row_no,
    _valid_from,
    _is_deleted OR is_replaced AS _is_deleted,
    line_seq AS _change_seq
FROM line
