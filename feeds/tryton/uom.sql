-- Units of measure of a Tryton database. Code: the symbol, as on every other shape of this pack.
WITH unit AS (
    -- A symbol is not unique in Tryton (two sizes of box may both be BX): then the id tells them apart.
    SELECT
        id,
        category,
        factor,
        rate,
        CASE
            WHEN count(*) OVER (PARTITION BY symbol) = 1 THEN symbol
            ELSE symbol || '/' || CAST(id AS VARCHAR)
        END AS code,
        max(_change_seq) OVER (PARTITION BY symbol) AS unit_seq
    FROM staged.product_uom
)

SELECT
    CAST(m.id AS VARCHAR) AS source_key,
    u.code AS code,
    'tryton' AS code_list,
    m.name AS description,
    CASE c.name
        WHEN 'Units' THEN 'count'
        WHEN 'Weight' THEN 'weight'
        WHEN 'Time' THEN 'time'
        WHEN 'Length' THEN 'length'
        WHEN 'Volume' THEN 'volume'
        WHEN 'Surface' THEN 'area'
    END AS class,
    m._delivery_id,
    m._source_row_no,
    m._valid_from,
    m._is_deleted AS _is_deleted,
    GREATEST(u.unit_seq, m._change_seq, c._change_seq) AS _change_seq
FROM staged.product_uom AS m
INNER JOIN unit AS u ON m.id = u.id
LEFT JOIN staged.product_uom_category AS c ON m.category = c.id
