-- Who is who: evidence (valid identifiers of each record), what it touches, edges, crosswalk.

-- :evidence_of_changed
-- What the records of i_key prove now. A deleted record proves what it said when it was deleted.
CREATE OR REPLACE TEMP TABLE i_evidence AS
WITH record AS (
    SELECT r.source_system, r.source_key, r.is_live, r.valid_from AS since
    FROM master.record AS r
    SEMI JOIN i_key AS k ON r.source_system = k.source_system AND r.source_key = k.source_key
    WHERE r.domain = $domain AND r.valid_to IS NULL
)

SELECT
    $domain AS domain,
    s.source_system,
    s.source_key,
    s.attribute AS identifier,
    i.namespace,
    s.value,
    CASE
        WHEN s.fault IS NOT NULL OR i.strength = 'never' THEN NULL
        WHEN i.scope IS NULL THEN s.value
        ELSE CAST(x.sk AS VARCHAR) || '|' || regexp_extract(s.value, '[^|]*$')
    END AS link_value,
    s.fault,
    r.is_live,
    coalesce(y.is_reference, FALSE) AS is_reference,
    s.valid_from
FROM record AS r
INNER JOIN master.statement AS s ON r.source_system = s.source_system AND r.source_key = s.source_key
INNER JOIN i_identifier AS i ON s.attribute = i.identifier
LEFT JOIN i_scope AS x
    ON i.scope = x.domain
        AND s.source_system = x.source_system
        AND regexp_extract(s.value, '^(.*)\|[^|]*$', 1) = x.source_key
LEFT JOIN i_source AS y ON s.source_system = y.source_system
WHERE
    s.domain = $domain
    AND CASE WHEN r.is_live THEN s.valid_to IS NULL ELSE s.valid_to = r.since END

-- :rescoped
-- Records whose scoped identifier means another golden record since that domain was mastered again.
INSERT INTO i_key
SELECT DISTINCT e.source_system, e.source_key
FROM master.evidence AS e
INNER JOIN i_identifier AS i ON e.identifier = i.identifier AND i.scope IS NOT NULL
LEFT JOIN i_scope AS x
    ON i.scope = x.domain
        AND e.source_system = x.source_system
        AND regexp_extract(e.value, '^(.*)\|[^|]*$', 1) = x.source_key
WHERE
    e.domain = $domain
    AND e.fault IS NULL
    AND e.link_value IS DISTINCT FROM CAST(x.sk AS VARCHAR) || '|' || regexp_extract(e.value, '[^|]*$')
    AND (e.source_system, e.source_key) NOT IN (SELECT source_system, source_key FROM i_key)

-- :touched
-- Values that the changed records have or had, and whether they were poisoned.
CREATE OR REPLACE TEMP TABLE i_touched AS
WITH value AS (
    SELECT namespace, link_value FROM i_evidence WHERE link_value IS NOT NULL
    UNION
    SELECT e.namespace, e.link_value
    FROM master.evidence AS e
    SEMI JOIN i_key AS k ON e.source_system = k.source_system AND e.source_key = k.source_key
    WHERE e.domain = $domain AND e.link_value IS NOT NULL
),

standing AS (
    -- Everybody else who has them.
    SELECT e.namespace, e.link_value, e.source_system, e.source_key, e.is_live, e.is_reference
    FROM master.evidence AS e
    SEMI JOIN value AS v ON e.namespace = v.namespace AND e.link_value = v.link_value
    ANTI JOIN i_key AS k ON e.source_system = k.source_system AND e.source_key = k.source_key
    WHERE e.domain = $domain
    UNION
    SELECT namespace, link_value, source_system, source_key, is_live, is_reference
    FROM i_evidence
    WHERE link_value IS NOT NULL
),

part AS (
    -- Parts of another record of their source say what it says, and count for nothing.
    SELECT e.source_system, e.source_key
    FROM master.evidence AS e
    INNER JOIN i_identifier AS i ON e.identifier = i.identifier AND i.of_owner
    ANTI JOIN i_key AS k ON e.source_system = k.source_system AND e.source_key = k.source_key
    WHERE e.domain = $domain AND e.link_value IS NOT NULL
    UNION
    SELECT e.source_system, e.source_key
    FROM i_evidence AS e
    INNER JOIN i_identifier AS i ON e.identifier = i.identifier AND i.of_owner
    WHERE e.link_value IS NOT NULL
),

per_source AS (
    SELECT s.namespace, s.link_value, s.source_system, count(*) AS records
    FROM standing AS s
    ANTI JOIN part AS p ON s.source_system = p.source_system AND s.source_key = p.source_key
    WHERE s.is_live AND NOT s.is_reference
    GROUP BY s.namespace, s.link_value, s.source_system
),

counted AS (
    SELECT namespace, link_value, max(records) AS of_one_source, sum(records) AS of_all, count(*) AS sources
    FROM per_source
    GROUP BY namespace, link_value
),

before AS (
    SELECT e.namespace, e.link_value, bool_or(e.is_poisoned) AS was_poisoned
    FROM master.evidence AS e
    SEMI JOIN value AS v ON e.namespace = v.namespace AND e.link_value = v.link_value
    WHERE e.domain = $domain
    GROUP BY e.namespace, e.link_value
)

SELECT
    v.namespace,
    v.link_value,
    coalesce(b.was_poisoned, FALSE) AS was_poisoned,
    -- What every source has about once is no placeholder, however many sources a network has.
    coalesce(
        c.of_one_source > n.max_per_source OR (c.of_all > n.max_fanout AND c.of_all * 2 > c.sources * 3), FALSE
    ) AS is_poisoned
FROM value AS v
INNER JOIN i_namespace AS n ON v.namespace = n.namespace
LEFT JOIN counted AS c ON v.namespace = c.namespace AND v.link_value = c.link_value
LEFT JOIN before AS b ON v.namespace = b.namespace AND v.link_value = b.link_value

-- :evidence_new
CREATE OR REPLACE TEMP TABLE i_evidence_new AS
SELECT e.*, coalesce(t.is_poisoned, FALSE) AS is_poisoned
FROM i_evidence AS e
LEFT JOIN i_touched AS t ON e.namespace = t.namespace AND e.link_value = t.link_value

-- :poison
UPDATE master.evidence
SET is_poisoned = t.is_poisoned, change_seq = $change_seq
FROM i_touched AS t
WHERE
    master.evidence.domain = $domain
    AND master.evidence.namespace = t.namespace
    AND master.evidence.link_value = t.link_value
    AND master.evidence.is_poisoned <> t.is_poisoned

-- :reach_first
-- The changed records, and whoever has a value of theirs that links or linked.
CREATE OR REPLACE TEMP TABLE i_reach AS
SELECT source_system, source_key FROM i_key
UNION
SELECT e.source_system, e.source_key
FROM master.evidence AS e
INNER JOIN i_touched AS t ON e.namespace = t.namespace AND e.link_value = t.link_value
WHERE e.domain = $domain AND NOT (t.was_poisoned AND t.is_poisoned)

-- :reach_paired
-- And whoever's pairs changed.
INSERT INTO i_reach
SELECT source_system, source_key FROM i_paired
EXCEPT
SELECT source_system, source_key FROM i_reach

-- :all_keys
-- Every record there is, and what is left of those that are gone without a trace.
CREATE OR REPLACE TEMP TABLE i_key AS
SELECT source_system, source_key FROM master.record WHERE domain = $domain
UNION
SELECT source_system, source_key FROM master.evidence WHERE domain = $domain
UNION
SELECT source_system, source_key FROM <xref>

-- :reach_all
CREATE OR REPLACE TEMP TABLE i_reach AS
SELECT source_system, source_key FROM i_key

-- :reach_more
-- One step further: whoever shares a linking value, the golden record or a steward's group with those reached last.
CREATE OR REPLACE TEMP TABLE i_more AS
WITH value AS (
    SELECT DISTINCT e.namespace, e.link_value
    FROM master.evidence AS e
    SEMI JOIN i_front AS f ON e.source_system = f.source_system AND e.source_key = f.source_key
    WHERE e.domain = $domain AND e.link_value IS NOT NULL AND NOT e.is_poisoned
),

golden AS (
    SELECT DISTINCT x.<sk> AS sk
    FROM <xref> AS x
    SEMI JOIN i_front AS f ON x.source_system = f.source_system AND x.source_key = f.source_key
    WHERE x.<sk> > 0
),

front AS (SELECT hash(source_system, source_key) AS rec FROM i_front),

pair AS (
    -- Pairs that scores may join, and those that rival with them.
    SELECT p.right_rec AS rec
    FROM master.match_pair AS p
    SEMI JOIN front AS f ON p.left_rec = f.rec
    WHERE p.domain = $domain AND coalesce(NOT starts_with(p.vetoed, 'measures:'), TRUE)
    UNION
    SELECT p.left_rec
    FROM master.match_pair AS p
    SEMI JOIN front AS f ON p.right_rec = f.rec
    WHERE p.domain = $domain AND coalesce(NOT starts_with(p.vetoed, 'measures:'), TRUE)
),

found AS (
    SELECT e.source_system, e.source_key
    FROM master.evidence AS e
    SEMI JOIN value AS v ON e.namespace = v.namespace AND e.link_value = v.link_value
    WHERE e.domain = $domain
    UNION
    SELECT x.source_system, x.source_key
    FROM <xref> AS x
    SEMI JOIN golden AS g ON x.<sk> = g.sk
    UNION
    SELECT o.source_system, o.source_key
    FROM i_front AS f
    INNER JOIN i_group AS g ON f.source_system = g.source_system AND f.source_key = g.source_key
    INNER JOIN i_group AS o ON g.grp = o.grp
    UNION
    SELECT m.source_system, m.source_key
    FROM pair AS p
    INNER JOIN master.match_record AS m ON p.rec = m.rec AND m.domain = $domain
)

SELECT f.source_system, f.source_key
FROM found AS f
ANTI JOIN i_reach AS r ON f.source_system = r.source_system AND f.source_key = r.source_key

-- :members
-- The reached records in order of seniority; `rec` counts those that can make a golden record from 0.
CREATE OR REPLACE TEMP TABLE i_rec AS
SELECT
    CAST(row_number() OVER (ORDER BY y.is_reference, y.seniority, r.source_system, r.source_key) - 1 AS BIGINT) AS rec,
    r.source_system,
    r.source_key,
    y.source_no,
    y.is_reference,
    v.is_live,
    v.since
FROM i_reach AS r
INNER JOIN i_source AS y ON r.source_system = y.source_system
INNER JOIN (
    SELECT source_system, source_key, min(valid_from) AS since, bool_or(is_live AND valid_to IS NULL) AS is_live
    FROM master.record
    WHERE domain = $domain
    GROUP BY source_system, source_key
) AS v ON r.source_system = v.source_system AND r.source_key = v.source_key

-- :nodes
-- A record and a value of it that links. `level`: how early its namespace decides.
CREATE OR REPLACE TEMP TABLE i_node AS
SELECT
    r.rec,
    r.is_reference,
    n.level,
    n.namespace,
    CAST(dense_rank() OVER (PARTITION BY n.level ORDER BY e.link_value) - 1 AS BIGINT) AS value_no,
    min(e.value) AS value,
    min(e.valid_from) AS valid_from
FROM master.evidence AS e
INNER JOIN i_rec AS r ON e.source_system = r.source_system AND e.source_key = r.source_key
INNER JOIN i_namespace AS n ON e.namespace = n.namespace
WHERE e.domain = $domain AND e.link_value IS NOT NULL AND NOT e.is_poisoned
GROUP BY r.rec, r.is_reference, n.level, n.namespace, e.link_value

-- :vetoes
CREATE OR REPLACE TEMP TABLE i_veto AS
SELECT
    r.rec,
    r.is_reference,
    e.identifier,
    CAST(dense_rank() OVER (PARTITION BY e.identifier ORDER BY e.value) - 1 AS BIGINT) AS value_no
FROM master.evidence AS e
INNER JOIN i_rec AS r ON e.source_system = r.source_system AND e.source_key = r.source_key
INNER JOIN i_identifier AS i ON e.identifier = i.identifier
WHERE e.domain = $domain AND i.veto AND e.fault IS NULL AND NOT e.is_poisoned

-- :pointed
-- Clusters that the values of a reference record point to. Those of a record that stands alone point nowhere; those of
-- a torn one, of which one is a mistake, only where they are nobody else's. A number of one supplier's own points to what
-- has no other number only where no other number points: it is a catalogue entry that may be waiting to be joined. Where
-- one cluster has all the values that point anywhere, of two kinds at least, who has some of them has another's number.
CREATE OR REPLACE TEMP TABLE i_pointed AS
WITH numbered AS (
    SELECT n.*, i.namespace IS NOT NULL AS is_scoped
    FROM i_node AS n
    LEFT JOIN (SELECT DISTINCT namespace FROM i_identifier WHERE strength = 'scoped') AS i ON n.namespace = i.namespace
),

solid AS (
    SELECT DISTINCT c.cluster
    FROM numbered AS n
    INNER JOIN i_cluster AS c ON n.rec = c.rec
    WHERE NOT n.is_reference AND NOT n.is_scoped
),

pointed AS (
    SELECT
        r.rec,
        c.cluster,
        bool_and(t.rec IS NOT NULL) AS is_torn,
        bool_and(r.is_scoped AND s.cluster IS NULL) AS is_waiting,
        list_sort(list(DISTINCT {'level': r.level, 'value_no': r.value_no})) AS shared,
        count(DISTINCT r.level) AS kinds
    FROM numbered AS r
    INNER JOIN i_node AS n ON r.level = n.level AND r.value_no = n.value_no AND NOT n.is_reference
    INNER JOIN i_cluster AS c ON n.rec = c.rec
    LEFT JOIN solid AS s ON c.cluster = s.cluster
    LEFT JOIN i_torn AS t ON n.rec = t.rec
    WHERE
        r.is_reference
        AND n.rec NOT IN (
            SELECT m.rec
            FROM i_rec AS m
            INNER JOIN i_alone AS a ON m.source_system = a.source_system AND m.source_key = a.source_key
        )
    GROUP BY r.rec, c.cluster
),

pointing AS (
    SELECT rec, list_sort(list_distinct(flatten(list(shared)))) AS shared
    FROM pointed
    GROUP BY rec
),

whole AS (
    SELECT p.rec, min(p.cluster) AS cluster
    FROM pointed AS p
    INNER JOIN pointing AS a ON p.rec = a.rec AND p.shared = a.shared
    WHERE p.kinds > 1 AND NOT p.is_torn AND NOT p.is_waiting
    GROUP BY p.rec
    HAVING count(*) = 1
)

SELECT p.rec, p.cluster
FROM pointed AS p
LEFT JOIN whole AS w ON p.rec = w.rec
WHERE w.rec IS NULL OR w.cluster = p.cluster
QUALIFY
    (NOT p.is_torn OR bool_and(p.is_torn) OVER (PARTITION BY p.rec))
    AND (NOT p.is_waiting OR bool_and(p.is_waiting) OVER (PARTITION BY p.rec))

-- :pointed_vetoes
-- In steps, so that no order of joins can go through the identifier alone.
CREATE OR REPLACE TEMP TABLE i_pointed_veto AS
SELECT p.rec, p.cluster, v.identifier, v.value_no
FROM i_pointed AS p
INNER JOIN i_veto AS v ON p.rec = v.rec

-- :cluster_vetoes
-- A cluster has at most one value of a veto, or several that a person made one.
CREATE OR REPLACE TEMP TABLE i_cluster_veto AS
SELECT DISTINCT c.cluster, v.identifier, v.value_no
FROM i_veto AS v
INNER JOIN i_cluster AS c ON v.rec = c.rec

-- :attached
-- The one cluster that a reference record's values point to; none where they point to several or it is excluded.
CREATE OR REPLACE TEMP TABLE i_attached AS
WITH foreign_value AS (
    SELECT p.rec, p.cluster, p.value_no
    FROM i_pointed_veto AS p
    INNER JOIN i_cluster_veto AS v ON p.cluster = v.cluster AND p.identifier = v.identifier
    GROUP BY p.rec, p.cluster, p.identifier, p.value_no
    HAVING count(*) FILTER (p.value_no = v.value_no) = 0
),

excluded AS (SELECT DISTINCT rec, cluster FROM foreign_value)

SELECT
    p.rec,
    CASE WHEN count(*) = 1 AND count(e.cluster) = 0 THEN min(p.cluster) END AS cluster,
    CASE WHEN count(e.cluster) > 0 THEN 'vetoed' WHEN count(*) > 1 THEN 'ambiguous' END AS trouble
FROM i_pointed AS p
LEFT JOIN excluded AS e ON p.rec = e.rec AND p.cluster = e.cluster
GROUP BY p.rec

-- :judged_pointers
-- What a person said of a reference record goes before what its identifiers say. A group has one cluster at most.
CREATE OR REPLACE TEMP TABLE i_pointer AS
WITH grouped AS (
    SELECT r.rec, g.grp, r.is_reference, c.cluster
    FROM i_rec AS r
    INNER JOIN i_group AS g ON r.source_system = g.source_system AND r.source_key = g.source_key
    LEFT JOIN i_cluster AS c ON r.rec = c.rec
),

refused AS (
    SELECT r.rec, o.cluster
    FROM grouped AS r
    INNER JOIN i_apart AS a ON r.grp = a.grp
    INNER JOIN grouped AS o ON a.other_grp = o.grp AND o.cluster IS NOT NULL
    WHERE r.is_reference
    UNION
    SELECT r.rec, p.cluster
    FROM i_rec AS r
    INNER JOIN i_alone AS a ON r.source_system = a.source_system AND r.source_key = a.source_key
    INNER JOIN i_pointed AS p ON r.rec = p.rec
)

SELECT r.rec, o.cluster, TRUE AS is_said
FROM grouped AS r
INNER JOIN grouped AS o ON r.grp = o.grp AND o.cluster IS NOT NULL
WHERE r.is_reference
GROUP BY r.rec, o.cluster
UNION ALL
SELECT r.rec, r.cluster, FALSE
FROM refused AS r
INNER JOIN i_pointed AS p ON r.rec = p.rec AND r.cluster = p.cluster

-- :refused_pointers
DELETE FROM i_pointed
WHERE
    (rec, cluster) IN (SELECT rec, cluster FROM i_pointer WHERE NOT is_said)
    OR rec IN (SELECT rec FROM i_pointer WHERE is_said)

-- :said_pointers
INSERT INTO i_attached
SELECT p.rec, p.cluster, NULL
FROM i_pointer AS p
WHERE p.is_said
UNION ALL
SELECT DISTINCT p.rec, NULL, 'rejected'
FROM i_pointer AS p
WHERE
    NOT p.is_said
    AND p.rec NOT IN (SELECT rec FROM i_pointer WHERE is_said)
    AND p.rec NOT IN (SELECT rec FROM i_pointed)

-- :placed
CREATE OR REPLACE TEMP TABLE i_placed AS
SELECT r.rec, r.source_system, r.source_key, r.is_reference, r.since, coalesce(c.cluster, a.cluster) AS cluster, a.trouble
FROM i_rec AS r
LEFT JOIN i_cluster AS c ON r.rec = c.rec
LEFT JOIN i_attached AS a ON r.rec = a.rec

-- :seeds
-- The record that an id belongs to. One that was re-keyed and is gone without a trace counts under its new key.
CREATE OR REPLACE TEMP VIEW i_seed AS
SELECT
    s.domain,
    s.sk,
    s.redirect_to,
    s.source_system,
    coalesce(k.new_key, s.source_key) AS source_key
FROM master.golden_seed AS s
LEFT JOIN i_rekeyed AS k ON s.source_system = k.source_system AND s.source_key = k.source_key

-- :clusters_with_ids
-- The id of a cluster: the least one that any of its records is the seed of; NULL where it has to be minted.
CREATE OR REPLACE TEMP TABLE i_golden AS
SELECT p.cluster, min(s.sk) AS sk, min(p.rec) AS senior
FROM i_placed AS p
LEFT JOIN i_seed AS s
    ON s.domain = $domain AND p.source_system = s.source_system AND p.source_key = s.source_key
WHERE NOT p.is_reference
GROUP BY p.cluster

-- :to_mint
SELECT p.source_system, p.source_key
FROM i_golden AS g
INNER JOIN i_placed AS p ON g.senior = p.rec
WHERE g.sk IS NULL
ORDER BY p.rec

-- :redirects
-- Seeds whose own id is not the one they have now: their id means that one. NULL: it stands for itself again.
SELECT s.sk, CASE WHEN g.sk <> s.sk THEN g.sk END AS redirect_to
FROM i_seed AS s
INNER JOIN i_placed AS p ON s.source_system = p.source_system AND s.source_key = p.source_key
INNER JOIN i_golden AS g ON p.cluster = g.cluster
WHERE s.domain = $domain AND s.redirect_to IS DISTINCT FROM CASE WHEN g.sk <> s.sk THEN g.sk END
ORDER BY redirect_to NULLS FIRST, s.sk

-- :xref_new
CREATE OR REPLACE TEMP TABLE i_xref AS
WITH shared AS (
    SELECT n.rec, n.level, n.namespace, count(*) OVER (PARTITION BY p.cluster, n.level, n.value_no) AS holders
    FROM i_node AS n
    INNER JOIN i_placed AS p ON n.rec = p.rec
    WHERE p.cluster IS NOT NULL
),

rule AS (
    SELECT rec, string_agg(namespace, '+' ORDER BY level) AS rule
    FROM (SELECT DISTINCT rec, level, namespace FROM shared WHERE holders > 1) AS linked
    GROUP BY rec
),

by_score AS (
    SELECT rec, max(score) AS score
    FROM (
        SELECT left_rec AS rec, score FROM i_judgement WHERE verdict = 'same'
        UNION ALL
        SELECT right_rec, score FROM i_judgement WHERE verdict = 'same'
    )
    GROUP BY rec
)

SELECT
    p.source_system,
    p.source_key,
    coalesce(g.sk, -2) AS <sk>,
    CASE
        WHEN d.source_key IS NOT NULL THEN 'steward_' || d.kind
        WHEN p.cluster IS NULL THEN coalesce(p.trouble, 'no_match')
        WHEN b.rec IS NOT NULL THEN concat_ws('+', r.rule, 'score')
        ELSE coalesce(r.rule, 'own_record')
    END AS match_rule,
    CASE
        WHEN p.cluster IS NULL THEN NULL
        WHEN b.rec IS NOT NULL AND r.rule IS NULL THEN CAST(b.score AS DECIMAL(5, 4))
        ELSE CAST(1 AS DECIMAL(5, 4))
    END AS match_score,
    CASE
        WHEN p.trouble = 'rejected' THEN 'rejected'
        WHEN p.cluster IS NULL THEN 'unresolved'
        WHEN d.source_key IS NOT NULL THEN 'steward'
        ELSE 'auto'
    END AS match_status,
    d.who AS decided_by,
    d.decided_at,
    p.since AS valid_from,
    CAST(NULL AS TIMESTAMPTZ) AS valid_to
FROM i_placed AS p
LEFT JOIN i_golden AS g ON p.cluster = g.cluster
LEFT JOIN rule AS r ON p.rec = r.rec
LEFT JOIN by_score AS b ON p.rec = b.rec
-- What is different is known by what it is: the decision counts where it leaves the record with nothing.
LEFT JOIN i_decided AS d
    ON p.source_system = d.source_system
        AND p.source_key = d.source_key
        AND CASE d.kind WHEN 'different' THEN p.trouble = 'rejected' ELSE p.cluster IS NOT NULL OR p.trouble = 'rejected' END

-- :edges
-- Positive: within a cluster the holders of a value, from its most senior holder. Negative: between clusters
-- that share a value and yet are not one, with what excludes them.
CREATE OR REPLACE TEMP TABLE i_edge AS
WITH node AS (
    SELECT n.*, p.cluster, p.source_system, p.source_key
    FROM i_node AS n
    INNER JOIN i_placed AS p ON n.rec = p.rec
    -- What a torn record says of itself no longer matters once a person has placed it.
    WHERE p.cluster IS NOT NULL AND n.rec NOT IN (SELECT rec FROM i_torn WHERE is_placed)
),

positive AS (
    SELECT h.rec AS left_rec, o.rec AS right_rec, o.namespace, h.value, greatest(h.valid_from, o.valid_from) AS decided_at
    FROM node AS o
    INNER JOIN node AS h ON o.cluster = h.cluster AND o.level = h.level AND o.value_no = h.value_no
    INNER JOIN (SELECT cluster, level, value_no, min(rec) AS rec FROM node GROUP BY cluster, level, value_no) AS hub
        ON h.cluster = hub.cluster AND h.level = hub.level AND h.value_no = hub.value_no AND h.rec = hub.rec
    WHERE o.rec <> h.rec
),

split AS (
    SELECT level, value_no, min(rec) AS rec
    FROM node
    WHERE NOT is_reference
    GROUP BY level, value_no
    HAVING count(DISTINCT cluster) > 1
),

holder AS (
    SELECT DISTINCT n.level, n.value_no, n.cluster
    FROM node AS n
    INNER JOIN split AS s ON n.level = s.level AND n.value_no = s.value_no
    WHERE NOT n.is_reference
),

clash AS (
    SELECT h.level, h.value_no, v.identifier
    FROM holder AS h
    INNER JOIN i_cluster_veto AS v ON h.cluster = v.cluster
    GROUP BY h.level, h.value_no, v.identifier
    HAVING count(DISTINCT v.value_no) > 1
),

reason AS (
    SELECT level, value_no, string_agg(identifier, '+' ORDER BY identifier) AS identifiers
    FROM clash
    GROUP BY level, value_no
),

other AS (
    SELECT n.level, n.value_no, n.cluster, min(n.rec) AS rec
    FROM node AS n
    INNER JOIN split AS s ON n.level = s.level AND n.value_no = s.value_no
    WHERE NOT n.is_reference
    GROUP BY n.level, n.value_no, n.cluster
),

contradiction AS (
    SELECT rec, other, why FROM i_contradiction
    UNION
    SELECT other, rec, why FROM i_contradiction
),

negative AS (
    SELECT
        h.rec AS left_rec,
        o.rec AS right_rec,
        'veto:' || coalesce(
            r.identifiers,
            c.why,
            $other_reason
        ) AS rule,
        o.value,
        greatest(h.valid_from, o.valid_from) AS decided_at
    FROM other AS x
    INNER JOIN split AS s ON x.level = s.level AND x.value_no = s.value_no
    INNER JOIN node AS o ON x.rec = o.rec AND x.level = o.level AND x.value_no = o.value_no
    INNER JOIN node AS h ON s.rec = h.rec AND s.level = h.level AND s.value_no = h.value_no
    LEFT JOIN reason AS r ON x.level = r.level AND x.value_no = r.value_no
    LEFT JOIN contradiction AS c ON h.rec = c.rec AND o.rec = c.other
    WHERE x.rec <> s.rec
),

edge AS (
    SELECT left_rec, right_rec, namespace AS rule, 1 AS score, 'positive' AS judgement, decided_at, namespace || ' ' || value AS evidence
    FROM positive
    UNION ALL
    SELECT left_rec, right_rec, rule, 0, 'negative', decided_at, value
    FROM negative
)

SELECT DISTINCT
    $domain AS domain,
    l.source_system AS left_source,
    l.source_key AS left_key,
    r.source_system AS right_source,
    r.source_key AS right_key,
    e.rule,
    CAST(e.score AS DECIMAL(5, 4)) AS score,
    e.judgement,
    'rule' AS decided_by,
    e.decided_at,
    e.evidence
FROM edge AS e
INNER JOIN i_placed AS l ON e.left_rec = l.rec
INNER JOIN i_placed AS r ON e.right_rec = r.rec

-- :score_edges
-- What scores joined, and what they only ask about.
INSERT INTO i_edge
SELECT
    $domain,
    l.source_system,
    l.source_key,
    r.source_system,
    r.source_key,
    'score',
    CAST(j.score AS DECIMAL(5, 4)),
    CASE j.verdict WHEN 'same' THEN 'positive' ELSE 'unsure' END,
    'rule',
    greatest(l.since, r.since),
    j.evidence
FROM i_judgement AS j
INNER JOIN i_placed AS l ON j.left_rec = l.rec
INNER JOIN i_placed AS r ON j.right_rec = r.rec

-- :judgements
CREATE OR REPLACE TEMP TABLE i_told AS
SELECT
    $domain AS domain,
    l.source_system AS left_source,
    l.source_key AS left_key,
    r.source_system AS right_source,
    r.source_key AS right_key,
    j.verdict,
    CAST(j.score AS DECIMAL(5, 4)) AS score,
    j.reason,
    j.evidence
FROM i_judgement AS j
INNER JOIN i_placed AS l ON j.left_rec = l.rec
INNER JOIN i_placed AS r ON j.right_rec = r.rec

-- :steward_edges
-- What people decided, beside what the rules found. A `same` in spite of a veto says so.
INSERT INTO i_edge
WITH named AS (
    SELECT i.*
    FROM i_ruling AS i
    SEMI JOIN (
        SELECT source_system, source_key FROM i_reach
        INTERSECT
        SELECT source_system, source_key FROM master.record WHERE domain = $domain
    ) AS r
        ON (i.left_source = r.source_system AND i.left_key = r.source_key)
            OR (i.right_source = r.source_system AND i.right_key = r.source_key)
),

held AS (
    SELECT v.identifier, v.value_no, r.source_system, r.source_key
    FROM i_veto AS v
    INNER JOIN i_rec AS r ON v.rec = r.rec
),

against AS (
    SELECT n.decision_id, string_agg(DISTINCT l.identifier, '+' ORDER BY l.identifier) AS identifiers
    FROM named AS n
    INNER JOIN held AS l ON n.left_source = l.source_system AND n.left_key = l.source_key
    INNER JOIN held AS r
        ON n.right_source = r.source_system
            AND n.right_key = r.source_key
            AND l.identifier = r.identifier
            AND l.value_no <> r.value_no
    WHERE n.judgement = 'positive'
    GROUP BY n.decision_id
)

SELECT
    $domain,
    n.left_source,
    n.left_key,
    n.right_source,
    n.right_key,
    'steward_' || n.kind,
    CASE n.judgement WHEN 'positive' THEN 1 ELSE 0 END,
    n.judgement,
    n.who,
    n.decided_at,
    'decision ' || CAST(n.decision_id AS VARCHAR) || coalesce(' in spite of veto:' || a.identifiers, '') || ': ' || n.reason
FROM named AS n
LEFT JOIN against AS a ON n.decision_id = a.decision_id

-- :labels
CREATE OR REPLACE TEMP TABLE i_label AS
SELECT $domain AS domain, g.sk, min(p.source_system || '|' || p.source_key) AS label
FROM i_golden AS g
INNER JOIN i_placed AS p ON g.cluster = p.cluster AND NOT p.is_reference
GROUP BY g.sk

-- :changed_xref
-- Source keys whose golden record is another one than before, with both ids. No new id: the record is not there any
-- more, nor was it ever, as the sources have it now.
CREATE OR REPLACE TEMP TABLE m_moved AS
SELECT
    coalesce(n.source_system, o.source_system) AS source_system,
    coalesce(n.source_key, o.source_key) AS source_key,
    o.sk AS old_sk,
    n.<sk> AS new_sk
FROM i_xref AS n
FULL OUTER JOIN i_xref_before AS o ON n.source_system = o.source_system AND n.source_key = o.source_key
WHERE o.sk IS DISTINCT FROM n.<sk>
