-- The network that every hospital shares: suppliers, items and their packs, contracts, units. Independent of how many
-- hospitals there are and of how many days are played.
CREATE OR REPLACE TABLE supplier AS
WITH word AS (
    SELECT
        ['Alder', 'Birchwood', 'Cascade', 'Dunmore', 'Eastgate', 'Fairmont', 'Granite Peak', 'Harbor', 'Ironbridge',
         'Juniper', 'Kestrel', 'Lakeshore', 'Meridian', 'Northfield', 'Orchard', 'Pinecrest', 'Quarry', 'Riverbend',
         'Stonegate', 'Thornhill'] AS first_word,
        ['Medical', 'Surgical', 'Health Supply'] AS second_word,
        ['Inc.', 'LLC', 'Corp.', 'Ltd.', 'Co.'] AS form
),

drawn AS (
    SELECT n AS supplier_no, dice('supplier', n) AS h, w.*
    FROM range(1, 61) AS t (n), word AS w
)

SELECT
    CAST(supplier_no AS INTEGER) AS supplier_no,
    concat('S', lpad(CAST(supplier_no AS VARCHAR), 4, '0')) AS entity_id,
    -- Twenty first words by three second words: every name has two near neighbours that are other companies.
    concat(first_word[1 + (supplier_no - 1) % 20], ' ', second_word[1 + (supplier_no - 1) // 20]) AS short_name,
    concat(first_word[1 + (supplier_no - 1) % 20], ' ', second_word[1 + (supplier_no - 1) // 20], ', ', pick(form, h, 4)) AS first_name,
    CASE WHEN supplier_renamed(supplier_no) THEN concat(first_word[1 + (supplier_no - 1) % 20], ' Group Holdings, ', pick(form, h, 7)) END AS later_name,
    CASE WHEN supplier_renamed(supplier_no) THEN 5 + bits(h, 12, 15) END AS renamed_day,
    -- A bigger neighbour bought the company: it keeps its numbers; from that day its vendor record says so, and the buyer gets the orders.
    CASE WHEN supplier_merged(supplier_no) AND supplier_no > 20 THEN 1 + (supplier_no - 1) % 20 END AS bought_by,
    CASE WHEN supplier_merged(supplier_no) AND supplier_no > 20 THEN 3 + bits(h, 40, 12) END AS merged_day,
    CASE WHEN supplier_remit_to(supplier_no) THEN 1 + bits(h, 20, 3) ELSE 0 END AS extra_remits,
    lpad(CAST(60000000 + 37 * supplier_no AS VARCHAR), 9, '0') AS duns,
    861100 + supplier_no AS company,
    gln13(861100 + supplier_no, 0) AS gln,
    concat('V', 1000 + supplier_no) AS erp_no,
    concat('SUP-', 7 * supplier_no + 100) AS suite_id,
    supplier_no <= 8 AS is_edi,
    supplier_no <= 4 AS is_distributor,
    CAST(supplier_no % 4 AS INTEGER) AS edi_style,
    upper(left(first_word[1 + (supplier_no - 1) % 20], 3)) AS part_prefix
FROM drawn
ORDER BY supplier_no;

CREATE OR REPLACE TABLE family AS
WITH word AS (
    SELECT
        ['Exam glove nitrile', 'IV catheter', 'Saline flush syringe', 'Suture absorbable', 'Surgical drape',
         'Gauze sponge', 'Syringe luer lock', 'Needle hypodermic', 'Foley catheter', 'Endotracheal tube',
         'Face mask level 3', 'Isolation gown', 'Infusion set', 'Extension set', 'Wound dressing foam',
         'Trocar bladeless', 'Skin stapler', 'Suction canister', 'Specimen cup', 'Oxygen cannula',
         'Hip stem cemented', 'Bone screw cortical', 'Guide wire hydrophilic', 'Drug eluting stent', 'Heparin injection',
         'Lidocaine injection', 'Ondansetron injection', 'Ceftriaxone powder', 'Feeding tube', 'Chest drain',
         'Electrode pad', 'Scalpel handle', 'Bandage elastic', 'Cast padding', 'Underpad'] AS kind,
        [['XS', 'S', 'M', 'L', 'XL', 'XXL'], ['14 G', '16 G', '18 G', '20 G', '22 G', '24 G'],
         ['5 mL', '10 mL', '20 mL', '30 mL', '50 mL', '60 mL'], ['LT -2', 'LT 0', 'LT +2', 'RT -2', 'RT 0', 'RT +2'],
         ['2x2 in', '3x3 in', '4x4 in', '4x8 in', '6x6 in', '8x10 in'],
         ['10 mg', '20 mg', '50 mg', '100 mg', '250 mg', '500 mg']] AS sizes
)

SELECT
    CAST(n AS INTEGER) AS family_no,
    dice('family', n) AS h,
    kind[1 + n % len(kind)] AS kind,
    sizes[CASE
        WHEN n % len(kind) IN (24, 25, 26, 27) THEN 6
        WHEN n % len(kind) IN (20, 21) THEN 4
        WHEN n % len(kind) IN (1, 7, 8, 9, 22, 28, 29) THEN 2
        WHEN n % len(kind) IN (2, 6, 17, 18) THEN 3
        WHEN n % len(kind) IN (4, 5, 14, 32, 33, 34) THEN 5
        ELSE 1 END] AS sizes,
    n % len(kind) IN (24, 25, 26, 27) AS is_drug,
    -- Twelve families are twice in the catalogue, once sterile and once not: they must stay apart.
    n >= 188 AS is_twin
FROM range(0, 200) AS t (n), word
ORDER BY n;

CREATE OR REPLACE TABLE item AS
WITH drawn AS (
    SELECT
        f.family_no * 6 + v AS item_no,
        f.*,
        v AS variant,
        dice('item', f.family_no * 6 + v) AS hi,
        CASE WHEN f.is_twin THEN t.h ELSE f.h END AS hf,
        CASE WHEN f.is_twin THEN t.kind ELSE f.kind END AS kind_name,
        CASE WHEN f.is_twin THEN t.sizes ELSE f.sizes END AS size_list,
        CASE WHEN f.is_twin THEN t.is_drug ELSE f.is_drug END AS drug,
        CASE WHEN f.is_twin THEN t.family_no ELSE f.family_no END AS design
    FROM family AS f
    CROSS JOIN range(0, 6) AS s (v)
    LEFT JOIN family AS t ON f.is_twin AND t.family_no = f.family_no - 188
),

shaped AS (
    SELECT
        *,
        1 + bits(hf, 0, 60) AS mfr_no,
        [1, 10, 20, 25, 50, 100][1 + bits(hf, 8, 6)] AS box_qty,
        [1, 4, 10, 12][1 + bits(hf, 12, 4)] AS boxes,
        ['EA', 'BX', 'BX', 'CS'][1 + bits(hf, 16, 4)] AS wanted_uom,
        500 * (20 + bits(hf, 20, 3000)) AS family_price
    FROM drawn
)

SELECT
    CAST(item_no AS INTEGER) AS item_no,
    concat('I', lpad(CAST(item_no AS VARCHAR), 5, '0')) AS entity_id,
    CAST(100001 + item_no AS VARCHAR) AS erp_no,
    CAST(family_no AS INTEGER) AS family_no,
    CAST(variant AS INTEGER) AS variant,
    kind_name AS kind,
    size_list[1 + variant] AS size,
    CASE WHEN is_twin THEN 'NON-STERILE' ELSE 'STERILE' END AS sterility,
    concat(kind_name, ', ', size_list[1 + variant], ', ', CASE WHEN is_twin THEN 'NON-STERILE' ELSE 'STERILE' END) AS description,
    CAST(mfr_no AS INTEGER) AS mfr_no,
    -- Three of ten families are bought from a distributor.
    CAST(CASE WHEN bits(hf, 40, 10) < 3 THEN 1 + bits(hf, 44, 4) ELSE mfr_no END AS INTEGER) AS vendor_no,
    concat(m.part_prefix, '-', 4000 + design, '-', lpad(CAST(variant * 5 + CASE WHEN is_twin THEN 1 ELSE 0 END AS VARCHAR), 2, '0')) AS part_no,
    gtin14(0, m.company, item_no) AS gtin,
    CAST(box_qty AS INTEGER) AS box_qty,
    CAST(box_qty * boxes AS INTEGER) AS case_qty,
    CASE
        WHEN wanted_uom = 'CS' AND boxes > 1 AND box_qty > 1 THEN 'CS'
        WHEN wanted_uom <> 'EA' AND box_qty > 1 THEN 'BX'
        ELSE 'EA'
    END AS order_uom,
    CASE WHEN pack_changed(item_no) AND box_qty >= 20 THEN 4 + bits(hi, 0, 20) END AS pack_change_day,
    family_price + 500 * variant AS price,
    -- What the warehouse carries is kept without lots; one of six others too.
    item_no % 4 <> 0 AND bits(hf, 50, 6) > 0 AS is_lot_tracked,
    item_no % 4 = 0 AS is_dc,
    CASE WHEN drug THEN concat(lpad(CAST(50000 + mfr_no AS VARCHAR), 5, '0'), '-', lpad(CAST(1000 + design AS VARCHAR), 4, '0'), '-', lpad(CAST(10 + variant AS VARCHAR), 2, '0')) END AS ndc,
    CASE WHEN bits(hi, 10, 50) = 0 THEN 'I' ELSE 'A' END AS status,
    bits(hi, 20, 100) < 80 AS has_contract,
    CASE WHEN bits(hi, 30, 100) < 10 THEN 3 + bits(hi, 40, 40) END AS contract_end_day,
    -- Segment 51 is drugs, 42 to 44 stand for what else hospitals buy.
    concat(CASE WHEN drug THEN '51' ELSE concat('4', 2 + design % 3) END, lpad(CAST(14 + design AS VARCHAR), 4, '0'), '01') AS unspsc8
FROM shaped
JOIN supplier AS m ON m.supplier_no = mfr_no
ORDER BY item_no;

-- What a supplier may send in place of an item: the same thing of another maker.
CREATE OR REPLACE TABLE alike AS
SELECT i.item_no, o.item_no AS other_no
FROM item AS i JOIN item AS o ON o.kind = i.kind AND o.size = i.size AND o.sterility = i.sterility AND o.mfr_no <> i.mfr_no
ORDER BY ALL;

-- Packs of an item, with the days they hold. The first box shrinks by a tenth on the day of the change.
CREATE OR REPLACE TABLE item_pack AS
WITH pack AS (
    SELECT item_no, 'EA' AS uom, 1 AS qty, 0 AS from_day, NULL AS to_day, 0 AS level FROM item
    UNION ALL
    SELECT item_no, 'BX', box_qty, 0, pack_change_day, 1 FROM item WHERE box_qty > 1
    UNION ALL
    SELECT item_no, 'BX', box_qty * 9 // 10, pack_change_day, NULL, 1 FROM item WHERE box_qty > 1 AND pack_change_day IS NOT NULL
    UNION ALL
    SELECT item_no, 'CS', case_qty, 0, pack_change_day, 3 FROM item WHERE box_qty > 1 AND case_qty > box_qty
    UNION ALL
    SELECT item_no, 'CS', (box_qty * 9 // 10) * (case_qty // box_qty), pack_change_day, NULL, 3
    FROM item WHERE box_qty > 1 AND case_qty > box_qty AND pack_change_day IS NOT NULL
)

SELECT
    p.item_no, p.uom, CAST(p.qty AS INTEGER) AS qty, CAST(p.from_day AS INTEGER) AS from_day, CAST(p.to_day AS INTEGER) AS to_day,
    CASE WHEN p.level = 0 THEN i.gtin ELSE gtin14(p.level + CASE WHEN p.from_day > 0 THEN 1 ELSE 0 END, m.company, p.item_no) END AS gtin,
    p.uom = i.order_uom AS is_order_uom
FROM pack AS p
JOIN item AS i USING (item_no)
JOIN supplier AS m ON m.supplier_no = i.mfr_no
ORDER BY p.item_no, p.level, p.from_day;

CREATE OR REPLACE TABLE contract AS
SELECT
    s.supplier_no,
    concat('C', 26000 + s.supplier_no) AS contract_no,
    ['GPO', 'LOCAL'][1 + bits(dice('contract', s.supplier_no), 0, 2)] AS kind,
    -60 AS from_day,
    400 AS to_day
FROM supplier AS s
ORDER BY s.supplier_no;

-- Price per order unit: two tiers, until the item leaves the contract.
CREATE OR REPLACE TABLE contract_price AS
SELECT c.contract_no, i.item_no, i.order_uom AS uom, t.tier, t.min_qty, i.price * p.qty * t.share // 100 AS price, i.contract_end_day AS to_day
FROM item AS i
JOIN contract AS c ON c.supplier_no = i.vendor_no
JOIN item_pack AS p ON p.item_no = i.item_no AND p.uom = i.order_uom AND p.from_day = 0
CROSS JOIN (VALUES (1, 1, 100), (2, 10, 95)) AS t (tier, min_qty, share)
WHERE i.has_contract
ORDER BY i.item_no, t.tier;

CREATE OR REPLACE TABLE unit AS
SELECT * FROM (VALUES ('EA', 'Each', 'EA'), ('BX', 'Box', 'BX'), ('CS', 'Case', 'CA')) AS t (uom, name, x12);
