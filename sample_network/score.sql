-- A published store (attached as `store`) judged by a truth file (attached as `truth`). Every table made here is read-only
-- arithmetic; the last one, `measure`, has a row per figure: area, name, measure, value.

CREATE TEMP TABLE xref AS
SELECT 'item' AS domain, source_system, source_key, item_sk AS sk FROM store.conformed.bridge_item_xref WHERE _is_current
UNION ALL
SELECT 'supplier', source_system, source_key, supplier_sk FROM store.conformed.bridge_supplier_xref WHERE _is_current
UNION ALL
SELECT 'location', source_system, source_key, location_sk FROM store.conformed.bridge_location_xref WHERE _is_current
UNION ALL
SELECT 'gl_account', source_system, source_key, gl_account_sk FROM store.conformed.bridge_gl_account_xref WHERE _is_current
UNION ALL
SELECT 'cost_centre', source_system, source_key, cost_centre_sk FROM store.conformed.bridge_cost_centre_xref WHERE _is_current
UNION ALL
SELECT 'contract', source_system, source_key, contract_sk FROM store.conformed.bridge_contract_xref WHERE _is_current;

-- Each true key with the golden record the store gives it; a key without one is a record of its own.
CREATE TEMP TABLE keyed AS
SELECT c.domain, c.entity_id, c.source_system, c.source_key,
    CASE WHEN x.sk > 0 THEN CAST(x.sk AS VARCHAR) ELSE concat('?', c.source_system, '|', c.source_key) END AS cluster, x.sk
FROM truth.crosswalk AS c
LEFT JOIN xref AS x ON x.domain = c.domain AND x.source_system = c.source_system AND x.source_key = c.source_key;

CREATE TEMP TABLE pairs AS
WITH both_of AS (SELECT domain, entity_id, cluster, count(*) AS n FROM keyed GROUP BY ALL),
same_entity AS (SELECT domain, entity_id, sum(n) AS n FROM both_of GROUP BY ALL),
same_cluster AS (SELECT domain, cluster, sum(n) AS n FROM both_of GROUP BY ALL)

SELECT d.domain,
    (SELECT sum(n * (n - 1)) // 2 FROM both_of AS b WHERE b.domain = d.domain) AS found_true,
    (SELECT sum(n * (n - 1)) // 2 FROM same_cluster AS b WHERE b.domain = d.domain) AS found,
    (SELECT sum(n * (n - 1)) // 2 FROM same_entity AS b WHERE b.domain = d.domain) AS true_pairs
FROM (SELECT DISTINCT domain FROM keyed) AS d;

-- What a golden record is: the entity of most of its keys.
CREATE TEMP TABLE golden AS
SELECT domain, sk, entity_id FROM (
    SELECT domain, sk, entity_id, row_number() OVER (PARTITION BY domain, sk ORDER BY count(*) DESC, entity_id) AS choice
    FROM keyed WHERE sk > 0 GROUP BY domain, sk, entity_id
) WHERE choice = 1;

CREATE TEMP TABLE told AS
SELECT 'item' AS domain, item_sk AS sk, attribute, value FROM (
    SELECT item_sk, item_no, description, base_uom, gtin14, mfr_name, mfr_part_no, status, CAST(std_cost AS VARCHAR) AS std_cost, CAST(is_lot_tracked AS VARCHAR) AS is_lot_tracked, unspsc8, ndc11
    FROM store.conformed.dim_item WHERE _is_current)
UNPIVOT (value FOR attribute IN (item_no, description, base_uom, gtin14, mfr_name, mfr_part_no, status, std_cost, is_lot_tracked, unspsc8, ndc11))
UNION ALL
SELECT 'supplier', supplier_sk, attribute, value FROM (
    SELECT supplier_sk, supplier_no, duns, gln, legal_name, status FROM store.conformed.dim_supplier WHERE _is_current)
UNPIVOT (value FOR attribute IN (supplier_no, duns, gln, legal_name, status))
UNION ALL
SELECT 'location', location_sk, attribute, value FROM (
    SELECT location_sk, location_code, name, type, facility_code, gln FROM store.conformed.dim_location WHERE _is_current)
UNPIVOT (value FOR attribute IN (location_code, name, type, facility_code, gln))
UNION ALL
SELECT 'gl_account', gl_account_sk, attribute, value FROM (
    SELECT gl_account_sk, name, account_type, status FROM store.conformed.dim_gl_account WHERE _is_current)
UNPIVOT (value FOR attribute IN (name, account_type, status))
UNION ALL
SELECT 'cost_centre', cost_centre_sk, attribute, value FROM (
    SELECT cost_centre_sk, cost_centre_code, company_code, name, facility_code, location_code, CAST(first_date AS VARCHAR) AS first_date, status
    FROM store.conformed.dim_cost_centre WHERE _is_current)
UNPIVOT (value FOR attribute IN (cost_centre_code, company_code, name, facility_code, location_code, first_date, status))
UNION ALL
SELECT 'contract', contract_sk, attribute, value FROM (
    SELECT contract_sk, kind, CAST(first_date AS VARCHAR) AS first_date, CAST(last_date AS VARCHAR) AS last_date FROM store.conformed.dim_contract WHERE _is_current)
UNPIVOT (value FOR attribute IN (kind, first_date, last_date));

-- The golden record of an entity is the one that holds its ERP key.
CREATE TEMP TABLE attribute_result AS
SELECT a.domain, a.attribute, a.entity_id, a.value AS right_value, t.value AS told_value, a.value IS NOT DISTINCT FROM t.value AS is_right
FROM truth.attribute AS a
LEFT JOIN (SELECT domain, entity_id, min(sk) AS sk FROM keyed WHERE source_system IN ('legacy_erp', 'legacy_finance') AND sk > 0 GROUP BY ALL) AS g
    ON g.domain = a.domain AND g.entity_id = a.entity_id
LEFT JOIN told AS t ON t.domain = a.domain AND t.sk = g.sk AND t.attribute = a.attribute;

-- Facts of the store in the shape of the truth.
CREATE TEMP TABLE told_fact AS
WITH named AS (
    SELECT 'fact_po_line' AS table_name, _source_system AS source_system, _source_key AS source_key, item_sk, qty_base, ext_amount AS amount, order_local_date AS event_date, is_deleted_at_source FROM store.conformed.fact_po_line
    UNION ALL
    SELECT 'fact_po_ack', _source_system, concat(po_no, '|', po_line_no, '|', ack_seq), item_sk, qty_base, NULL, ack_local_date, is_deleted_at_source FROM store.conformed.fact_po_ack
    UNION ALL
    SELECT 'fact_asn_line', _source_system, _source_key, item_sk, qty_base, NULL, ship_local_date, is_deleted_at_source FROM store.conformed.fact_asn_line
    UNION ALL
    SELECT 'fact_receipt_line', _source_system, _source_key, item_sk, qty_base, NULL, received_local_date, is_deleted_at_source FROM store.conformed.fact_receipt_line
    UNION ALL
    SELECT 'fact_invoice_line', _source_system, _source_key, item_sk, qty_base, coalesce(ext_amount, 0) + coalesce(freight_amount, 0), invoice_date, is_deleted_at_source FROM store.conformed.fact_invoice_line
    UNION ALL
    SELECT 'fact_stock_movement', _source_system, _source_key, item_sk, qty_base, NULL, event_local_date, is_deleted_at_source FROM store.conformed.fact_stock_movement
    UNION ALL
    SELECT 'fact_stock_snapshot', _source_system, _source_key, item_sk, on_hand, NULL, snapshot_date, is_deleted_at_source FROM store.conformed.fact_stock_snapshot
)

SELECT n.table_name, n.source_system, n.source_key, g.entity_id AS item_id, n.item_sk, n.qty_base, n.amount, n.event_date
FROM named AS n
LEFT JOIN golden AS g ON g.domain = 'item' AND g.sk = n.item_sk
WHERE NOT n.is_deleted_at_source;

CREATE TEMP TABLE fact_result AS
WITH counted AS (
    SELECT table_name, source_system, source_key, count(*) AS times, any_value(item_id ORDER BY item_id) AS item_id, max(item_sk) AS item_sk,
        any_value(qty_base ORDER BY qty_base) AS qty_base, any_value(amount ORDER BY amount) AS amount
    FROM told_fact GROUP BY table_name, source_system, source_key
),

expected AS (SELECT * FROM truth.fact WHERE expected = 'published')

SELECT coalesce(e.table_name, c.table_name) AS table_name, coalesce(e.source_system, c.source_system) AS source_system, coalesce(e.source_key, c.source_key) AS source_key,
    e.table_name IS NOT NULL AS is_expected, coalesce(c.times, 0) AS times,
    -- What the store does not say is unknown, and no wrong statement: nobody is given another item, or another number of them.
    coalesce(e.table_name IS NOT NULL AND c.item_sk > 0 AND c.item_id IS DISTINCT FROM e.item_id, FALSE) AS wrong_item,
    coalesce(e.item_id IS NOT NULL AND coalesce(c.item_sk, -2) < 0, FALSE) AS unknown_item,
    coalesce(e.qty_base IS NOT NULL AND c.qty_base <> e.qty_base, FALSE) AS wrong_qty,
    coalesce(e.qty_base IS NOT NULL AND c.qty_base IS NULL, FALSE) AS unknown_qty,
    coalesce(e.table_name IS NOT NULL AND e.amount IS NOT NULL AND c.amount IS DISTINCT FROM e.amount, FALSE) AS wrong_amount
FROM expected AS e
FULL JOIN counted AS c ON c.table_name = e.table_name AND c.source_system = e.source_system AND c.source_key = e.source_key;

-- Records that the store's findings and review queue name, by kind.
CREATE TEMP TABLE said_of AS
SELECT kind, unnest(string_split(regexp_replace(key, ' [^ |]+$', ''), ' / ')) AS record FROM store.ops.master_finding WHERE kind = 'pack_conflict'
UNION
SELECT kind, regexp_replace(key, '[|]gtin$', '') FROM store.ops.master_finding WHERE kind = 'invalid_identifier'
UNION
SELECT kind, key FROM store.ops.master_finding WHERE kind = 'ndc_missing'
UNION
SELECT 'review', unnest([concat(left_source, '|', left_key), concat(right_source, '|', right_key)]) FROM store.ops.review;

-- Refused deliveries and rows of the store, by file.
CREATE TEMP TABLE refused AS
SELECT r.source_system, regexp_extract(d.name, '[^/]+$') AS file, CASE WHEN d.state = 'quarantined' THEN NULL ELSE r.row_no END AS line, r.rule_id
FROM store.ops.rejected_record AS r JOIN store.ops.delivery AS d USING (delivery_id)
WHERE r.severity = 'error'
UNION
SELECT source_system, regexp_extract(name, '[^/]+$'), NULL, 'delivery' FROM store.ops.delivery WHERE state = 'quarantined';

-- Places where something is to be refused: what else is wrong there goes down with it.
CREATE TEMP TABLE condemned AS
SELECT DISTINCT d.source_system, d.file, d.line FROM truth.defect AS d JOIN truth.defect_kind AS k USING (kind) WHERE k.outcome = 'quarantined';

CREATE TEMP TABLE defect_result AS
SELECT d.kind, k.outcome, d.source_system, d.feed, d.file, d.line, d.source_key,
    CASE
        WHEN k.outcome = 'quarantined' AND d.source_system = 'edi_hub' THEN
            EXISTS (SELECT 1 FROM refused AS r WHERE r.source_system = d.source_system AND r.file = d.file AND r.rule_id = 'x12.se_count')
        WHEN k.outcome = 'quarantined' THEN
            EXISTS (SELECT 1 FROM refused AS r WHERE r.source_system = d.source_system AND r.file = d.file AND (r.line IS NULL OR r.line = d.line))
        WHEN d.kind = 'item_unknown' THEN
            EXISTS (SELECT 1 FROM told_fact AS t WHERE t.source_system = d.source_system AND t.source_key = d.source_key AND t.item_sk = -2)
        WHEN d.kind IN ('gtin_bad_check', 'gtin_of_lookalike', 'pack_disagrees', 'ndc_missing', 'ndc_wrong') THEN
            EXISTS (SELECT 1 FROM said_of AS s WHERE s.record = concat(d.source_system, '|', d.source_key)
                AND s.kind = CASE d.kind WHEN 'gtin_bad_check' THEN 'invalid_identifier' WHEN 'gtin_of_lookalike' THEN 'review' WHEN 'ndc_wrong' THEN 'review' WHEN 'ndc_missing' THEN 'ndc_missing' ELSE 'pack_conflict' END)
        WHEN d.kind = 'schema_drift' THEN
            EXISTS (SELECT 1 FROM store.ops.rejected_record AS r JOIN store.ops.delivery AS v USING (delivery_id)
                WHERE r.rule_id = 'schema.unknown_column' AND v.source_system = d.source_system AND regexp_extract(v.name, '[^/]+$') = d.file)
        WHEN k.outcome IN ('tolerated', 'corrected') AND d.source_key IS NOT NULL THEN
            NOT EXISTS (SELECT 1 FROM fact_result AS f WHERE f.source_system = d.source_system AND f.source_key = d.source_key AND f.is_expected AND (f.times <> 1 OR f.wrong_qty OR f.unknown_qty))
            AND NOT EXISTS (SELECT 1 FROM refused AS r WHERE r.source_system = d.source_system AND r.file = d.file AND (r.line IS NULL OR r.line = d.line)
                AND NOT EXISTS (SELECT 1 FROM condemned AS c WHERE c.source_system = d.source_system AND c.file = d.file AND (c.line IS NULL OR c.line = d.line)))
        WHEN k.outcome IN ('tolerated', 'corrected') THEN
            NOT EXISTS (SELECT 1 FROM refused AS r WHERE r.source_system = d.source_system AND r.file = d.file AND r.line IS NULL
                AND NOT EXISTS (SELECT 1 FROM condemned AS c WHERE c.source_system = d.source_system AND c.file = d.file AND c.line IS NULL))
    END AS is_caught
FROM truth.defect AS d JOIN truth.defect_kind AS k USING (kind);

CREATE TEMP TABLE false_alarm AS
SELECT r.* FROM refused AS r
WHERE NOT EXISTS (SELECT 1 FROM truth.defect AS d JOIN truth.defect_kind AS k USING (kind)
    WHERE k.outcome = 'quarantined' AND d.source_system = r.source_system
        AND (d.file = r.file OR replace(r.file, '_again.', '.') = d.file OR replace(r.file, '_resent.', '.') = d.file
            OR regexp_replace(r.file, '[0-9]{8}_corrects_', '') = d.file)
        AND (r.line IS NULL OR d.line IS NULL OR d.line = r.line OR r.source_system = 'edi_hub'));

CREATE TEMP TABLE measure AS
SELECT 'identity' AS area, domain AS name, m.measure, CAST(CASE m.measure
    WHEN 'precision' THEN CASE WHEN found = 0 THEN 1 ELSE CAST(found_true AS DOUBLE) / found END
    WHEN 'recall' THEN CASE WHEN true_pairs = 0 THEN 1 ELSE CAST(found_true AS DOUBLE) / true_pairs END
    ELSE CASE WHEN found + true_pairs = 0 THEN 1 ELSE 2 * CAST(found_true AS DOUBLE) / (found + true_pairs) END END AS DOUBLE) AS value
FROM pairs CROSS JOIN (VALUES ('precision'), ('recall'), ('f1')) AS m (measure)
UNION ALL
SELECT 'attribute', concat(domain, '.', attribute), 'share_right', avg(CASE WHEN is_right THEN 1.0 ELSE 0.0 END) FROM attribute_result GROUP BY domain, attribute
UNION ALL
SELECT 'attribute', 'all', 'share_right', avg(CASE WHEN is_right THEN 1.0 ELSE 0.0 END) FROM attribute_result
UNION ALL
SELECT 'fact', table_name, m.measure, CASE m.measure
    WHEN 'expected' THEN count(*) FILTER (WHERE is_expected)
    WHEN 'lost' THEN count(*) FILTER (WHERE is_expected AND times = 0)
    WHEN 'extra' THEN count(*) FILTER (WHERE NOT is_expected)
    WHEN 'duplicated' THEN count(*) FILTER (WHERE times > 1)
    WHEN 'wrong_item' THEN count(*) FILTER (WHERE times > 0 AND wrong_item)
    WHEN 'wrong_qty' THEN count(*) FILTER (WHERE times > 0 AND wrong_qty)
    WHEN 'wrong_amount' THEN count(*) FILTER (WHERE times > 0 AND wrong_amount)
    WHEN 'unknown_item' THEN count(*) FILTER (WHERE times > 0 AND unknown_item)
    WHEN 'unknown_qty' THEN count(*) FILTER (WHERE times > 0 AND unknown_qty)
    ELSE count(*) FILTER (WHERE is_expected AND times = 1 AND NOT (wrong_item OR wrong_qty OR wrong_amount OR unknown_item OR unknown_qty)) / CAST(greatest(1, count(*)) AS DOUBLE) END
FROM fact_result CROSS JOIN (VALUES ('expected'), ('lost'), ('extra'), ('duplicated'), ('wrong_item'), ('wrong_qty'), ('wrong_amount'), ('unknown_item'), ('unknown_qty'), ('share_right')) AS m (measure)
GROUP BY table_name, m.measure
UNION ALL
SELECT 'defect', kind, m.measure, CASE m.measure
    WHEN 'listed' THEN count(*)
    WHEN 'caught' THEN count(*) FILTER (WHERE is_caught)
    WHEN 'missed' THEN count(*) FILTER (WHERE NOT is_caught)
    ELSE count(*) FILTER (WHERE is_caught IS NULL) END
FROM defect_result CROSS JOIN (VALUES ('listed'), ('caught'), ('missed'), ('not_visible')) AS m (measure)
GROUP BY kind, m.measure
UNION ALL
SELECT 'defect', 'all', 'false_alarms', count(*) FROM false_alarm
UNION ALL
SELECT 'defect', 'quarantined', 'share_caught', avg(CASE WHEN is_caught THEN 1.0 ELSE 0.0 END) FROM defect_result WHERE outcome = 'quarantined' HAVING count(*) > 0;
