-- What a person should look at: a function of evidence, statements, edges, crosswalk and survivorship.

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
    string_agg(rule || ' in spite of ' || evidence, '; ' ORDER BY rule, evidence),
    max(decided_at)
FROM master.edge
WHERE domain = $domain AND judgement = 'negative'
GROUP BY left_source, left_key, right_source, right_key
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
