CREATE TABLE truth.plan (name VARCHAR, value VARCHAR);
CREATE TABLE truth.defect_kind (kind VARCHAR, ppm INTEGER, outcome VARCHAR, unit VARCHAR, note VARCHAR);
CREATE TABLE truth.entity (domain VARCHAR, entity_id VARCHAR, name VARCHAR, lookalike_of VARCHAR);
CREATE TABLE truth.crosswalk (domain VARCHAR, entity_id VARCHAR, source_system VARCHAR, source_key VARCHAR);
CREATE TABLE truth.attribute (domain VARCHAR, entity_id VARCHAR, attribute VARCHAR, value VARCHAR);
CREATE TABLE truth.fact (
    table_name VARCHAR, source_system VARCHAR, source_key VARCHAR, item_id VARCHAR, supplier_id VARCHAR, location_id VARCHAR,
    to_location_id VARCHAR, qty_base DECIMAL(18, 6), amount DECIMAL(18, 4), event_date DATE, expected VARCHAR);
CREATE TABLE truth.stock (
    facility VARCHAR, location_id VARCHAR, item_id VARCHAR, day DATE, on_hand_qty BIGINT, unmet_qty BIGINT);
CREATE TABLE truth.invoice_match (
    supplier_id VARCHAR, invoice_no VARCHAR, invoice_line INTEGER, po_no VARCHAR, po_line INTEGER, shipment_leg INTEGER, item_id VARCHAR,
    kind VARCHAR, result VARCHAR, price_variance DECIMAL(18, 4), qty_over_base BIGINT, paid_date DATE);
CREATE TABLE truth.file (
    source_system VARCHAR, feed VARCHAR, file VARCHAR, available_at TIMESTAMP, right_at TIMESTAMP, rows BIGINT, kinds VARCHAR[]);
CREATE TABLE truth.defect (
    kind VARCHAR, source_system VARCHAR, feed VARCHAR, file VARCHAR, line BIGINT, source_key VARCHAR);
CREATE TABLE truth.kpi (kpi VARCHAR, numerator DECIMAL(38, 4), denominator DECIMAL(38, 4), n_excluded BIGINT, as_of DATE);
