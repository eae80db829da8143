-- Suppliers: every version of every golden supplier, with the members -1 UNKNOWN and -2 UNRESOLVED.
WITH golden AS (
    SELECT
        g.supplier_sk,
        g.supplier_no,
        g.legal_name,
        g.norm_name,
        g.tax_id_hash,
        g.duns,
        g.gln,
        g.edi_id_qual,
        g.edi_id,
        g.remit_to_id,
        coalesce(g.parent_supplier_sk, CAST(CASE WHEN g.parent_supplier_key IS NULL THEN -1 ELSE -2 END AS BIGINT)) AS parent_supplier_sk,
        g.is_distributor,
        g.is_gpo,
        g.status,
        g.onboarded_date,
        g.risk_tier,
        g.diversity_flags,
        g._source_system,
        g._source_key,
        g._delivery_id,
        g._source_row_no,
        md5(
            concat_ws(
                '|',
                coalesce(g.supplier_no, ''),
                coalesce(g.legal_name, ''),
                coalesce(g.tax_id_hash, ''),
                coalesce(g.duns, ''),
                coalesce(g.gln, ''),
                coalesce(g.edi_id_qual, ''),
                coalesce(g.edi_id, ''),
                coalesce(g.remit_to_id, ''),
                coalesce(CAST(g.is_distributor AS VARCHAR), ''),
                coalesce(CAST(g.is_gpo AS VARCHAR), ''),
                coalesce(g.status, ''),
                coalesce(CAST(g.onboarded_date AS VARCHAR), ''),
                coalesce(g.risk_tier, ''),
                coalesce(g.diversity_flags, ''),
                coalesce(g.parent_supplier_key, '')
            )
        ) AS _row_hash,
        g.valid_from AS _valid_from,
        g.valid_to AS _valid_to,
        g.is_current AS _is_current
    FROM master.golden_supplier AS g
),

unknown AS (
    -- Facts without a key.
    SELECT
        CAST(-1 AS BIGINT) AS supplier_sk,
        'UNKNOWN' AS supplier_no,
        'no supplier key given' AS legal_name,
        CAST(NULL AS VARCHAR) AS norm_name,
        CAST(NULL AS VARCHAR) AS tax_id_hash,
        CAST(NULL AS VARCHAR) AS duns,
        CAST(NULL AS VARCHAR) AS gln,
        CAST(NULL AS VARCHAR) AS edi_id_qual,
        CAST(NULL AS VARCHAR) AS edi_id,
        CAST(NULL AS VARCHAR) AS remit_to_id,
        CAST(-1 AS BIGINT) AS parent_supplier_sk,
        CAST(NULL AS BOOLEAN) AS is_distributor,
        CAST(NULL AS BOOLEAN) AS is_gpo,
        CAST(NULL AS VARCHAR) AS status,
        CAST(NULL AS DATE) AS onboarded_date,
        CAST(NULL AS VARCHAR) AS risk_tier,
        CAST(NULL AS VARCHAR) AS diversity_flags,
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
        CAST(-2 AS BIGINT) AS supplier_sk,
        'UNRESOLVED' AS supplier_no,
        'supplier key matches no supplier' AS legal_name,
        CAST(NULL AS VARCHAR) AS norm_name,
        CAST(NULL AS VARCHAR) AS tax_id_hash,
        CAST(NULL AS VARCHAR) AS duns,
        CAST(NULL AS VARCHAR) AS gln,
        CAST(NULL AS VARCHAR) AS edi_id_qual,
        CAST(NULL AS VARCHAR) AS edi_id,
        CAST(NULL AS VARCHAR) AS remit_to_id,
        CAST(-1 AS BIGINT) AS parent_supplier_sk,
        CAST(NULL AS BOOLEAN) AS is_distributor,
        CAST(NULL AS BOOLEAN) AS is_gpo,
        CAST(NULL AS VARCHAR) AS status,
        CAST(NULL AS DATE) AS onboarded_date,
        CAST(NULL AS VARCHAR) AS risk_tier,
        CAST(NULL AS VARCHAR) AS diversity_flags,
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
