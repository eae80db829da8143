-- Items are the base units of the catalogue; packs of them are units (item_uom.sql).
SELECT
    _source_key AS source_key,
    gtin AS item_no,
    description,
    uom AS base_uom,
    gtin,
    ndc,
    unspsc8,
    brand_owner AS mfr_name,
    mfr_part_no,
    _delivery_id,
    _source_row_no,
    _valid_from,
    _is_deleted,
    _change_seq
FROM staged.catalogue
WHERE child_gtin IS NULL
