-- Whose value wins, when: for the golden records of v_golden only.

-- :members
CREATE OR REPLACE TEMP TABLE v_member AS
SELECT
    x.<sk> AS sk,
    x.source_system,
    x.source_key,
    row_number() OVER (PARTITION BY x.<sk> ORDER BY y.seniority, x.source_system, x.source_key) AS place
FROM <xref> AS x
SEMI JOIN v_golden AS g ON x.<sk> = g.sk
INNER JOIN i_source AS y ON x.source_system = y.source_system
WHERE x.valid_to IS NULL AND NOT y.is_reference

-- :versions
CREATE OR REPLACE TEMP TABLE v_version AS
SELECT m.sk, m.place, r.source_system, r.source_key, r.valid_from, r.valid_to, r.is_live, r.delivery_id, r.source_row_no
FROM master.record AS r
INNER JOIN v_member AS m ON r.source_system = m.source_system AND r.source_key = m.source_key
WHERE r.domain = $domain

-- :dead
-- When no source had the golden record any more, and when one had it again.
CREATE OR REPLACE TEMP TABLE v_dead AS
WITH step AS (
    SELECT sk, valid_from AS instant, 1 AS delta FROM v_version WHERE is_live
    UNION ALL
    SELECT sk, valid_to, -1 FROM v_version WHERE is_live AND valid_to IS NOT NULL
    UNION ALL
    SELECT sk, min(valid_from), 0 FROM v_version GROUP BY sk
),

level AS (
    SELECT sk, instant, sum(sum(delta)) OVER (PARTITION BY sk ORDER BY instant) AS live
    FROM step
    GROUP BY sk, instant
),

span AS (
    SELECT sk, instant, live, lead(instant) OVER (PARTITION BY sk ORDER BY instant) AS until
    FROM level
)

SELECT sk, instant AS died, until AS back
FROM span
WHERE live = 0

-- :statements
-- Valid values of the members. The last values of a record that every source deleted stay until it is back.
CREATE OR REPLACE TEMP TABLE v_statement AS
SELECT
    m.sk,
    a.attribute,
    s.source_system,
    s.source_key,
    s.value,
    s.delivery_id,
    s.source_row_no,
    s.valid_from,
    CASE WHEN d.sk IS NULL THEN s.valid_to ELSE d.back END AS valid_to,
    FALSE AS is_obituary
FROM master.statement AS s
INNER JOIN v_member AS m ON s.source_system = m.source_system AND s.source_key = m.source_key
INNER JOIN v_attribute AS a ON s.attribute = a.stated
LEFT JOIN v_dead AS d ON m.sk = d.sk AND s.valid_to = d.died
WHERE s.domain = $domain AND s.fault IS NULL

-- :obituaries
-- What a golden record says of itself while no source has it (`when_deleted`).
INSERT INTO v_statement
SELECT
    d.sk,
    $deleted_attribute,
    v.source_system,
    v.source_key,
    $deleted_value,
    v.delivery_id,
    v.source_row_no,
    d.died,
    d.back,
    TRUE
FROM v_dead AS d
INNER JOIN v_version AS v ON d.sk = v.sk AND d.died = v.valid_from AND NOT v.is_live
QUALIFY row_number() OVER (PARTITION BY d.sk, d.died ORDER BY v.place) = 1

-- :spans
-- The intervals of an attribute within which neither what is said nor who is asked changes.
CREATE OR REPLACE TEMP TABLE v_span AS
WITH spoken AS (
    SELECT sk, attribute, min(valid_from) AS first_said
    FROM v_statement
    WHERE attribute IN (SELECT attribute FROM v_pass)
    GROUP BY sk, attribute
),

point AS (
    SELECT s.sk, s.attribute, s.valid_from AS instant FROM v_statement AS s SEMI JOIN v_pass AS p ON s.attribute = p.attribute
    UNION
    SELECT s.sk, s.attribute, s.valid_to FROM v_statement AS s SEMI JOIN v_pass AS p ON s.attribute = p.attribute WHERE s.valid_to IS NOT NULL
    UNION
    -- Days on which the rules of the attribute change.
    SELECT f.sk, f.attribute, c.instant FROM spoken AS f INNER JOIN v_cut AS c ON f.attribute = c.attribute AND f.first_said < c.instant
    UNION
    -- Any change of the golden record is a moment at which an attribute with a staleness limit is looked at again.
    SELECT f.sk, f.attribute, s.valid_from
    FROM spoken AS f
    INNER JOIN v_pass AS p ON f.attribute = p.attribute AND p.has_limit
    INNER JOIN v_statement AS s ON f.sk = s.sk AND f.first_said < s.valid_from
    UNION
    -- Changes of an attribute that scopes this one.
    SELECT f.sk, f.attribute, w.valid_from
    FROM spoken AS f
    INNER JOIN v_pass AS p ON f.attribute = p.attribute AND p.has_scope
    INNER JOIN v_log AS w ON f.sk = w.sk AND f.first_said < w.valid_from
    UNION
    SELECT f.sk, f.attribute, w.valid_to
    FROM spoken AS f
    INNER JOIN v_pass AS p ON f.attribute = p.attribute AND p.has_scope
    INNER JOIN v_log AS w ON f.sk = w.sk AND f.first_said < w.valid_to
)

SELECT sk, attribute, instant, lead(instant) OVER (PARTITION BY sk, attribute ORDER BY instant) AS until
FROM point

-- :candidates
-- Who says what in each interval, with the place that the rules give him.
CREATE OR REPLACE TEMP TABLE v_candidate AS
SELECT
    p.sk,
    p.attribute,
    p.instant,
    p.until,
    s.source_system,
    s.source_key,
    s.value,
    s.delivery_id,
    s.source_row_no,
    s.valid_from,
    CASE WHEN s.is_obituary THEN -1 ELSE r.place END AS place,
    CASE WHEN s.is_obituary THEN 'deleted by every source' ELSE r.rule END AS rule
FROM v_span AS p
INNER JOIN v_statement AS s
    ON p.sk = s.sk AND p.attribute = s.attribute AND s.valid_from <= p.instant AND (s.valid_to IS NULL OR s.valid_to > p.instant)
INNER JOIN v_rule AS r
    ON s.attribute = r.attribute
        AND s.source_system = r.source_system
        AND (r.begins IS NULL OR r.begins <= p.instant)
        AND (r.ends IS NULL OR r.ends > p.instant)
WHERE NOT r.is_conditional

-- :candidates_on_condition
INSERT INTO v_candidate
SELECT
    p.sk,
    p.attribute,
    p.instant,
    p.until,
    s.source_system,
    s.source_key,
    s.value,
    s.delivery_id,
    s.source_row_no,
    s.valid_from,
    CASE WHEN s.is_obituary THEN -1 ELSE r.place END AS place,
    CASE WHEN s.is_obituary THEN 'deleted by every source' ELSE r.rule END AS rule
FROM v_span AS p
INNER JOIN v_statement AS s
    ON p.sk = s.sk AND p.attribute = s.attribute AND s.valid_from <= p.instant AND (s.valid_to IS NULL OR s.valid_to > p.instant)
INNER JOIN v_rule AS r
    ON s.attribute = r.attribute
        AND s.source_system = r.source_system
        AND (r.begins IS NULL OR r.begins <= p.instant)
        AND (r.ends IS NULL OR r.ends > p.instant)
LEFT JOIN v_log AS w
    ON p.sk = w.sk
        AND r.scope_attribute = w.attribute
        AND r.scope_value = w.value
        AND w.valid_from <= p.instant
        AND (w.valid_to IS NULL OR w.valid_to > p.instant)
WHERE
    r.is_conditional
    AND (r.scope_attribute IS NULL OR w.sk IS NOT NULL)
    AND (r.max_age_hours IS NULL OR p.instant <= s.valid_from + to_hours(r.max_age_hours))
QUALIFY row_number() OVER (PARTITION BY p.sk, p.attribute, p.instant, s.source_system, s.source_key ORDER BY r.place) = 1

-- :ranked
CREATE OR REPLACE TEMP TABLE v_ranked AS
WITH agreed AS (
    SELECT *, count(*) OVER (PARTITION BY sk, attribute, instant, value) AS agreement
    FROM v_candidate
)

SELECT
    *,
    row_number() OVER best AS n,
    count(*) OVER (PARTITION BY sk, attribute, instant) AS candidates,
    lead(place) OVER best AS next_place,
    lead(valid_from) OVER best AS next_from,
    lead(agreement) OVER best AS next_agreement,
    lead(value) OVER best AS next_value
FROM agreed
WINDOW best AS (
    PARTITION BY sk, attribute, instant
    ORDER BY place, valid_from DESC, agreement DESC, value, source_system, source_key
)

-- :won
CREATE OR REPLACE TEMP TABLE v_won AS
WITH loser AS (
    SELECT
        l.sk,
        l.attribute,
        l.instant,
        CAST(to_json(list({'source': l.source_system, 'key': l.source_key, 'value': l.value} ORDER BY l.n)) AS VARCHAR) AS losers,
        bool_or(l.place = w.place AND l.value <> w.value) AS is_contested
    FROM v_ranked AS l
    INNER JOIN v_ranked AS w ON l.sk = w.sk AND l.attribute = w.attribute AND l.instant = w.instant AND w.n = 1
    WHERE l.candidates > 1 AND l.n > 1
    GROUP BY l.sk, l.attribute, l.instant
)

SELECT
    w.sk,
    w.attribute,
    w.instant,
    w.until,
    w.value,
    w.source_system AS winner_source,
    w.source_key AS winner_key,
    w.delivery_id AS winner_delivery_id,
    w.source_row_no AS winner_row_no,
    w.rule || CASE
        WHEN w.candidates = 1 THEN ''
        WHEN w.next_place <> w.place THEN ', before the others'
        WHEN w.next_from <> w.valid_from THEN ', most recent'
        WHEN w.next_agreement <> w.agreement THEN ', most agreement'
        WHEN w.next_value <> w.value THEN ', first by value'
        ELSE ', first by key'
    END AS rule,
    coalesce(l.losers, '[]') AS losers,
    coalesce(l.is_contested, FALSE) AS is_contested
FROM v_ranked AS w
LEFT JOIN loser AS l ON w.sk = l.sk AND w.attribute = l.attribute AND w.instant = l.instant
WHERE w.n = 1

-- :log
-- Neighbouring intervals with the same outcome are one.
INSERT INTO v_log
WITH flagged AS (
    SELECT
        *,
        CASE
            WHEN
                lag(until) OVER told = instant
                AND lag(value) OVER told = value
                AND lag(winner_source) OVER told = winner_source
                AND lag(winner_key) OVER told = winner_key
                AND lag(winner_delivery_id) OVER told IS NOT DISTINCT FROM winner_delivery_id
                AND lag(winner_row_no) OVER told IS NOT DISTINCT FROM winner_row_no
                AND lag(rule) OVER told = rule
                AND lag(losers) OVER told = losers
                THEN 0
            ELSE 1
        END AS is_new
    FROM v_won
    WINDOW told AS (PARTITION BY sk, attribute ORDER BY instant)
),

island AS (
    SELECT *, sum(is_new) OVER (PARTITION BY sk, attribute ORDER BY instant) AS island
    FROM flagged
)

SELECT
    $domain AS domain,
    sk,
    attribute,
    min(instant) AS valid_from,
    CASE WHEN bool_or(until IS NULL) THEN NULL ELSE max(until) END AS valid_to,
    any_value(value) AS value,
    any_value(winner_source) AS winner_source,
    any_value(winner_key) AS winner_key,
    any_value(winner_delivery_id) AS winner_delivery_id,
    any_value(winner_row_no) AS winner_row_no,
    any_value(rule) AS rule,
    any_value(losers) AS losers,
    any_value(is_contested) AS is_contested
FROM island
GROUP BY sk, attribute, island

-- :points
CREATE OR REPLACE TEMP TABLE v_point AS
SELECT sk, valid_from AS instant FROM v_log
UNION
SELECT sk, valid_to FROM v_log WHERE valid_to IS NOT NULL
UNION
SELECT sk, min(valid_from) FROM v_version GROUP BY sk

-- :cells
CREATE OR REPLACE TEMP TABLE v_cell AS
SELECT
    p.sk,
    p.instant,
    <cells>
FROM v_point AS p
LEFT JOIN v_log AS l ON p.sk = l.sk AND l.valid_from <= p.instant AND (l.valid_to IS NULL OR l.valid_to > p.instant)
LEFT JOIN v_reference AS r
    ON l.attribute = r.attribute AND l.winner_source = r.source_system AND l.value = r.source_key
GROUP BY p.sk, p.instant

-- :golden
-- Versions of each golden record, with the senior member and the delivery that its row came from.
CREATE OR REPLACE TEMP TABLE v_golden_new AS
WITH complete AS (
    SELECT c.*<derived_values>
    FROM v_cell AS c
    <derived_joins>
),

flagged AS (
    SELECT
        *,
        row(<golden_columns>) IS DISTINCT FROM lag(row(<golden_columns>)) OVER told
        OR row_number() OVER told = 1 AS is_new
    FROM complete
    WINDOW told AS (PARTITION BY sk ORDER BY instant)
),

version AS (
    SELECT *, lead(instant) OVER (PARTITION BY sk ORDER BY instant) AS until
    FROM flagged
    WHERE is_new
),

senior AS (
    SELECT * FROM v_version WHERE place = 1 AND delivery_id IS NOT NULL
),

first_row AS (
    SELECT sk, arg_min(delivery_id, valid_from) AS delivery_id, arg_min(source_row_no, valid_from) AS source_row_no
    FROM senior
    GROUP BY sk
)

SELECT
    v.sk AS <sk>,
    <version_columns>,
    v.instant AS valid_from,
    v.until AS valid_to,
    v.until IS NULL AS is_current,
    m.source_system AS _source_system,
    m.source_key AS _source_key,
    coalesce(s.delivery_id, f.delivery_id) AS _delivery_id,
    CASE WHEN s.sk IS NULL THEN f.source_row_no ELSE s.source_row_no END AS _source_row_no
FROM version AS v
INNER JOIN v_member AS m ON v.sk = m.sk AND m.place = 1
ASOF LEFT JOIN senior AS s ON v.sk = s.sk AND v.instant >= s.valid_from
LEFT JOIN first_row AS f ON v.sk = f.sk
