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

member AS (
    -- What facts without a key point to, and facts with a key that no record of the domain has. All else is NULL.
    SELECT
        CAST(m.sk AS BIGINT) AS supplier_sk,
        m.code AS supplier_no,
        m.said AS legal_name,
        g.norm_name,
        g.tax_id_hash,
        g.duns,
        g.gln,
        g.edi_id_qual,
        g.edi_id,
        g.remit_to_id,
        CAST(-1 AS BIGINT) AS parent_supplier_sk,
        g.is_distributor,
        g.is_gpo,
        g.status,
        g.onboarded_date,
        g.risk_tier,
        g.diversity_flags,
        'concord' AS _source_system,
        m.code AS _source_key,
        g._delivery_id,
        g._source_row_no,
        md5(m.code) AS _row_hash,
        TIMESTAMPTZ '1900-01-01 00:00:00+00' AS _valid_from,
        g._valid_to,
        TRUE AS _is_current
    FROM (VALUES (-1, 'UNKNOWN', 'no supplier key given'), (-2, 'UNRESOLVED', 'supplier key matches no supplier')) AS m (sk, code, said)
    LEFT JOIN golden AS g ON FALSE
)

SELECT * FROM golden
UNION ALL
SELECT * FROM member
