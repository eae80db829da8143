-- Cost centres: every version of every golden one, with the members -1 UNKNOWN and -2 UNRESOLVED.
WITH place AS (
    -- A code that two golden locations have names neither.
    SELECT location_code, CASE WHEN count(*) = 1 THEN min(location_sk) END AS location_sk
    FROM master.golden_location
    WHERE is_current AND location_code IS NOT NULL
    GROUP BY location_code
),

golden AS (
    SELECT
        g.cost_centre_sk,
        g.cost_centre_code,
        g.company_code,
        g.name,
        g.facility_code,
        CASE WHEN g.location_code IS NULL THEN -1 ELSE coalesce(p.location_sk, -2) END AS location_sk,
        g.location_code,
        g.first_date,
        g.end_date,
        g.status,
        g._source_system,
        g._source_key,
        g._delivery_id,
        g._source_row_no,
        md5(
            concat_ws(
                '|',
                coalesce(g.cost_centre_code, ''),
                coalesce(g.company_code, ''),
                coalesce(g.name, ''),
                coalesce(g.facility_code, ''),
                coalesce(g.location_code, ''),
                coalesce(CAST(g.first_date AS VARCHAR), ''),
                coalesce(CAST(g.end_date AS VARCHAR), ''),
                coalesce(g.status, '')
            )
        ) AS _row_hash,
        g.valid_from AS _valid_from,
        g.valid_to AS _valid_to,
        g.is_current AS _is_current
    FROM master.golden_cost_centre AS g
    LEFT JOIN place AS p ON g.location_code = p.location_code
),

member AS (
    -- What facts without a key point to, and facts with a key that no record of the domain has. All else is NULL.
    SELECT
        CAST(m.sk AS BIGINT) AS cost_centre_sk,
        m.code AS cost_centre_code,
        g.company_code,
        m.said AS name,
        g.facility_code,
        CAST(-1 AS BIGINT) AS location_sk,
        g.location_code,
        g.first_date,
        g.end_date,
        g.status,
        'concord' AS _source_system,
        m.code AS _source_key,
        g._delivery_id,
        g._source_row_no,
        md5(m.code) AS _row_hash,
        TIMESTAMPTZ '1900-01-01 00:00:00+00' AS _valid_from,
        g._valid_to,
        TRUE AS _is_current
    FROM (VALUES (-1, 'UNKNOWN', 'no cost centre given'), (-2, 'UNRESOLVED', 'key matches no cost centre')) AS m (sk, code, said)
    LEFT JOIN golden AS g ON FALSE
)

SELECT * FROM golden
UNION ALL
SELECT * FROM member
