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
-- Pairs that share an identifier and are not one, of which nobody has said yet that this is right.
CREATE OR REPLACE TEMP TABLE f_vetoed AS
SELECT e.left_source, e.left_key, e.right_source, e.right_key, l.<sk> AS left_sk, r.<sk> AS right_sk,
    string_agg(e.rule || ' in spite of ' || e.evidence, '; ' ORDER BY e.rule, e.evidence) AS detail,
    max(e.decided_at) AS first_seen
FROM master.edge AS e
LEFT JOIN <xref> AS l ON e.left_source = l.source_system AND e.left_key = l.source_key AND l.valid_to IS NULL
LEFT JOIN <xref> AS r ON e.right_source = r.source_system AND e.right_key = r.source_key AND r.valid_to IS NULL
ANTI JOIN f_settled AS s ON l.<sk> = s.sk AND r.<sk> = s.other_sk
ANTI JOIN f_alone AS a ON l.<sk> = a.sk OR r.<sk> = a.sk
WHERE e.domain = $domain AND e.judgement = 'negative' AND e.decided_by = 'rule'
GROUP BY e.left_source, e.left_key, e.right_source, e.right_key, l.<sk>, r.<sk>

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
    namespace || ' ' || min(value),
    'on ' || CAST(count(DISTINCT (source_system, source_key)) AS VARCHAR) || ' records, links none of them',
    max(valid_from)
FROM master.evidence
WHERE domain = $domain AND is_poisoned
GROUP BY namespace, link_value
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
    attribute || ' ' || value || ' (' || rule || ') against ' || losers,
    valid_from
FROM master.survivorship_log
WHERE domain = $domain AND is_contested AND valid_to IS NULL
