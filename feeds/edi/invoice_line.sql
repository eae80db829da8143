-- Lines and charges of 810 invoices. The tax and freight of a line are on the line; every other charge or allowance,
-- and all those of the invoice as a whole, are rows of their own: ext_amount, tax_amount and freight_amount of all rows
-- sum up to what lines and charges of the document sum up to.
WITH line_charge AS (
    SELECT
        sender,
        supplier_key,
        invoice_no,
        charged_line_no,
        line_occurrence,
        interchange_ts,
        sum(CASE WHEN row_kind = 'tax' THEN charge_amount END) AS tax_amount,
        sum(CASE WHEN row_kind = 'freight' THEN charge_amount END) AS freight_amount,
        max(_change_seq) AS charge_seq
    FROM staged.x12__invoice_line
    WHERE row_kind IN ('tax', 'freight') AND charged_line_no IS NOT NULL AND NOT _is_deleted
    GROUP BY sender, supplier_key, invoice_no, charged_line_no, line_occurrence, interchange_ts
),

ordered AS (
    -- An order line that can be told by number alone.
    SELECT
        sender,
        po_no,
        line_no,
        max(_source_key) AS po_line_key,
        max(_change_seq) AS ordered_seq
    FROM staged.x12__po_line
    WHERE NOT _is_deleted
    GROUP BY sender, po_no, line_no
    HAVING count(*) = 1
),

stated AS (
    SELECT
        *,
        -- An 810 is a whole document: what an earlier one of that number said and this one does not, is withdrawn.
        max(interchange_ts) OVER (PARTITION BY sender, supplier_key, invoice_no) AS latest_ts,
        max(_change_seq) OVER (PARTITION BY sender, supplier_key, invoice_no) AS document_seq,
        -- The tax of a line that was refused stays a row of its own.
        max(CASE WHEN row_kind = 'item' THEN 1 ELSE 0 END) OVER (
            PARTITION BY sender, supplier_key, invoice_no, charged_line_no, line_occurrence
        ) AS has_item
    FROM staged.x12__invoice_line
),

line AS (
    SELECT
        *,
        _is_deleted OR COALESCE(interchange_ts < latest_ts, FALSE) AS is_withdrawn,
        CASE price_basis
            WHEN 'HP' THEN CAST(0.01 AS DECIMAL(4, 3))
            WHEN 'TP' THEN CAST(0.001 AS DECIMAL(4, 3))
            ELSE CAST(1 AS DECIMAL(4, 3))
        END AS price_factor
    FROM stated
    WHERE row_kind NOT IN ('tax', 'freight') OR charged_line_no IS NULL OR has_item = 0
)

SELECT
    l._source_key AS source_key,
    l.invoice_no,
    CASE
        WHEN l.line_occurrence = 1 THEN l.line_no
        ELSE l.line_no || '/' || CAST(l.line_occurrence AS VARCHAR)
    END AS line_no,
    l.supplier_key,
    l.item_key,
    l.gtin AS pack_gtin,
    l.location_key,
    l.po_no,
    l.po_line_no,
    o.po_line_key,
    l.description,
    l.qty AS qty_txn,
    l.uom AS uom_txn,
    CAST(CAST(l.unit_price AS DECIMAL(19, 6)) * l.price_factor AS DECIMAL(18, 6)) AS unit_price,
    l.uom AS price_uom,
    CASE
        WHEN l.row_kind = 'item' THEN CAST(
            CAST(CAST(l.qty AS DECIMAL(19, 6)) * l.unit_price AS DECIMAL(30, 10)) * l.price_factor AS DECIMAL(18, 4)
        )
        WHEN l.row_kind IN ('charge', 'allowance') THEN l.charge_amount
    END AS ext_amount,
    CAST(CASE WHEN l.row_kind = 'tax' THEN l.charge_amount ELSE c.tax_amount END AS DECIMAL(18, 4)) AS tax_amount,
    CAST(
        CASE WHEN l.row_kind = 'freight' THEN l.charge_amount ELSE c.freight_amount END AS DECIMAL(18, 4)
    ) AS freight_amount,
    l.currency_code,
    l.invoice_date,
    l.interchange_ts AS received_ts,
    l.due_date,
    CASE WHEN l.purpose_code = '01' THEN 'cancelled' ELSE 'received' END AS status,
    COALESCE(l.invoice_type IN ('CR', 'CN'), FALSE) AS is_credit,
    l._delivery_id,
    l._source_row_no,
    l._valid_from,
    l.is_withdrawn AS _is_deleted,
    GREATEST(l.document_seq, c.charge_seq, o.ordered_seq) AS _change_seq
FROM line AS l
LEFT JOIN line_charge AS c
    ON l.row_kind = 'item'
        AND l.sender = c.sender
        AND l.supplier_key = c.supplier_key
        AND l.invoice_no = c.invoice_no
        AND l.charged_line_no = c.charged_line_no
        AND l.line_occurrence = c.line_occurrence
        AND l.interchange_ts = c.interchange_ts
LEFT JOIN ordered AS o
    ON l.row_kind = 'item' AND l.receiver = o.sender AND l.po_no = o.po_no AND l.po_line_no = o.line_no
