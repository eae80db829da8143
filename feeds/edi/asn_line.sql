-- Item levels of 856 ship notices, one row per lot. A cancelled notice (purpose 01) takes its lines away, also where it
-- lists none; so does a replacement (05) with lines sent before it that it does not repeat.
WITH only_supplier AS (
    -- A notice number is the supplier's own: a document without lines cannot say whose it is where two have it.
    SELECT sender, shipment_no, max(supplier_key) AS supplier_key
    FROM staged.x12__asn_line
    GROUP BY sender, shipment_no
    HAVING min(supplier_key) = max(supplier_key)
),

document AS (
    SELECT
        t.sender,
        t.document_no,
        s.supplier_key,
        max(t.interchange_ts) AS withdrawn_ts,
        max(CASE WHEN t.purpose_code = '01' THEN t.interchange_ts END) AS cancelled_ts,
        max(t._change_seq) AS document_seq
    FROM staged.x12__transaction_set AS t
    INNER JOIN only_supplier AS s ON t.sender = s.sender AND t.document_no = s.shipment_no
    WHERE t.set_id = '856' AND t.outcome = 'loaded' AND t.purpose_code IN ('01', '05') AND NOT t._is_deleted
    GROUP BY t.sender, t.document_no, s.supplier_key
)

SELECT
    l._source_key AS source_key,
    l.shipment_no,
    l.line_no
    || CASE WHEN l.line_occurrence > 1 THEN '/' || CAST(l.line_occurrence AS VARCHAR) ELSE '' END
    || CASE WHEN l.lot_ordinal > 1 THEN '.' || CAST(l.lot_ordinal AS VARCHAR) ELSE '' END AS line_no,
    l.po_no,
    l.po_line_no,
    l.supplier_key,
    l.item_key,
    l.gtin AS pack_gtin,
    l.location_key,
    COALESCE(l.description, l.vendor_part, l.gtin) AS item_as_shipped,
    -- MAN01 GM is the code with its application identifier 00 before it, AA is the code alone.
    CASE WHEN length(l.sscc) = 20 AND l.sscc LIKE '00%' THEN substr(l.sscc, 3) ELSE l.sscc END AS sscc,
    l.carrier,
    COALESCE(l.ship_date, l.notice_date) AS ship_date,
    l.eta_date,
    l.qty AS qty_txn,
    l.uom AS uom_txn,
    l.lot_no,
    l.expiry_date,
    l.serial_no,
    l._delivery_id,
    l._source_row_no,
    l._valid_from,
    l._is_deleted
    OR COALESCE(
        l.purpose_code = '01' OR d.withdrawn_ts > l.interchange_ts OR d.cancelled_ts >= l.interchange_ts, FALSE
    ) AS _is_deleted,
    GREATEST(l._change_seq, d.document_seq) AS _change_seq
FROM staged.x12__asn_line AS l
LEFT JOIN document AS d
    ON l.sender = d.sender AND l.shipment_no = d.document_no AND l.supplier_key = d.supplier_key
