-- Tables of the truth about finance, stocking, recalls, companies and documents.
CREATE TABLE truth.supplier_event (supplier_id VARCHAR, kind VARCHAR, event_date DATE, new_name VARCHAR, other_supplier_id VARCHAR);
CREATE TABLE truth.manufacturer_alias (supplier_id VARCHAR, source_system VARCHAR, alias VARCHAR);
CREATE TABLE truth.finance_move (facility VARCHAR, effective_date DATE, from_source VARCHAR, to_source VARCHAR);
CREATE TABLE truth.contract_price (
    contract_no VARCHAR, supplier_id VARCHAR, item_id VARCHAR, uom VARCHAR, qty_base BIGINT, tier INTEGER, min_qty BIGINT,
    price DECIMAL(18, 4), to_date DATE, edi_file VARCHAR);
CREATE TABLE truth.functional_ack (
    direction VARCHAR, file VARCHAR, set_id VARCHAR, document_no VARCHAR, group_control BIGINT, ack_code VARCHAR, ack_date DATE);
CREATE TABLE truth.substitution (
    po_no VARCHAR, po_line INTEGER, item_id VARCHAR, sent_item_id VARCHAR, qty_base BIGINT, offered_date DATE, received_date DATE);
CREATE TABLE truth.replenishment (
    request_no VARCHAR, facility VARCHAR, item_id VARCHAR, day DATE, qty_base BIGINT, supplied_by VARCHAR, po_no VARCHAR, po_line INTEGER);
CREATE TABLE truth.stocking (
    facility VARCHAR, location_id VARCHAR, item_id VARCHAR, formulary_status VARCHAR, par_qty BIGINT, rop_qty BIGINT, max_qty BIGINT, review_days INTEGER,
    from_date DATE, to_date DATE);
CREATE TABLE truth.recall (
    recall_no VARCHAR, item_id VARCHAR, lot_no VARCHAR, lot_no_said VARCHAR, notice_date DATE, class VARCHAR, reason VARCHAR);
CREATE TABLE truth.recall_exposure (
    recall_no VARCHAR, item_id VARCHAR, lot_no VARCHAR, facility VARCHAR, location_id VARCHAR, as_of DATE, opening_qty BIGINT, received_qty BIGINT,
    used_qty BIGINT, on_hand_qty BIGINT, receipts VARCHAR[]);
CREATE TABLE truth.cost_centre (cost_centre VARCHAR, location_id VARCHAR, company INTEGER, name VARCHAR);
CREATE TABLE truth.budget (cost_centre VARCHAR, account INTEGER, fiscal_year INTEGER, period INTEGER, amount DECIMAL(18, 4));
CREATE TABLE truth.commitment (
    source_system VARCHAR, cost_centre VARCHAR, account INTEGER, po_no VARCHAR, seq INTEGER, kind VARCHAR, amount DECIMAL(18, 4), event_date DATE,
    document_no VARCHAR);
CREATE TABLE truth.payment (
    payment_no VARCHAR, line_no INTEGER, supplier_id VARCHAR, invoice_no VARCHAR, facility VARCHAR, payment_date DATE, method VARCHAR, amount DECIMAL(18, 4),
    discount DECIMAL(18, 4), paid DECIMAL(18, 4));
CREATE TABLE truth.gl_posting (
    source_system VARCHAR, company INTEGER, journal_no VARCHAR, line_no INTEGER, cost_centre VARCHAR, account INTEGER, amount DECIMAL(18, 4),
    posting_date DATE, fiscal_year INTEGER, period INTEGER);
CREATE TABLE truth.grni (
    as_of DATE, is_period_end BOOLEAN, facility VARCHAR, po_no VARCHAR, po_line INTEGER, received_amount DECIMAL(18, 4), invoiced_amount DECIMAL(18, 4),
    accrual_amount DECIMAL(18, 4), over_invoiced_amount DECIMAL(18, 4), age_days INTEGER);
