-- How long values count under a limit (`max_age_hours`): what the intake confirmed as a whole, and whose limit passes.

-- :runs
-- Times in which everything a source says is not older than a limit, whatever record it is about.
CREATE OR REPLACE TEMP TABLE t_run AS
WITH span AS (
    SELECT c.source_system, h.max_age_hours, c.since, c.confirmed + to_hours(h.max_age_hours) AS until
    FROM t_confirmed AS c
    CROSS JOIN t_limit AS h
    WHERE c.since < c.confirmed + to_hours(h.max_age_hours) AND c.since <= $as_of
),

flagged AS (
    SELECT
        *,
        CASE
            WHEN
                since <= max(until) OVER (
                    PARTITION BY source_system, max_age_hours
                    ORDER BY since
                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                )
                THEN 0
            ELSE 1
        END AS is_new
    FROM span
),

island AS (
    SELECT *, sum(is_new) OVER (PARTITION BY source_system, max_age_hours ORDER BY since) AS island
    FROM flagged
)

SELECT
    source_system,
    max_age_hours,
    min(since) AS begins,
    max(until) AS ends,
    CASE WHEN max(until) <= $as_of THEN max(until) END AS ended
FROM island
GROUP BY source_system, max_age_hours, island

-- :turned_sources
-- Sources whose times are others than at the last call. One that goes on being confirmed is none of them.
CREATE OR REPLACE TEMP TABLE t_turned AS
SELECT DISTINCT source_system
FROM (
    (
        SELECT source_system, max_age_hours, begins, ended FROM t_run
        EXCEPT
        SELECT source_system, max_age_hours, begins, ended FROM master.confirmed_run WHERE domain = $domain
    )
    UNION ALL
    (
        SELECT source_system, max_age_hours, begins, ended FROM master.confirmed_run WHERE domain = $domain
        EXCEPT
        SELECT source_system, max_age_hours, begins, ended FROM t_run
    )
) AS changed

-- :due
-- Golden records with a value whose limit passes between the last call and this one, and that nothing confirmed since.
CREATE OR REPLACE TEMP TABLE t_due AS
SELECT DISTINCT d.sk
FROM master.limit_due AS d
WHERE
    d.domain = $domain
    AND d.due_at > least($before, $as_of)
    AND d.due_at <= greatest($before, $as_of)
    AND NOT EXISTS (
        SELECT 1
        FROM t_run AS r
        WHERE
            r.source_system = d.source_system
            AND r.max_age_hours = d.max_age_hours
            AND r.begins <= d.due_at
            AND d.due_at < r.ends
    )

-- :look_again
INSERT INTO v_golden
SELECT sk
FROM (
    SELECT sk FROM t_due
    UNION
    SELECT x.<sk>
    FROM <xref> AS x
    SEMI JOIN t_turned AS t ON x.source_system = t.source_system
    WHERE x.valid_to IS NULL AND x.<sk> > 0
) AS again
WHERE sk NOT IN (SELECT sk FROM v_golden)

-- :fresh
-- When each value that has a limit is not older than it: from every row in which its record said it, and as long as its
-- source is confirmed as a whole. What fell silent with every source stays as it was then.
CREATE OR REPLACE TEMP TABLE v_fresh AS
WITH said AS (
    SELECT
        s.rowid AS said, s.sk, s.source_system, s.source_key, s.valid_from, s.valid_to, s.said_to, h.max_age_hours
    FROM v_statement AS s
    INNER JOIN (
        SELECT DISTINCT attribute_no, source_no, max_age_hours FROM v_rule WHERE max_age_hours IS NOT NULL
    ) AS h ON s.attribute_no = h.attribute_no AND s.source_no = h.source_no
    WHERE NOT s.is_obituary
),

span AS (
    SELECT
        q.said, q.max_age_hours, q.valid_to, q.said_to, v.valid_from AS begins, v.valid_from + to_hours(q.max_age_hours) AS ends
    FROM said AS q
    INNER JOIN v_version AS v
        ON q.sk = v.sk
            AND q.source_system = v.source_system
            AND q.source_key = v.source_key
            AND q.valid_from <= v.valid_from
            AND (q.said_to IS NULL OR q.said_to > v.valid_from)
    WHERE v.is_live
    UNION ALL
    SELECT q.said, q.max_age_hours, q.valid_to, q.said_to, greatest(r.begins, q.valid_from), r.ends
    FROM said AS q
    INNER JOIN t_run AS r
        ON q.source_system = r.source_system
            AND q.max_age_hours = r.max_age_hours
            AND q.valid_from < r.ends
            AND (q.said_to IS NULL OR q.said_to > r.begins)
),

flagged AS (
    SELECT
        *,
        CASE
            WHEN
                begins <= max(ends) OVER (
                    PARTITION BY said, max_age_hours ORDER BY begins, ends ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                )
                THEN 0
            ELSE 1
        END AS is_new
    FROM span
),

island AS (
    SELECT
        *,
        sum(is_new) OVER (PARTITION BY said, max_age_hours ORDER BY begins, ends ROWS UNBOUNDED PRECEDING) AS island
    FROM flagged
)

SELECT
    said,
    max_age_hours,
    min(begins) AS fresh_from,
    CASE
        WHEN any_value(said_to) <= max(ends) THEN any_value(valid_to)
        WHEN max(ends) <= $as_of THEN max(ends)
    END AS fresh_to
FROM island
GROUP BY said, max_age_hours, island

-- :forget_due
DELETE FROM master.limit_due WHERE domain = $domain AND sk IN (SELECT sk FROM v_golden)

-- :note_due
-- When the limits of what records say now pass, unless they say it again.
INSERT INTO master.limit_due
SELECT DISTINCT $domain, s.sk, s.source_system, h.max_age_hours, v.valid_from + to_hours(h.max_age_hours)
FROM v_statement AS s
INNER JOIN (
    SELECT DISTINCT attribute_no, source_no, max_age_hours FROM v_rule WHERE max_age_hours IS NOT NULL
) AS h ON s.attribute_no = h.attribute_no AND s.source_no = h.source_no
INNER JOIN v_version AS v
    ON s.sk = v.sk AND s.source_system = v.source_system AND s.source_key = v.source_key
WHERE s.said_to IS NULL AND v.valid_to IS NULL AND v.is_live

-- :remember_runs
INSERT INTO master.confirmed_run
SELECT $domain, source_system, max_age_hours, begins, ended
FROM t_run
