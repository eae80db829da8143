-- What is true of the network at `until`, and the figures of the truth.
INSERT INTO truth.entity
SELECT 'item', entity_id, description, concat('family ', family_no % 188) FROM item ORDER BY item_no;
INSERT INTO truth.entity
SELECT 'supplier', entity_id, first_name, CASE WHEN bought_by IS NOT NULL THEN concat('bought by S', lpad(CAST(bought_by AS VARCHAR), 4, '0')) END FROM supplier ORDER BY supplier_no;
INSERT INTO truth.entity SELECT 'location', entity_id, name, NULL FROM place ORDER BY facility_no, room_no;

INSERT INTO truth.crosswalk SELECT 'item', entity_id, 'legacy_erp', erp_no FROM item ORDER BY item_no;
INSERT INTO truth.crosswalk
SELECT 'supplier', entity_id, 'legacy_erp', concat(erp_no, CASE WHEN t.n > 0 THEN concat('-R', t.n) ELSE '' END)
FROM supplier CROSS JOIN range(0, 4) AS t (n) WHERE t.n <= extra_remits ORDER BY supplier_no, t.n;
INSERT INTO truth.crosswalk SELECT 'location', entity_id, 'legacy_erp', code FROM place ORDER BY facility_no, room_no;

-- The ERP is the system of record (mastering/domains/*.yml); who keeps the stock knows about lots. What the ERP does not
-- know of an item, its GTIN above all, comes from whoever does.
INSERT INTO truth.attribute
SELECT 'item', entity_id, attribute, value FROM (
    SELECT entity_id, erp_no AS item_no, upper(left(description, 60)) AS description, 'EA' AS base_uom, gtin AS gtin14,
        CAST(left(m.first_name, 60) AS VARCHAR) AS mfr_name, part_no AS mfr_part_no, CASE status WHEN 'A' THEN 'active' ELSE 'inactive' END AS status,
        money4(price) AS std_cost, CAST(is_lot_tracked AS VARCHAR) AS is_lot_tracked, unspsc8,
        -- Nobody else states an NDC, so where the catalogue has none there is none to be right about.
        CASE WHEN NOT ndc_missing(item_no) THEN replace(ndc, '-', '') END AS ndc11
    FROM (SELECT i.*, m.first_name FROM item AS i JOIN supplier AS m ON m.supplier_no = i.mfr_no) AS m
)
UNPIVOT (value FOR attribute IN (item_no, description, base_uom, gtin14, mfr_name, mfr_part_no, status, std_cost, is_lot_tracked, unspsc8, ndc11))
ORDER BY entity_id, attribute;
INSERT INTO truth.attribute
SELECT 'supplier', entity_id, attribute, value FROM (
    SELECT s.entity_id, s.erp_no AS supplier_no, s.duns, s.gln,
        rtrim(left(concat(CASE WHEN s.renamed_day IS NOT NULL AND utc_of(s.renamed_day, 600, 'America/New_York') <= getvariable('until') THEN s.later_name ELSE s.first_name END,
            CASE WHEN utc_of(s.merged_day, 660, 'America/New_York') <= getvariable('until') THEN concat(' (now ', o.first_name, ')') ELSE '' END), 60)) AS legal_name, 'active' AS status
    FROM supplier AS s LEFT JOIN supplier AS o ON o.supplier_no = s.bought_by
)
UNPIVOT (value FOR attribute IN (supplier_no, duns, gln, legal_name, status))
ORDER BY entity_id, attribute;
INSERT INTO truth.attribute
SELECT 'location', entity_id, attribute, value FROM (
    SELECT entity_id, code AS location_code, left(name, 60) AS name, type, CAST(facility AS VARCHAR) AS facility_code, gln FROM place
)
UNPIVOT (value FOR attribute IN (location_code, name, type, facility_code, gln))
ORDER BY entity_id, attribute;

INSERT INTO truth.defect
SELECT * FROM (
    SELECT 'supplier_renamed', 'legacy_erp', 'vendor', 'legacy_erp.sqlite', NULL, erp_no FROM supplier WHERE renamed_day IS NOT NULL AND utc_of(renamed_day, 600, 'America/New_York') <= getvariable('until')
    UNION ALL
    SELECT 'supplier_merged', 'legacy_erp', 'vendor', 'legacy_erp.sqlite', NULL, erp_no FROM supplier WHERE utc_of(merged_day, 660, 'America/New_York') <= getvariable('until')
    UNION ALL
    SELECT 'supplier_remit_to', 'legacy_erp', 'vendor', 'legacy_erp.sqlite', NULL, concat(erp_no, '-R', t.n) FROM supplier CROSS JOIN range(1, 4) AS t (n) WHERE t.n <= extra_remits
    UNION ALL
    SELECT 'pack_changed', 'legacy_erp', 'item_uom', 'legacy_erp.sqlite', NULL, concat(erp_no, '|BX|', strftime(day_of(pack_change_day), '%Y-%m-%d')) FROM item
    WHERE pack_change_day IS NOT NULL AND utc_of(pack_change_day, 420, 'America/New_York') <= getvariable('until')
    UNION ALL
    SELECT 'gtin_bad_check', 'legacy_erp', 'item', 'legacy_erp.sqlite', NULL, erp_no FROM item WHERE gtin_bad_check(part_key(item_no, 1))
    UNION ALL
    SELECT 'gtin_missing', 'legacy_erp', 'item', 'legacy_erp.sqlite', NULL, erp_no FROM item
    WHERE gtin_missing(part_key(item_no, 2)) AND gtin_missing(part_key(item_no, 3)) AND NOT gtin_bad_check(part_key(item_no, 1))
    UNION ALL
    SELECT 'schema_drift', f.source, 'stock', t.file, NULL, NULL FROM facility AS f JOIN truth.file AS t ON t.source_system = f.source AND t.feed = 'stock'
    WHERE f.dialect = 'parlevel' AND schema_drift(f.facility_no) AND CAST(regexp_extract(t.file, '[0-9]{8}') AS INTEGER) >= CAST(strftime(day_of(18), '%Y%m%d') AS INTEGER)
) AS x (kind, source_system, feed, file, line, source_key)
ORDER BY kind, source_system, file, source_key;
