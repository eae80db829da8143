-- The working database when it is new.
CREATE SCHEMA ops;
CREATE SCHEMA staged;
CREATE SCHEMA history;
CREATE SCHEMA intake;
CREATE SCHEMA master;

CREATE TABLE ops.meta (key VARCHAR NOT NULL, value VARCHAR NOT NULL);

-- One row per contract a feed's staged tables were built under.
CREATE TABLE ops.feed (
    feed VARCHAR NOT NULL,
    source_system VARCHAR NOT NULL,
    contract_version INTEGER NOT NULL,
    contract_hash VARCHAR NOT NULL,
    table_names VARCHAR[] NOT NULL,
    change_seq BIGINT NOT NULL
);

CREATE TABLE ops.delivery (
    delivery_id VARCHAR NOT NULL,
    feed VARCHAR NOT NULL,
    source_system VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    names_seen INTEGER NOT NULL,
    sha256 VARCHAR NOT NULL,
    bytes BIGINT NOT NULL,
    kind VARCHAR NOT NULL,
    as_of_ts TIMESTAMPTZ NOT NULL,
    sequence VARCHAR NOT NULL,
    cursor_lo VARCHAR,
    cursor_hi VARCHAR,
    key_range_lo VARCHAR,
    key_range_hi VARCHAR,
    range_checksums VARCHAR,
    rows_declared BIGINT,
    rows_read BIGINT NOT NULL,
    rows_accepted BIGINT NOT NULL,
    rows_rejected BIGINT NOT NULL,
    rows_changed BIGINT NOT NULL,
    rows_deleted BIGINT NOT NULL,
    control_total_declared VARCHAR,
    control_total_actual VARCHAR,
    landed_ts TIMESTAMPTZ NOT NULL,
    loaded_ts TIMESTAMPTZ NOT NULL,
    supersedes_delivery_id VARCHAR,
    state VARCHAR NOT NULL,
    reason VARCHAR,
    notices VARCHAR[] NOT NULL,
    change_seq BIGINT NOT NULL,
    contract_version INTEGER NOT NULL,
    contract_hash VARCHAR NOT NULL
);

CREATE TABLE ops.rejected_record (
    reject_id VARCHAR NOT NULL,
    delivery_id VARCHAR NOT NULL,
    feed VARCHAR NOT NULL,
    source_system VARCHAR NOT NULL,
    record VARCHAR NOT NULL,
    row_no BIGINT NOT NULL,
    location VARCHAR NOT NULL,
    byte_offset BIGINT,
    column_name VARCHAR,
    rule_id VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    severity VARCHAR NOT NULL,
    raw VARCHAR,
    row_count BIGINT NOT NULL,
    state VARCHAR NOT NULL,
    waived_by VARCHAR,
    waived_reason VARCHAR,
    replay_delivery_id VARCHAR,
    recorded_ts TIMESTAMPTZ NOT NULL,
    change_seq BIGINT NOT NULL
);

-- Open cases and findings as they are published; `store.review` makes both anew.
CREATE TABLE ops.review (
    domain VARCHAR NOT NULL,
    case_id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    left_source VARCHAR,
    left_key VARCHAR,
    right_source VARCHAR,
    right_key VARCHAR,
    attribute VARCHAR,
    reason VARCHAR NOT NULL,
    evidence VARCHAR NOT NULL,
    score DECIMAL(5, 4),
    spend_amount DECIMAL(18, 4) NOT NULL,
    open_order_lines BIGINT NOT NULL,
    first_seen TIMESTAMPTZ NOT NULL
);
CREATE TABLE ops.master_finding (
    domain VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    key VARCHAR NOT NULL,
    detail VARCHAR NOT NULL,
    first_seen TIMESTAMPTZ NOT NULL
);
