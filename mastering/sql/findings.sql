-- What a person should look at: a function of evidence, statements, edges, crosswalk and survivorship.

-- :settled
-- Pairs of golden records, both ways, of which a person said that they are not one.
CREATE OR REPLACE TEMP TABLE f_settled AS
WITH judged AS (
    SELECT g.grp, x.<sk> AS sk
    FROM i_group AS g
    INNER JOIN <xref> AS x ON g.source_system = x.source_system AND g.source_key = x.source_key
    WHERE x.valid_to IS NULL AND x.<sk> > 0
)

SELECT DISTINCT l.sk, r.sk AS other_sk
FROM i_apart AS a
INNER JOIN judged AS l ON a.grp = l.grp
INNER JOIN judged AS r ON a.other_grp = r.grp

-- :alone
-- Golden records with a record that a person took out of another one.
CREATE OR REPLACE TEMP TABLE f_alone AS
SELECT DISTINCT x.<sk> AS sk
FROM i_alone AS a
INNER JOIN <xref> AS x ON a.source_system = x.source_system AND a.source_key = x.source_key
WHERE x.valid_to IS NULL AND x.<sk> > 0

-- :vetoed
-- Pairs that share an identifier and are not one, of which nobody has said yet that this is right. `chain`: not these
-- two, but records that one of them would bring along.
CREATE OR REPLACE TEMP TABLE f_vetoed AS
SELECT e.left_source, e.left_key, e.right_source, e.right_key, l.<sk> AS left_sk, r.<sk> AS right_sk,
    string_agg(
        'both have ' || e.evidence || ', but ' || CASE e.rule
            WHEN 'veto:chain' THEN 'to join them would make one of records that contradict each other'
            WHEN 'veto:one_per_source' THEN 'two records of one source would be one'
            WHEN 'veto:measures' THEN 'size, side or sterility contradict each other'
            WHEN 'veto:unlike' THEN 'part numbers and descriptions are those of two things'
            ELSE 'their ' || replace(substr(e.rule, 6), '+', ' and ') || CASE
                WHEN contains(e.rule, '+') THEN ' differ' ELSE ' differs'
            END
        END,
        '; ' ORDER BY e.rule, e.evidence
    ) AS detail,
    max(e.decided_at) AS first_seen
FROM master.edge AS e
LEFT JOIN <xref> AS l ON e.left_source = l.source_system AND e.left_key = l.source_key AND l.valid_to IS NULL
LEFT JOIN <xref> AS r ON e.right_source = r.source_system AND e.right_key = r.source_key AND r.valid_to IS NULL
ANTI JOIN f_settled AS s ON l.<sk> = s.sk AND r.<sk> = s.other_sk
ANTI JOIN f_alone AS a ON l.<sk> = a.sk OR r.<sk> = a.sk
WHERE e.domain = $domain AND e.judgement = 'negative' AND e.decided_by = 'rule'
GROUP BY e.left_source, e.left_key, e.right_source, e.right_key, l.<sk>, r.<sk>

-- :unlisted
-- Golden records that no system has of those that list everything there is, and that no other case is about: most likely
-- something that is there already, under a text that fits several things.
CREATE OR REPLACE TEMP TABLE f_unlisted AS
WITH live AS (
    SELECT x.<sk> AS sk, x.source_system, x.source_key, x.valid_from, c.source_system IS NOT NULL AS is_listed
    FROM <xref> AS x
    SEMI JOIN (
        SELECT source_system, source_key FROM master.record WHERE domain = $domain AND valid_to IS NULL AND is_live
    ) AS r ON x.source_system = r.source_system AND x.source_key = r.source_key
    SEMI JOIN (SELECT source_system FROM i_source WHERE NOT is_reference) AS y ON x.source_system = y.source_system
    LEFT JOIN f_complete AS c ON x.source_system = c.source_system
    WHERE x.valid_to IS NULL AND x.<sk> > 0
),

golden AS (
    SELECT sk, min({'source': source_system, 'key': source_key}) AS least, min(valid_from) AS first_seen
    FROM live
    GROUP BY sk
    HAVING NOT bool_or(is_listed)
),

asked AS (
    SELECT unnest([left_sk, right_sk]) AS sk FROM f_vetoed
    UNION
    SELECT l.sk
    FROM live AS l
    SEMI JOIN (
        SELECT left_source AS source_system, left_key AS source_key FROM master.judgement
        WHERE domain = $domain AND verdict = 'ask'
        UNION ALL
        SELECT right_source, right_key FROM master.judgement WHERE domain = $domain AND verdict = 'ask'
    ) AS j ON l.source_system = j.source_system AND l.source_key = j.source_key
)

SELECT g.least.source AS source_system, g.least.key AS source_key, g.first_seen
FROM golden AS g
ANTI JOIN asked AS a ON g.sk = a.sk
ANTI JOIN f_alone AS o ON g.sk = o.sk
WHERE (SELECT count(*) FROM f_complete) > 0

-- :wholly_other
-- Whether one text is not just another way to write the other. Codes are compared as they are normalised; texts by the
-- words they share, and by their letters, so that an abbreviation or a corrected part number is the same.
CREATE OR REPLACE TEMP MACRO wholly_other(one, two, is_code) AS
    CASE
        WHEN is_code THEN one <> two
        ELSE
            jaro_similarity(upper(one), upper(two)) < 0.75
            AND 2 * len(list_intersect(
                regexp_extract_all(upper(one), '[A-Z0-9]+'), regexp_extract_all(upper(two), '[A-Z0-9]+')
            )) < least(
                len(list_distinct(regexp_extract_all(upper(one), '[A-Z0-9]+'))),
                len(list_distinct(regexp_extract_all(upper(two), '[A-Z0-9]+')))
            )
    END

-- :reused
-- Live records most of whose identifying attributes became others at one moment, and are still: the key seems to mean
-- another thing. A key that was deleted and came back is compared with what it meant before.
CREATE OR REPLACE TEMP TABLE f_reused AS
WITH changed AS (
    SELECT DISTINCT s.source_system, s.source_key
    FROM master.statement AS s
    SEMI JOIN f_identifying AS i ON s.attribute = i.attribute
    SEMI JOIN (
        SELECT source_system, source_key FROM master.record WHERE domain = $domain AND valid_to IS NULL AND is_live
    ) AS r ON s.source_system = r.source_system AND s.source_key = r.source_key
    SEMI JOIN (SELECT source_system FROM i_source WHERE NOT is_reference) AS y ON s.source_system = y.source_system
    WHERE s.domain = $domain AND s.valid_to IS NOT NULL
),

said AS (
    SELECT
        s.source_system, s.source_key, s.attribute, i.is_code, s.value, s.raw_value, s.valid_from,
        lag(s.value) OVER told AS value_before,
        lag(s.raw_value) OVER told AS raw_before,
        -- What the record has said before is no other thing: a mistake was taken back.
        min(s.valid_from) OVER (PARTITION BY s.source_system, s.source_key, s.attribute, s.value) AS first_said,
        last_value(s.value) OVER (told ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS value_now
    FROM master.statement AS s
    SEMI JOIN changed AS c ON s.source_system = c.source_system AND s.source_key = c.source_key
    INNER JOIN f_identifying AS i ON s.attribute = i.attribute
    WHERE s.domain = $domain AND s.fault IS NULL
    WINDOW told AS (PARTITION BY s.source_system, s.source_key, s.attribute ORDER BY s.valid_from)
),

moment AS (
    SELECT source_system, source_key, valid_from AS since,
        string_agg(attribute, ', ' ORDER BY attribute) || ' became others at once on '
        || strftime(valid_from, '%Y-%m-%d') || ': another thing under the same key?' AS reason,
        CAST(to_json(list({'attribute': attribute, 'left': raw_before, 'right': raw_value} ORDER BY attribute)) AS VARCHAR)
            AS evidence
    FROM said
    WHERE
        first_said = valid_from
        AND wholly_other(value_before, value, is_code)
        AND wholly_other(value_before, value_now, is_code)
    GROUP BY source_system, source_key, valid_from
    HAVING count(*) >= $at_least
)

SELECT
    m.*,
    source_system || '|' || source_key || ' ' || CAST(epoch_us(since) AS VARCHAR) AS about
FROM moment AS m
ANTI JOIN master.ruling AS r
    ON r.domain = $domain
        AND r.kind = 'acknowledge'
        AND substr(sha256($domain || '|key_reused|' || source_system || '|' || source_key || ' '
            || CAST(epoch_us(since) AS VARCHAR)), 1, 12) = r.case_id
        AND m.reason = r.value

-- :poisoned
-- Values that are on too many records, unless somebody said that it is known. Where their records are one all the same
-- (a vendor's remit-to records), there is nothing to look into.
CREATE OR REPLACE TEMP TABLE f_poisoned AS
WITH held AS (
    SELECT e.namespace, e.link_value, min(e.value) AS value, min({'source': e.source_system, 'key': e.source_key}) AS least,
        count(DISTINCT (e.source_system, e.source_key)) AS records, max(e.valid_from) AS first_seen,
        CAST(to_json(list(DISTINCT {'source': e.source_system, 'key': e.source_key, 'value': value}
            ORDER BY {'source': e.source_system, 'key': e.source_key, 'value': value})) AS VARCHAR) AS evidence
    FROM master.evidence AS e
    INNER JOIN <xref> AS x ON e.source_system = x.source_system AND e.source_key = x.source_key AND x.valid_to IS NULL
    WHERE e.domain = $domain AND e.is_poisoned
    GROUP BY e.namespace, e.link_value
    HAVING count(DISTINCT x.<sk>) > 1 OR min(x.<sk>) < 0
),

told AS (
    SELECT *, namespace || ' ' || link_value AS about,
        namespace || ' ' || value || ' is on ' || CAST(records AS VARCHAR) || ' records and links none of them' AS reason
    FROM held
)

SELECT t.*
FROM told AS t
ANTI JOIN master.ruling AS r
    ON r.domain = $domain
        AND r.kind = 'acknowledge'
        AND substr(sha256($domain || '|poisoned_identifier|' || t.about), 1, 12) = r.case_id
        AND t.reason = r.value

-- :contested
-- Values that recency or less decided, unless somebody said that it is known.
CREATE OR REPLACE TEMP TABLE f_contested AS
WITH told AS (
    SELECT *, CAST(sk AS VARCHAR) || ' ' || attribute AS about, attribute || ' ' || value || ' (' || rule || ')' AS reason
    FROM master.survivorship_log
    WHERE domain = $domain AND is_contested AND valid_to IS NULL
)

SELECT t.*
FROM told AS t
ANTI JOIN master.ruling AS r
    ON r.domain = $domain
        AND r.kind = 'acknowledge'
        AND substr(sha256($domain || '|contested_value|' || t.about), 1, 12) = r.case_id
        AND t.reason = r.value

-- :current
CREATE OR REPLACE TEMP TABLE f_finding AS
SELECT
    $domain AS domain,
    'invalid_identifier' AS kind,
    source_system || '|' || source_key || '|' || identifier AS key,
    identifier || ' ' || value || ': ' || fault AS detail,
    valid_from AS first_seen
FROM master.evidence
WHERE domain = $domain AND fault IS NOT NULL AND is_live
UNION ALL
SELECT
    $domain,
    'invalid_value',
    s.source_system || '|' || s.source_key || '|' || s.attribute,
    s.attribute || ' ' || s.value || ': ' || s.fault,
    s.valid_from
FROM master.statement AS s
LEFT JOIN f_identifier AS i ON s.attribute = i.identifier
WHERE s.domain = $domain AND s.fault IS NOT NULL AND s.valid_to IS NULL AND i.identifier IS NULL
UNION ALL
SELECT
    $domain,
    'poisoned_identifier',
    namespace || ' ' || value,
    'on ' || CAST(records AS VARCHAR) || ' records, links none of them',
    first_seen
FROM f_poisoned
UNION ALL
SELECT
    $domain,
    'vetoed_match',
    left_source || '|' || left_key || ' / ' || right_source || '|' || right_key,
    detail,
    first_seen
FROM f_vetoed
UNION ALL
SELECT
    $domain,
    'unlisted_record',
    source_system || '|' || source_key,
    'no system of record lists it, and no record is near enough to ask about',
    first_seen
FROM f_unlisted
UNION ALL
SELECT
    $domain,
    'unresolved_reference',
    source_system || '|' || source_key,
    CASE match_rule WHEN 'vetoed' THEN 'an identifier of it speaks against the record it points to' ELSE 'it points to several records' END,
    valid_from
FROM <xref>
WHERE valid_to IS NULL AND match_status = 'unresolved' AND match_rule IN ('vetoed', 'ambiguous')
UNION ALL
SELECT
    $domain,
    'contested_value',
    winner_source || '|' || winner_key || '|' || attribute,
    reason || ' against ' || losers,
    valid_from
FROM f_contested
UNION ALL
SELECT $domain, 'key_reused', source_system || '|' || source_key, reason, since
FROM f_reused
UNION ALL
SELECT $domain, 'unmapped_key', source_system || '|' || source_key, 'no identifier of it is on any record', valid_from
FROM <xref>
WHERE valid_to IS NULL AND match_status = 'unresolved' AND match_rule = 'no_match'
UNION ALL
SELECT
    $domain,
    'duplicate_' || $domain,
    one || ' / ' || other,
    'both are ' || name,
    first_seen
FROM f_duplicate
UNION ALL
SELECT $domain, 'unused_rule', u.key, u.detail, r.first_seen
FROM f_unused AS u
CROSS JOIN (SELECT min(valid_from) AS first_seen FROM master.record WHERE domain = $domain) AS r
WHERE r.first_seen IS NOT NULL
UNION ALL
SELECT $domain, 'overruled_decision', 'decision ' || CAST(decision_id AS VARCHAR), kind || ': contradicted by '
    || CASE overruled_by WHEN decision_id THEN 'newer decisions together' ELSE 'decision ' || CAST(overruled_by AS VARCHAR) END,
    decided_at
FROM master.ruling
WHERE domain = $domain AND overruled_by IS NOT NULL
UNION ALL
SELECT $domain, 'orphaned_decision', 'decision ' || CAST(decision_id AS VARCHAR), kind || ': ' || detail, decided_at
FROM f_orphaned
UNION ALL
SELECT
    $domain,
    'correction_obsolete',
    'decision ' || CAST(r.decision_id AS VARCHAR),
    r.attribute || ' of ' || r.expect_source || '|' || r.expect_key || ' was overridden by ' || r.value || '; the source said '
    || coalesce(r.expect_value, 'nothing') || ' when it was made and says ' || coalesce(s.value, 'nothing') || ' now',
    coalesce(s.valid_from, r.decided_at)
FROM master.ruling AS r
LEFT JOIN f_moved AS m ON r.expect_source = m.source_system AND r.expect_key = m.source_key
LEFT JOIN master.statement AS s
    ON s.domain = $domain
        AND r.expect_source = s.source_system
        AND coalesce(m.new_key, r.expect_key) = s.source_key
        AND r.attribute = s.attribute
        AND s.fault IS NULL
        AND s.valid_to IS NULL
WHERE
    r.domain = $domain
    AND r.kind = 'override'
    AND r.expect_source IS NOT NULL
    AND r.overruled_by IS NULL
    AND r.fault IS NULL
    AND s.value IS DISTINCT FROM r.expect_value

-- :cases
-- The review queue: what only a person can decide, with both sides. The id of a case follows from what it is about.
CREATE OR REPLACE TEMP TABLE f_case AS
WITH pair AS (
    SELECT 'vetoed_match' AS kind, left_source, left_key, right_source, right_key, left_sk, right_sk, detail AS reason,
        CAST(NULL AS DECIMAL(5, 4)) AS score, NULL AS evidence, first_seen
    FROM f_vetoed
    UNION ALL
    SELECT 'ask', j.left_source, j.left_key, j.right_source, j.right_key, l.<sk>, r.<sk>, j.reason, j.score, j.evidence,
        coalesce(greatest(l.valid_from, r.valid_from), l.valid_from, r.valid_from)
    FROM master.judgement AS j
    INNER JOIN <xref> AS l ON j.left_source = l.source_system AND j.left_key = l.source_key AND l.valid_to IS NULL
    INNER JOIN <xref> AS r ON j.right_source = r.source_system AND j.right_key = r.source_key AND r.valid_to IS NULL
    ANTI JOIN f_settled AS s ON l.<sk> = s.sk AND r.<sk> = s.other_sk
    ANTI JOIN f_alone AS a ON l.<sk> = a.sk OR r.<sk> = a.sk
    WHERE j.domain = $domain AND j.verdict = 'ask' AND (l.<sk> <> r.<sk> OR l.<sk> < 0)
),

concerned AS (
    SELECT left_source AS source_system, left_key AS source_key FROM pair
    UNION
    SELECT right_source, right_key FROM pair
),

now AS (
    SELECT r.source_system, r.source_key, r.is_live, r.valid_from AS since
    FROM master.record AS r
    SEMI JOIN concerned AS c ON r.source_system = c.source_system AND r.source_key = c.source_key
    WHERE r.domain = $domain AND r.valid_to IS NULL
),

said AS (
    -- A deleted record: what it said last.
    SELECT s.source_system, s.source_key, s.attribute, min(s.raw_value) AS value
    FROM master.statement AS s
    INNER JOIN now AS n ON s.source_system = n.source_system AND s.source_key = n.source_key
    WHERE s.domain = $domain AND CASE WHEN n.is_live THEN s.valid_to IS NULL ELSE s.valid_to = n.since END
    GROUP BY s.source_system, s.source_key, s.attribute
    UNION ALL
    SELECT source_system, source_key, 'is deleted', 'since ' || strftime(since, '%Y-%m-%d')
    FROM now
    WHERE NOT is_live
),

side AS (
    SELECT p.left_source, p.left_key, p.right_source, p.right_key, s.attribute, s.value AS left_value, NULL AS right_value
    FROM pair AS p
    INNER JOIN said AS s ON p.left_source = s.source_system AND p.left_key = s.source_key
    UNION ALL
    SELECT p.left_source, p.left_key, p.right_source, p.right_key, s.attribute, NULL, s.value
    FROM pair AS p
    INNER JOIN said AS s ON p.right_source = s.source_system AND p.right_key = s.source_key
),

facing AS (
    SELECT left_source, left_key, right_source, right_key, attribute, max(left_value) AS left_value, max(right_value) AS right_value
    FROM side
    GROUP BY left_source, left_key, right_source, right_key, attribute
),

beside AS (
    SELECT left_source, left_key, right_source, right_key,
        CAST(to_json(list({'attribute': attribute, 'left': left_value, 'right': right_value} ORDER BY attribute)) AS VARCHAR) AS evidence
    FROM facing
    GROUP BY left_source, left_key, right_source, right_key
),

found AS (
    SELECT
        p.kind,
        least(p.left_source || '|' || p.left_key, p.right_source || '|' || p.right_key)
        || ' / ' || greatest(p.left_source || '|' || p.left_key, p.right_source || '|' || p.right_key) AS about,
        p.left_source, p.left_key, p.right_source, p.right_key, p.left_sk, p.right_sk, CAST(NULL AS VARCHAR) AS attribute,
        p.reason,
        CASE
            WHEN p.evidence IS NULL THEN coalesce(b.evidence, '[]')
            ELSE '{"matcher":' || p.evidence || ',"sides":' || coalesce(b.evidence, '[]') || '}'
        END AS evidence,
        p.score,
        p.first_seen
    FROM pair AS p
    LEFT JOIN beside AS b
        ON p.left_source = b.left_source
            AND p.left_key = b.left_key
            AND p.right_source = b.right_source
            AND p.right_key = b.right_key
    UNION ALL
    SELECT 'poisoned_identifier', about, least.source, least.key, NULL, NULL, NULL, NULL, namespace, reason, evidence, NULL,
        first_seen
    FROM f_poisoned
    UNION ALL
    SELECT 'contested_value', about, winner_source, winner_key, NULL, NULL, sk, NULL, attribute, reason,
        '{"published":' || CAST(to_json({'source': winner_source, 'key': winner_key, 'value': value}) AS VARCHAR)
        || ',"others":' || losers || '}',
        NULL, valid_from
    FROM f_contested
    UNION ALL
    SELECT 'key_reused', about, r.source_system, r.source_key, NULL, NULL, x.<sk>, NULL, NULL, reason,
        '{"sides":' || evidence || '}', NULL, since
    FROM f_reused AS r
    LEFT JOIN <xref> AS x ON r.source_system = x.source_system AND r.source_key = x.source_key AND x.valid_to IS NULL
),

numbered AS (
    SELECT substr(sha256($domain || '|' || kind || '|' || about), 1, 12) AS case_id, *
    FROM found
)

SELECT $domain AS domain, n.case_id, n.kind, n.left_source, n.left_key, n.right_source, n.right_key, n.left_sk, n.right_sk,
    n.attribute, n.reason, n.evidence, n.score, n.first_seen
FROM numbered AS n
ANTI JOIN master.ruling AS r
    ON r.domain = $domain AND r.kind = 'acknowledge' AND n.case_id = r.case_id AND n.reason = r.value

-- :moved
-- Re-keyed records: the key each has now.
CREATE OR REPLACE TEMP TABLE f_moved AS
SELECT source_system, source_key, substr(detail, length(source_system) + 2) AS new_key
FROM master.steward
WHERE domain = $domain AND kind = 'rekeyed'

-- :orphaned
-- Decisions about records that are not there, under no key that they have had, and values that are none.
CREATE OR REPLACE TEMP TABLE f_orphaned AS
WITH named AS (
    SELECT decision_id, kind, decided_at, left_source AS source_system, left_key AS source_key
    FROM master.ruling
    WHERE domain = $domain AND left_key IS NOT NULL AND kind NOT IN ('rekey', 'acknowledge')
    UNION ALL
    SELECT decision_id, kind, decided_at, right_source, right_key
    FROM master.ruling
    WHERE domain = $domain AND right_key IS NOT NULL
),

missing AS (
    SELECT n.decision_id, n.kind, n.decided_at, min('there is no record ' || n.source_system || '|' || n.source_key) AS detail
    FROM named AS n
    LEFT JOIN f_moved AS m ON n.source_system = m.source_system AND n.source_key = m.source_key
    ANTI JOIN master.record AS r
        ON r.domain = $domain AND n.source_system = r.source_system AND coalesce(m.new_key, n.source_key) = r.source_key
    GROUP BY n.decision_id, n.kind, n.decided_at
)

SELECT decision_id, kind, decided_at, detail
FROM missing
UNION ALL
SELECT decision_id, kind, decided_at, attribute || ' ' || coalesce(value, '') || ': ' || fault
FROM master.ruling
WHERE domain = $domain AND fault IS NOT NULL

-- :no_duplicates
CREATE OR REPLACE TEMP TABLE f_duplicate (one VARCHAR, other VARCHAR, name VARCHAR, first_seen TIMESTAMPTZ)

-- :duplicates
-- Golden records of one name, each with the first before it of which nobody said that the two are not one. What every
-- source has deleted buys and bills nothing more.
CREATE OR REPLACE TEMP TABLE f_duplicate AS
WITH live AS (
    SELECT DISTINCT x.<sk> AS sk
    FROM <xref> AS x
    INNER JOIN master.record AS r
        ON r.domain = $domain AND x.source_system = r.source_system AND x.source_key = r.source_key
    WHERE r.valid_to IS NULL AND r.is_live AND x.<sk> > 0
),

named AS (
    SELECT g.<sk> AS sk, g.norm_name AS name, g._source_system || '|' || g._source_key AS record, g.valid_from
    FROM <golden> AS g
    SEMI JOIN live AS l ON g.<sk> = l.sk
    WHERE g.is_current AND g.norm_name <> ''
)

SELECT f.record AS one, n.record AS other, n.name, greatest(f.valid_from, n.valid_from) AS first_seen
FROM named AS n
INNER JOIN named AS f ON n.name = f.name AND n.record > f.record
ANTI JOIN f_settled AS s ON n.sk = s.sk AND f.sk = s.other_sk
QUALIFY row_number() OVER (PARTITION BY n.record ORDER BY f.record) = 1
