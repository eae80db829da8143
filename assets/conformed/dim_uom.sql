-- Units of measure: one row per code of a code list. The list is part of the key, because a code alone means nothing:
-- CA is a case in X12 element 355 and a can in UN/ECE Recommendation 21. Nothing here converts a quantity.
WITH reference AS (
    -- The codes of the public lists that hospital supply uses most.
    SELECT r.code, r.code_list, r.x12_355, r.un_rec20, r.description, r.class
    FROM (
        VALUES
            ('EA', 'x12_355', 'EA', 'EA', 'Each', 'count'),
            ('BX', 'x12_355', 'BX', NULL, 'Box', 'package'),
            ('CA', 'x12_355', 'CA', NULL, 'Case', 'package'),
            ('CT', 'x12_355', 'CT', NULL, 'Carton', 'package'),
            ('PK', 'x12_355', 'PK', NULL, 'Package', 'package'),
            ('BG', 'x12_355', 'BG', NULL, 'Bag', 'package'),
            ('BO', 'x12_355', 'BO', NULL, 'Bottle', 'package'),
            ('CN', 'x12_355', 'CN', NULL, 'Can', 'package'),
            ('CS', 'x12_355', 'CS', NULL, 'Cassette', 'package'),
            ('DR', 'x12_355', 'DR', NULL, 'Drum', 'package'),
            ('JR', 'x12_355', 'JR', NULL, 'Jar', 'package'),
            ('TB', 'x12_355', 'TB', NULL, 'Tube', 'package'),
            ('TY', 'x12_355', 'TY', NULL, 'Tray', 'package'),
            ('VI', 'x12_355', 'VI', NULL, 'Vial', 'package'),
            ('AM', 'x12_355', 'AM', NULL, 'Ampoule', 'package'),
            ('RL', 'x12_355', 'RL', NULL, 'Roll', 'package'),
            ('PL', 'x12_355', 'PL', NULL, 'Pallet/unit load', 'package'),
            ('KT', 'x12_355', 'KT', 'KT', 'Kit', 'package'),
            ('ST', 'x12_355', 'ST', 'SET', 'Set', 'count'),
            ('PR', 'x12_355', 'PR', 'PR', 'Pair', 'count'),
            ('PC', 'x12_355', 'PC', 'H87', 'Piece', 'count'),
            ('UN', 'x12_355', 'UN', NULL, 'Unit', 'count'),
            ('DZ', 'x12_355', 'DZ', 'DZN', 'Dozen', 'count'),
            ('HU', 'x12_355', 'HU', 'CEN', 'Hundred', 'count'),
            ('TH', 'x12_355', 'TH', 'MIL', 'Thousand', 'count'),
            ('GS', 'x12_355', 'GS', 'GRO', 'Gross', 'count'),
            ('SH', 'x12_355', 'SH', NULL, 'Sheet', 'count'),
            ('ML', 'x12_355', 'ML', 'MLT', 'Millilitre', 'volume'),
            ('LT', 'x12_355', 'LT', 'LTR', 'Litre', 'volume'),
            ('GA', 'x12_355', 'GA', 'GLL', 'Gallon', 'volume'),
            ('QT', 'x12_355', 'QT', NULL, 'Quart', 'volume'),
            ('PT', 'x12_355', 'PT', NULL, 'Pint', 'volume'),
            ('GR', 'x12_355', 'GR', 'GRM', 'Gram', 'weight'),
            ('KG', 'x12_355', 'KG', 'KGM', 'Kilogram', 'weight'),
            ('ME', 'x12_355', 'ME', 'MGM', 'Milligram', 'weight'),
            ('LB', 'x12_355', 'LB', 'LBR', 'Pound', 'weight'),
            ('OZ', 'x12_355', 'OZ', 'ONZ', 'Ounce', 'weight'),
            ('CM', 'x12_355', 'CM', 'CMT', 'Centimetre', 'length'),
            ('MR', 'x12_355', 'MR', 'MTR', 'Metre', 'length'),
            ('IN', 'x12_355', 'IN', 'INH', 'Inch', 'length'),
            ('FT', 'x12_355', 'FT', 'FOT', 'Foot', 'length'),
            ('YD', 'x12_355', 'YD', 'YRD', 'Yard', 'length'),
            ('EA', 'un_rec20', 'EA', 'EA', 'Each', 'count'),
            ('C62', 'un_rec20', NULL, 'C62', 'One', 'count'),
            ('H87', 'un_rec20', 'PC', 'H87', 'Piece', 'count'),
            ('PR', 'un_rec20', 'PR', 'PR', 'Pair', 'count'),
            ('DZN', 'un_rec20', 'DZ', 'DZN', 'Dozen', 'count'),
            ('CEN', 'un_rec20', 'HU', 'CEN', 'Hundred', 'count'),
            ('MIL', 'un_rec20', 'TH', 'MIL', 'Thousand', 'count'),
            ('GRO', 'un_rec20', 'GS', 'GRO', 'Gross', 'count'),
            ('SET', 'un_rec20', 'ST', 'SET', 'Set', 'count'),
            ('KT', 'un_rec20', 'KT', 'KT', 'Kit', 'package'),
            ('MLT', 'un_rec20', 'ML', 'MLT', 'Millilitre', 'volume'),
            ('LTR', 'un_rec20', 'LT', 'LTR', 'Litre', 'volume'),
            ('GLL', 'un_rec20', 'GA', 'GLL', 'Gallon (US)', 'volume'),
            ('GRM', 'un_rec20', 'GR', 'GRM', 'Gram', 'weight'),
            ('KGM', 'un_rec20', 'KG', 'KGM', 'Kilogram', 'weight'),
            ('MGM', 'un_rec20', 'ME', 'MGM', 'Milligram', 'weight'),
            ('LBR', 'un_rec20', 'LB', 'LBR', 'Pound', 'weight'),
            ('ONZ', 'un_rec20', 'OZ', 'ONZ', 'Ounce (avoirdupois)', 'weight'),
            ('CMT', 'un_rec20', 'CM', 'CMT', 'Centimetre', 'length'),
            ('MTR', 'un_rec20', 'MR', 'MTR', 'Metre', 'length'),
            ('INH', 'un_rec20', 'IN', 'INH', 'Inch', 'length'),
            ('FOT', 'un_rec20', 'FT', 'FOT', 'Foot', 'length'),
            ('YRD', 'un_rec20', 'YD', 'YRD', 'Yard', 'length'),
            ('BX', 'un_rec21', NULL, 'BX', 'Box', 'package'),
            ('CT', 'un_rec21', NULL, 'CT', 'Carton', 'package'),
            ('CS', 'un_rec21', NULL, 'CS', 'Case', 'package'),
            ('CA', 'un_rec21', NULL, 'CA', 'Can, rectangular', 'package'),
            ('CN', 'un_rec21', NULL, 'CN', 'Container, not otherwise specified as transport equipment', 'package'),
            ('PK', 'un_rec21', NULL, 'PK', 'Package', 'package'),
            ('BG', 'un_rec21', NULL, 'BG', 'Bag', 'package'),
            ('DR', 'un_rec21', NULL, 'DR', 'Drum', 'package'),
            ('JR', 'un_rec21', NULL, 'JR', 'Jar', 'package'),
            ('TU', 'un_rec21', NULL, 'TU', 'Tube', 'package'),
            ('TB', 'un_rec21', NULL, 'TB', 'Tub', 'package'),
            ('VI', 'un_rec21', NULL, 'VI', 'Vial', 'package'),
            ('RO', 'un_rec21', NULL, 'RO', 'Roll', 'package'),
            ('PX', 'un_rec21', NULL, 'PX', 'Pallet', 'package')
    ) AS r (code, code_list, x12_355, un_rec20, description, class)
),

stated AS (
    -- A list of a source's own is that source's: two installations of one product may differ.
    SELECT
        code,
        CASE
            WHEN code_list IN ('x12_355', 'un_rec20', 'un_rec21', 'va_unit_of_issue') THEN code_list
            ELSE source_system
        END AS code_list,
        x12_355,
        un_rec20,
        description,
        class,
        coalesce(_is_deleted, FALSE) AS _is_deleted,
        source_system,
        source_key,
        _delivery_id,
        _source_row_no
    FROM intake.uom
),

together AS (
    SELECT
        code,
        code_list,
        x12_355,
        un_rec20,
        description,
        class,
        FALSE AS is_deleted_at_source,
        'concord' AS _source_system,
        code_list || '|' || code AS _source_key,
        CAST(NULL AS VARCHAR) AS _delivery_id,
        CAST(NULL AS BIGINT) AS _source_row_no,
        0 AS seniority
    FROM reference
    UNION ALL
    SELECT
        code,
        code_list,
        x12_355,
        un_rec20,
        description,
        class,
        _is_deleted AS is_deleted_at_source,
        source_system AS _source_system,
        source_key AS _source_key,
        _delivery_id,
        _source_row_no,
        1 AS seniority
    FROM stated
),

ranked AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY code, code_list
            ORDER BY seniority, is_deleted_at_source, _source_system, _source_key
        ) AS place
    FROM together
)

SELECT
    code,
    code_list,
    x12_355,
    un_rec20,
    description,
    class,
    is_deleted_at_source,
    _source_system,
    _source_key,
    _delivery_id,
    _source_row_no,
    md5(
        concat_ws(
            '|',
            code,
            code_list,
            coalesce(x12_355, ''),
            coalesce(un_rec20, ''),
            coalesce(description, ''),
            coalesce(class, '')
        )
    ) AS _row_hash
FROM ranked
WHERE place = 1
