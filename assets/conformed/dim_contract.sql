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

unknown AS (
    -- Facts without a key.
    SELECT
        CAST(-1 AS BIGINT) AS contract_sk,
        'UNKNOWN' AS contract_no,
        CAST(NULL AS VARCHAR) AS kind,
        CAST(-1 AS BIGINT) AS supplier_sk,
        CAST(NULL AS VARCHAR) AS currency_code,
        CAST(NULL AS DATE) AS first_date,
        CAST(NULL AS DATE) AS last_date,
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
        CAST(-2 AS BIGINT) AS contract_sk,
        'UNRESOLVED' AS contract_no,
        CAST(NULL AS VARCHAR) AS kind,
        CAST(-1 AS BIGINT) AS supplier_sk,
        CAST(NULL AS VARCHAR) AS currency_code,
        CAST(NULL AS DATE) AS first_date,
        CAST(NULL AS DATE) AS last_date,
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
