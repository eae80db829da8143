-- Statements from the intake as it stood at each change point. `_`-names cannot clash with an attribute.

-- :before
-- What each source record said just before $since.
CREATE OR REPLACE TEMP TABLE s_current AS
SELECT source_system, source_key, is_live, row_hash
FROM master.record
WHERE domain = $domain AND valid_from < $since AND (valid_to IS NULL OR valid_to >= $since)

-- :wide
CREATE OR REPLACE TEMP TABLE s_wide (
    _at TIMESTAMPTZ,
    source_system VARCHAR,
    source_key VARCHAR,
    _is_live BOOLEAN,
    _row_hash UBIGINT,
    _delivery_id VARCHAR,
    _source_row_no BIGINT,
    <wide_definitions>
)

-- :changed_at
-- Records that say something else at $at than before it; one that is gone without a tombstone counts as deleted.
INSERT INTO s_wide
WITH now AS (
    SELECT
        source_system,
        source_key,
        _delivery_id,
        _source_row_no,
        NOT coalesce(_is_deleted, FALSE) AS _is_live,
        CASE WHEN _is_deleted THEN CAST(0 AS UBIGINT) ELSE hash(<hash_inputs>) END AS _row_hash,
        <text_columns>
    FROM (<relation>) AS intake
)

SELECT
    $at,
    coalesce(now.source_system, was.source_system),
    coalesce(now.source_key, was.source_key),
    coalesce(now._is_live, FALSE),
    coalesce(now._row_hash, 0),
    now._delivery_id,
    now._source_row_no,
    <now_columns>
FROM now
FULL OUTER JOIN s_current AS was ON now.source_system = was.source_system AND now.source_key = was.source_key
WHERE
    CASE
        WHEN now.source_key IS NULL THEN was.is_live
        ELSE was.source_key IS NULL OR now._is_live <> was.is_live OR now._row_hash <> was.row_hash
    END

-- :forget_changed
DELETE FROM s_current
USING (SELECT source_system, source_key FROM s_wide WHERE _at = $at) AS changed
WHERE s_current.source_system = changed.source_system AND s_current.source_key = changed.source_key

-- :remember_changed
INSERT INTO s_current
SELECT source_system, source_key, _is_live, _row_hash FROM s_wide WHERE _at = $at

-- :affected
-- Records whose history from $since on may differ: those that change in the replay, and those that did before it.
CREATE OR REPLACE TEMP TABLE s_key AS
SELECT source_system, source_key FROM s_wide
UNION
SELECT source_system, source_key
FROM master.record
WHERE domain = $domain AND (valid_from >= $since OR valid_to >= $since)

-- :records
CREATE OR REPLACE TEMP TABLE s_record AS
WITH version AS (
    SELECT r.source_system, r.source_key, r.valid_from, r.is_live, r.row_hash, r.delivery_id, r.source_row_no
    FROM master.record AS r
    SEMI JOIN s_key AS k ON r.source_system = k.source_system AND r.source_key = k.source_key
    WHERE r.domain = $domain AND r.valid_from < $since AND (r.valid_to IS NULL OR r.valid_to >= $since)
    UNION ALL
    SELECT source_system, source_key, _at, _is_live, _row_hash, _delivery_id, _source_row_no FROM s_wide
)

SELECT
    $domain AS domain,
    source_system,
    source_key,
    valid_from,
    lead(valid_from) OVER (PARTITION BY source_system, source_key ORDER BY valid_from) AS valid_to,
    is_live,
    row_hash,
    delivery_id,
    source_row_no
FROM version

-- :raw
CREATE OR REPLACE TEMP TABLE s_raw AS
-- `era`: the day from which on a text means what it meant when it was said, where that depends on the day.
SELECT source_system, source_key, _at, _delivery_id, _source_row_no, attribute, raw, <era> AS era
FROM (SELECT * FROM s_wide WHERE _is_live) UNPIVOT (raw FOR attribute IN (<wide_columns>))
WHERE trim(raw) <> ''

-- :identifier_texts
SELECT DISTINCT attribute, raw, era FROM s_raw WHERE attribute IN (<identifier_names>)

-- :values
CREATE OR REPLACE TEMP TABLE s_value AS
SELECT
    r.source_system,
    r.source_key,
    r._at,
    r._delivery_id,
    r._source_row_no,
    r.attribute,
    CASE WHEN n.attribute IS NULL THEN <attribute_value> ELSE n.value END AS value,
    CASE WHEN n.attribute IS NULL THEN r.raw ELSE n.stored_raw END AS raw_value,
    CASE WHEN n.attribute IS NULL THEN <attribute_fault> ELSE n.fault END AS fault
FROM s_raw AS r
LEFT JOIN s_normalised AS n ON r.attribute = n.attribute AND r.raw = n.raw AND r.era = n.era

-- :statements
CREATE OR REPLACE TEMP TABLE s_statement AS
WITH standing AS (
    SELECT
        s.source_system, s.source_key, s.attribute, s.value, s.raw_value, s.fault, s.delivery_id, s.source_row_no, s.valid_from
    FROM master.statement AS s
    SEMI JOIN s_key AS k ON s.source_system = k.source_system AND s.source_key = k.source_key
    WHERE s.domain = $domain AND s.valid_from < $since AND (s.valid_to IS NULL OR s.valid_to >= $since)
),

once AS (
    -- Records that are new and say one thing only: nothing to compare with.
    SELECT w.source_system, w.source_key
    FROM s_wide AS w
    ANTI JOIN standing AS s ON w.source_system = s.source_system AND w.source_key = s.source_key
    GROUP BY w.source_system, w.source_key
    HAVING count(*) = 1
),

pair AS (
    SELECT source_system, source_key, attribute FROM standing
    UNION
    SELECT v.source_system, v.source_key, v.attribute
    FROM s_value AS v
    ANTI JOIN once AS o ON v.source_system = o.source_system AND v.source_key = o.source_key
),

said AS (
    -- What a record said of an attribute at each of its changes; NULL where it fell silent.
    SELECT * FROM standing
    UNION ALL
    SELECT
        p.source_system,
        p.source_key,
        p.attribute,
        v.value,
        v.raw_value,
        v.fault,
        v._delivery_id,
        v._source_row_no,
        w._at
    FROM pair AS p
    INNER JOIN s_wide AS w ON p.source_system = w.source_system AND p.source_key = w.source_key
    LEFT JOIN s_value AS v
        ON p.source_system = v.source_system AND p.source_key = v.source_key AND p.attribute = v.attribute AND w._at = v._at
),

compared AS (
    SELECT
        *,
        lag(value) OVER spoken AS value_before,
        lag(raw_value) OVER spoken AS raw_before,
        lag(fault) OVER spoken AS fault_before
    FROM said
    WINDOW spoken AS (PARTITION BY source_system, source_key, attribute ORDER BY valid_from)
),

span AS (
    SELECT
        *,
        lead(valid_from) OVER (PARTITION BY source_system, source_key, attribute ORDER BY valid_from) AS valid_to
    FROM compared
    WHERE
        value IS DISTINCT FROM value_before
        OR raw_value IS DISTINCT FROM raw_before
        OR fault IS DISTINCT FROM fault_before
)

SELECT
    $domain AS domain,
    source_system,
    source_key,
    attribute,
    value,
    raw_value,
    fault,
    delivery_id,
    source_row_no,
    valid_from,
    valid_to
FROM span
WHERE value IS NOT NULL
UNION ALL
SELECT
    $domain,
    v.source_system,
    v.source_key,
    v.attribute,
    v.value,
    v.raw_value,
    v.fault,
    v._delivery_id,
    v._source_row_no,
    v._at,
    NULL
FROM s_value AS v
SEMI JOIN once AS o ON v.source_system = o.source_system AND v.source_key = o.source_key
