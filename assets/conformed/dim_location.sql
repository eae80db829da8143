-- Locations: every version of every golden location, with the members -1 UNKNOWN and -2 UNRESOLVED.
WITH RECURSIVE node AS (
    SELECT
        g.location_sk,
        coalesce(g.location_code, g.name, '?') AS label,
        coalesce(g.parent_location_sk, -1) AS parent_sk
    FROM master.golden_location AS g
    WHERE g.is_current
),

path AS (
    -- From the roots down, by today's parents; a location in a ring of parents is never reached and keeps its own label.
    SELECT location_sk, label AS path
    FROM node
    WHERE parent_sk < 1
    UNION ALL
    SELECT n.location_sk, p.path || '/' || n.label AS path
    FROM node AS n
    INNER JOIN path AS p ON n.parent_sk = p.location_sk
),

cost_centre AS (
    -- A code that two companies use names one only together with its company.
    SELECT
        cost_centre_code,
        CASE WHEN count(*) OVER (PARTITION BY cost_centre_code) = 1 THEN cost_centre_sk END AS only_sk,
        company_code,
        CASE WHEN count(*) OVER (PARTITION BY cost_centre_code, company_code) = 1 THEN cost_centre_sk END AS company_sk
    FROM master.golden_cost_centre
    WHERE is_current AND cost_centre_code IS NOT NULL
),

borne AS (
    SELECT g.location_sk, g.valid_from, max(coalesce(c.company_sk, c.only_sk)) AS cost_centre_sk
    FROM master.golden_location AS g
    INNER JOIN cost_centre AS c
        ON g.cost_centre_code = c.cost_centre_code AND coalesce(g.company_code = c.company_code, c.only_sk IS NOT NULL)
    GROUP BY g.location_sk, g.valid_from
),

golden AS (
    SELECT
        g.location_sk,
        g.location_code,
        g.gln,
        g.name,
        g.type,
        coalesce(g.parent_location_sk, CAST(CASE WHEN g.parent_location_key IS NULL THEN -1 ELSE -2 END AS BIGINT)) AS parent_location_sk,
        coalesce(path.path, g.location_code, g.name) AS path,
        g.facility_code,
        g.tz_iana,
        g.company_code,
        CASE WHEN g.cost_centre_code IS NULL THEN -1 ELSE coalesce(borne.cost_centre_sk, -2) END AS cost_centre_sk,
        g.cost_centre_code,
        g.city,
        g.state,
        g.postal_code,
        g.country,
        g.status,
        g._source_system,
        g._source_key,
        g._delivery_id,
        g._source_row_no,
        md5(
            concat_ws(
                '|',
                coalesce(g.location_code, ''),
                coalesce(g.gln, ''),
                coalesce(g.name, ''),
                coalesce(g.type, ''),
                coalesce(g.facility_code, ''),
                coalesce(g.tz_iana, ''),
                coalesce(g.company_code, ''),
                coalesce(g.cost_centre_code, ''),
                coalesce(g.city, ''),
                coalesce(g.state, ''),
                coalesce(g.postal_code, ''),
                coalesce(g.country, ''),
                coalesce(g.status, ''),
                coalesce(g.parent_location_key, '')
            )
        ) AS _row_hash,
        g.valid_from AS _valid_from,
        g.valid_to AS _valid_to,
        g.is_current AS _is_current
    FROM master.golden_location AS g
    LEFT JOIN path ON g.location_sk = path.location_sk
    LEFT JOIN borne ON g.location_sk = borne.location_sk AND g.valid_from = borne.valid_from
),

member AS (
    -- What facts without a key point to, and facts with a key that no record of the domain has. All else is NULL.
    SELECT
        CAST(m.sk AS BIGINT) AS location_sk,
        m.code AS location_code,
        g.gln,
        m.said AS name,
        g.type,
        CAST(-1 AS BIGINT) AS parent_location_sk,
        g.path,
        g.facility_code,
        g.tz_iana,
        g.company_code,
        CAST(-1 AS BIGINT) AS cost_centre_sk,
        g.cost_centre_code,
        g.city,
        g.state,
        g.postal_code,
        g.country,
        g.status,
        'concord' AS _source_system,
        m.code AS _source_key,
        g._delivery_id,
        g._source_row_no,
        md5(m.code) AS _row_hash,
        TIMESTAMPTZ '1900-01-01 00:00:00+00' AS _valid_from,
        g._valid_to,
        TRUE AS _is_current
    FROM (VALUES (-1, 'UNKNOWN', 'no location key given'), (-2, 'UNRESOLVED', 'location key matches no location')) AS m (sk, code, said)
    LEFT JOIN golden AS g ON FALSE
)

SELECT * FROM golden
UNION ALL
SELECT * FROM member
