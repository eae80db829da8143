-- Contracts: every version of every golden one, with the members -1 UNKNOWN and -2 UNRESOLVED.
WITH golden AS (
    SELECT
        g.contract_sk,
        g.contract_no,
        g.kind,
        coalesce(g.supplier_sk, CAST(CASE WHEN g.supplier_key IS NULL THEN -1 ELSE -2 END AS BIGINT)) AS supplier_sk,
        g.currency_code,
        g.first_date,
        g.last_date,
        g.status,
        g._source_system,
        g._source_key,
        g._delivery_id,
        g._source_row_no,
        md5(
            concat_ws(
                '|',
                coalesce(g.contract_no, ''),
                coalesce(g.kind, ''),
                coalesce(g.supplier_key, ''),
                coalesce(g.currency_code, ''),
                coalesce(CAST(g.first_date AS VARCHAR), ''),
                coalesce(CAST(g.last_date AS VARCHAR), ''),
                coalesce(g.status, '')
            )
        ) AS _row_hash,
        g.valid_from AS _valid_from,
        g.valid_to AS _valid_to,
        g.is_current AS _is_current
    FROM master.golden_contract AS g
),

member AS (
    -- What facts without a key point to, and facts with a key that no record of the domain has. All else is NULL.
    SELECT
        CAST(m.sk AS BIGINT) AS contract_sk,
        m.code AS contract_no,
        g.kind,
        CAST(-1 AS BIGINT) AS supplier_sk,
        g.currency_code,
        g.first_date,
        g.last_date,
        g.status,
        'concord' AS _source_system,
        m.code AS _source_key,
        g._delivery_id,
        g._source_row_no,
        md5(m.code) AS _row_hash,
        TIMESTAMPTZ '1900-01-01 00:00:00+00' AS _valid_from,
        g._valid_to,
        TRUE AS _is_current
    FROM (VALUES (-1, 'UNKNOWN'), (-2, 'UNRESOLVED')) AS m (sk, code)
    LEFT JOIN golden AS g ON FALSE
)

SELECT * FROM golden
UNION ALL
SELECT * FROM member
