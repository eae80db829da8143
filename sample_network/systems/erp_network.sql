-- Masters of the legacy ERP as they stand at `until`. Every value is text; dates of contracts are numbers yyyymmdd, 0 for none.
-- section: item_master
SELECT i.erp_no, upper(left(description, 60)), 'EA',
    CASE WHEN gtin_bad_check(part_key(item_no, 1)) THEN bad_check(gtin) WHEN NOT (gtin_missing(part_key(item_no, 2)) AND gtin_missing(part_key(item_no, 3))) THEN i.gtin END,
    m.first_name, part_no, CASE WHEN is_lot_tracked THEN 'Y' ELSE 'N' END, i.status, money4(price), stamp(utc_of(0, 420, 'America/New_York'))
FROM item AS i JOIN supplier AS m ON m.supplier_no = i.mfr_no ORDER BY item_no
-- section: item_uom
SELECT i.erp_no, p.uom, CASE WHEN p.from_day = 0 THEN '2019-07-01' ELSE strftime(day_of(p.from_day), '%Y-%m-%d') END, p.qty, p.gtin, CASE WHEN p.is_order_uom THEN 'Y' ELSE 'N' END, stamp(utc_of(p.from_day, 420, 'America/New_York'))
FROM item_pack AS p JOIN item AS i USING (item_no)
WHERE utc_of(p.from_day, 420, 'America/New_York') <= greatest(getvariable('until'), utc_of(0, 420, 'America/New_York'))
ORDER BY p.item_no, p.uom, p.from_day
-- section: uom
SELECT uom, name, x12, stamp(utc_of(0, 420, 'America/New_York')) FROM unit ORDER BY uom
-- section: vendor
WITH row_of AS (
    SELECT s.*, t.n AS remit, s.renamed_day IS NOT NULL AND utc_of(s.renamed_day, 600, 'America/New_York') <= getvariable('until') AS is_renamed,
        CASE WHEN utc_of(s.merged_day, 660, 'America/New_York') <= getvariable('until') THEN o.first_name END AS owner
    FROM supplier AS s CROSS JOIN range(0, 4) AS t (n) LEFT JOIN supplier AS o ON o.supplier_no = s.bought_by
    WHERE t.n <= s.extra_remits
)

SELECT concat(erp_no, CASE WHEN remit > 0 THEN concat('-R', remit) ELSE '' END),
    rtrim(left(concat(CASE WHEN is_renamed THEN later_name ELSE first_name END, CASE WHEN owner IS NOT NULL THEN concat(' (now ', owner, ')') ELSE '' END,
        CASE WHEN remit > 0 THEN concat(' REMIT TO ', remit) ELSE '' END), 60)),
    duns, CASE WHEN remit = 0 THEN gln END, CASE WHEN is_edi AND remit = 0 THEN duns END, 'A', '2019-07-01',
    stamp(greatest(utc_of(0, 420, 'America/New_York'), CASE WHEN is_renamed THEN utc_of(renamed_day, 600, 'America/New_York') END,
        CASE WHEN owner IS NOT NULL THEN utc_of(merged_day, 660, 'America/New_York') END))
FROM row_of ORDER BY supplier_no, remit
-- section: vendor_journal
WITH row_of AS (
    SELECT s.*, t.n AS remit, o.first_name AS owner, utc_of(0, 420, 'America/New_York') AS first_at,
        utc_of(s.renamed_day, 600, 'America/New_York') AS renamed_at, utc_of(s.merged_day, 660, 'America/New_York') AS merged_at
    FROM supplier AS s CROSS JOIN range(0, 4) AS t (n) LEFT JOIN supplier AS o ON o.supplier_no = s.bought_by
    WHERE t.n <= s.extra_remits
),

change AS (
    SELECT *, unnest(list_distinct([first_at, renamed_at, merged_at])) AS changed_at FROM row_of
)

SELECT row_number() OVER (ORDER BY changed_at, supplier_no, remit), CASE WHEN changed_at = first_at THEN 'I' ELSE 'U' END, stamp(changed_at),
    concat(erp_no, CASE WHEN remit > 0 THEN concat('-R', remit) ELSE '' END),
    rtrim(left(concat(CASE WHEN changed_at >= renamed_at THEN later_name ELSE first_name END, CASE WHEN changed_at >= merged_at THEN concat(' (now ', owner, ')') ELSE '' END,
        CASE WHEN remit > 0 THEN concat(' REMIT TO ', remit) ELSE '' END), 60)),
    duns, CASE WHEN remit = 0 THEN gln END, CASE WHEN is_edi AND remit = 0 THEN duns END, 'A', '2019-07-01'
FROM change WHERE changed_at <= greatest(getvariable('until'), first_at) ORDER BY 1
-- section: location
SELECT code, left(name, 60), type, parent, facility, gln, stamp(utc_of(0, 420, 'America/New_York')) FROM place ORDER BY facility_no, room_no
-- section: contract
SELECT contract_no, concat('V', 1000 + supplier_no), kind, strftime(day_of(from_day), '%Y%m%d'), strftime(day_of(to_day), '%Y%m%d'), stamp(utc_of(0, 420, 'America/New_York'))
FROM contract ORDER BY supplier_no
-- section: contract_price
SELECT contract_no, 100001 + item_no, uom, tier, min_qty, money4(price), CASE WHEN to_day IS NULL THEN '0' ELSE strftime(day_of(to_day), '%Y%m%d') END, stamp(utc_of(0, 420, 'America/New_York'))
FROM contract_price ORDER BY item_no, tier
-- section: system_status
SELECT stamp(getvariable('until'))
