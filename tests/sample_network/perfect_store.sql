-- A published store that says exactly what the truth says: the yardstick of the scorer. The truth is attached as `truth`.
CREATE SCHEMA conformed;
CREATE SCHEMA ops;
CREATE TABLE sks AS SELECT domain, entity_id, row_number() OVER (PARTITION BY domain ORDER BY entity_id) AS sk FROM truth.entity;
CREATE TABLE conformed.bridge_item_xref AS
SELECT c.source_system, c.source_key, s.sk AS item_sk, TRUE AS _is_current FROM truth.crosswalk AS c JOIN sks AS s USING (domain, entity_id) WHERE domain = 'item';
CREATE TABLE conformed.bridge_supplier_xref AS
SELECT c.source_system, c.source_key, s.sk AS supplier_sk, TRUE AS _is_current FROM truth.crosswalk AS c JOIN sks AS s USING (domain, entity_id) WHERE domain = 'supplier';
CREATE TABLE conformed.bridge_location_xref AS
SELECT c.source_system, c.source_key, s.sk AS location_sk, TRUE AS _is_current FROM truth.crosswalk AS c JOIN sks AS s USING (domain, entity_id) WHERE domain = 'location';
CREATE TABLE conformed.dim_item AS
SELECT sk AS item_sk, TRUE AS _is_current, p.* FROM (
    PIVOT (SELECT entity_id, attribute, value FROM truth.attribute WHERE domain = 'item') ON attribute USING any_value(value) GROUP BY entity_id
) AS p JOIN sks AS s ON s.domain = 'item' AND s.entity_id = p.entity_id;
CREATE TABLE conformed.dim_supplier AS
SELECT sk AS supplier_sk, TRUE AS _is_current, p.* FROM (
    PIVOT (SELECT entity_id, attribute, value FROM truth.attribute WHERE domain = 'supplier') ON attribute USING any_value(value) GROUP BY entity_id
) AS p JOIN sks AS s ON s.domain = 'supplier' AND s.entity_id = p.entity_id;
CREATE TABLE conformed.dim_location AS
SELECT sk AS location_sk, TRUE AS _is_current, p.* FROM (
    PIVOT (SELECT entity_id, attribute, value FROM truth.attribute WHERE domain = 'location') ON attribute USING any_value(value) GROUP BY entity_id
) AS p JOIN sks AS s ON s.domain = 'location' AND s.entity_id = p.entity_id;
CREATE TABLE conformed.bridge_gl_account_xref AS
SELECT c.source_system, c.source_key, s.sk AS gl_account_sk, TRUE AS _is_current FROM truth.crosswalk AS c JOIN sks AS s USING (domain, entity_id) WHERE domain = 'gl_account';
CREATE TABLE conformed.dim_gl_account AS
SELECT sk AS gl_account_sk, TRUE AS _is_current, p.* FROM (
    PIVOT (SELECT entity_id, attribute, value FROM truth.attribute WHERE domain = 'gl_account') ON attribute USING any_value(value) GROUP BY entity_id
) AS p JOIN sks AS s ON s.domain = 'gl_account' AND s.entity_id = p.entity_id;
CREATE TABLE conformed.bridge_cost_centre_xref AS
SELECT c.source_system, c.source_key, s.sk AS cost_centre_sk, TRUE AS _is_current FROM truth.crosswalk AS c JOIN sks AS s USING (domain, entity_id) WHERE domain = 'cost_centre';
CREATE TABLE conformed.dim_cost_centre AS
SELECT sk AS cost_centre_sk, TRUE AS _is_current, p.* FROM (
    PIVOT (SELECT entity_id, attribute, value FROM truth.attribute WHERE domain = 'cost_centre') ON attribute USING any_value(value) GROUP BY entity_id
) AS p JOIN sks AS s ON s.domain = 'cost_centre' AND s.entity_id = p.entity_id;
CREATE TABLE conformed.bridge_contract_xref AS
SELECT c.source_system, c.source_key, s.sk AS contract_sk, TRUE AS _is_current FROM truth.crosswalk AS c JOIN sks AS s USING (domain, entity_id) WHERE domain = 'contract';
CREATE TABLE conformed.dim_contract AS
SELECT sk AS contract_sk, TRUE AS _is_current, p.* FROM (
    PIVOT (SELECT entity_id, attribute, value FROM truth.attribute WHERE domain = 'contract') ON attribute USING any_value(value) GROUP BY entity_id
) AS p JOIN sks AS s ON s.domain = 'contract' AND s.entity_id = p.entity_id;
CREATE TABLE facts AS
SELECT f.*, coalesce(s.sk, -2) AS item_sk FROM truth.fact AS f LEFT JOIN sks AS s ON s.domain = 'item' AND s.entity_id = f.item_id WHERE f.expected = 'published';
CREATE TABLE conformed.fact_po_line AS
SELECT source_system AS _source_system, source_key AS _source_key, item_sk, qty_base, amount AS ext_amount, event_date AS order_local_date, FALSE AS is_deleted_at_source FROM facts WHERE table_name = 'fact_po_line';
CREATE TABLE conformed.fact_po_ack AS
SELECT source_system AS _source_system, source_key AS _source_key, split_part(source_key, '|', 1) AS po_no, split_part(source_key, '|', 2) AS po_line_no,
    CAST(split_part(source_key, '|', 3) AS INTEGER) AS ack_seq, item_sk, qty_base, event_date AS ack_local_date, FALSE AS is_deleted_at_source FROM facts WHERE table_name = 'fact_po_ack';
CREATE TABLE conformed.fact_asn_line AS
SELECT source_system AS _source_system, source_key AS _source_key, item_sk, qty_base, event_date AS ship_local_date, FALSE AS is_deleted_at_source FROM facts WHERE table_name = 'fact_asn_line';
CREATE TABLE conformed.fact_receipt_line AS
SELECT source_system AS _source_system, source_key AS _source_key, item_sk, qty_base, event_date AS received_local_date, FALSE AS is_deleted_at_source FROM facts WHERE table_name = 'fact_receipt_line';
CREATE TABLE conformed.fact_invoice_line AS
SELECT source_system AS _source_system, source_key AS _source_key, item_sk, qty_base, amount AS ext_amount, CAST(NULL AS DECIMAL(18, 4)) AS freight_amount, event_date AS invoice_date,
    FALSE AS is_deleted_at_source FROM facts WHERE table_name = 'fact_invoice_line';
CREATE TABLE conformed.fact_stock_movement AS
SELECT source_system AS _source_system, source_key AS _source_key, item_sk, qty_base, event_date AS event_local_date, FALSE AS is_deleted_at_source FROM facts WHERE table_name = 'fact_stock_movement';
CREATE TABLE conformed.fact_stock_snapshot AS
SELECT source_system AS _source_system, source_key AS _source_key, item_sk, qty_base AS on_hand, event_date AS snapshot_date, FALSE AS is_deleted_at_source FROM facts WHERE table_name = 'fact_stock_snapshot';
CREATE TABLE ops.delivery AS
SELECT md5(concat(source_system, '/', file)) AS delivery_id, source_system, concat(source_system, '.', feed) AS feed, file AS name,
    CASE WHEN len(list_filter(kinds, lambda k: k IN ('file_truncated', 'file_total_wrong'))) > 0 THEN 'quarantined' ELSE 'applied' END AS state
FROM truth.file;
CREATE TABLE ops.rejected_record AS
SELECT md5(concat(d.source_system, '/', d.file)) AS delivery_id, d.source_system, concat(d.source_system, '.', d.feed) AS feed, coalesce(d.line, 0) AS row_no,
    CASE WHEN d.kind = 'edi_count_wrong' THEN 'x12.se_count' ELSE d.kind END AS rule_id, 'error' AS severity
FROM truth.defect AS d JOIN truth.defect_kind AS k USING (kind)
WHERE k.outcome = 'quarantined';
INSERT INTO ops.rejected_record
SELECT md5(concat(source_system, '/', file)), source_system, concat(source_system, '.', feed), 0, 'schema.unknown_column', 'warn' FROM truth.defect WHERE kind = 'schema_drift';
CREATE TABLE ops.master_finding AS
SELECT DISTINCT 'item' AS domain, 'invalid_identifier' AS kind, concat(source_system, '|', source_key, '|gtin') AS key FROM truth.defect WHERE kind = 'gtin_bad_check'
UNION ALL
SELECT DISTINCT 'item', 'ndc_missing', concat(source_system, '|', source_key) FROM truth.defect WHERE kind = 'ndc_missing'
UNION
SELECT 'item', 'pack_conflict', concat(source_system, '|', source_key, ' / legacy_erp|1 BX') FROM truth.defect WHERE kind = 'pack_disagrees';
CREATE TABLE ops.review AS
SELECT DISTINCT source_system AS left_source, source_key AS left_key, 'legacy_erp' AS right_source, '1' AS right_key FROM truth.defect WHERE kind IN ('gtin_of_lookalike', 'ndc_wrong');
