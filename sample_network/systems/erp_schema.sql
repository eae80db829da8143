CREATE TABLE item_master (
    item_no VARCHAR(15) PRIMARY KEY, description VARCHAR(60), base_uom CHAR(2), gtin VARCHAR(14), mfr_name VARCHAR(60),
    mfr_part_no VARCHAR(30), lot_flag CHAR(1), status CHAR(1), std_cost NUMERIC(18, 4), updated_at TIMESTAMP NOT NULL);
CREATE TABLE item_uom (
    item_no VARCHAR(15), uom CHAR(2), valid_from DATE, multiplier NUMERIC(18, 6), gtin VARCHAR(14), order_flag CHAR(1),
    updated_at TIMESTAMP NOT NULL, PRIMARY KEY (item_no, uom, valid_from));
CREATE TABLE uom (
    uom CHAR(2) PRIMARY KEY, description VARCHAR(30), x12_code CHAR(2), updated_at TIMESTAMP NOT NULL);
CREATE TABLE vendor (
    vendor_no VARCHAR(9) PRIMARY KEY, name VARCHAR(60), duns CHAR(9), gln CHAR(13), edi_id VARCHAR(15), status CHAR(1),
    since DATE, updated_at TIMESTAMP NOT NULL);
CREATE TABLE vendor_journal (
    journal_no INTEGER PRIMARY KEY, op CHAR(1) NOT NULL, changed_at TIMESTAMP NOT NULL, vendor_no VARCHAR(9), name VARCHAR(60),
    duns CHAR(9), gln CHAR(13), edi_id VARCHAR(15), status CHAR(1), since DATE);
CREATE TABLE location (
    location_code VARCHAR(15) PRIMARY KEY, name VARCHAR(60), type VARCHAR(10), parent VARCHAR(15), facility VARCHAR(15),
    gln CHAR(13), updated_at TIMESTAMP NOT NULL);
CREATE TABLE contract (
    contract_no VARCHAR(10) PRIMARY KEY, vendor_no VARCHAR(9), kind VARCHAR(5), from_date INTEGER, to_date INTEGER,
    updated_at TIMESTAMP NOT NULL);
CREATE TABLE contract_price (
    contract_no VARCHAR(10), item_no VARCHAR(15), uom CHAR(2), tier INTEGER, min_qty NUMERIC(18, 6), price NUMERIC(18, 6),
    to_date INTEGER, updated_at TIMESTAMP NOT NULL, PRIMARY KEY (contract_no, item_no, uom, tier));
CREATE TABLE po_line (
    po_no VARCHAR(14), line_no INTEGER, item_no VARCHAR(15), vendor_no VARCHAR(9), ship_to VARCHAR(15),
    description VARCHAR(60), qty NUMERIC(18, 6), uom CHAR(2), multiplier NUMERIC(18, 6), unit_price NUMERIC(18, 6),
    ext_amount NUMERIC(18, 4), order_date DATE, need_by DATE, status CHAR(1), channel VARCHAR(6), buyer VARCHAR(40),
    created_at TIMESTAMP NOT NULL, updated_at TIMESTAMP, PRIMARY KEY (po_no, line_no));
CREATE TABLE invoice_line (
    vendor_no VARCHAR(9), invoice_no VARCHAR(22), line_no INTEGER, po_no VARCHAR(14), po_line_no INTEGER,
    item_no VARCHAR(15), qty NUMERIC(18, 6), uom CHAR(2), unit_price NUMERIC(18, 6), ext_amount NUMERIC(18, 4),
    invoice_date DATE, due_date DATE, status CHAR(1), created_at TIMESTAMP NOT NULL, updated_at TIMESTAMP,
    PRIMARY KEY (vendor_no, invoice_no, line_no));
CREATE TABLE system_status (stands_at TIMESTAMP NOT NULL);
