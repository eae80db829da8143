-- Crosswalk: which golden supplier each key of each source means, since when, by which rule or person.
-- A key means what it means now for its whole life; ids that became another one are in ops.golden_redirect.
SELECT
    source_system,
    source_key,
    supplier_sk,
    match_rule,
    match_score,
    match_status,
    decided_by,
    decided_at,
    source_system AS _source_system,
    source_key AS _source_key,
    md5(
        concat_ws(
            '|',
            source_system,
            source_key,
            coalesce(match_rule, ''),
            coalesce(CAST(match_score AS VARCHAR), ''),
            coalesce(match_status, ''),
            coalesce(decided_by, '')
        )
    ) AS _row_hash,
    valid_from AS _valid_from,
    valid_to AS _valid_to,
    valid_to IS NULL AS _is_current
FROM master.xref_supplier
