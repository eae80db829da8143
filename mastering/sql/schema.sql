-- The schema `master`. Tables of all domains first, then those made per domain.

-- :statement
CREATE TABLE IF NOT EXISTS master.statement (
    domain VARCHAR NOT NULL,
    source_system VARCHAR NOT NULL,
    source_key VARCHAR NOT NULL,
    attribute VARCHAR NOT NULL,
    value VARCHAR NOT NULL,
    raw_value VARCHAR NOT NULL,
    fault VARCHAR,
    delivery_id VARCHAR,
    source_row_no BIGINT,
    valid_from TIMESTAMPTZ NOT NULL,
    valid_to TIMESTAMPTZ,
    change_seq BIGINT NOT NULL
)

-- :record
CREATE TABLE IF NOT EXISTS master.record (
    domain VARCHAR NOT NULL,
    source_system VARCHAR NOT NULL,
    source_key VARCHAR NOT NULL,
    valid_from TIMESTAMPTZ NOT NULL,
    valid_to TIMESTAMPTZ,
    is_live BOOLEAN NOT NULL,
    row_hash UBIGINT NOT NULL,
    delivery_id VARCHAR,
    source_row_no BIGINT,
    change_seq BIGINT NOT NULL
)

-- :change_point
CREATE TABLE IF NOT EXISTS master.change_point (domain VARCHAR NOT NULL, instant TIMESTAMPTZ NOT NULL)

-- :evidence
CREATE TABLE IF NOT EXISTS master.evidence (
    domain VARCHAR NOT NULL,
    source_system VARCHAR NOT NULL,
    source_key VARCHAR NOT NULL,
    identifier VARCHAR NOT NULL,
    namespace VARCHAR NOT NULL,
    value VARCHAR NOT NULL,
    link_value VARCHAR,
    fault VARCHAR,
    is_live BOOLEAN NOT NULL,
    is_reference BOOLEAN NOT NULL,
    is_poisoned BOOLEAN NOT NULL,
    valid_from TIMESTAMPTZ NOT NULL,
    change_seq BIGINT NOT NULL
)

-- :edge
CREATE TABLE IF NOT EXISTS master.edge (
    domain VARCHAR NOT NULL,
    left_source VARCHAR NOT NULL,
    left_key VARCHAR NOT NULL,
    right_source VARCHAR NOT NULL,
    right_key VARCHAR NOT NULL,
    rule VARCHAR NOT NULL,
    score DECIMAL(5, 4) NOT NULL,
    judgement VARCHAR NOT NULL,
    decided_by VARCHAR NOT NULL,
    decided_at TIMESTAMPTZ NOT NULL,
    evidence VARCHAR NOT NULL,
    _change_seq BIGINT NOT NULL
)

-- :golden_seed
CREATE TABLE IF NOT EXISTS master.golden_seed (
    domain VARCHAR NOT NULL,
    sk BIGINT NOT NULL,
    source_system VARCHAR NOT NULL,
    source_key VARCHAR NOT NULL,
    redirect_to BIGINT
)

-- :label
CREATE TABLE IF NOT EXISTS master.label (
    domain VARCHAR NOT NULL,
    sk BIGINT NOT NULL,
    label VARCHAR NOT NULL,
    _change_seq BIGINT NOT NULL
)

-- :survivorship_log
CREATE TABLE IF NOT EXISTS master.survivorship_log (
    domain VARCHAR NOT NULL,
    sk BIGINT NOT NULL,
    attribute VARCHAR NOT NULL,
    valid_from TIMESTAMPTZ NOT NULL,
    valid_to TIMESTAMPTZ,
    value VARCHAR NOT NULL,
    winner_source VARCHAR NOT NULL,
    winner_key VARCHAR NOT NULL,
    winner_delivery_id VARCHAR,
    winner_row_no BIGINT,
    rule VARCHAR NOT NULL,
    losers VARCHAR NOT NULL,
    is_contested BOOLEAN NOT NULL,
    _change_seq BIGINT NOT NULL
)

-- :finding
CREATE TABLE IF NOT EXISTS master.finding (
    domain VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    key VARCHAR NOT NULL,
    detail VARCHAR NOT NULL,
    first_seen TIMESTAMPTZ NOT NULL,
    _change_seq BIGINT NOT NULL
)

-- :ruling
CREATE TABLE IF NOT EXISTS master.ruling (
    domain VARCHAR NOT NULL,
    decision_id BIGINT NOT NULL,
    decided_at TIMESTAMPTZ NOT NULL,
    who VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    left_source VARCHAR,
    left_key VARCHAR,
    right_source VARCHAR,
    right_key VARCHAR,
    attribute VARCHAR,
    value VARCHAR,
    expect_source VARCHAR,
    expect_key VARCHAR,
    expect_value VARCHAR,
    case_id VARCHAR,
    reason VARCHAR NOT NULL,
    overruled_by BIGINT,
    fault VARCHAR,
    _change_seq BIGINT NOT NULL
)

-- :steward
CREATE TABLE IF NOT EXISTS master.steward (
    domain VARCHAR NOT NULL,
    source_system VARCHAR NOT NULL,
    source_key VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    detail VARCHAR NOT NULL,
    _change_seq BIGINT NOT NULL
)

-- :judgement
-- What the probabilistic matcher says of pairs; `ask` goes to the review queue.
CREATE TABLE IF NOT EXISTS master.judgement (
    domain VARCHAR NOT NULL,
    left_source VARCHAR NOT NULL,
    left_key VARCHAR NOT NULL,
    right_source VARCHAR NOT NULL,
    right_key VARCHAR NOT NULL,
    verdict VARCHAR NOT NULL,
    score DECIMAL(5, 4),
    reason VARCHAR NOT NULL,
    evidence VARCHAR NOT NULL,
    _change_seq BIGINT NOT NULL
)

-- :review
CREATE TABLE IF NOT EXISTS master.review (
    domain VARCHAR NOT NULL,
    case_id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    left_source VARCHAR,
    left_key VARCHAR,
    right_source VARCHAR,
    right_key VARCHAR,
    left_sk BIGINT,
    right_sk BIGINT,
    attribute VARCHAR,
    reason VARCHAR NOT NULL,
    evidence VARCHAR NOT NULL,
    score DECIMAL(5, 4),
    first_seen TIMESTAMPTZ NOT NULL,
    _change_seq BIGINT NOT NULL
)

-- :state
CREATE TABLE IF NOT EXISTS master.state (
    domain VARCHAR NOT NULL,
    rules_hash VARCHAR NOT NULL,
    horizon TIMESTAMPTZ NOT NULL,
    change_seq BIGINT NOT NULL
)

-- :heard
-- The newest moment of the data that the limits of a domain were held against.
CREATE TABLE IF NOT EXISTS master.heard (domain VARCHAR NOT NULL, as_of TIMESTAMPTZ)

-- :confirmed_run
-- When a source was confirmed as a whole within a limit; `ended`: NULL while it is.
CREATE TABLE IF NOT EXISTS master.confirmed_run (
    domain VARCHAR NOT NULL,
    source_system VARCHAR NOT NULL,
    max_age_hours BIGINT NOT NULL,
    begins TIMESTAMPTZ NOT NULL,
    ended TIMESTAMPTZ
)

-- :limit_due
-- When the limits of what records say pass, unless they say it again.
CREATE TABLE IF NOT EXISTS master.limit_due (
    domain VARCHAR NOT NULL,
    sk BIGINT NOT NULL,
    source_system VARCHAR NOT NULL,
    max_age_hours BIGINT NOT NULL,
    due_at TIMESTAMPTZ NOT NULL
)

-- :xref
CREATE TABLE IF NOT EXISTS <xref> (
    source_system VARCHAR NOT NULL,
    source_key VARCHAR NOT NULL,
    <sk> BIGINT NOT NULL,
    match_rule VARCHAR NOT NULL,
    match_score DECIMAL(5, 4),
    match_status VARCHAR NOT NULL,
    decided_by VARCHAR,
    decided_at TIMESTAMPTZ,
    valid_from TIMESTAMPTZ NOT NULL,
    valid_to TIMESTAMPTZ,
    _change_seq BIGINT NOT NULL
)

-- :golden
CREATE TABLE IF NOT EXISTS <golden> (
    <sk> BIGINT NOT NULL,
    <golden_definitions>,
    valid_from TIMESTAMPTZ NOT NULL,
    valid_to TIMESTAMPTZ,
    is_current BOOLEAN NOT NULL,
    _source_system VARCHAR NOT NULL,
    _source_key VARCHAR NOT NULL,
    _delivery_id VARCHAR,
    _source_row_no BIGINT,
    _change_seq BIGINT NOT NULL
)
