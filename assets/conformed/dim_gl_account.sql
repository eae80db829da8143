-- Accounts of the general ledger: every version of every golden one, with the members -1 UNKNOWN and -2 UNRESOLVED.
WITH golden AS (
    SELECT
        g.gl_account_sk,
        g.account_no,
        g.name,
        g.account_type,
        coalesce(g.parent_gl_account_sk, CAST(CASE WHEN g.parent_gl_account_key IS NULL THEN -1 ELSE -2 END AS BIGINT)) AS parent_gl_account_sk,
        g.status,
        g._source_system,
        g._source_key,
        g._delivery_id,
        g._source_row_no,
        md5(
            concat_ws(
                '|',
                coalesce(g.account_no, ''),
                coalesce(g.name, ''),
                coalesce(g.account_type, ''),
                coalesce(g.parent_gl_account_key, ''),
                coalesce(g.status, '')
            )
        ) AS _row_hash,
        g.valid_from AS _valid_from,
        g.valid_to AS _valid_to,
        g.is_current AS _is_current
    FROM master.golden_gl_account AS g
),

unknown AS (
    -- Facts without a key.
    SELECT
        CAST(-1 AS BIGINT) AS gl_account_sk,
        'UNKNOWN' AS account_no,
        'no account given' AS name,
        CAST(NULL AS VARCHAR) AS account_type,
        CAST(-1 AS BIGINT) AS parent_gl_account_sk,
        CAST(NULL AS VARCHAR) AS status,
        'concord' AS _source_system,
        'UNKNOWN' AS _source_key,
        CAST(NULL AS VARCHAR) AS _delivery_id,
        CAST(NULL AS BIGINT) AS _source_row_no,
        md5('UNKNOWN') AS _row_hash,
        TIMESTAMPTZ '1900-01-01 00:00:00+00' AS _valid_from,
        CAST(NULL AS TIMESTAMPTZ) AS _valid_to,
        TRUE AS _is_current
),

unresolved AS (
    -- Facts with a key that no record of the domain has.
    SELECT
        CAST(-2 AS BIGINT) AS gl_account_sk,
        'UNRESOLVED' AS account_no,
        'key matches no account' AS name,
        CAST(NULL AS VARCHAR) AS account_type,
        CAST(-1 AS BIGINT) AS parent_gl_account_sk,
        CAST(NULL AS VARCHAR) AS status,
        'concord' AS _source_system,
        'UNRESOLVED' AS _source_key,
        CAST(NULL AS VARCHAR) AS _delivery_id,
        CAST(NULL AS BIGINT) AS _source_row_no,
        md5('UNRESOLVED') AS _row_hash,
        TIMESTAMPTZ '1900-01-01 00:00:00+00' AS _valid_from,
        CAST(NULL AS TIMESTAMPTZ) AS _valid_to,
        TRUE AS _is_current
)

SELECT * FROM golden
UNION ALL
SELECT * FROM unknown
UNION ALL
SELECT * FROM unresolved
