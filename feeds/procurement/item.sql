-- Catalogue items, with the part number under which their supplier sells them: partners' documents name that one.
SELECT
    _source_key AS source_key,
    catalogue_id AS item_no,
    description,
    gtin,
    network_item_no,
    CASE WHEN supplier_part_no IS NOT NULL THEN supplier_id || '|' || supplier_part_no END AS supplier_part,
    _delivery_id,
    _source_row_no,
    _valid_from,
    _is_deleted,
    _change_seq
FROM staged.catalogue
