-- The floor of one per cent: staged rows and published rows replaced by key, delete and insert.
CREATE TEMP TABLE new_receipt AS
SELECT *, hash(r) AS _row_hash, '{delivery}' AS _delivery_id FROM read_csv('{receipts}', header = true, columns = {{
    'receipt_no': 'VARCHAR', 'line_no': 'INTEGER', 'po_no': 'VARCHAR', 'po_line_no': 'INTEGER', 'item_no': 'VARCHAR',
    'supplier_no': 'VARCHAR', 'location_code': 'VARCHAR', 'qty': 'DECIMAL(18,6)', 'uom': 'VARCHAR',
    'unit_price': 'DECIMAL(18,6)', 'lot_no': 'VARCHAR', 'expiry_date': 'DATE', 'received_at': 'TIMESTAMPTZ'}}) AS r;
CREATE TEMP TABLE new_order AS
SELECT *, hash(r) AS _row_hash, '{delivery}' AS _delivery_id FROM read_csv('{orders}', header = false, columns = {{
    'id': 'BIGINT', 'po_no': 'VARCHAR', 'line_no': 'INTEGER', 'item_no': 'VARCHAR', 'supplier_no': 'VARCHAR',
    'location_code': 'VARCHAR', 'qty': 'DECIMAL(18,6)', 'uom': 'VARCHAR', 'unit_price': 'DECIMAL(18,6)',
    'order_date': 'DATE', 'status': 'VARCHAR', 'updated_at': 'TIMESTAMP'}}) AS r;
DELETE FROM staged_receipt USING new_receipt AS n WHERE staged_receipt.receipt_no = n.receipt_no AND staged_receipt.line_no = n.line_no;
INSERT INTO staged_receipt SELECT * FROM new_receipt;
DELETE FROM staged_order USING new_order AS n WHERE staged_order.id = n.id;
INSERT INTO staged_order SELECT * FROM new_order;
ATTACH '{published}' AS published;
DELETE FROM published.fact_receipt_line USING new_receipt AS n WHERE fact_receipt_line.receipt_no = n.receipt_no AND fact_receipt_line.line_no = n.line_no;
INSERT INTO published.fact_receipt_line
SELECT
    r.*, coalesce(i.item_sk, -2) AS item_sk, coalesce(s.supplier_sk, -2) AS supplier_sk,
    coalesce(l.location_sk, -2) AS location_sk,
    CASE WHEN lower(r.uom) = lower(i.base_uom) THEN r.qty END AS qty_base,
    md5(concat_ws('|', r.receipt_no, r.line_no, r.po_no, r.po_line_no, r.item_no, r.supplier_no, r.location_code, r.qty,
        r.uom, r.unit_price, r.lot_no, r.expiry_date, r.received_at)) AS _content
FROM new_receipt AS r
LEFT JOIN item AS i USING (item_no)
LEFT JOIN supplier AS s USING (supplier_no)
LEFT JOIN location AS l USING (location_code);
DELETE FROM published.fact_po_line USING new_order AS n WHERE fact_po_line.id = n.id;
INSERT INTO published.fact_po_line
SELECT
    r.*, coalesce(i.item_sk, -2) AS item_sk, coalesce(s.supplier_sk, -2) AS supplier_sk,
    coalesce(l.location_sk, -2) AS location_sk,
    CASE WHEN lower(r.uom) = lower(i.base_uom) THEN r.qty END AS qty_base,
    md5(concat_ws('|', r.id, r.po_no, r.line_no, r.item_no, r.supplier_no, r.location_code, r.qty, r.uom, r.unit_price,
        r.order_date, r.status, r.updated_at)) AS _content
FROM new_order AS r
LEFT JOIN item AS i USING (item_no)
LEFT JOIN supplier AS s USING (supplier_no)
LEFT JOIN location AS l USING (location_code);
