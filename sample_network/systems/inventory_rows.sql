-- The rows of the inventory systems of the sites of table `here` as values, with the defects that befall them. The layout comes after.
-- Every table has: facility_no, dialect, day (of its file), minute (of its event, where it has one), source_key parts, kinds; and its rows lie in
-- the order in which they are written.

CREATE OR REPLACE TEMP TABLE inv_item AS
WITH spelled AS (
    SELECT c.facility_no, s.dialect, c.local_id, c.h, i.*, m.first_name AS mfr, dice('alias', order_key(c.facility_no, 0, i.mfr_no)) AS hm, look.gtin AS lookalike_gtin,
        c.shelf_id AS k
    FROM carried AS c
    JOIN here AS s USING (facility_no)
    JOIN item AS i USING (item_no)
    JOIN supplier AS m ON m.supplier_no = i.mfr_no
    JOIN item AS look ON look.item_no = i.family_no * 6 + (i.variant + 1) % 6
),

flagged AS (
    SELECT *,
        mfr_alias(k) AS other_mfr, code_sentinel(k) AS filler,
        item_no_missing(k) AS no_number, gtin_missing(k) AND NOT gtin_bad_check(k) AND NOT gtin_of_lookalike(k) AS no_gtin,
        gtin_bad_check(k) AND NOT gtin_of_lookalike(k) AS bad_gtin, gtin_of_lookalike(k) AS other_gtin, part_no_variant(k) AS bare_part,
        text_formula(k) AS formula, text_sql(k) AND NOT text_formula(k) AS sql_text, text_html(k) AND NOT text_formula(k) AND NOT text_sql(k) AS html_text,
        text_of_lookalike(k) AND NOT text_formula(k) AND NOT text_sql(k) AND NOT text_html(k) AS vague_text,
        text_mojibake(k) AND NOT text_of_lookalike(k) AND NOT text_formula(k) AND NOT text_sql(k) AND NOT text_html(k) AS mojibake
    FROM spelled
)

SELECT
    facility_no, dialect, CAST(d.day AS INTEGER) AS day, item_no, entity_id, local_id, copy.n AS copy_no,
    CASE
        -- Before all others: a second line that says the same would be the same line twice.
        WHEN copy.n = 2 THEN concat(kind, ' ', size, ' (RELISTED)')
        WHEN formula THEN concat('=HYPERLINK("http://example.invalid/', item_no, '","', kind, '")')
        WHEN sql_text THEN concat(kind, '''; DROP TABLE item; --')
        WHEN html_text THEN concat('<script>alert(', item_no, ')</script>', kind)
        WHEN vague_text THEN concat(kind, ', ', lower(sterility))
        WHEN mojibake THEN concat(kind, ' ', size, ' â€“ ', lower(sterility))
        WHEN facility_no % 3 = 2 THEN upper(concat(left(kind, 18), ' ', replace(size, ' ', ''), ' ', left(sterility, 3), ' — ', left(mfr, 6)))
        WHEN facility_no % 3 = 0 THEN concat(size, ' ', lower(kind), CASE sterility WHEN 'STERILE' THEN ' sterile' ELSE ' non-st' END)
        ELSE concat(kind, ' ', size, ', ', lower(sterility))
    END AS description,
    CASE WHEN filler AND no_gtin THEN '00000000000000' WHEN other_gtin THEN lookalike_gtin WHEN bad_gtin THEN bad_check(gtin) WHEN NOT no_gtin THEN gtin END AS gtin,
    CASE WHEN NOT no_number THEN erp_no END AS network_item_no,
    CASE WHEN other_mfr THEN alias_of(mfr, bits(hm, 0, 3)) ELSE upper(mfr) END AS manufacturer,
    CASE WHEN filler THEN 'N/A' WHEN bare_part THEN replace(part_no, '-', '') ELSE part_no END AS mfr_part_no,
    is_lot_tracked, status,
    list_filter([
        CASE WHEN no_number THEN 'item_no_missing' END, CASE WHEN no_gtin THEN 'gtin_missing' END,
        CASE WHEN bad_gtin THEN 'gtin_bad_check' END, CASE WHEN other_gtin THEN 'gtin_of_lookalike' END,
        CASE WHEN filler THEN 'code_sentinel' WHEN bare_part THEN 'part_no_variant' END, CASE WHEN other_mfr THEN 'mfr_alias' END,
        CASE WHEN vague_text THEN 'text_of_lookalike' END, CASE WHEN mojibake THEN 'text_mojibake' END, CASE WHEN formula THEN 'text_formula' END,
        CASE WHEN sql_text THEN 'text_sql' END, CASE WHEN html_text THEN 'text_html' END,
        CASE WHEN d.day = 7 AND item_listed_twice(k) THEN 'item_listed_twice' END], lambda x: x IS NOT NULL) AS kinds
FROM flagged
CROSS JOIN (SELECT day FROM range(0, CAST(getvariable('horizon') AS INTEGER), 7) AS t (day)) AS d
-- A second line of the same key in the list of the second week only, so that the item is known before.
CROSS JOIN (VALUES (1), (2)) AS copy (n)
WHERE copy.n = 1 OR (d.day = 7 AND item_listed_twice(k))
ORDER BY facility_no, day, item_no, copy_no;

-- A hospital lists its rooms and the warehouse, the warehouse its zones and the hospitals.
CREATE OR REPLACE TEMP TABLE inv_place AS
SELECT
    s.facility_no, s.dialect, 0 AS day, p.entity_id, p.name, p.type, p.gln, p.code, own.local_id AS parent_id,
    CASE WHEN p.facility_no = 0 AND s.facility_no > 0 THEN 'DC1' ELSE p.local_id END AS local_id,
    CASE WHEN place_code_missing(text_key(p.code)) AND p.type = 'storeroom' THEN NULL ELSE p.code END AS network_code,
    CASE WHEN place_code_missing(text_key(p.code)) AND p.type = 'storeroom' THEN ['place_code_missing'] ELSE [] END AS kinds
FROM here AS s
JOIN place AS p ON p.facility_no = s.facility_no OR (s.facility_no > 0 AND p.facility_no = 0 AND p.room_no = 0) OR (s.facility_no = 0 AND p.type = 'hospital')
LEFT JOIN place AS own ON own.facility_no = p.facility_no AND own.room_no = 0 AND p.room_no > 0
ORDER BY s.facility_no, p.facility_no = 0, p.facility_no, p.room_no;

CREATE OR REPLACE TEMP TABLE inv_receipt AS
WITH keyed AS (
    SELECT r.*, part_key(r.line_id, (r.leg * 2 + r.lot_seq) * 4 + r.take) AS k, c.local_id AS item_id, c.entity_id, s.zone, s.dialect, s.dock_id, s.dock_entity
    FROM receipt AS r
    JOIN carried AS c ON c.shelf_id = item_key(r.facility_no, r.item_no)
    JOIN here AS s ON s.facility_no = r.facility_no
),

flagged AS (
    SELECT *,
        expiry_impossible(k) AND expiry_day IS NOT NULL AS bad_expiry,
        expiry_sentinel(k) AND expiry_day IS NULL AS no_expiry,
        qty_garbled(k) AS bad_qty, item_unknown(k) AS other_item, row_repeated(k) AS twice,
        text_undecodable(k) AND lot IS NOT NULL AND facility_no % 3 = 1 AS bad_byte
    FROM keyed
)

SELECT
    facility_no, dialect, day, minute + CAST(take - 1 AS BIGINT) * 7 AS minute, receipt_no, receipt_line, copy.n AS copy_no, po_no, line_no, item_no, entity_id, zone,
    vendor_no, uom, factor, qty_received, qty_received * factor AS qty_base, take, lot, expiry_day, dock_id AS location, dock_entity AS place_entity,
    CASE WHEN other_item THEN concat('X', 99000 + line_no) ELSE item_id END AS item_id,
    other_item, bad_qty, bad_expiry, no_expiry, bad_byte,
    bad_expiry OR bad_qty OR bad_byte AS is_refused,
    list_filter([
        CASE WHEN bad_expiry THEN 'expiry_impossible' END, CASE WHEN no_expiry THEN 'expiry_sentinel' END,
        CASE WHEN bad_qty THEN 'qty_garbled' END, CASE WHEN other_item THEN 'item_unknown' END,
        CASE WHEN bad_byte THEN 'text_undecodable' END, CASE WHEN copy.n = 2 THEN 'row_repeated' END], lambda x: x IS NOT NULL) AS kinds
FROM flagged
CROSS JOIN (VALUES (1), (2)) AS copy (n)
WHERE copy.n = 1 OR twice
ORDER BY facility_no, day, minute, receipt_no, receipt_line, copy_no;

CREATE OR REPLACE TEMP TABLE inv_stock AS
SELECT t.facility_no, s.dialect, t.day, t.item_no, c.local_id AS item_id, c.entity_id, t.lot, t.expiry_day, t.qty, s.shelf_place_id AS location, s.shelf_entity AS place_entity
FROM stock AS t
JOIN carried AS c USING (shelf_id)
JOIN here AS s ON s.facility_no = t.facility_no
ORDER BY t.facility_no, t.day, t.item_no, t.lot;

-- Movements of a hospital: use by room, waste, and what came from the warehouse.
CREATE OR REPLACE TEMP TABLE inv_move AS
WITH moved AS (
    SELECT i.facility_no, i.shelf_id, i.item_no, i.day, i.leg, i.h, i.lot, i.qty,
        CASE WHEN bits(i.h, 30, 100) < 3 THEN 'waste' ELSE 'issue' END AS kind,
        2 + bits(i.h, 40, s.using_rooms) AS to_room
    FROM issue AS i JOIN here AS s USING (facility_no)
    WHERE s.facility_no > 0
    UNION ALL
    SELECT facility_no, shelf_id, item_no, day, 0, dice('transfer', item_day_key(facility_no, item_no, day)), NULL, qty, 'transfer', 1
    FROM transfer
),

keyed AS (
    SELECT m.*, concat('M', m.facility_no, '-', m.day, '-', m.item_no, '-', m.leg) AS move_no, part_key(item_day_key(m.facility_no, m.item_no, m.day), m.leg) AS k,
        -- Round the clock; the hours that the clocks skip or pass twice are left out, but for the defects.
        bits(m.h, 20, 1440) AS drawn_minute, c.local_id AS item_id, c.entity_id, s.zone, s.dialect,
        CASE WHEN m.kind = 'transfer' THEN 'L:DC1' ELSE s.shelf_entity END AS from_entity, CASE WHEN m.kind = 'transfer' THEN 'DC1' ELSE s.shelf_place_id END AS from_id,
        target.entity_id AS to_entity, target.local_id AS to_id
    FROM moved AS m
    JOIN carried AS c USING (shelf_id)
    JOIN here AS s ON s.facility_no = m.facility_no
    LEFT JOIN place AS target ON target.facility_no = m.facility_no AND target.room_no = m.to_room AND m.kind <> 'waste'
)

SELECT *,
    clocks_forward(day_of(day)) AND zone <> 'America/Phoenix' AND facility_no % 3 <> 1 AND dst_gap(k) AS in_gap,
    clocks_back(day_of(day)) AND zone <> 'America/Phoenix' AND facility_no % 3 <> 1 AND dst_fold(k) AS in_fold,
    CASE WHEN clocks_forward(day_of(day)) AND drawn_minute BETWEEN 120 AND 179 THEN drawn_minute + 60
        WHEN clocks_back(day_of(day)) AND drawn_minute BETWEEN 60 AND 119 THEN drawn_minute + 60 ELSE drawn_minute END AS minute,
    CASE WHEN patient_canary(k) THEN concat('for Canary, Pat MRN 0048', lpad(CAST(bits(h, 8, 10000) AS VARCHAR), 4, '0')) END AS note
FROM keyed
ORDER BY facility_no, day, minute, move_no;
