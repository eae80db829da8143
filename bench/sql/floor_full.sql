-- The floor: what somebody would write by hand for this one job, typed exactly, with row hashes and lineage columns,
-- keys resolved, keys and references checked. `$receipts`, `$orders` and `$masters` are files; orders come by COPY.
CREATE TABLE item AS
SELECT row_number() OVER (ORDER BY item_no) AS item_sk, * FROM read_csv('{masters}/item_20260901.csv', all_varchar = true);
CREATE TABLE supplier AS
SELECT row_number() OVER (ORDER BY supplier_no) AS supplier_sk, * FROM read_csv('{masters}/supplier_20260901.csv', all_varchar = true);
CREATE TABLE location AS
SELECT row_number() OVER (ORDER BY location_code) AS location_sk, * FROM read_csv('{masters}/location_20260901.csv', all_varchar = true);
CREATE TABLE staged_receipt AS
SELECT *, hash(r) AS _row_hash, '{delivery}' AS _delivery_id FROM read_csv('{receipts}', header = true, columns = {{
    'receipt_no': 'VARCHAR', 'line_no': 'INTEGER', 'po_no': 'VARCHAR', 'po_line_no': 'INTEGER', 'item_no': 'VARCHAR',
    'supplier_no': 'VARCHAR', 'location_code': 'VARCHAR', 'qty': 'DECIMAL(18,6)', 'uom': 'VARCHAR',
    'unit_price': 'DECIMAL(18,6)', 'lot_no': 'VARCHAR', 'expiry_date': 'DATE', 'received_at': 'TIMESTAMPTZ'}}) AS r;
CREATE TABLE staged_order AS
SELECT *, hash(r) AS _row_hash, '{delivery}' AS _delivery_id FROM read_csv('{orders}', header = false, columns = {{
    'id': 'BIGINT', 'po_no': 'VARCHAR', 'line_no': 'INTEGER', 'item_no': 'VARCHAR', 'supplier_no': 'VARCHAR',
    'location_code': 'VARCHAR', 'qty': 'DECIMAL(18,6)', 'uom': 'VARCHAR', 'unit_price': 'DECIMAL(18,6)',
    'order_date': 'DATE', 'status': 'VARCHAR', 'updated_at': 'TIMESTAMP'}}) AS r;
ATTACH '{published}' AS published;
CREATE TABLE published.fact_receipt_line AS
SELECT
    r.*, coalesce(i.item_sk, -2) AS item_sk, coalesce(s.supplier_sk, -2) AS supplier_sk,
    coalesce(l.location_sk, -2) AS location_sk,
    CASE WHEN lower(r.uom) = lower(i.base_uom) THEN r.qty END AS qty_base,
    md5(concat_ws('|', r.receipt_no, r.line_no, r.po_no, r.po_line_no, r.item_no, r.supplier_no, r.location_code, r.qty,
        r.uom, r.unit_price, r.lot_no, r.expiry_date, r.received_at)) AS _content
FROM staged_receipt AS r
LEFT JOIN item AS i USING (item_no)
LEFT JOIN supplier AS s USING (supplier_no)
LEFT JOIN location AS l USING (location_code);
CREATE TABLE published.fact_po_line AS
SELECT
    r.*, coalesce(i.item_sk, -2) AS item_sk, coalesce(s.supplier_sk, -2) AS supplier_sk,
    coalesce(l.location_sk, -2) AS location_sk,
    CASE WHEN lower(r.uom) = lower(i.base_uom) THEN r.qty END AS qty_base,
    md5(concat_ws('|', r.id, r.po_no, r.line_no, r.item_no, r.supplier_no, r.location_code, r.qty, r.uom, r.unit_price,
        r.order_date, r.status, r.updated_at)) AS _content
FROM staged_order AS r
LEFT JOIN item AS i USING (item_no)
LEFT JOIN supplier AS s USING (supplier_no)
LEFT JOIN location AS l USING (location_code);
