-- What every hospital shares: companies, contracts, recalls, cost centres and budgets, as of `until`.
INSERT INTO truth.supplier_event
SELECT * FROM (
    SELECT entity_id, 'renamed' AS kind, day_of(renamed_day) AS event_date, later_name, NULL FROM supplier
    WHERE utc_of(renamed_day, 600, 'America/New_York') <= getvariable('until')
    UNION ALL
    SELECT s.entity_id, 'bought', day_of(s.merged_day), NULL, o.entity_id FROM supplier AS s JOIN supplier AS o ON o.supplier_no = s.bought_by
    WHERE utc_of(s.merged_day, 660, 'America/New_York') <= getvariable('until')
)
ORDER BY 1, 2;
-- Which other names of a maker the hospitals' lists have, from the rows that the truth lists as such.
INSERT INTO truth.manufacturer_alias
SELECT DISTINCT m.entity_id, d.source_system, alias_of(m.first_name, bits(dice('alias', order_key(f.facility_no, 0, i.mfr_no)), 0, 3))
FROM truth.defect AS d JOIN truth.crosswalk AS c ON c.domain = 'item' AND c.source_system = d.source_system AND c.source_key = d.source_key
JOIN item AS i ON i.entity_id = c.entity_id JOIN supplier AS m ON m.supplier_no = i.mfr_no JOIN facility AS f ON f.source = d.source_system
WHERE d.kind = 'mfr_alias' ORDER BY ALL;
INSERT INTO truth.finance_move
SELECT code, day_of(cloud_day), 'legacy_finance', 'cloud_finance' FROM facility WHERE cloud_day IS NOT NULL ORDER BY facility_no;
INSERT INTO truth.file
SELECT 'edi_hub', 'x12', '832_catalogues.edi', utc_of(0, 1500, 'America/New_York'), utc_of(0, 1500, 'America/New_York'), count(DISTINCT vendor_no), [] FROM item WHERE vendor_no <= 5;
-- Catalogues (832) of the first suppliers state the same prices: catalogue_832.sql.
INSERT INTO truth.contract_price
SELECT c.contract_no, s.entity_id, i.entity_id, c.uom, k.qty, c.tier, c.min_qty, dec4(CAST(c.price AS BIGINT)), day_of(c.to_day), NULL
FROM contract_price AS c JOIN item AS i USING (item_no) JOIN supplier AS s ON s.supplier_no = i.vendor_no
JOIN item_pack AS k ON k.item_no = c.item_no AND k.uom = c.uom AND k.from_day = 0
UNION ALL
SELECT c.contract_no, s.entity_id, i.entity_id, i.order_uom, k.qty, t.tier, t.min_qty, dec4(i.price * k.qty * t.share // 100), NULL, '832_catalogues.edi'
FROM item AS i JOIN supplier AS s ON s.supplier_no = i.vendor_no AND s.is_edi AND s.supplier_no <= 5 JOIN contract AS c ON c.supplier_no = s.supplier_no
JOIN item_pack AS k ON k.item_no = i.item_no AND k.uom = i.order_uom AND k.from_day = 0
CROSS JOIN (VALUES (1, 1, 100), (2, 10, 95)) AS t (tier, min_qty, share)
ORDER BY 3, 10 NULLS FIRST, 6;
INSERT INTO truth.recall
SELECT r.recall_no, i.entity_id, l.lot, l.lot_said, day_of(r.day), r.class, r.reason FROM recall AS r JOIN recall_lot AS l USING (recall_no) JOIN item AS i ON i.item_no = r.item_no
WHERE utc_of(r.day, 1500, 'America/New_York') <= getvariable('until') AND r.day < getvariable('horizon') ORDER BY 1, 3;
INSERT INTO truth.cost_centre
SELECT c.cost_centre, p.entity_id, c.company, c.name FROM cost_centre AS c JOIN place AS p USING (code) ORDER BY 1;
INSERT INTO truth.budget SELECT cost_centre, account, fiscal_year, period, dec4(CAST(amount AS BIGINT)) FROM budget ORDER BY ALL;
INSERT INTO truth.crosswalk
SELECT 'supplier', entity_id, 'ap_automation', concat('AP', 9000 + supplier_no, '-', t.n)
FROM supplier CROSS JOIN range(0, 4) AS t (n) WHERE t.n <= extra_remits AND utc_of(0, 1500, 'America/New_York') <= getvariable('until') ORDER BY supplier_no, t.n;
INSERT INTO truth.defect
SELECT 'recall_lot_spelled', 'procurement', 'recall', f.file, f.line, concat(f.recall_no, '|', f.lot_said)
FROM (
    SELECT l.*, concat('recalls_', strftime(day_of(r.day), '%Y%m%d'), '.csv') AS file, r.day, 1 + row_number() OVER (PARTITION BY r.day ORDER BY r.recall_no, l.lot) AS line
    FROM recall AS r JOIN recall_lot AS l USING (recall_no)
) AS f
WHERE f.is_respelled AND f.day < getvariable('horizon') AND utc_of(f.day, 1500, 'America/New_York') <= getvariable('until') ORDER BY f.file, f.line;
-- Keys of accounts, cost centres and contracts. The cloud ERP sends no list of accounts and units: its budgets and journals name them.
INSERT INTO truth.crosswalk
WITH named AS (
    SELECT replace(cost_centre, '-', '|') AS unit, account FROM truth.gl_posting WHERE source_system = 'cloud_finance'
    UNION ALL
    SELECT replace(b.cost_centre, '-', '|'), b.account FROM truth.budget AS b JOIN facility AS f ON b.cost_centre LIKE concat(100 + f.facility_no, '-%')
    WHERE f.cloud_day < getvariable('horizon') AND utc_of(f.cloud_day, 1500, 'America/New_York') <= getvariable('until') AND b.fiscal_year = fiscal_year(day_of(f.cloud_day))
)

SELECT 'cost_centre', cost_centre, 'legacy_finance', replace(cost_centre, '-', '|') FROM truth.cost_centre
UNION
SELECT 'cost_centre', replace(unit, '|', '-'), 'cloud_finance', unit FROM named
UNION
SELECT 'gl_account', CAST(a.account AS VARCHAR), 'legacy_finance', concat(100 + f.facility_no, '|', a.account) FROM facility AS f CROSS JOIN gl_account AS a
UNION
SELECT 'gl_account', CAST(account AS VARCHAR), 'cloud_finance', concat(split_part(unit, '|', 1), '|', account) FROM named
UNION
SELECT 'contract', contract_no, 'legacy_erp', contract_no FROM contract
ORDER BY ALL;
INSERT INTO truth.entity
SELECT 'cost_centre', cost_centre, name, NULL FROM truth.cost_centre
UNION ALL
SELECT 'gl_account', CAST(account AS VARCHAR), name, NULL FROM gl_account
UNION ALL
SELECT 'contract', contract_no, NULL, NULL FROM contract
ORDER BY ALL;
INSERT INTO truth.attribute
SELECT 'gl_account', account_no, attribute, value FROM (SELECT CAST(account AS VARCHAR) AS account_no, name, kind AS account_type, 'active' AS status FROM gl_account)
UNPIVOT (value FOR attribute IN (name, account_type, status))
UNION ALL
SELECT 'cost_centre', cost_centre, attribute, value FROM (
    SELECT t.cost_centre, split_part(t.cost_centre, '-', 2) AS cost_centre_code, CAST(t.company AS VARCHAR) AS company_code, t.name, CAST(c.facility AS VARCHAR) AS facility_code, c.code AS location_code,
        '2019-07-01' AS first_date, 'active' AS status
    FROM truth.cost_centre AS t JOIN cost_centre AS c USING (cost_centre)
)
UNPIVOT (value FOR attribute IN (cost_centre_code, company_code, name, facility_code, location_code, first_date, status))
UNION ALL
SELECT 'contract', contract_no, attribute, value FROM (
    SELECT contract_no, lower(kind) AS kind, CAST(day_of(from_day) AS VARCHAR) AS first_date, CAST(day_of(to_day) AS VARCHAR) AS last_date FROM contract
)
UNPIVOT (value FOR attribute IN (kind, first_date, last_date))
ORDER BY ALL;
