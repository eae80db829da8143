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
-- A slot is one attribute of one golden record. `junior`: how many records of the same source are before this one;
-- 0 where the attribute is not one of records.
CREATE OR REPLACE TEMP TABLE v_statement AS
WITH born AS (
    SELECT sk, source_system, source_key, min(valid_from) AS born
    FROM v_version
    GROUP BY sk, source_system, source_key
),

ranked AS (
    SELECT *, row_number() OVER (PARTITION BY sk, source_system ORDER BY born, source_key) - 1 AS junior
    FROM born
)

SELECT
    m.sk,
    a.attribute_no,
    m.sk * 1000 + a.attribute_no AS slot,
    y.source_no,
    s.source_system,
    s.source_key,
    s.value,
    s.delivery_id,
    s.source_row_no,
    s.valid_from,
    CASE WHEN d.sk IS NULL THEN s.valid_to ELSE d.back END AS valid_to,
    FALSE AS is_obituary,
    CAST(NULL AS BIGINT) AS decision_id,
    CASE WHEN a.is_of_record THEN coalesce(j.junior, 0) ELSE 0 END AS junior,
    s.valid_to AS said_to
FROM master.statement AS s
INNER JOIN v_member AS m ON s.source_system = m.source_system AND s.source_key = m.source_key
INNER JOIN v_attribute AS a ON s.attribute = a.stated
INNER JOIN i_source AS y ON s.source_system = y.source_system
LEFT JOIN v_dead AS d ON m.sk = d.sk AND s.valid_to = d.died
LEFT JOIN ranked AS j ON m.sk = j.sk AND s.source_system = j.source_system AND s.source_key = j.source_key
WHERE s.domain = $domain AND s.fault IS NULL

-- :obituaries
-- What a golden record says of itself while no source has it (`when_deleted`).
INSERT INTO v_statement
SELECT
    d.sk,
    a.attribute_no,
    d.sk * 1000 + a.attribute_no,
    y.source_no,
    v.source_system,
    v.source_key,
    $deleted_value,
    v.delivery_id,
    v.source_row_no,
    d.died,
    d.back,
    TRUE,
    NULL,
    0,
    NULL
FROM v_dead AS d
INNER JOIN v_version AS v ON d.sk = v.sk AND d.died = v.valid_from AND NOT v.is_live
INNER JOIN i_source AS y ON v.source_system = y.source_system
INNER JOIN v_attribute AS a ON a.attribute = $deleted_attribute
QUALIFY row_number() OVER (PARTITION BY d.sk, d.died ORDER BY v.place) = 1

-- :overrides
-- What people put in place of what sources say, from the decision on: no source, so no place in any list.
INSERT INTO v_statement
SELECT
    x.<sk>,
    a.attribute_no,
    x.<sk> * 1000 + a.attribute_no,
    NULL,
    o.source_system,
    o.source_key,
    o.value,
    NULL,
    NULL,
    greatest(o.decided_at, b.born),
    NULL,
    FALSE,
    o.decision_id,
    0,
    NULL
FROM i_override AS o
INNER JOIN <xref> AS x ON o.source_system = x.source_system AND o.source_key = x.source_key AND x.valid_to IS NULL
INNER JOIN v_attribute AS a ON o.attribute = a.stated
INNER JOIN (SELECT sk, min(valid_from) AS born FROM v_version GROUP BY sk) AS b ON x.<sk> = b.sk

-- :override_rules
INSERT INTO v_rule_text
SELECT 1000000 + decision_id, rule
FROM i_override

-- :spans
-- The intervals of a slot within which neither what is said nor who is asked changes.
CREATE OR REPLACE TEMP TABLE v_span AS
WITH said AS (
    SELECT s.rowid AS said, s.sk, s.slot, s.valid_from, s.valid_to, p.attribute_no, p.has_scope
    FROM v_statement AS s
    INNER JOIN v_pass AS p ON s.attribute_no = p.attribute_no
),

spoken AS (
    SELECT sk, slot, attribute_no, has_scope, min(valid_from) AS first_said
    FROM said
    GROUP BY sk, slot, attribute_no, has_scope
),

point AS (
    SELECT slot, valid_from AS instant FROM said
    UNION
    SELECT slot, valid_to FROM said WHERE valid_to IS NOT NULL
    UNION
    -- Days on which the rules of the attribute change.
    SELECT f.slot, c.instant
    FROM spoken AS f
    INNER JOIN v_cut AS c ON f.attribute_no = c.attribute_no AND f.first_said < c.instant
    UNION
    -- Moments at which the limit of a value passes, or it is confirmed again.
    SELECT s.slot, f.fresh_from
    FROM said AS s
    INNER JOIN v_fresh AS f ON s.said = f.said
    UNION
    SELECT s.slot, f.fresh_to
    FROM said AS s
    INNER JOIN v_fresh AS f ON s.said = f.said
    WHERE f.fresh_to IS NOT NULL
    UNION
    -- Changes of an attribute that scopes this one.
    SELECT f.slot, w.instant
    FROM (SELECT * FROM spoken WHERE has_scope) AS f
    INNER JOIN (
        SELECT sk, valid_from AS instant FROM v_log
        UNION
        SELECT sk, valid_to FROM v_log
    ) AS w ON f.sk = w.sk AND f.first_said < w.instant
),

listed AS (
    SELECT slot, list_sort(list(instant)) AS instants
    FROM point
    GROUP BY slot
)

SELECT slot, unnest(instants) AS instant, unnest(list_append(instants[2:], NULL)) AS until
FROM listed

-- :candidates
-- Who says what in each interval, with the place that the rules give him.
CREATE OR REPLACE TEMP TABLE v_candidate AS
SELECT
    p.slot,
    p.instant,
    p.until,
    s.rowid AS said,
    CASE WHEN s.is_obituary THEN -1 ELSE r.place END AS place,
    r.rule_no
FROM v_span AS p
INNER JOIN v_statement AS s
    ON p.slot = s.slot AND s.valid_from <= p.instant AND (s.valid_to IS NULL OR s.valid_to > p.instant)
INNER JOIN v_rule AS r
    ON s.attribute_no = r.attribute_no
        AND s.source_no = r.source_no
        AND (r.begins IS NULL OR r.begins <= p.instant)
        AND (r.ends IS NULL OR r.ends > p.instant)
WHERE NOT r.is_conditional

-- :candidates_on_condition
-- The same where the rules look at the golden record: the best place whose condition holds.
INSERT INTO v_candidate
SELECT
    p.slot,
    p.instant,
    p.until,
    s.rowid AS said,
    CASE WHEN s.is_obituary THEN -1 ELSE r.place END AS place,
    r.rule_no
FROM v_span AS p
INNER JOIN v_statement AS s
    ON p.slot = s.slot AND s.valid_from <= p.instant AND (s.valid_to IS NULL OR s.valid_to > p.instant)
INNER JOIN v_rule AS r
    ON s.attribute_no = r.attribute_no
        AND s.source_no = r.source_no
        AND (r.begins IS NULL OR r.begins <= p.instant)
        AND (r.ends IS NULL OR r.ends > p.instant)
LEFT JOIN v_log AS w
    ON s.sk = w.sk
        AND r.scope_attribute = w.attribute
        AND r.scope_value = w.value
        AND w.valid_from <= p.instant
        AND (w.valid_to IS NULL OR w.valid_to > p.instant)
LEFT JOIN v_fresh AS f
    ON s.rowid = f.said
        AND r.max_age_hours = f.max_age_hours
        AND f.fresh_from <= p.instant
        AND (f.fresh_to IS NULL OR f.fresh_to > p.instant)
WHERE
    r.is_conditional
    AND (r.scope_attribute IS NULL OR w.sk IS NOT NULL)
    AND (r.max_age_hours IS NULL OR f.said IS NOT NULL)
QUALIFY row_number() OVER (PARTITION BY p.slot, p.instant, s.rowid ORDER BY r.place) = 1

-- :candidates_of_decisions
-- A person's value goes before every source's, the newest decision before the others.
INSERT INTO v_candidate
SELECT p.slot, p.instant, p.until, s.rowid, -1000 - s.decision_id, 1000000 + s.decision_id
FROM v_span AS p
INNER JOIN v_statement AS s
    ON p.slot = s.slot AND s.valid_from <= p.instant AND (s.valid_to IS NULL OR s.valid_to > p.instant)
WHERE s.decision_id IS NOT NULL

-- :ballots
-- The candidates of an interval in the order of the decision: place, seniority within a source, recency, agreement, value, key. Agreement is
-- counted only where it can decide: between candidates of equal place, seniority and recency, when there are more than two.
CREATE OR REPLACE TEMP TABLE v_ballot AS
WITH cast_vote AS (
    SELECT
        c.slot,
        c.instant,
        any_value(c.until) AS until,
        list_sort(list({
            'place': c.place,
            'junior': s.junior,
            'recency': -epoch_us(s.valid_from),
            'agreement': 0,
            'value': s.value,
            'source': s.source_system,
            'key': s.source_key,
            'said': c.said,
            'rule_no': c.rule_no
        })) AS votes
    FROM v_candidate AS c
    INNER JOIN v_statement AS s ON c.said = s.rowid
    GROUP BY c.slot, c.instant
),

tied AS (
    SELECT
        *,
        len(votes) > 2
        AND votes[1].place = votes[2].place
        AND votes[1].junior = votes[2].junior
        AND votes[1].recency = votes[2].recency AS is_tied
    FROM cast_vote
)

SELECT slot, instant, until, votes
FROM tied
WHERE NOT is_tied
UNION ALL
SELECT
    slot,
    instant,
    until,
    list_sort(list_transform(votes, lambda x: {
        'place': x.place,
        'junior': x.junior,
        'recency': x.recency,
        'agreement': -CAST(len(list_filter(votes, lambda y: y.value = x.value)) AS INTEGER),
        'value': x.value,
        'source': x.source,
        'key': x.key,
        'said': x.said,
        'rule_no': x.rule_no
    }))
FROM tied
WHERE is_tied

-- :won
CREATE OR REPLACE TEMP TABLE v_won AS
SELECT
    b.slot,
    b.instant,
    b.until,
    votes[1].said AS said,
    CASE WHEN votes[1].place = -1 THEN 'deleted by every source' ELSE r.rule END || CASE
        WHEN len(votes) = 1 THEN ''
        WHEN votes[2].place <> votes[1].place THEN ', before the others'
        WHEN votes[2].junior <> votes[1].junior THEN ', first record of its source'
        WHEN votes[2].recency <> votes[1].recency THEN ', most recent'
        WHEN votes[2].agreement <> votes[1].agreement THEN ', most agreement'
        WHEN votes[2].value <> votes[1].value THEN ', first by value'
        ELSE ', first by key'
    END AS rule,
    CASE
        WHEN len(votes) = 1 THEN '[]'
        ELSE CAST(to_json(list_transform(votes[2:], lambda x: {'source': x.source, 'key': x.key, 'value': x.value})) AS VARCHAR)
    END AS losers,
    len(votes) > 1
    AND len(list_filter(votes, lambda x:
        x.place = votes[1].place
        AND x.value <> votes[1].value
        AND NOT (a.is_of_record AND x.source = votes[1].source)
    )) > 0 AS is_contested
FROM v_ballot AS b
INNER JOIN v_rule_text AS r ON b.votes[1].rule_no = r.rule_no
INNER JOIN v_attribute AS a ON b.slot % 1000 = a.attribute_no

-- :log
-- Neighbouring intervals with the same outcome are one.
INSERT INTO v_log
WITH changing AS (
    SELECT slot FROM v_won GROUP BY slot HAVING count(*) > 1
),

flagged AS (
    SELECT
        *,
        CASE
            WHEN
                lag(until) OVER told = instant
                AND lag(said) OVER told = said
                AND lag(rule) OVER told = rule
                AND lag(losers) OVER told = losers
                THEN 0
            ELSE 1
        END AS is_new
    FROM v_won AS w
    SEMI JOIN changing AS c ON w.slot = c.slot
    WINDOW told AS (PARTITION BY slot ORDER BY instant)
),

island AS (
    SELECT *, sum(is_new) OVER (PARTITION BY slot ORDER BY instant) AS island
    FROM flagged
),

outcome AS (
    SELECT
        slot,
        min(instant) AS valid_from,
        CASE WHEN bool_or(until IS NULL) THEN NULL ELSE max(until) END AS valid_to,
        any_value(said) AS said,
        any_value(rule) AS rule,
        any_value(losers) AS losers,
        any_value(is_contested) AS is_contested
    FROM island
    GROUP BY slot, island
    UNION ALL
    SELECT slot, instant, until, said, rule, losers, is_contested
    FROM v_won AS w
    ANTI JOIN changing AS c ON w.slot = c.slot
)

SELECT
    $domain AS domain,
    s.sk,
    a.attribute,
    o.valid_from,
    o.valid_to,
    s.value,
    s.source_system AS winner_source,
    s.source_key AS winner_key,
    s.delivery_id AS winner_delivery_id,
    s.source_row_no AS winner_row_no,
    o.rule,
    o.losers,
    o.is_contested
FROM outcome AS o
INNER JOIN v_statement AS s ON o.said = s.rowid
INNER JOIN v_attribute AS a ON s.attribute_no = a.attribute_no

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
