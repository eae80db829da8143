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

member AS (
    -- What facts without a key point to, and facts with a key that no record of the domain has. All else is NULL.
    SELECT
        CAST(m.sk AS BIGINT) AS gl_account_sk,
        m.code AS account_no,
        m.said AS name,
        g.account_type,
        CAST(-1 AS BIGINT) AS parent_gl_account_sk,
        g.status,
        'concord' AS _source_system,
        m.code AS _source_key,
        g._delivery_id,
        g._source_row_no,
        md5(m.code) AS _row_hash,
        TIMESTAMPTZ '1900-01-01 00:00:00+00' AS _valid_from,
        g._valid_to,
        TRUE AS _is_current
    FROM (VALUES (-1, 'UNKNOWN', 'no account given'), (-2, 'UNRESOLVED', 'key matches no account')) AS m (sk, code, said)
    LEFT JOIN golden AS g ON FALSE
)

SELECT * FROM golden
UNION ALL
SELECT * FROM member
