-- From when on all that a source says of a shape is known to be what it said at which moment: every feed that supplies it
-- has delivered everything it holds since then. A delivery of which nobody knows what it lacks confirms nothing.
WITH taken AS (
    SELECT source_system, feed, delivery_id, as_of_ts, kind, key_range_lo, key_range_hi
    FROM ops.delivery
    WHERE state <> 'quarantined' AND list_contains($feeds, feed)
),

complete AS (
    SELECT DISTINCT source_system, feed, as_of_ts
    FROM taken AS t
    WHERE
        (kind = 'snapshot' OR (kind = 'range' AND key_range_lo IS NULL AND key_range_hi IS NULL))
        AND NOT EXISTS (
            SELECT 1 FROM ops.rejected_record AS r WHERE r.delivery_id = t.delivery_id AND r.rule_id = 'delete.deferred'
        )
),

moment AS (
    SELECT m.source_system, f.feed, m.as_of_ts AS since
    FROM (SELECT DISTINCT source_system, as_of_ts FROM complete) AS m
    INNER JOIN (SELECT DISTINCT source_system, feed FROM taken) AS f ON m.source_system = f.source_system
)

SELECT m.source_system, m.since, min(c.as_of_ts) AS confirmed
FROM moment AS m
ASOF LEFT JOIN complete AS c ON m.source_system = c.source_system AND m.feed = c.feed AND m.since >= c.as_of_ts
GROUP BY m.source_system, m.since
HAVING count(c.as_of_ts) = count(*)
ORDER BY m.source_system, since
