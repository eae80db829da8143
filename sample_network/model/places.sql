-- Hospitals, their rooms, the warehouse and its zones. A hospital is a function of its number.
CREATE OR REPLACE TABLE facility AS
SELECT
    CAST(n AS INTEGER) AS facility_no,
    CASE n WHEN 0 THEN 'DC1' WHEN 1 THEN 'NORTH' WHEN 2 THEN 'SOUTH' ELSE printf('H%02d', n) END AS code,
    CASE n WHEN 0 THEN 'Valley Distribution Center' WHEN 1 THEN 'North Valley Hospital' WHEN 2 THEN 'South Valley Hospital'
        ELSE concat(pick(['Mercy', 'St. Anne', 'County General', 'Lakeview', 'Pioneer', 'Sacred Heart', 'Union', 'Prairie'], dice('hospital', n), 0),
            ' ', pick(['Hospital', 'Medical Center', 'Regional'], dice('hospital', n), 8), ' ', n) END AS name,
    ['America/New_York', 'America/New_York', 'America/Chicago', 'America/Denver', 'America/Phoenix', 'America/Los_Angeles'][CASE WHEN n = 0 THEN 1 ELSE 1 + (n - 1) % 6 END] AS zone,
    CASE WHEN n = 0 THEN 'warehouse' ELSE ['inventory', 'stockroom', 'parlevel'][1 + (n - 1) % 3] END AS dialect,
    CASE WHEN n = 0 THEN 'warehouse' WHEN n = 1 THEN 'north_inventory' WHEN n = 2 THEN 'south_inventory'
        ELSE printf('h%02d_inventory', n) END AS source,
    -- The day from which the cloud ERP keeps the hospital's invoices; none: not in sight.
    CAST(CASE WHEN n = 0 THEN NULL ELSE 10 + 7 * ((n - 1) % 6) END AS INTEGER) AS cloud_day
FROM range(0, CAST(getvariable('facilities') AS INTEGER) + 1) AS t (n)
ORDER BY n;

CREATE OR REPLACE TABLE place AS
WITH room AS (
    SELECT * FROM (VALUES (1, 'MAIN', 'Main store'), (2, 'OR', 'Operating rooms'), (3, 'ED', 'Emergency'), (4, 'ICU', 'Intensive care'),
        (5, 'LAB', 'Laboratory'), (6, 'CATH', 'Catheter laboratory'), (7, 'PEDS', 'Pediatrics')) AS t (room_no, code, name)
),

zone AS (
    SELECT * FROM (VALUES (1, 'RECV', 'Receiving'), (2, 'BULK', 'Bulk'), (3, 'PICK', 'Picking')) AS t (room_no, code, name)
),

listed AS (
    SELECT -1 AS facility_no, 0 AS room_no, 'NET' AS code, 'Valley Health Network' AS name, 'network' AS type, NULL AS parent, NULL AS facility
    UNION ALL
    SELECT facility_no, 0, code, name, CASE WHEN facility_no = 0 THEN 'warehouse' ELSE 'hospital' END, 'NET', code FROM facility
    UNION ALL
    SELECT f.facility_no, r.room_no, concat(f.code, '-', r.code), concat(r.name, ', ', f.name), 'storeroom', f.code, f.code
    FROM facility AS f JOIN room AS r ON r.room_no <= 4 + bits(dice('rooms', f.facility_no), 0, 4)
    WHERE f.facility_no > 0
    UNION ALL
    SELECT f.facility_no, z.room_no, concat(f.code, '-', z.code), concat(z.name, ', ', f.name), 'storeroom', f.code, f.code
    FROM facility AS f CROSS JOIN zone AS z WHERE f.facility_no = 0
)

SELECT
    *, concat('L:', code) AS entity_id, gln13(861000, (facility_no + 1) * 50 + room_no) AS gln,
    CASE
        WHEN facility_no < 0 THEN NULL
        WHEN facility_no = 0 THEN replace(code, 'DC1-', '')
        WHEN facility_no % 3 = 1 THEN concat('L', lpad(CAST(room_no AS VARCHAR), 2, '0'))
        WHEN facility_no % 3 = 2 THEN concat(CASE WHEN room_no = 0 THEN 'SITE' ELSE 'ST' END, 10 * room_no)
        ELSE concat('par.', lower(split_part(code, '-', -1)))
    END AS local_id
FROM listed
ORDER BY facility_no, room_no;

-- What a site's systems need to know of it: where goods come in (dock) and lie (shelf), how many rooms use them.
CREATE OR REPLACE TABLE site AS
SELECT f.*, 100 + f.facility_no AS company, dock.code AS dock_code, dock.name AS dock_name, dock.gln AS dock_gln, dock.entity_id AS dock_entity, dock.local_id AS dock_id,
    shelf.entity_id AS shelf_entity, shelf.local_id AS shelf_place_id,
    (SELECT count(*) FROM place AS p WHERE p.facility_no = f.facility_no AND p.room_no > 1) AS using_rooms
FROM facility AS f
JOIN place AS dock ON dock.code = CASE WHEN f.facility_no = 0 THEN 'DC1-RECV' ELSE concat(f.code, '-MAIN') END
JOIN place AS shelf ON shelf.code = CASE WHEN f.facility_no = 0 THEN 'DC1-BULK' ELSE concat(f.code, '-MAIN') END
ORDER BY f.facility_no;
